"""`animi draw-cartoon`: draws a cartoon of our own, with motion that is known exactly."""

from fractions import Fraction
from pathlib import Path
from typing import Annotated

import typer

from ..core.config.material import DrawCartoonConfig
from ..core.errors import ConfigError
from .messages import say_json, write_line
from .progress import progress

_DEFAULTS = DrawCartoonConfig(Path("cartoon.mp4"))


def draw_cartoon(
    out: Annotated[
        Path,
        typer.Argument(help="What to write: .mp4, .webm, .gif, .webp, .png (APNG; a still with --at), or a folder."),
    ],
    scene: Annotated[
        str, typer.Option(help="film, chase, parade, anything or stickers; a film shows all kinds in turns.")
    ] = _DEFAULTS.scene,
    style: Annotated[
        str | None,
        typer.Option(help="One style for all, such as house, ink, painted or no-line; else as each scene likes."),
    ] = _DEFAULTS.style,
    seed: Annotated[int, typer.Option(help="The same seed gives the same cartoon.")] = _DEFAULTS.seed,
    seconds: Annotated[float, typer.Option(help="How long it lasts.")] = _DEFAULTS.seconds,
    fps: Annotated[str, typer.Option(help="Frames a second, such as 24 or 24000/1001.")] = str(_DEFAULTS.fps),
    hold: Annotated[
        int, typer.Option(help="Frames for which a drawing is held; the camera moves on each.")
    ] = _DEFAULTS.hold,
    size: Annotated[str, typer.Option(help="Width and height in pixels.")] = f"{_DEFAULTS.width}x{_DEFAULTS.height}",
    fine: Annotated[int, typer.Option(help="How finely edges are smoothed: 1, 3, 5 or 7.")] = _DEFAULTS.fine,
    subtitles: Annotated[bool, typer.Option("--subtitles", help="Lay words over the picture.")] = False,
    at: Annotated[float | None, typer.Option(help="Draw only the moment at this second, as a PNG.")] = _DEFAULTS.at,
    truth: Annotated[
        Path | None,
        typer.Option(help="A folder for the exact flow, visibility and line masks of pairs of moments, as .npz."),
    ] = _DEFAULTS.truth,
    pairs: Annotated[
        str | None, typer.Option(help="The pairs, in seconds, such as 0.5:0.6,1:1.25; else each frame and the next.")
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace what stands there.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print what was drawn, shot by shot, as JSON.")] = False,
) -> None:
    """Draws a cartoon: characters, props and places of our own, and on request the exact motion of every pixel."""
    width, height = _read_size(size)
    config = DrawCartoonConfig(
        out, scene, style, seed, seconds, _read_rate(fps), hold, width, height, fine, subtitles, at, truth,
        _read_pairs(pairs), overwrite,
    )  # fmt: skip

    from ..core.cartoon.films import draw_cartoon as draw

    with progress("Drawing") as show:
        drawn = draw(config, show)
    for note in drawn.notes:
        write_line(f"{out}: {note}")
    if as_json:
        shots = [
            {"scene": s.kind, "seed": s.seed, "start": s.start, "frames": s.frames, "title": s.title}
            for s in drawn.shots
        ]
        result = {"out": str(out), "frames": drawn.frames, "shots": shots, "truth": [str(path) for path in drawn.truth]}
        say_json(result)
        return
    typer.echo(out)
    if truth is not None:
        typer.echo(truth)


def _read_size(text: str) -> tuple[int, int]:
    try:
        width, height = (int(part) for part in text.lower().split("x"))
    except ValueError as error:
        raise ConfigError(f"--size: {text} is no size; write it as 512x288") from error
    return width, height


def _read_rate(text: str) -> Fraction:
    try:
        return Fraction(text)
    except (ValueError, ZeroDivisionError) as error:
        raise ConfigError(f"--fps: {text} is no rate; write it as 24 or 24000/1001") from error


def _read_pairs(text: str | None) -> tuple[tuple[float, float], ...]:
    if text is None:
        return ()
    try:
        pairs = [tuple(float(moment) for moment in part.split(":")) for part in text.split(",")]
        return tuple((first, last) for first, last in pairs)
    except ValueError as error:
        raise ConfigError(f"--pairs: {text} is no list of pairs; write it as 0.5:0.6,1:1.25") from error
