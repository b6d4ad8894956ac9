"""`animi report`: makes one HTML page of runs, side by side."""

from typing import Annotated

import typer

from ..core.config.evaluation import ReportConfig
from .messages import tell
from .options import Change, Given, make_config, options_from
from .output import print_json, print_path


@options_from(ReportConfig, runs=Change(argument=True))
def report(
    given: Given,
    as_json: Annotated[bool, typer.Option("--json", help="Print the page's path as JSON on stdout.")] = False,
) -> None:
    """Makes one HTML page of runs: results, warnings, curves, samples and settings; it needs no other file."""
    config = make_config(ReportConfig, given)

    from ..core.reports.runs import write_report

    page = write_report(config, tell)
    if as_json:
        print_json({"output": str(page)})
    else:
        print_path(page)
