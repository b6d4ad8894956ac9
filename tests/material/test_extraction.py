"""`animi extract-frames`: what is kept, what is told, and that interruptions of every kind leave nothing undone."""

import json
import os
import shlex
import signal
import subprocess
import sys
import time
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner

from animi.cli.main import app
from animi.core.config.material import ExtractFramesConfig
from animi.core.config.parsing import parse_time
from animi.core.errors import ConfigError
from animi.core.material.extraction import extract_frames, read_cuts
from animi.core.material.films import open_material
from animi.core.material.frame_store import FrameStore
from animi.core.material.keeper import Keeper
from animi.core.media.decode import decode_video, probe_video
from animi.core.media.encode import write_video

FPS = 12
SIZE = 96
COMMAND = (sys.executable, "-c", "from animi.cli.main import run; run()", "extract-frames")


def draw(seed, number, hold=1):
    """A scene of its own for each seed, with a figure that hops from drawing to drawing."""
    rng = np.random.default_rng(seed)
    frame = np.empty((SIZE, SIZE + 32, 3), np.uint8)
    frame[:] = rng.integers(60, 255, 3)
    for _ in range(14):
        corners = (
            rng.uniform(0, SIZE + 32, 1) + rng.uniform(-20, 20, 4),
            rng.uniform(0, SIZE, 1) + rng.uniform(-20, 20, 4),
        )
        shape = np.stack(corners, -1).astype(np.int32)
        cv2.fillPoly(frame, [shape], tuple(int(c) for c in rng.integers(0, 255, 3)))
        cv2.polylines(frame, [shape], True, (0, 0, 0), 1, cv2.LINE_AA)
    x = 30 + (number // hold * 5) % 60
    cv2.circle(frame, (x, 50), 14, (250, 240, 60), -1)
    cv2.circle(frame, (x, 50), 14, (0, 0, 0), 2)
    return frame


def write_film(path, shots, fps=FPS):
    """Shots are (seed, frames, hold)."""
    frames = [draw(seed, i, hold) for seed, count, hold in shots for i in range(count)]
    write_video(path, frames, fps=Fraction(fps), size=(SIZE + 32, SIZE), crf=4)
    return path


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("films")


@pytest.fixture(scope="module")
def film(folder):
    """Three shots: on ones, on twos, on threes; 60 frames, 5 seconds."""
    return write_film(folder / "chase.mp4", [(1, 18, 1), (2, 24, 2), (3, 18, 3)])


def extract(*words, code=0):
    result = CliRunner().invoke(app, ["extract-frames", *map(str, words)])
    assert result.exit_code == code, result.stderr
    return result


def read(folder):
    records = [json.loads(line) for line in (folder / "frames.jsonl").read_text(encoding="utf-8").splitlines()]
    shots = json.loads((folder / "shots.json").read_text())
    return records, shots


def contents(folder):
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


@pytest.fixture(scope="module")
def reference(film, folder):
    """The film extracted without an interruption, as images and packed."""
    extract(film, "-o", folder / "images", "--size", 64)
    extract(film, "-o", folder / "packed", "--size", 64, "--packed")
    return {"images": folder / "images" / "chase", "packed": folder / "packed" / "chase"}


def test_a_film_becomes_shots_of_single_drawings(film, reference):
    records, shots = read(reference["images"])
    assert [shot["frames"] for shot in shots] == [18, 24, 18]
    assert [shot["drawings"] for shot in shots] == [18, 12, 6]
    assert [shot["cadence"] for shot in shots] == [1, 2, 3]
    assert [shot["first"] for shot in shots] == pytest.approx([0, 1.5, 3.5])
    assert [record["shot"] for record in records] == [0] * 18 + [1] * 12 + [2] * 6
    assert all(record["film"] == "chase.mp4" and record["duplicate_of"] is None for record in records)
    expected = [*range(18), *range(18, 42, 2), *range(42, 60, 3)]
    assert [record["timestamp"] for record in records] == pytest.approx([n / FPS for n in expected], abs=1e-5)
    assert [record["file"] for record in records] == [f"{n:06d}.png" for n in range(36)]
    whole = [frame.pixels for frame in decode_video(probe_video(film), size=64, fit="crop")]
    for record, number in zip(records, expected, strict=True):
        kept = cv2.imread(str(reference["images"] / record["file"]))[..., ::-1]
        assert np.array_equal(kept, whole[number])
    names = {path.name for path in reference["images"].iterdir()}
    lists = {"cuts.txt", "cuts.edl", "cuts.otio"}
    assert names == {r["file"] for r in records} | lists | {"frames.jsonl", "shots.json", "scores.csv", "film.json"}


def test_the_packed_store_holds_the_same(reference):
    records, _ = read(reference["images"])
    store = FrameStore.open(reference["packed"])
    assert store.finished and len(store) == len(records)
    for kept, record, packed in zip(store.frames, records, store.records, strict=True):
        assert np.array_equal(kept, cv2.imread(str(reference["images"] / record["file"]))[..., ::-1])
        assert packed == {key: value for key, value in record.items() if key != "file"}


def test_trainers_find_films_and_shots(reference):
    for kind in ("images", "packed"):
        (found,) = open_material([reference[kind]]).films
        assert found.knows_shots
        assert [len(shot) for shot in found.shots()] == [18, 12, 6]


def test_scores_tell_where_a_threshold_would_lie(reference):
    lines = (reference["images"] / "scores.csv").read_text().splitlines()
    rows = [line.split(",") for line in lines[1:]]
    assert lines[0] == "time,score,found,hold_score" and len(rows) == 60
    assert [n for n, row in enumerate(rows) if row[2] == "cut"] == [18, 42]
    assert all(float(rows[n][1]) > 0.6 for n in (18, 42))


def test_duplicates_can_be_kept_and_are_marked(film, tmp_path):
    extract(film, "-o", tmp_path, "--keep-duplicates", "--packed")
    records, shots = read(tmp_path / "chase")
    assert len(records) == 60
    assert [r["frame"] for r in records] == list(range(60))
    for number in range(18, 42):
        assert records[number]["duplicate_of"] == (None if number % 2 == 0 else number - 1)
    assert [shot["cadence"] for shot in shots] == [1, 2, 3]


def test_cuts_come_from_a_file_or_not_at_all(film, reference, tmp_path):
    extract(film, "-o", tmp_path / "none", "--cuts", "none", "--packed")
    assert {r["shot"] for r in read(tmp_path / "none" / "chase")[0]} == {0}
    chosen = tmp_path / "mine.txt"
    chosen.write_text("# mine\n0\n0:00:02.5  # here\n\n0:04,1,x\n")
    extract(film, "-o", tmp_path / "mine", "--cuts", chosen, "--packed")
    records, shots = read(tmp_path / "mine" / "chase")
    assert [shot["first"] for shot in shots] == pytest.approx([0, 2.5, 4])
    assert all(r["cut_score"] is None for r in records)
    extract(film, "-o", tmp_path / "again", "--cuts", reference["images"] / "cuts.txt", "--size", 64, "--packed")
    assert [r["shot"] for r in read(tmp_path / "again" / "chase")[0]] == [0] * 18 + [1] * 12 + [2] * 6
    chosen.write_text("0\nsoon\n")
    assert "line 2 is no time" in extract(film, "-o", tmp_path, "--cuts", chosen, code=1).stderr
    assert "no such file" in extract(film, "-o", tmp_path, "--cuts", tmp_path / "nowhere", code=1).stderr


@pytest.mark.parametrize(
    ("options", "times"),
    [
        (("--every", 5), [n * 5 / FPS for n in range(12)]),
        (("--fps", 4), [n * 3 / FPS for n in range(20)]),
        (("--fps", 100), [n / FPS for n in range(60)]),
        (("--start", 1, "--end", "0:02"), [n / FPS for n in range(12, 24)]),
        (("--max-frames", 7), [n / FPS for n in range(7)]),
    ],
)
def test_what_is_asked_for_is_kept(film, tmp_path, options, times):
    result = extract(film, "-o", tmp_path, "--keep-duplicates", "--packed", *options)
    assert [r["timestamp"] for r in read(tmp_path / "chase")[0]] == pytest.approx(times, abs=1e-4)
    assert ("stopped at --max-frames" in result.stderr) == ("--max-frames" in options)


def test_empty_frames_and_dissolves_are_left_out_when_asked(tmp_path):
    black, white = np.zeros((SIZE, SIZE + 32, 3), np.uint8), np.full((SIZE, SIZE + 32, 3), 240, np.uint8)
    first, second = [draw(4, i) for i in range(50)], [draw(5, i) for i in range(60)]
    mixed = [
        cv2.addWeighted(a, 1 - (i + 1) / 15, b, (i + 1) / 15, 0)
        for i, (a, b) in enumerate(zip(first[36:], second, strict=False))
    ]
    frames = [black] * 6 + first[:36] + mixed[:14] + second[14:] + [white] * 5
    write_video(tmp_path / "film.mp4", frames, fps=Fraction(FPS), size=(SIZE + 32, SIZE), crf=12)
    kept = {}
    for name, drop in (("all", ""), ("some", "black,blank,dissolve")):
        extract(tmp_path / "film.mp4", "-o", tmp_path / name, "--keep-duplicates", "--packed", "--drop", drop)
        kept[name] = read(tmp_path / name / "film")[0]
    assert len(kept["all"]) == len(frames)
    mixed_times = [r["timestamp"] for r in kept["all"] if r["transition"] == "dissolve"]
    assert 10 <= len(mixed_times) <= 26
    left = {r["timestamp"] for r in kept["some"]}
    gone = {r["timestamp"] for r in kept["all"]} - left
    blanks = {round(n / FPS, 3) for n in [*range(6), *range(len(frames) - 5, len(frames))]}
    assert {round(t, 3) for t in gone} == blanks | {round(t, 3) for t in mixed_times}
    shots = {r["shot"] for r in kept["some"]}
    assert len(shots) == 2, "no clip may reach across what was left out"


@pytest.mark.parametrize(("kind", "suffix"), [("jpeg", ".jpg"), ("webp", ".webp"), ("png", ".png")])
def test_image_formats_and_fits(film, tmp_path, kind, suffix):
    extract(film, "-o", tmp_path, "--format", kind, "--packed", "--fit", "keep", "--size", 48, "--max-frames", 3)
    store = FrameStore.open(tmp_path / "chase")
    assert store.frames.shape == (3, 48, 64, 3)
    for number in range(3):
        image = cv2.imread(str(tmp_path / "chase" / f"{number:06d}{suffix}"))[..., ::-1].astype(int)
        assert np.abs(image - store[number]).mean() < (0.01 if kind == "png" else 6)


def test_films_of_one_name_do_not_collide(film, tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    one = write_film(tmp_path / "a" / "chase.mp4", [(7, 6, 1)])
    two = write_film(tmp_path / "b" / "chase.mp4", [(8, 9, 1)])
    out = tmp_path / "out"
    printed = extract(one, two, one, "-o", out, "--packed").stdout.split()
    assert [Path(path).name for path in printed] == ["chase", "chase-2", "chase-3"]
    assert [len(FrameStore.open(Path(path))) for path in printed] == [6, 9, 6]
    again = extract(two, "-o", out, "--packed")
    assert Path(again.stdout.strip()).name == "chase-2" and "complete already" in again.stderr


def test_one_bad_film_does_not_keep_the_others_from_it(film, tmp_path):
    bad = tmp_path / "bad.mp4"
    bad.write_text("no film")
    result = extract(bad, film, "-o", tmp_path / "out", "--packed", code=1)
    assert "bad.mp4: holds no video" in result.stderr and "1 of 2 films" in result.stderr
    assert FrameStore.open(tmp_path / "out" / "chase").finished
    assert not (tmp_path / "out" / "bad").exists()
    only = extract(bad, "-o", tmp_path / "out", code=1)
    assert len(only.stderr.strip().splitlines()) == 1


def test_a_folder_is_not_mixed_with_other_things(film, tmp_path):
    extract(film, "-o", tmp_path, "--packed", "--end", 1)
    before = contents(tmp_path / "chase")
    rejected = extract(film, "-o", tmp_path, "--packed", "--end", 2, code=1)
    assert "other settings" in rejected.stderr and "--overwrite" in rejected.stderr
    assert contents(tmp_path / "chase") == before
    (tmp_path / "chase" / "notes.txt").write_text("mine")
    extract(film, "-o", tmp_path, "--end", 2, "--overwrite")
    assert (tmp_path / "chase" / "notes.txt").read_text() == "mine"
    assert len(read(tmp_path / "chase")[0]) == len(list((tmp_path / "chase").glob("*.png"))) == 21
    assert not (tmp_path / "chase" / "frames.bin").exists()
    other = tmp_path / "other" / "chase"
    other.mkdir(parents=True)
    (other / "precious.txt").write_text("mine")
    assert "holds files" in extract(film, "-o", tmp_path / "other", code=1).stderr
    assert contents(other) == {"precious.txt": b"mine"}
    taken = tmp_path / "taken"
    taken.write_text("a file")
    assert "cannot be made" in extract(film, "-o", taken, code=1).stderr


@pytest.mark.parametrize(
    ("words", "flag"),
    [
        (("--size", 3), "--size"),
        (("--fit", "stretch"), "--fit"),
        (("--drop", "black,nothing"), "--drop"),
        (("--every", 0), "--every"),
        (("--fps", 2, "--every", 2), "--fps"),
        (("--start", "soon"), "--start"),
        (("--start", 3, "--end", 2), "--end"),
        (("--format", "bmp"), "--format"),
        (("--format", "none"), "--format"),
        (("--quality", 0), "--quality"),
        (("--cut-score", 2), "--cut-score"),
        (("--max-frames", -1), "--max-frames"),
    ],
)
def test_wrong_usage_names_the_option(film, tmp_path, words, flag):
    result = extract(film, "-o", tmp_path / "out", *words, code=2)
    assert result.stderr.startswith(f"animi: {flag}: ") and len(result.stderr.strip().splitlines()) == 1
    assert not (tmp_path / "out").exists()


def test_json_tells_what_became_of_each_film(film, tmp_path):
    (told,) = json.loads(extract(film, "-o", tmp_path, "--packed", "--json").stdout)
    assert told["frames"] == 36 and told["shots"] == 3 and told["decoded"] == 60 and told["duplicates"] == 24
    assert told["folder"] == str(tmp_path / "chase") and told["damaged"] == [] and not told["was_complete"]


def test_progress_runs_through_the_film(film, tmp_path):
    times, films = [], []
    config = ExtractFramesConfig((film,), output=tmp_path, packed=True, start=1.0)
    extract_frames(config, on_film=lambda path, seconds: films.append((path, seconds)), on_time=times.append)
    assert films == [(film, pytest.approx(4.0, abs=0.1))]
    assert times == sorted(times) and times[0] == pytest.approx(0) and times[-1] == pytest.approx(4 - 1 / FPS, abs=1e-3)


def test_damage_is_told_and_breaks_the_shot(folder, tmp_path):
    frames = [draw(9, i) for i in range(150)]
    write_video(tmp_path / "film.mp4", frames, fps=Fraction(25), size=(SIZE + 32, SIZE), crf=12)
    data = bytearray((tmp_path / "film.mp4").read_bytes())
    middle = len(data) // 2
    data[middle : middle + len(data) // 10] = bytes(len(data) // 10)
    (tmp_path / "film.mp4").write_bytes(data)
    result = extract(tmp_path / "film.mp4", "-o", tmp_path / "out", "--packed", "--keep-duplicates", "--json")
    assert "film.mp4: damaged from" in result.stderr and "skipped" in result.stderr
    (told,) = json.loads(result.stdout)
    (first, last), *_ = told["damaged"]
    records, _ = read(tmp_path / "out" / "film")
    assert not any(first < r["timestamp"] < last for r in records)
    before = {r["shot"] for r in records if r["timestamp"] <= first}
    after = {r["shot"] for r in records if r["timestamp"] >= last}
    assert before and after and not before & after


# --- Interruptions


@pytest.fixture(scope="module")
def longer(folder):
    return write_film(folder / "longer.mp4", [(seed, 40, 1 + seed % 3) for seed in range(20, 32)], fps=24)


@pytest.fixture(scope="module", params=["images", "packed", "both"])
def uninterrupted(request, longer, folder):
    words = {"images": (), "packed": ("--packed",), "both": ("--packed", "--format", "png")}[request.param]
    out = folder / f"whole-{request.param}"
    extract(longer, "-o", out, "--size", 64, *words)
    return words, contents(out / "longer")


def begin(longer, out, words):
    """Starts the command and waits until frames appear."""
    process = subprocess.Popen(
        [*COMMAND, str(longer), "-o", str(out), "--size", "64", *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    journal = out / "longer" / "frames.jsonl"
    until = time.monotonic() + 30
    while not (journal.exists() and journal.stat().st_size > 2000):
        assert time.monotonic() < until and process.poll() is None, process.stderr.read()
        time.sleep(0.001)
    return process


@pytest.mark.parametrize(
    ("uninterrupted", "end"),
    [(kind, signal.SIGKILL) for kind in ("images", "packed", "both")]
    + [(kind, signal.SIGINT) for kind in ("packed", "both")],  # images alone: test_ctrl_c_beside_a_record...
    indirect=["uninterrupted"],
)
def test_an_interrupted_run_goes_on_and_ends_with_the_same_files(longer, uninterrupted, tmp_path, end):
    words, whole = uninterrupted
    process = begin(longer, tmp_path, words)
    os.kill(process.pid, end)
    _, said = process.communicate(timeout=30)
    lines = (tmp_path / "longer" / "frames.jsonl").read_bytes().count(b"\n")
    film = json.loads((tmp_path / "longer" / "film.json").read_text())
    assert not film["complete"] and 0 < lines < whole["frames.jsonl"].count(b"\n")
    if end == signal.SIGINT:
        assert process.returncode == 130
        assert said.decode().strip().splitlines()[-1].startswith("animi: interrupted")
        images = list((tmp_path / "longer").glob("[0-9]*.png"))
        assert len(images) == (0 if words == ("--packed",) else lines)
        assert not list((tmp_path / "longer").glob(".*.part"))
    written = {path.name: path.stat().st_mtime_ns for path in (tmp_path / "longer").glob("00000*.png")}
    extract(longer, "-o", tmp_path, "--size", 64, *words)
    assert contents(tmp_path / "longer") == whole
    for name, at in written.items():
        if int(name[:6]) < lines:
            assert (tmp_path / "longer" / name).stat().st_mtime_ns == at, "what was there is not written anew"


@pytest.mark.parametrize("words", [(), ("--packed", "--format", "png")])
@pytest.mark.parametrize("record", ["before", "after"])
def test_ctrl_c_beside_a_record_leaves_an_image_for_every_record(film, tmp_path, monkeypatch, words, record):
    write = Keeper._write

    def interrupted(keeper, pixels, told):
        if told["frame"] == 5 and record == "before":
            raise KeyboardInterrupt
        write(keeper, pixels, told)
        if told["frame"] == 5:
            raise KeyboardInterrupt

    monkeypatch.setattr(Keeper, "_write", interrupted)
    extract(film, "-o", tmp_path, *words, code=130)
    kept = 5 if record == "before" else 6
    assert (tmp_path / "chase" / "frames.jsonl").read_bytes().count(b"\n") == kept
    assert sorted(path.name for path in (tmp_path / "chase").glob("*.png")) == [f"{n:06d}.png" for n in range(kept)]


def test_torn_and_missing_files_are_mended(longer, uninterrupted, tmp_path):
    words, whole = uninterrupted
    process = begin(longer, tmp_path, words)
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    folder = tmp_path / "longer"
    with (folder / "frames.jsonl").open("ab") as file:
        file.write(b'{"frame": 99')
    (folder / ".000099.png.part").write_bytes(b"torn")
    if (folder / "000003.png").exists():
        (folder / "000003.png").unlink()
    extract(longer, "-o", tmp_path, "--size", 64, *words)
    assert contents(folder) == whole


def test_a_full_disk_gives_one_line_and_a_usable_folder(longer, uninterrupted, tmp_path):
    words, whole = uninterrupted
    disk = tmp_path / "disk"
    disk.mkdir()
    words_of_command = [*COMMAND, str(longer), "-o", f"{disk}/out", "--size", "64", *words]
    script = (
        f"mount -t tmpfs -o size=400k tmpfs {disk} && "
        f"{{ {shlex.join(words_of_command)}; echo $? > {tmp_path}/code; cp -r {disk}/out {tmp_path}/left; }}"
    )
    done = subprocess.run(["unshare", "-rm", "bash", "-c", script], capture_output=True, text=True, timeout=60)
    if not (tmp_path / "code").exists():
        pytest.skip("this system lets nobody mount a small disk")
    assert (tmp_path / "code").read_text().strip() == "1"
    lines = [line for line in done.stderr.splitlines() if line.strip()]
    assert len(lines) == 1 and "No space left on device" in lines[0] and "run the same command again" in lines[0]
    (film,) = open_material([tmp_path / "left"]).films
    assert 5 < len(film) < whole["frames.jsonl"].count(b"\n")
    assert film.frames[len(film) - 1].shape == (64, 64, 3)
    images = sorted((tmp_path / "left" / "longer").glob("*.png"))
    assert len(images) == (0 if words == ("--packed",) else len(film))
    extract(longer, "-o", tmp_path / "left", "--size", 64, *words)
    assert contents(tmp_path / "left" / "longer") == whole


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("72.5", 72.5), ("1:12.5", 72.5), ("0:01:12.5", 72.5), ("2:00:00", 7200.0), ("1:75", None), ("-1", None),
     ("", None), ("1:2:3:4", None), ("nan", None), ("1.5:00", None)],
)  # fmt: skip
def test_times_are_read_as_people_write_them(text, seconds):
    assert parse_time(text) == seconds


def test_cut_files_are_read_in_order(tmp_path):
    path = tmp_path / "cuts.txt"
    path.write_text("5\n1:00\n2.5,0.9,cut\n")
    assert read_cuts(path) == [2.5, 5.0, 60.0]


def test_the_defaults_hold():
    with pytest.raises(ConfigError, match="--every"):
        ExtractFramesConfig((Path("a.mp4"),), every=0)
    assert ExtractFramesConfig((Path("a.mp4"),)).max_frames == 30_000


def test_extraction_ends_with_what_matters_of_the_film(animi, tmp_path, draw_disc):
    """A disc moves 6 pixels of 120 a drawing for 12 drawings on twos; then nothing moves for a shot."""
    film = tmp_path / "film.mp4"
    moving = [draw_disc(30 + 6 * (number // 2), 60, (160, 120), 40) for number in range(24)]
    still = [np.full((120, 160, 3), 30, np.uint8)] * 12
    write_video(film, [*moving, *still], fps=Fraction(24), size=(160, 120))
    done = animi("extract-frames", film, "-o", tmp_path / "frames", "--packed", "--size", 120, "--json")
    assert done.exit_code == 0, done.stderr
    (found,) = json.loads(done.stdout)
    measured = found["statistics"]
    assert (measured["shots"], measured["longest_shot"], measured["drawings"]) == (2, 12, 13)
    assert (measured["clips"], measured["long_shots"], measured["typical_shot"]) == (5, 1, 6.5)
    assert 0.03 < measured["motion"] < 0.07  # 6 of 120 pixels
    assert measured["still"] == 0  # a drawing that is held makes no pair
    line = done.stderr.splitlines()[-1]
    assert line.startswith("film.mp4: 13 drawings in 2 shots, of 6.5 each (median) and up to 12; 5 clips of 8 in 1 of")
    assert "a drawing stands for 2.8 frames" in line
