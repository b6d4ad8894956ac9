"""Frames that are known by their contents: nothing of them is computed twice, and nothing is mistaken."""

import gc
import threading
import time

import cv2
import numpy as np
import pytest

from animi.core.motion import kept
from animi.core.motion.kept import FrameMemory, Kept, once, once_of_two, shrink_once, to_lab


def picture(seed=0, shape=(40, 60, 3)):
    return np.random.default_rng(seed).integers(0, 256, shape, np.uint8)


def test_what_is_known_of_a_kept_picture_is_computed_once():
    count = []
    frame = Kept(picture()).picture  # nobody holds the rest, and so it is forgotten
    for _ in range(3):
        once(frame, "name", lambda: count.append(1))
    assert len(count) == 3
    held = Kept(picture())
    for _ in range(3):
        once(held.picture, "name", lambda: count.append(1))
    assert len(count) == 4
    once(held.picture.copy(), "name", lambda: count.append(1))  # equal, but another array
    assert len(count) == 5
    assert not held.picture.flags.writeable


def test_two_threads_compute_once_and_get_the_same():
    held, count, found = Kept(picture()), [], []

    def compute():
        count.append(1)
        time.sleep(0.05)
        return object()

    threads = [threading.Thread(target=lambda: found.append(once(held.picture, "x", compute))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(count) == 1 and len(set(map(id, found))) == 1


def test_a_failure_is_not_kept():
    held = Kept(picture())
    with pytest.raises(ZeroDivisionError):
        once(held.picture, "x", lambda: 1 // 0)
    assert once(held.picture, "x", lambda: 7) == 7


@pytest.mark.parametrize("shape", [(40, 60, 3), (40, 60), (1, 5, 3)])
def test_smaller_pictures_are_those_of_opencv_and_kept_with_the_picture(shape):
    held = Kept(picture(1, shape))
    small = shrink_once(held.picture, 7, 5)
    assert np.array_equal(small, cv2.resize(held.picture, (7, 5), interpolation=cv2.INTER_AREA))
    assert shrink_once(held.picture, 7, 5) is small
    assert shrink_once(held.picture, 5, 7).shape[:2] == (7, 5)
    if len(shape) == 3:
        assert to_lab(small) is to_lab(small)


def test_what_is_known_of_two_frames_is_of_these_two():
    memory, counts = FrameMemory(3), []
    one, other, third = (memory.keep(picture(seed)) for seed in range(3))

    def add(first, last):
        return once_of_two(first, last, "sum", lambda: counts.append(1) or first.astype(int) + last)

    assert add(one, other) is add(one, other) and len(counts) == 1
    assert np.array_equal(add(one, third), one.astype(int) + third) and len(counts) == 2
    assert np.array_equal(add(one, picture(1)), add(one, other)) and len(counts) == 3, "an array of its own"
    assert add(picture(0), other) is not add(picture(0), other), "the first is not kept"


def test_a_frame_is_known_by_its_contents():
    memory, frame = FrameMemory(2), picture()
    known = memory.keep(frame)
    assert memory.keep(frame) is known and memory.keep(frame.copy()) is known
    assert memory.keep(frame[:, ::-1][:, ::-1]) is known  # of another layout
    frame[20, 30] ^= 1  # in place: the same array is another frame now
    other = memory.keep(frame)
    assert other is not known and np.array_equal(other, frame) and not np.array_equal(known, frame)
    for alike in (frame.astype(np.float32), frame[..., :1], frame[None, ..., 0]):
        assert memory.keep(alike).shape == alike.shape and memory.keep(alike).dtype == alike.dtype


def test_only_the_last_frames_are_kept():
    memory = FrameMemory(2)
    gc.collect()
    before = len(kept._KEPT)
    for seed in range(12):
        shrink_once(memory.keep(picture(seed)), 9, 9)
    gc.collect()
    assert len(kept._KEPT) - before == 2 * 2  # the frames, and what was made of them
    latest, earlier = memory.keep(picture(11)), memory.keep(picture(10))
    memory.keep(picture(11))  # it is the last one again
    memory.keep(picture(12))
    assert memory.keep(picture(11)) is latest and memory.keep(picture(10)) is not earlier
