"""The auxiliary loss of the motion network's encoder: VGG16's features are predicted from its own.

The encoder learns from motion and pictures alone, so its features say how a cell looks, and little of what it shows.
VGG16 has learnt to recognise things. An encoder from whose features VGG16's can be predicted has to hold what
distinguishes things too, so that cells could be matched by it.

Romero et al., "FitNets: Hints for Thin Deep Nets" (ICLR 2015), section 2.2: a layer of the trained network predicts a
layer of another one through a small layer of its own, which is thrown away afterwards. Here that is a convolution of
1 x 1 at 1/4, for relu3_3, and one at 1/8, for relu4_3, where each cell covers the same pixels in both networks.

FitNets lowers the squared difference. Here it is one minus the cosine similarity, cell by cell: the direction of a
cell's features says what is seen, while their length mostly follows contrast, so that the squared difference would be
that of the strongest outlines. It also needs no other weight for each layer, as it lies in [0, 2] for both.
"""

import torch
from torch import Tensor, nn
from torch.nn.functional import cosine_similarity, interpolate

from ....models.motion import FrameFeatures, MotionConfig
from ....models.motion_layers import convolve
from ....models.vgg import VggEncoder

_PREDICTED = (15, 22)  # VGG16's relu3_3 at 1/4, with 256 channels, and relu4_3 at 1/8, with 512
_CHANNELS = (256, 512)
_SCALE = 0.03
"""Factor of the heads' initial weights. Only directions count, so a head first has to outgrow its random weights, and
large ones take long. On drawn cartoons of an unseen seed, 64 pixels, width 16, the distances at 1/4 and 1/8 after 150
steps of the encoder and heads alone were .64 and .67 with factor 1, .58 and .61 with 0.1, .54 and .60 with 0.03."""


class SemanticHeads(nn.Module):
    """Two convolutions of 1 x 1 from the encoder's features to VGG16's; they belong to the training alone."""

    def __init__(self, config: MotionConfig) -> None:
        """Makes new heads for the encoder of a network with this config."""
        super().__init__()
        self.quarter = convolve(config.width, _CHANNELS[0], side=1)
        self.eighth = convolve(2 * config.width, _CHANNELS[1], side=1)
        with torch.no_grad():
            for head in (self.quarter, self.eighth):
                head.weight.mul_(_SCALE)

    def forward(self, features: FrameFeatures) -> tuple[Tensor, Tensor]:
        """Predicts relu3_3, (N, 256, H/4, W/4), and relu4_3, (N, 512, H/8, W/8), of N frames."""
        return self.quarter(features.quarter), self.eighth(features.eighth)


class SemanticDistance:
    """The mean distance of what the heads predict from VGG16's features of the same frames, in [0, 2]."""

    def __init__(self, vgg: VggEncoder, heads: SemanticHeads) -> None:
        """Keeps both; VGG16 is no part of the heads, so that it is neither trained nor saved with them."""
        self._vgg, self._heads = vgg, heads

    def __call__(self, features: FrameFeatures) -> Tensor:
        """The distance, with gradients for the heads and the encoder.

        Args:
            features: what the encoder computed of each frame, and the frames.
        """
        frames = features.frames
        # in fp32, as VGG16's features may be too large for half precision
        with torch.no_grad(), torch.autocast(frames.device.type, enabled=False):
            wanted = self._vgg.read_layers(frames.float(), _PREDICTED)
        predicted = self._heads(features)
        both = [feature_distance(own, other) for own, other in zip(predicted, wanted, strict=True)]
        return torch.stack(both).mean()


def feature_distance(predicted: Tensor, wanted: Tensor) -> Tensor:
    """One minus the cosine similarity of features, a mean over all cells, in [0, 2].

    Args:
        predicted: (N, C, h, w).
        wanted: (N, C, h', w'); resampled if its grid is another one.
    """
    if wanted.shape[-2:] != predicted.shape[-2:]:
        wanted = interpolate(wanted, predicted.shape[-2:], mode="bilinear", antialias=True)
    return 1 - cosine_similarity(predicted.float(), wanted.float(), dim=1).mean()
