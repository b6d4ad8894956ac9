"""Discriminators: one of single pictures, which also learns to redraw the real ones, and one of whole clips.

`ImageDiscriminator`
    Inputs:  pictures, (N, 3, size, size) float in [-1, 1], RGB.
    Outputs: scores, (N, 5, 5) float, high for real; with `redraw` also the whole picture and one random quarter of it,
             as decoded from the features, at no more than 128 x 128 each.
    Stages:  convolution with stride 2; blocks that halve the sides down to 8 x 8 (`DownBlock`), where each weights the
             channels of the third one after it (2 -> 16, 4 -> 32, 8 -> 64 times smaller); 1 x 1 and 4 x 4 convolutions
             to 5 x 5 scores. Two decoders of up to four doublings, from 8 x 8 each: of the last features, and of a
             quarter of the second-last.

    Liu et al., FastGAN (arXiv 2101.04775), section 3.2 and figure 4: redrawing makes the discriminator use all of the
    picture, so that it overfits later. Where ours differs: one input size instead of two; the first convolution halves
    the sides at every size; spectral norm is optional; and reconstructions are compared by L1
    (core/training/losses/adversarial.py), where the authors use LPIPS.

`SequenceDiscriminator`
    Inputs:  clips, (N, length, 3, size, size) float in [-1, 1], RGB, in the order in which they play.
    Outputs: scores, (N, 5, 5) float, high for real.
    Stages:  convolution of 3 frames x 4 x 4 pixels that halves the sides; more of these down to 8 x 8, each with batch
             norm, which also halve the number of frames while it is above two; a convolution over all remaining frames
             and 4 x 4 cells to 5 x 5 scores.

    Convolutions in space and time as in Vondrick et al., "Generating Videos with Scene Dynamics" (arXiv 1609.02612),
    section 3.2. Where ours differs: an odd kernel over the frames, so that any number of them works; the first layer
    keeps the number of frames, as motion in cartoons is between single drawings; a map of scores; and spectral norm.
"""

from dataclasses import dataclass
from itertools import pairwise
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate

from .blocks import BatchNorm2d, BatchNorm3d, DownBlock, SkipExcitation, UpBlock, convolution, volume_convolution
from .settings import check_settings
from .sle import SIZES, WIDTHS, channels_at

_LAST = 8  # side of the last features
_REDRAWN = 128  # largest side that is redrawn
_FRAMES_LEFT = 2  # number of frames that is not halved any more
_MOST_FRAMES = 1 << 16  # in a clip
_REACH = 3  # blocks that an excitation spans


@dataclass(frozen=True)
class ImageDiscriminatorConfig:
    """The shape of an `ImageDiscriminator`."""

    size: int = 256
    """Side of the pictures: one of SIZES."""
    width: int = 64
    """Channels at 128 pixels; those of other sizes are multiples."""
    spectral_norm: bool = True
    """Spectral norm on every convolution but the decoders'."""

    def __post_init__(self) -> None:
        """Checks the values.

        Raises:
            ValueError: a value is out of its range.
        """
        check_settings(self, "discriminator", size=SIZES, width=WIDTHS)


class Redrawn(NamedTuple):
    """Reconstructions of a batch, and their targets."""

    whole: Tensor
    """(N, 3, S, S): the picture at the smaller of its size and 128."""
    whole_target: Tensor
    """The same shape."""
    part: Tensor
    """(N, 3, Q, Q): one quarter of the picture, at the smaller of half its size and 128."""
    part_target: Tensor
    """The same shape."""


class ImageDiscriminator(nn.Module):
    """Scores pictures; see the module's docstring."""

    def __init__(self, config: ImageDiscriminatorConfig) -> None:
        super().__init__()
        self.config = config
        spectral = config.spectral_norm
        sides = [config.size >> rung for rung in range(1, (config.size // _LAST).bit_length())]  # size/2 … 8
        channels = [channels_at(side, config.width) for side in sides]
        self.enter = nn.Sequential(convolution(3, channels[0], 4, 2, 1, spectral=spectral), nn.LeakyReLU(0.2))
        self.rungs = nn.ModuleList(DownBlock(high, low, spectral=spectral) for high, low in pairwise(channels))
        self.excitations = nn.ModuleList(
            SkipExcitation(high, low, spectral=spectral) for high, low in zip(channels, channels[_REACH:], strict=False)
        )
        self.judge = nn.Sequential(
            convolution(channels[-1], channels[-1], 1, spectral=spectral),
            BatchNorm2d(channels[-1]),
            nn.LeakyReLU(0.2),
            convolution(channels[-1], 1, 4, padding=0, spectral=spectral),
        )
        self.decode_whole = _decoder(channels[-1], config.width, min(config.size, _REDRAWN))
        self.decode_part = _decoder(channels[-2], config.width, min(config.size // 2, _REDRAWN))

    def forward(self, pictures: Tensor, place: Tensor | None = None) -> Any:
        """Scores pictures, and redraws them if `place` is given.

        Args:
            pictures: (N, 3, size, size) in [-1, 1].
            place: (2,) integers, 0 or 1: row and column of the quarter to redraw. None: nothing is redrawn.

        Returns:
            The scores (N, 5, 5); with `place`, the scores and a `Redrawn`.
        """
        features = self._features(pictures)
        scores = self._judge(features[-1])
        if place is None:
            return scores
        whole = self.decode_whole(features[-1])  # (N, 3, S, S)
        part = self.decode_part(_quarter(features[-2], place))  # (N, C, 8, 8) to (N, 3, Q, Q)
        targets = _shrink(pictures, whole.shape[-1]), _shrink(_quarter(pictures, place), part.shape[-1])
        return scores, Redrawn(whole, targets[0], part, targets[1])

    def redraw(self, pictures: Tensor) -> tuple[Tensor, Redrawn]:
        """Scores pictures (N, 3, size, size), and redraws them and a random quarter of them from the features."""
        # calls the module, so that a compiled network runs compiled here too
        place = torch.randint(2, (2,)).to(pictures.device, non_blocking=True)
        found: tuple[Tensor, Redrawn] = self(pictures, place)
        return found

    def _judge(self, last: Tensor) -> Tensor:
        scores: Tensor = self.judge(last)  # (N, 1, 5, 5)
        return scores[:, 0]  # (N, 5, 5)

    def _features(self, pictures: Tensor) -> list[Tensor]:
        """The features after each block, from size/2 down to 8 x 8."""
        seen: list[Tensor] = [self.enter(pictures)]  # (N, C, size/2, size/2)
        for number, rung in enumerate(self.rungs, 1):
            features = rung(seen[-1])  # (N, C', half the sides)
            if number >= _REACH:
                features = self.excitations[number - _REACH](seen[number - _REACH], features)
            seen.append(features)
        return seen


@dataclass(frozen=True)
class SequenceDiscriminatorConfig:
    """The shape of a `SequenceDiscriminator`."""

    size: int = 256
    """Side of the pictures: one of SIZES."""
    length: int = 8
    """Frames of a clip."""
    width: int = 64
    """Channels at 128 pixels; those of other sizes are multiples."""
    spectral_norm: bool = True
    """Spectral norm on every convolution."""

    def __post_init__(self) -> None:
        """Checks the values.

        Raises:
            ValueError: a value is out of its range.
        """
        check_settings(self, "discriminator", size=SIZES, width=WIDTHS, length=range(2, _MOST_FRAMES + 1))


class SequenceDiscriminator(nn.Module):
    """Scores clips; see the module's docstring."""

    def __init__(self, config: SequenceDiscriminatorConfig) -> None:
        super().__init__()
        self.config = config
        spectral = config.spectral_norm
        sides = [config.size >> rung for rung in range(1, (config.size // _LAST).bit_length())]  # size/2 … 8
        channels = [channels_at(side, config.width) for side in sides]
        layers: list[nn.Module] = [
            volume_convolution(3, channels[0], (3, 4, 4), (1, 2, 2), 1, spectral=spectral),
            nn.LeakyReLU(0.2),
        ]
        frames = config.length
        for high, low in pairwise(channels):
            stride = 2 if frames > _FRAMES_LEFT else 1
            frames = -(-frames // stride)
            layers += [
                volume_convolution(high, low, (3, 4, 4), (stride, 2, 2), 1, spectral=spectral),
                BatchNorm3d(low),
                nn.LeakyReLU(0.2),
            ]
        layers.append(volume_convolution(channels[-1], 1, (frames, 4, 4), 1, 0, spectral=spectral))
        self.layers = nn.Sequential(*layers)

    def forward(self, clips: Tensor) -> Tensor:
        """Scores clips (N, length, 3, size, size): (N, 5, 5)."""
        if clips.device.type == "cpu":
            clips = clips.float()
        # In bfloat16, 3D convolutions on a CPU have wrong or NaN gradients of the weights: seen with PyTorch 2.14 for
        # kernels of 3 x 4 x 4 and strides of 1 x 2 x 2 over 2 x 8 x 8 cells.
        with torch.autocast("cpu", enabled=False):
            scores: Tensor = self.layers(clips.transpose(1, 2))  # (N, 3, T, S, S) to (N, 1, 1, 5, 5)
        return scores[:, 0, 0]  # (N, 5, 5)


def _decoder(fan_in: int, width: int, side: int) -> nn.Module:
    """Makes a decoder from 8 x 8 features to pictures of 16 to 128 pixels: doublings, a convolution and tanh."""
    doublings = (side // _LAST).bit_length() - 1
    channels = [fan_in, *(max(4, int(share * width)) for share in (2, 1, 0.5, 0.25)[:doublings])]
    blocks = [UpBlock(low, high, twice=False, noise=False) for low, high in pairwise(channels)]
    return nn.Sequential(*blocks, convolution(channels[-1], 3), nn.Tanh())


def _quarter(pictures: Tensor, place: Tensor) -> Tensor:
    """Cuts a quarter out of square maps: (N, C, S, S) to (N, C, S/2, S/2); `place` (2,): its row and column, 0 or 1.

    `place` is a tensor, so that there is no wait for a GPU and a compiled network serves all four quarters.
    """
    half = pictures.shape[-1] // 2
    rows, columns = place[:, None] * half + torch.arange(half, device=place.device)  # (half,) each
    return pictures.index_select(2, rows).index_select(3, columns)


def _shrink(pictures: Tensor, side: int) -> Tensor:
    """Reduces square pictures by averaging: to (N, C, side, side)."""
    return pictures if pictures.shape[-1] == side else interpolate(pictures, (side, side), mode="area")
