"""`animi interpolate`: draws the frames between key frames."""

import json
from pathlib import Path
from typing import Annotated

import typer

from ..core.config import DEVICES, EASINGS, ENGINES, ON_FAILURE, InterpolateConfig, read_rate
from .progress import progress

_DEFAULTS = InterpolateConfig((), Path("out.gif"))


def interpolate(
    inputs: Annotated[
        list[Path],
        typer.Argument(metavar="A B [C …]", help="Two key frames or more, in order, or a folder of them."),
    ],
    output: Annotated[
        Path,
        typer.Option(
            "--output", "-o", help="A .gif, .webp, .png, .apng, .mp4, .mov or .webm, or a folder for numbered PNGs."
        ),
    ],
    count: Annotated[
        int, typer.Option("--count", "-n", help="Frames from one key frame to the next, both included.")
    ] = _DEFAULTS.count,
    fps: Annotated[str, typer.Option(help="Frames a second: 12, 23.976 or 24000/1001.")] = str(_DEFAULTS.fps),
    spacing: Annotated[
        str,
        typer.Option(
            help=f"{', '.join(EASINGS)}, or a spacing chart such as 0,0.1,0.35,1, which wins over -n.",
            metavar="EASING|TIMES",
        ),
    ] = _DEFAULTS.spacing,
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
        Path | None, typer.Option(help="A trained network (.safetensors) that draws instead of the engine.")
    ] = None,
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
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace an output that stands there.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print what was written as JSON on stdout.")] = False,
) -> None:
    """Draws the frames between two key frames or more, and writes an animation.

    The key frames are part of it, pixel for pixel where the format keeps pixels.
    """
    config = InterpolateConfig(
        tuple(inputs),
        output,
        count,
        read_rate(fps, "--fps"),
        spacing,
        loop,
        boomerang,
        engine,
        checkpoint,
        device,
        size,
        overwrite,
        on_failure,
    )

    from ..core.inbetween import draw_animation

    with progress("Drawing") as show:
        drawn = draw_animation(config, show)
    written = drawn.written
    for note in written.notes:
        typer.echo(f"animi: {note}", err=True)
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
        typer.echo(json.dumps(result, ensure_ascii=False))
    else:
        typer.echo(written.path)
