"""`animi preview-clips`: shows the clips that a training gets."""

from dataclasses import asdict
from typing import Annotated

import typer

from ..core.config.material import PreviewClipsConfig
from .messages import write_line
from .options import Change, Given, make_config, options_from
from .output import print_json, print_path
from .progress import progress


@options_from(
    PreviewClipsConfig,
    paths=Change(argument=True),
    size=Change(help="Side of each frame in pixels."),
    panels={"Clips": ["clips"]},
)
def preview_clips(
    given: Given,
    as_json: Annotated[bool, typer.Option("--json", help="Print the clips as JSON on stdout.")] = False,
) -> None:
    """Shows clips as a training gets them, one per row: cropped, mirrored, recoloured and reversed."""
    config = make_config(PreviewClipsConfig, given)

    from ..core.material.preview import preview_clips as draw

    scanned: dict[str, int] = {}
    with progress("Finding cuts") as show:

        def scan(film: str, seen: int, total: int) -> None:
            scanned[film] = total
            show(seen, total)

        preview = draw(config, scan)
    for name, total in scanned.items():
        write_line(f"{name}: has no index; scanned its {total} frames for cuts")
    for name in preview.left_out:
        write_line(f"{name}: has no shot that is long enough, and was left out")
    if as_json:
        print_json({"output": str(config.output)} | asdict(preview))
        return
    for number, row in enumerate(preview.rows, 1):
        changed = f" ({', '.join(row.changed)})" if row.changed else ""
        write_line(f"row {number}: {row.film}, frames {row.frames[0]} to {row.frames[-1]}{changed}")
    print_path(config.output)
