"""Layers that several networks share: skip-layer excitation, up- and down-sampling and residual blocks, noise, slerp.

The blocks follow Liu et al., "Towards Faster and Stabilized GAN Training for High-fidelity Few-shot Image Synthesis"
(FastGAN, arXiv 2101.04775), sections 3.1 and 3.2 and their figures 3 and 4. Each docstring says where ours differs.
"""

import torch
from torch import Tensor, nn
from torch.nn.functional import adaptive_avg_pool2d, batch_norm, interpolate, normalize
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.utils.parametrizations import spectral_norm

DEVIATION = 0.02
"""Standard deviation of a convolution's initial weights."""


def convolution(
    fan_in: int, fan_out: int, side: int = 3, stride: int = 1, padding: int | None = None, *, spectral: bool = False
) -> nn.Module:
    """Makes a convolution without bias, with spectral norm (Miyato et al., arXiv 1802.05957) if wanted.

    Its weights are drawn from N(0, 0.02²), as in DCGAN (Radford et al., arXiv 1511.06434, section 4).

    Args:
        fan_in: input channels.
        fan_out: output channels.
        side: side of the kernel in pixels.
        stride: 2 halves the sides.
        padding: None: keeps the size for an odd kernel and stride 1.
        spectral: whether the weight is divided by its largest singular value.
    """
    layer = nn.Conv2d(fan_in, fan_out, side, stride, side // 2 if padding is None else padding, bias=False)
    nn.init.normal_(layer.weight, 0.0, DEVIATION)
    return _normalise(layer) if spectral else layer


def _normalise(layer: nn.Module) -> nn.Module:
    """Adds spectral norm to a layer, without using random numbers that later layers would get."""
    with torch.random.fork_rng(devices=[]):  # spectral norm draws its first vectors
        return spectral_norm(layer)


def volume_convolution(
    fan_in: int,
    fan_out: int,
    side: tuple[int, int, int],
    stride: int | tuple[int, int, int],
    padding: int,
    *,
    spectral: bool = False,
) -> nn.Module:
    """Makes a convolution over frames and pixels; sides and strides are (frames, rows, columns)."""
    layer = nn.Conv3d(fan_in, fan_out, side, stride, padding, bias=False)
    nn.init.normal_(layer.weight, 0.0, DEVIATION)
    return _normalise(layer) if spectral else layer


class _StatisticsApart(_BatchNorm):
    """Batch normalisation that can be compiled in a network that runs twice before a backward pass, as in a GAN.

    When compiled, PyTorch's keeps its running statistics for the backward pass, although that does not need them. The
    second forward pass changes them in place, and the backward pass fails as a tensor "has been modified by an inplace
    operation". So this one, when compiled, normalises without running statistics and updates them separately;
    otherwise it is PyTorch's.
    """

    def forward(self, features: Tensor) -> Tensor:
        """Normalises (N, C, ...) by channel; keeps the shape."""
        if not (self.training and torch.compiler.is_compiling()):
            return super().forward(features)
        assert self.running_mean is not None and self.running_var is not None and self.num_batches_tracked is not None
        with torch.no_grad():
            around = [dim for dim in range(features.dim()) if dim != 1]
            variance, mean = torch.var_mean(features.float(), around)  # (C,) each
            self.num_batches_tracked.add_(1)
            share = 1 / self.num_batches_tracked.float() if self.momentum is None else self.momentum
            self.running_mean.copy_(self.running_mean + share * (mean - self.running_mean))
            self.running_var.copy_(self.running_var + share * (variance - self.running_var))
        return batch_norm(features, None, None, self.weight, self.bias, True, 0.0, self.eps)


BN_INITS = {"ones": (1.0, 0.0), "dcgan": (1.0, DEVIATION), "notebook": (0.0, DEVIATION)}
"""Initial weights of batch norms: mean and standard deviation of a normal distribution.

"ones" is PyTorch's, "dcgan" that of the DCGAN authors' code (Radford et al., arXiv 1511.06434), and "notebook" that of
the first experiments, which drew the weights of convolutions and batch norms from one distribution, so that such a
layer's output is nearly 0 at first.
"""


def init_batch_norms(network: nn.Module, how: str) -> None:
    """Initialises the weights of all batch norms of a network.

    Args:
        network: changed in place; the biases of batch norms stay.
        how: one of BN_INITS; "ones" draws no random numbers.
    """
    mean, deviation = BN_INITS[how]
    for module in network.modules():
        if isinstance(module, _BatchNorm) and deviation:
            nn.init.normal_(module.weight, mean, deviation)


class BatchNorm2d(_StatisticsApart, nn.BatchNorm2d):
    """Batch normalisation of pictures' features."""


class BatchNorm3d(_StatisticsApart, nn.BatchNorm3d):
    """Batch normalisation of clips' features."""


class SkipExcitation(nn.Module):
    """Skip-layer excitation: coarse features weight the channels of fine ones; FastGAN, section 3.1, equation 1.

    Pool to 4 x 4, convolution 4 x 4 without padding, Swish (as in the authors' code; the paper has LeakyReLU),
    convolution 1 x 1, sigmoid; both convolutions without bias.

    Args:
        coarse: channels of the coarse features.
        fine: channels of the fine features.
        spectral: whether both convolutions have spectral norm, as in the authors' code.
    """

    def __init__(self, coarse: int, fine: int, *, spectral: bool = True) -> None:
        super().__init__()
        self.weigh = nn.Sequential(
            convolution(coarse, fine, 4, padding=0, spectral=spectral),
            nn.SiLU(),
            convolution(fine, fine, 1, spectral=spectral),
            nn.Sigmoid(),
        )

    def forward(self, coarse: Tensor, fine: Tensor) -> Tensor:
        """Weights the channels of `fine` (N, fine, H, W) by `coarse` (N, coarse, h, w); keeps the shape of `fine`."""
        pooled = adaptive_avg_pool2d(coarse, 4)  # (N, coarse, 4, 4)
        weights: Tensor = self.weigh(pooled)  # (N, fine, 1, 1)
        return fine * weights


class Noise(nn.Module):
    """Adds noise of learnt strength, initially 0, the same to all channels; FastGAN, section 3.1.

    Only in training: a trained network draws the same picture for the same latent.
    """

    def __init__(self) -> None:
        super().__init__()
        self.strength = nn.Parameter(torch.zeros(1))

    def forward(self, features: Tensor) -> Tensor:
        """Adds noise to (N, C, H, W)."""
        if not self.training:
            return features
        count, _, height, width = features.shape
        noise = torch.randn(count, 1, height, width, device=features.device, dtype=features.dtype)
        return features + self.strength * noise


class UpBlock(nn.Module):
    """Doubles the sides: nearest neighbour, convolution, batch normalisation, gated linear unit; FastGAN, figure 3.

    Args:
        fan_in: input channels.
        fan_out: output channels.
        twice: whether a second convolution follows, and both get noise, as in every other stage.
        noise: whether noise is added at all; not in in-betweens, where it would flicker.
    """

    def __init__(self, fan_in: int, fan_out: int, *, twice: bool, noise: bool) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for channels in (fan_in, fan_out) if twice else (fan_in,):
            layers.append(convolution(channels, 2 * fan_out))
            if twice and noise:
                layers.append(Noise())
            layers += [BatchNorm2d(2 * fan_out), nn.GLU(dim=1)]
        self.layers = nn.Sequential(*layers)

    def forward(self, features: Tensor) -> Tensor:
        """(N, fan_in, H, W) to (N, fan_out, 2H, 2W)."""
        larger = interpolate(features, scale_factor=2.0, mode="nearest")  # (N, fan_in, 2H, 2W)
        drawn: Tensor = self.layers(larger)  # (N, fan_out, 2H, 2W)
        return drawn


class DownBlock(nn.Module):
    """Halves the sides by two convolutions, and by pooling and a 1 x 1, and averages both; FastGAN, figure 4.

    Args:
        fan_in: input channels.
        fan_out: output channels.
        spectral: spectral norm besides batch normalisation, as in the authors' code. Without batch normalisation,
            each convolution of norm 1 shrinks its input, and scores at 256 pixels were 1e-6.
    """

    def __init__(self, fan_in: int, fan_out: int, *, spectral: bool) -> None:
        super().__init__()
        self.deep = nn.Sequential(
            *_normalised(fan_in, fan_out, 4, 2, spectral=spectral),
            *_normalised(fan_out, fan_out, 3, 1, spectral=spectral),
        )
        self.plain = nn.Sequential(nn.AvgPool2d(2), *_normalised(fan_in, fan_out, 1, 1, spectral=spectral))

    def forward(self, features: Tensor) -> Tensor:
        """(N, fan_in, H, W) to (N, fan_out, H/2, W/2)."""
        summed: Tensor = self.deep(features) + self.plain(features)  # (N, fan_out, H/2, W/2)
        return summed / 2


def _normalised(fan_in: int, fan_out: int, side: int, stride: int, *, spectral: bool) -> list[nn.Module]:
    layer = convolution(fan_in, fan_out, side, stride, (side - 1) // 2, spectral=spectral)
    return [layer, BatchNorm2d(fan_out), nn.LeakyReLU(0.2)]


class ResidualBlock(nn.Module):
    """A residual block of two convolutions, without normalisation.

    Lim et al., "Enhanced Deep Residual Networks for Single Image Super-Resolution" (arXiv 1707.02921), section 3.1.

    Args:
        channels: input and output channels.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(channels, channels, 3, padding=1),
            nn.LeakyReLU(0.2),
            nn.Conv2d(channels, channels, 3, padding=1),
        )

    def forward(self, features: Tensor) -> Tensor:
        """Keeps the shape (N, C, H, W)."""
        changed: Tensor = features + self.layers(features)
        return changed


def slerp(first: Tensor, last: Tensor, times: Tensor) -> Tensor:
    """Interpolates along the great circle between two latents, each taken as one long vector.

    Shoemake, "Animating Rotation with Quaternion Curves" (SIGGRAPH 1985), section 3.3: w0 = sin((1-t)a) / sin(a) and
    w1 = sin(ta) / sin(a), where a is the angle. Different lengths are interpolated too. For very small angles the
    weights are linear, the limit of the formula. At t of 0 and 1 the result is the ends themselves.

    Args:
        first: (N, ...) float.
        last: the same shape.
        times: (T,) float in [0, 1].

    Returns:
        (N, T, ...) float, in the type of `first`.
    """
    count, shape = first.shape[0], first.shape[1:]
    start, end = (
        first.float().reshape(count, -1),
        last.float().reshape(count, -1),
    )  # (N, D): half floats lose the angle
    cosine = (normalize(start) * normalize(end)).sum(1).clamp(-1, 1)  # (N,)
    angle = torch.acos(cosine)[:, None]  # (N, 1)
    t = times.to(start)[None]  # (1, T)
    sine = torch.sin(angle)
    straight = sine < 1e-4
    safe = torch.where(straight, torch.ones_like(sine), sine)
    weight_first = torch.where(straight, 1 - t, torch.sin((1 - t) * angle) / safe)  # (N, T)
    weight_last = torch.where(straight, t, torch.sin(t * angle) / safe)  # (N, T)
    between = weight_first[..., None] * start[:, None] + weight_last[..., None] * end[:, None]  # (N, T, D)
    return between.reshape(count, times.shape[0], *shape).to(first.dtype)
