"""Config and layers of the motion network: encoder, refinement round, and the network that runs for each drawn frame.

Attributes of modules, such as `look`, `think` and `tell`, are part of the weights' names in checkpoints, and so must
not be renamed.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import gelu, interpolate, leaky_relu, pixel_unshuffle, scaled_dot_product_attention

from .settings import check_settings
from .warping import pixel_grid

_MOST_ROUNDS = 64  # limit of rounds and layers, so that a damaged header cannot keep a machine busy for days


@dataclass(frozen=True)
class MotionConfig:
    """The shape of a `MotionNetwork`."""

    width: int = 64
    """Channels at 1/4 of the working size; half as many at 1/2, twice as many at 1/8 and 1/16."""
    layers: int = 3
    """Layers of attention, each within the frames and then across them."""
    heads: int = 4
    """Heads of the attention."""
    coarse_rounds: int = 2
    """Rounds of refinement at 1/8."""
    fine_rounds: int = 2
    """Rounds of refinement at 1/4."""
    drawing: int = 32
    """Channels of the network that runs for each drawn frame."""
    guided: bool = False
    """Whether the network starts from a given motion, found by a classical search, instead of its own global matching;
    then it has no attention either."""

    def __post_init__(self) -> None:
        """Checks the values.

        Raises:
            ValueError: a value is out of its range.
        """
        rounds = range(1, _MOST_ROUNDS + 1)
        check_settings(
            self,
            "motion network",
            width=range(4, 513, 4),
            layers=rounds,
            heads=range(1, 257),
            coarse_rounds=rounds,
            fine_rounds=rounds,
            drawing=range(1, 513),
        )
        if 2 * self.width % (4 * self.heads):
            raise ValueError(f"{self.heads} heads do not share {2 * self.width} channels in fours")


def convolve(fan_in: int, fan_out: int, stride: int = 1, side: int = 3) -> nn.Conv2d:
    """Makes a convolution that keeps the size, or divides it by `stride`; He initialisation, no bias at first."""
    layer = nn.Conv2d(fan_in, fan_out, side, stride, side // 2)
    nn.init.kaiming_normal_(layer.weight, 0.1, nonlinearity="leaky_relu")
    nn.init.zeros_(layer.bias)  # type: ignore[arg-type]
    return layer


def init_at_zero(layer: nn.Conv2d) -> nn.Conv2d:
    """Sets a convolution's weights to 0."""
    nn.init.zeros_(layer.weight)
    return layer


def activate(features: Tensor) -> Tensor:
    """Leaky ReLU in place: on a CPU, allocating memory takes as long as some convolutions."""
    return leaky_relu(features, 0.1, inplace=True)


class Residual(nn.Module):
    """A residual block of two convolutions; untrained, it is an activation only."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.enter, self.leave = convolve(channels, channels), init_at_zero(convolve(channels, channels))

    def forward(self, features: Tensor) -> Tensor:
        """Maps (N, C, H, W) to the same shape."""
        changed: Tensor = self.leave(activate(self.enter(features)))
        return activate(changed.add_(features))


class Attention(nn.Module):
    """A layer of attention and a feed-forward network, both residual.

    Positions are rotary (RoFormer): half of each head's pairs of channels rotate with x, half with y, with periods of 6
    to 100 cells. So attention depends on distances only, and works for larger pictures than those in training.
    """

    def __init__(self, channels: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.ask, self.offer = nn.LayerNorm(channels), nn.LayerNorm(channels)
        self.query, self.key, self.value, self.give = (nn.Linear(channels, channels) for _ in range(4))
        self.norm = nn.LayerNorm(channels)
        self.enter, self.leave = nn.Linear(channels, 2 * channels), nn.Linear(2 * channels, channels)
        for layer in (self.give, self.leave):
            nn.init.normal_(layer.weight, 0, 0.02)

    def forward(self, tokens: Tensor, others: Tensor, angles: Tensor) -> Tensor:
        """Attention from `tokens` (N, L, C) to `others` (N, L, C); `angles`: see `rotary_angles`."""
        tokens_in, others_in = self.ask(tokens), self.offer(others)
        query, key, value = (
            layer(x).unflatten(2, (self.heads, -1)).transpose(1, 2)  # (N, heads, L, C / heads)
            for layer, x in ((self.query, tokens_in), (self.key, others_in), (self.value, others_in))
        )
        query, key = (rotate(x, angles).to(value.dtype) for x in (query, key))
        attended = scaled_dot_product_attention(query, key, value).transpose(1, 2).flatten(2)  # (N, L, C)
        tokens = tokens + self.give(attended)
        updated: Tensor = tokens + self.leave(gelu(self.enter(self.norm(tokens))))
        return updated


def rotary_angles(height: int, width: int, channels: int, device: torch.device) -> Tensor:
    """Cosines and sines of the rotation of a head's channel pairs at each cell: (2, height * width, channels / 2)."""
    each = channels // 4
    periods = torch.logspace(0, 1, each, 16.0, device=device) * 6.25  # cells for a full rotation: 6 to 100
    places = pixel_grid(height, width, device)[0].flatten(1)  # (2, L)
    angles = (places[:, :, None] * (2 * torch.pi / periods)).permute(1, 0, 2).flatten(1)  # (L, 2 each)
    return torch.stack([angles.cos(), angles.sin()])


def rotate(heads: Tensor, angles: Tensor) -> Tensor:
    """Rotates channel pairs, (N, heads, L, C), by the angles of their cells."""
    first, second = heads.float().chunk(2, 3)
    cosine, sine = angles
    return torch.cat([first * cosine - second * sine, first * sine + second * cosine], 3)


class Encoder(nn.Module):
    """The encoder: features of each frame, and then of both frames of a pair, by attention within and across them."""

    def __init__(self, config: MotionConfig) -> None:
        super().__init__()
        half, quarter, eighth = config.width // 2, config.width, 2 * config.width
        self.at_half = nn.ModuleList([convolve(12, half), Residual(half)])
        self.at_quarter = nn.ModuleList([convolve(half, quarter, 2), Residual(quarter), Residual(quarter)])
        self.at_eighth = nn.ModuleList([convolve(quarter, eighth, 2), Residual(eighth), Residual(eighth)])
        self.to_sixteenth = convolve(eighth, eighth, 2)
        self.guided = config.guided
        if config.guided:
            self.around = nn.Sequential(Residual(eighth), Residual(eighth))
        else:
            self.attention = nn.ModuleList(Attention(eighth, config.heads) for _ in range(2 * config.layers))
        self.join = nn.ModuleList([convolve(2 * eighth, eighth), Residual(eighth)])
        self.heads = config.heads

    def encode_each(self, frames: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """What depends on one frame alone.

        Args:
            frames: (N, 3, H, W).

        Returns:
            (N, width, H/4, W/4), (N, 2 width, H/8, W/8) and (N, 2 width, H/16, W/16).
        """
        features = pixel_unshuffle(frames, 2)  # (N, 12, H/2, W/2)
        features = run_blocks(self.at_half, features)
        quarter = run_blocks(self.at_quarter, features)  # (N, width, H/4, W/4)
        eighth = run_blocks(self.at_eighth, quarter)  # (N, 2 width, H/8, W/8)
        return quarter, eighth, self.to_sixteenth(eighth)

    def join_both(self, eighth: Tensor, wide: Tensor) -> Tensor:
        """What depends on both frames of a pair.

        Args:
            eighth: (2N, 2 width, H/8, W/8): N first frames, and then N last ones.
            wide: (2N, 2 width, H/16, W/16); may be changed in place.

        Returns:
            (2N, 2 width, H/8, W/8).
        """
        wide = self.around(activate(wide)) if self.guided else self._attend(wide)
        wide = interpolate(wide, eighth.shape[-2:], mode="bilinear", align_corners=False)
        return run_blocks(self.join, torch.cat([eighth, wide.to(eighth.dtype)], 1))

    def _attend(self, wide: Tensor) -> Tensor:
        """Attention from all cells of 1/16 to those of their own frame and, in every second layer, of the other."""
        size = wide.shape[-2:]
        tokens = wide.flatten(2).transpose(1, 2)  # (2N, L, 2 width)
        angles = rotary_angles(size[0], size[1], tokens.shape[2] // self.heads, wide.device)
        for number, layer in enumerate(self.attention):
            tokens = layer(tokens, swap_frames(tokens) if number % 2 else tokens, angles)
        return tokens.transpose(1, 2).reshape(-1, tokens.shape[2], size[0], size[1])


def run_blocks(layers: nn.ModuleList, features: Tensor) -> Tensor:
    """Runs a convolution, an activation, and then blocks."""
    features = activate(layers[0](features))
    for layer in list(layers)[1:]:
        features = layer(features)
    return features


class RefinementRound(nn.Module):
    """One round of refinement: predicts a change of the motion from scores around its end points."""

    def __init__(self, context: int, seen: int, hidden: int, farthest: float | None = None) -> None:
        super().__init__()
        self.farthest = farthest  # bound of the change of flow in cells; None: no bound
        self.look = convolve(seen, hidden, side=1)
        self.enter = convolve(context + 2 * hidden + 4, hidden)
        self.think = Residual(hidden)
        self.tell = init_at_zero(convolve(hidden, 3))

    def forward(
        self, context: Tensor, seen: Tensor, hidden: Tensor, flow: Tensor, visible: Tensor, trust: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Returns the new hidden state (2N, hidden, h, w), flow (2N, 2, h, w) in cells and visibility (2N, 1, h, w)."""
        known = channels_last(torch.cat([flow / 16, visible / 4, trust], 1).to(context.dtype))
        hidden = self.enter(torch.cat([context, activate(self.look(seen)), hidden, known], 1))
        hidden = self.think(activate(hidden))
        with torch.autocast(flow.device.type, enabled=False):
            predicted = self.tell(hidden.float())  # (2N, 3, h, w)
            change = predicted[:, :2]
            if self.farthest is not None:
                change = self.farthest * torch.tanh(change / self.farthest)
        return hidden, flow + change, visible + predicted[:, 2:]


class Painter(nn.Module):
    """Corrects where a frame at t is sampled, and predicts which key frame to take, from both warped key frames."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.enter = convolve(2 * (channels + 3 + 5), channels)
        self.think = nn.Sequential(Residual(channels), Residual(channels))
        self.tell = init_at_zero(convolve(channels, 3))
        self.outline = init_at_zero(convolve(channels, 36, side=1))

    def forward(self, seen: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Maps (2N, 2 * (channels + 8), h, w) to a correction of the shift, a claim and an upsampling mask, float32."""
        features = self.think(activate(self.enter(seen)))
        with torch.autocast(features.device.type, enabled=False):
            predicted = self.tell(features.float())
            return predicted[:, :2], predicted[:, 2:], self.outline(features.float())


def channels_last(features: Tensor) -> Tensor:
    """Converts (N, C, H, W) to channels-last memory: convolutions are twice as fast, on a CPU and on tensor cores."""
    return features.contiguous(memory_format=torch.channels_last)


def swap_frames(both: Tensor) -> Tensor:
    """Exchanges the two halves of a batch: the values of the other direction, or of the other frame."""
    return both.roll(len(both) // 2, 0)
