"""Films that several machines draw: the same bytes by any way, and a plan from elsewhere that is only data."""

import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from animi.core.config.interpolation import InterpolateFilmConfig
from animi.core.config.jobs import DrawConfig, JoinConfig
from animi.core.errors import AnimiError, InputError
from animi.core.films import replay, segmenting
from animi.core.films.interpolation import interpolate_film
from animi.core.films.job import draw_job, join_job, plan_job, spell_ranges
from animi.core.films.plan_file import read_plan
from animi.core.media.encode import write_video
from animi.core.media.image_files import write_png

from .two_shots import scene, write_film

SCHEDULER = shutil.which("make")


@pytest.fixture(autouse=True)
def short_segments(monkeypatch):
    monkeypatch.setattr(segmenting, "SEGMENT", 12)


@pytest.fixture(scope="module")
def films(tmp_path_factory):
    """Films of two shots; one decodes from its middle, with specks, and one loops."""
    folder = tmp_path_factory.mktemp("films")
    frames = [scene(10 + 3 * k) for k in range(18)] + [scene(80 - 3 * k, shot=1) for k in range(8)]
    write_film(folder / "film.mkv", frames)
    write_video(folder / "long.mp4", (scene(10 + k % 70) for k in range(150)), fps=Fraction(24), size=(96, 72))
    return folder


@pytest.fixture(scope="module")
def job(films, tmp_path_factory):
    """A planned film, its job and the bytes that one machine makes of it."""
    before, segmenting.SEGMENT = segmenting.SEGMENT, 12
    place = tmp_path_factory.mktemp("job")
    config = InterpolateFilmConfig(films / "film.mkv", place / "out.mp4", engine="flow")
    interpolate_film(replace(config, output=place / "whole.mp4"))
    planned = plan_job(config, place / "job")
    segmenting.SEGMENT = before
    return place, planned


def copy(job, tmp_path):
    """A copy of the job for one test."""
    shutil.copytree(job[0] / "job", tmp_path / "job")
    return tmp_path / "job", (job[0] / "whole.mp4").read_bytes()


def write_program(folder):
    """A program that is `animi` wherever it is started."""
    program = folder / "animi"
    code = "from animi.cli.main import run; run()"
    paths = os.pathsep.join(sys.path)
    program.write_text(f'#!/bin/sh\nPYTHONPATH="{paths}" exec "{sys.executable}" -P -c "{code}" "$@"\n')
    program.chmod(0o755)
    return program


def test_segments_end_at_cuts_and_cost_alike(job):
    _, planned = job
    assert planned.frames == 52 and len(planned.costs) == len(read_plan(job[0] / "job" / "plan.json").segments) >= 4
    plan = read_plan(job[0] / "job" / "plan.json")
    cuts = {number for number, source in enumerate(plan.sources) if source.cut}
    assert 18 in cuts and any(segment.frames[0].first == 18 for segment in plan.segments)
    assert all(0.75 * 12 <= cost <= 12 + 2 for cost in planned.costs[:-1]), planned.costs


def test_any_order_any_number_of_times_and_of_threads_gives_the_same_file(job, tmp_path, monkeypatch, animi):
    folder, whole = copy(job, tmp_path)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    drawn = draw_job(DrawConfig(folder, "2"))
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    assert drawn.segments == (2,) and drawn.missing == len(job[1].costs) - 1
    found = (folder / "segments" / "000002.segment").stat()
    again = draw_job(DrawConfig(folder, "1-2"))
    assert (again.segments, again.there) == ((1,), (2,))
    there = (folder / "segments" / "000002.segment").stat()
    assert (there.st_ino, there.st_mtime_ns) == (found.st_ino, found.st_mtime_ns)  # never twice
    with pytest.raises(InputError, match=r"--segments 0,3"):
        join_job(JoinConfig(folder, tmp_path / "out.mp4"))
    code = "from animi.cli.main import run; run()"  # another process, as on another machine
    subprocess.run([sys.executable, "-c", code, "draw", str(folder)], check=True, capture_output=True)
    result = animi("join", folder, "-o", tmp_path / "out.mp4", "--json")
    assert result.exit_code == 0, result.output
    assert len(json.loads(result.stdout)["notes"]) == 1 and (tmp_path / "out.mp4").read_bytes() == whole
    assert "exists already" in animi("join", folder, "-o", tmp_path / "out.mp4").stderr
    assert {path.name for path in folder.iterdir()} == {
        *("plan.json", "inputs", "segments", "README.txt", "Makefile", "slurm.sh", "openjd.json")
    }


@pytest.mark.skipif(SCHEDULER is None, reason="needs make")
def test_make_draws_and_joins(job, tmp_path):
    place = tmp_path / "日本語 #1"
    place.mkdir()
    _, whole = copy(job, place)
    program = write_program(tmp_path)
    folder = place / "job"
    plan = json.loads((folder / "plan.json").read_text())
    plan["settings"]["output"] = str(place / "out.mp4")
    (folder / "plan.json").write_text(json.dumps(plan))
    done = subprocess.run(
        ["make", "-j2", "-C", folder, f"ANIMI={program}"], capture_output=True, text=True, env=dict(os.environ)
    )
    assert done.returncode == 0, done.stderr
    assert (place / "out.mp4").read_bytes() == whole


def test_a_film_is_decoded_from_its_middle_and_verified(films, tmp_path, monkeypatch):
    config = InterpolateFilmConfig(films / "long.mp4", tmp_path / "out.mp4", engine="blend")
    plan_job(config, tmp_path / "job")
    starts = []
    read = replay.read_frames
    monkeypatch.setattr(replay, "read_frames", lambda film, start=0.0: starts.append(start) or read(film, start=start))
    count = len(read_plan(tmp_path / "job" / "plan.json").segments)
    draw_job(DrawConfig(tmp_path / "job", str(count - 1)))
    assert len(starts) == 1 and starts[0] > 2
    # a seek that lands elsewhere is noticed, and the film decoded from its start instead
    monkeypatch.setattr(
        replay, "read_frames", lambda film, start=0.0: starts.append(start) or _shifted(read(film, start=start), start)
    )
    draw_job(DrawConfig(tmp_path / "job", str(count - 2)))
    assert len(starts) == 3 and starts[-1] == 0
    monkeypatch.undo()
    draw_job(DrawConfig(tmp_path / "job"))
    join_job(JoinConfig(tmp_path / "job"))
    monkeypatch.setattr(segmenting, "SEGMENT", 12)
    interpolate_film(replace(config, output=tmp_path / "whole.mp4"))
    assert (tmp_path / "out.mp4").read_bytes() == (tmp_path / "whole.mp4").read_bytes()


def _shifted(frames, start):
    for time, pixels in frames:
        yield time, pixels if start == 0 else np.roll(pixels, 1, 1)


def test_a_machine_that_decodes_otherwise_says_so(job, tmp_path, monkeypatch):
    folder, _ = copy(job, tmp_path)
    read = replay.read_frames
    monkeypatch.setattr(replay, "read_frames", lambda film, start=0.0: _shifted(read(film, start=start), 1))
    with pytest.raises(InputError, match="decodes differently than when it was planned"):
        draw_job(DrawConfig(folder, "0"))
    assert not list((folder / "segments").iterdir())


def test_segments_of_another_kind_of_machine_are_said(job, tmp_path):
    folder, whole = copy(job, tmp_path)
    draw_job(DrawConfig(folder))
    record = folder / "segments" / "000001.json"
    record.write_text(json.dumps(json.loads(record.read_text()) | {"made": "arm64 NEON"}))
    joined = join_job(JoinConfig(folder, tmp_path / "out.mp4"))
    assert any("segments 1 were drawn on another kind of machine" in note for note in joined.notes)
    record.write_text(json.dumps(json.loads(record.read_text()) | {"sha256": "0" * 64}))
    with pytest.raises(InputError, match=r"1 are damaged or missing; draw them .* --segments 1$"):
        join_job(JoinConfig(folder, tmp_path / "out.mp4", overwrite=True))
    assert (tmp_path / "out.mp4").read_bytes() == whole


def test_doubt_palettes_and_other_inputs_travel_with_the_job(films, tmp_path):
    palette = tmp_path / "palette.png"
    write_png(palette, scene(40))
    hints = tmp_path / "hints.json"
    write_png(tmp_path / "still.png", np.full((72, 96, 1), 255, np.uint8))
    hints.write_text(json.dumps({"version": 1, "pairs": [{"at": [0.0, 0.0417], "still": "still.png"}]}))
    config = InterpolateFilmConfig(
        films / "film.mkv", tmp_path / "out.mp4", engine="flow", doubt=tmp_path / "doubt.html", hints=hints,
        start=0.0, end=0.6,
    )  # fmt: skip
    whole = interpolate_film(replace(config, output=tmp_path / "whole.mp4", doubt=tmp_path / "whole.html"))
    plan_job(config, tmp_path / "job")
    hints.unlink()
    (tmp_path / "still.png").unlink()
    draw_job(DrawConfig(tmp_path / "job"))
    joined = join_job(JoinConfig(tmp_path / "job"))
    assert joined.doubtful == whole.doubtful
    assert (tmp_path / "out.mp4").read_bytes() == (tmp_path / "whole.mp4").read_bytes()
    pages = [(tmp_path / f"{name}.html").read_text() for name in ("doubt", "whole")]
    assert pages[0].count("<img") == pages[1].count("<img")
    copied = tmp_path / "job" / "inputs" / "hints.json"
    write_png(tmp_path / "elsewhere.png", scene(40))
    copied.write_text(copied.read_text().replace("mask-0.png", "../../elsewhere.png"))
    with pytest.raises(InputError, match=r"its hints name .*elsewhere\.png, which is no file of the job"):
        draw_job(DrawConfig(tmp_path / "job"))
    pixels = replace(config, doubt=None, hints=None, palette=palette, pixel_art=True, output=tmp_path / "pixels.mp4")
    plan_job(pixels, tmp_path / "pixels")
    palette.unlink()
    assert draw_job(DrawConfig(tmp_path / "pixels", "0")).segments == (0,)


def test_another_film_other_weights_and_another_animi_are_rejected(films, job, tmp_path, monkeypatch):
    folder, _ = copy(job, tmp_path)
    shutil.copy(films / "film.mkv", tmp_path / "film.mkv")
    assert draw_job(DrawConfig(folder, "0", tmp_path / "film.mkv")).segments == (0,)
    with pytest.raises(InputError, match="planned with another film"):
        draw_job(DrawConfig(folder, "1", films / "long.mp4"))
    monkeypatch.setattr("animi.core.films.setup.version", lambda _: "9.9")
    with pytest.raises(InputError, match="planned with another animi"):
        draw_job(DrawConfig(folder, "1"))


# A plan from elsewhere


def change(*path, to):
    def apply(plan):
        for key in path[:-1]:
            plan = plan[key]
        plan[path[-1]] = to

    return apply


HARM = {
    "no plan": lambda plan: plan.clear(),
    "another version": change("version", to=99),
    "a version of no sense": change("version", to=[1]),
    "no settings": change("settings", to=None),
    "an unknown setting": change("settings", "command", to="rm -rf"),
    "a setting of another kind": change("settings", "mix", to="yes"),
    "a device of another kind": change("settings", "device", to=["cpu"]),
    "an engine that is none": change("settings", "engine", to="../engine"),
    "a path that is relative": change("settings", "film", to="../../film.mkv"),
    "an output that is no film": change("settings", "output", to="/tmp/x.sh"),
    "a checkpoint elsewhere": change("settings", "checkpoint", to="/etc/passwd"),
    "a palette elsewhere": change("settings", "palette", to="inputs/../../palette"),
    "hints elsewhere": change("settings", "hints", to="/etc/hosts"),
    "a path with a zero": change("settings", "film", to="/a\0b"),
    "leave to overwrite": change("settings", "overwrite", to=True),
    "other words for the encoder": change("job", "coding", to=["-f", "null"]),
    "times that fall": change("sources", "times", 3, to="0"),
    "a time that is none": change("sources", "times", 3, to="1/0"),
    "a checksum too few": lambda plan: plan["sources"]["sums"].pop(),
    "a cut beyond the end": change("sources", "cuts", to=[10**9]),
    "specks of no size": change("sources", "mended", to={"3": {"size": [0, 0], "sources": "", "parts": []}}),
    "specks that expand": change("sources", "mended", to={"3": {"size": [9999, 9999], "sources": "AAAA", "parts": []}}),
    "no segments": change("segments", to=[]),
    "a frame beyond the end": change("segments", 0, "first", 0, to=10**6),
    "a frame below 0": change("segments", 0, "first", 0, to=-1),
    "a pair that runs back": change("segments", 0, "last", 1, to=0),
    "t of 1": change("segments", 0, "t", 1, to=1.0),
    "t that is none": change("segments", 0, "t", 1, to="0.5"),
    "a segment that begins elsewhere": change("segments", 1, "start", to=0),
    "columns of two lengths": lambda plan: plan["segments"][0]["t"].pop(),
    "a rate of 0": change("timing", "rate", to="0"),
    "notes of another kind": change("notes", to=[{"a": 1}]),
}


@pytest.mark.parametrize("harm", HARM)
def test_a_plan_that_was_changed_is_rejected_in_one_line(job, tmp_path, animi, harm):
    folder, _ = copy(job, tmp_path)
    plan = json.loads((folder / "plan.json").read_text())
    HARM[harm](plan)
    (folder / "plan.json").write_text(json.dumps(plan))
    for command in ("draw", "join"):
        result = animi(command, folder)
        assert result.exit_code == 1 and result.stderr.startswith("animi: "), (result.output, result.exception)
        assert result.stderr.count("\n") == 1 and len(result.stderr) < 700
    assert not list((folder / "segments").iterdir())


@pytest.mark.parametrize("text", ["", "{", "[1]", "[" * 60_000, '{"format": NaN}'])
def test_a_plan_that_cannot_be_read_is_said_in_one_line(job, tmp_path, animi, text):
    folder, _ = copy(job, tmp_path)
    (folder / "plan.json").write_text(text)
    result = animi("draw", folder)
    assert result.exit_code == 1 and result.stderr.count("\n") == 1, result.output


def test_links_in_a_job_are_not_followed(job, tmp_path):
    folder, _ = copy(job, tmp_path)
    (folder / "segments").rmdir()
    (tmp_path / "elsewhere").mkdir()
    (folder / "segments").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(AnimiError, match="is a link"):
        draw_job(DrawConfig(folder, "0"))
    assert not list((tmp_path / "elsewhere").iterdir())


def test_places_of_jobs(films, job, tmp_path, animi):
    film, words = films / "film.mkv", ("--engine", "flow", "-o", tmp_path / "out.mp4")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter.txt").write_text("mine")
    for folder, message in (
        (tmp_path / "mine", "which is no part of a job"),
        (job[0] / "job", "add --overwrite to plan again"),
        (film, "is a link or no folder"),
        (tmp_path / "no" / "job", "does not exist"),
    ):
        result = animi("interpolate", film, *words, "--plan", folder)
        assert result.exit_code == 1 and message in result.stderr, result.output
    for given in ((tmp_path / "out.gif",), ("-",)):
        result = animi("interpolate", film, "-o", *given, "--plan", tmp_path / "job")
        assert result.exit_code == 2 and "--plan: needs a film's file" in result.stderr
    assert "--plan: is for films" in animi("interpolate", job[0], "--plan", tmp_path, "-o", tmp_path / "a.gif").stderr
    assert not (tmp_path / "job").exists()
    folder, _ = copy(job, tmp_path)
    draw_job(DrawConfig(folder, "0"))
    assert animi("interpolate", film, *words, "--plan", folder, "--overwrite").exit_code == 0
    assert not list((folder / "segments").iterdir())


def test_ranges_are_spelt_as_they_are_read():
    assert [spell_ranges(numbers) for numbers in ([3], [0, 4, 5, 6], [1, 3, 5])] == ["3", "0,4-6", "1,3,5"]


def test_openjd_checks_and_runs_the_template(job, tmp_path):
    pytest.importorskip("openjd.cli")
    folder, whole = copy(job, tmp_path)
    program = write_program(tmp_path)
    plan = json.loads((folder / "plan.json").read_text())
    plan["settings"]["output"] = str(tmp_path / "out.mp4")
    (folder / "plan.json").write_text(json.dumps(plan))
    openjd = Path(sys.executable).with_name("openjd")
    done = subprocess.run([openjd, "check", folder / "openjd.json"], capture_output=True, text=True)
    assert done.returncode == 0 and "passes validation" in done.stdout, done.stdout + done.stderr
    words = ("-p", "SegmentsEach=2", "-p", f"Animi={program}")
    done = subprocess.run([openjd, "run", folder / "openjd.json", *words], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert (tmp_path / "out.mp4").read_bytes() == whole
