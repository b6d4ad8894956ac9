import json
import os
import pickle
import resource
import signal
import subprocess
import sys

import numpy as np
import pytest

from animi.core.errors import InputError, OutputError
from animi.core.material.frame_store import FrameStore, FrameStoreWriter, is_frame_store

HEIGHT, WIDTH = 6, 10


def frame(number, height=HEIGHT, width=WIDTH):
    return np.random.default_rng(number).integers(0, 256, (height, width, 3), np.uint8)


def record(number):
    return {"film": "Kätzchen", "index": number, "timestamp": number / 24, "duplicate_of": None}


def fill(folder, numbers, *, resume=False):
    with FrameStoreWriter(folder, HEIGHT, WIDTH, resume=resume) as writer:
        for number in numbers:
            assert writer.append(frame(number), record(number)) == number
        return writer.count


def check(store, count):
    assert len(store) == count
    assert [r["index"] for r in store.records] == list(range(count))
    assert store.records == [record(number) for number in range(count)]
    for number in range(count):
        np.testing.assert_array_equal(store[number], frame(number))


def test_what_goes_in_comes_out(tmp_path):
    folder = tmp_path / "film"
    assert not is_frame_store(folder)
    assert fill(folder, range(5)) == 5
    assert is_frame_store(folder)
    store = FrameStore.open(folder)
    assert (store.height, store.width, store.finished) == (HEIGHT, WIDTH, True)
    assert store[-1].dtype == np.uint8 and store[-1].shape == (HEIGHT, WIDTH, 3)
    assert not store[0].flags.writeable and isinstance(store[0].base, np.memmap)
    check(store, 5)
    check(pickle.loads(pickle.dumps(store)), 5)
    assert len(pickle.dumps(store)) < 500
    assert sorted(p.name for p in folder.iterdir()) == ["frames.bin", "frames.jsonl", "store.json"]


def test_frames_that_are_not_contiguous_are_stored_as_seen(tmp_path):
    flipped = frame(0)[:, ::-1]
    with FrameStoreWriter(tmp_path / "s", HEIGHT, WIDTH) as writer:
        writer.append(flipped, {})
    np.testing.assert_array_equal(FrameStore.open(tmp_path / "s")[0], flipped)


def test_an_empty_store_opens(tmp_path):
    fill(tmp_path / "s", [])
    store = FrameStore.open(tmp_path / "s")
    assert len(store) == 0 and store.records == [] and store.frames.shape == (0, HEIGHT, WIDTH, 3)


@pytest.mark.parametrize("wrong", [frame(0).astype(np.float32), frame(0)[..., :2], frame(0)[1:]])
def test_a_frame_that_does_not_fit_is_rejected_and_nothing_is_written(tmp_path, wrong):
    with FrameStoreWriter(tmp_path / "s", HEIGHT, WIDTH) as writer, pytest.raises(ValueError, match="holds uint8"):
        writer.append(wrong, {})
    assert len(FrameStore.open(tmp_path / "s")) == 0


@pytest.mark.parametrize("bad", [{"score": float("nan")}, {"path": object()}])
def test_a_record_that_json_cannot_hold_writes_no_frame(tmp_path, bad):
    with FrameStoreWriter(tmp_path / "s", HEIGHT, WIDTH) as writer:
        writer.append(frame(0), record(0))
        with pytest.raises((ValueError, TypeError)):
            writer.append(frame(1), bad)
    check(FrameStore.open(tmp_path / "s"), 1)


def test_a_second_writer_needs_resume(tmp_path):
    fill(tmp_path / "s", range(3))
    with pytest.raises(OutputError, match="holds a frame store already"):
        FrameStoreWriter(tmp_path / "s", HEIGHT, WIDTH)
    check(FrameStore.open(tmp_path / "s"), 3)
    fill(tmp_path / "s", range(3, 6), resume=True)
    check(FrameStore.open(tmp_path / "s"), 6)
    with pytest.raises(OutputError, match=r"holds frames of 10 x 6, and 12 x 6 are to be added"):
        FrameStoreWriter(tmp_path / "s", HEIGHT, 12, resume=True)
    check(FrameStore.open(tmp_path / "s"), 6)


def test_files_that_are_no_store_are_not_overwritten(tmp_path):
    (tmp_path / "frames.jsonl").write_text("mine")
    with pytest.raises(OutputError, match=r"frames\.jsonl: belongs to no frame store and would be lost"):
        FrameStoreWriter(tmp_path, HEIGHT, WIDTH, resume=True)
    assert (tmp_path / "frames.jsonl").read_text() == "mine"


@pytest.mark.parametrize(
    "tear",
    ["half a frame", "half a line", "frame without its line", "line without its frame", "zeros after a power cut"],
)
def test_a_torn_end_is_cut_off_on_resume(tmp_path, tear):
    folder = tmp_path / "s"
    fill(folder, range(4))
    header = json.loads((folder / "store.json").read_text())
    (folder / "store.json").write_text(json.dumps(header | {"count": None}))
    frames, lines = folder / "frames.bin", folder / "frames.jsonl"
    one = HEIGHT * WIDTH * 3
    match tear:
        case "half a frame":
            os.truncate(frames, 3 * one + one // 2)
        case "half a line":
            os.truncate(lines, lines.stat().st_size - 5)
        case "frame without its line":
            os.truncate(lines, lines.read_bytes()[:-1].rindex(b"\n") + 1)
        case "line without its frame":
            os.truncate(frames, 3 * one)
        case "zeros after a power cut":
            size = lines.stat().st_size
            os.truncate(lines, size - 5)
            os.truncate(lines, size + 100)
    store = FrameStore.open(folder)
    assert not store.finished
    check(store, 3)
    assert fill(folder, range(3, 6), resume=True) == 6
    whole = tmp_path / "whole"
    fill(whole, range(6))
    for name in ("frames.bin", "frames.jsonl", "store.json"):
        assert (folder / name).read_bytes() == (whole / name).read_bytes()


KILLED = """
import sys, numpy as np
from pathlib import Path
from animi.core.material.frame_store import FrameStoreWriter
writer = FrameStoreWriter(Path(sys.argv[1]), 6, 10)
for number in range(10**6):
    frame = np.random.default_rng(number).integers(0, 256, (6, 10, 3), np.uint8)
    writer.append(frame, {"film": "Kätzchen", "index": number, "timestamp": number / 24, "duplicate_of": None})
    if number == 20:
        writer.flush()
        print("flushed", flush=True)
"""


def test_what_was_flushed_survives_kill_9(tmp_path):
    folder = tmp_path / "s"
    writer = subprocess.Popen([sys.executable, "-c", KILLED, str(folder)], stdout=subprocess.PIPE)
    assert writer.stdout.readline() == b"flushed\n"
    writer.send_signal(signal.SIGKILL)
    writer.wait()
    writer.stdout.close()
    before = len(FrameStore.open(folder))
    assert before >= 21
    assert fill(folder, range(before, before + 3), resume=True) == before + 3
    check(FrameStore.open(folder), before + 3)


def test_an_error_in_the_middle_leaves_a_whole_store(tmp_path):
    with pytest.raises(KeyboardInterrupt), FrameStoreWriter(tmp_path / "s", HEIGHT, WIDTH) as writer:
        writer.append(frame(0), record(0))
        raise KeyboardInterrupt
    store = FrameStore.open(tmp_path / "s")
    assert store.finished
    check(store, 1)


@pytest.mark.skipif(sys.platform == "win32", reason="no file size limits there")
def test_a_disk_that_fills_gives_one_line_and_keeps_whole_frames(tmp_path):
    """A limit on file sizes stops the write in the middle of the fourth frame, as a full disk would."""
    one = HEIGHT * WIDTH * 3
    old = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        writer = FrameStoreWriter(tmp_path / "s", HEIGHT, WIDTH)
        resource.setrlimit(resource.RLIMIT_FSIZE, (3 * one + one // 2, old[1]))
        for number in range(3):
            writer.append(frame(number), record(number))
        with pytest.raises(OutputError, match=r"s: cannot be written \(File too large\); the 3 frames before are kept"):
            writer.append(frame(3), record(3))
        writer.close()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, old)
        signal.signal(signal.SIGXFSZ, ignored)
    store = FrameStore.open(tmp_path / "s")
    assert store.finished
    check(store, 3)


def break_store(folder, how):
    header = json.loads((folder / "store.json").read_text())
    frames, lines = folder / "frames.bin", folder / "frames.jsonl"
    match how:
        case "truncated":
            os.truncate(frames, frames.stat().st_size - 1)
        case "too big":
            frames.write_bytes(frames.read_bytes() + b"x")
        case "version":
            (folder / "store.json").write_text(json.dumps(header | {"version": 9}))
        case "format":
            (folder / "store.json").write_text(json.dumps(header | {"format": "zip"}))
        case "no json":
            (folder / "store.json").write_text("{")
        case "sides":
            (folder / "store.json").write_text(json.dumps(header | {"height": -3}))
        case "no header":
            (folder / "store.json").unlink()
        case "no frames":
            frames.unlink()
        case "no records":
            lines.unlink()
        case "fewer records":
            lines.write_bytes(lines.read_bytes().split(b"\n", 1)[1])
        case "bad record":
            lines.write_bytes(lines.read_bytes().replace(b"{", b"[", 1))


@pytest.mark.parametrize(
    ("how", "words"),
    [
        (
            "truncated",
            r"frames\.bin: was cut short: 3 of 4 frames are there; copy it again, or extract the frames again",
        ),
        (
            "too big",
            r"frames\.bin: holds 721 bytes, and 4 frames of 10 x 6 are 720; it does not belong to its store\.json: "
            "extract the frames again",
        ),
        (
            "version",
            r"store\.json: is of version 9, and this animi reads version 1; "
            "install the animi that wrote it, or extract the frames again",
        ),
        ("format", r"store\.json: does not describe a frame store; extract the frames again"),
        ("no json", r"store\.json: is no JSON; extract the frames again"),
        ("sides", r"store\.json: has no height, width and count that can be used; extract the frames again"),
        ("no header", r"s: is no frame store \(store\.json is missing\); make one with extract-frames"),
        ("no frames", r"frames\.bin: cannot be read \(No such file or directory\); extract the frames again"),
        ("no records", r"frames\.jsonl: is missing; extract the frames again"),
        ("fewer records", r"frames\.jsonl: describes 3 frames, and frames\.bin holds 4; extract the frames again"),
        ("bad record", r"frames\.jsonl: line 1 is no JSON object; extract the frames again"),
    ],
)
def test_a_broken_store_says_which_file_and_what_to_do(tmp_path, how, words):
    fill(tmp_path / "s", range(4))
    break_store(tmp_path / "s", how)
    with pytest.raises(InputError, match=rf"{words}$") as caught:
        _ = FrameStore.open(tmp_path / "s").records
    assert "\n" not in str(caught.value)


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    with pytest.raises(OutputError, match="missing/s: cannot be written"):
        FrameStoreWriter(tmp_path / "missing" / "s", HEIGHT, WIDTH)


def test_writing_keeps_memory_flat(tmp_path):
    """200 MB go through a writer that may not grow by more than 30 MB."""
    code = """
import sys, resource, numpy as np
from pathlib import Path
from animi.core.material.frame_store import FrameStoreWriter
frame = np.zeros((512, 512, 3), np.uint8)
with FrameStoreWriter(Path(sys.argv[1]), 512, 512) as writer:
    writer.append(frame, {})
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for number in range(250):
        writer.append(frame, {"index": number})
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""
    grown = subprocess.run([sys.executable, "-c", code, str(tmp_path / "s")], capture_output=True, check=True)
    assert int(grown.stdout) < 30_000
