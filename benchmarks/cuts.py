"""How well cuts are found: precision, recall and speed, beside PySceneDetect's detectors, on films with known cuts.

The films are made on the spot: excerpts of Big Buck Bunny joined at random places (within its shots, so that every cut
is known), and drawn scenes with everything that tempts a detector: pans, whip pans, zooms, flashes, lightning, lights
that are switched, subtitles, fast and held motion, line drawings on white, dissolves and fades.

    python benchmarks/cuts.py --bbb FOLDER [--seeds 100-119] [--scenedetect]

`--bbb` is a folder with bbb_360p_60s.mp4 and bbb_480p_30s.mp4. PySceneDetect is measured where it is installed
(pip install scenedetect-headless).
"""

import argparse
import statistics
import tempfile
import time
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from animi.core.media.decode import decode_video, probe_video
from animi.core.media.encode import write_video
from animi.core.shots.cuts import ShotDetector

WIDTH, HEIGHT = 320, 180
TOLERANCE = 1  # frames that a cut may be off

BBB_SHOTS = {  # found by eye: the frames of each shot, both included, without the parts that dissolve
    "bbb_360p_60s.mp4": [(50, 284), (285, 377), (378, 552), (553, 734), (816, 1144), (1145, 1345), (1346, 1439)],
    "bbb_480p_30s.mp4": [(50, 284), (285, 377), (378, 552), (553, 719)],
}
BBB_CUTS = {"bbb_360p_60s.mp4": [1, 285, 378, 553, 1145, 1346], "bbb_480p_30s.mp4": [285, 378, 553]}
BBB_DISSOLVES = {"bbb_360p_60s.mp4": [(735, 815)], "bbb_480p_30s.mp4": []}


@dataclass
class Film:
    """Frames, and what is known of them; a dissolve or fade is (first, last) frame that is mixed."""

    name: str
    frames: list[Any] = field(default_factory=list)
    cuts: list[int] = field(default_factory=list)
    gradual: list[tuple[int, int]] = field(default_factory=list)


class Scene:
    """A drawn shot: a background, characters that move, and a camera."""

    def __init__(self, rng: np.random.Generator) -> None:
        self.rng = np.random.default_rng(rng.integers(1 << 31))
        r = self.rng
        self.style = r.choice(["flat", "gradient", "busy", "paper", "night"], p=[0.2, 0.2, 0.3, 0.2, 0.1])
        self.hold = int(r.choice([1, 2, 3], p=[0.4, 0.4, 0.2]))
        self.pan = r.uniform(-8, 8, 2) * (r.random() < 0.4)
        self.whip = (0, 0.0)
        if r.random() < 0.12:  # a whip pan of ten frames: when it begins, and how far it goes a frame
            self.whip = (int(r.integers(4, 40)), float(r.choice([-1, 1]) * r.uniform(20, 45) / WIDTH))
        self.zoom = r.uniform(-0.012, 0.012) * (r.random() < 0.25)
        low, high = (8, 90) if self.style == "night" else (60, 255)
        self.ink = (0, 0, 0) if self.style != "night" else (5, 5, 15)
        colour = lambda: tuple(int(c) for c in r.integers(low, high, 3))  # noqa: E731
        self.ground = (250, 250, 248) if self.style == "paper" else colour()
        self.sky = colour()
        count = {"flat": 2, "gradient": 5, "busy": 40, "paper": 14, "night": 25}[str(self.style)]
        self.props = [
            (r.uniform(-1.5, 2.5, 2), r.uniform(0.02, 0.25), int(r.integers(3, 9)), colour(), r.uniform(0, 6.3))
            for _ in range(count)
        ]
        self.cast = [
            (
                r.uniform(0.15, 0.85, 2),
                r.uniform(0.06, 0.2),
                r.uniform(0, 0.15),
                r.uniform(0.05, 0.35),
                r.uniform(0, 6),
                colour(),
            )
            for _ in range(int(r.integers(1, 4)))
        ]

    def draw(self, number: int) -> Any:
        """Frame `number` of the scene: (HEIGHT, WIDTH, 3) uint8."""
        at = number // self.hold * self.hold
        image = np.empty((HEIGHT, WIDTH, 3), np.uint8)
        image[:] = self.ground
        if self.style in ("gradient", "night", "busy"):
            mix = np.linspace(0, 1, HEIGHT)[:, None, None]
            image[:] = (np.array(self.sky) * (1 - mix) + np.array(self.ground) * mix).astype(np.uint8)
        scale = 1 + self.zoom * number
        shift = self.pan * number / WIDTH
        shift[0] += self.whip[1] * min(max(number - self.whip[0], 0), 10)

        def place(x: float, y: float) -> tuple[int, int]:
            return (
                int(((x + shift[0] - 0.5) * scale + 0.5) * WIDTH * 16),
                int(((y + shift[1] - 0.5) * scale + 0.5) * HEIGHT * 16),
            )

        def shape(x: float, y: float, size: float, corners: int, turn: float, colour: Any) -> None:
            angles = turn + np.arange(corners) * 2 * np.pi / corners
            points = np.array([place(x + size * np.cos(a) * 0.6, y + size * np.sin(a)) for a in angles], np.int32)
            if self.style != "paper":
                cv2.fillPoly(image, [points], colour, cv2.LINE_AA, 4)
            cv2.polylines(image, [points], True, self.ink, 2, cv2.LINE_AA, 4)

        for centre, size, corners, colour, turn in self.props:
            shape(centre[0], centre[1], size, corners, turn, colour)
        for centre, size, speed, sway, phase, colour in self.cast:
            x = centre[0] + sway * np.sin(speed * at + phase)
            y = centre[1] + 0.5 * sway * np.cos(1.3 * speed * at + phase)
            shape(x, y, size, 24, 0, colour)
            shape(x, y - size * 1.2, size * 0.6, 20, 0, colour)
            for side in (-1, 1):
                limb = np.array(
                    [place(x, y), place(x + side * size * (1 + 0.4 * np.sin(speed * at)), y + size * 0.8)], np.int32
                )
                cv2.polylines(image, [limb], False, self.ink, 3, cv2.LINE_AA, 4)
                cv2.circle(image, place(x + side * size * 0.2, y - size * 1.3), 48, self.ink, -1, cv2.LINE_AA, 4)
        return image


def tempt(shot: list[Any], rng: np.random.Generator) -> None:
    """Puts something into a shot that is no cut: a flash, lightning, a light that is switched, a subtitle."""
    if len(shot) < 26:
        return
    kind = rng.choice(["none", "flash", "lightning", "light", "subtitle", "decay"], p=[0.45, 0.15, 0.1, 0.1, 0.1, 0.1])
    at = int(rng.integers(8, len(shot) - 14))
    if kind == "flash":
        for i in range(at, at + int(rng.integers(1, 5))):
            shot[i] = cv2.addWeighted(shot[i], 0.1, np.full_like(shot[i], 255), 0.9, 0)
    elif kind == "lightning":
        for i in (at, at + 2, at + 3):
            shot[i] = cv2.convertScaleAbs(shot[i], alpha=1.5, beta=70)
    elif kind == "decay":
        for i in range(8):
            share = 0.95 * (1 - i / 8)
            shot[at + i] = cv2.addWeighted(shot[at + i], 1 - share, np.full_like(shot[at + i], 255), share, 0)
    elif kind == "light":
        for i in range(at, len(shot)):
            shot[i] = cv2.convertScaleAbs(shot[i], alpha=0.45)
    elif kind == "subtitle":
        for i in range(at, len(shot)):
            shot[i] = shot[i].copy()
            cv2.putText(shot[i], "I shall have that cheese", (40, 165), 0, 0.6, (255, 255, 255), 2, cv2.LINE_AA)


def join(film: Film, shots: list[list[Any]], rng: np.random.Generator, gradual: float) -> Film:
    """Joins shots by cuts, or, in a share of `gradual`, by dissolves and fades through black."""
    for number, shot in enumerate(shots):
        if number and rng.random() < gradual and len(shot) > 50 and len(film.frames) > 50:
            length = int(rng.integers(10, 30))
            if rng.random() < 0.7:
                tail = film.frames[-length:]
                first = len(film.frames) - length
                for i in range(length):
                    share = (i + 1) / (length + 1)
                    film.frames[first + i] = cv2.addWeighted(tail[i], 1 - share, shot[i], share, 0)
                film.gradual.append((first, first + length - 1))
                film.frames += shot[length:]
            else:
                first = len(film.frames) - length
                for i in range(length):
                    film.frames[first + i] = cv2.convertScaleAbs(film.frames[first + i], alpha=1 - (i + 1) / length)
                    shot[i] = cv2.convertScaleAbs(shot[i], alpha=i / length)
                film.gradual.append((first, first + 2 * length - 1))
                film.frames += shot
        else:
            if number:
                film.cuts.append(len(film.frames))
            film.frames += shot
    return film


def draw_film(seed: int, shots: int = 14) -> Film:
    rng = np.random.default_rng((seed, 1))
    made = []
    for _ in range(shots):
        scene = Scene(rng)
        made.append([scene.draw(i) for i in range(int(rng.integers(16, 80)))])
        tempt(made[-1], rng)
    return join(Film(f"drawn {seed}"), made, rng, 0.25)


def join_bbb(material: dict[str, Any], seed: int, pieces: int = 14) -> Film:
    rng = np.random.default_rng((seed, 2))
    shots, before = [], -1
    for _ in range(pieces):
        name = str(rng.choice(list(BBB_SHOTS)))
        choice = int(rng.choice([i for i in range(len(BBB_SHOTS[name])) if i != before]))
        before = choice
        first, last = BBB_SHOTS[name][choice]
        length = int(rng.integers(16, min(90, last - first)))
        begin = int(rng.integers(first, last - length + 1))
        shots.append([frame.copy() for frame in material[name][begin : begin + length]])
        tempt(shots[-1], rng)
    return join(Film(f"bbb joined {seed}"), shots, rng, 0.2)


def read_frames(path: Path) -> list[Any]:
    return [
        cv2.resize(f.pixels, (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA) for f in decode_video(probe_video(path))
    ]


def find(path: Path) -> tuple[list[int], list[tuple[int, int]], float]:
    """The cuts, dissolves (first, last) and the seconds it took, without decoding."""
    frames = [frame.pixels for frame in decode_video(probe_video(path), size=256, fit="crop")]
    begin = time.perf_counter()
    detector = ShotDetector()
    verdicts = [verdict for frame in frames for verdict in detector.push(frame)] + detector.finish()
    seconds = time.perf_counter() - begin
    cuts = [v.number for v in verdicts if v.cut]
    mixed = [v.number for v in verdicts if v.transition == "dissolve"]
    runs: list[tuple[int, int]] = []
    for number in mixed:
        if runs and number == runs[-1][1] + 1:
            runs[-1] = (runs[-1][0], number)
        else:
            runs.append((number, number))
    return cuts, runs, seconds


def find_scenedetect(path: Path, detector: Any) -> tuple[list[int], list[tuple[int, int]], float]:
    import scenedetect

    video = scenedetect.open_video(str(path))
    manager = scenedetect.SceneManager()
    manager.add_detector(detector)
    begin = time.perf_counter()
    manager.detect_scenes(video)
    return (
        [scene[0].frame_num for scene in manager.get_scene_list()[1:]],
        [],
        time.perf_counter() - begin,
    )


@dataclass
class Score:
    """What a detector found right, wrong and not at all, over several films."""

    right: int = 0
    wrong: int = 0
    missed: int = 0
    gradual_found: int = 0
    gradual: int = 0
    seconds: float = 0.0
    frames: int = 0

    def add(self, film: Film, cuts: list[int], runs: list[tuple[int, int]], seconds: float, *, loud: str = "") -> None:
        """A find within a dissolve or fade is neither right nor wrong for hard cuts."""
        left = list(film.cuts)
        wrong = []
        for cut in cuts:
            near = [c for c in left if abs(c - cut) <= TOLERANCE]
            if near:
                left.remove(near[0])
                self.right += 1
            elif not any(a - 3 <= cut <= b + 3 for a, b in film.gradual):
                wrong.append(cut)
        self.wrong += len(wrong)
        self.missed += len(left)
        ends = [*cuts, *(n for run in runs for n in run)]
        found = [any(a - 3 <= n <= b + 3 for n in ends) for a, b in film.gradual]
        self.gradual += len(film.gradual)
        self.gradual_found += sum(found)
        self.seconds += seconds
        self.frames += len(film.frames)
        if loud and (wrong or left or not all(found)):
            lost = [g for g, ok in zip(film.gradual, found, strict=True) if not ok]
            print(f"  {loud} {film.name}: wrong {wrong} missed {left} gradual lost {lost}")

    def row(self, name: str) -> str:
        """A line of the table."""
        precision = self.right / max(1, self.right + self.wrong)
        recall = self.right / max(1, self.right + self.missed)
        f1 = 2 * precision * recall / max(1e-9, precision + recall)
        gradual = f"{self.gradual_found}/{self.gradual}" if self.gradual else "-"
        return f"| {name} | {precision:.3f} | {recall:.3f} | {f1:.3f} | {gradual} | {self.frames / self.seconds:.0f} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bbb", type=Path, required=True)
    parser.add_argument("--seeds", default="100-119")
    parser.add_argument("--scenedetect", action="store_true")
    parser.add_argument("--keep", type=Path, help="folder where the films stay for the next run")
    parser.add_argument("--loud", action="store_true")
    options = parser.parse_args()
    first, last = (int(part) for part in options.seeds.split("-"))
    ways: dict[str, Any] = {"animi": find}
    if options.scenedetect:
        from scenedetect import AdaptiveDetector, ContentDetector, HashDetector, HistogramDetector

        for detector in (ContentDetector, AdaptiveDetector, HistogramDetector, HashDetector):
            ways[f"PySceneDetect {detector.__name__}"] = lambda path, d=detector: find_scenedetect(path, d())
    material: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as scratch:
        folder = options.keep or Path(scratch)
        folder.mkdir(exist_ok=True)
        scores = {(kind, name): Score() for kind in ("drawn", "bbb joined", "bbb whole") for name in ways}

        def measure(kind: str, film: Film, path: Path) -> None:
            if not path.exists():
                write_video(path, film.frames, fps=Fraction(24), size=(WIDTH, HEIGHT), crf=23)
            for name, way in ways.items():
                scores[kind, name].add(film, *way(path), loud=name if options.loud else "")

        for name, cuts in BBB_CUTS.items():
            path = options.bbb / name
            material[name] = read_frames(path)
            measure("bbb whole", Film(name, material[name], cuts, BBB_DISSOLVES[name]), path)
        for seed in range(first, last + 1):
            measure("drawn", draw_film(seed), folder / f"drawn{seed}.mp4")
            measure("bbb joined", join_bbb(material, seed), folder / f"bbb{seed}.mp4")
    print(
        "| films | detector | precision | recall | F1 | dissolves and fades | frames/s |\n|---|---|---|---|---|---|---|"
    )
    for (kind, name), score in scores.items():
        print(f"| {kind} {score.row(name)}")
    rates = [score.frames / score.seconds for (_, name), score in scores.items() if name == "animi"]
    print(f"animi: median {statistics.median(rates):.0f} frames/s")


if __name__ == "__main__":
    main()
