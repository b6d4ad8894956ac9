"""`animi extract-frames`: turns films into training material."""

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..core.config.choices import DROPS, FITS, IMAGE_FORMATS
from ..core.config.material import ExtractFramesConfig
from ..core.config.parsing import read_time
from .messages import say_json, tell, write_line

if TYPE_CHECKING:
    from ..core.material.extraction import Extraction

_DEFAULTS = ExtractFramesConfig(())


def extract_frames(
    videos: Annotated[list[Path], typer.Argument(help="The films: anything that ffmpeg reads, GIF and WebP included.")],
    output: Annotated[
        Path, typer.Option("--output", "-o", help="A folder that gets one folder for each film.")
    ] = _DEFAULTS.output,
    size: Annotated[
        int, typer.Option(help="Side of the square, or the shorter side with --fit keep; 0: as large as the film.")
    ] = _DEFAULTS.size or 0,
    fit: Annotated[
        str, typer.Option(help=f"{', '.join(FITS)}: the square in the middle, bars around, or the film's own shape.")
    ] = _DEFAULTS.fit,
    cuts: Annotated[
        str, typer.Option(help="auto: find the shots; none: one shot; or a file with the times at which shots begin.")
    ] = _DEFAULTS.cuts,
    cut_score: Annotated[
        float, typer.Option(help="From this score on a frame begins a shot; scores.csv lists the scores.")
    ] = _DEFAULTS.cut_score,
    keep_duplicates: Annotated[
        bool, typer.Option("--keep-duplicates", help="Keep held drawings, marked as such.")
    ] = _DEFAULTS.keep_duplicates,
    drop: Annotated[
        str, typer.Option(help=f"Frames to leave out, such as black,credits: any of {', '.join(DROPS)}.")
    ] = ",".join(_DEFAULTS.drop),
    every: Annotated[int, typer.Option(help="Keep one frame of so many.")] = _DEFAULTS.every,
    fps: Annotated[float | None, typer.Option(help="Keep no more frames a second than this.")] = _DEFAULTS.fps,
    start: Annotated[str, typer.Option(help="Begin here: seconds or h:mm:ss.")] = f"{_DEFAULTS.start:g}",
    end: Annotated[str | None, typer.Option(help="Stop here: seconds or h:mm:ss.")] = None,
    max_frames: Annotated[int, typer.Option(help="Frames of one film to keep at most; 0: all.")] = _DEFAULTS.max_frames
    or 0,
    image_format: Annotated[
        str | None,
        typer.Option("--format", help=f"{', '.join(IMAGE_FORMATS)}. Default: png, or none with --packed."),
    ] = _DEFAULTS.format,
    quality: Annotated[int, typer.Option(help="Of JPEG, and of WebP, where 100 loses nothing.")] = _DEFAULTS.quality,
    packed: Annotated[
        bool, typer.Option("--packed", help="Keep the frames in one packed store, which trainers read fastest.")
    ] = _DEFAULTS.packed,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace what an earlier run with other settings left.")
    ] = _DEFAULTS.overwrite,
    as_json: Annotated[bool, typer.Option("--json", help="Print what became of each film as JSON on stdout.")] = False,
) -> None:
    """Turns films into training material: decoded once, cut into shots, held drawings kept once.

    Run the same command again after an interruption, and it goes on.
    """
    config = ExtractFramesConfig(
        videos=tuple(videos),
        output=output,
        size=size or None,
        fit=fit,
        cuts=cuts,
        cut_score=cut_score,
        keep_duplicates=keep_duplicates,
        drop=tuple(kind.strip() for kind in drop.split(",") if kind.strip()),
        every=every,
        fps=fps,
        start=read_time(start, "--start"),
        end=None if end is None else read_time(end, "--end"),
        max_frames=max_frames or None,
        format=image_format,
        quality=quality,
        packed=packed,
        overwrite=overwrite,
    )

    from ..core.material.extraction import extract_frames as extract
    from ..core.material.statistics import measure_material
    from .progress import progress

    with ExitStack() as films:
        show: Callable[..., None] | None = None

        def begin(film: Path, seconds: float | None) -> None:
            nonlocal show
            films.close()
            show = films.enter_context(progress(film.name, seconds))

        def advance(seconds: float) -> None:
            if show is not None:
                show(seconds)

        done = extract(config, on_film=begin, on_time=advance, on_note=tell)
    measured = {}
    for extraction in done:
        if not extraction.was_complete:
            write_line(_tell(extraction))
        if extraction.frames and (as_json or not extraction.was_complete):
            measured[extraction.folder] = measure_material(extraction.folder)
            held = extraction.decoded / (extraction.decoded - extraction.duplicates) if extraction.duplicates else None
            if not extraction.was_complete:
                write_line(f"{extraction.film.name}: {measured[extraction.folder].describe(held)}")
    if as_json:
        found = [(extraction, measured.get(extraction.folder)) for extraction in done]
        say_json([_as_json(each) | {"statistics": None if of is None else asdict(of)} for each, of in found])
        return
    for extraction in done:
        typer.echo(extraction.folder)


def _tell(extraction: "Extraction") -> str:
    shots = "1 shot" if extraction.shots == 1 else f"{extraction.shots} shots"
    parts = [f"{extraction.frames} frames in {shots}, of {extraction.decoded} decoded"]
    if extraction.duplicates:
        parts.append(f"{extraction.duplicates} show held drawings")
    parts += [f"{count} {kind} left out" for kind, count in extraction.dropped.items()]
    if extraction.full:
        parts.append("stopped at --max-frames")
    return f"{extraction.film.name}: {'; '.join(parts)}"


def _as_json(extraction: "Extraction") -> dict[str, Any]:
    return asdict(extraction) | {"film": str(extraction.film), "folder": str(extraction.folder)}
