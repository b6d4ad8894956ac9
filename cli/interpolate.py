"""`animi interpolate`: draws the frames between key frames, or those of a whole film."""

from pathlib import Path
from typing import Annotated

import typer

from ..core.config.choices import CADENCES, CODECS, DEVICES, EASINGS, ENGINES, ON_FAILURE, STREAM
from ..core.config.interpolation import InterpolateConfig, InterpolateFilmConfig
from ..core.config.parsing import read_range, read_rate, read_time
from ..core.errors import ConfigError
from .messages import say_json, tell
from .progress import progress

_DEFAULTS = InterpolateConfig((), Path("out.gif"))
_FILMS = "Films"


def interpolate(
    inputs: Annotated[
        list[Path],
        typer.Argument(
            metavar="A B [C …] | FILM",
            help="Two key frames or more, in order, or a folder of them. Or one film; - is y4m on stdin.",
        ),
    ],
    output: Annotated[
        Path,
        typer.Option(
            "--output",
            "-o",
            help="A .gif, .webp, .png, .apng, .mp4, .mov or .webm, or a folder for numbered PNGs. "
            "Of a film also .mkv, or - for y4m on stdout.",
        ),
    ],
    count: Annotated[
        int | None,
        typer.Option(
            "--count",
            "-n",
            help="Frames from one key frame to the next, both included.",
            show_default=str(_DEFAULTS.count),
        ),
    ] = None,
    fps: Annotated[
        str | None,
        typer.Option(
            help="Frames a second: 12, 23.976 or 24000/1001. A film: as --factor has it.",
            show_default=str(_DEFAULTS.fps),
        ),
    ] = None,
    spacing: Annotated[
        str | None,
        typer.Option(
            help=f"{', '.join(EASINGS)}, or a spacing chart such as 0,0.1,0.35,1, which wins over -n.",
            metavar="EASING|TIMES",
            show_default=_DEFAULTS.spacing,
        ),
    ] = None,
    sheet: Annotated[
        Path | None,
        typer.Option(help="An exposure sheet (.csv): drawing, hold, inbetweens, on, spacing for each key frame."),
    ] = None,
    loop: Annotated[bool, typer.Option("--loop", help="Go on from the last key frame to the first.")] = False,
    boomerang: Annotated[bool, typer.Option("--boomerang", help="Play to the end and back.")] = False,
    engine: Annotated[
        str | None,
        typer.Option(
            help=f"{', '.join(ENGINES)}: learnt motion, classical motion, or a plain cross-fade.",
            show_default=ENGINES[0],
            autocompletion=lambda: list(ENGINES),
        ),
    ] = _DEFAULTS.engine,
    checkpoint: Annotated[
        Path | None,
        typer.Option(help="A trained network, or a run's folder, that draws instead of the engine."),
    ] = None,
    mix: Annotated[
        bool,
        typer.Option(
            "--mix", help="Mix the two moved key frames where they disagree, instead of choosing one of them."
        ),
    ] = False,
    device: Annotated[
        str,
        typer.Option(help=f"Where a network runs: {', '.join(DEVICES)}.", autocompletion=lambda: list(DEVICES)),
    ] = _DEFAULTS.device,
    size: Annotated[
        str | None,
        typer.Option(metavar="WIDTHxHEIGHT", help="Resize the key frames first; one number is the longer side."),
    ] = None,
    on_failure: Annotated[
        str,
        typer.Option(
            help="Where motion cannot be what happened, as at a cut: "
            f"{', '.join(ON_FAILURE)} (hold the nearer key frame, blend both, draw along the motion all the same).",
            metavar="|".join(ON_FAILURE),
            autocompletion=lambda: list(ON_FAILURE),
        ),
    ] = _DEFAULTS.on_failure,
    factor: Annotated[
        str | None,
        typer.Option(
            help="Of a film: how many times as many frames: 2, 2.5 or 5/2.", show_default="2", rich_help_panel=_FILMS
        ),
    ] = None,
    cadence: Annotated[
        str | None,
        typer.Option(
            help="Of a film: what becomes of drawings held on twos and threes: in-betweens on every frame (smooth), "
            "or as many frames to a drawing as before (keep).",
            metavar="|".join(CADENCES),
            show_default=CADENCES[0],
            autocompletion=lambda: list(CADENCES),
            rich_help_panel=_FILMS,
        ),
    ] = None,
    range_: Annotated[
        str | None,
        typer.Option(
            "--range",
            metavar="FROM-TO",
            help="Of a film: only this part, in seconds or h:mm:ss: 10-20, 1:05-1:30 or 60-.",
            rich_help_panel=_FILMS,
        ),
    ] = None,
    preview: Annotated[
        str | None,
        typer.Option(
            metavar="SECONDS",
            help="Of a film: only so much from its start or --range's, quickly encoded: 5s.",
            rich_help_panel=_FILMS,
        ),
    ] = None,
    codec: Annotated[
        str | None,
        typer.Option(
            help=f"Of a film: {', '.join(CODECS)}.",
            show_default="by the output's suffix",
            autocompletion=lambda: list(CODECS),
            rich_help_panel=_FILMS,
        ),
    ] = None,
    crf: Annotated[
        int | None,
        typer.Option(
            help="Of a film: constant rate factor, lower is better and larger.",
            show_default="by the codec",
            rich_help_panel=_FILMS,
        ),
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Of a film: go on where a run was interrupted.", rich_help_panel=_FILMS)
    ] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace an output that stands there.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print what was written as JSON on stdout.")] = False,
) -> None:
    """Draws the frames between two key frames or more, and writes an animation; or those of a whole film.

    The key frames are part of it, pixel for pixel where the format keeps pixels. A film keeps its length, its sound and
    its subtitles.
    """
    from ..core.media.film_source import find_film

    film = find_film(inputs)
    if film is not None:
        _refuse(
            "is for key frames, and this is a film",
            {
                "-n": count,
                "--spacing": spacing,
                "--sheet": sheet,
                "--size": size,
                "--loop": loop,
                "--boomerang": boomerang,
            },
        )
        if output == STREAM and as_json:
            raise ConfigError("--json: standard output is the film; leave it out or name a file")
        start, end = (0.0, None) if range_ is None else read_range(range_)
        film_config = InterpolateFilmConfig(
            film,
            output,
            None if factor is None else read_rate(factor, "--factor"),
            None if fps is None else read_rate(fps, "--fps"),
            cadence or CADENCES[0],
            start,
            end,
            None if preview is None else read_time(preview.removesuffix("s"), "--preview"),
            codec,
            crf,
            engine,
            checkpoint,
            mix,
            device,
            on_failure,
            overwrite,
            resume,
        )
        _interpolate_film(film_config, as_json)
        return
    _refuse(
        "is for films, and these are key frames",
        {
            "--factor": factor,
            "--cadence": cadence,
            "--range": range_,
            "--preview": preview,
            "--codec": codec,
            "--crf": crf,
            "--resume": resume,
        },
    )
    config = InterpolateConfig(
        tuple(inputs),
        output,
        _DEFAULTS.count if count is None else count,
        _DEFAULTS.fps if fps is None else read_rate(fps, "--fps"),
        _DEFAULTS.spacing if spacing is None else spacing,
        loop,
        boomerang,
        engine,
        checkpoint,
        mix,
        device,
        size,
        overwrite,
        on_failure,
        sheet,
    )
    if sheet is not None:
        _refuse("does not go with --sheet, which says it of each drawing", {"-n": count, "--spacing": spacing})
    _interpolate_key_frames(config, as_json)


def _refuse(why: str, given: dict[str, object]) -> None:
    for flag, value in given.items():
        if value is not None and value is not False:
            raise ConfigError(f"{flag}: {why}; leave it out")


def _interpolate_key_frames(config: InterpolateConfig, as_json: bool) -> None:
    from ..core.inbetween.command import draw_animation

    with progress("Drawing") as show:
        drawn = draw_animation(config, show)
    written = drawn.written
    for note in written.notes:
        tell(note)
    if as_json:
        result = {
            "output": str(written.path),
            "key_frames": drawn.key_frames,
            "frames": written.frames,
            "width": written.width,
            "height": written.height,
            "seconds": round(float(written.seconds), 6),
            "engine": drawn.engine,
            "notes": list(written.notes),
        }
        say_json(result)
    else:
        typer.echo(written.path)


def _interpolate_film(config: InterpolateFilmConfig, as_json: bool) -> None:
    from ..core.films.interpolation import interpolate_film

    try:
        with progress("Drawing") as show:
            drawn = interpolate_film(config, show, tell)
    except BrokenPipeError:
        if config.output != STREAM:
            raise
        return  # whoever reads has had enough
    if as_json:
        result = {
            "output": str(drawn.path),
            "frames": drawn.frames,
            "drawn": drawn.drawn,
            "width": drawn.width,
            "height": drawn.height,
            "seconds": round(float(drawn.seconds), 6),
            "fps": None if drawn.rate is None else str(drawn.rate),
            "engine": drawn.engine,
            "resumed": drawn.resumed,
            "notes": list(drawn.notes),
        }
        say_json(result)
    elif config.output != STREAM:
        typer.echo(drawn.path)
