"""Batches drawn in advance by threads: how many, in which order, and how they end."""

import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from runpy import run_path

import pytest
import torch

from animi.core.config.material import ClipConfig
from animi.core.errors import InputError
from animi.core.material.films import open_material
from animi.core.material.loading import load_batches
from animi.core.material.sampler import ClipSampler
from animi.core.media.image_files import encode_png

STORES = run_path(str(Path(__file__).with_name("stores.py")))
noise, make_store = STORES["noise"], STORES["make_store"]


def clip_threads():
    return [thread for thread in threading.enumerate() if thread.name.startswith("clips")]


def test_drawing_ahead_is_bounded_and_ends(tmp_path, monkeypatch):
    make_store(tmp_path / "a", [30])
    sampler = ClipSampler(open_material([tmp_path / "a"]), ClipConfig(2, size=16), 2)
    drawn = []
    draw = ClipSampler._draw
    monkeypatch.setattr(ClipSampler, "_draw", lambda s, step, *a, **k: (drawn.append(step), draw(s, step, *a, **k))[1])
    batches = load_batches(sampler, 10, workers=2, prefetch=3)
    assert not drawn and not clip_threads()
    assert next(batches)[0] == 10
    until = time.monotonic() + 5
    while len(drawn) < 3 and time.monotonic() < until:
        time.sleep(0.01)
    time.sleep(0.1)
    assert sorted(drawn) == [10, 11, 12]  # and no more while nobody asks
    assert next(batches)[0] == 11
    assert len(clip_threads()) == 2
    batches.close()
    assert not clip_threads()


@pytest.mark.parametrize("workers", [0, 2])
def test_a_damaged_frame_stops_the_loader_with_its_name(tmp_path, workers):
    for number in range(6):
        (tmp_path / f"{number}.png").write_bytes(encode_png(noise(number)))
    (tmp_path / "3.png").write_bytes(encode_png(noise(3))[:50])
    batches = load_batches(ClipSampler(open_material([tmp_path]), ClipConfig(1, size=16), 4), workers=workers)
    with pytest.raises(InputError, match=r"3\.png: is cut short or damaged"):
        for _ in range(50):
            next(batches)
    assert not clip_threads()


def test_drawing_keeps_one_thread_busy(tmp_path):
    """PyTorch and OpenCV would use every core for a frame of this size, and workers would stand in each other's way."""
    make_store(tmp_path / "a", [9], height=288, width=288)
    sampler = ClipSampler(open_material([tmp_path / "a"]), ClipConfig(4), 2)
    sampler.batch(0)
    whole, own = time.process_time(), time.thread_time()
    for step in range(6):
        sampler._draw(step, torch.float32)
    assert time.process_time() - whole < 1.2 * (time.thread_time() - own) + 0.01


INTERRUPTED = """
import sys
from pathlib import Path
from animi.core.config.material import ClipConfig
from animi.core.material.films import open_material
from animi.core.material.loading import load_batches
from animi.core.material.sampler import ClipSampler
sampler = ClipSampler(open_material([Path(sys.argv[1])]), ClipConfig(4, size=64), 4)
try:
    for step, batch in load_batches(sampler, workers=2):
        if step == 5:
            print("going", flush=True)
except KeyboardInterrupt:
    sys.exit(130)
"""


def test_ctrl_c_ends_the_loader(tmp_path):
    folder = make_store(tmp_path / "a", [30])
    loader = subprocess.Popen(
        [sys.executable, "-c", INTERRUPTED, str(folder)], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert loader.stdout.readline() == b"going\n"
    loader.send_signal(signal.SIGINT)
    _, words = loader.communicate(timeout=20)
    assert loader.returncode == 130 and words == b""
