"""What the ghost and see-through scores find on pictures of which it is known whether they are ghosts.

    python benchmarks/ghosts.py -o docs/images/ghosts.webp
    python benchmarks/ghosts.py --moved

Draws cartoons at 0, t and 1 (animi.core.cartoon) and makes of them what networks make of in-betweens: mixtures of the
ends, soft, noisy, displaced, or of a part only; and things that look like mixtures and are none. Prints the mean score
of each, and draws the first of them side by side.
"""

import argparse
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import conv2d, grid_sample, pad

from animi.core.cartoon.composition import compose
from animi.core.cartoon.motion import follow
from animi.core.drawn.batches import load_cartoons
from animi.core.measures.coherence import coherence
from animi.core.measures.ghost import score_ghosts
from animi.core.measures.patches import KeyPatches
from animi.core.measures.see_through import see_through_score
from animi.core.media.frames import from_tensor, to_tensor

MOST = 12
"""Pictures of each kind whose patches are compared, which is slow."""
Scene = tuple[Tensor, Tensor, Tensor]
"""The first frame, the picture that is judged and the last frame, (N, 3, H, W) in [-1, 1] each."""


def blur(pictures: Tensor, side: int = 5) -> Tensor:
    """A Gaussian of as many pixels."""
    line = torch.exp(-(torch.arange(side) - side // 2).square() / (2 * (0.3 * (side / 2 - 1) + 0.8) ** 2))
    kernel = (line[:, None] * line[None])[None, None] / line.sum() ** 2
    padded = pad(pictures, (side // 2,) * 4, mode="replicate").flatten(0, 1)[:, None]
    return conv2d(padded, kernel).reshape(pictures.shape)


def shift(pictures: Tensor, x: int, y: int = 0) -> Tensor:
    """Moves by whole pixels; what comes in is the border's colour."""
    margin = max(abs(x), abs(y))
    if not margin:
        return pictures
    padded = pad(pictures, (margin,) * 4, mode="replicate")
    height, width = pictures.shape[-2:]
    return padded[..., margin - y : margin - y + height, margin - x : margin - x + width]


def bring(pictures: Tensor, flow: Tensor, share: float) -> Tensor:
    """Fetches each pixel from `share` of the flow away, as interpolators by flow do roughly."""
    height, width = pictures.shape[-2:]
    y, x = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    at = torch.stack([x, y])[None] + share * flow  # (N, 2, H, W)
    at = torch.stack([2 * at[:, 0] / (width - 1) - 1, 2 * at[:, 1] / (height - 1) - 1], -1)
    return grid_sample(pictures, at, padding_mode="border", align_corners=True)


def draw_cartoons(count: int, size: int, seed: int = 900, *, worn: bool = False) -> dict[str, Scene]:
    """Cartoons whose in-between is known, and what may become of it."""
    batch = next(load_cartoons(seed, size, count, worn=worn))
    frames = batch.frames.float() / 127.5 - 1
    first, truth, last = frames.unbind(1)
    noise = 0.04 * torch.randn(truth.shape, generator=torch.Generator().manual_seed(0))
    even = (first + last) / 2
    half = torch.cat([even[..., : size // 2], truth[..., size // 2 :]], 3)
    near_first, near_last = bring(first, batch.forward, -0.35), bring(last, batch.backward, -0.35)
    rows, columns = torch.meshgrid(torch.arange(size), torch.arange(size), indexing="ij")
    wavy = columns + size / 12 * torch.sin(rows / (size / 16)) < size / 2
    made = {
        "the truth": truth,
        "the truth, blurred 5 x 5": blur(truth),
        "the truth with noise of 2 %": truth + noise,
        "the truth, 2 pixels aside": shift(truth, 2),
        "the first frame": first,
        "cross-fade, 50 %": even,
        "cross-fade, 25 %": 0.75 * first + 0.25 * last,
        "cross-fade, 10 %": 0.9 * first + 0.1 * last,
        "cross-fade of the left half": half,
        "cross-fade, blurred 5 x 5": blur(even),
        "cross-fade, blurred 9 x 9": blur(even, 9),
        "cross-fade with noise of 2 %": even + noise,
        "cross-fade, 2 pixels aside": shift(even, 2),
        "cross-fade of ends shifted apart by 2": (shift(first, 1) + shift(last, -1)) / 2,
        "cross-fade, 10 % duller": 0.9 * even,
        "mean of frames warped too little": (near_first + near_last) / 2,
        "frames warped too little, joined": torch.where(wavy, near_first, near_last),
    }
    return {name: (first, picture, last) for name, picture in made.items()}


def draw_moved(count: int, size: int, seed: int = 5) -> dict[str, Scene]:
    """Cartoons of known motion, and key frames that are moved by it, or by 0.6 of it, and then mixed or joined."""
    kinds = ("chase", "parade", "stickers")
    firsts, truths, lasts, near, short = [], [], [], [], []
    for number in range(count):
        scene = compose(kinds[number % len(kinds)], seed + number)
        cels = [scene.cel(0.5 + time, size, size) for time in (0, 0.1, 0.2)]
        first, truth, last = (to_tensor([scene.colour(cel)]) for cel in cels)
        flows = [torch.from_numpy(follow(cels[1], cel).flow).permute(2, 0, 1)[None] for cel in (cels[0], cels[2])]
        firsts.append(first), truths.append(truth), lasts.append(last)
        for share, moved in ((1.0, near), (0.6, short)):
            moved.append([bring(end, flow, share) for end, flow in zip((first, last), flows, strict=True)])
    first, truth, last = (torch.cat(pictures) for pictures in (firsts, truths, lasts))
    (near_first, near_last), (early, late) = (
        [torch.cat(part) for part in zip(*each, strict=True)] for each in (near, short)
    )
    noise = 0.04 * torch.randn(truth.shape, generator=torch.Generator().manual_seed(0))
    rows, columns = torch.meshgrid(torch.arange(size), torch.arange(size), indexing="ij")
    wavy = columns + size / 12 * torch.sin(rows / (size / 16)) < size / 2
    aside = torch.full((len(truth), 2, size, size), 0.37)
    mixed = (early + late) / 2
    made = {
        "the truth": truth,
        "the truth, blurred 5 x 5": blur(truth),
        "the truth, blurred 9 x 9": blur(truth, 9),
        "the truth with noise of 2 %": truth + noise,
        "the truth, shifted by 0.37 pixels": bring(truth, aside, 1.0),
        "the first frame, moved": early,
        "both frames, moved and joined": torch.where(wavy, early, late),
        "both frames, moved by their true motion and mixed": (near_first + near_last) / 2,
        "both frames, moved and mixed": mixed,
        "both frames, moved and mixed 70 : 30": 0.7 * early + 0.3 * late,
        "both frames, moved and mixed, with noise of 2 %": mixed + noise,
        "both frames, moved and mixed, blurred 5 x 5": blur(mixed),
        "cross-fade, 50 %": (first + last) / 2,
        "cross-fade, 10 %": 0.9 * first + 0.1 * last,
    }
    return {name: (first, picture, last) for name, picture in made.items()}


def draw_disc(size: int, x: float, radius: float, colour: Tensor, floor: Tensor, line: Tensor | None) -> Tensor:
    """An outlined disc over a floor (3, size, size), with smooth edges."""
    y_of, x_of = torch.meshgrid(torch.arange(size), torch.arange(size), indexing="ij")
    distance = torch.hypot(x_of - x, y_of - size / 2)
    inside = (radius + 0.5 - distance).clamp(0, 1)
    drawn = floor + inside * (colour[:, None, None] - floor)
    if line is not None:
        drawn = drawn + (1.5 - (distance - radius + 1).abs()).clamp(0, 1) * (line[:, None, None] - drawn)
    return drawn


def draw_discs(size: int) -> dict[str, Scene]:
    """A disc crosses floors of several kinds, among them what no formula can tell apart."""

    def colour(r: float, g: float, b: float) -> Tensor:
        return torch.tensor([r, g, b]) * 2 - 1

    white, ink, red = colour(1, 1, 1), colour(0.05, 0.03, 0.03), colour(0.85, 0.2, 0.15)
    ramp = torch.linspace(-0.6, 0.8, size).expand(3, size, size)
    random = torch.Generator().manual_seed(3)
    texture = blur(torch.rand(1, 3, size, size, generator=random) * 2.4 - 1.2, 5)[0].clamp(-1, 1)
    flat = white[:, None, None].expand(3, size, size)
    starts, ends, middle, radius = size * 0.3, size * 0.7, size * 0.5, size * 0.16
    scenes = {}

    def add(name: str, draw: Callable[[float], Tensor], between: Tensor | None = None) -> None:
        first, last = draw(starts), draw(ends)
        truth = draw(middle) if between is None else between
        scenes[f"{name}: the truth"] = (first[None], truth[None], last[None])
        scenes[f"{name}: cross-fade"] = (first[None], (first + last)[None] / 2, last[None])

    for name, floor in (("plain floor", flat), ("gradient", ramp), ("texture", texture)):
        add(name, lambda x, floor=floor: draw_disc(size, x, radius, red, floor, ink))
    grey = colour(0.5, 0.5, 0.5)[:, None, None].expand(3, size, size)
    add("low contrast", lambda x: draw_disc(size, x, radius, colour(0.56, 0.56, 0.54), grey, None))
    add("line art", lambda x: draw_disc(size, x, radius, white, flat, ink))

    def see_through(x: float) -> Tensor:
        veil = draw_disc(size, x, radius, colour(0.3, 0.5, 0.9), texture, None)
        return (texture + veil) / 2

    add("see-through glass", see_through)

    grey_disc = draw_disc(size, starts, radius * 1.2, colour(0.5, 0.49, 0.49), flat, None)
    grey_disc = draw_disc(size, ends, radius * 1.2, colour(0.5, 0.49, 0.49), grey_disc, None)
    add("colour of a mixture by chance", lambda x: draw_disc(size, x, radius, ink, flat, None), grey_disc)
    dissolve = torch.stack([ramp, texture, flat]).mean(0)
    scenes["a true dissolve"] = (texture[None], ((texture + dissolve) / 2)[None], dissolve[None])
    small = draw_disc(size, middle, radius, red, texture, ink)
    moved = [draw_disc(size, middle + x, radius, red, texture, ink) for x in (-1.0, 1.0)]
    scenes["motion of 2 pixels: the truth"] = (moved[0][None], small[None], moved[1][None])
    return scenes


def score_pixels(drawn: Tensor, first: Tensor, last: Tensor) -> Tensor:
    """The first formula, each pixel for itself, to compare with."""
    drawn, first, last = drawn / 2, first / 2, last / 2
    apart = last - first
    share = ((drawn - first) * apart).sum(1) / (apart.square().sum(1) + 1e-6)
    share = share.clamp(0, 1)[:, None]
    stray = (drawn - first - share * apart).square().mean(1, keepdim=True)
    differs = (apart.abs().mean(1, keepdim=True) >= 0.1).float()
    mixed = differs * 4 * share * (1 - share) * torch.exp(-stray / 0.03**2)
    return mixed.sum((1, 2, 3)) / differs.sum((1, 2, 3)).clamp_min(1)


def compare_patches(drawn: Tensor, first: Tensor, last: Tensor) -> tuple[float, float]:
    """Mean see-through score and coherence of each batch's first `MOST` pictures."""
    batches = [from_tensor(pictures[:MOST].clamp(-1, 1)) for pictures in (first, drawn, last)]
    found = []
    for start, picture, end in zip(*batches, strict=True):
        keys = KeyPatches(start, end)
        found.append((see_through_score(picture, keys), coherence(picture, keys)))
    see_through, coherent = np.nanmean(found, axis=0)
    return float(see_through), float(coherent)


def report(parts: dict[str, dict[str, Scene]]) -> None:
    """Prints a table of mean scores."""
    titles = ("judged as the in-between", "ghost score", "pixel by pixel", "see-through", "coherence")
    print(f"| {' | '.join(titles)} |\n|{'---|' * len(titles)}")
    for part, scenes in parts.items():
        for name, (first, judged, last) in scenes.items():
            scores = [formula(judged, first, last).mean().item() for formula in (score_ghosts, score_pixels)]
            cells = [f"{score:.2f}" for score in (*scores, *compare_patches(judged, first, last))]
            print(f"| {part}: {name} | {' | '.join(cells)} |", flush=True)


def draw_sheet(parts: dict[str, dict[str, Scene]], number: int, side: int = 150, columns: int = 6) -> np.ndarray:
    """The judged pictures with their own scores, RGB."""
    tiles = []
    for part, scenes in parts.items():
        for name, (first, judged, last) in scenes.items():
            which = number if len(judged) > number else 0
            score = score_ghosts(*(x[which : which + 1] for x in (judged, first, last))).item()
            picture = cv2.resize(from_tensor(judged[which : which + 1].clamp(-1, 1))[0], (side, side))
            tile = np.full((side + 44, side + 6, 3), 255, np.uint8)
            tile[40 : 40 + side, 3 : 3 + side] = picture
            words = [part if part != "cartoons" else "", name.replace("the truth", "truth"), f"{score:.2f}"]
            for line, text in enumerate(words):
                for size in (0.36, 0.33, 0.3, 0.27, 0.24):
                    if cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, size, 1)[0][0] < side:
                        break
                cv2.putText(tile, text, (4, 11 + 12 * line), cv2.FONT_HERSHEY_SIMPLEX, size, (0, 0, 0), 1, cv2.LINE_AA)
            tiles.append(tile)
    tiles += [np.full_like(tiles[0], 255)] * (-len(tiles) % columns)
    return np.vstack([np.hstack(tiles[row : row + columns]) for row in range(0, len(tiles), columns)])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-o", "--output", type=Path, help="the pictures side by side, a .webp or .png")
    parser.add_argument("--count", type=int, default=32, help="cartoons")
    parser.add_argument("--size", type=int, default=112, help="their sides in pixels")
    parser.add_argument("--number", type=int, default=0, help="which of them is shown")
    parser.add_argument(
        "--moved", action="store_true", help=f"only {MOST} cartoons whose key frames are moved, with twice the side"
    )
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    if chosen.moved:
        report({"moved": draw_moved(MOST, 2 * chosen.size)})
        return
    parts = {
        "cartoons": draw_cartoons(chosen.count, chosen.size),
        "worn cartoons": draw_cartoons(chosen.count // 2, chosen.size, 901, worn=True),
        "discs": draw_discs(chosen.size),
    }
    report(parts)
    if chosen.output:
        shown = {name: parts[name] for name in ("cartoons", "discs")}
        cv2.imwrite(str(chosen.output), draw_sheet(shown, chosen.number)[..., ::-1], [cv2.IMWRITE_WEBP_QUALITY, 80])


if __name__ == "__main__":
    main()
