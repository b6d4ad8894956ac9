"""Training batches composed on the device from artists' animations, which are rendered once.

The CPU renders each animation once and draws some grounds; both are kept on the device. A batch takes three
moments of one to three animations, moves, rotates, scales and recolours each, and composites them over a colour, a
gradient or a sliding ground. So artists' in-betweens come as fast as the device can sample pixels;
`sprites.samples.draw_sprite_sample` renders every sample, a few dozen a second.

The motion is known as in `sprites`: exactly for grounds and for sprites whose drawing is held, and not at all for
sprites that are animated; these train the frame between only.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import log, radians
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader

from ..cartoon.samples import GAP, draw_sample
from ..material.films import FilmFrames
from ..media.frames import resize_image, to_uint8
from ..sprites import chances
from ..sprites.renderer import SpriteError, SpriteRenderer, check_libraries
from .batches import CartoonBatch, start_worker
from .collage import CANVAS, build_ways, choose_colours, hide_covered, look_up_layers, pixel_centres, with_ones

SPANS = (3, 32)
"""Smallest and largest number of frames from one key frame to the next; the animations have 60 a second."""
MOST_SPRITES = max(chances.COUNTS)
"""Largest number of sprites in a sample; most samples have one."""
_LARGEST, _MOST_FRAMES = 256, 120  # largest side of a sprite in pixels, and number of its frames
_ROOM = 4 << 30  # bytes for sprites on a CPU
_GROUNDS = 256  # drawn grounds, and as many from films
_TRIES = 3  # random parts of an animation, of which the one with the most motion is taken
_GROUND_KINDS = 3  # a colour, a gradient, a picture


@dataclass(frozen=True)
class Stock:
    """Animations, one after the other, with their frames in order."""

    frames: Tensor
    """(F, 4, S, S) uint8, RGBA premultiplied."""
    starts: Tensor
    """(A,) int64: number of each animation's first frame."""
    counts: Tensor
    """(A,) int64: number of its frames, more than `SPANS[1]`."""


@dataclass
class _Rendered:
    """A map-style dataset of animations by number."""

    paths: Sequence[Path]
    side: int
    most: int
    renderer: SpriteRenderer | None = None
    """Each process starts its own."""

    def __getitem__(self, number: int) -> Tensor:
        """Renders an animation: (frames, 4, S, S) uint8; no frame if it cannot be rendered or is too short."""
        self.renderer = self.renderer or SpriteRenderer()
        path = self.paths[number]
        try:
            count = self.renderer.count_frames(path)
            if count <= SPANS[1]:
                return torch.empty((0, 4, self.side, self.side), dtype=torch.uint8)
            kept = range(min(count, self.most))
            frames = self.renderer.render(path, self.side, [(frame + 0.5) / count for frame in kept])
        except SpriteError:
            return torch.empty((0, 4, self.side, self.side), dtype=torch.uint8)
        return torch.from_numpy(np.ascontiguousarray(frames.transpose(0, 3, 1, 2)))


def render_stock(
    paths: Sequence[Path], side: int, device: torch.device | str, *, most: int = _MOST_FRAMES, workers: int = 0
) -> Stock:
    """Renders animations.

    Args:
        paths: animations.
        side: height and width in pixels; a frame takes 4 bytes a pixel on the device.
        device: device that keeps the frames.
        most: largest number of frames of an animation, from its beginning.
        workers: processes that render; 0: this one.

    Raises:
        SpriteError: a library is not installed, or no animation can be rendered.
    """
    check_libraries(paths)
    loader: DataLoader[Tensor] = DataLoader(
        _Rendered(paths, side, most),  # type: ignore[arg-type]
        batch_size=None,
        sampler=range(len(paths)),
        num_workers=workers,
        worker_init_fn=start_worker if workers else None,
    )
    rendered = [frames.to(device) for frames in loader if len(frames)]
    if not rendered:
        raise SpriteError(f"{paths[0]}: neither it nor any other animation can be rendered; give other sprites")
    counts = torch.tensor([len(frames) for frames in rendered])
    return Stock(torch.cat(rendered), counts.cumsum(0) - counts, counts)


@dataclass
class _Grounds:
    """A map-style dataset of grounds by number."""

    seed: int
    side: int

    def __getitem__(self, number: int) -> Tensor:
        """Draws a picture of a scene, a different one for each number: (3, C, C) uint8."""
        sample = draw_sample(self.seed, 4 * number, self.side, worn=False, longest=2 * GAP[0])
        return torch.from_numpy(np.ascontiguousarray(sample.first.transpose(2, 0, 1)))


def draw_grounds(seed: int, size: int, count: int, *, workers: int = 0) -> Tensor:
    """Draws scenes as grounds.

    Args:
        seed: the same seed gives the same grounds.
        size: side of the pictures; grounds are `CANVAS` times as large.
        count: number of grounds.
        workers: processes that draw.

    Returns:
        (count, 3, C, C) uint8.
    """
    loader: DataLoader[Tensor] = DataLoader(
        _Grounds(seed, round(size * CANVAS)),  # type: ignore[arg-type]
        batch_size=None,
        sampler=range(count),
        num_workers=workers,
        worker_init_fn=start_worker if workers else None,
    )
    return torch.stack(list(loader))


def build_stage(
    paths: Sequence[Path], films: Sequence[FilmFrames], size: int, seed: int, device: torch.device, *, workers: int = 0
) -> "SpriteStage":
    """Renders sprites, draws grounds and takes others from films.

    Args:
        paths: animations.
        films: films whose frames become grounds too; may be none.
        size: side of the largest pictures.
        seed: seed of the batches and the grounds.
        device: device that keeps everything.
        workers: processes that render and draw.

    Raises:
        SpriteError: as in `render_stock`.
        InputError: a frame cannot be read.
    """
    side = min(size, _LARGEST)
    room = torch.cuda.mem_get_info(device)[0] // 4 if device.type == "cuda" else _ROOM
    most = min(_MOST_FRAMES, max(SPANS[1] + 1, room // (len(paths) * 4 * side * side)))
    stock = render_stock(paths, side, device, most=most, workers=workers)
    grounds = draw_grounds(seed, size, _GROUNDS, workers=workers)
    canvas = grounds.shape[-1]
    rng = np.random.default_rng([seed, 10])
    stills = []
    for film in (films[int(rng.integers(len(films)))] for _ in range(_GROUNDS if films else 0)):
        frame = film.frames[int(rng.integers(len(film)))]  # (H, W, 3)
        square = min(frame.shape[:2])
        top, left = (int(rng.integers(side - square + 1)) for side in frame.shape[:2])
        still = resize_image(frame[top : top + square, left : left + square], canvas, canvas)
        stills.append(torch.from_numpy(to_uint8(still)).permute(2, 0, 1))
    return SpriteStage(stock, torch.cat([grounds, torch.stack(stills)]) if stills else grounds, seed, device)


class SpriteStage:
    """Animations and grounds on a device, and the batches composed from them."""

    def __init__(self, stock: Stock, grounds: Tensor, seed: int, device: torch.device | str) -> None:
        """Moves everything to a device.

        Args:
            stock: animations.
            grounds: (G, 3, C, C) uint8, `CANVAS` times as large as the largest pictures.
            seed: seed of the batches.
            device: device that composes them.
        """
        self.seed, self.device = seed, torch.device(device)
        self.stock, self.grounds = stock, grounds.to(self.device)
        self.frames = stock.frames.to(self.device)
        self.lively = _sum_changes(self.frames).cpu()

    def draw(self, step: int, batch: int, size: int) -> CartoonBatch:
        """Composes batch number `step` of pictures of `size`, which depends on the arguments and the stock only."""
        chance = torch.Generator().manual_seed((self.seed * 1_000_003 + step) % 2**63)
        span = (_uniform(batch, chance, log(SPANS[0]), log(SPANS[1] + 1))).exp().long()
        middle = 1 + (torch.rand(batch, generator=chance) * (span - 1)).long()
        t = middle / span
        spots = pixel_centres(size, self.device)  # (2, S S)
        frames, flow = self._lay_ground(t, size, chance, spots)
        masks = torch.ones((batch, 2, 3, size, size), dtype=torch.bool, device=self.device)
        top = torch.zeros((batch, 2, size, size), dtype=torch.long, device=self.device)
        count = torch.tensor(chances.COUNTS)[torch.randint(len(chances.COUNTS), (batch,), generator=chance)]
        moments = torch.stack([torch.zeros_like(span), middle, span], 1)  # (N, 3)
        for number in range(1, MOST_SPRITES + 1):
            held = torch.rand(batch, generator=chance) < chances.HELD
            chosen = self._choose_frames(torch.where(held[:, None], 0, moments), chance).to(self.device)  # (N, 3)
            ways = _choose_ways(t, size, self.frames.shape[-1], chance)
            order = choose_colours(batch, chance).to(self.device)
            there = (number <= count).to(self.device)
            held = held.to(self.device)
            spot = _find_spots(ways, spots)  # (N, 3, 2, S S)
            laid = look_up_layers(self.frames[chosen.flatten()], spot.flatten(0, 1), size, "bilinear")
            laid = laid.view(batch, 3, 4, size, size) * there.view(-1, 1, 1, 1, 1)
            alpha = laid[:, :, 3:] / 255
            frames = frames * (1 - alpha) + _recolour(laid[:, :, :3], order)
            solid = alpha[:, [0, 2], 0] > 0.5  # (N, 2, S, S)
            flow = torch.where(solid[:, :, None], _follow_whole(ways, spots, size), flow)
            masks = torch.where(solid[:, :, None], held.view(-1, 1, 1, 1, 1), masks)
            top = torch.where(solid, number, top)
        return hide_covered(frames, t.to(self.device), flow, masks, top, spots)

    def _lay_ground(self, t: Tensor, size: int, chance: torch.Generator, spots: Tensor) -> tuple[Tensor, Tensor]:
        """Draws the grounds, (N, 3, 3, S, S) in [0, 255], and their motion, (N, 2, 2, S, S)."""
        batch = len(t)
        kind = torch.randint(_GROUND_KINDS, (batch,), generator=chance).to(self.device).view(-1, 1, 1, 1, 1)
        colours = torch.randint(40, 256, (batch, 2, 3, 1), generator=chance).float().to(self.device)
        angle = _uniform(batch, chance, 0, 2 * torch.pi)
        bearing = torch.stack([angle.cos(), angle.sin()], 1)[:, None].to(self.device)  # (N, 1, 2)
        share = (bearing @ (spots / size - 0.5) + 0.71) / 1.42  # (N, 1, S S)
        plain = colours[:, 0] + share * (colours[:, 1] - colours[:, 0]) * (kind[:, :, 0, 0] == 1)  # (N, 3, S S)
        chosen = torch.randint(len(self.grounds), (batch,), generator=chance).to(self.device)
        side = self.grounds.shape[-1]
        slide = torch.stack([_uniform(batch, chance, -chances.SLIDE, chances.SLIDE) for _ in range(2)], 1) * size
        middle = (
            torch.full((batch, 2), size / 2)
            + torch.stack([_uniform(batch, chance, -0.1, 0.1) for _ in range(2)], 1) * size
        )
        grow = size * CANVAS / side * _uniform(batch, chance, log(0.95), log(1.5)).exp()
        still = torch.zeros(batch)
        mirror = 1.0 - 2.0 * (torch.rand(batch, generator=chance) < 0.5)
        ways = build_ways(t, middle, slide, (grow, still), (still, still), mirror, side)
        spot = _find_spots(ways, spots)  # (N, 3, 2, S S)
        # all three moments of a ground are sampled from one picture
        beside = spot.permute(0, 2, 1, 3).flatten(2)  # (N, 2, 3 S S)
        seen = _sample_once(self.grounds[chosen], beside).view(batch, 3, 3, size, size).transpose(1, 2)
        seen = _recolour(seen, choose_colours(batch, chance).to(self.device))
        is_picture = kind == 2
        frames = torch.where(is_picture, seen, plain.view(batch, 1, 3, size, size))
        return frames, _follow_whole(ways, spots, size) * is_picture

    def _choose_frames(self, moments: Tensor, chance: torch.Generator) -> Tensor:
        """Numbers of frames at `moments`, (N, 3), from parts of animations with much motion: (N, 3)."""
        batch = len(moments)
        animation = torch.randint(len(self.stock.counts), (batch,), generator=chance)
        start, count = self.stock.starts[animation], self.stock.counts[animation]
        span = moments[:, -1]
        tries = start[:, None] + (torch.rand((batch, _TRIES), generator=chance) * (count - span)[:, None]).long()
        change = self.lively[tries + span[:, None]] - self.lively[tries]  # (N, tries)
        best = tries.gather(1, change.argmax(1, keepdim=True))
        # half of them play backward
        backward = torch.rand((batch, 1), generator=chance) < 0.5
        return best + torch.where(backward, span[:, None] - moments, moments)


def _sum_changes(frames: Tensor) -> Tensor:
    """The sum of changes from the first frame to each frame: (F, 4, S, S) to (F,)."""
    small = frames[:, :, ::8, ::8]
    change = torch.zeros(len(frames), device=frames.device)
    for first in range(1, len(frames), 4096):
        part = small[first - 1 : first + 4096].float()
        change[first : first + len(part) - 1] = (part[1:] - part[:-1]).abs().mean((1, 2, 3))
    return change.cumsum(0)


def _choose_ways(t: Tensor, size: int, side: int, chance: torch.Generator) -> Tensor:
    """Placements of sprites of `side` in pictures of `size`; see `sprites.chances`."""
    batch = len(t)
    middle = torch.stack([_uniform(batch, chance, *chances.MIDDLES) for _ in range(2)], 1) * size
    angle = _uniform(batch, chance, 0, 2 * torch.pi)
    far = size * _uniform(batch, chance, *map(log, chances.WAYS)).exp()
    far = far * (torch.rand(batch, generator=chance) < chances.MOVES)
    move = far[:, None] * torch.stack([angle.cos(), angle.sin()], 1)
    grow = size / side * _uniform(batch, chance, *map(log, chances.SIDES)).exp()
    normal = torch.randn((3, batch), generator=chance)
    often = torch.rand((2, batch), generator=chance) < torch.tensor([[chances.SWELLS], [chances.SPINS]])
    swell = chances.SWELLED * normal[0] * often[0]
    turn, spin = radians(chances.TURNED) * normal[1], radians(chances.SPUN) * normal[2] * often[1]
    mirror = 1.0 - 2.0 * (torch.rand(batch, generator=chance) < 0.5)
    return build_ways(t, middle, move, (grow, swell), (turn, spin), mirror, side)


def _uniform(batch: int, chance: torch.Generator, low: float, high: float) -> Tensor:
    return torch.rand(batch, generator=chance) * (high - low) + low


def _find_spots(ways: Tensor, spots: Tensor) -> Tensor:
    """Positions of pixels on the layers: placements (N, 3, 3, 3) and pixels (2, S S) to (N, 3, 2, S S)."""
    back: Tensor = torch.linalg.inv(ways)[:, :, :2].to(spots.device)
    return back @ with_ones(spots)


def _follow_whole(ways: Tensor, spots: Tensor, size: int) -> Tensor:
    """The motion of layers that move as a whole: (N, 2, 2, S, S), from 0 to 1 and from 1 to 0."""
    back = torch.linalg.inv(ways)
    across = torch.stack([ways[:, 2] @ back[:, 0], ways[:, 0] @ back[:, 2]], 1)[:, :, :2].to(spots.device)
    return (across @ with_ones(spots) - spots).view(len(ways), 2, 2, size, size)


def _recolour(colours: Tensor, order: Tensor) -> Tensor:
    """Exchanges channels: (N, T, 3, S, S) by `order`, (N, 3)."""
    exchanged: Tensor = colours.gather(2, order.view(len(order), 1, 3, 1, 1).expand_as(colours))
    return exchanged


def _sample_once(pictures: Tensor, spots: Tensor) -> Tensor:
    """Samples pictures (N, C, H, W) at positions (N, 2, P) in pixels, mirrored beyond the edge: (N, C, P)."""
    grid = (spots * (2 / pictures.shape[-1]) - 1).transpose(1, 2)[:, None]  # (N, 1, P, 2)
    sampled = torch.nn.functional.grid_sample(
        pictures.float(), grid, mode="bilinear", padding_mode="reflection", align_corners=False
    )
    return sampled[:, :, 0]
