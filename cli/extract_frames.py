"""`animi extract-frames`: turns films into training material."""

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..core.config.jobs import ClusterConfig
from ..core.config.material import ExtractFramesConfig
from .cluster_options import CLUSTER, ON_CLUSTER, take_cluster
from .messages import count_of, print_note, write_line
from .options import Change, Given, make_config, options_from
from .output import print_json, print_path

if TYPE_CHECKING:
    from ..core.material.film_folders import Extraction


@options_from(
    ExtractFramesConfig,
    ClusterConfig,
    without=("send",),
    panels={"Clusters": CLUSTER},
    cluster=ON_CLUSTER,
    videos=Change(argument=True),
    size=Change(read=lambda side: side or None),
    max_frames=Change(read=lambda frames: frames or None),
)
def extract_frames(
    given: Given,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result for each film as JSON on stdout.")] = False,
) -> None:
    """Turns films into training material: decoded once, cut into shots, held drawings kept once.

    After an interruption, run the same command again to resume.
    """
    cluster = take_cluster(given)
    config = make_config(ExtractFramesConfig, given)

    done = _extract(config) if cluster is None else _extract_on_cluster(config, cluster)
    _print_extractions(done, as_json)


def _extract(config: ExtractFramesConfig) -> "list[Extraction]":
    from ..core.files import shown
    from ..core.material.extraction import extract_frames as extract
    from .progress import progress

    with ExitStack() as films:
        show: Callable[..., None] | None = None

        def begin(film: Path, seconds: float | None) -> None:
            nonlocal show
            films.close()
            show = films.enter_context(progress(shown(Path(film.name)), seconds))

        def advance(seconds: float) -> None:
            if show is not None:
                show(seconds)

        return extract(config, on_film=begin, on_time=advance, on_note=print_note)


def _extract_on_cluster(config: ExtractFramesConfig, cluster: ClusterConfig) -> "list[Extraction]":
    from ..core.cluster.tasks import extract_on_cluster
    from .progress import progress

    with progress("Extracting", len(config.videos)) as show:
        return extract_on_cluster(config, cluster, show, print_note)


def _print_extractions(done: "list[Extraction]", as_json: bool) -> None:
    from ..core.material.statistics import measure_material

    measured = {}
    for extraction in done:
        if not extraction.was_complete:
            write_line(_describe(extraction))
        if extraction.frames and (as_json or not extraction.was_complete):
            measured[extraction.folder] = measure_material(extraction.folder)
            held = extraction.decoded / (extraction.decoded - extraction.duplicates) if extraction.duplicates else None
            if not extraction.was_complete:
                write_line(f"{extraction.film.name}: {measured[extraction.folder].describe(held)}")
    if as_json:
        found = [(extraction, measured.get(extraction.folder)) for extraction in done]
        print_json([_as_json(each) | {"statistics": None if of is None else asdict(of)} for each, of in found])
        return
    for extraction in done:
        print_path(extraction.folder)


def _describe(extraction: "Extraction") -> str:
    from ..core.files import shown

    parts = [f"{extraction.frames} frames in {count_of(extraction.shots, 'shot')}, of {extraction.decoded} decoded"]
    if extraction.duplicates:
        parts.append(f"{extraction.duplicates} show held drawings")
    parts += [f"{count} {kind} left out" for kind, count in extraction.dropped.items()]
    if extraction.full:
        parts.append("stopped at --max-frames")
    return f"{shown(Path(extraction.film.name))}: {'; '.join(parts)}"


def _as_json(extraction: "Extraction") -> dict[str, Any]:
    return asdict(extraction) | {"film": str(extraction.film), "folder": str(extraction.folder)}
