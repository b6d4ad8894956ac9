"""Extracted films that something has happened to: what is kept, what is not trusted, and that nothing is lost."""

import json
import os
import shutil
import subprocess
import sys
from fractions import Fraction
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from animi.cli.main import app
from animi.core.lock import LOCK
from animi.core.material import extraction, keeper
from animi.core.material.frame_store import FrameStore
from animi.core.media.encode import write_video


@pytest.fixture(scope="module")
def film(tmp_path_factory):
    """Two seconds of 24 drawings."""
    path = tmp_path_factory.mktemp("films") / "chase.mp4"
    write_video(path, map(draw, range(24)), fps=Fraction(12), size=(64, 48))
    return path


def draw(number):
    frame = np.full((48, 64, 3), (40, 90, 160), np.uint8)
    frame[16:32, 2 * number : 2 * number + 10] = (220, 30, 30)
    return frame


KINDS = {"images": (), "packed": ("--packed",), "both": ("--packed", "--format", "png")}


@pytest.fixture(scope="module")
def first_run(film, tmp_path_factory):
    """Extracts the film in one of KINDS, once for all tests: `first_run(kind)` gives the film's folder."""

    @cache
    def run(kind):
        out = tmp_path_factory.mktemp(kind)
        words = ("extract-frames", str(film), "-o", str(out), "--size", "32", *KINDS[kind])
        result = CliRunner().invoke(app, words)
        assert result.exit_code == 0, result.output
        return out / "chase"

    return run


@pytest.fixture(params=KINDS)
def extracted(request, film, first_run, tmp_path, animi):
    """A function that extracts the film, the film's folder, and all files as they should be."""

    def extract(*more, code=0):
        words = ("extract-frames", film, "-o", tmp_path / "frames", "--size", "32", *KINDS[request.param])
        result = animi(*words, *more)
        assert result.exit_code == code, result.output
        assert all(line.startswith(("animi: ", "chase.mp4: ")) for line in result.stderr.splitlines()), result.stderr
        return result.stderr

    folder = shutil.copytree(first_run(request.param), tmp_path / "frames" / "chase")
    return extract, folder, read(folder)


def read(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def unfinished(folder, keep=10):
    """Leaves a folder as a killed run would have: so many frames, not complete."""
    known = json.loads((folder / "film.json").read_text())
    (folder / "film.json").write_text(
        json.dumps({key: known[key] for key in ("film", "settings")} | {"complete": False})
    )
    lines = (folder / "frames.jsonl").read_bytes().splitlines(keepends=True)
    (folder / "frames.jsonl").write_bytes(b"".join(lines[:keep]))
    if (folder / "store.json").exists():
        header = json.loads((folder / "store.json").read_text())
        (folder / "store.json").write_text(json.dumps(header | {"count": None}) + "\n")
    for name in ("shots.json", "cuts.txt", "cuts.edl", "cuts.otio", "scores.csv"):
        (folder / name).unlink()


@pytest.mark.parametrize(
    ("extracted", "text"),
    [("images", text) for text in ("", "[]", '{"complete": true}', "\0" * 50, "[" * 60_000)]
    + [(kind, "{") for kind in KINDS],
    indirect=["extracted"],
    ids=lambda value: value[:20],
)
def test_an_unreadable_description_is_set_aside_and_frames_are_verified(extracted, text):
    extract, folder, whole = extracted
    unfinished(folder)
    (folder / "film.json").write_text(text)
    said = extract()
    assert "film.json: cannot be read, and is set aside as film.json.unreadable" in said
    now = read(folder)
    assert now.pop("film.json.unreadable") == text.encode() and now == whole


@pytest.mark.parametrize("other", ["pixels", "records"])
def test_frames_of_another_film_are_not_taken_for_this_ones(extracted, other):
    extract, folder, whole = extracted
    unfinished(folder)
    (folder / "film.json").write_text("")
    if other == "records":
        lines = (folder / "frames.jsonl").read_text()
        (folder / "frames.jsonl").write_text(lines.replace('"timestamp":0.25', '"timestamp":0.26'))
    elif (folder / "frames.bin").exists():
        data = bytearray((folder / "frames.bin").read_bytes())
        data[3 * 32 * 32 * 3] ^= 255
        (folder / "frames.bin").write_bytes(data)
    else:
        shutil.copy(folder / "000009.png", folder / "000003.png")
        extract()
        assert read(folder)["000003.png"] == whole["000003.png"]  # what can be made anew is
        return
    said = extract(code=1)
    assert "was begun on another film or by another version" in said


@pytest.mark.parametrize(
    ("extracted", "text"),
    [("images", b""), ("images", bytes(100)), *((kind, text) for kind in KINDS for text in (b"{\n", None))],
    indirect=["extracted"],
)
def test_complete_is_not_taken_on_trust(extracted, text):
    extract, folder, whole = extracted
    if text is None:
        (folder / "frames.jsonl").unlink()
    else:
        (folder / "frames.jsonl").write_bytes(text)
    said = extract()
    assert "was complete, but frames.jsonl is" in said and "the film is extracted again" in said
    now = read(folder)
    if text is not None:
        assert now.pop("frames.jsonl.unreadable") == text
        assert "frames.jsonl is set aside as frames.jsonl.unreadable" in said
    assert now == whole
    assert "complete already" in extract()


def test_records_of_two_runs_at_once_are_noticed(extracted):
    """As such runs have left them, when nothing kept the second one out."""
    extract, folder, whole = extracted
    lines = whole["frames.jsonl"].splitlines(keepends=True)
    (folder / "frames.jsonl").write_bytes(b"".join(lines) + lines[5][:40] + b"".join(lines[3:20]))
    assert "frames.jsonl is damaged" in extract()
    now = read(folder)
    del now["frames.jsonl.unreadable"]
    assert now == whole


@pytest.mark.parametrize("damage", ["emptied", "cut", "zeroed", "missing"])
@pytest.mark.parametrize("complete", [False, True])
def test_images_that_a_power_cut_has_spoilt_are_made_again(film, tmp_path, animi, damage, complete):
    folder = tmp_path / "frames" / "chase"
    words = ("extract-frames", film, "-o", tmp_path / "frames", "--size", "32")
    assert animi(*words).exit_code == 0
    whole = read(folder)
    if not complete:
        unfinished(folder)
    path = folder / "000004.png"
    size = path.stat().st_size
    {
        "emptied": lambda: path.write_bytes(b""),
        "cut": lambda: path.write_bytes(whole[path.name][:-30]),
        "zeroed": lambda: path.write_bytes(bytes(size)),
        "missing": path.unlink,
    }[damage]()
    said = animi(*words).stderr
    assert ("1 of 24 images are missing or cut short" in said) == complete
    now = read(folder)
    now.pop("frames.jsonl.unreadable", None)
    assert now == whole


@pytest.mark.parametrize("kind", ["jpeg", "webp"])
def test_other_images_are_seen_to_be_whole(film, tmp_path, animi, kind):
    words = ("extract-frames", film, "-o", tmp_path, "--size", "32", "--format", kind)
    assert animi(*words).exit_code == 0
    assert "complete already" in animi(*words).stderr
    image = next((tmp_path / "chase").glob("000004.*"))
    image.write_bytes(image.read_bytes()[:-5])
    assert "1 of 24 images are missing or cut short" in animi(*words).stderr


def test_two_at_once(film, tmp_path, animi):
    folder = tmp_path / "chase"
    code = (
        "import sys, time; from pathlib import Path; from animi.core.lock import locked\n"
        "with locked(Path(sys.argv[1])): print('locked', flush=True); time.sleep(60)"
    )
    holder = subprocess.Popen([sys.executable, "-c", code, folder], stdout=subprocess.PIPE)
    try:
        holder.stdout.readline()
        for more in ((), ("--overwrite",)):
            result = animi("extract-frames", film, "-o", tmp_path, "--size", "32", *more)
            assert result.exit_code == 1 and f"process {holder.pid} on" in result.stderr, result.stderr
            assert result.stderr.count("\n") == 1
    finally:
        holder.kill()
        holder.communicate()
    assert animi("extract-frames", film, "-o", tmp_path, "--size", "32").exit_code == 0
    assert len(list(folder.glob("*.png"))) == 24 and not (folder / LOCK).exists()


def test_two_runs_at_once_leave_one_whole_folder(film, tmp_path):
    long = tmp_path / "long.mp4"
    write_video(long, (draw(number % 24) for number in range(400)), fps=Fraction(24), size=(64, 48))
    words = ("extract-frames", long, "-o", tmp_path / "f", "--size", "64", "--packed")
    command = [sys.executable, "-c", "from animi.cli.main import run; run()", *map(str, words)]
    runs = [subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.PIPE) for _ in range(3)]
    said = [run.communicate()[1].decode() for run in runs]
    assert all("Traceback" not in each for each in said)
    assert 0 in [run.returncode for run in runs]
    for run, each in zip(runs, said, strict=True):
        assert run.returncode == 0 or "is writing it" in each, each
    store = FrameStore.open(tmp_path / "f" / "long")
    assert [record["frame"] for record in store.records] == list(range(len(store)))


# Links, inputs, permissions


def test_the_folder_is_never_a_link(film, tmp_path, animi):
    precious = tmp_path / "precious"
    assert animi("extract-frames", film, "-o", tmp_path / "real", "--size", "32").exit_code == 0
    (tmp_path / "real" / "chase").rename(precious)
    before = read(precious)
    (tmp_path / "frames").mkdir()
    (tmp_path / "frames" / "chase").symlink_to(precious)
    for more in ((), ("--overwrite", "--every", "2")):
        result = animi("extract-frames", film, "-o", tmp_path / "frames", "--size", "32", *more)
        assert result.exit_code == 1 and "chase: is a link" in result.stderr
    assert read(precious) == before


def test_only_what_we_named_is_removed(film, tmp_path, animi):
    words = ("extract-frames", film, "-o", tmp_path, "--size", "32")
    assert animi(*words).exit_code == 0
    folder = tmp_path / "chase"
    mine = ("notes.txt", "letter.part", ".hidden.part", "1.png", "x.png", "000000.gif", "film.json.bak")
    for name in mine:
        (folder / name).write_text("mine")
    (folder / "sub").mkdir()
    assert animi(*words, "--overwrite", "--packed").exit_code == 0
    lists = ("cuts.txt", "cuts.edl", "cuts.otio")
    assert sorted(path.name for path in folder.iterdir()) == sorted(
        (*mine, *lists, "sub", "film.json", "frames.bin", "frames.jsonl", "scores.csv", "shots.json", "store.json")
    )


def test_a_list_of_cuts_that_was_edited_in_place_is_read_and_left_as_it_is(film, tmp_path, animi):
    words = ("extract-frames", film, "-o", tmp_path, "--size", "32")
    assert animi(*words).exit_code == 0
    mine = tmp_path / "chase" / "cuts.txt"
    mine.write_text("# mine\n0\n1.0  # here it begins\n")
    for _ in range(2):
        assert animi(*words, "--cuts", mine, "--overwrite").exit_code == 0
        assert mine.read_text() == "# mine\n0\n1.0  # here it begins\n"
    assert len(json.loads((tmp_path / "chase" / "shots.json").read_text())) == 2


def test_a_film_in_the_place_of_its_own_frames(film, tmp_path, animi):
    folder = tmp_path / "000000"
    folder.mkdir()
    shutil.copy(film, folder / "000000.png")
    (folder / "film.json").write_text("")
    result = animi("extract-frames", folder / "000000.png", "-o", tmp_path, "--overwrite")
    assert result.exit_code == 1 and "holds the film 000000.png, which would be lost" in result.stderr
    assert (folder / "000000.png").read_bytes() == film.read_bytes()


def test_permissions_are_kept(extracted):
    extract, folder, _ = extracted
    folder.chmod(0o700)
    for path in folder.iterdir():
        path.chmod(0o600)
    extract("--overwrite", "--every", "2")
    assert folder.stat().st_mode & 0o777 == 0o700
    assert {path.name: path.stat().st_mode & 0o777 for path in folder.iterdir()} == {
        path.name: 0o600 for path in folder.iterdir()
    }


def test_what_is_read_only_is_not_replaced(extracted):
    extract, folder, whole = extracted
    (folder / "film.json").chmod(0o444)
    assert "film.json: is read-only" in extract("--overwrite", "--every", "2", code=1)
    assert read(folder) == whole


def test_what_is_complete_is_on_the_disk(film, tmp_path, animi, monkeypatch):
    """All images and records are safe before film.json says that they are there."""
    found = []
    sync, write = keeper.sync, extraction.write_text

    def note(path, text):
        found.append((path.name, '"complete": true' in text))
        write(path, text)

    monkeypatch.setattr(keeper, "sync", lambda path: (found.append(path.name), sync(path)))
    monkeypatch.setattr(extraction, "write_text", note)
    assert animi("extract-frames", film, "-o", tmp_path, "--size", "32").exit_code == 0
    end = found.index(("film.json", True))
    assert {f"{number:06d}.png" for number in range(24)} | {"chase"} <= set(found[:end])


def test_names_that_are_too_long_for_a_folder(film, tmp_path, animi):
    for letters in ("n" * 251, "ね" * 83):
        path = tmp_path / f"{letters}.mp4"
        shutil.copy(film, path)
        out = tmp_path / str(len(letters))
        result = animi("extract-frames", path, "-o", out, "--size", "32")
        assert result.exit_code == 0, result.stderr
        other = tmp_path / "other" / path.name
        other.parent.mkdir(exist_ok=True)
        write_video(tmp_path / "o.mp4", map(draw, range(5)), fps=Fraction(12), size=(64, 48))
        (tmp_path / "o.mp4").rename(other)
        assert animi("extract-frames", other, "-o", out, "--size", "32").exit_code == 0
        assert sorted(len(list(folder.glob("*.png"))) for folder in Path(out).iterdir()) == [5, 24]
        assert all(len(os.fsencode(folder.name)) <= 255 for folder in Path(out).iterdir())
