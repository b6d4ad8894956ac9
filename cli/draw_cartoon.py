"""`animi draw-cartoon`: draws a cartoon with exactly known motion."""

from pathlib import Path
from typing import Annotated

import typer

from ..core.config.material import DrawCartoonConfig
from ..core.config.parsing import read_both_sides, read_pairs
from .messages import write_line
from .options import Change, Given, make_config, options_from
from .output import print_json, print_path
from .progress import progress

_DEFAULTS = DrawCartoonConfig(Path("cartoon.mp4"))


@options_from(
    DrawCartoonConfig,
    out=Change(argument=True),
    pairs=Change(read=lambda text: read_pairs(text, "--pairs")),
)
def draw_cartoon(
    given: Given,
    size: Annotated[
        str, typer.Option(help="Width and height in pixels.", metavar="WIDTHxHEIGHT")
    ] = f"{_DEFAULTS.width}x{_DEFAULTS.height}",
    as_json: Annotated[bool, typer.Option("--json", help="Print what was drawn, shot by shot, as JSON.")] = False,
) -> None:
    """Draws a cartoon with animi's own characters, props and places, and optionally the exact motion of every pixel."""
    width, height = read_both_sides(size)
    config = make_config(DrawCartoonConfig, given | {"width": width, "height": height})
    out, truth = config.out, config.truth

    from ..core.cartoon.films import draw_cartoon as draw
    from ..core.files import shown

    with progress("Drawing") as show:
        drawn = draw(config, show)
    for note in drawn.notes:
        write_line(f"{shown(out)}: {note}")
    if as_json:
        shots = [
            {"scene": s.kind, "seed": s.seed, "start": s.start, "frames": s.frames, "title": s.title}
            for s in drawn.shots
        ]
        result = {"out": str(out), "frames": drawn.frames, "shots": shots, "truth": [str(path) for path in drawn.truth]}
        print_json(result)
        return
    print_path(out)
    if truth is not None:
        print_path(truth)
