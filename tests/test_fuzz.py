"""A small part of what benchmarks/fuzz.py reads, and a few of the kills and troubles of kill.py and troubles.py."""

import json
from collections import Counter
from contextlib import closing
from fractions import Fraction
from pathlib import Path
from runpy import run_path
from types import SimpleNamespace

import numpy as np
import pytest

from animi.cli.studio_server import build_app
from animi.core.config.studio import StudioConfig
from animi.core.errors import AnimiError
from animi.core.media.encode import write_video
from animi.core.studio.studio import Studio

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"


@pytest.fixture(scope="module")
def fuzz():
    return SimpleNamespace(**run_path(str(BENCHMARKS / "fuzz.py")))


@pytest.fixture(scope="module")
def good(fuzz, tmp_path_factory):
    return fuzz.make_good(tmp_path_factory.mktemp("good"))


SLICES = {
    "image": 120, "film": 8, "whole": 6, "stream": 12, "checkpoint": 60, "state": 40, "store": 40, "records": 10,
    "cuts": 10, "sheet": 30,
}  # fmt: skip


@pytest.mark.parametrize("kind", SLICES)
def test_damaged_files_are_read_or_rejected(fuzz, good, tmp_path, capfd, kind):
    found = Counter()
    for number in range(SLICES[kind]):
        name, outcome, told = fuzz.read_mutated(number, 77, good, (kind,), tmp_path)
        assert name == kind and outcome in ("good", "rejected"), f"input {number} of seed 77: {told}"
        found[outcome] += 1
    assert found["rejected"], "what is tested must damage something"
    assert capfd.readouterr().err == "", "libraries have no say"


def test_good_files_are_read(fuzz, good):
    for kind, paths in good.items():
        for path in paths:
            fuzz.KINDS[kind].read(path)


def test_the_fuzzer_finds_what_is_not_an_animi_error(fuzz, good, tmp_path, monkeypatch):
    def stumble(path):
        raise KeyError(path.name)

    monkeypatch.setitem(fuzz.KINDS, "image", fuzz.KINDS["image"]._replace(read=stumble))
    name, outcome, told = fuzz.read_mutated(0, 0, good, ("image",), tmp_path)
    assert (name, outcome) == ("image", "KeyError") and "stumble" in told


@pytest.fixture(scope="module")
def structure(tmp_path_factory):
    found = SimpleNamespace(**run_path(str(BENCHMARKS / "fuzz_structure.py")))
    found.good = found.make_good(tmp_path_factory.mktemp("structure"))
    return found


@pytest.fixture(scope="module")
def formats(tmp_path_factory):
    pytest.importorskip("psd_tools")
    pytest.importorskip("OpenImageIO")
    found = SimpleNamespace(**run_path(str(BENCHMARKS / "fuzz_formats.py")))
    found.good = found.make_good(tmp_path_factory.mktemp("formats"))
    return found


def test_damaged_files_of_studios_are_read_or_rejected(fuzz, formats, tmp_path, capfd):
    found = Counter()
    for kind, paths in formats.good.items():
        for path in paths:
            formats.KINDS[kind].read(path)
        for number in range(8):
            _, outcome, told = fuzz.read_mutated(number, 78, formats.good, (kind,), tmp_path, formats.KINDS)
            assert outcome in ("good", "rejected"), f"input {number} of kind {kind} and seed 78: {told}"
            found[kind, outcome] += 1
    assert all(found[kind, "rejected"] for kind in formats.good), "what is tested must damage something"
    assert capfd.readouterr().err == "", "libraries have no say"


FEW = {"manifest": 6, "playlist": 2, "apng": 8, "gif": 8, "webp": 20, "mp4": 8, "sheet": 60, "words": 60, "tiff": 60,
       "studio": 8} | {f"film {part}": 1 for part in ("job", "record", "end", "segment")} | {
       "extraction": 2, "extracted records": 2, "extracted store": 2, "extracted image": 2, "run settings": 2,
       "run metrics": 2, "run best": 1, "run state": 6, "report settings": 1, "report metrics": 3, "report sample": 2,
}  # fmt: skip
"""Of each kind so many, where not 20."""


def test_files_of_odd_structure_are_read_or_rejected(fuzz, structure, tmp_path, capfd):
    kinds, good = structure.KINDS, structure.good
    outcomes = {}
    for kind in kinds:
        found = outcomes[kind] = Counter()
        for number in range(FEW.get(kind, 20)):
            name, outcome, told = fuzz.read_mutated(number, 78, good, (kind,), tmp_path, kinds)
            assert name == kind and outcome in ("good", "rejected"), f"input {number} of seed 78, {kind}: {told}"
            found[outcome] += 1
    assert not outcomes["manifest"]["good"] and not outcomes["playlist"]["good"]
    assert sum(found["rejected"] for found in outcomes.values()) > 100 and fuzz.find_left() == ""
    assert "Traceback" not in capfd.readouterr().err


def test_every_request_that_the_studio_takes_is_tried(structure):
    """Requests without a body, and those to an id of its own, are among the odd places of `make_request`."""
    with closing(Studio(StudioConfig(device="cpu"))) as studio:
        routes = build_app(studio, None).routes
    wanted = {
        (method, route.path.removeprefix("/api/").removeprefix("sessions/{session}/"))
        for route in routes
        for method in route.methods & {"POST", "PUT"}
    }
    wanted -= {("POST", "sessions"), ("PUT", "uploads/{upload}")}  # both in each trial
    assert {(method, what) for method, what, _ in structure.REQUESTS} == wanted


def test_structure_is_kept_where_it_should_be(structure, fuzz):
    """What is made must get past the check sums, or it would prove nothing of what lies behind them."""
    kinds, good = structure.KINDS, structure.good
    for kind, least in (("png", 0.2), ("gif", 0.2), ("webp", 0.1), ("tiff", 0.2), ("psd", 0.2)):
        read = 0
        for number in range(60):
            rng = np.random.default_rng([9, number])
            one = good[kind][number % len(good[kind])].read_bytes()
            path = good[kind][0].with_name("odd" + good[kind][number % len(good[kind])].suffix)
            path.write_bytes(kinds[kind].damage(one, one, rng))
            try:
                kinds[kind].read(path)
                read += 1
            except AnimiError:
                pass
            finally:
                path.unlink()
        assert read >= least * 60, f"{kind}: {read} of 60"


@pytest.fixture(scope="module")
def kill():
    return SimpleNamespace(**run_path(str(BENCHMARKS / "kill.py")))


def test_what_is_broken_is_found(kill, tmp_path):
    (tmp_path / "good.json").write_text(json.dumps([1]))
    (tmp_path / ".draft.json").write_text("{")
    assert kill.find_broken(tmp_path, set()) == []
    for name in ("bad.json", "bad.png", "bad.safetensors", "bad.mp4"):
        (tmp_path / name).write_text("{")
    assert len(kill.find_broken(tmp_path, {"bad.mp4"})) == 3
    (tmp_path / "film.mp4.part").write_text("")
    faults = [kind for kind, _ in kill.find_faults(tmp_path, {"bad.mp4"}, "INT", 1, "")]
    assert faults == ["broken files"] * 3 + ["bad answers", "drafts left"]
    assert kill.differ({"a": b"1", "b": b"2"}, {"a": b"1", "b": b"3", "c": b""}) == ["b", "c"]


def test_extraction_survives_kills(kill, tmp_path):
    rng = np.random.default_rng(0)
    frames = (rng.integers(0, 256, (12, 16, 3)).astype(np.uint8).repeat(8, 0).repeat(8, 1) for _ in range(60))
    write_video(tmp_path / "film.mp4", frames, fps=Fraction(24), size=(128, 96))
    (tmp_path / "room").mkdir()
    found = kill.kill_often(kill.extract(str(tmp_path / "film.mp4")), tmp_path / "room", 4, 1, set())
    assert found.keys() == {"kills", "ends"} and found["kills"] == 4
