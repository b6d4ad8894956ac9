"""`animi report`: makes one HTML page of runs, side by side."""

from pathlib import Path
from typing import Annotated

import typer

from ..core.config.evaluation import ReportConfig
from .messages import say_json, tell

_DEFAULTS = ReportConfig(())


def report(
    runs: Annotated[list[Path], typer.Argument(help="Folders that trainings wrote; others are left out.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="The page to write.")] = _DEFAULTS.output,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace a page that stands there.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the page's path as JSON on stdout.")] = False,
) -> None:
    """Makes one HTML page of runs: results, warnings, curves, samples and settings; it needs no other file."""
    config = ReportConfig(tuple(runs), output, overwrite)

    from ..core.reports.runs import write_report

    page = write_report(config, tell)
    if as_json:
        say_json({"output": str(page)})
    else:
        typer.echo(page)
