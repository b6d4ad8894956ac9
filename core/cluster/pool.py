"""Runs tasks on a Ray cluster, a limited number at a time. One that fails is tried again, on another node if possible.

Ray's own retries are off. It would retry on the node that has failed, and would count neither reasons nor time.
"""

import os
from collections import Counter, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from time import monotonic
from typing import Any

from ..errors import AnimiError

_STEP = 0.2  # seconds; callers check for Ctrl-C between steps
_ASK = 1.0  # seconds between two requests for the list of nodes
_FAULTY = 2  # failures in a row after which a node gets no more tasks while there are others
_GRACE = 10.0  # seconds in which cancelled tasks may end by themselves


@dataclass(frozen=True)
class Answer:
    """What a task has returned.

    Attributes:
        node: the id of the node that it ran on.
        value: its result; None if it failed.
        failure: the error's kind and message; None if it did not fail.
        final: whether trying again is of no use.
    """

    node: str
    value: Any = None
    failure: str | None = None
    final: bool = False


@dataclass
class Task:
    """A piece of work for a worker.

    Attributes:
        key: what it is, for the caller.
        work: the function, which returns an Answer and can be imported on every node.
        words: makes its arguments when it is started, so that large ones do not wait in memory.
        parts: of how many equal parts it consists; its time limit is for each.
        tries: how often it has been started.
        avoid: the ids of nodes on which it has failed.
    """

    key: Any
    work: Callable[..., Answer]
    words: Callable[[], tuple[Any, ...]]
    parts: int = 1
    tries: int = 0
    avoid: set[str] = field(default_factory=set)


@dataclass(frozen=True)
class TaskEnd:
    """A task that has ended: with a value, or for good after the last failure."""

    task: Task
    value: Any = None
    failure: str | None = None


class Pool:
    """Starts tasks as room for them becomes free."""

    def __init__(
        self,
        ray: Any,
        *,
        cpus: float,
        gpus: float,
        limit: float,
        tries: int,
        on_failure: Callable[[Task, str], None],
        fewer: bool = False,
    ) -> None:
        """Starts nothing yet.

        Args:
            ray: the module, connected.
            cpus: of each task.
            gpus: likewise; a fraction shares one.
            limit: seconds after which a task is ended and tried again.
            tries: how often a task is started at most.
            on_failure: called with each task that failed and the reason, also if it is tried again.
            fewer: whether tasks get fewer CPUs, but at least one, where no node has so many.
        """
        self._ray, self._cpus, self._gpus, self._limit, self._tries = ray, cpus, gpus, limit, tries
        self._wanted, self._fewer = cpus, fewer
        self._on_failure = on_failure
        self._waiting: deque[Task] = deque()
        self._running: dict[Any, tuple[Task, float]] = {}
        self._late: set[Any] = set()  # references to tasks that were ended for their time
        self._faults: Counter[str] = Counter()
        self._nodes: tuple[str, ...] = ()
        self._able: frozenset[str] = frozenset()  # nodes with room for a task, if nothing else runs there
        self._slots, self._asked = 0, -_ASK

    @property
    def slots(self) -> int:
        """How many tasks the cluster has room for at a time."""
        return self._slots

    @property
    def nodes(self) -> tuple[str, ...]:
        """The ids of the nodes that are alive."""
        return self._nodes

    @property
    def busy(self) -> bool:
        """Whether tasks are waiting or running."""
        return bool(self._waiting or self._running)

    def add(self, task: Task) -> None:
        """Adds a task."""
        self._waiting.append(task)

    def drop(self, unwanted: Callable[[Any], bool]) -> None:
        """Forgets waiting tasks and ends running ones, by their keys."""
        self._waiting = deque(task for task in self._waiting if not unwanted(task.key))
        for reference, (task, _) in list(self._running.items()):
            if unwanted(task.key):
                del self._running[reference]
                self._cancel(reference, force=True)

    def step(self, patience: float = _STEP) -> list[TaskEnd]:
        """Starts tasks, and waits a short time for some to end.

        Args:
            patience: seconds to wait at most.

        Returns:
            The tasks that have ended.
        """
        self._ask_for_nodes()
        ended: list[TaskEnd] = []
        while self._waiting and len(self._running) < max(1, self._slots):
            task = self._waiting.popleft()
            try:
                self._start(task)
            except (AnimiError, OSError) as error:  # its arguments could not be made
                ended.append(TaskEnd(task, failure=str(error)))
        if not self._running:
            return ended
        done, _ = self._ray.wait(list(self._running), num_returns=1, timeout=patience)
        if done:  # those that have ended at the same time
            done, _ = self._ray.wait(list(self._running), num_returns=len(self._running), timeout=0)
        ended += [found for reference in done if (found := self._end(reference)) is not None]
        now = monotonic()
        for reference, (task, begun) in self._running.items():
            if now - begun > self._limit * task.parts and reference not in self._late:
                self._late.add(reference)
                self._cancel(reference, force=True)
        return ended

    def cancel(self) -> None:
        """Ends all tasks: first so that they clear up, then by force."""
        self._waiting.clear()
        for reference in self._running:
            self._cancel(reference, force=False)
        if self._running:
            left = self._ray.wait(list(self._running), num_returns=len(self._running), timeout=_GRACE)[1]
            for reference in left:
                self._cancel(reference, force=True)
        self._running.clear()

    def on_each_node(self, work: Callable[..., Answer], patience: float) -> None:
        """Runs a function once on each node, and waits for it."""
        remote = self._ray.remote(work)
        calls = [
            remote.options(num_cpus=0, max_retries=0, label_selector={"ray.io/node-id": node}).remote()
            for node in self._nodes
        ]
        if calls:
            self._ray.wait(calls, num_returns=len(calls), timeout=patience)

    def _ask_for_nodes(self) -> None:
        now = monotonic()
        if now - self._asked < _ASK:
            return
        self._asked = now
        nodes = [node for node in self._ray.nodes() if node.get("Alive")]
        self._nodes = tuple(node["NodeID"] for node in nodes)
        if self._fewer:
            most = max((node.get("Resources", {}).get("CPU", 0.0) for node in nodes), default=0.0)
            self._cpus = min(self._wanted, max(1.0, most))
        rooms = {node["NodeID"]: self._room(node.get("Resources", {})) for node in nodes}
        self._able = frozenset(node for node, room in rooms.items() if room)
        self._slots = sum(rooms[node] for node in self._able if not self._is_faulty(node))

    def _room(self, resources: dict[str, float]) -> int:
        rooms = [
            int(resources.get(name, 0.0) / each + 1e-9)
            for name, each in (("CPU", self._cpus), ("GPU", self._gpus))
            if each > 0
        ]
        return min(rooms, default=0)

    def _is_faulty(self, node: str) -> bool:
        return self._faults[node] >= _FAULTY and any(self._faults[each] < _FAULTY for each in self._able)

    def _start(self, task: Task) -> None:
        task.tries += 1
        avoid = {node for node in self._able if node in task.avoid or self._is_faulty(node)}
        more: dict[str, Any] = {}
        if avoid and avoid < self._able:
            more["label_selector"] = {"ray.io/node-id": f"!in({','.join(sorted(avoid))})"}
        words = task.words()
        remote = self._ray.remote(task.work).options(
            num_cpus=self._cpus,
            num_gpus=self._gpus,
            max_retries=0,
            name=str(task.key),
            # a node that was started by `ray start` does not have what the command sets for itself
            runtime_env={"env_vars": {"OPENBLAS_NUM_THREADS": os.environ.get("OPENBLAS_NUM_THREADS", "1")}},
            **more,
        )
        self._running[remote.remote(*words)] = task, monotonic()

    def _end(self, reference: Any) -> TaskEnd | None:
        task, _ = self._running.pop(reference)
        answer = self._get(reference, task)
        if answer.failure is None:
            self._faults[answer.node] = 0
            return TaskEnd(task, answer.value)
        if answer.node:
            task.avoid.add(answer.node)
            self._faults[answer.node] += 1
        self._on_failure(task, answer.failure)
        if answer.final or task.tries >= self._tries:
            return TaskEnd(task, failure=answer.failure)
        self._waiting.append(task)
        return None

    def _get(self, reference: Any, task: Task) -> Answer:
        """The answer of a task that has ended, also if its worker or node has died."""
        late = reference in self._late
        self._late.discard(reference)
        try:
            answer: Answer = self._ray.get(reference)
        except self._ray.exceptions.RayError as error:
            kind = type(error).__name__
            if late:
                return Answer("", failure=f"took longer than {self._limit * task.parts:g} s")
            return Answer("", failure=_DEATHS.get(kind, kind))
        return answer

    def _cancel(self, reference: Any, *, force: bool) -> None:
        try:
            self._ray.cancel(reference, force=force)
        except (ValueError, self._ray.exceptions.RayError):
            return  # it has ended, or Ray has lost its node


_DEATHS = {
    "WorkerCrashedError": "its worker was killed",
    "NodeDiedError": "its node was lost",
    "OutOfMemoryError": "its node had no memory left",
    "LocalRayletDiedError": "its node was lost",
    "ObjectLostError": "its node was lost before the result was fetched",
    "OwnerDiedError": "its node was lost before the result was fetched",
}
"""What Ray's errors say of a task."""


def split_evenly(count: int, parts: int) -> list[Sequence[int]]:
    """Splits the numbers from 0 to `count` - 1 into so many runs of nearly equal length; none is empty."""
    parts = max(1, min(parts, count))
    edges = [round(k * count / parts) for k in range(parts + 1)]
    return [range(first, last) for first, last in pairwise(edges)]


def split_guided(numbers: Sequence[int], slots: int, most: int) -> list[list[int]]:
    """Splits rising numbers into runs of successive ones for as many workers as there are slots.

    The first runs are long, and later ones shorter, so that all workers end at about the same time (guided
    self-scheduling: Polychronopoulos and Kuck, 1987).

    Args:
        numbers: rising.
        slots: how many runs are worked on at a time.
        most: how long a run may be.
    """
    runs: list[list[int]] = []
    left = list(numbers)
    while left:
        length = max(1, min(most, len(left) // (2 * max(1, slots))))
        gap = next((k for k in range(1, length) if left[k] != left[k - 1] + 1), length)
        runs.append(left[:gap])
        del left[:gap]
    return runs
