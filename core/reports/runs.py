"""A self-contained HTML page of one run, or of several side by side."""

import html
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image

from ..config.evaluation import ReportConfig
from ..errors import InputError
from ..files import check_output, name_apart, written_beside
from ..media.frames import flatten_alpha, to_uint8
from ..media.image_files import read_image
from ..pages.curves import Curve, draw_curves
from ..pages.page import embed, make_page, table
from ..training.metrics_file import read_metrics, read_series
from ..training.run_settings import is_run, read_run_config

_MOST_SAMPLES = 6  # steps whose samples are shown, spread evenly
_WIDTH = 720  # pixels; larger grids are scaled down, or a page of five runs would weigh hundreds of megabytes
_SHOWN_LAST = (
    *(f"health/{name}" for name in ("diversity", "recall", "coverage", "nearest", "gap", "score")),
    *(f"reconstruction/{name}" for name in ("psnr", "lines", "lpips")),
    *(f"middles/{name}" for name in ("error", "ghost", "ghost of the truth", "sharpness", "score")),
)
"""Rows of the table of results."""


@dataclass(frozen=True)
class _Story:
    """The parts of a run that are shown."""

    name: str
    folder: Path
    command: str
    settings: dict[str, Any]
    series: dict[str, tuple[list[int], list[float]]]
    warnings: list[str]


def write_report(config: ReportConfig, on_note: Callable[[str], None] | None = None) -> Path:
    """Writes the page.

    Args:
        config: the runs, and the page; paths that are no runs are left out if there are several.
        on_note: called with a sentence about each.

    Returns:
        The page's path.

    Raises:
        InputError: no path is a run, or a run or a picture in it is damaged.
        OutputError: the page cannot be written.
    """
    runs = [path for path in config.runs if is_run(path)] or config.runs
    for path in config.runs:
        if path not in runs and on_note is not None:
            on_note(f"{path}: is no run, and is left out")
    read = [path for run in runs for part in (run, run / "samples") if part.is_dir() for path in part.iterdir()]
    pages = (".html", ".htm")  # an earlier report may lie in a run's folder
    read = [path for path in read if path.is_symlink() or path.suffix.lower() not in pages]
    check_output(config.output, overwrite=config.overwrite, inputs={"a file of a run": read})
    stories = [_read(folder, name) for folder, name in zip(runs, name_apart(runs), strict=True)]
    page = _make_page(stories)
    with written_beside(config.output, overwrite=config.overwrite) as draft:
        draft.write_text(page, encoding="utf-8")
    return config.output


def _read(folder: Path, name: str) -> _Story:
    command, settings = read_run_config(folder)
    warnings = [str(record["warning"]) for record in read_metrics(folder) if "warning" in record]
    return _Story(name, folder, command, _flatten(settings), read_series(folder), warnings)


def _flatten(settings: dict[str, Any]) -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, value in settings.items():
        flat |= _flatten(value) if isinstance(value, dict) else {name: value}
    return flat


def _make_page(stories: Sequence[_Story]) -> str:
    title = " and ".join(story.name for story in stories) if len(stories) < 4 else f"{len(stories)} runs"
    parts = [
        _list_results(stories),
        _show_warnings(stories),
        "<h2>Curves</h2>",
        _show_curves(stories),
        "<h2>Samples</h2>",
        _show_samples(stories),
        _list_settings(stories),
    ]
    return make_page(title, parts, columns=len(stories))


def _list_results(stories: Sequence[_Story]) -> str:
    rows: list[tuple[str, Sequence[str]]] = [
        ("", ["command", *(story.command for story in stories)]),
        ("", ["steps done", *(str(_last_step(story)) for story in stories)]),
    ]
    for name in (*_SHOWN_LAST, "images_per_second"):
        if any(name in story.series for story in stories):
            rows.append(("", [_title(name), *(_last(s, name) for s in stories)]))
    rows.append(("", ["warnings", *(str(len(story.warnings)) for story in stories)]))
    return table(["", *(story.name for story in stories)], rows)


def _title(name: str) -> str:
    return name.replace("health/", "").replace("middles/", "in-betweens: ").replace("/", ": ").replace("_", " ")


def _last_step(story: _Story) -> int:
    return max((steps[-1] for steps, _ in story.series.values()), default=0)


def _last(story: _Story, name: str) -> str:
    return f"{story.series[name][1][-1]:.3g}" if name in story.series else "–"


def _show_warnings(stories: Sequence[_Story]) -> str:
    lines = [
        f'<p class="warning">{html.escape(f"{story.name}: {warning}")}</p>'
        for story in stories
        for warning in story.warnings[-5:]
    ]
    return "\n".join(lines)


def _show_curves(stories: Sequence[_Story]) -> str:
    names = dict.fromkeys(name for story in stories for name in story.series)
    ordered = sorted(names, key=lambda name: (not name.startswith("health/"), name == "images_per_second"))
    panels = {
        name: [Curve(s.name, *s.series.get(name, ((), ()))) for s in stories]
        for name in ordered
        if not name.endswith("/scale")
    }
    if not panels:
        return "<p>Nothing has been measured yet.</p>"
    return f'<img class="curves" alt="curves" src="{embed(draw_curves(panels, "svg", 3), "svg+xml")}">'


def _show_samples(stories: Sequence[_Story]) -> str:
    """Reals first, then the samples of each step in a row, with a column for each run."""
    names = ["reals.png", "reals.gif"]
    for kind in ("fakes", "clips"):
        found = sorted({path.name for s in stories for path in (s.folder / "samples").glob(f"{kind}-*.*")})
        names += [found[number] for number in _spread(len(found))]
    drawn = {path.name for s in stories for path in (s.folder / "samples").glob("*.*")}
    shown = ("reals.png", "reals.gif", "fakes", "clips")
    others = sorted(name for name in drawn if name.partition("-")[0] not in shown and name.endswith((".png", ".gif")))
    names += others[-_MOST_SAMPLES:]
    rows = []
    for name in names:
        cells = [_show_sample(story, name) for story in stories]
        if any(cells):
            row = "".join(cell or "<figure></figure>" for cell in cells)
            rows.append(f'<div class="runs">{row}</div>')
    return "\n".join(rows) or "<p>Nothing has been drawn yet.</p>"


def _spread(count: int) -> list[int]:
    """Indices of at most `_MOST_SAMPLES` things, the first and the last included."""
    if count <= _MOST_SAMPLES:
        return list(range(count))
    return [round(k * (count - 1) / (_MOST_SAMPLES - 1)) for k in range(_MOST_SAMPLES)]


def _show_sample(story: _Story, name: str) -> str:
    path = story.folder / "samples" / name
    if not path.is_file():
        return ""
    kind, _, step = path.stem.partition("-")
    caption = f"{story.name}: {kind}" + (f", step {int(step)}" if step.isascii() and step.isdigit() else "")
    source = embed(path.read_bytes(), "gif") if path.suffix == ".gif" else embed(_shrink(path), "png")
    text = html.escape(caption)
    return f'<figure><img alt="{text}" src="{source}"><figcaption>{text}</figcaption></figure>'


def _shrink(path: Path) -> bytes:
    try:
        frame = flatten_alpha(to_uint8(read_image(path)))
    except InputError as error:
        raise InputError(f"{path}: is no picture that can be read; remove it") from error
    if frame.shape[1] <= _WIDTH:
        return path.read_bytes()
    rows = max(1, round(frame.shape[0] * _WIDTH / frame.shape[1]))
    small = Image.fromarray(frame).resize((_WIDTH, rows), Image.Resampling.LANCZOS)
    file = io.BytesIO()
    small.save(file, "PNG", optimize=True)
    return file.getvalue()


def _list_settings(stories: Sequence[_Story]) -> str:
    names = dict.fromkeys(name for story in stories for name in story.settings)
    rows: list[tuple[str, Sequence[str]]] = []
    for name in names:
        values = [_say(story.settings.get(name, "–")) for story in stories]
        rows.append(("differs" if len(set(values)) > 1 else "", [name.replace("_", " "), *values]))
    rows.sort(key=lambda row: not row[0])  # what differs comes first
    return "<h2>Settings</h2>\n" + table(["", *(story.name for story in stories)], rows)


def _say(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "none"
    if value is None or isinstance(value, bool):
        return {None: "none", True: "yes", False: "no"}[value]
    return f"{value:g}" if isinstance(value, float) else str(value)
