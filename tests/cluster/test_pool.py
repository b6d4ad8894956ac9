"""Tasks on a cluster: how many at a time, where they are tried again, and when they fail for good; without Ray."""

from types import SimpleNamespace

import pytest

from animi.core.cluster.pool import Answer, Pool, Task, split_evenly, split_guided


class Reference:
    """To the result of a task."""

    def __init__(self, node):
        self.node = node


class FakeRay:
    """Stands for Ray: a task runs where its label selector lets it, on the first node with room."""

    class exceptions:  # as Ray's module is named
        class RayError(Exception):
            pass

        class WorkerCrashedError(RayError):
            pass

    def __init__(self, **cpus):
        self.cpus, self.faulty, self.ran, self.stuck, self.ended = cpus, {}, [], [], []

    def nodes(self):
        return [{"NodeID": name, "Alive": True, "Resources": {"CPU": cpus}} for name, cpus in self.cpus.items()]

    def remote(self, work):
        def options(**given):
            selector = given.get("label_selector", {}).get("ray.io/node-id", "!in()")
            barred = selector.removeprefix("!in(").removesuffix(")").split(",")

            def start(*words):
                able = [name for name, cpus in self.cpus.items() if cpus >= given["num_cpus"] and name not in barred]
                reference = Reference(able[0] if able else None)
                self.ran.append(reference.node)
                return reference

            return SimpleNamespace(remote=start)

        return SimpleNamespace(options=options)

    def wait(self, references, num_returns, timeout):
        done = [each for each in references if each.node is not None and each not in self.stuck]
        return done, [each for each in references if each not in done]

    def get(self, reference):
        failure = self.faulty.get(reference.node)
        if failure == "dies" or reference in self.ended:
            raise self.exceptions.WorkerCrashedError
        return Answer(reference.node, None if failure else "done", failure)

    def cancel(self, reference, force):
        self.ended.append(reference)
        self.stuck.clear()


def make(ray, **settings):
    said = []
    settings = {"cpus": 1, "gpus": 0, "limit": 100, "tries": 4} | settings
    return Pool(ray, on_failure=lambda task, reason: said.append(reason), **settings), said


def run(pool, tasks, most=60):
    for number in range(tasks):
        pool.add(Task(number, len, lambda: ()))
    ended = []
    for _ in range(most):
        ended += pool.step(0)
        if not pool.busy:
            return ended
    raise AssertionError(f"still busy: {ended}")


def test_no_more_tasks_run_than_there_is_room():
    ray = FakeRay(head=0, a=4, b=2)
    pool, _ = make(ray, cpus=2)
    for number in range(9):
        pool.add(Task(number, len, lambda: ()))
    pool.step(0)
    assert pool.slots == 3 and len(ray.ran) == 3


def test_a_task_is_tried_on_another_node_and_a_faulty_node_gets_no_more():
    ray = FakeRay(head=0, a=1, b=1)
    ray.faulty["a"] = "No space left on device"
    pool, said = make(ray)
    ended = run(pool, 20)
    assert all(each.failure is None for each in ended) and len(ended) == 20
    assert len(said) == ray.ran.count("a") <= 4  # no task is sent there after two failures; some were under way


def test_a_head_without_room_is_no_other_node():
    """All nodes that have room have failed: they are used all the same, rather than to wait for the head for ever."""
    ray = FakeRay(head=0, a=1, b=1)
    ray.faulty |= {"a": "damaged", "b": "damaged"}
    pool, said = make(ray)
    (ended,) = run(pool, 1)
    assert ended.failure == "damaged" and len(said) == 4 and set(ray.ran) == {"a", "b"}


def test_killed_workers_and_late_tasks_are_tried_again(monkeypatch):
    ray = FakeRay(a=1)
    ray.faulty["a"] = "dies"
    pool, said = make(ray, tries=3)
    (ended,) = run(pool, 1)
    assert ended.failure == "its worker was killed" and said == ["its worker was killed"] * 3
    ray.faulty.clear()
    pool, said = make(ray, limit=-1)
    pool.add(Task("late", len, lambda: ()))
    ray.wait, wait = (lambda references, num_returns, timeout: ([], references)), ray.wait
    pool.step(0)
    ray.wait = wait
    assert len(ray.ended) == 1
    while pool.busy:
        ended = pool.step(0)
    assert said == ["took longer than -1 s"] and ended[0].value == "done"


def test_arguments_that_cannot_be_made_end_their_task_alone():
    pool, _ = make(FakeRay(a=2))

    def fail():
        raise OSError("no such film")

    pool.add(Task("bad", len, fail))
    ended = run(pool, 1)
    assert {each.task.key: each.failure for each in ended} == {"bad": "no such film", 0: None}


@pytest.mark.parametrize(("count", "parts"), [(10, 3), (3, 10), (1, 1), (16, 4)])
def test_numbers_are_split_evenly(count, parts):
    found = split_evenly(count, parts)
    assert [number for each in found for number in each] == list(range(count))
    assert max(map(len, found)) - min(map(len, found)) <= 1 and len(found) == min(count, parts)


def test_tasks_get_fewer_cpus_where_no_node_has_so_many():
    ray = FakeRay(a=1, b=1)
    pool, _ = make(ray, cpus=2, fewer=True)
    assert len(run(pool, 4)) == 4 and pool.slots == 2
    ray = FakeRay(a=4, b=1)
    pool, _ = make(ray, cpus=2, fewer=True)
    assert len(run(pool, 4)) == 4 and pool.slots == 2 and set(ray.ran) == {"a"}


def test_a_task_of_several_parts_has_as_many_times_the_time(monkeypatch):
    ray, now = FakeRay(a=2), [0.0]
    monkeypatch.setattr("animi.core.cluster.pool.monotonic", lambda: now[0])
    monkeypatch.setattr(ray, "wait", lambda references, num_returns, timeout: ([], references))
    pool, _ = make(ray, limit=10, tries=1)
    for parts in (1, 3):
        pool.add(Task(parts, len, lambda: (), parts))
    for now[0], ended in ((0, 0), (9, 0), (11, 1), (29, 1), (31, 2)):
        pool.step(0)
        assert len(ray.ended) == ended


@pytest.mark.parametrize("slots", [1, 2, 5])
@pytest.mark.parametrize("numbers", [range(24), range(1), [0, 1, 2, 5, 6, 9], range(200)])
def test_runs_of_segments_get_shorter_and_leave_nothing_out(numbers, slots):
    runs = split_guided(list(numbers), slots, 16)
    assert [number for run in runs for number in run] == list(numbers)
    assert all(run == list(range(run[0], run[0] + len(run))) and len(run) <= 16 for run in runs)
    assert len(runs[-1]) == 1
    if numbers == range(200):
        assert len(runs[0]) == min(16, 100 // slots) and all(len(run) <= len(runs[0]) for run in runs)
