"""Compares in-betweens by layers with those of the flattened picture, on layered drawings whose truth is known.

    python benchmarks/layers.py --alex-weights alexnet_features.safetensors [--keep FOLDER]

Ten drawings of animi's own cartoons: what is behind, each figure and prop, and what is in front are layers. Two key
frames are drawn in both ways, and all in-betweens are compared with the cartoon's own picture of that moment: LPIPS
and PSNR of the whole, and of the layers the parts that others hide. FOLDER gets the key frames as PSD and strips.
"""

import argparse
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from animi.core.cartoon.composition import compose as compose_scene
from animi.core.cartoon.raster import cut_out
from animi.core.cartoon.scenes import Scene
from animi.core.engines.opening import open_engine
from animi.core.inbetween.layer_runs import Drawer
from animi.core.inbetween.layered import LayeredDrawing, plan_frames
from animi.core.inbetween.sequence import interpolate
from animi.core.measures.metrics import psnr
from animi.core.measures.perceptual import PerceptualDistance
from animi.core.media.frames import premultiply, unpremultiply
from animi.core.media.image_files import write_png
from animi.core.media.layers.composing import compose, drop_alpha
from animi.core.media.layers.document import Document, Layer, Picture, spread_cel, trim_cel, walk

SIZE = (480, 270)
TIMES = (0.0, 0.25, 0.5, 0.75, 1.0)
DRAWINGS = (
    ("chase", 1), ("chase", 2), ("chase", 3), ("chase", 9), ("parade", 4), ("parade", 5), ("parade", 6),
    ("parade", 10), ("anything", 7), ("anything", 8),
)  # fmt: skip
GAP = 0.125
"""Seconds between the key frames: three frames of a film."""


def split(scene: Scene) -> list[tuple[str, Scene]]:
    """A scene's layers, each as a scene of its own, the lowest first."""
    bare = replace(scene, title="", actors=(), place=replace(scene.place, behind=(), before=()))
    layers = [
        (f"behind {number}", replace(bare, place=replace(bare.place, behind=(layer,))))
        for number, layer in enumerate(scene.place.behind)
    ]
    layers += [(f"actor {number}", replace(bare, actors=(actor,))) for number, actor in enumerate(scene.actors)]
    return layers + [
        (f"before {number}", replace(bare, place=replace(bare.place, before=(layer,))))
        for number, layer in enumerate(scene.place.before)
    ]


def draw(layers: list[tuple[str, Scene]], time: float, name: str) -> Picture:
    """The picture of a moment in layers."""
    found = []
    for layer, scene in layers:
        cut = cut_out(scene.drawing, scene.cel(time, *SIZE), scene.style)
        found.append(Layer(layer, trim_cel(unpremultiply(cut.astype(np.float32) / 255, np.uint8))))
    return Picture(*SIZE, tuple(found), name=name)


@dataclass
class Found:
    """What was measured of one drawing, by layers and flat."""

    lpips: tuple[float, float]
    psnr: tuple[float, float]
    hidden: tuple[float, float]
    """Mean difference in levels of 255 of what layers have where others hide it: drawn, and held."""


def measure_hidden(drawn: list[Picture], truth: list[Picture], key: Picture) -> tuple[float, float]:
    """How far what is hidden is from the truth, in the in-betweens and in the nearer key frame."""
    errors, held, count = 0.0, 0.0, 0
    for one, other in zip(drawn, truth, strict=True):
        above = np.zeros((SIZE[1], SIZE[0]), bool)
        there = [dict(walk(picture.layers)) for picture in (one, other, key)]
        for path in reversed(list(there[1])):
            planes = [premultiply(spread_cel(each[path].cel, *SIZE)) if path in each else None for each in there]
            if any(plane is None for plane in planes):
                continue
            shown = (planes[1][..., 3] > 0.5) | (planes[0][..., 3] > 0.5)
            if (above & shown).any():
                errors += float(np.abs(planes[0] - planes[1])[above & shown].mean(axis=1).sum())
                held += float(np.abs(planes[2] - planes[1])[above & shown].mean(axis=1).sum())
                count += int((above & shown).sum())
            above |= planes[1][..., 3] > 0.99
    return (255 * errors / count, 255 * held / count) if count else (np.nan, np.nan)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--alex-weights", type=Path, required=True)
    parser.add_argument("--engine", default="motion")
    parser.add_argument("--keep", type=Path)
    chosen = parser.parse_args()
    engine = open_engine(chosen.engine, device="cpu")
    distance = PerceptualDistance("alex", chosen.alex_weights)
    everything: list[Found] = []
    print("drawing       layers  LPIPS by layers  flat      PSNR by layers  flat   hidden drawn  held")
    for kind, seed in DRAWINGS:
        layers = split(compose_scene(kind, seed))
        start = 0.6
        pictures = [draw(layers, start + GAP * t, f"{kind} {seed} at {t}") for t in TIMES]
        truth = [drop_alpha(compose(picture)) for picture in pictures]
        document = Document((pictures[0], pictures[-1]))
        timeline = plan_frames(document, TIMES)
        with LayeredDrawing(document, timeline, Drawer(engine, "hold")) as drawing:
            drawing.draw()
            drawn = [drawing.picture(number) for number in range(len(drawing))]
        by_layers = [drop_alpha(compose(picture)) for picture in drawn]
        flat = list(interpolate([truth[0], truth[-1]], spacing=TIMES, engine=engine))
        inner = slice(1, -1)
        lpips = tuple(float(np.mean(distance(each[inner], truth[inner]))) for each in (by_layers, flat))
        levels = tuple(
            float(np.mean([psnr(one, other) for one, other in zip(each[inner], truth[inner], strict=True)]))
            for each in (by_layers, flat)
        )
        found = Found(lpips, levels, measure_hidden(drawn[inner], pictures[inner], pictures[0]))
        everything.append(found)
        print(
            f"{kind + ' ' + str(seed):14}{len(layers):5}  {lpips[0]:14.4f}  {lpips[1]:8.4f}  {levels[0]:13.2f}  "
            f"{levels[1]:6.2f}  {found.hidden[0]:11.2f}  {found.hidden[1]:5.2f}",
            flush=True,
        )
        if chosen.keep is not None:
            chosen.keep.mkdir(parents=True, exist_ok=True)
            rows = [np.hstack([each[k] for k in (0, 1, 2, 3, 4)]) for each in (truth, by_layers, flat)]
            write_png(chosen.keep / f"{kind}-{seed}.png", np.vstack(rows))
            from animi.core.media.layers.psd import has_psd, write_psd

            if has_psd():
                for name, picture in zip("ab", document.pictures, strict=True):
                    write_psd(chosen.keep / f"{kind}-{seed}-{name}.psd", picture)
    for name, pick in (
        ("LPIPS", lambda one: one.lpips),
        ("PSNR", lambda one: one.psnr),
        ("hidden", lambda one: one.hidden),
    ):
        means = np.nanmean([pick(one) for one in everything], axis=0)
        print(f"{name}: {means[0]:.4f} by layers, {means[1]:.4f} {'held' if name == 'hidden' else 'flat'}")
    lower = 1 - np.mean([one.lpips[0] for one in everything]) / np.mean([one.lpips[1] for one in everything])
    print(f"LPIPS is {100 * lower:.0f} % lower by layers")


if __name__ == "__main__":
    main()
