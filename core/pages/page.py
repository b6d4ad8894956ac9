"""Self-contained HTML pages, which can be mailed and opened anywhere."""

import base64
import html
from collections.abc import Sequence

_STYLE = """
:root { color-scheme: light dark; --edge: #8884; --faint: #8882; --warn: #c2410c; --best: #15803d; }
@media (prefers-color-scheme: dark) { :root { --warn: #fb923c; --best: #4ade80; } }
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 1500px; padding: 0 1.5rem; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.15rem; margin-top: 2.2rem; } h3 { font-size: 1rem; margin: 0 0 .4rem; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { border-bottom: 1px solid var(--edge); padding: .25rem .9rem .25rem 0; text-align: left; vertical-align: top; }
tr.differs td { background: var(--faint); font-weight: 600; }
.runs { display: grid; gap: 1.2rem; grid-template-columns: repeat(var(--columns), minmax(0, 1fr)); }
.runs figure { margin: 0; } figcaption, .quiet { color: #777; font-size: .85rem; }
img { max-width: 100%; height: auto; border-radius: 4px; } img.curves { background: #fff; width: 100%; }
.warning { color: var(--warn); margin: .3rem 0; }
.scroll { overflow-x: auto; } details { margin-top: 1rem; }
"""


def make_page(title: str, parts: Sequence[str], columns: int = 1, style: str = "", script: str = "") -> str:
    """Makes a page.

    Args:
        title: plain text.
        parts: HTML, from top to bottom; empty ones are left out.
        columns: columns of a `runs` grid.
        style: CSS in addition to that of all pages.
        script: JavaScript that runs when the page is loaded.
    """
    head = f'<meta charset="utf-8"><title>{html.escape(title)}</title>\n'
    head += f'<meta name="viewport" content="width=device-width"><style>{_STYLE}{style}</style>'
    body = "\n".join(part for part in parts if part) + (f"\n<script>\n{script}</script>" if script else "")
    return (
        f'<!doctype html>\n<html lang="en"><head>{head}</head>\n<body style="--columns: {columns}">\n'
        f"<h1>{html.escape(title)}</h1>\n{body}\n</body></html>\n"
    )


def table(head: Sequence[str], rows: Sequence[tuple[str, Sequence[str]]]) -> str:
    """A table of plain texts.

    Args:
        head: the first row.
        rows: each row's CSS class, or "", and its cells.
    """
    lines = ["<tr>" + "".join(f"<th>{html.escape(cell)}</th>" for cell in head) + "</tr>"]
    for kind, cells in rows:
        row = "".join(f"<td>{html.escape(cell)}</td>" for cell in cells)
        lines.append(f'<tr class="{kind}">{row}</tr>' if kind else f"<tr>{row}</tr>")
    return '<div class="scroll"><table>\n' + "\n".join(lines) + "\n</table></div>"


def embed(data: bytes, kind: str) -> str:
    """A picture's bytes as a data URL; `kind` is png, gif, webp or svg+xml."""
    return f"data:image/{kind};base64,{base64.b64encode(data).decode()}"
