"""Measures how well engines and networks draw in-betweens: they draw between the ends of sequences that are known.

The metrics are in `core.measures`; docs/evaluation.md explains what they mean, and when they mislead.
"""

import math
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from statistics import fmean, median
from typing import NamedTuple, TypeAlias

import torch
from torch import Tensor

from ..config.choices import ENGINES
from ..config.evaluation import EvaluateConfig
from ..devices import choose_device
from ..engines.interface import Engine
from ..engines.opening import open_engine
from ..errors import InputError
from ..files import check_output, name_apart, shown
from ..inbetween.sequence import interpolate
from ..material.sequences import TrueSequence, find_sequences
from ..measures import metrics
from ..measures.coherence import coherence
from ..measures.features import Embedding, embed_with_vgg
from ..measures.metrics import Picture
from ..measures.patches import KeyPatches
from ..measures.perceptual import PerceptualDistance
from ..measures.see_through import see_through_score
from ..media.frames import resize_image, to_tensor, to_uint8
from ..pages.strips import Strip, draw_strip
from ..weights.find import find_checkpoint
from ..weights.imagenet import ALEXNET, VGG16, Trained, is_cached
from ..weights.vgg import load_vgg

MOTIONS = (8, 24, 64)
"""Bounds in pixels between groups of similar motion: slow to very fast at a size of a few hundred pixels."""
_FEATURE_SIDE = 256  # pixels of the longer side of VGG16's input; larger ones are slow
_MOST_FEATURES = 2048  # frames of each engine whose features are kept
_NEIGHBOURS = 3
TRUTH = "truth"
"""The label of the truth among those of the engines."""


class Measure(NamedTuple):
    """A metric, and how it is shown."""

    key: str
    """Its name in JSON."""
    title: str
    """Its name in tables."""
    best: float
    """The value of a perfect in-between; values farther from it are worse."""
    digits: int
    scale: float = 1.0
    """Its factor in tables."""
    compare: Callable[[Picture, Picture], float] | None = None
    """Measures a drawn picture against the true one. None: it is measured otherwise."""

    @property
    def name(self) -> str:
        """Its name in --metrics."""
        return self.key.replace("_", "-")

    def format(self, value: float | None) -> str:
        """The value as it is shown in tables."""
        return "–" if value is None or not math.isfinite(value) else f"{value * self.scale:.{self.digits}f}"

    def badness(self, value: float | None) -> float:
        """Distance from the best value, to sort by; 0 for an unknown value."""
        return -1.0 if value is None or not math.isfinite(value) else abs(value - self.best)


MEASURES = (
    Measure("psnr", "PSNR", metrics.MOST_PSNR, 2, compare=metrics.psnr),
    Measure("ssim", "SSIM", 1, 3, compare=metrics.ssim),
    Measure("lpips", "LPIPS", 0, 4),
    Measure("lpips_vgg", "LPIPS by VGG16", 0, 4),
    Measure("line_distance", "line distance", 0, 1, 1e5, metrics.line_distance),
    Measure("ghost", "ghost", 0, 3),
    Measure("see_through", "see-through", 0, 4),
    Measure("coherence", "coherence", 0, 2),
    Measure("sharpness", "sharpness", 1, 3, compare=metrics.sharpness),
    Measure("smoothness", "smoothness", 1, 3),
)
"""Metrics of a frame or a sequence, in the order of tables. A new one is a row here and its name in METRICS."""
LINES_MEDIAN = Measure("line_distance_median", "median", 0, 1, 1e5)
SET_MEASURES = (
    Measure("kid", "KID", 0, 4),
    Measure("fid", "FID", 0, 3),
    Measure("precision", "precision", 1, 3),
    Measure("recall", "recall", 1, 3),
)
"""Metrics of all in-betweens of an engine together."""

Values = dict[str, float]
"""Values of metrics by their keys; NaN: it cannot be measured."""


@dataclass(frozen=True)
class Drawer:
    """An engine under evaluation.

    Attributes:
        label: its name in tables.
        engine: the engine.
        checkpoint: the network's file, if it is one.
    """

    label: str
    engine: Engine
    checkpoint: Path | None = None


@dataclass(frozen=True)
class Scored:
    """A sequence, and the measurements of each engine on it.

    Attributes:
        name: the sequence's.
        frames: number of frames, both ends included.
        width: pixels.
        height: pixels.
        motion: motion from end to end in pixels.
        exact: whether the motion is known; otherwise it is estimated.
        truth: figures of the true in-betweens themselves, beside the key frames: ghosts, double images, coherence.
        means: figures of each engine, means over its in-betweens.
        by_frame: figures of each in-between.
        strips: pictures of the truth and of each engine; empty unless a page is made.
    """

    name: str
    frames: int
    width: int
    height: int
    motion: float
    exact: bool
    truth: Values
    means: dict[str, Values]
    by_frame: dict[str, list[Values]]
    strips: dict[str, Strip]


@dataclass(frozen=True)
class Group:
    """Sequences of similar motion, or all.

    Attributes:
        title: such as "motion 8 to 24 px".
        count: number of sequences.
        means: means over them, of each engine; those of the truth under "truth".
    """

    title: str
    count: int
    means: dict[str, Values]


@dataclass
class Evaluation:
    """The results of an evaluation.

    Attributes:
        drawers: the engines.
        sequences: those that every engine has drawn.
        planned: number of sequences in all.
        measures: the metrics that were measured, in the order of tables.
        left_out: why others were not measured.
        sets: figures of all in-betweens together, of each engine.
        notes: sentences for the person.
        interrupted: whether Ctrl-C ended it before all was drawn.
    """

    drawers: list[Drawer]
    planned: int
    sequences: list[Scored] = field(default_factory=list)
    measures: list[Measure] = field(default_factory=list)
    set_measures: list[Measure] = field(default_factory=list)
    left_out: dict[str, str] = field(default_factory=dict)
    sets: dict[str, Values] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    interrupted: bool = False

    @property
    def labels(self) -> list[str]:
        """The engines' names, in the order in which they were given."""
        return [drawer.label for drawer in self.drawers]

    def groups(self) -> list[Group]:
        """A group of all sequences, and, if their motion differs, groups of similar motion."""
        edges = (0.0, *MOTIONS, math.inf)
        found = [("all", self.sequences)]
        for low, high in pairwise(edges):
            members = [scored for scored in self.sequences if low <= scored.motion < high]
            title = f"motion from {low:g} px" if math.isinf(high) else f"motion {low:g} to {high:g} px"
            found += [(title, members)] if members else []
        if len(found) == 2:  # all alike
            found.pop()
        return [Group(title, len(members), self._summarise(members)) for title, members in found]

    def _summarise(self, members: Sequence[Scored]) -> dict[str, Values]:
        means = {}
        for label in self.labels:
            rows = [scored.means[label] for scored in members]
            means[label] = _mean(rows)
            lines = [row["line_distance"] for row in rows if "line_distance" in row]
            if lines:
                means[label][LINES_MEDIAN.key] = median(lines)
        return means | {TRUTH: _mean([scored.truth for scored in members])}


SequenceScores: TypeAlias = tuple[Scored, dict[str, Tensor]]
"""A sequence's measurements, and features of some in-betweens by the engines' labels."""
Spread: TypeAlias = Callable[[int, Callable[[int], None]], Iterator[tuple[int, SequenceScores]]]
"""Scores sequences elsewhere. Takes how many there are, and a function to call with the number of drawings just scored;
yields the sequences' numbers, in any order, and their scores."""


def evaluate(
    config: EvaluateConfig,
    on_progress: Callable[[float, float], None] | None = None,
    on_scan: Callable[[str, int, int], None] | None = None,
    note: Callable[[str], None] | None = None,
    spread: Spread | None = None,
) -> Evaluation:
    """Draws and measures; `results.write_results` writes the results.

    After Ctrl-C, the results so far are returned.

    Args:
        config: the engines, the material and the metrics.
        on_progress: called after each engine and sequence with the number done and the number in all.
        on_scan: called while films without an index are scanned for cuts.
        note: called with a sentence before weights are downloaded.
        spread: scores the sequences on other machines; None: they are scored here.

    Raises:
        InputError: no engine or no frames were given, or a frame cannot be read.
        CheckpointError: a checkpoint or a file of weights cannot be used.
        OutputError: an output could not be written; this is checked before any work.
        DeviceError: the device is not on this machine.
    """
    engines, folders = _sort(config.given)
    read: dict[str, Iterable[Path | None]] = {
        "a checkpoint": [engine for engine in engines if isinstance(engine, Path)],
        "a file of weights": [config.alex_weights, config.vgg_weights],
    }
    for path, inputs in ((config.json, read | {"a folder of frames": folders}), (config.html, read)):
        if path is not None:  # no page is read, and an earlier one may lie beside the frames
            check_output(path, overwrite=config.overwrite, inputs=inputs)
    opened = OpenEvaluation(config, on_scan, note)
    count = len(opened.sequences)
    found = Evaluation(opened.drawers, count, notes=opened.notes, left_out=opened.left_out)
    done, total = 0, count * len(opened.drawers)

    def advance(drawings: int = 1) -> None:
        nonlocal done
        done += drawings
        if on_progress is not None:
            on_progress(done, total)

    scores: dict[int, SequenceScores] = {}
    try:
        if spread is not None:
            scores.update(spread(count, advance))
        else:
            for number in range(count):
                scores[number] = opened.score(number, advance)
    except KeyboardInterrupt:
        if not scores:
            raise
        found.interrupted = True
    features: dict[str, list[Tensor]] = {label: [] for label in (*found.labels, TRUTH)}
    for number in sorted(scores):
        scored, embedded = scores[number]
        found.sequences.append(scored)
        for label, rows in embedded.items():
            features[label].append(rows)
    _sum_up(found, features, opened.instruments)
    return found


class OpenEvaluation:
    """An evaluation's engines, sequences and metrics, ready to score any of the sequences."""

    def __init__(
        self,
        config: EvaluateConfig,
        on_scan: Callable[[str, int, int], None] | None = None,
        note: Callable[[str], None] | None = None,
    ) -> None:
        """Opens everything; arguments and errors are those of `evaluate`."""
        engines, folders = _sort(config.given)
        device = choose_device(config.device)
        self.drawers = _open_drawers(engines, config.device)
        self.sequences, self.notes = find_sequences(
            folders,
            clips=config.clips,
            length=config.length,
            stride=config.stride,
            size=config.size,
            seed=config.seed,
            on_scan=on_scan,
        )
        self.left_out: dict[str, str] = {}
        """Why metrics are not measured, by their names."""
        self.instruments = _Instruments.open(config, device, self.left_out, note)
        self._features = max(1, _MOST_FEATURES // len(self.sequences))
        self._pictured = config.html is not None

    def score(self, number: int, advance: Callable[[], None] = lambda: None) -> SequenceScores:
        """Scores a sequence by its number; `advance` is called after each engine."""
        sequence = self.sequences[number]
        return _score(sequence, self.drawers, self.instruments, self._features, self._pictured, advance)


def _sort(given: Sequence[str]) -> tuple[list[str | Path], list[Path]]:
    """Separates engines (by name) and checkpoints from folders of frames.

    Raises:
        InputError: one is missing, or there are none of either.
    """
    engines: list[str | Path] = []
    folders: list[Path] = []
    for word in given:
        path = Path(word)
        if word in ENGINES:
            engines.append(word)
        elif path.is_dir() and not (path / "config.json").is_file():
            folders.append(path)
        elif path.exists():
            engines.append(find_checkpoint(path))
        else:
            raise InputError(
                f"{shown(path)}: is no engine ({', '.join(ENGINES)}), and no file or folder has that name; check it"
            )
    if not engines:
        raise InputError(f"nothing to evaluate was given; name an engine ({', '.join(ENGINES)}) or a checkpoint")
    if not folders:
        raise InputError("no frames to evaluate on were given; name a folder of sequences, of frames, or a frame store")
    return list(dict.fromkeys(engines)), folders


def _open_drawers(given: Sequence[str | Path], device: str) -> list[Drawer]:
    paths = [path for path in given if isinstance(path, Path)]
    names = name_apart([_without_suffix(path) for path in paths])
    taken = (*ENGINES, TRUTH)
    labels = {p: f"{name} (network)" if name in taken else name for p, name in zip(paths, names, strict=True)}
    return [
        Drawer(labels[each], open_engine(None, each, device), each)
        if isinstance(each, Path)
        else Drawer(each, open_engine(each, None, "cpu"))
        for each in given
    ]


def _without_suffix(path: Path) -> Path:
    """The label of a checkpoint: the run's name for a best.safetensors, else the file's."""
    path = Path(os.path.realpath(path))
    return path.parent if path.name == "best.safetensors" else path.with_suffix("")


@dataclass(frozen=True)
class _Instruments:
    """The wanted metrics, and the networks that some of them need."""

    wanted: frozenset[str]
    distance: PerceptualDistance | None
    embed: Embedding | None

    @classmethod
    def open(
        cls,
        config: EvaluateConfig,
        device: torch.device,
        left_out: dict[str, str],
        note: Callable[[str], None] | None,
    ) -> "_Instruments":
        """Loads the networks; `left_out` gets the reason if one cannot be loaded."""

        def at_hand(network: Trained, path: Path | None) -> bool:
            if path is not None or is_cached(network):
                return True
            if config.download and note is not None:
                note(f"fetching {network.name}'s weights ({network.size}) from {network.url}")
            return config.download

        distance, embed = None, None
        if "lpips" in config.metrics:
            alex = config.alex_weights is not None or is_cached(ALEXNET)
            vgg = not alex and (config.vgg_weights is not None or is_cached(VGG16))
            try:
                if vgg:
                    distance = PerceptualDistance("vgg", config.vgg_weights, device)
                    left_out["lpips"] = _explain(ALEXNET, "LPIPS is VGG16's, not to be compared with AlexNet's")
                elif at_hand(ALEXNET, config.alex_weights):
                    distance = PerceptualDistance("alex", config.alex_weights, device)
                else:
                    left_out["lpips"] = _explain(ALEXNET, "LPIPS is left out", VGG16)
            except InputError as error:
                left_out["lpips"] = f"LPIPS is left out: {error}"
        if "features" in config.metrics:
            if at_hand(VGG16, config.vgg_weights):
                try:
                    embed = embed_with_vgg(load_vgg(config.vgg_weights, device))
                except InputError as error:
                    left_out["features"] = f"KID, FID, precision and recall are left out: {error}"
            else:
                left_out["features"] = _explain(VGG16, "KID, FID, precision and recall are left out")
        return cls(frozenset(config.metrics), distance, embed)

    def compare(self, drawn: Sequence[Picture], truth: Sequence[Picture]) -> list[Values]:
        """Metrics of each in-between against the true one."""
        rows: list[Values] = [{} for _ in drawn]
        for measure in MEASURES:
            if measure.compare is not None and measure.name in self.wanted:
                for row, one, other in zip(rows, drawn, truth, strict=True):
                    row[measure.key] = measure.compare(one, other)
        if self.distance is not None:
            key = "lpips" if self.distance.backbone == "alex" else "lpips_vgg"
            for row, value in zip(rows, self.distance(drawn, truth), strict=True):
                row[key] = value
        return rows

    def prepare_ends(self, first: Picture, last: Picture) -> dict[str, Callable[[Picture], float]]:
        """Metrics of an in-between, drawn or true, against its key frames, by their keys."""
        found: dict[str, Callable[[Picture], float]] = {}
        if "ghost" in self.wanted:
            found["ghost"] = lambda picture: metrics.ghost_score(picture, first, last)
        if self.wanted & {"see-through", "coherence"}:
            keys = KeyPatches(first, last)
            if "see-through" in self.wanted:
                found["see_through"] = lambda picture: see_through_score(picture, keys)
            if "coherence" in self.wanted:
                found["coherence"] = lambda picture: coherence(picture, keys)
        return found

    def describe(self, pictures: Sequence[Picture], most: int) -> Tensor:
        """Features of at most `most` pictures, spread evenly: (N, D)."""
        assert self.embed is not None
        kept = [pictures[k] for k in sorted({round(k) for k in _spread(len(pictures), most)})]
        height, width = kept[0].shape[:2]
        scale = min(1.0, _FEATURE_SIDE / max(height, width))
        size = max(32, round(width * scale)), max(32, round(height * scale))
        return self.embed(to_tensor([resize_image(picture, *size) for picture in kept]))


def _explain(network: Trained, what: str, other: Trained | None = None) -> str:
    flags = f"{network.flag}" + (f" (or of {other.name} with {other.flag})" if other else "")
    return (
        f"{what}: {network.name}'s weights are not on this machine; give a file of them with {flags}, "
        f"or fetch them with --download ({network.size})"
    )


def _spread(count: int, most: int) -> Iterator[float]:
    """Indices of some of `count` things, spread evenly."""
    most = min(count, most)
    return ((k + 0.5) * count / most - 0.5 for k in range(most))


def _score(
    sequence: TrueSequence,
    drawers: Sequence[Drawer],
    instruments: _Instruments,
    most: int,
    pictured: bool,
    advance: Callable[[], None],
) -> tuple[Scored, dict[str, Tensor]]:
    """Draws a sequence with each engine and measures it; returns also features of some in-betweens."""
    frames, motion = sequence.read()
    height, width = frames[0].shape[:2]
    count = len(frames)
    times = [k / (count - 1) for k in range(count)]
    steps = metrics.StepMotion(frames)
    moved = metrics.motion_size(steps.from_end_to_end() if motion is None else motion)
    first, *between, last = frames
    beside_ends = instruments.prepare_ends(first, last)
    truth = _mean([{key: measure(frame) for key, measure in beside_ends.items()} for frame in between])
    scored = Scored(sequence.name, count, width, height, moved, motion is not None, truth, {}, {}, {})
    features = {TRUTH: instruments.describe(between, most)} if instruments.embed else {}
    if pictured:
        scored.strips[TRUTH] = draw_strip(frames)
    for drawer in drawers:
        drawn = [to_uint8(x) for x in interpolate([first, last], spacing=times, engine=drawer.engine)]
        rows = instruments.compare(drawn[1:-1], between)
        for row, frame in zip(rows, drawn[1:-1], strict=True):
            row |= {key: measure(frame) for key, measure in beside_ends.items()}
        means = _mean(rows)
        if "smoothness" in instruments.wanted:
            means["smoothness"] = steps.smoothness(drawn)
        scored.by_frame[drawer.label], scored.means[drawer.label] = rows, means
        if instruments.embed:
            features[drawer.label] = instruments.describe(drawn[1:-1], most)
        if pictured:
            scored.strips[drawer.label] = draw_strip(drawn)
        advance()
    return scored, features


def _mean(rows: Sequence[Values]) -> Values:
    """Means of each metric over the rows that have it; NaN if none has."""
    keys = dict.fromkeys(key for row in rows for key in row)
    known = {key: [row[key] for row in rows if key in row and math.isfinite(row[key])] for key in keys}
    return {key: fmean(values) if values else math.nan for key, values in known.items()}


def _sum_up(found: Evaluation, features: Mapping[str, list[Tensor]], instruments: _Instruments) -> None:
    """Adds the list of metrics, and the metrics of all in-betweens together."""
    keys = {key for scored in found.sequences for means in scored.means.values() for key in means}
    found.measures = [measure for measure in MEASURES if measure.key in keys]
    if instruments.embed is None:
        return
    real = torch.cat(features[TRUTH])
    if len(real) <= _NEIGHBOURS:
        found.left_out["features"] = (
            f"KID, FID, precision and recall are left out: {len(real)} in-betweens are too few; give "
            f"{_NEIGHBOURS + 1} or more"
        )
        return
    for label in found.labels:
        drawn = torch.cat(features[label])
        precision, recall = metrics.precision_and_recall(drawn, real, _NEIGHBOURS)
        values = {"kid": metrics.kid(drawn, real, paired=True), "fid": metrics.fid(drawn, real)}
        found.sets[label] = values | {"precision": precision, "recall": recall}
    found.set_measures = list(SET_MEASURES)
