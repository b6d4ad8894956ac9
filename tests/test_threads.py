"""Work in threads: in order, no further ahead than agreed, and errors where they belong."""

import threading
import time

import pytest

from animi.core.threads import Workers, map_ahead


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_results_come_in_order(threads):
    def work(number):
        time.sleep(0.002 * (number % 3))
        return number * number

    assert list(map_ahead(work, range(9), threads)) == [number * number for number in range(9)]


def test_no_more_is_begun_than_agreed():
    begun, lock = [], threading.Lock()

    def work(number):
        with lock:
            begun.append(number)
        return number

    results = map_ahead(work, range(20), 2)
    assert next(results) == 0
    time.sleep(0.05)
    assert len(begun) <= 3
    results.close()
    assert len(begun) <= 3


def test_work_is_done_at_the_same_time():
    both = threading.Barrier(2, timeout=10)
    assert sorted(map_ahead(lambda _: both.wait(), range(2), 2)) == [0, 1]


@pytest.mark.parametrize("threads", [1, 2])
def test_an_error_comes_with_its_result(threads):
    results = map_ahead(lambda number: 1 // number, [1, 0, 1], threads)
    assert next(results) == 1
    with pytest.raises(ZeroDivisionError):
        next(results)


@pytest.mark.parametrize("threads", [1, 2])
def test_work_is_done_once(threads):
    count = []
    workers = Workers(threads)
    result = workers.begin(lambda number: count.append(number) or number, 3)
    assert result() == 3 and result() == 3 and count == [3]
    assert workers.begin(len, "four")() == 4
    workers.close()


def test_without_threads_nothing_begins_before_it_is_asked_for():
    count = []
    Workers(1).begin(count.append, 1)
    assert not count
