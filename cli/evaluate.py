"""`animi evaluate`: measures how well engines and networks draw in-betweens, and shows it."""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..core.config.choices import DEVICES, ENGINES, METRICS
from ..core.config.evaluation import EvaluateConfig
from ..core.errors import printable
from .messages import escape_json, tell
from .progress import progress

if TYPE_CHECKING:
    from ..core.reports.evaluation import Evaluation, Measure, Values

_DEFAULTS = EvaluateConfig(())
_WIDTH = 132  # letters of a table where stdout is a file


def evaluate(
    given: Annotated[
        list[str],
        typer.Argument(
            metavar="ENGINE|CKPT… DATA…",
            help=f"What is to draw ({', '.join(ENGINES)}, checkpoints, folders of runs), and folders of sequences, of "
            "frames, or frame stores, in any order.",
        ),
    ],
    clips: Annotated[int, typer.Option(help="Clips cut from films.")] = _DEFAULTS.clips,
    length: Annotated[
        int, typer.Option(help="Frames of a clip with its ends; a folder of no more images is one sequence, whole.")
    ] = _DEFAULTS.length,
    stride: Annotated[
        int, typer.Option(help="1 takes successive drawings of a film, 2 every other.")
    ] = _DEFAULTS.stride,
    size: Annotated[
        int | None,
        typer.Option(
            help="Side of the squares cut from films, and longer side of sequences.",
            show_default="256, and as they are",
        ),
    ] = _DEFAULTS.size,
    seed: Annotated[int, typer.Option(help="The same seed gives the same clips.")] = _DEFAULTS.seed,
    metrics: Annotated[
        str | None,
        typer.Option(
            help=f"What is measured, some of {','.join(METRICS)}; the last are the slowest.", show_default="all"
        ),
    ] = None,
    alex_weights: Annotated[
        Path | None,
        typer.Option(
            help="AlexNet's weights, for LPIPS: .safetensors with torchvision's names, or torchvision's .pth.",
            show_default="torch's cache",
        ),
    ] = None,
    vgg_weights: Annotated[
        Path | None,
        typer.Option(
            help="VGG16's likewise, for features, and for LPIPS where AlexNet's are not to be had.",
            show_default="torch's cache",
        ),
    ] = None,
    download: Annotated[bool, typer.Option("--download", help="Fetch weights that are not on this machine.")] = False,
    device: Annotated[
        str, typer.Option(help=f"Where networks run: {', '.join(DEVICES)}.", autocompletion=lambda: list(DEVICES))
    ] = _DEFAULTS.device,
    as_json: Annotated[
        str | None,
        typer.Option("--json", metavar="FILE|-", help="Write every number as JSON; - puts it on stdout for the table."),
    ] = None,
    html: Annotated[
        Path | None, typer.Option(help="Write a page with the frames side by side, the worst first.", metavar="FILE")
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace files that stand there.")] = False,
) -> None:
    """Measures in-betweens against the truth: the ends of each sequence are given, what lies between is drawn.

    Prints a table, of all sequences and of those that move alike.
    """
    config = EvaluateConfig(
        tuple(given),
        clips,
        length,
        stride,
        size,
        seed,
        METRICS if metrics is None else tuple(name.strip() for name in metrics.split(",") if name.strip()),
        alex_weights,
        vgg_weights,
        download,
        device,
        None if as_json in (None, "-") else Path(str(as_json)),
        html,
        overwrite,
    )

    from ..core.reports.evaluation import evaluate as judge
    from ..core.reports.results import as_text, write_results

    looked: dict[str, int] = {}
    with progress("Evaluating") as show:

        def look(film: str, seen: int, total: int) -> None:
            looked[film] = total
            show(seen, total)

        found = judge(config, show, look, tell)
    for name, total in looked.items():
        tell(f"{name}: has no index; looked through its {total} frames for cuts")
    for note in (*found.notes, *found.left_out.values()):
        tell(note)
    write_results(found, config)
    if as_json == "-":
        typer.echo(escape_json(as_text(found, config)), nl=False)
    else:
        _print_tables(found)
    if html is not None:
        tell(f"the frames side by side: {html}")
    if found.interrupted:
        tell(f"interrupted; {len(found.sequences)} of {found.planned} sequences were done, and are told of")
        raise typer.Exit(130)


def _print_tables(found: "Evaluation") -> None:
    """Prints the means, and what was found of all in-betweens together."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from ..core.reports.results import columns, find_best, tell_group

    console = Console(file=sys.stdout, highlight=False)
    if not console.is_terminal:
        console.width = max(console.width, _WIDTH)

    def lay(title: str, measures: Sequence["Measure"]) -> Table:
        table = Table(title, box=None, pad_edge=False)
        for measure in measures:
            table.add_column(measure.title, justify="right")
        return table

    def fill(table: Table, values: Mapping[str, "Values"], measures: Sequence["Measure"]) -> None:
        best = {measure.key: find_best(values, found.labels, measure) for measure in measures}
        for label, means in values.items():
            told = [(m.tell(means.get(m.key)), label in best[m.key]) for m in measures]
            cells = [Text(text, "bold green" if is_best else "") for text, is_best in told]
            if means:
                table.add_row(Text(printable(f"  {label}")), *cells)

    table = lay("", columns(found))
    for number, group in enumerate(found.groups()):
        if number:
            table.add_row()
        table.add_row(Text(printable(tell_group(group)), "bold"))
        fill(table, group.means, columns(found))
    console.print(table)
    if found.sets:
        sets = lay("all in-betweens together", found.set_measures)
        fill(sets, found.sets, found.set_measures)
        console.print()
        console.print(sets)
