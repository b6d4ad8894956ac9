"""Films that several machines draw. Each has a folder with a plan; any machine draws segments into it, one joins them.

    plan.json                what each new frame shows; see `plan_file`
    inputs/                  copies of the checkpoint, the palette and the hints
    segments/                complete segments and their records
    README.txt, Makefile, slurm.sh, openjd.json     for programs that run tasks; see `farm_files`

The film itself is not copied: a machine finds it where it was planned, or where `--film` names it.
"""

import hashlib
import json
import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from shutil import copyfile
from typing import Any

from ..config.choices import STREAM
from ..config.interpolation import InterpolateFilmConfig
from ..config.jobs import DrawConfig, JoinConfig
from ..config.parsing import read_ranges
from ..engines.opening import open_configured
from ..errors import ConfigError, InputError, OutputError
from ..files import Inputs, check_no_input, check_output, reason, shown, sync, write_text, written_beside
from ..inbetween.doubt_sheet import check_doubt_path
from ..json_text import read_json
from ..lock import LOCK, locked
from ..media.codecs import FILM_OUTPUTS
from ..media.film_segments import Segment, name_segment
from ..media.film_sink import choose_streams
from ..media.image_files import SUFFIXES
from ..weights.find import find_checkpoint
from .doubt import FilmDoubt, name_doubt, write_film_page
from .farm_files import FARM_FILES, write_farm_files
from .hints import list_film_masks
from .interpolation import FilmDrawn, report
from .joining import join_film
from .plan import FilmPlan, plan_film
from .plan_file import read_plan, write_plan
from .segment_work import choose_missing, draw_segments, find_segments
from .setup import FilmSetup, OpenEngine, check_places, describe_job, set_up_film
from .work_folder import PLAN, clear, list_changes, name_folder, name_inputs

SEGMENTS = "segments"
"""The folder of segments within a job's folder."""
INPUTS = "inputs"
"""The folder of copied inputs within a job's folder."""
_COPIED = {"checkpoint": "checkpoint.safetensors", "palette": "palette", "hints": "hints.json"}
"""Settings whose files are copied, and the names of the copies; a palette keeps its suffix."""
_STEMS = {Path(name).stem for name in _COPIED.values()}
_MASK = "mask-"  # prefix of copies of the masks that hints name


def name_job(output: Path) -> Path:
    """Returns the folder of a job that a command plans, draws and joins in one go: hidden, beside the output."""
    folder = name_folder(output)
    return folder.with_name(f"{folder.name}-job")


@dataclass(frozen=True)
class JobPlanned:
    """What `plan_job` made.

    Attributes:
        folder: the job's folder.
        frames: how many frames the new film will have.
        drawn: how many of them are drawn.
        costs: what each segment costs to draw, as `segmenting.SEGMENT`.
        notes: sentences for the user.
    """

    folder: Path
    frames: int
    drawn: int
    costs: tuple[float, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True)
class JobDrawn:
    """What `draw_job` made.

    Attributes:
        folder: the job's folder.
        segments: numbers of the segments that it has drawn.
        there: numbers of the wanted segments that were there already.
        missing: how many segments of the film are still to be drawn.
        notes: sentences for the user.
    """

    folder: Path
    segments: tuple[int, ...]
    there: tuple[int, ...]
    missing: int
    notes: tuple[str, ...]


@dataclass(frozen=True)
class OpenJob:
    """A job whose film is open on this machine.

    Attributes:
        folder: the job's folder.
        plan: the film's plan.
        setup: the film.
    """

    folder: Path
    plan: FilmPlan
    setup: FilmSetup

    @property
    def segments(self) -> Path:
        """The folder of its segments."""
        return self.folder / SEGMENTS


def plan_job(
    config: InterpolateFilmConfig,
    folder: Path,
    on_plan: Callable[[int, int | None], None] | None = None,
    on_note: Callable[[str], None] | None = None,
) -> JobPlanned:
    """Plans a film for several machines.

    Args:
        config: what to make of which film; an existing job is replaced with `overwrite` only.
        folder: the job's folder, which is made.
        on_plan: called with the number of new frames planned, and the number in all (None: unknown).
        on_note: called with sentences for the user.

    Raises:
        AnimiError: the film, an option or a place cannot be used.
    """
    if STREAM in (config.film, config.output) or config.output.suffix.lower() not in FILM_OUTPUTS:
        raise ConfigError(f"--plan: needs a film's file, and an output named {', '.join(FILM_OUTPUTS)}")
    if config.resume:
        raise ConfigError("--plan: makes a new plan, and --resume needs none; leave one of the two out")
    check_places(config)
    if config.doubt is not None:
        check_doubt_path(config.doubt, config.output, overwrite=config.overwrite, inputs=name_inputs(config), film=True)
    setup = set_up_film(config, on_note, into_film=True)
    _check_folder(config, folder)
    try:
        folder.mkdir(exist_ok=True)
        with locked(folder):
            _clear_job(folder)
            for part in (SEGMENTS, INPUTS):
                (folder / part).mkdir(exist_ok=True)
            _, notes = choose_streams(setup.film, setup.coding, config.output, folder / SEGMENTS, start=config.start)
            for sentence in notes:
                setup.note(sentence)
            kept = replace(_copy_inputs(config, folder), overwrite=False, resume=False)
            job = describe_job(replace(setup, config=_place_inputs(kept, folder)))
            plan = plan_film(setup, kept, job, on_plan)
            write_farm_files(folder, len(plan.segments))
            write_plan(plan, folder / PLAN)  # the last file, as with it the job is complete
            sync(folder)
    except OSError as error:
        raise OutputError(f"{shown(folder)}: cannot be written ({reason(error)}); choose another folder") from error
    costs = tuple(round(segment.cost, 2) for segment in plan.segments)
    return JobPlanned(folder, plan.frames, plan.drawn, costs, tuple(setup.notes))


def _check_folder(config: InterpolateFilmConfig, folder: Path) -> None:
    if os.path.lexists(folder) and (folder.is_symlink() or not folder.is_dir()):
        raise OutputError(f"{shown(folder)}: is a link or no folder; name a new folder for --plan")
    check_no_input(folder, name_inputs(config))
    if not folder.is_dir():
        check_output(folder, overwrite=False)
        return
    others = [path.name for path in folder.iterdir() if path.name not in (*FARM_FILES, PLAN, SEGMENTS, INPUTS, LOCK)]
    if others:
        raise OutputError(
            f"{shown(folder)}: holds {shown(Path(others[0]))}, which is no part of a job; name a new folder"
        )
    if (folder / PLAN).exists() and not config.overwrite:
        raise OutputError(f"{shown(folder)}: holds a job; add --overwrite to plan again, or name another folder")


def _clear_job(folder: Path) -> None:
    """Deletes an earlier job's files."""
    for part in (SEGMENTS, INPUTS):
        path = folder / part
        if path.is_symlink():
            path.unlink()
        elif path.is_dir():
            if part == SEGMENTS:
                clear(path)
            else:
                for copy in path.iterdir():
                    if copy.stem in _STEMS or copy.name.startswith(_MASK):
                        copy.unlink()
    for name in (*FARM_FILES, PLAN):
        (folder / name).unlink(missing_ok=True)


def _copy_inputs(config: InterpolateFilmConfig, folder: Path) -> InterpolateFilmConfig:
    """Copies the small inputs into the job; returns settings that name the copies, relative to the job's folder."""
    named: dict[str, Any] = {"film": config.film.absolute(), "output": config.output.absolute()}
    if config.doubt is not None:
        named["doubt"] = config.doubt.absolute()
    for setting, name in _COPIED.items():
        path = getattr(config, setting)
        if path is not None:
            path = find_checkpoint(path) if setting == "checkpoint" else path
            name += path.suffix.lower() if setting == "palette" else ""
            if setting == "hints":
                _copy_hints(path, folder / INPUTS, name)
            else:
                copyfile(path, folder / INPUTS / name)
            sync(folder / INPUTS / name)
            named[setting] = Path(INPUTS) / name
    return replace(config, **named)


def _copy_hints(path: Path, folder: Path, name: str) -> None:
    """Copies a file of hints and the masks that it names, which are then named as the copies are."""
    copies: dict[Path, str] = {}
    for number, mask in enumerate(list_film_masks(path)):
        copies[mask] = f"{_MASK}{number}{mask.suffix.lower()}"
        copyfile(mask, folder / copies[mask])
        sync(folder / copies[mask])

    def rename(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: rename(item) for key, item in value.items()}
        if isinstance(value, list):
            return [rename(item) for item in value]
        return copies.get(path.parent / value, value) if isinstance(value, str) else value

    write_text(folder / name, json.dumps(rename(read_json(path))))


def open_job(
    folder: Path,
    film: Path | None = None,
    output: Path | None = None,
    on_note: Callable[[str], None] | None = None,
    open_with: OpenEngine = open_configured,
    *,
    is_part: bool = False,
) -> OpenJob:
    """Reads a job's plan, opens its film, and checks that this machine draws what was planned.

    Args:
        folder: the job's folder.
        film: where the film is on this machine; None: where it was planned.
        output: another output than the planned one, with the same suffix.
        on_note: called with sentences for the user.
        open_with: opens the engine, as `open_configured` does.
        is_part: whether `film` is a part of the film, cut out for the segment that is to be drawn.

    Raises:
        InputError: the plan or the film cannot be used, or something differs from when the film was planned.
    """
    plan = read_plan(folder / PLAN)
    config = _place_inputs(plan.config, folder)
    if film is not None:
        config = replace(config, film=film)
    elif not config.film.exists():
        raise InputError(f"{shown(config.film)}: is not on this machine; name the film with --film")
    if output is not None:
        if output.suffix.lower() != config.output.suffix.lower():
            raise ConfigError(f"--output: the film was planned as {config.output.suffix}; give the output that suffix")
        config = replace(config, output=output)
    setup = set_up_film(config, on_note, into_film=True, timing=plan.timing, open_with=open_with)
    setup.is_part = is_part
    here = describe_job(setup)
    if is_part:
        here["film"] = plan.job.get("film")  # a part has no fingerprint: each of its frames is verified
    if changed := list_changes(plan.job, here):
        raise InputError(
            f"{shown(folder)}: was planned with another {changed}; use the same film and the same animi on "
            "all machines, or plan the film again"
        )
    return OpenJob(folder, replace(plan, config=config), setup)


def _place_inputs(config: InterpolateFilmConfig, folder: Path) -> InterpolateFilmConfig:
    """Settings with the copied inputs of a job in its folder on this machine.

    Raises:
        InputError: the plan names other files than a planned job does.
    """
    named: dict[str, Any] = {}
    for setting, name in _COPIED.items():
        path: Path | None = getattr(config, setting)
        if path is None:
            continue
        suffixes = tuple(SUFFIXES) if setting == "palette" else ("",)
        if path.parent != Path(INPUTS) or path.name not in {name + suffix for suffix in ("", *suffixes)}:
            raise InputError(f"{shown(folder / PLAN)}: names {shown(path)}, which is no file of the job; plan it again")
        place = folder / path
        if place.is_symlink() or place.parent.is_symlink() or not place.is_file():
            raise InputError(f"{shown(place)}: is missing, or a link; plan the film again")
        named[setting] = place
    for mask in list_film_masks(named.get("hints")):
        if mask.parent != folder / INPUTS or mask.is_symlink():
            raise InputError(
                f"{shown(folder)}: its hints name {shown(mask)}, which is no file of the job; plan it again"
            )
    absolute = {"film": config.film, "output": config.output, "doubt": config.doubt}
    for setting, path in absolute.items():
        if path is not None and not path.is_absolute():
            raise InputError(f"{shown(folder / PLAN)}: {setting} is no absolute path; plan the film again")
    if config.output.suffix.lower() not in FILM_OUTPUTS:
        raise InputError(f"{shown(folder / PLAN)}: its output is no film; plan it again")
    return replace(config, **named)


def draw_job(
    config: DrawConfig,
    on_frame: Callable[[int, int | None], None] | None = None,
    on_note: Callable[[str], None] | None = None,
) -> JobDrawn:
    """Draws segments of a job, as `animi draw` does. Existing segments are not drawn again.

    Args:
        config: which segments of which job.
        on_frame: called with the number of frames drawn, and the number in all.
        on_note: called with sentences for the user.

    Raises:
        AnimiError: the job or its film cannot be used, or a segment cannot be written.
    """
    notes: list[str] = []

    def note(sentence: str) -> None:
        notes.append(sentence)
        if on_note is not None:
            on_note(sentence)

    job = open_job(config.job, config.film)
    count = len(job.plan.segments)
    wanted = _choose(config.segments, count)
    drawn, there = draw_wanted(job, wanted, on_frame, note)
    missing = sum(not name_segment(job.segments, number).exists() for number in range(count))
    return JobDrawn(config.job, drawn, there, missing, tuple(notes))


def _choose(text: str | None, count: int) -> list[int]:
    """The numbers of segments in a text.

    Raises:
        ConfigError: the job has no such segment.
    """
    if text is None:
        return list(range(count))
    ranges = read_ranges(text, "--segments", "segments")
    most = max(last for _, last in ranges)
    if most >= count:
        raise ConfigError(f"--segments: the job has no segment {most}; its segments are 0 to {count - 1}")
    return sorted({number for first, last in ranges for number in range(first, last + 1)})


def draw_wanted(
    job: OpenJob,
    wanted: Sequence[int],
    on_frame: Callable[[int, int | None], None] | None,
    note: Callable[[str], None],
) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Draws segments of an open job.

    Args:
        job: the job.
        wanted: the numbers of the segments, rising.
        on_frame: called with the number of frames drawn, and the number in all.
        note: called with sentences for the user.

    Returns:
        The numbers of the segments that were drawn, and of those that were there already.
    """
    folder = job.segments
    try:
        folder.mkdir(exist_ok=True)
        if folder.is_symlink():
            raise OutputError(f"{shown(folder)}: is a link, through which nothing is written; remove it")
        known = find_segments(job.plan, folder, note, wanted)
        numbers = choose_missing(job.plan, folder, known, wanted)
        total = sum(len(job.plan.segments[number].frames) for number in numbers)
        if numbers:
            draw_segments(
                job.setup,
                job.plan,
                folder,
                numbers,
                known,
                lambda done: None if on_frame is None else on_frame(done, total),
            )
    except OSError as error:
        raise OutputError(
            f"{shown(folder)}: cannot be written ({reason(error)}); make room, and run the same command again"
        ) from error
    return tuple(numbers), tuple(number for number in wanted if number not in numbers)


def join_job(
    config: JoinConfig,
    on_note: Callable[[str], None] | None = None,
) -> FilmDrawn:
    """Checks all segments of a job and joins them, as `animi join` does.

    Args:
        config: which job, and where the film is written.
        on_note: called with sentences for the user.

    Raises:
        InputError: the job or its film cannot be used, or segments are missing or damaged.
        OutputError: the output cannot be written.
    """
    job = open_job(config.job, config.film, config.output)
    setup, plan, folder = job.setup, job.plan, job.segments
    setup.notes[:], setup.on_note = [], on_note
    for sentence in plan.notes:
        setup.note(sentence)
    output = setup.config.output
    check_output(output, overwrite=config.overwrite)
    inputs: Inputs = {**name_inputs(setup.config), "the job": [config.job]}
    check_no_input(output, inputs)
    if setup.config.doubt is not None:
        check_doubt_path(setup.config.doubt, output, overwrite=config.overwrite, inputs=inputs, film=True)
    with locked(config.job), written_beside(output, overwrite=config.overwrite) as draft:
        segments = _check_all(job)
        _note_kinds(setup, segments)
        streams, _ = choose_streams(setup.film, setup.coding, output, folder, start=setup.config.start)
        doubt = _gather_doubt(job)
        join_film(
            setup, streams, folder, draft,
            segments=segments, starts=plan.starts, last=plan.last, frames=plan.frames,
        )  # fmt: skip
        if doubt is not None:
            page = replace(setup.config, overwrite=config.overwrite)
            write_film_page(page, setup.clock.usual, doubt.list, plan.frames)
    seconds = setup.find_end(plan.starts[0], plan.last) - plan.starts[0]
    return report(setup, setup.coding.size, plan.frames, plan.drawn, doubt, seconds)


def _check_all(job: OpenJob) -> dict[int, Segment]:
    """Verifies every segment of a job.

    Raises:
        InputError: one is missing or damaged.
    """
    damaged: list[str] = []
    segments = find_segments(job.plan, job.segments, damaged.append)
    lacking = [number for number in range(len(job.plan.segments)) if number not in segments]
    doubts = job.plan.config.doubt is not None
    lacking += [k for k in segments if doubts and not name_doubt(job.segments, k).exists()]
    if lacking:
        state = "damaged or missing" if damaged else "missing"
        raise InputError(
            f"{shown(job.folder)}: of {len(job.plan.segments)} segments, {len(lacking)} are {state}; draw them with "
            f"animi draw {shown(job.folder)} --segments {spell_ranges(sorted(lacking))}"
        )
    return segments


def is_planned(config: InterpolateFilmConfig, folder: Path) -> bool:
    """Returns whether a folder holds the job of these settings, so that it can be resumed.

    Raises:
        OutputError: it holds a job of other settings.
    """
    if not (folder / PLAN).is_file():
        return False
    planned = read_plan(folder / PLAN).config
    place = {name: getattr(planned, name) for name in (*_COPIED, "overwrite", "resume")}
    wanted = replace(config, film=config.film.absolute(), output=config.output.absolute(), **place)
    if config.doubt is not None:
        wanted = replace(wanted, doubt=config.doubt.absolute())
    if wanted != planned:
        raise OutputError(
            f"{shown(config.output)}: was started with other settings; give the same again, or --overwrite without "
            "--resume to restart"
        )
    return True


def remove_job(folder: Path) -> None:
    """Deletes a job's folder, except files that animi has not made."""
    _clear_job(folder)
    for part in (SEGMENTS, INPUTS):
        with suppress(OSError):
            (folder / part).rmdir()
    with suppress(OSError):
        folder.rmdir()


def hash_plan(folder: Path) -> str | None:
    """Returns the SHA-256 of a job's plan file; None if it cannot be read."""
    try:
        return hashlib.sha256((folder / PLAN).read_bytes()).hexdigest()
    except OSError:
        return None


def spell_ranges(numbers: Sequence[int]) -> str:
    """Rising numbers as `read_ranges` reads them: "0,4-6"."""
    parts: list[list[int]] = []
    for number in numbers:
        if parts and number == parts[-1][1] + 1:
            parts[-1][1] = number
        else:
            parts.append([number, number])
    return ",".join(f"{first}-{last}" if last > first else str(first) for first, last in parts)


def _note_kinds(setup: FilmSetup, segments: dict[int, Segment]) -> None:
    """Says where segments were drawn on machines that round differently."""
    kinds: dict[str, list[int]] = {}
    for number, segment in sorted(segments.items()):
        kinds.setdefault(segment.made, []).append(number)
    if len(kinds) > 1:
        usual = max(kinds, key=lambda kind: len(kinds[kind]))
        others = sorted(number for kind, numbers in kinds.items() if kind != usual for number in numbers)
        setup.note(
            f"{shown(setup.config.output)}: segments {spell_ranges(others)} were drawn on another kind of machine than "
            "the others, so the file's bytes differ from those of one machine, by rounding only"
        )


def _gather_doubt(job: OpenJob) -> FilmDoubt | None:
    if job.plan.config.doubt is None:
        return None
    doubt = FilmDoubt()
    for number in range(len(job.plan.segments)):
        if not doubt.load(job.segments, number):
            raise InputError(
                f"{shown(name_doubt(job.segments, number))}: is damaged; remove it, and draw the segment again"
            )
    return doubt
