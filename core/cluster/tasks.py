"""Extraction of many films, and evaluation on many sequences, on a Ray cluster: one film, or one group, a task.

Workers read and write where the command would, so they must see the same folders. If a worker does not see them, its
tasks go to other workers; if no worker sees them, the tasks fail.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from ..config.evaluation import EvaluateConfig
from ..config.jobs import ClusterConfig
from ..config.material import ExtractFramesConfig
from ..config.serialise import build_config, describe_config
from ..errors import ClusterError, InputError
from ..files import shown
from ..interrupts import held_back
from ..material.extraction import claim_folders, extract_frames
from ..material.film_folders import Extraction
from ..media.decode import identify_film
from ..reports.evaluation import OpenEvaluation, SequenceScores, Spread
from .connection import LOCAL, connected
from .pool import Pool, Task, split_evenly
from .worker import answering

_GROUPS = 4  # groups of sequences for each task that runs at a time, so that all end at about the same time
_MOST_IN_GROUP = 16  # sequences
_FAR = "the worker does not see {0}; use a folder that all machines see"
_evaluations: dict[str, OpenEvaluation] = {}  # the one that this worker has opened


@answering
def extract_there(settings: dict[str, Any], film: dict[str, Any] | None) -> tuple[list[Extraction], list[str]]:
    """Extracts one film on a worker."""
    config = build_config(ExtractFramesConfig, settings)
    (video,) = config.videos
    if not config.output.is_dir() or (film is not None and (not video.is_file() or identify_film(video) != film)):
        raise OSError(_FAR.format(shown(video)))
    notes: list[str] = []
    return extract_frames(config, on_note=notes.append), notes


@answering
def score_there(settings: dict[str, Any], numbers: Sequence[int]) -> list[tuple[int, SequenceScores]]:
    """Scores a group of sequences on a worker."""
    key = repr(settings)
    if key not in _evaluations:
        config = build_config(EvaluateConfig, settings)
        for word in config.given:
            if "/" in word and not Path(word).exists():
                raise OSError(_FAR.format(shown(Path(word))))
        _evaluations.clear()
        _evaluations[key] = OpenEvaluation(config)
    return [(number, _evaluations[key].score(number)) for number in numbers]


def extract_on_cluster(
    config: ExtractFramesConfig,
    cluster: ClusterConfig,
    on_film: Callable[[int, int], None] | None = None,
    on_note: Callable[[str], None] | None = None,
) -> list[Extraction]:
    """Extracts films on a cluster, each as `extract_frames` does.

    Args:
        config: the films, and how.
        cluster: which cluster, and what a task needs of it.
        on_film: called with the number of films done, and the number in all.
        on_note: called with a line about damage, a film that failed, or a film that was complete already.

    Returns:
        The result for each film, in their order.

    Raises:
        OutputError: a folder holds something else.
        ClusterError: a film could not be extracted; the others were.
    """
    note = on_note or (lambda line: None)
    config = replace(config, videos=tuple(dict.fromkeys(video.absolute() for video in config.videos)))
    config = replace(config, output=config.output.absolute())
    if config.cuts not in ("auto", "none"):
        config = replace(config, cuts=str(Path(config.cuts).absolute()))
    claim_folders(config)
    done: dict[int, Extraction] = {}
    failed: list[str] = []

    def settings_of(number: int) -> tuple[dict[str, Any], dict[str, Any] | None]:
        video = config.videos[number]
        try:
            known = identify_film(video)
        except InputError:
            known = None  # the worker says why
        return describe_config(replace(config, videos=(video,))), known

    count = len(config.videos)
    tasks = [Task(("extract", k), extract_there, partial(settings_of, k)) for k in range(count)]
    for task, value, failure in _run(tasks, cluster):
        number = task.key[1]
        if failure is not None:
            failed.append(shown(Path(config.videos[number].name)))
            note(failure)
        else:
            extractions, notes = value
            for line in notes:
                note(line)
            done[number] = extractions[0]
        if on_film is not None:
            on_film(len(done) + len(failed), len(config.videos))
    if failed:
        raise ClusterError(
            f"{', '.join(failed)}: {len(failed)} of {len(config.videos)} films could not be extracted (see above); "
            "the others are complete"
        )
    return [done[number] for number in sorted(done)]


def spread_evaluation(config: EvaluateConfig, cluster: ClusterConfig) -> Spread:
    """Makes the function by which `evaluate` scores sequences on a cluster."""
    given = tuple(str(Path(word).absolute()) if Path(word).exists() else word for word in config.given)
    alex, vgg = (None if path is None else path.absolute() for path in (config.alex_weights, config.vgg_weights))
    settings = describe_config(replace(config, given=given, alex_weights=alex, vgg_weights=vgg))

    def spread(count: int, advance: Callable[[int], None]) -> Iterator[tuple[int, SequenceScores]]:
        def group(slots: int) -> list[Task]:
            groups = split_evenly(count, max(_GROUPS * max(1, slots), -(-count // _MOST_IN_GROUP)))
            return [Task(("score", each[0]), score_there, partial(tuple, (settings, list(each)))) for each in groups]

        for _, value, failure in _run(group, cluster):
            if failure is not None:
                raise ClusterError(f"the sequences could not be evaluated on the cluster: {failure}")
            for number, scores in value:
                advance(len(scores[0].means))
                yield number, scores

    return spread


def _run(
    tasks: Sequence[Task] | Callable[[int], Sequence[Task]], cluster: ClusterConfig
) -> Iterator[tuple[Task, Any, str | None]]:
    """Runs tasks on a cluster; yields each with its value, or with the reason why it failed for good."""
    with connected(cluster.cluster or LOCAL) as ray, held_back() as held:
        pool = Pool(
            ray,
            cpus=cluster.cpus or 1,
            gpus=cluster.gpus,
            limit=cluster.time_limit,
            tries=cluster.tries,
            on_failure=lambda task, reason: None,
        )
        try:
            pool.step(0)
            for task in tasks(pool.slots) if callable(tasks) else tasks:
                pool.add(task)
            while pool.busy:
                held.answer()
                for ended in pool.step():
                    yield ended.task, ended.value, ended.failure
        finally:
            pool.cancel()
