"""Moves pictures along motion: forward (splatting), backward (warping), and filling of holes.

Conventions for all motion: a flow is (N, 2, H, W) float32, (dx, dy), in pixels of its own grid; the pixel
in column x and row y has its centre at (x, y). `warp` samples at p + flow(p), `splat` moves p to p + flow(p). All
functions compute in float32, as half floats are too coarse for coordinates.
"""

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d, grid_sample, interpolate


def pixel_grid(height: int, width: int, device: torch.device) -> Tensor:
    """The coordinates of all pixels, x and y: (1, 2, H, W)."""
    y, x = torch.meshgrid(
        torch.arange(height, device=device, dtype=torch.float32),
        torch.arange(width, device=device, dtype=torch.float32),
        indexing="ij",
    )
    return torch.stack([x, y])[None]


def look_up(values: Tensor, places: Tensor, *, mode: str = "bilinear", padding: str = "border") -> Tensor:
    """Samples values at given positions.

    Args:
        values: (N, C, H, W).
        places: (N, 2, h, w) in pixels of `values`, (x, y).
        mode: "bilinear" or "bicubic".
        padding: values outside: "border" repeats the edge, "zeros" is 0.

    Returns:
        (N, C, h, w) float32.
    """
    height, width = values.shape[-2:]
    size = _send([width, height], places.device)
    grid = (places.float().permute(0, 2, 3, 1) * 2 + 1) / size - 1  # (N, h, w, 2)
    return grid_sample(values.float(), grid, mode=mode, padding_mode=padding, align_corners=False)


def warp(values: Tensor, flow: Tensor, *, mode: str = "bilinear") -> Tensor:
    """Samples values (N, C, H, W) at p + flow(p); outside, the edge is repeated. Returns (N, C, H, W) float32."""
    height, width = flow.shape[-2:]
    return look_up(values, pixel_grid(height, width, flow.device) + flow.float(), mode=mode)


def resize_flow(flow: Tensor, height: int, width: int) -> Tensor:
    """Resizes a flow and scales it to pixels of the new grid: (N, 2, h, w) to (N, 2, height, width)."""
    h, w = flow.shape[-2:]
    if (h, w) == (height, width):
        return flow.float()
    scale = _send([width / w, height / h], flow.device).view(1, 2, 1, 1)
    return interpolate(flow.float(), (height, width), mode="bilinear", align_corners=False) * scale


def _send(numbers: list[float], device: torch.device) -> Tensor:
    """Sends a few numbers to a device as float32, without waiting for a GPU."""
    return torch.tensor(numbers, dtype=torch.float32).to(device, non_blocking=device.type == "cuda")


def splat(values: Tensor, flow: Tensor, weight: Tensor) -> tuple[Tensor, Tensor]:
    """Moves values along a flow, each onto the four nearest pixels.

    Softmax splatting (Niklaus and Liu, CVPR 2020, section 3.2) is the quotient of the two sums if the weight is the
    exponential of an importance. Written with `index_add`, which every device supports.

    Args:
        values: (N, C, H, W).
        flow: (N, 2, H, W).
        weight: (N, 1, H, W), above 0.

    Returns:
        Sums of weight * value, (N, C, H, W), and of weight, (N, 1, H, W), float32; 0 where no value arrives.
    """
    count, channels, height, width = values.shape
    weight = weight.float()
    laden = torch.cat([values.float() * weight, weight], 1)  # (N, C + 1, H, W)
    places = pixel_grid(height, width, flow.device) + flow.float()
    # a margin of one pixel receives the values that fall outside
    x, y = places[:, 0].clamp(-1, width), places[:, 1].clamp(-1, height)  # (N, H, W)
    left, top = x.detach().floor(), y.detach().floor()
    right_share, low_share = x - left, y - top
    rows, columns = height + 3, width + 3
    sample = torch.arange(count, device=flow.device).view(-1, 1, 1) * (rows * columns)
    corner = sample + (top.long() + 1) * columns + left.long() + 1  # (N, H, W)
    laden = laden.permute(0, 2, 3, 1)  # (N, H, W, C + 1)
    sums = torch.zeros(count * rows * columns, channels + 1, device=flow.device)
    for step, share in (
        (0, (1 - right_share) * (1 - low_share)),
        (1, right_share * (1 - low_share)),
        (columns, (1 - right_share) * low_share),
        (columns + 1, right_share * low_share),
    ):
        sums = sums.index_add(0, (corner + step).flatten(), (laden * share[..., None]).flatten(0, 2))
    inner = sums.view(count, rows, columns, channels + 1)[:, 1 : height + 1, 1 : width + 1].permute(0, 3, 1, 2)
    return inner[:, :-1], inner[:, -1:]


def fill_holes(values: Tensor, weight: Tensor) -> Tensor:
    """Fills values of little weight from their surroundings: pull-push over a pyramid (Gortler et al., 1996, 4.2).

    Args:
        values: (N, C, H, W).
        weight: (N, 1, H, W), at least 0; about 1 for a value that is kept.

    Returns:
        (N, C, H, W) float32.
    """
    levels = [(values.float() * weight, weight.float())]
    while max(levels[-1][1].shape[-2:]) > 1:
        levels.append((_halve(levels[-1][0]), _halve(levels[-1][1])))
    sums, weights = levels[-1]
    filled = sums / weights.clamp_min(1e-8)
    for sums, weights in levels[-2::-1]:
        around = interpolate(filled, sums.shape[-2:], mode="bilinear", align_corners=False)
        filled = (sums + 1e-3 * around) / (weights + 1e-3)
    return filled


def _halve(values: Tensor) -> Tensor:
    return avg_pool2d(values, 2, ceil_mode=True, count_include_pad=False)


def upsample_convexly(values: Tensor, mask: Tensor) -> Tensor:
    """Doubles the sides; each new pixel is a weighted mean of the 3 x 3 old ones around it.

    Teed and Deng, "RAFT" (ECCV 2020), section 3.3, by 2 instead of 8.

    Args:
        values: (N, C, H, W); flows are not scaled.
        mask: (N, 36, H, W): logits of the weights, of the four new pixels one after the other.

    Returns:
        (N, C, 2H, 2W) float32.
    """
    count, _, height, width = values.shape
    weights = mask.float().view(count, 1, 4, 9, height, width).softmax(3)
    padded = torch.nn.functional.pad(values.float(), (1, 1, 1, 1), mode="replicate")
    around = torch.stack(
        [padded[..., y : y + height, x : x + width] for y in range(3) for x in range(3)], 2
    )  # (N, C, 9, H, W)
    finer = (weights * around[:, :, None]).sum(3)  # (N, C, 4, H, W)
    return torch.nn.functional.pixel_shuffle(finer.flatten(1, 2), 2)  # (N, C, 2H, 2W)
