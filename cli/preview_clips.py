"""`animi preview-clips`: shows the clips that a trainer will be given."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from ..core.config.material import ClipConfig, PreviewClipsConfig
from ..core.errors import ConfigError
from .messages import say_json, write_line
from .progress import progress

_DEFAULTS = PreviewClipsConfig((), Path("clips.png"))
_CLIPS = _DEFAULTS.clips


def preview_clips(
    paths: Annotated[
        list[Path],
        typer.Argument(help="Folders that extract-frames wrote, or folders of images; one film or several in each."),
    ],
    output: Annotated[Path, typer.Option("--output", "-o", help="The picture to write, a PNG.")],
    rows: Annotated[int, typer.Option(help="Clips to show.")] = _DEFAULTS.rows,
    length: Annotated[int, typer.Option(help="Frames of a clip.")] = _CLIPS.length,
    stride: Annotated[int, typer.Option(help="1 takes successive drawings, 2 every other one.")] = _CLIPS.stride,
    size: Annotated[int, typer.Option(help="Side of each frame in pixels.")] = _CLIPS.size,
    crop: Annotated[
        float, typer.Option(help="Smallest share of the shorter side that a random square may have; 1: no crop.")
    ] = _CLIPS.crop,
    flip: Annotated[bool, typer.Option(help="Mirror half of the clips.")] = _CLIPS.flip,
    colour: Annotated[bool, typer.Option(help="Exchange and darken the colour channels.")] = _CLIPS.colour,
    reverse: Annotated[bool, typer.Option(help="Play half of the clips backwards.")] = _CLIPS.reverse,
    weights: Annotated[
        str | None, typer.Option(help="How often each path is drawn from, such as 2,1; else all clips are alike.")
    ] = None,
    seed: Annotated[int, typer.Option(help="The same seed gives the same clips.")] = _CLIPS.seed,
    step: Annotated[int, typer.Option(help="Which batch of the training to show.")] = _DEFAULTS.step,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace a picture that stands there.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the clips as JSON on stdout.")] = False,
) -> None:
    """Shows the clips that a trainer will be given: one a row, as they are cut, mirrored, coloured and played."""
    clips = ClipConfig(length, stride, size, crop, flip, colour, reverse, _read_weights(weights), seed)
    config = PreviewClipsConfig(tuple(paths), output, clips, rows, step, overwrite)

    from ..core.material.preview import preview_clips as draw

    looked: dict[str, int] = {}
    with progress("Looking for cuts") as show:

        def look(film: str, seen: int, total: int) -> None:
            looked[film] = total
            show(seen, total)

        preview = draw(config, look)
    for name, total in looked.items():
        write_line(f"{name}: has no index; looked through its {total} frames for cuts")
    for name in preview.left_out:
        write_line(f"{name}: has no shot that is long enough, and was left out")
    if as_json:
        say_json({"output": str(output)} | asdict(preview))
        return
    for number, row in enumerate(preview.rows, 1):
        changed = f" ({', '.join(row.changed)})" if row.changed else ""
        write_line(f"row {number}: {row.film}, frames {row.frames[0]} to {row.frames[-1]}{changed}")
    typer.echo(output)


def _read_weights(text: str | None) -> tuple[float, ...] | None:
    if text is None:
        return None
    try:
        return tuple(float(part) for part in text.split(","))
    except ValueError as error:
        raise ConfigError(f"--weights: {text} is no list of numbers; write it as 2,1") from error
