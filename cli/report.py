"""`animi report`: shows runs side by side on one HTML page."""

from typing import Annotated

import typer

from ..core.config.evaluation import ReportConfig
from .messages import print_note
from .options import Change, Given, make_config, options_from
from .output import print_json, print_path


@options_from(ReportConfig, runs=Change(argument=True))
def report(
    given: Given,
    as_json: Annotated[bool, typer.Option("--json", help="Print the page's path as JSON on stdout.")] = False,
) -> None:
    """Makes one self-contained HTML page of runs: results, warnings, curves, samples and settings."""
    config = make_config(ReportConfig, given)

    from ..core.reports.runs import write_report

    page = write_report(config, print_note)
    if as_json:
        print_json({"output": str(page)})
    else:
        print_path(page)
