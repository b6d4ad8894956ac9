"""Training batches composed on the device from layers of cartoons, which are drawn once.

The CPU draws a stock of layers: empty places, and characters and things that are cut out, each at three moments with
their exact motion, such as of limbs and cameras. The stock is kept on the device. A batch composites some cut-outs over
a place, moves, rotates, scales and recolours each layer as a whole, and computes flow, visibility and observability. So
one stock gives any number of samples, as fast as the device can sample pixels. AutoFI (arXiv 2206.12657) makes triplets
of a background and masked layers under linear motion; here layers also have motion of their own.

The flow of a layer is taken from its nearest pixel, so it is exact up to the change of flow within half a pixel.
"""

from collections.abc import Callable
from dataclasses import dataclass
from math import log

import numpy as np
import torch
import torch.nn.functional as functional
from torch import Tensor
from torch.utils.data import DataLoader

from ..cartoon.composition import compose
from ..cartoon.motion import STILL, find_distinct, follow
from ..cartoon.raster import cut_out
from ..cartoon.samples import choose_gap
from .batches import CartoonBatch, start_worker

CANVAS = 1.5
"""Side of a layer relative to the picture's: a layer moves, and its edges must not enter the picture."""
TIMES = (0.125, 0.25, 0.375, 0.5, 0.625, 0.75, 0.875)
"""Values of t; all layers of a sample are drawn for the same one."""
CUTOUTS = 3
"""Largest number of cut-outs in a sample."""


@dataclass(frozen=True)
class Layers:
    """Layers of one kind: N of them for each of `TIMES`, in that order."""

    colours: Tensor
    """(7 N, 3, 4, C, C) uint8, RGBA premultiplied: at 0, t and 1."""
    flow: Tensor
    """(7 N, 2, 2, C, C) float16 in pixels, (dx, dy): at 0 on the way to 1, and at 1 on the way to 0."""
    masks: Tensor
    """(7 N, 2, 3, C, C) uint8, 0 or 1: visible, known and distinct (see `cartoon.motion`), at 0 and at 1."""


@dataclass
class _Drawn:
    """A map-style dataset of layers by number."""

    kind: str
    seed: int
    side: int

    def __getitem__(self, number: int) -> tuple[Tensor, Tensor, Tensor]:
        """Draws a layer; its t is TIMES[number % 7]."""
        rng = np.random.default_rng([self.seed, number, *self.kind.encode()])
        scene = compose(self.kind, int(rng.integers(2**31)))
        gap = choose_gap(rng)
        start = float(rng.uniform(0, scene.length - gap))
        times = (start, start + gap * TIMES[number % len(TIMES)], start + gap)
        cels = [scene.cel(time, self.side, self.side) for time in times]
        cuts = [cut_out(scene.drawing, cel, scene.style) for cel in cels]
        motions = follow(cels[0], cels[2]), follow(cels[2], cels[0])
        masks = []
        for motion, cel, cut in ((motions[0], cels[0], cuts[0]), (motions[1], cels[2], cuts[2])):
            # on grey, which is neither ink nor light
            picture = np.clip(cut[..., :3] + (128 - cut[..., 3:] / 2), 0, 255).astype(np.uint8)
            distinct = find_distinct(scene.drawing, cel, picture)
            masks.append(np.stack([motion.visible, motion.known, distinct]).astype(np.uint8))
        flow = np.stack([motion.flow.transpose(2, 0, 1) for motion in motions])
        return (
            torch.from_numpy(np.stack(cuts).transpose(0, 3, 1, 2).copy()),
            torch.from_numpy(flow).clamp(-60000, 60000).half(),
            torch.from_numpy(np.stack(masks)),
        )


def draw_layers(
    kind: str, seed: int, size: int, count: int, *, workers: int = 0, on_layer: Callable[[int, int], None] | None = None
) -> Layers:
    """Draws layers.

    Args:
        kind: "backdrop" or "cutout".
        seed: the same seed gives the same layers, on any number of workers.
        size: height and width of the pictures in pixels.
        count: number of layers for each of `TIMES`.
        workers: processes that draw; 0: this one.
        on_layer: called with the number of layers drawn, and the number in all.
    """
    side, total = round(size * CANVAS), count * len(TIMES)
    loader: DataLoader[tuple[Tensor, Tensor, Tensor]] = DataLoader(
        _Drawn(kind, seed, side),  # type: ignore[arg-type]
        batch_size=None,
        sampler=range(total),
        num_workers=workers,
        worker_init_fn=start_worker if workers else None,
    )
    layers = Layers(
        torch.empty((total, 3, 4, side, side), dtype=torch.uint8),
        torch.empty((total, 2, 2, side, side), dtype=torch.float16),
        torch.empty((total, 2, 3, side, side), dtype=torch.uint8),
    )
    for number, (colours, flow, masks) in enumerate(loader):
        place = number % len(TIMES) * count + number // len(TIMES)
        layers.colours[place], layers.flow[place], layers.masks[place] = colours, flow, masks
        if on_layer is not None:
            on_layer(number + 1, total)
    return layers


class Collage:
    """A stock of layers on a device, and the batches composed from it."""

    def __init__(self, backdrops: Layers, cutouts: Layers, size: int, seed: int, device: torch.device | str) -> None:
        """Moves the stock to a device.

        Args:
            backdrops: places.
            cutouts: layers to composite over them.
            size: height and width of the pictures, as the layers were drawn for.
            seed: seed of the batches.
            device: device that composes them.
        """
        self.size, self.seed, self.device = size, seed, torch.device(device)
        self.stock = [
            Layers(*(tensor.to(self.device) for tensor in (layers.colours, layers.flow, layers.masks)))
            for layers in (backdrops, cutouts)
        ]

    def draw(self, step: int, batch: int) -> CartoonBatch:
        """Composes batch number `step`, which depends on the stock, the seed, the step and the batch's size."""
        chance = torch.Generator().manual_seed((self.seed * 1_000_003 + step) % 2**63)
        time = torch.randint(len(TIMES), (batch,), generator=chance)
        t = torch.tensor(TIMES)[time]
        size = self.size
        spots = pixel_centres(size, self.device)  # (2, S S)
        frames = torch.zeros((batch, 3, 3, size, size), device=self.device)
        flow = torch.zeros((batch, 2, 2, size, size), device=self.device)
        masks = torch.zeros((batch, 2, 3, size, size), dtype=torch.bool, device=self.device)
        top = torch.zeros((batch, 2, size, size), dtype=torch.long, device=self.device)
        count = torch.randint(1, CUTOUTS + 1, (batch,), generator=chance)
        for number in range(CUTOUTS + 1):
            stock = self.stock[min(number, 1)]
            each = len(stock.colours) // len(TIMES)
            chosen = (time * each + torch.randint(each, (batch,), generator=chance)).to(self.device)
            ways = _choose_ways(batch, t, size, still=number == 0, chance=chance).to(self.device)  # (N, 3, 3, 3)
            there = (number <= count).to(self.device)
            order = choose_colours(batch, chance).to(self.device)
            spot = torch.linalg.inv(ways)[:, :, :2] @ with_ones(spots)  # (N, 3, 2, S S), on the layer
            laid = look_up_layers(stock.colours[chosen].flatten(0, 1), spot.flatten(0, 1), size, "bilinear")
            laid = laid.view(batch, 3, 4, size, size) * there.view(-1, 1, 1, 1, 1)
            alpha = laid[:, :, 3:] / 255
            recoloured = laid[:, :, :3].gather(2, order.view(batch, 1, 3, 1, 1).expand(-1, 3, -1, size, size))
            frames = frames * (1 - alpha) + recoloured
            own = torch.cat([stock.flow[chosen].float(), stock.masks[chosen].float()], 2)  # (N, 2, 5, C, C)
            ends = torch.tensor([0, 2], device=self.device)
            taken = look_up_layers(own.flatten(0, 1), spot[:, ends].flatten(0, 1), size, "nearest")
            taken = taken.view(batch, 2, 5, -1)
            there_spot = spot[:, ends] + taken[:, :, :2]  # where it goes, on the layer
            to = ways[:, ends.flip(0), :2] @ with_ones(there_spot)  # and in the other picture
            solid = alpha[:, ends, 0] > 0.5  # (N, 2, S, S)
            moved = (to - spots).view(batch, 2, 2, size, size)
            flow = torch.where(solid[:, :, None], moved, flow)
            own_masks = taken[:, :, 2:].view(batch, 2, 3, size, size) > 0.5
            masks = torch.where(solid[:, :, None], own_masks, masks)
            top = torch.where(solid, number, top)
        return hide_covered(frames, t.to(self.device), flow, masks, top, spots)


def pixel_centres(size: int, device: torch.device) -> Tensor:
    """The centres of a picture's pixels, x and y from its corner, row by row: (2, S S)."""
    line = torch.arange(size, device=device) + 0.5
    y, x = torch.meshgrid(line, line, indexing="ij")
    return torch.stack([x, y]).flatten(1)


def look_up_layers(layers: Tensor, spots: Tensor, size: int, mode: str, *, padding: str = "zeros") -> Tensor:
    """Samples layers (M, C, H, W) at positions (M, 2, S S) in their pixels: (M, C, S, S)."""
    side = layers.shape[-1]
    grid = (spots * (2 / side) - 1).transpose(1, 2).view(-1, size, size, 2)
    return functional.grid_sample(layers.float(), grid, mode=mode, padding_mode=padding, align_corners=False)


def hide_covered(frames: Tensor, t: Tensor, flow: Tensor, masks: Tensor, top: Tensor, spots: Tensor) -> CartoonBatch:
    """Makes a batch of composited layers: finds what other layers cover, and what can be observed.

    Args:
        frames: (N, 3, 3, S, S) in [0, 255].
        t: (N,).
        flow: (N, 2, 2, S, S) in pixels, of the topmost layer at 0 to 1, and of that at 1 to 0.
        masks: (N, 2, 3, S, S) bool: visible, known and distinct (see `cartoon.motion`), of each layer by itself.
        top: (N, 2, S, S): number of the topmost layer.
        spots: (2, S S): see `pixel_centres`.
    """
    batch, size = len(frames), frames.shape[-1]
    visible, known, distinct = masks.unbind(2)  # (N, 2, S, S)
    flow = flow * known[:, :, None]
    to = (flow.flatten(3) + spots).floor().long()  # (N, 2, 2, S S)
    inside = ((to >= 0) & (to < size)).all(2)
    place = to[:, :, 1].clamp(0, size - 1) * size + to[:, :, 0].clamp(0, size - 1)
    on_top = top.flip(1).flatten(2).gather(2, place)
    same = (inside & (on_top == top.flatten(2))).view(batch, 2, size, size)
    visible = visible & same
    rests = flow.abs().amax(2) < STILL
    observable = known & (distinct | rests)
    return CartoonBatch(
        frames.add_(0.5).clamp_(0, 255).to(torch.uint8),
        t,
        flow[:, 0],
        flow[:, 1],
        visible[:, :1],
        visible[:, 1:],
        observable[:, :1],
        observable[:, 1:],
    )


def with_ones(spots: Tensor) -> Tensor:
    """(..., 2, P) as (..., 3, P), to be multiplied by placements."""
    return torch.cat([spots, torch.ones_like(spots[..., :1, :])], -2)


def _choose_ways(batch: int, t: Tensor, size: int, *, still: bool, chance: torch.Generator) -> Tensor:
    """Placements of layers in the pictures at 0, t and 1, in pixels: (N, 3, 3, 3).

    Args:
        batch: number of layers.
        t: (N,).
        size: side of the pictures; that of a layer is `CANVAS` times as large.
        still: whether they are places, which rarely rotate and never leave the picture.
        chance: random numbers.
    """

    def uniform(low: float, high: float) -> Tensor:
        return torch.rand(batch, generator=chance) * (high - low) + low

    def often(part: float) -> Tensor:
        return (torch.rand(batch, generator=chance) < part).float()

    reach = uniform(log(0.002), log(0.12 if still else 0.5)).exp() * size * often(0.5 if still else 0.8)
    angle = uniform(0, 2 * torch.pi)
    grow = uniform(log(0.95 if still else 0.4), log(1.6 if still else 1.4)).exp()
    swell = uniform(-0.06, 0.06) * often(0.3)
    turn, spin = (uniform(-1, 1) * (0.02 if still else 0.4), uniform(-1, 1) * (0.01 if still else 0.25) * often(0.4))
    mirror = 1 - 2 * often(0.5)
    spare = 0.1 if still else 0.35
    middle = torch.stack([uniform(-spare, spare), uniform(-spare, spare)], 1) * size + size / 2
    move = reach[:, None] * torch.stack([angle.cos(), angle.sin()], 1)
    return build_ways(t, middle, move, (grow, swell), (turn, spin), mirror, size * CANVAS)


def build_ways(
    t: Tensor,
    middle: Tensor,
    move: Tensor,
    growth: tuple[Tensor, Tensor],
    turning: tuple[Tensor, Tensor],
    mirror: Tensor,
    side: float,
) -> Tensor:
    """Placements at 0, t and 1 of layers with uniform motion, scaling and rotation: (N, 3, 3, 3), from their pixels.

    Args:
        t: (N,).
        middle: (N, 2): position of the layer's centre at t = 1/2, in pixels.
        move: (N, 2): motion from 0 to 1, in pixels.
        growth: (N,) each: the scale at 0, and the logarithm of its change.
        turning: (N,) each: the angle at 0, and the rotation, in radians.
        mirror: (N,): -1 mirrors.
        side: side of the layers in pixels.
    """
    ways = []
    own = torch.full((2, 1), side / 2)
    for part in (torch.zeros_like(t), t, torch.ones_like(t)):
        scale, bearing = growth[0] * (growth[1] * part).exp(), turning[0] + turning[1] * part
        c, s = scale * bearing.cos(), scale * bearing.sin()
        linear = torch.stack([torch.stack([c * mirror, -s], 1), torch.stack([s * mirror, c], 1)], 1)  # (N, 2, 2)
        centre = middle + move * (part - 0.5)[:, None]
        way = torch.eye(3).repeat(len(t), 1, 1)
        way[:, :2, :2], way[:, :2, 2:] = linear, centre[:, :, None] - linear @ own
        ways.append(way)
    return torch.stack(ways, 1)


def choose_colours(batch: int, chance: torch.Generator) -> Tensor:
    """Random orders of the channels: (N, 3); half of the layers keep their colours."""
    orders = torch.tensor([[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]])
    chosen = torch.randint(len(orders), (batch,), generator=chance)
    return orders[chosen * (torch.rand(batch, generator=chance) < 0.5)]
