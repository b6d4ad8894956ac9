"""A run's folder: its settings, what was measured, pictures, and checkpoints to use and to go on from.

    config.json                     the command and its settings
    metrics.jsonl                   a line for each report: {"step": 10, "discriminator/loss": 1.9, ...}
    losses.png                      the same as curves
    samples/reals.png               what it learns from
    samples/fakes-00000500.png      what it draws at a step, always from the same seeds
    samples/clips-00000500.gif      the same for sequences
    checkpoints/00000500.safetensors, 00000500.state.safetensors
    best.safetensors, best.json     the network with the best score so far, and the score
    tensorboard/                    where TensorBoard is installed

A run that goes on forgets what it wrote after its last checkpoint, as it will write that again.
"""

import json
import shutil
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, fields, is_dataclass
from fractions import Fraction
from importlib.metadata import version
from pathlib import Path
from typing import Any
from weakref import finalize

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn

from ..config.serialise import Config, build_config, describe_config, with_values
from ..config.training import MAY_CHANGE
from ..errors import CheckpointError, ConfigError, InputError, OutputError
from ..files import DRAFT, reason, set_aside, written_beside
from ..json_text import parse_object, read_json
from ..lock import LOCK, take_lock, unlock
from ..media.animation import write_animation
from ..media.frames import from_tensor
from ..media.image_files import write_png
from ..pages.curves import Curve, draw_curves
from ..weights.checkpoint import save_checkpoint
from ..weights.find import find_states
from .state import State, read_state, write_state

_FPS = Fraction(12)
_BEFORE = {"hold_out": 0.0}
"""How a run was trained that is older than a setting, where that is not as the setting's default has it."""
_GAP = 2  # pixels between pictures of a grid


@dataclass(frozen=True)
class Network:
    """What a checkpoint for use holds."""

    module: nn.Module
    """The network, or its EMA."""
    architecture: str
    """Its registered name."""
    config: Any
    """Its config, a dataclass."""


class Run:
    """A run's folder, to write to; use `open_run`. In all but the first process it writes nothing."""

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
        # let go of when the run is closed, or at the latest when nobody knows it any more
        self._unlock = None if lock is None else finalize(self, unlock, folder, lock)
        self.config = config
        self.notes = list(notes)
        """What a person should know, in sentences: a checkpoint was damaged, so an older one was taken."""
        self.state = state
        """What to go on from; None at the beginning. `fit` takes it."""
        self.writes = writes
        self._board = _open_board(folder / "tensorboard", self.first_step) if writes else None
        self._drawn = False  # whether losses.png shows all that was logged: to draw it takes a second or more

    @property
    def first_step(self) -> int:
        """Steps done already, which is the number of the first batch."""
        return self.state.step if self.state else 0

    def log(self, step: int, metrics: Mapping[str, float | str]) -> None:
        """Adds a line to metrics.jsonl, and the numbers to TensorBoard.

        Args:
            step: steps done.
            metrics: by names such as generator/loss; words are kept too, such as a warning.
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

        The state is written last: where it is, the checkpoint is whole.

        Args:
            step: steps done.
            state: as `fit` gives it.
            network: what is of use afterwards.
            keep: how many checkpoints stay.

        Returns:
            The network's file.

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
        """Keeps the network as best.safetensors if none before had a higher score.

        Args:
            step: steps done.
            score: the higher the better.
            network: what to keep.

        Returns:
            Whether it is the best so far.
        """
        place = self.folder / "best.json"
        if not self.writes or not score > self._read_best(place):
            return False
        # the score is written last: should that not come to pass, the next look writes both again
        best = self.folder / "best.safetensors"
        save_checkpoint(best, network.module, network.architecture, network.config, step, overwrite=True)
        _write_json(place, {"step": step, "score": score})
        return True

    def _read_best(self, place: Path) -> float:
        """The best score so far; a file that cannot be read is set aside, and any score is better."""
        try:
            return float(read_json(place)["score"])
        except FileNotFoundError:
            return -float("inf")
        except (ValueError, TypeError, KeyError):
            set_aside(place)
            return -float("inf")

    def sample(self, step: int, images: Tensor, name: str | None = None) -> None:
        """Keeps what the network draws, and draws losses.png anew.

        Args:
            step: steps done.
            images: (N, 3, H, W) in [-1, 1], RGB: a grid, as PNG; or (N, T, 3, H, W): N sequences side by side, as GIF.
            name: None: fakes, or clips where they move.
        """
        if not self.writes:
            return
        name = name or ("fakes" if images.dim() == 4 else "clips")
        self._write_pictures(f"{name}-{step:08d}", images)
        self.draw_losses()
        if self._board is not None and images.dim() == 4:
            self._board.add_image(name, lay_grid(from_tensor(images)), step, dataformats="HWC")

    def show_reals(self, images: Tensor) -> None:
        """Keeps what the network learns from, as samples/reals.png; sequences (N, T, 3, H, W) as reals.gif as well."""
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
        """Draws metrics.jsonl as losses.png, unless that shows it already."""
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
        """Ends what is open, and lets other runs have the folder; leaving a `with` block does it too."""
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
    """Makes a run's folder, or opens one to go on.

    Args:
        folder: the run's; for a new run it is made, or empty.
        config: all settings of the command, a dataclass.
        resume: go on from the newest checkpoint there, or from the beginning where there is none yet.
        command: what the run was started with, such as train-noise.
        writes: whether this process writes: the first one of several. All read the same folder.
        material: the fingerprint of what is learnt from, which is kept, and must be the same when it goes on.

    Raises:
        OutputError: a new run's folder holds something, or it cannot be written.
        InputError: the run to go on with is none, or it has learnt from other films.
        ConfigError: a setting is not the one that the run was started with.
        CheckpointError: all its checkpoints are damaged.
    """
    if resume:
        _check_same(folder, config, command)
        material = _check_material(folder, material)
    elif writes:
        _check_free(folder)
    lock = _lock(folder) if writes else None
    try:
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
    """Raises an OutputError where a new run cannot have the folder."""
    if folder.is_dir() and any(folder.iterdir()) and not _never_began(folder):
        remedy = "add --resume to go on with it, or choose another folder"
        if not (folder / "config.json").is_file():
            remedy = "choose another folder"
        raise OutputError(f"{folder}: holds something already; {remedy}")


def _lock(folder: Path) -> int:
    """Keeps other runs out of the folder, which is made if it is not there.

    Raises:
        OutputError: another run writes to it, or it cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        return take_lock(folder)
    except OSError as error:
        raise OutputError(f"{folder}: cannot be made ({reason(error)}); choose another place") from error


def _begin(folder: Path, config: Any, command: str, material: Sequence[Mapping[str, Any]] | None) -> None:
    """Makes what is in every run's folder."""
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
    """Whether a run stands there that came to nothing: nothing was measured, drawn or kept, but for drafts."""
    parts = {"config.json", "samples", "checkpoints", "tensorboard", LOCK}
    held = {path.name for path in folder.iterdir() if not path.name.startswith(DRAFT)}
    return (
        held <= parts  # where it was killed before it had told its settings, config.json is not there
        and not any((folder / "samples").glob("*"))
        and not any((folder / "checkpoints").glob("*"))
    )


def is_run(path: Path) -> bool:
    """Whether a path is a run's folder, as far as can be seen without reading anything."""
    return (path / "config.json").is_file()


def read_run_config(folder: Path) -> tuple[str, dict[str, Any]]:
    """Reads which command a run was started with, and its settings as JSON holds them.

    Raises:
        InputError: it is no run, or its config.json is damaged.
    """
    path = folder / "config.json"
    try:
        found = read_json(path)
        return str(found["command"]), dict(found["config"])
    except (FileNotFoundError, NotADirectoryError) as error:
        raise InputError(
            f"{folder}: is no run, as it has no config.json; give a folder that a training wrote"
        ) from error
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(f"{path}: is damaged; give another run, or start a new one") from error


def resume_config(folder: Path, kind: type[Config], given: Mapping[str, Any]) -> Config:
    """Reads a run's settings, with those that were given anew.

    Args:
        folder: the run's.
        kind: the command's dataclass.
        given: what a person gave besides, by the names of fields, also those of dataclasses within.

    Raises:
        InputError: it is no run, or one of another command.
        ConfigError: a setting that was given is another than the run's and cannot change.
    """
    _, saved = read_run_config(folder)
    try:
        config = build_config(kind, _complete(kind, saved))
    except (TypeError, KeyError, ValueError) as error:
        raise InputError(f"{folder}: its settings are of another command or version ({error})") from error
    changed: Config = with_values(config, given)
    _compare(folder, describe_config(config), describe_config(changed))
    return changed


def _read_newest(folder: Path) -> tuple[State | None, list[str]]:
    """Reads the newest whole state of a run; None where it was stopped before its first checkpoint.

    Returns:
        The state, and a sentence for each newer one that is damaged.

    Raises:
        CheckpointError: all are damaged.
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


def read_metrics(folder: Path) -> list[dict[str, Any]]:
    """Reads metrics.jsonl: objects with a step each; a last line that was cut off is left out.

    Raises:
        InputError: a line within is damaged.
    """
    path = folder / "metrics.jsonl"
    if not path.is_file():
        return []
    lines = path.read_bytes().splitlines()
    records = []
    for number, line in enumerate(lines, 1):
        try:
            record = parse_object(line)
            if not isinstance(record.get("step"), int):
                raise ValueError
            records.append(record)
        except ValueError as error:
            if number < len(lines):
                raise InputError(f"{path}: line {number} is damaged; remove it") from error
    return records


def read_series(folder: Path) -> dict[str, tuple[list[int], list[float]]]:
    """Reads metrics.jsonl as curves: for each number's name the steps, and its values there."""
    series: dict[str, tuple[list[int], list[float]]] = {}
    for record in read_metrics(folder):
        for name, value in record.items():
            if name != "step" and isinstance(value, int | float):
                steps, values = series.setdefault(name, ([], []))
                steps.append(record["step"])
                values.append(value)
    return series


def lay_grid(frames: list[NDArray[Any]], columns: int | None = None) -> NDArray[np.uint8]:
    """Lays pictures of one size (H, W, 3) out as a grid with white gaps, as square as can be."""
    columns = columns or max(1, round(len(frames) ** 0.5))
    rows = -(-len(frames) // columns)
    height, width = frames[0].shape[:2]
    grid = np.full((rows * (height + _GAP) - _GAP, columns * (width + _GAP) - _GAP, 3), 255, np.uint8)
    for number, frame in enumerate(frames):
        top, left = number // columns * (height + _GAP), number % columns * (width + _GAP)
        grid[top : top + height, left : left + width] = frame
    return grid


def _check_same(folder: Path, config: Any, command: str) -> None:
    """Refuses to go on with other settings.

    Raises:
        InputError: it is no run, or one of another command.
        ConfigError: a setting differs that cannot change.
    """
    was, _ = read_run_config(folder)
    if was != command:
        raise InputError(f"{folder}: is a run of {was or 'another command'}; go on with that command")
    _compare(folder, _read_settings(folder, type(config)), describe_config(config))


def _read_settings(folder: Path, kind: type[Any]) -> dict[str, Any]:
    """A run's settings as JSON holds them; one that is newer than the run has its default, or what stood for it.

    Raises:
        InputError: it is no run, or one of another command or version.
    """
    _, saved = read_run_config(folder)
    try:
        return describe_config(build_config(kind, _complete(kind, saved)))
    except (TypeError, KeyError, ValueError) as error:
        raise InputError(f"{folder}: its settings are of another command or version ({error})") from error


def _check_material(folder: Path, material: Sequence[Mapping[str, Any]] | None) -> Sequence[Mapping[str, Any]] | None:
    """Refuses to go on with other films.

    Returns:
        The fingerprint to keep; a run that is older than fingerprints takes the one that is given.

    Raises:
        InputError: they are others.
    """
    saved = read_json(folder / "config.json").get("material")
    if material is None or not isinstance(saved, list):
        return saved if material is None else material
    if saved != [dict(film) for film in material]:

        def name(films: Sequence[Any]) -> str:
            return ", ".join(f"{film['film']} ({film['frames']} frames)" for film in films) or "no film"

        try:
            was = name(saved)
        except (KeyError, TypeError) as error:
            raise InputError(f"{folder / 'config.json'}: is damaged; give another run, or start a new one") from error
        differs = f"from {was}" if was != name(material) else f"from other frames of {was}"
        raise InputError(
            f"{folder}: has learnt {differs}, and {name(material)} is given; give what it has learnt from, or start a "
            "new run in another folder with -o"
        )
    return saved


def check_settings(folder: Path, config: Any) -> None:
    """Refuses settings of which one is not as a run's; says what to type to go on with it.

    Raises:
        InputError: it is no run, or one of another command.
        ConfigError: a setting differs that cannot change.
    """
    saved = _read_settings(folder, type(config))
    for name, was, now in _differences(saved, describe_config(config)):
        flag = "DATA" if name == "paths" else "--" + name.replace("_", "-")
        raise ConfigError(
            f"{flag}: is {_say(now)} here, and {folder} was started with {_say(was)}; "
            f"{'give' if name == 'paths' else 'add'} {_type(flag, was)} to go on with it, or name another folder"
        )


def _type(flag: str, value: Any) -> str:
    """What to type so that a setting has a value."""
    if flag == "DATA":
        return " ".join(value)
    if isinstance(value, bool):
        return flag if value else f"--no-{flag[2:]}"
    if isinstance(value, list):
        return f"{flag} {','.join(map(str, value)) or 'none'}"
    return f"{flag} {value}"


def _complete(kind: type[Any], saved: Mapping[str, Any]) -> dict[str, Any]:
    """A run's settings, with those that are newer than it as it was trained."""
    names = {field.name for field in fields(kind)} if is_dataclass(kind) else set()
    return {name: value for name, value in _BEFORE.items() if name in names} | dict(saved)


def _compare(folder: Path, saved: Mapping[str, Any], given: Mapping[str, Any]) -> None:
    for name, was, now in _differences(saved, given):
        flag = "--" + name.replace("_", "-")
        raise ConfigError(
            f"{flag}: {_say(now)} was given, but {folder} was started with {_say(was)}; "
            "leave it away, or start a new run in another folder"
        )


def _differences(saved: Mapping[str, Any], given: Mapping[str, Any]) -> Iterator[tuple[str, Any, Any]]:
    """Yields the name of each setting that differs and may not, what it was and what it is."""
    for name in [*saved, *(given.keys() - saved.keys())]:
        if name in MAY_CHANGE:
            continue
        was, now = saved.get(name), given.get(name)
        if isinstance(was, dict) and isinstance(now, dict):
            yield from _differences(was, now)
        elif was != now:
            yield name, was, now


def _say(value: Any) -> str:
    if isinstance(value, list):
        return " ".join(map(str, value)) or "none"
    return "none" if value is None else str(value)


def _forget_after(folder: Path, step: int) -> None:
    """Removes lines and pictures of steps after `step`: they will be written again."""
    path = folder / "metrics.jsonl"
    kept = [record for record in read_metrics(folder) if record["step"] <= step]
    if path.is_file():
        with written_beside(path, overwrite=True) as draft:
            draft.write_text("".join(json.dumps(record, ensure_ascii=False) + "\n" for record in kept), "utf-8")
    for later in (*(folder / "samples").iterdir(), *(folder / "checkpoints").iterdir()):
        number = later.name.partition(".")[0].rpartition("-")[2]
        if number.isdigit() and int(number) > step:
            with suppress(OSError):
                later.unlink()


def _write_json(path: Path, values: Mapping[str, Any]) -> None:
    with written_beside(path, overwrite=True) as draft:
        draft.write_text(json.dumps(values, indent=2, ensure_ascii=False) + "\n", "utf-8")


def _open_board(folder: Path, first_step: int) -> Any:
    """TensorBoard's writer, where it is installed."""
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        return None
    if threading.excepthook is not _skip_board:
        _before.append(threading.excepthook)
        threading.excepthook = _skip_board
    return SummaryWriter(folder, purge_step=first_step + 1 if first_step else None)


_before: list[Callable[[Any], object]] = []  # what heard of errors in threads before we did


def _skip_board(args: Any) -> None:
    """Hears of errors in threads: on a full disk, which we name ourselves, TensorBoard's would print a traceback."""
    ours = isinstance(args.exc_value, OSError) and type(args.thread).__module__.startswith("tensorboard")
    if not ours:
        _before[-1](args)


def _remove_drafts(folder: Path) -> None:
    """Removes what a killed process left half written."""
    for part in (folder, folder / "samples", folder / "checkpoints"):
        for left in part.glob(f"{DRAFT}*"):
            shutil.rmtree(left, ignore_errors=True)
