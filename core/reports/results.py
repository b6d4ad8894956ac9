"""Writes the results of an evaluation as JSON, and as a page with the frames side by side."""

import html
import json
import math
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from typing import Any

from ..config.choices import ENGINES
from ..config.evaluation import EvaluateConfig
from ..files import written_beside
from ..pages.page import embed, make_page
from .evaluation import LINES_MEDIAN, TRUTH, Evaluation, Group, Measure, Scored, Values

FORMAT_VERSION = 1
"""Version of the JSON's format."""


def write_results(found: Evaluation, config: EvaluateConfig) -> None:
    """Writes the files that the config names.

    Raises:
        OutputError: one cannot be written.
    """
    if config.json is not None:
        with written_beside(config.json, overwrite=config.overwrite) as draft:
            draft.write_text(as_text(found, config), encoding="utf-8")
    if config.html is not None:
        with written_beside(config.html, overwrite=config.overwrite) as draft:
            draft.write_text(make_page_evaluation(found), encoding="utf-8")


def as_text(found: Evaluation, config: EvaluateConfig) -> str:
    """The JSON as text."""
    return json.dumps(as_json(found, config), ensure_ascii=False, allow_nan=False, indent=1) + "\n"


def as_json(found: Evaluation, config: EvaluateConfig) -> dict[str, Any]:
    """All results as JSON; values that cannot be measured are null."""
    return {
        "format": "animi evaluation",
        "format_version": FORMAT_VERSION,
        "animi_version": version("animi"),
        "settings": {
            "data": [word for word in config.given if word not in ENGINES],
            "clips": config.clips,
            "length": config.length,
            "stride": config.stride,
            "size": config.size,
            "seed": config.seed,
        },
        "engines": {
            drawer.label: {
                "engine": drawer.engine.name,
                "checkpoint": None if drawer.checkpoint is None else str(drawer.checkpoint),
            }
            for drawer in found.drawers
        },
        "planned": found.planned,
        "interrupted": found.interrupted,
        "left_out": found.left_out,
        "notes": found.notes,
        "groups": [
            {"group": group.title, "sequences": group.count, "means": _nulled(group.means)} for group in found.groups()
        ],
        "sets": _nulled(found.sets),
        "sequences": [
            {
                "name": scored.name,
                "frames": scored.frames,
                "width": scored.width,
                "height": scored.height,
                "motion": scored.motion,
                "motion_is_exact": scored.exact,
                "truth": _null(scored.truth),
                "means": _nulled(scored.means),
                "in_betweens": {label: [_null(row) for row in rows] for label, rows in scored.by_frame.items()},
            }
            for scored in found.sequences
        ],
    }


def _nulled(table: Mapping[str, Values]) -> dict[str, dict[str, float | None]]:
    return {label: _null(values) for label, values in table.items()}


def _null(values: Values) -> dict[str, float | None]:
    return {key: value if math.isfinite(value) else None for key, value in values.items()}


# The page


_STYLE = """
tr.head th { border-bottom: 2px solid var(--edge); } tr.group td { padding-top: .9rem; font-weight: 600; }
td.best { color: var(--best); font-weight: 600; } td.number, th.number { text-align: right; }
.sort { position: sticky; top: 0; z-index: 1; background: Canvas; padding: .5rem 0; }
.sort { border-bottom: 1px solid var(--edge); }
.sequence { margin: 1.6rem 0 2.2rem; } .strip { margin: .5rem 0 0; } .strip img { display: block; border-radius: 0; }
.strip figcaption { display: flex; gap: 1rem; flex-wrap: wrap; font-variant-numeric: tabular-nums; }
.strip b { color: CanvasText; min-width: 7rem; } .best { color: var(--best); font-weight: 600; }
.close { display: grid; gap: .6rem; grid-template-columns: repeat(auto-fit, minmax(min(100%, 22rem), 1fr)); }
.close figure { margin: .6rem 0 0; } summary { cursor: pointer; }
"""
_SCRIPT = """
const metric = document.getElementById('metric'), engine = document.getElementById('engine');
const order = document.getElementById('order'), list = document.getElementById('sequences');
function sort() {
  const worst = order.value === 'worst' ? -1 : 1;
  const key = section => {
    if (metric.value === 'name') return section.dataset.name;
    if (metric.value === 'motion') return Number(section.dataset.motion);
    return JSON.parse(section.dataset.badness)[engine.value][metric.value] ?? -1;
  };
  const compare = (a, b) => typeof a === 'string' ? a.localeCompare(b, undefined, {numeric: true}) : worst * (a - b);
  const known = section => key(section) !== -1;
  [...list.children]
    .sort((a, b) => known(b) - known(a) || compare(key(a), key(b)))
    .forEach(section => list.append(section));
}
for (const control of [metric, engine, order]) control.addEventListener('change', sort);
"""


def make_page_evaluation(found: Evaluation) -> str:
    """Makes the page: tables, and every sequence with the truth and each engine's frames, the worst first."""
    title = f"{', '.join(found.labels)} on {len(found.sequences)} sequences"
    ruling = _ruling(found)
    ordered = sorted(found.sequences, key=lambda scored: -_badness(scored, found.labels[0], ruling))
    parts = [
        *(f'<p class="warning">{html.escape(note)}</p>' for note in _list_notes(found)),
        _list_means(found),
        _list_sets(found),
        "<h2>Sequences</h2>",
        _offer_orders(found, ruling),
        '<div id="sequences">',
        *(_show_sequence(scored, found) for scored in ordered),
        "</div>",
    ]
    return make_page(title, parts, style=_STYLE, script=_SCRIPT)


def _ruling(found: Evaluation) -> Measure | None:
    """The metric by which sequences are sorted at first: LPIPS, or lines, or the first there is."""
    wanted = ("lpips", "lpips_vgg", "line_distance")
    known = {measure.key: measure for measure in found.measures}
    chosen = [known[key] for key in wanted if key in known] or found.measures
    return chosen[0] if chosen else None


def _badness(scored: Scored, label: str, measure: Measure | None) -> float:
    return 0.0 if measure is None else measure.badness(scored.means[label].get(measure.key))


def _list_notes(found: Evaluation) -> list[str]:
    notes = [*found.left_out.values(), *found.notes]
    if found.interrupted:
        notes.insert(0, f"interrupted: {len(found.sequences)} of {found.planned} sequences were done")
    return notes


def _list_means(found: Evaluation) -> str:
    measures = columns(found)
    lines = [_head(measures)]
    for group in found.groups():
        title = html.escape(title_group(group))
        lines.append(f'<tr class="group"><td colspan="{len(measures) + 1}">{title}</td></tr>')
        lines += _rows(group.means, found.labels, measures)
    return '<div class="scroll"><table>\n' + "\n".join(lines) + f"\n</table></div>\n{_EXPLANATION}"


def _list_sets(found: Evaluation) -> str:
    if not found.sets:
        return ""
    lines = [_head(found.set_measures), *_rows(found.sets, found.labels, found.set_measures)]
    title = "<h2>All in-betweens together, by features of VGG16</h2>"
    return f'{title}\n<div class="scroll"><table>\n' + "\n".join(lines) + "\n</table></div>"


def _head(measures: Sequence[Measure]) -> str:
    cells = "".join(f'<th class="number">{html.escape(measure.title)}</th>' for measure in measures)
    return f'<tr class="head"><th></th>{cells}</tr>'


def _rows(values: Mapping[str, Values], labels: Sequence[str], measures: Sequence[Measure]) -> list[str]:
    """A row for each label with values; the best of each column is marked."""
    best = {measure.key: find_best(values, labels, measure) for measure in measures}
    lines = []
    for label, means in values.items():
        cells = "".join(
            f'<td class="number{" best" if label in best[m.key] else ""}">{m.format(means.get(m.key))}</td>'
            for m in measures
        )
        lines += [f"<tr><td>{html.escape(label)}</td>{cells}</tr>"] if means else []
    return lines


def title_group(group: Group) -> str:
    """A group's title with the number of its sequences."""
    return f"{group.title}, {group.count} sequence{'s' * (group.count != 1)}"


_EXPLANATION = """<p class="quiet">Means over sequences of means over in-betweens. PSNR, SSIM and smoothness: higher is
better; LPIPS and line distance (how far outlines are off, in 1e-5 of the diagonal): lower; ghost, see-through (double
images) and coherence (how far from the key frames' own patches): as low as the truth's; sharpness: 1 is as sharp as the
truth. Green is the best of its column.</p>"""


def columns(found: Evaluation) -> list[Measure]:
    """The columns of a table of means; of lines also the median, as few drawings dominate their mean."""
    measures = []
    for measure in found.measures:
        measures += [measure, LINES_MEDIAN] if measure.key == "line_distance" else [measure]
    return measures


def find_best(table: Mapping[str, Values], labels: Sequence[str], measure: Measure) -> frozenset[str]:
    """The labels with the best value as it is shown; none if there is nothing to compare."""
    shown = {label: measure.format(table[label].get(measure.key)) for label in labels}
    known = {label: measure.badness(float(text) / measure.scale) for label, text in shown.items() if text != "–"}
    if len(known) < 2:
        return frozenset()
    least = min(known.values())
    best = frozenset(label for label, value in known.items() if value == least)
    return best if len(best) < len(known) else frozenset()


def _offer_orders(found: Evaluation, ruling: Measure | None) -> str:
    def choose(name: str, options: list[tuple[str, str]], chosen: str) -> str:
        inner = "".join(
            f'<option value="{html.escape(value)}"{" selected" * (value == chosen)}>{html.escape(text)}</option>'
            for value, text in options
        )
        return f'<select id="{name}">{inner}</select>'

    metric = [(measure.key, measure.title) for measure in found.measures] + [("motion", "motion"), ("name", "name")]
    engine = [(label, label) for label in found.labels]
    return (
        f'<div class="sort">by {choose("metric", metric, ruling.key if ruling else "motion")} of '
        f"{choose('engine', engine, found.labels[0])}, "
        f"{choose('order', [('worst', 'worst or most first'), ('best', 'best or least first')], 'worst')}</div>"
    )


def _mark(text: str, is_best: bool) -> str:
    kind = ' class="best"' if is_best else ""
    return f"<span{kind}>{html.escape(text)}</span>"


def _show_sequence(scored: Scored, found: Evaluation) -> str:
    labels = [TRUTH, *found.labels]
    values = {TRUTH: scored.truth} | scored.means
    best = {measure.key: find_best(scored.means, found.labels, measure) for measure in found.measures}
    badness = {
        label: {m.key: round(m.badness(scored.means[label].get(m.key)), 9) for m in found.measures}
        for label in found.labels
    }
    strips = []
    for label in labels:
        figures = "".join(
            _mark(f"{measure.title} {measure.format(values[label][measure.key])}", label in best[measure.key])
            for measure in found.measures
            if measure.key in values[label]
        )
        strip = scored.strips[label]
        strips.append(
            f'<figure class="strip"><figcaption><b>{html.escape(label)}</b>{figures}</figcaption>'
            f'<img alt="{html.escape(f"{scored.name}: {label}")}" width="{strip.width}" height="{strip.height}" '
            f'src="{embed(strip.row, "webp")}"></figure>'
        )
    close = "".join(
        f'<figure><img loading="lazy" alt="{html.escape(f"{scored.name}: {label}, middle")}" '
        f'src="{embed(scored.strips[label].close, "webp")}"><figcaption>{html.escape(label)}</figcaption></figure>'
        for label in labels
    )
    motion = f"{'' if scored.exact else 'about '}{scored.motion:.0f} px of motion"
    return (
        f'<section class="sequence" data-name="{html.escape(scored.name)}" data-motion="{scored.motion:.3f}" '
        f'data-badness="{html.escape(json.dumps(badness))}">\n'
        f'<h3>{html.escape(scored.name)} <span class="quiet">{scored.width}x{scored.height}, {motion}</span></h3>\n'
        + "\n".join(strips)
        + f'\n<details><summary>the middle frame, large</summary><div class="close">{close}</div></details>\n</section>'
    )
