"""Draws films on a Ray cluster: each is planned in one task, drawn in several, and joined in one.

A worker that sees the film and its folder reads and writes there. It draws several successive segments in a task, as it
would otherwise wait at the end of each until its last frames are encoded. Where a worker sees neither, the plan and the
film travel to it through Ray's object store, and each segment comes back the same way; then this machine plans and
joins.
"""

import os
import tempfile
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from time import monotonic
from typing import Any

from ..config.interpolation import InterpolateFilmConfig
from ..config.jobs import ClusterConfig, JoinConfig
from ..config.serialise import describe_config
from ..errors import AnimiError, Ended, OutputError
from ..files import DRAFT, check_output, shown
from ..films.interpolation import FilmDrawn
from ..films.job import (
    INPUTS,
    SEGMENTS,
    hash_plan,
    is_planned,
    join_job,
    name_job,
    plan_job,
    remove_job,
)
from ..films.plan import FilmPlan
from ..films.plan_file import read_plan
from ..films.replay import range_of_segment
from ..films.segment_work import choose_missing, find_segments
from ..films.sending import take_segment
from ..films.setup import check_places
from ..films.work_folder import PLAN, interrupted, name_folder
from ..interrupts import held_back
from ..lock import take_lock, unlock
from ..media.decode import identify_film
from ..media.film_part import PART, cut_part
from ..media.film_segments import name_segment
from ..media.film_source import Film, open_film
from .connection import LOCAL, connected
from .pool import Pool, Task, TaskEnd, split_guided
from .worker import NOT_HERE, SentFiles, SharedJob, draw_sent, draw_there, join_there, plan_there, sweep

_PIECE = 1 << 25  # bytes of a film that travel as one object
_HERE = 2  # films that this machine plans or joins at a time
_AHEAD = 2  # waiting segments for each task that runs at a time, up to which another film is begun
_SWEEPING = 10.0  # seconds
_COUNT = 1.0  # seconds between two counts of the segments that are there
_MOST_IN_TASK = 16  # segments: a worker that dies has the rest of them drawn elsewhere
_CPUS = 2.0  # of a task: two pairs are prepared at a time, which together are as quick as on one machine
# words of errors that say that a part is unlike its film, which is then sent whole
_UNLIKE = ("decodes differently", "planned with another", "is no part")
WHOLE = 1 << 25
"""Bytes up to which a film is sent whole; nodes keep it, and of a larger one they get parts."""
WAITING, PLANNING, DRAWING, JOINING, DONE, FAILED = "waiting", "planning", "drawing", "joining", "done", "failed"


@dataclass
class FilmProgress:
    """How far a film has come.

    Attributes:
        config: what to make of which film.
        stage: one of the names above.
        segments: how many it has; 0: not planned yet.
        segments_done: how many are drawn.
        frames: of the new film.
        frames_done: in segments that are drawn.
        frames_resumed: of these, those that an earlier run had drawn.
        failures: why tasks had to be tried again, and how often.
        reason: why the film has failed; None if it has not.
        drawn: what was made; None if it is not done, or was done by an earlier run.
    """

    config: InterpolateFilmConfig
    stage: str = WAITING
    segments: int = 0
    segments_done: int = 0
    frames: int = 0
    frames_done: int = 0
    frames_resumed: int = 0
    failures: Counter[str] = field(default_factory=Counter)
    reason: str | None = None
    drawn: FilmDrawn | None = None


@dataclass
class ClusterProgress:
    """How far all films have come.

    Attributes:
        films: each film.
        slots: how many tasks run at a time.
        seconds: since the first task was started.
    """

    films: list[FilmProgress]
    slots: int = 0
    seconds: float = 0.0

    @property
    def rate(self) -> float:
        """New frames a second."""
        done = sum(film.frames_done - film.frames_resumed for film in self.films)
        return done / self.seconds if self.seconds > 0 else 0.0

    @property
    def left(self) -> float | None:
        """Seconds that are left; None: not known yet."""
        known = [film for film in self.films if film.frames]
        if not known or not self.rate:
            return None
        mean = sum(film.frames for film in known) / len(known)
        open_ = [film for film in self.films if film.stage not in (DONE, FAILED)]
        return sum((film.frames or mean) - film.frames_done for film in open_) / self.rate


@dataclass
class _Film:
    """A film on its way through the cluster."""

    progress: FilmProgress
    folder: Path
    sends: bool
    lock: int | None = None
    plan: FilmPlan | None = None
    token: Path | None = None
    pieces: list[Any] = field(default_factory=list)
    here: Future[Any] | None = None
    source: Film | None = None
    whole: bool = False
    left: set[int] = field(default_factory=set)

    @property
    def config(self) -> InterpolateFilmConfig:
        return self.progress.config


def draw_films(
    configs: Sequence[InterpolateFilmConfig],
    cluster: ClusterConfig,
    on_change: Callable[[ClusterProgress], None] | None = None,
    on_note: Callable[[str], None] | None = None,
) -> list[FilmProgress]:
    """Draws films on a Ray cluster. A film that fails does not keep the others from being drawn.

    Args:
        configs: what to make of which films; their `resume` and `overwrite` count for each alone.
        cluster: which cluster, and what a task needs of it.
        on_change: called several times a second with how far everything has come.
        on_note: called with sentences for the user.

    Returns:
        How far each film has come: DONE or FAILED.

    Raises:
        ConfigError: Ray is not installed, or the address is none.
        DeviceError: there is no such cluster.
        KeyboardInterrupt: after Ctrl-C, once every task has ended; what is drawn is kept.
    """
    with connected(cluster.cluster or LOCAL) as ray, held_back() as held:
        run = _Run(ray, configs, cluster, on_note or (lambda sentence: None))
        try:
            while not run.step():
                held.answer()
                if on_change is not None:
                    on_change(run.progress)
            if on_change is not None:
                on_change(run.progress)
        finally:
            run.close()
    return run.progress.films


class _Run:
    """One call of `draw_films`."""

    def __init__(
        self, ray: Any, configs: Sequence[InterpolateFilmConfig], cluster: ClusterConfig, note: Callable[[str], None]
    ) -> None:
        self._ray, self._note = ray, note
        self.progress = ClusterProgress([FilmProgress(config) for config in configs])
        self._films = [
            _Film(progress, name_job(progress.config.output), cluster.send) for progress in self.progress.films
        ]
        self._pool = Pool(
            ray,
            cpus=cluster.cpus or _CPUS,
            fewer=cluster.cpus is None,
            gpus=cluster.gpus,
            limit=cluster.time_limit,
            tries=cluster.tries,
            on_failure=self._count_failure,
        )
        self._cluster = cluster
        self._threads = ThreadPoolExecutor(_HERE, "animi-films")
        self._begun = self._counted = monotonic()
        self._warned = False
        self._closing = False

    def step(self) -> bool:
        """Does what can be done now; returns whether all films have ended."""
        self._begin_films()
        for ended in self._pool.step():
            kind, number = ended.task.key[:2]
            with self._failing(self._films[number]):
                self._take(self._films[number], kind, ended)
        for film in self._films:
            if film.here is not None and film.here.done():
                future, film.here = film.here, None
                with self._failing(film):
                    self._go_on(film, future.result())
        self.progress.slots, self.progress.seconds = self._pool.slots, monotonic() - self._begun
        if monotonic() - self._counted > _COUNT:
            self._counted = monotonic()
            for film in self._films:
                if film.progress.stage == DRAWING and not film.sends:
                    _count(film)
        if self._pool.busy and not self._pool.slots and not self._warned and self.progress.seconds > 5:
            self._warned = True
            room = f"--cpus {self._cluster.cpus or 1:g} --gpus {self._cluster.gpus:g}"
            self._note(f"no node of the cluster has room for a task with {room}; waiting for one, or give less of them")
        return all(film.progress.stage in (DONE, FAILED) for film in self._films)

    def close(self) -> None:
        """Ends what still runs, and unlocks the films' folders."""
        self._closing = True
        self._pool.cancel()
        with suppress(Exception):
            self._pool.on_each_node(sweep, _SWEEPING)
        self._threads.shutdown(cancel_futures=True)
        for film in self._films:
            self._release(film)

    def _begin_films(self) -> None:
        room = max(1, self._pool.slots)
        waiting = sum(len(film.left) for film in self._films)
        planning = sum(film.progress.stage == PLANNING for film in self._films)
        for film in self._films:
            if planning >= room or waiting > _AHEAD * room:
                return
            if film.progress.stage == WAITING:
                planning += 1
                with self._failing(film):
                    self._begin(film)

    def _begin(self, film: _Film) -> None:
        config, folder = film.config, film.folder
        if config.resume and config.output.exists() and not folder.exists() and not config.overwrite:
            film.progress.stage = DONE  # by an earlier run
            return
        check_places(config)
        check_output(config.output, overwrite=config.overwrite)
        film.lock = take_lock(name_folder(config.output), named=config.output)
        film.progress.stage = PLANNING
        if config.resume and is_planned(replace(config, resume=False), folder):
            self._draw(film)
            return
        if not config.resume and not config.overwrite and (folder / PLAN).exists():
            raise interrupted(config.output)
        if film.sends:
            film.here = self._threads.submit(self._plan_here, film)
            return
        descriptor, name = tempfile.mkstemp(prefix=DRAFT, dir=folder.parent)
        os.close(descriptor)
        film.token = Path(name)
        places = {
            setting: path.absolute()
            for setting in ("film", "output", "checkpoint", "palette", "hints", "doubt")
            if (path := getattr(config, setting)) is not None
        }
        settings = describe_config(replace(config, overwrite=True, resume=False, **places))
        words = (settings, str(folder), identify_film(config.film), str(film.token))
        self._pool.add(Task(("plan", self._films.index(film)), plan_there, lambda: words))

    def _plan_here(self, film: _Film) -> None:
        plan_job(replace(film.config, overwrite=True, resume=False), film.folder, self._check)

    def _check(self, _done: int, _total: int | None) -> None:
        """Ends the work in this machine's threads if the command was interrupted."""
        if self._closing:
            raise Ended

    def _draw(self, film: _Film) -> None:
        """Adds the segments that are missing."""
        plan = film.plan = read_plan(film.folder / PLAN)
        segments = film.folder / SEGMENTS
        known = find_segments(plan, segments, self._note)
        missing = choose_missing(plan, segments, known, range(len(plan.segments)))
        progress = film.progress
        progress.stage, progress.segments, progress.frames = DRAWING, len(plan.segments), plan.frames
        film.left = set(missing)
        _count(film)
        progress.frames_resumed = progress.frames_done
        self._add_segments(film, missing)
        if not missing:
            self._join(film)

    def _add_segments(self, film: _Film, numbers: Sequence[int]) -> None:
        place = self._films.index(film)
        if film.sends:
            for number in numbers:
                self._pool.add(Task(("draw", place, [number]), draw_sent, partial(self._send, film, number)))
            return
        # workers that have nothing left to draw of this film draw the films that follow
        following = sum(each.progress.stage in (WAITING, PLANNING) for each in self._films)
        for run in split_guided(numbers, self._pool.slots // (1 + following), _MOST_IN_TASK):
            words = self._share(film), run
            self._pool.add(Task(("draw", place, run), draw_there, partial(tuple, words), len(run)))

    def _share(self, film: _Film) -> SharedJob:
        return SharedJob(str(film.folder), str(film.config.film.absolute()), hash_plan(film.folder) or "")

    def _send(self, film: _Film, number: int) -> tuple[SentFiles, int, list[Any]]:
        """What `draw_sent` needs for a segment: of a large film, only the part that the segment is drawn from."""
        part = None
        if not film.whole and film.config.film.stat().st_size > WHOLE:
            part = self._cut_part(film, number)
        inputs = {path.name: path.read_bytes() for path in (film.folder / INPUTS).iterdir()}
        name = film.config.film.name if part is None else PART
        sent = SentFiles((film.folder / PLAN).read_bytes(), inputs, name, part is not None)
        return sent, number, self._send_film(film) if part is None else [self._ray.put(part)]

    def _cut_part(self, film: _Film, number: int) -> bytes | None:
        """The part of a film that a segment is drawn from; None: it cannot be cut out."""
        plan = film.plan
        assert plan is not None
        if not plan.seeks or plan.closes:
            return None
        if film.source is None:
            film.source = open_film(film.config.film, plan.timing)
        first, last = range_of_segment(plan, number)
        with tempfile.TemporaryDirectory(prefix="animi-part-") as folder:
            target = Path(folder) / PART
            if not cut_part(film.source, plan.sources[first].time, plan.sources[last].time, target):
                return None
            return target.read_bytes()

    def _send_film(self, film: _Film) -> list[Any]:
        """References to the film's bytes in the object store, into which it is put once."""
        if not film.pieces:
            with film.config.film.open("rb") as file:
                while piece := file.read(_PIECE):
                    film.pieces.append(self._ray.put(piece))
        return film.pieces

    def _take(self, film: _Film, kind: str, ended: TaskEnd) -> None:
        """Takes note of a task that has ended."""
        if film.progress.stage == FAILED:
            return
        if ended.failure is not None:
            raise OutputError(f"{shown(film.config.output)}: {ended.failure}")
        if ended.value == NOT_HERE:
            film.sends = True
            if kind == "draw":
                self._add_segments(film, ended.task.key[2])
            else:
                self._release_token(film)
                self._work_here(film, kind)
            return
        if kind != "draw":
            self._go_on(film, ended.value)
            return
        numbers = ended.task.key[2]
        assert film.plan is not None
        if ended.value is not None:
            take_segment(film.folder / SEGMENTS, numbers[0], ended.value, film.plan)
        film.left.difference_update(numbers)
        _count(film)
        if not film.left:
            self._join(film)

    def _work_here(self, film: _Film, kind: str) -> None:
        work = self._plan_here if kind == "plan" else self._join_here
        film.here = self._threads.submit(work, film)

    def _join(self, film: _Film) -> None:
        film.progress.stage = JOINING
        film.pieces.clear()
        if film.sends:
            self._work_here(film, "join")
            return
        words = self._share(film), str(film.config.output.absolute()), film.config.overwrite
        self._pool.add(Task(("join", self._films.index(film)), join_there, lambda: words))

    def _join_here(self, film: _Film) -> FilmDrawn:
        return join_job(JoinConfig(film.folder, film.config.output, overwrite=film.config.overwrite))

    def _go_on(self, film: _Film, value: Any) -> None:
        """Goes from planning to drawing, or from joining to the end."""
        if film.progress.stage == PLANNING:
            self._release_token(film)
            self._draw(film)
            return
        film.progress.stage, film.progress.drawn, film.plan = DONE, replace(value, path=film.config.output), None
        remove_job(film.folder)
        self._release(film)

    def _count_failure(self, task: Task, reason: str) -> None:
        if task.work is draw_sent:
            self._films[task.key[1]].whole |= any(sign in reason for sign in _UNLIKE)
        self._films[task.key[1]].progress.failures[" ".join(reason.split())[:160]] += 1

    @contextmanager
    def _failing(self, film: _Film) -> Any:
        """Ends a film whose step fails, and no other."""
        try:
            yield
        except (AnimiError, OSError) as error:
            number = self._films.index(film)
            film.progress.stage, film.progress.reason = FAILED, str(error)
            film.left.clear()
            film.pieces.clear()
            self._pool.drop(lambda key: key[1] == number)
            self._release(film)

    def _release_token(self, film: _Film) -> None:
        if film.token is not None:
            film.token.unlink(missing_ok=True)
            film.token = None

    def _release(self, film: _Film) -> None:
        self._release_token(film)
        if film.lock is not None:
            folder = name_folder(film.config.output)
            unlock(folder, film.lock)
            film.lock = None
            with suppress(OSError):  # where something is in it
                folder.rmdir()


def _count(film: _Film) -> None:
    """Counts the segments and frames that are drawn, also those of tasks that have not ended."""
    plan, segments = film.plan, film.folder / SEGMENTS
    assert plan is not None
    left = [number for number in film.left if not name_segment(segments, number).exists()]
    film.progress.segments_done = len(plan.segments) - len(left)
    film.progress.frames_done = plan.frames - sum(len(plan.segments[number].frames) for number in left)
