"""`animi evaluate`: measures how well engines and networks draw in-betweens."""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..core.config.evaluation import EvaluateConfig
from ..core.config.jobs import ClusterConfig
from ..core.errors import printable
from .cluster_options import CLUSTER, ON_CLUSTER, take_cluster
from .messages import print_note
from .options import Change, Given, make_config, options_from
from .output import escape_json
from .progress import progress

if TYPE_CHECKING:
    from ..core.reports.evaluation import Evaluation, Measure, Values

_WIDTH = 132  # characters in a line of a table if stdout is a file


@options_from(
    EvaluateConfig,
    ClusterConfig,
    without=("json", "send"),
    panels={"Clusters": CLUSTER},
    cluster=ON_CLUSTER,
    given=Change(argument=True, metavar="ENGINE|CKPT… DATA…", kind=list[str], read=tuple),
    metrics=Change(default="all"),
    html=Change(metavar="FILE"),
)
def evaluate(
    given: Given,
    as_json: Annotated[
        str | None,
        typer.Option("--json", metavar="FILE|-", help="Write every number as JSON; - puts it on stdout for the table."),
    ] = None,
) -> None:
    """Measures in-betweens against true frames: draws the frames between the ends of each sequence, and compares them.

    Prints a table of means over all sequences, and over groups of similar motion.
    """
    cluster = take_cluster(given)
    config = make_config(EvaluateConfig, given | {"json": None if as_json in (None, "-") else Path(str(as_json))})

    from ..core.reports.evaluation import evaluate as evaluate_all
    from ..core.reports.results import as_text, write_results

    scanned: dict[str, int] = {}
    with progress("Evaluating") as show:

        def scan(film: str, seen: int, total: int) -> None:
            scanned[film] = total
            show(seen, total)

        spread = None
        if cluster is not None:
            from ..core.cluster.tasks import spread_evaluation

            spread = spread_evaluation(config, cluster)
        found = evaluate_all(config, show, scan, print_note, spread)
    for name, total in scanned.items():
        print_note(f"{name}: has no index; scanned its {total} frames for cuts")
    for note in (*found.notes, *found.left_out.values()):
        print_note(note)
    write_results(found, config)
    if as_json == "-":
        typer.echo(escape_json(as_text(found, config)), nl=False)
    else:
        _print_tables(found)
    if config.html is not None:
        print_note(f"the frames side by side: {config.html}")
    if found.interrupted:
        print_note(f"interrupted; {len(found.sequences)} of {found.planned} sequences were done, and are reported")
        raise typer.Exit(130)


def _print_tables(found: "Evaluation") -> None:
    """Prints the means, and the metrics of all in-betweens together."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from ..core.reports.results import columns, find_best, title_group

    console = Console(file=sys.stdout, highlight=False)
    if not console.is_terminal:
        console.width = max(console.width, _WIDTH)

    def make_table(title: str, measures: Sequence["Measure"]) -> Table:
        table = Table(title, box=None, pad_edge=False)
        for measure in measures:
            table.add_column(measure.title, justify="right")
        return table

    def fill(table: Table, values: Mapping[str, "Values"], measures: Sequence["Measure"]) -> None:
        best = {measure.key: find_best(values, found.labels, measure) for measure in measures}
        for label, means in values.items():
            texts = [(m.format(means.get(m.key)), label in best[m.key]) for m in measures]
            cells = [Text(text, "bold green" if is_best else "") for text, is_best in texts]
            if means:
                table.add_row(Text(printable(f"  {label}")), *cells)

    table = make_table("", columns(found))
    for number, group in enumerate(found.groups()):
        if number:
            table.add_row()
        table.add_row(Text(printable(title_group(group)), "bold"))
        fill(table, group.means, columns(found))
    console.print(table)
    if found.sets:
        sets = make_table("all in-betweens together", found.set_measures)
        fill(sets, found.sets, found.set_measures)
        console.print()
        console.print(sets)
