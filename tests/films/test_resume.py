"""Interrupted films: what of them is kept, what is not trusted, and that nothing else is ever touched."""

import json
import os
import shutil
import subprocess
import sys
import time
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from animi.core.config.interpolation import InterpolateFilmConfig
from animi.core.errors import OutputError
from animi.core.films import interpolation, joining, segmenting
from animi.core.films.interpolation import interpolate_film
from animi.core.films.work_folder import clear, is_ours, name_folder
from animi.core.lock import LOCK
from animi.core.media import film_sink
from animi.core.media.encode import write_video
from animi.core.media.film_source import open_film


class Stop(Exception):
    """In the place of whatever ends a run."""


@pytest.fixture(autouse=True)
def short_segments(monkeypatch):
    monkeypatch.setattr(segmenting, "SEGMENT", 12)


@pytest.fixture(scope="module")
def film(tmp_path_factory):
    """Two seconds: 24 frames, of which 48 are made, in four segments."""

    def draw(number):
        frame = np.full((48, 64, 3), (40, 90, 160), np.uint8)
        frame[16:32, 2 * number : 2 * number + 10] = (220, 30, 30)
        return frame

    path = tmp_path_factory.mktemp("resume") / "film.mp4"
    write_video(path, map(draw, range(24)), fps=Fraction(12), size=(64, 48))
    return path


def make(film, output, stop=None, segments=0, **settings):
    """Makes the film; stops where so many frames and segments are there. Gives what was told and the notes."""
    notes = []

    def tell(done, total):
        if done == stop:
            until = time.monotonic() + 20
            while len(list(name_folder(output).glob("*.segment"))) < segments and time.monotonic() < until:
                time.sleep(0.02)
            raise Stop

    config = InterpolateFilmConfig(film, output, engine="blend", **settings)
    return interpolate_film(config, tell, notes.append), notes


@pytest.fixture(scope="module")
def whole(film, tmp_path_factory):
    """The bytes of a run that was not interrupted."""
    output = tmp_path_factory.mktemp("whole") / "out.mp4"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(segmenting, "SEGMENT", 12)
        make(film, output)
    return output.read_bytes()


@pytest.fixture(scope="module")
def stopped(film, tmp_path_factory):
    """The work folder of a run that was stopped when three segments and more were made."""
    output = tmp_path_factory.mktemp("stopped") / "out.mp4"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(segmenting, "SEGMENT", 12)
        with pytest.raises(Stop):
            make(film, output, stop=47, segments=3)
    folder = name_folder(output)
    assert len(list(folder.glob("*.segment"))) == 3
    return folder


@pytest.fixture(scope="module")
def joined(film, stopped, tmp_path_factory):
    """The work folder of a run that was stopped when its draft was complete."""
    output = tmp_path_factory.mktemp("joined") / "out.mp4"
    folder = shutil.copytree(stopped, name_folder(output))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(segmenting, "SEGMENT", 12)
        patch.setattr(interpolation, "_finish", lambda *_: (_ for _ in ()).throw(Stop))
        with pytest.raises(Stop):
            make(film, output, resume=True)
    assert (folder / "draft.mp4").is_file() and len(list(folder.glob("*.segment"))) == 4
    return folder


@pytest.fixture
def begun(stopped, tmp_path):
    """An output of which three segments and more are made, and its folder."""
    output = tmp_path / "out.mp4"
    return output, shutil.copytree(stopped, name_folder(output))


@pytest.fixture
def unfinished(joined, tmp_path):
    """An output whose draft is complete, and its folder."""
    output = tmp_path / "out.mp4"
    return output, shutil.copytree(joined, name_folder(output))


def times(folder):
    return {path.name: path.stat().st_mtime_ns for path in folder.glob("*.segment")}


def zero(path):
    path.write_bytes(bytes(path.stat().st_size))


def truncate(path):
    path.write_bytes(path.read_bytes()[:-200])


def flip(path):
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def swap(path):
    other = path.with_name("000000.segment")
    path.write_bytes(other.read_bytes())


DAMAGE = {
    "zeroed": zero,
    "truncated": truncate,
    "emptied": lambda path: path.write_bytes(b""),
    "one bit": flip,
    "another's": swap,
    "without a record": lambda path: path.with_suffix(".json").unlink(),
    "with an empty record": lambda path: path.with_suffix(".json").write_text(""),
    "with a record of no sense": lambda path: path.with_suffix(".json").write_text('{"frames": 12}'),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_segment_is_drawn_anew_and_said_so(film, begun, whole, damage):
    output, folder = begun
    DAMAGE[damage](folder / "000001.segment")
    before = times(folder)
    with pytest.raises(Stop):
        make(film, output, stop=40, resume=True)
    after = times(folder)
    assert after["000000.segment"] == before["000000.segment"]  # what is whole is kept
    assert after["000002.segment"] == before["000002.segment"]
    drawn, _ = make(film, output, resume=True)
    assert drawn.frames == 48 and output.read_bytes() == whole and not folder.exists()


def test_the_note_names_the_frames(film, begun):
    output, folder = begun
    zero(folder / "000001.segment")
    drawn, notes = make(film, output, resume=True)
    assert any("frames 12 to 23, which an earlier run has made, are damaged" in note for note in notes)
    assert notes == list(drawn.notes)


@pytest.mark.parametrize("text", ["", "{", "[1]", "\0" * 100, "[" * 60_000])
def test_an_unreadable_description_is_set_aside_and_segments_are_kept(film, begun, whole, text):
    output, folder = begun
    (folder / "film.json").write_text(text)
    before = times(folder)
    with pytest.raises(Stop):
        make(film, output, stop=40, resume=True)
    assert {name: times(folder)[name] for name in before} == before
    assert (folder / "film.json.unreadable").read_text() == text
    make(film, output, resume=True)
    assert output.read_bytes() == whole and not folder.exists()


def test_what_is_set_aside_is_said(film, begun):
    output, folder = begun
    (folder / "film.json").write_text("")
    _, notes = make(film, output, resume=True)
    assert any("film.json: cannot be read, and is set aside as film.json.unreadable" in note for note in notes)


def test_without_a_description_only_segments_of_this_very_film_are_kept(film, begun, whole):
    output, folder = begun
    (folder / "film.json").write_text("")
    drawn, notes = make(film, output, resume=True, fps=Fraction(30))  # another job
    assert drawn.resumed == 0 and sum("drawn anew" in note for note in notes) >= 3
    assert open_film(output).timing.count == 60


TOLD = {
    "frames": 48, "drawn": 0, "width": 64, "height": 48, "engine": "blend", "resumed": 0, "seconds": "2", "rate": "24",
    "notes": [], "bytes": 1,
}  # fmt: skip
"""As an earlier run may have told of a film."""


@pytest.mark.parametrize(
    "text",
    ["", "{", "[1]", '{"frames": 1}']
    + [
        json.dumps(TOLD | odd)
        for odd in (
            {"seconds": "x"},
            {"seconds": None},
            {"rate": "1/0"},
            {"rate": 24},
            {"notes": None},
            {"notes": [1]},
            {"bytes": "1"},
            {"frames": [48]},
            {"engine": None},
            {"width": -1},
            {"seconds": "9" * 5000},
        )
    ],
)
def test_an_unreadable_end_is_no_end(film, unfinished, whole, text):
    output, folder = unfinished
    size = (folder / "draft.mp4").stat().st_size
    (folder / "finished").write_text(text.replace('"bytes": 1', f'"bytes": {size}'))
    drawn, _ = make(film, output, resume=True)
    assert (drawn.frames, drawn.drawn) == (48, 0) and output.read_bytes() == whole and not folder.exists()


def test_a_draft_that_a_power_cut_has_shortened_is_made_again(film, unfinished, whole):
    output, folder = unfinished
    truncate(folder / "draft.mp4")
    make(film, output, resume=True)
    assert output.read_bytes() == whole


@pytest.mark.parametrize("damage", ["zeroed", "truncated", "emptied"])
def test_what_was_joined_is_counted_before_anything_is_deleted(film, begun, whole, monkeypatch, damage):
    """A segment goes bad after it was checked."""
    output, folder = begun
    join = joining.join_segments

    def spoil(*words, **more):
        DAMAGE[damage](folder / "000001.segment")
        join(*words, **more)

    with monkeypatch.context() as patch:
        patch.setattr(joining, "join_segments", spoil)
        with pytest.raises(OutputError) as caught:
            make(film, output, resume=True)
    assert "out.mp4" in str(caught.value) and "--resume" in str(caught.value)
    assert not output.exists() and len(list(folder.glob("*.segment"))) == 4
    drawn, _ = make(film, output, resume=True)
    assert drawn.frames == 48 and output.read_bytes() == whole


def test_an_encoder_that_loses_frames_is_noticed_at_once(film, tmp_path, monkeypatch):
    count = film_sink.count_packets
    monkeypatch.setattr(film_sink, "count_packets", lambda path, named: count(path, named) - 1)
    with pytest.raises(OutputError, match="the encoder has kept 11 of 12 frames"):
        make(film, tmp_path / "out.mp4")
    assert not (tmp_path / "out.mp4").exists()


# Links, and what is not ours


def test_the_folder_is_never_a_link(film, tmp_path, begun):
    _, real = begun
    precious = tmp_path / "precious"
    precious.mkdir()
    for name in ("letter.txt", "000000.segment", "film.json"):
        (precious / name).write_text("mine")
    for target in (precious, real):
        output = tmp_path / "smooth.mp4"
        link = tmp_path / ".smooth.mp4.animi"
        link.unlink(missing_ok=True)
        link.symlink_to(target)
        for settings in ({}, {"overwrite": True}, {"resume": True}):
            with pytest.raises(OutputError, match=r"\.smooth\.mp4\.animi: is needed .* and is a link"):
                make(film, output, **settings)
    assert {path.name: path.read_text() for path in precious.iterdir()} == dict.fromkeys(
        ("letter.txt", "000000.segment", "film.json"), "mine"
    )
    assert len(list(real.glob("*.segment"))) >= 3


@pytest.mark.parametrize("settings", [{"overwrite": True}, {"resume": True}])
def test_what_is_not_ours_stays_and_is_said(film, begun, whole, settings):
    output, folder = begun
    mine = ("notes.txt", "letter.part", "1.segment", "000001.segment.bak", ".part", "draft", "a.json")
    for name in mine:
        (folder / name).write_text("mine")
    (folder / "sub").mkdir()
    (folder / "sub" / "film.json").write_text("mine")
    _, notes = make(film, output, **settings)
    assert output.read_bytes() == whole
    assert sorted(path.name for path in folder.iterdir()) == sorted((*mine, "sub"))
    assert all((folder / name).read_text() == "mine" for name in (*mine, "sub/film.json"))
    assert any("is kept, as it holds files that animi has not made" in note for note in notes)


def test_a_link_within_the_folder_is_removed_and_not_followed(film, begun, tmp_path):
    output, folder = begun
    (tmp_path / "precious").write_text("mine")
    (folder / "000009.segment").symlink_to(tmp_path / "precious")
    make(film, output, overwrite=True)
    assert (tmp_path / "precious").read_text() == "mine" and not folder.exists()


def test_names_that_are_ours():
    ours = (
        *("film.json", ".film.json.part", "film.json.unreadable", "film.json.2.unreadable", "finished"),
        *("000000.segment", "1234567.segment", "000000.json", "000003.12-0.part"),
        *("draft.mp4", "trial.mkv", "segments.txt", LOCK),
    )
    assert all(map(is_ours, ours))
    assert not any(map(is_ours, ("x.part", "notes", "000.png", "00000.segment", "draft", "film.json.bak", ".bashrc")))


def test_only_what_is_ours_is_cleared(tmp_path):
    for name in ("film.json", "notes.txt", "000000.segment"):
        (tmp_path / name).write_text("")
    assert clear(tmp_path) == ["notes.txt"] and [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


# Two at once, permissions, places


@pytest.mark.parametrize("frames", ["12", 12.0, None, [12], True, 0, -12])
def test_a_record_that_tells_no_number_of_frames_is_not_trusted(film, begun, whole, frames):
    output, folder = begun
    record = folder / "000001.json"
    record.write_text(json.dumps(json.loads(record.read_text()) | {"frames": frames}))
    drawn, notes = make(film, output, resume=True)
    assert drawn.resumed == 24 and output.read_bytes() == whole
    assert any("frames 12 to 23" in note and "drawn anew" in note for note in notes)


@pytest.mark.parametrize("moment", [0, 1 << 32])
def test_segments_of_another_time_are_taken_all_the_same(film, begun, whole, moment):
    """The clock was set anew between two runs."""
    output, folder = begun
    for path in folder.iterdir():
        os.utime(path, (moment, moment))
    drawn, _ = make(film, output, resume=True)
    assert (drawn.frames, drawn.resumed) == (48, 36) and output.read_bytes() == whole


def test_two_at_once(film, tmp_path, animi):
    output = tmp_path / "out.mp4"
    code = (
        "import sys, time; from pathlib import Path; from animi.core.lock import locked\n"
        "with locked(Path(sys.argv[1])): print('locked', flush=True); time.sleep(60)"
    )
    folder = name_folder(output)
    folder.mkdir()
    holder = subprocess.Popen([sys.executable, "-c", code, folder], stdout=subprocess.PIPE)
    try:
        holder.stdout.readline()
        for words in ((), ("--overwrite",), ("--resume",)):
            result = animi("interpolate", film, "-o", output, "--engine", "blend", *words)
            assert result.exit_code == 1 and f"process {holder.pid} on" in result.stderr, result.stderr
            assert result.stderr.count("\n") == 1
    finally:
        holder.kill()
        holder.communicate()
    make(film, output)  # the dead owner's lock is taken over
    assert output.exists() and not folder.exists()


@pytest.mark.parametrize("mode", [0o600, 0o640])
def test_permissions_are_kept(film, tmp_path, mode):
    output = tmp_path / "out.mp4"
    output.write_bytes(b"old")
    output.chmod(mode)
    make(film, output, overwrite=True)
    assert output.stat().st_mode & 0o777 == mode and output.stat().st_size > 1000


def test_a_read_only_film_is_left_as_it_is(film, tmp_path):
    output = tmp_path / "out.mp4"
    output.write_bytes(b"old")
    output.chmod(0o444)
    with pytest.raises(OutputError, match=r"out\.mp4: is read-only"):
        make(film, output, overwrite=True)
    assert output.read_bytes() == b"old" and not name_folder(output).exists()


def test_a_link_to_a_film_elsewhere_is_followed(film, tmp_path, whole):
    (tmp_path / "far").mkdir()
    real, link = tmp_path / "far" / "real.mp4", tmp_path / "link.mp4"
    real.write_bytes(b"old")
    link.symlink_to(real)
    assert name_folder(link) == tmp_path / "far" / ".real.mp4.animi"  # on the disk on which the film will be
    make(film, link, overwrite=True)
    assert link.is_symlink() and real.read_bytes() == whole


def test_a_film_is_never_made_in_its_own_place(film, tmp_path):
    data = film.read_bytes()
    spelt = film.parent / "x" / ".." / film.name
    (film.parent / "x").mkdir(exist_ok=True)
    link, hard = tmp_path / "link.mp4", tmp_path / "hard.mp4"
    link.symlink_to(film)
    os.link(film, hard)
    for output in (film, spelt, link, hard):
        for settings in ({"overwrite": True}, {"overwrite": True, "resume": True}):
            with pytest.raises(OutputError, match="is the film itself, which would be lost"):
                make(film, output, **settings)
    net = tmp_path / "net.mp4"
    net.write_bytes(b"weights")
    with pytest.raises(OutputError, match="is the checkpoint"):
        interpolate_film(InterpolateFilmConfig(film, net, checkpoint=net, overwrite=True))
    inside = name_folder(tmp_path / "out.mp4") / "draft.mp4"
    inside.parent.mkdir()
    inside.write_bytes(data)
    with pytest.raises(OutputError, match=r"holds the film draft\.mp4"):
        make(inside, tmp_path / "out.mp4", overwrite=True)
    assert film.read_bytes() == data and inside.read_bytes() == data


def test_names_of_folders_fit_on_the_disk_and_differ():
    names = [name_folder(Path(f"/x/{'ね' * 80}{number}.mp4")).name for number in range(2)]
    assert len(set(names)) == 2 and all(len(os.fsencode(name)) <= 255 for name in names)
    assert name_folder(Path("/x/out.mp4")).name == ".out.mp4.animi"


def test_json_of_a_film_says_what_was_kept(film, begun, animi):
    output, folder = begun
    zero(folder / "000001.segment")
    result = animi("interpolate", film, "-o", output, "--engine", "blend", "--resume", "--json")
    told = json.loads(result.stdout)
    assert told["frames"] == 48 and 24 <= told["resumed"] < 48 and result.exit_code == 0
