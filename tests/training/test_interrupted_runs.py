"""The loop, seen from outside: what a killed, interrupted, parted or failing training does, in real processes."""

import json
import os
import random
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors import safe_open

from animi.core.media.image_files import write_png
from animi.core.training.metrics_file import read_metrics
from animi.core.training.state import read_state

PROGRAM = Path(__file__).parents[1] / "tiny_training.py"


class Server:
    """Starts trainings as processes."""

    def __init__(self, frames):
        self.frames = frames
        environment = os.environ | {"OMP_NUM_THREADS": "1"}
        self.errors = frames / "errors.txt"
        self.process = subprocess.Popen(
            [sys.executable, str(PROGRAM)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.errors.open("w"),
            text=True,
            env=environment,
        )

    def start(self, *orders):
        orders = [{"frames": str(self.frames)} | order for order in orders]
        self.process.stdin.write(json.dumps(orders, default=str) + "\n")
        self.process.stdin.flush()
        return [int(self.process.stdout.readline()) for _ in orders]

    def wait(self, count=1):
        return [int(self.process.stdout.readline().split()[1]) for _ in range(count)]

    def run(self, *orders):
        self.start(*orders)
        return self.wait(len(orders))

    def close(self):
        self.process.stdin.close()
        self.process.wait(30)


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    frames = tmp_path_factory.mktemp("frames")
    drawn = np.random.default_rng(3).integers(0, 256, (6, 20, 20, 3), np.uint8)
    for number, frame in enumerate(drawn):
        write_png(frames / f"{number}.png", frame)
    served = Server(frames)
    yield served
    served.close()


def measured(folder):
    """All of metrics.jsonl but what the clock tells."""
    return [{k: v for k, v in record.items() if k != "images_per_second"} for record in read_metrics(folder)]


def lines(folder):
    path = folder / "metrics.jsonl"
    return path.read_bytes().count(b"\n") if path.exists() else 0


def content(path):
    """What is in a file, bit for bit; safetensors writes its header in any order."""
    if path.suffix != ".safetensors":
        return path.read_bytes()
    with safe_open(path, "pt") as file:
        return dict(file.metadata()), {name: file.get_tensor(name).numpy().tobytes() for name in file.keys()}  # noqa: SIM118


def everything(folder):
    """What is in every file of a run's checkpoints and samples."""
    return {
        path.relative_to(folder).as_posix(): content(path)
        for part in ("checkpoints", "samples")
        for path in sorted((folder / part).iterdir())
    }


def wait_until(found, seconds=30):
    end = time.monotonic() + seconds
    while not found():
        assert time.monotonic() < end, "it took too long"
        time.sleep(0.002)


LONG = {"steps": 40, "save_every": 6, "sample_every": 20, "keep": 2}


@pytest.fixture(scope="module")
def unbroken(server, tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "unbroken"
    assert server.run({"folder": folder, **LONG}) == [0]
    return folder


def test_a_run_keeps_the_newest_checkpoints_its_samples_and_a_line_for_each_report(unbroken):
    assert [*everything(unbroken)] == [
        *(f"checkpoints/{step:08d}{kind}.safetensors" for step in (36, 40) for kind in ("", ".state")),
        *(f"samples/fakes-{step:08d}.png" for step in (20, 40)),
    ]
    records = measured(unbroken)
    assert [record["step"] for record in records] == list(range(1, 41))
    assert records[0].keys() == {
        "step",
        "discriminator/loss",
        "discriminator/real",
        "discriminator/gradient",
        "generator/loss",
        "generator/gradient",
    }
    assert not any(name.startswith("generator") for name in records[1])  # every second step only
    assert records[0]["discriminator/loss"] != records[20]["discriminator/loss"]


def test_a_run_killed_over_and_over_at_random_moments_ends_as_the_unbroken_one_bit_for_bit(server, unbroken, tmp_path):
    seed = int.from_bytes(os.urandom(4), "big")
    moments = random.Random(seed)
    folder, kills = tmp_path / "killed", []
    for attempt in range(4):
        (child,) = server.start({"folder": folder, "resume": attempt > 0, "pause": 0.01, **LONG})
        wait_until(lambda most=9 * attempt: lines(folder) > most)  # so that some kills come after a checkpoint
        time.sleep(moments.uniform(0, 0.15))
        os.kill(child, signal.SIGKILL)
        assert server.wait() in ([-signal.SIGKILL], [0])
        kills.append(lines(folder))
        (folder / "checkpoints" / ".animi-left").mkdir(exist_ok=True)  # as a kill in the midst of writing leaves
    assert server.run({"folder": folder, "resume": True, **LONG}) == [0], server.errors.read_text()
    wanted, found = everything(unbroken), everything(folder)
    assert [name for name in wanted if found.get(name) != wanted[name]] == [], f"seed {seed}, killed at {kills}"
    assert found.keys() == wanted.keys()
    assert measured(folder) == measured(unbroken)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interrupted_run_saves_at_once_and_goes_on_to_the_same_end(server, unbroken, tmp_path, number, code):
    folder = tmp_path / "stopped"
    (child,) = server.start({"folder": folder, "pause": 0.02, **LONG})
    wait_until(lambda: lines(folder) >= 8)
    os.kill(child, number)
    assert server.wait() == [code]
    newest = sorted((folder / "checkpoints").glob("*.state.safetensors"))[-1]
    assert read_state(newest).step == read_metrics(folder)[-1]["step"] < 40
    assert server.run({"folder": folder, "resume": True, **LONG}) == [0]
    assert measured(folder) == measured(unbroken)
    ends = [content(run / "checkpoints" / "00000040.state.safetensors") for run in (folder, unbroken)]
    assert ends[0] == ends[1]


def test_two_processes_train_as_one_with_the_same_batch(server, tmp_path):
    same = {"steps": 6, "norm": False, "noise": False, "save_every": 3, "clip": 0.5, "sample_every": 6}
    assert server.run({"folder": tmp_path / "one", **same}) == [0]
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    world = {"WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
    both = [
        {"folder": tmp_path / "two", **same, "fresh": True, "environment": world | {"RANK": str(rank)}}
        for rank in range(2)
    ]
    assert server.run(*both) == [0, 0], server.errors.read_text()
    one, two = measured(tmp_path / "one"), measured(tmp_path / "two")
    assert len(one) == len(two) == 6
    for alone, together in zip(one, two, strict=True):
        assert together == pytest.approx(alone, rel=1e-4, abs=1e-6)
    weights = [read_state(tmp_path / run / "checkpoints/00000006.state.safetensors").tensors for run in ("one", "two")]
    for name, tensor in weights[0].items():
        torch.testing.assert_close(weights[1][name], tensor, rtol=1e-3, atol=1e-5)


def test_a_failing_run_names_the_value_goes_back_and_stops_at_the_third_time(server, tmp_path):
    same = {"steps": 12, "save_every": 4, "sample_every": 12}
    assert server.run({"folder": tmp_path / "two", "spoil": [5, 6], **same}) == [0]
    warnings = [record["warning"] for record in read_metrics(tmp_path / "two") if "warning" in record]
    assert [w.partition(" is ")[0] for w in warnings] == ["step 6: discriminator/loss", "step 7: discriminator/loss"]
    assert all("went back to the weights of step 4" in warning for warning in warnings)
    steps = [record["step"] for record in read_metrics(tmp_path / "two") if "warning" not in record]
    assert steps == [1, 2, 3, 4, 5, 8, 9, 10, 11, 12]
    state = read_state(tmp_path / "two" / "checkpoints" / "00000012.state.safetensors")
    assert all(bool(torch.isfinite(tensor).all()) for tensor in state.tensors.values())

    assert server.run({"folder": tmp_path / "three", "spoil": [5, 6, 7], **same}) == [1]
    assert "TrainingError: step 8: discriminator/loss is" in server.errors.read_text()
    assert [path.name for path in sorted((tmp_path / "three" / "checkpoints").glob("*.state.*"))] == [
        "00000004.state.safetensors"
    ]
