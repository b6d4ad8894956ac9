"""`animi interpolate`: draws in-betweens of key frames, or of a whole film."""

from collections.abc import Collection
from dataclasses import fields
from pathlib import Path
from typing import Annotated, Any

import typer

from ..core.config.checks import flag_of
from ..core.config.choices import EASINGS, SPRITE_SHEET, STREAM
from ..core.config.interpolation import (
    EXPOSURE_SHEET,
    KEYS,
    TIME_SHEET,
    USED_WITH,
    InterpolateConfig,
    InterpolateFilmConfig,
    find_timing,
)
from ..core.config.jobs import ClusterConfig, PlanConfig
from ..core.config.parsing import read_range, read_time
from ..core.errors import ClusterError, ConfigError
from ..core.files import shown
from .cluster_options import CLUSTER, take_cluster
from .cluster_table import cluster_table
from .film_results import show_film
from .messages import count_of, print_note, write_line
from .options import AsJson, Change, Given, make_config, options_from
from .output import print_json, print_path
from .progress import progress

_INPUTS = "A B [C …] | FILM"
_WHY_NOT = {
    EXPOSURE_SHEET: "does not go with --sheet, which sets it for each drawing",
    TIME_SHEET: "does not go with a time sheet",
}


@options_from(
    InterpolateConfig,
    InterpolateFilmConfig,
    PlanConfig,
    ClusterConfig,
    inputs=Change(
        "Two key frames or more, in order, or a folder of them; or one drawing with several frames (Aseprite, OCA, the "
        ".json of a sheet). Or one film; - is y4m on stdin.",
        argument=True,
        metavar=_INPUTS,
    ),
    output=Change(
        "A .gif, .webp, .png, .apng, .mp4, .mov, .mkv or .webm, or a folder for numbered PNGs. "
        "Of a film also - for y4m on stdout. Numbered files: out.####.png, .tif, .exr, .dpx, .psd or .ora. "
        "Drawings in layers: a folder for the layers; sprites: a .json with its sheet. Required."
    ),
    fps=Change("Frames a second: 12, 23.976 or 24000/1001. A film: as --factor has it."),
    spacing=Change(metavar="EASING|TIMES", autocompletion=lambda: list(EASINGS)),
    size=Change(metavar="WIDTHxHEIGHT"),
    grid=Change(metavar="WIDTHxHEIGHT"),
    redo=Change(metavar="[FRAMES]"),
    doubt=Change(metavar="FILE|FOLDER"),
    ramp=Change(metavar='"TIME:SPEED …"'),
    plan=Change(metavar="FOLDER"),
    cluster=Change(metavar="ADDRESS"),
    preview=Change(metavar="SECONDS", read=lambda text: read_time(text.removesuffix("s"), "--preview")),
    needs=(),  # checked below, as a time sheet needs no key frames
    panels={"Films": ("factor", "cadence", "ramp", "preview", "resume", "plan"), "Clusters": CLUSTER},
)
def interpolate(
    given: Given,
    range_: Annotated[
        str | None,
        typer.Option(
            "--range",
            metavar="FROM-TO",
            help="Only this part, in seconds or h:mm:ss: 10-20, 1:05-1:30 or 60-.",
            rich_help_panel="Films",
        ),
    ] = None,
    hint: Annotated[
        list[str] | None,
        typer.Option(
            "--hint",
            metavar="X,Y>X,Y",
            help="A point of a key frame and where it is in the next: 120,80>200,96. A single point stays; more points "
            "are a path; none as the first or last point means that the thing appears or disappears. 1: in front means "
            "the second pair, and cat/head: in front means that layer. May be repeated.",
        ),
    ] = None,
    part: Annotated[
        list[str] | None,
        typer.Option(
            "--part",
            metavar="MASK=EASING|TIMES",
            help="What is white in a mask of the first key frame has its own spacing: arm.png=ease-in, or "
            "arm.png=0,0,0.4,1 with a time for each frame. For drawings in layers, it may also be a layer or group: "
            "cat/arm=ease-in. 1: in front means the second pair. May be repeated.",
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Draws the frames between two key frames or more, and writes an animation; or those of a whole film.

    The key frames are part of the animation, pixel for pixel if the format is lossless. A film keeps its length, its
    sound and its subtitles.
    """
    from ..core.media.film_source import find_film

    if range_ is not None:
        given["start"], given["end"] = read_range(range_)
    if hint:
        given["hint"] = tuple(hint)
    if part:
        given["part"] = tuple(part)
    timing = find_timing(given["sheet"]) if "sheet" in given else KEYS
    if "inputs" not in given:
        if timing != TIME_SHEET:
            raise ConfigError(f"missing argument {_INPUTS!r}; see animi interpolate -h")
        given["inputs"] = ()
    if "output" not in given:
        raise ConfigError("missing option '--output' / '-o'; see animi interpolate -h")
    of_pair, of_film = ({field.name for field in fields(kind)} for kind in (InterpolateConfig, InterpolateFilmConfig))
    film = None if _has_layers(given) else find_film(given["inputs"])
    job = given.pop("plan", None)
    cluster = take_cluster(given)
    if film is None:
        _reject({"plan": job}, {"plan"}, PlanConfig, "is for films, and these are key frames")
        if cluster is not None:
            raise ConfigError("--cluster: is for films, and these are key frames; leave it out")
        given["keeps_durations"] = "fps" not in given
        _reject(given, of_film - of_pair, InterpolateFilmConfig, "is for films, and these are key frames")
        unused = {name for name in of_pair if timing not in USED_WITH.get(name, ())}
        _reject(given, unused, InterpolateConfig, _WHY_NOT.get(timing, "cannot be given"))
        if timing == TIME_SHEET:
            from ..core.inbetween.time_sheet import USUAL_FPS, read_time_sheet

            given.setdefault("fps", read_time_sheet(given["sheet"]).fps or USUAL_FPS)
        _interpolate_key_frames(make_config(InterpolateConfig, given), as_json)
        return
    _reject(given, of_pair - of_film - {"inputs"}, InterpolateConfig, "is for key frames, and this is a film")
    if given["output"] == STREAM and as_json:
        raise ConfigError("--json: standard output is the film; leave it out or name a file")
    del given["inputs"]
    config = make_config(InterpolateFilmConfig, given | {"film": film})
    if job is not None:
        if cluster is not None:
            raise ConfigError("--cluster: does not go with --plan; leave one of the two out")
        _plan_film(config, job, as_json)
        return
    if cluster is not None:
        _draw_on_cluster(config, cluster, as_json)
        return
    _interpolate_film(config, as_json)


def _has_layers(given: Given) -> bool:
    """Whether the inputs are drawings in layers or sprites, which are no films."""
    from ..core.media.layers.reading import find_documents

    sprites = given["output"].suffix.lower() == SPRITE_SHEET
    return find_documents(given["inputs"], grid="grid" in given, sprites=sprites) is not None


def _reject(given: Given, names: Collection[str], kind: type, why: str) -> None:
    """Raises a ConfigError if one of the options was given."""
    for field in fields(kind):
        if field.name in names and given.get(field.name) not in (None, False):
            raise ConfigError(f"{flag_of(field)}: {why}; leave it out")


def _interpolate_key_frames(config: InterpolateConfig, as_json: bool) -> None:
    from ..core.inbetween.command import draw_animation
    from ..core.inbetween.doubt_sheet import to_json as describe_doubt

    with progress("Drawing") as show:
        drawn = draw_animation(config, show)
    written = drawn.written
    for note in written.notes:
        print_note(note)
    redone = drawn.redone
    if as_json:
        result: dict[str, Any] = {
            "output": str(written.path),
            "key_frames": drawn.key_frames,
            "frames": written.frames,
            "width": written.width,
            "height": written.height,
            "seconds": round(float(written.seconds), 6),
            "engine": drawn.engine,
            "notes": list(written.notes),
        }
        if config.doubt is not None:
            result["doubtful"] = [describe_doubt(found) for found in drawn.doubtful]
        if redone is not None:
            result |= {"redrawn": list(redone.drawn), "yours": list(redone.yours)}
        print_json(result)
    elif config.dry_run and redone is not None:
        for name in redone.drawn:
            print_path(written.path / name)
    else:
        print_path(written.path)


def _interpolate_film(config: InterpolateFilmConfig, as_json: bool) -> None:
    from ..core.films.interpolation import interpolate_film

    try:
        with progress("Planning") as plan, progress("Drawing") as show:
            drawn = interpolate_film(config, show, print_note, plan)
    except BrokenPipeError:
        if config.output != STREAM:
            raise
        return  # the reader has closed the pipe
    show_film(drawn, doubt=config.doubt is not None, as_json=as_json)


def _draw_on_cluster(config: InterpolateFilmConfig, cluster: ClusterConfig, as_json: bool) -> None:
    from ..core.cluster.films import draw_films
    from ..core.media.codecs import FILM_OUTPUTS

    if STREAM in (config.film, config.output) or config.output.suffix.lower() not in FILM_OUTPUTS:
        raise ConfigError(f"--cluster: needs a film's file, and an output named {', '.join(FILM_OUTPUTS)}")
    with cluster_table() as show:
        film = draw_films([config], cluster, show, print_note)[0]
    if film.reason is not None:
        raise ClusterError(film.reason)
    if film.drawn is None:
        print_path(config.output)  # an earlier run has made it
        return
    for note in film.drawn.notes:
        print_note(note)
    show_film(film.drawn, doubt=config.doubt is not None, as_json=as_json)


def _plan_film(config: InterpolateFilmConfig, folder: Path, as_json: bool) -> None:
    from ..core.films.job import plan_job

    with progress("Planning") as show:
        planned = plan_job(config, folder, show, print_note)
    if as_json:
        print_json(
            {
                "job": str(planned.folder),
                "frames": planned.frames,
                "drawn": planned.drawn,
                "costs": list(planned.costs),
                "notes": list(planned.notes),
            }
        )
    else:
        print_path(planned.folder)
        segments = count_of(len(planned.costs), "segment")
        write_line(f"{segments}; {shown(planned.folder / 'README.txt')} says how to draw them")
