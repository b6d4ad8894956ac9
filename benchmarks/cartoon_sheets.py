"""Draws the contact sheets of docs/cartoons.md.

python benchmarks/cartoon_sheets.py docs/images [--sprites FOLDER]
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from animi.core.cartoon.actions import ACTIONS
from animi.core.cartoon.backgrounds import Layer, Place
from animi.core.cartoon.cast import CAST
from animi.core.cartoon.composition import compose
from animi.core.cartoon.geometry import box, place
from animi.core.cartoon.props import PROPS
from animi.core.cartoon.puppets import Blob, still
from animi.core.cartoon.samples import Sample, draw_sample
from animi.core.cartoon.scenes import Actor, Scene, stand
from animi.core.cartoon.styles import STYLES
from animi.core.sprites.renderer import SpriteRenderer, find_sprites
from animi.core.sprites.samples import draw_sprite_sample

Picture = NDArray[np.uint8]
PAPER = Place(
    (Layer(still([Blob("root", box(-300, -150, 300, 150), "paper", line=0)], {"paper": (222, 230, 234)}), 1.0),)
)


def lay_out(pictures: Sequence[Picture], columns: int, names: Sequence[str] = ()) -> Picture:
    """Puts pictures of one size in rows, with names in their corners."""
    named = []
    for picture, name in zip(pictures, [*names, *[""] * (len(pictures) - len(names))], strict=True):
        drawn = picture.copy()
        for colour, thick in (((255, 255, 255), 3), ((40, 34, 40), 1)):
            cv2.putText(drawn, name, (6, 16), cv2.FONT_HERSHEY_SIMPLEX, 0.45, colour, thick, cv2.LINE_AA)
        named.append(drawn)
    blank = np.full_like(named[0], 255)
    named += [blank] * (-len(named) % columns)
    return np.vstack([np.hstack(named[first : first + columns]) for first in range(0, len(named), columns)])


def show_scenes() -> Picture:
    kinds = ("chase", "parade", "anything", "anything", "stickers", "parade", "anything", "anything")
    return lay_out([compose(kinds[n % 8], 40 + n).picture(1.0, 288, 192, 5) for n in range(24)], 4)


def show_cast() -> Picture:
    pictures, names = [], []
    for row, (name, action) in enumerate(ACTIONS.items()):
        for column in range(6):
            rng = np.random.default_rng(100 * row + column)
            who = CAST[("cat", "mouse")[column] if column < 2 else "neighbour"](rng)
            high = (46 if column == 1 else 72) * (0.72 if name == "jump" else 1)
            temper = (1.0, -1.0, 0.0, 0.5, -0.6, 0.2)[column]

            def pose(time: float, who=who, action=action, high=high, temper=temper):  # type: ignore[no-untyped-def]
                return stand(who, action(time, temper), 0, 40, high)

            scene = Scene(STYLES["house"], PAPER, (Actor(who, pose, shadow=True),), lambda time: (0, 0, 1))
            pictures.append(scene.picture(0.13 * column + 0.2 * (name == "jump"), 180, 180, 5))
            names.append(name if not column else "")
    return lay_out(pictures, 6, names)


def show_props() -> Picture:
    pictures = []
    for number, make in enumerate(PROPS.values()):
        prop = make(np.random.default_rng(number + 3))
        grow = 52 / prop.puppet.height

        def pose(time: float, prop=prop, grow=grow):  # type: ignore[no-untyped-def]
            return prop.pose(place(0, 0, 0, grow), time)

        scene = Scene(STYLES["house"], PAPER, (Actor(prop.puppet, pose),), lambda time: (0, 0, 1))
        pictures.append(scene.picture(0.15, 140, 140, 5))
    return lay_out(pictures, 10, list(PROPS))


def show_styles() -> Picture:
    return lay_out([compose("chase", 7, name).picture(0.4, 288, 192, 5) for name in STYLES], 4, list(STYLES))


def colour_flow(flow: NDArray[np.float32]) -> Picture:
    """Direction as hue, length as brightness."""
    length, angle = cv2.cartToPolar(np.ascontiguousarray(flow[..., 0]), np.ascontiguousarray(flow[..., 1]))
    bright = np.clip(np.sqrt(length) * 34, 0, 255)
    shade = np.stack([angle * (90 / np.pi), np.full_like(length, 220), bright], -1).astype(np.uint8)
    return np.asarray(cv2.cvtColor(shade, cv2.COLOR_HSV2RGB), np.uint8)


def show_samples(drawn: Sequence[Sample]) -> Picture:
    columns = ["first", "t", "last", "flow", "visible", "observable"]
    pictures = []
    for sample in drawn:
        masks = [np.repeat(mask[..., None].astype(np.uint8) * 255, 3, 2)
                 for mask in (sample.forward.visible, sample.forward_observable)]  # fmt: skip
        pictures += [sample.first, sample.middle, sample.last, colour_flow(sample.forward.flow), *masks]
    return lay_out(pictures, 12, columns * 2)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("out", type=Path)
    parser.add_argument("--sprites", type=Path)
    chosen = parser.parse_args()
    sheets = {
        "scenes": show_scenes(),
        "cast": show_cast(),
        "props": show_props(),
        "styles": show_styles(),
        "samples": show_samples([draw_sample(11, 4 * n, 144) for n in range(10)]),
    }
    if chosen.sprites is not None:
        found = find_sprites(chosen.sprites)
        with SpriteRenderer() as renderer:
            sheets["sprites"] = show_samples([draw_sprite_sample(11, 4 * n, 144, found, renderer) for n in range(6)])
    for name, sheet in sheets.items():
        path = chosen.out / f"cartoon-{name}.webp"
        Image.fromarray(sheet).save(path, quality=82, method=6)
        print(path, f"{path.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
