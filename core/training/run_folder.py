"""A run's folder: settings, measurements, pictures, and checkpoints to use and to resume from.

    config.json                     the command and its settings
    metrics.jsonl                   one object a report: {"step": 10, "discriminator/loss": 1.9, ...}
    losses.png                      the curves of metrics.jsonl
    samples/reals.png               pictures that it learns from
    samples/fakes-00000500.png      pictures drawn at a step, from the same latents each time
    samples/clips-00000500.gif      sequences drawn at a step
    checkpoints/00000500.safetensors, 00000500.state.safetensors
    best.safetensors, best.json     the network with the best score so far, and the score
    tensorboard/                    where TensorBoard is installed

A resumed run removes what was written after its last checkpoint, and writes it again.
"""

import json
import math
import shutil
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from fractions import Fraction
from importlib.metadata import version
from pathlib import Path
from typing import Any
from weakref import finalize

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn

from ..config.serialise import describe_config
from ..errors import CheckpointError, OutputError
from ..files import DRAFT, check_no_stream, reason, set_aside, shown, written_beside
from ..json_text import read_json
from ..lock import LOCK, take_lock, unlock
from ..media.animation import write_animation
from ..media.frames import from_tensor
from ..media.image_files import write_png
from ..pages.curves import Curve, draw_curves
from ..weights.checkpoint import save_checkpoint
from ..weights.find import find_states
from .metrics_file import read_metrics, read_series
from .run_settings import check_same_material, check_same_settings
from .state import State, read_state, write_state

_FPS = Fraction(12)
_GAP = 2  # pixels between pictures of a grid


@dataclass(frozen=True)
class Network:
    """What a checkpoint to use holds."""

    module: nn.Module
    """The network, or its EMA."""
    architecture: str
    """Its registered name."""
    config: Any
    """Its config, a dataclass."""


class Run:
    """Writes a run's folder; `open_run` makes it. Processes other than the first write nothing."""

    def __init__(
        self,
        folder: Path,
        config: Any,
        *,
        state: State | None,
        writes: bool,
        notes: Sequence[str] = (),
        lock: int | None = None,
    ) -> None:
        self.folder = folder
        # released when the run is closed, or when the object is garbage-collected
        self._unlock = None if lock is None else finalize(self, unlock, folder, lock)
        self.config = config
        self.notes = list(notes)
        """Sentences for the person who trains, such as that a checkpoint was damaged and an older one is used."""
        self.state = state
        """The state to resume from, for `fit`. None: the run starts from the beginning."""
        self.writes = writes
        self._board = _open_board(folder / "tensorboard", self.first_step) if writes else None
        self._drawn = False  # whether losses.png is up to date: drawing it takes a second or more

    @property
    def first_step(self) -> int:
        """The number of steps done, which is the number of the first batch."""
        return self.state.step if self.state else 0

    def log(self, step: int, metrics: Mapping[str, float | str]) -> None:
        """Adds a line to metrics.jsonl, and the numbers to TensorBoard.

        Args:
            step: steps done.
            metrics: values by names such as generator/loss; text, such as a warning, is kept too.
        """
        if not self.writes:
            return
        line = json.dumps({"step": step} | dict(metrics), ensure_ascii=False)
        with (self.folder / "metrics.jsonl").open("a", encoding="utf-8") as file:
            file.write(line + "\n")
        self._drawn = False
        if self._board is not None:
            for name, value in metrics.items():
                if isinstance(value, int | float):
                    self._board.add_scalar(name, value, step)

    def save(self, step: int, state: State, network: Network, keep: int = 3) -> Path:
        """Writes a checkpoint, and removes all but the newest.

        The state is written last, so that a checkpoint with a state is complete.

        Args:
            step: steps done.
            state: the training's state.
            network: the network to use after the training.
            keep: number of checkpoints to keep.

        Returns:
            The path of the network's file.

        Raises:
            OutputError: it cannot be written.
        """
        path = self.folder / "checkpoints" / f"{step:08d}.safetensors"
        if self.writes:
            save_checkpoint(path, network.module, network.architecture, network.config, step, overwrite=True)
            write_state(path.with_suffix(".state.safetensors"), state)
            for old in find_states(self.folder)[:-keep]:
                old.unlink(missing_ok=True)
                old.with_name(old.name.replace(".state.", ".")).unlink(missing_ok=True)
        return path

    def save_best(self, step: int, score: float, network: Network) -> bool:
        """Writes the network to best.safetensors if its score is the highest so far.

        Args:
            step: steps done.
            score: higher is better.
            network: the network.

        Returns:
            Whether it was written.
        """
        place = self.folder / "best.json"
        if not self.writes or not score > self._read_best(place):
            return False
        # the score is written last: if the process is killed before, the next evaluation writes both again
        best = self.folder / "best.safetensors"
        save_checkpoint(best, network.module, network.architecture, network.config, step, overwrite=True)
        _write_json(place, {"step": step, "score": score})
        return True

    def _read_best(self, place: Path) -> float:
        """The best score so far; -inf if there is none, or if the file is damaged, which is then set aside."""
        try:
            score = float(read_json(place)["score"])
            if not math.isfinite(score):  # no score is above it, or none is compared with it
                raise ValueError
            return score
        except FileNotFoundError:
            return -float("inf")
        except (ValueError, TypeError, KeyError):
            set_aside(place)
            return -float("inf")

    def sample(self, step: int, images: Tensor, name: str | None = None) -> None:
        """Writes pictures that the network has drawn, and updates losses.png.

        Args:
            step: steps done.
            images: (N, 3, H, W) in [-1, 1], RGB: a grid, as PNG; or (N, T, 3, H, W): N sequences side by side, as GIF.
            name: the file's name. None: "fakes" for pictures, "clips" for sequences.
        """
        if not self.writes:
            return
        name = name or ("fakes" if images.dim() == 4 else "clips")
        self._write_pictures(f"{name}-{step:08d}", images)
        self.draw_losses()
        if self._board is not None and images.dim() == 4:
            self._board.add_image(name, lay_grid(from_tensor(images)), step, dataformats="HWC")

    def show_reals(self, images: Tensor) -> None:
        """Writes training pictures to samples/reals.png; sequences (N, T, 3, H, W) also to samples/reals.gif."""
        if self.writes:
            if images.dim() == 5:
                self._write_pictures("reals", images)
                images = images[:, 0]
            self._write_pictures("reals", images)

    def _write_pictures(self, name: str, images: Tensor) -> None:
        path = self.folder / "samples" / name
        if images.dim() == 4:
            write_png(path.with_suffix(".png"), lay_grid(from_tensor(images)))
            return
        frames = (lay_grid(from_tensor(images[:, t])) for t in range(images.shape[1]))
        write_animation(path.with_suffix(".gif"), frames, fps=_FPS, overwrite=True, count=images.shape[1])

    def draw_losses(self) -> None:
        """Draws the curves of metrics.jsonl as losses.png, unless it is up to date."""
        if self._drawn or not self.writes:
            return
        panels = {
            name: [Curve(name, *values)]
            for name, values in read_series(self.folder).items()
            if not name.endswith("/scale")
        }
        if panels:
            with written_beside(self.folder / "losses.png", overwrite=True) as draft:
                draft.write_bytes(draw_curves(panels))
        self._drawn = True

    def __enter__(self) -> "Run":
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    def close(self) -> None:
        """Closes the files, and unlocks the folder; leaving a `with` block does it too."""
        try:
            self.draw_losses()
            if self._board is not None:
                self._board.close()
        finally:
            if self._unlock is not None:
                self._unlock()


def open_run(
    folder: Path,
    config: Any,
    resume: bool = False,
    *,
    command: str = "",
    writes: bool = True,
    material: Sequence[Mapping[str, Any]] | None = None,
) -> Run:
    """Starts a new run, or resumes one.

    Args:
        folder: the run's folder; for a new run it must be empty or missing.
        config: all settings of the command, a dataclass.
        resume: resume from the newest checkpoint, or from the beginning if there is none yet.
        command: the command's name, such as train-noise.
        writes: whether this process writes; of several, the first. All read the same folder.
        material: the fingerprint of the films that are trained on; a resumed run must have the same.

    Raises:
        OutputError: the folder of a new run is not empty, it cannot be written, or a file in it is a link.
        InputError: the folder to resume is no run, or a run of another command or with other films.
        ConfigError: a setting differs from the run's and cannot change.
        CheckpointError: all checkpoints are damaged.
    """
    if resume:
        check_same_settings(folder, config, command)
        material = check_same_material(folder, material)
    elif writes:
        _check_free(folder)
    lock = _lock(folder) if writes else None
    try:
        if writes and resume:
            _check_links(folder)
        state, notes = _read_newest(folder) if resume else (None, [])
        if writes:
            if not resume:
                _check_free(folder)  # another run may just have ended
            _begin(folder, config, command, material)
            if resume:
                _remove_drafts(folder)
                _forget_after(folder, state.step if state else 0)
        return Run(folder, config, state=state, writes=writes, notes=notes, lock=lock)
    except BaseException:
        if lock is not None:
            unlock(folder, lock)
        raise


def _check_free(folder: Path) -> None:
    """Raises an OutputError if a new run cannot use the folder."""
    check_no_stream(folder)
    if folder.is_dir() and any(folder.iterdir()) and not _never_began(folder):
        remedy = "add --resume to resume it, or choose another folder"
        if not (folder / "config.json").is_file():
            remedy = "choose another folder"
        raise OutputError(f"{folder}: holds something already; {remedy}")


def _check_links(folder: Path) -> None:
    """Rejects a run in which a file that is written is a link: what it leads to belongs to somebody else.

    Raises:
        OutputError: one is.
    """
    ours = [folder / name for name in ("config.json", "metrics.jsonl", "losses.png", "best.json", "best.safetensors")]
    for path in (*ours, *(folder / "samples").glob("*"), *(folder / "checkpoints").glob("*")):
        if path.is_symlink():
            raise OutputError(f"{shown(path)}: is a link, through which nothing is written; remove it")


def _lock(folder: Path) -> int:
    """Locks the folder, which is made if it is missing.

    Raises:
        OutputError: another run has locked it, or it cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        return take_lock(folder)
    except OSError as error:
        raise OutputError(f"{folder}: cannot be made ({reason(error)}); choose another place") from error


def _begin(folder: Path, config: Any, command: str, material: Sequence[Mapping[str, Any]] | None) -> None:
    """Makes the folders within, and config.json."""
    try:
        for part in ("samples", "checkpoints"):
            (folder / part).mkdir(exist_ok=True)
    except OSError as error:
        raise OutputError(f"{folder}: cannot be made ({reason(error)}); choose another place") from error
    settings: dict[str, Any] = {
        "command": command,
        "animi_version": version("animi"),
        "config": describe_config(config),
    }
    if material is not None:
        settings["material"] = list(material)
    _write_json(folder / "config.json", settings)


def _never_began(folder: Path) -> bool:
    """Whether the folder is of a run that ended before it measured, drew or saved anything."""
    parts = {"config.json", "samples", "checkpoints", "tensorboard", LOCK}
    held = {path.name for path in folder.iterdir() if not path.name.startswith(DRAFT)}
    return (
        held <= parts  # config.json is missing if the run was killed before it was written
        and not any((folder / "samples").glob("*"))
        and not any((folder / "checkpoints").glob("*"))
    )


def _read_newest(folder: Path) -> tuple[State | None, list[str]]:
    """Reads the newest complete state of a run.

    Returns:
        The state (None: the run was stopped before its first checkpoint), and a sentence for each damaged newer one.

    Raises:
        CheckpointError: all states are damaged.
    """
    notes: list[str] = []
    for path in reversed(find_states(folder)):
        try:
            return read_state(path), notes
        except CheckpointError as error:
            notes.append(str(error))
    if notes:
        raise CheckpointError(notes[0])
    return None, [f"{folder}: has no checkpoint yet, so it starts from the beginning"]


def lay_grid(frames: list[NDArray[Any]], columns: int | None = None) -> NDArray[np.uint8]:
    """Lays out pictures of one size, (H, W, 3), as a grid with white gaps, nearly square unless `columns` is given."""
    columns = columns or max(1, round(len(frames) ** 0.5))
    rows = -(-len(frames) // columns)
    height, width = frames[0].shape[:2]
    grid = np.full((rows * (height + _GAP) - _GAP, columns * (width + _GAP) - _GAP, 3), 255, np.uint8)
    for number, frame in enumerate(frames):
        top, left = number // columns * (height + _GAP), number % columns * (width + _GAP)
        grid[top : top + height, left : left + width] = frame
    return grid


def _forget_after(folder: Path, step: int) -> None:
    """Removes the lines, pictures and checkpoints of steps after `step`."""
    path = folder / "metrics.jsonl"
    kept = [record for record in read_metrics(folder) if record["step"] <= step]
    if path.is_file():
        with written_beside(path, overwrite=True) as draft:
            draft.write_text("".join(json.dumps(record, ensure_ascii=False) + "\n" for record in kept), "utf-8")
    for later in (*(folder / "samples").iterdir(), *(folder / "checkpoints").iterdir()):
        number = later.name.partition(".")[0].rpartition("-")[2]
        if number.isascii() and number.isdigit() and int(number) > step:
            with suppress(OSError):
                later.unlink()


def _write_json(path: Path, values: Mapping[str, Any]) -> None:
    with written_beside(path, overwrite=True) as draft:
        draft.write_text(json.dumps(values, indent=2, ensure_ascii=False) + "\n", "utf-8")


def _open_board(folder: Path, first_step: int) -> Any:
    """Opens TensorBoard's writer. None: TensorBoard is not installed."""
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        return None
    if threading.excepthook is not _skip_board:
        _before.append(threading.excepthook)
        threading.excepthook = _skip_board
    return SummaryWriter(folder, purge_step=first_step + 1 if first_step else None)


_before: list[Callable[[Any], object]] = []  # the hook for errors in threads that was set before ours


def _skip_board(args: Any) -> None:
    """Handles errors in threads: TensorBoard's own thread would print a traceback when the disk is full."""
    ours = isinstance(args.exc_value, OSError) and type(args.thread).__module__.startswith("tensorboard")
    if not ours:
        _before[-1](args)


def _remove_drafts(folder: Path) -> None:
    """Removes the drafts of a process that was killed."""
    for part in (folder, folder / "samples", folder / "checkpoints"):
        for left in part.glob(f"{DRAFT}*"):
            shutil.rmtree(left, ignore_errors=True)
