"""What a Ray worker does: it plans, draws and joins films.

Everything is imported when a task comes, and kept: a worker loads a network once, however many films it draws.
"""

import hashlib
import os
import shutil
import tempfile
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import Any

import cv2

from ..config.interpolation import InterpolateFilmConfig
from ..config.jobs import JoinConfig
from ..config.serialise import build_config
from ..engines.interface import Engine
from ..engines.opening import open_configured
from ..errors import AnimiError, CheckpointError, ConfigError, InputError
from ..films.job import (
    INPUTS,
    SEGMENTS,
    OpenJob,
    draw_wanted,
    hash_plan,
    join_job,
    open_job,
    plan_job,
)
from ..films.sending import pack_segment
from ..films.work_folder import PLAN
from ..lock import try_lock, unlock
from ..media.decode import identify_film
from .pool import Answer

NOT_HERE = "not here"
"""The result of a task whose files are not on its node."""
_TEMPORARY = "animi-task-"  # prefix of folders for what a worker has been sent
_MOST_JOBS, _MOST_ENGINES = 4, 2  # that a worker keeps open
_jobs: OrderedDict[tuple[str, str], OpenJob] = OrderedDict()
_engines: OrderedDict[Any, Engine] = OrderedDict()


class _NotHere(Exception):
    """The files of a task are not on this machine."""


@dataclass(frozen=True)
class SharedJob:
    """A job in a folder that a worker may see.

    Attributes:
        folder: the job's folder.
        film: the film.
        plan: SHA-256 of the plan, by which a worker knows the folder.
    """

    folder: str
    film: str
    plan: str


@dataclass(frozen=True)
class SentFiles:
    """Files of a job for a worker that does not see its folder.

    Attributes:
        plan: the file of the plan.
        inputs: the copied inputs, by their names.
        name: the film's, which is part of its fingerprint.
        is_part: whether only the part of the film is sent that the segment needs.
    """

    plan: bytes
    inputs: dict[str, bytes]
    name: str
    is_part: bool


def answering(work: Callable[..., Any]) -> Callable[..., Answer]:
    """Makes a task of a function: its result and its errors become an Answer with the node's id."""

    @wraps(work)
    def answer(*words: Any) -> Answer:
        import ray

        node = ray.get_runtime_context().get_node_id()
        if not ray.get_gpu_ids():  # Ray lets tasks that have asked for none see all
            os.environ["CUDA_VISIBLE_DEVICES"] = ""
        cv2.setNumThreads(max(1, int(os.environ.get("OMP_NUM_THREADS", "1") or 1)))
        try:
            return Answer(node, work(*words))
        except _NotHere:
            return Answer(node, NOT_HERE)
        except (ConfigError, InputError, CheckpointError) as error:
            # the same everywhere, unless a node decodes differently, or gets more of the film the next time
            final = "decodes differently" not in str(error) and work.__name__ != "draw_sent"
            return Answer(node, failure=str(error), final=final)
        except (AnimiError, OSError, MemoryError) as error:
            return Answer(node, failure=str(error) or type(error).__name__)

    return answer


def keep_engine(config: InterpolateFilmConfig) -> Engine:
    """Opens the engine that settings name, or takes the one that this worker has opened before."""
    key: Any = (config.engine, config.device, config.mix, config.arcs, config.provider)
    if config.checkpoint is not None:
        key = (*key, hashlib.sha256(config.checkpoint.read_bytes()).hexdigest())
    if key not in _engines:
        _engines[key] = open_configured(config)
        while len(_engines) > _MOST_ENGINES:
            _engines.popitem(last=False)
    _engines.move_to_end(key)
    return _engines[key]


def sees(job: SharedJob) -> bool:
    """Returns whether this machine sees a job's folder and its film."""
    return hash_plan(Path(job.folder)) == job.plan and Path(job.film).is_file()


@answering
def plan_there(settings: dict[str, Any], folder: str, film: dict[str, Any], token: str) -> None:
    """Plans a film on a worker that sees it and the folder of its job.

    Args:
        settings: of the film, as `describe_config` gives them.
        folder: of the job.
        film: the film's fingerprint.
        token: the name of a file beside the folder, by which the worker knows its place.
    """
    config = build_config(InterpolateFilmConfig, settings)
    named = (Path(token), config.film, config.checkpoint, config.palette, config.hints)
    if not all(path is None or path.exists() for path in named) or identify_film(config.film) != film:
        raise _NotHere
    plan_job(config, Path(folder))


@answering
def draw_there(job: SharedJob, numbers: Sequence[int]) -> None:
    """Draws segments into the job's folder, one after the other."""
    if not sees(job):
        raise _NotHere
    _draw(_open(job), numbers)


@answering
def draw_sent(sent: SentFiles, number: int, film: list[Any]) -> Any:
    """Draws a segment of what was sent, and sends it back.

    Args:
        sent: the plan and its inputs.
        number: the segment's.
        film: references to the film's bytes, in pieces.
    """
    import ray

    with _temporary_folder() as folder:
        (folder / INPUTS).mkdir()
        (folder / SEGMENTS).mkdir()
        (folder / PLAN).write_bytes(sent.plan)
        for name, data in sent.inputs.items():
            (folder / INPUTS / Path(name).name).write_bytes(data)
        (folder / "film").mkdir()
        path = folder / "film" / Path(sent.name).name
        with path.open("wb") as file:
            for piece in film:
                file.write(ray.get(piece))
        job = open_job(folder, path, open_with=keep_engine, is_part=sent.is_part)
        _draw(job, [number])
        return pack_segment(job, number)


@answering
def join_there(job: SharedJob, output: str, overwrite: bool) -> Any:
    """Joins a film on a worker that sees its folder."""
    if not sees(job):
        raise _NotHere
    return join_job(JoinConfig(Path(job.folder), Path(output), overwrite=overwrite))


@answering
def sweep() -> None:
    """Deletes what killed workers have left on this node."""
    _sweep()


def _draw(job: OpenJob, numbers: Sequence[int]) -> None:
    draw_wanted(job, numbers, None, lambda sentence: None)


def _open(job: SharedJob) -> OpenJob:
    """Opens a job, or takes it as this worker has opened it before."""
    key = job.folder, job.plan
    if key not in _jobs:
        _jobs[key] = open_job(Path(job.folder), Path(job.film), open_with=keep_engine)
        while len(_jobs) > _MOST_JOBS:
            _jobs.popitem(last=False)
    _jobs.move_to_end(key)
    return _jobs[key]


@contextmanager
def _temporary_folder() -> Iterator[Path]:
    """Provides a folder that is deleted at the end; `_sweep` deletes those of killed workers."""
    _sweep()
    new = Path(tempfile.mkdtemp(prefix="animi-new-"))
    lock = try_lock(new)
    folder = new.with_name(new.name.replace("animi-new-", _TEMPORARY))
    new.rename(folder)  # only now may another worker check whether it is locked
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        if lock is not None:
            unlock(folder, lock)


def _sweep() -> None:
    for folder in Path(tempfile.gettempdir()).glob(f"{_TEMPORARY}*"):
        if folder.is_symlink() or not folder.is_dir() or folder.stat().st_uid != os.getuid():
            continue
        lock = try_lock(folder)
        if lock is not None:
            shutil.rmtree(folder, ignore_errors=True)
            unlock(folder, lock)
