"""Results appear whole or not at all, and nothing is left behind."""

import errno
import io
import os
import tempfile
from pathlib import Path

import pytest

from animi.core.errors import OutputError
from animi.core.files import (
    Scratch,
    check_no_input,
    check_output,
    natural_order,
    set_aside,
    write_text,
    written_beside,
)


def everything(folder):
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*"))


@pytest.mark.parametrize("fails", ["write", "rename"])
def test_a_text_that_cannot_be_written_leaves_the_old_one_and_no_draft(tmp_path, monkeypatch, fails):
    def fill(*_words, **_more):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    path = tmp_path / "film.json"
    write_text(path, "old")
    if fails == "rename":
        monkeypatch.setattr("animi.core.files.put_in_place", fill)
    text = "new" if fails == "rename" else "\ud800"  # half of the text is written before it fails
    with pytest.raises((OSError, UnicodeEncodeError)):
        write_text(path, text)
    assert path.read_text() == "old" and everything(tmp_path) == ["film.json"]


def test_natural_order():
    names = ["frame10.png", "Frame2.png", "frame1.png", "b/1.png", "a/10.png", "a/9.png"]
    assert [str(path) for path in natural_order(map(Path, names))] == [
        "a/9.png", "a/10.png", "b/1.png", "frame1.png", "Frame2.png", "frame10.png",
    ]  # fmt: skip


def test_a_file_appears_when_the_block_ends(tmp_path):
    target = tmp_path / "out.gif"
    with written_beside(target, overwrite=False) as draft:
        assert draft.parents[2] == tmp_path and draft.parents[1].name.startswith(".") and draft.suffix == ".gif"
        draft.write_text("new")
        assert not target.exists()
    assert target.read_text() == "new" and everything(tmp_path) == ["out.gif"]


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit, ValueError, MemoryError])
@pytest.mark.parametrize("folder", [False, True])
def test_whatever_goes_wrong_the_old_result_stays(tmp_path, error, folder):
    target = tmp_path / "out"
    if folder:
        target.mkdir()
        (target / "old").write_text("old")
    else:
        target.write_text("old")
    before = everything(tmp_path)
    with pytest.raises(error), written_beside(target, overwrite=True, folder=folder) as draft:
        (draft / "half" if folder else draft).write_text("half")
        raise error
    assert everything(tmp_path) == before
    assert (target / "old" if folder else target).read_text() == "old"


@pytest.mark.parametrize("name", ["out", "old", "new", "drafts"])
def test_a_folder_takes_the_place_of_another(tmp_path, name):
    target = tmp_path / name
    target.mkdir()
    (target / "old").write_text("old")
    with written_beside(target, overwrite=True, folder=True) as draft:
        (draft / "new").write_text("new")
    assert everything(tmp_path) == [name, f"{name}/new"]


def test_the_old_folder_comes_back_if_the_new_cannot_be_moved(tmp_path, monkeypatch):
    target = tmp_path / "out"
    target.mkdir()
    (target / "old").write_text("old")
    real = Path.replace

    def fail_for_drafts(self, other):
        if self.name == "out" and self.parent != tmp_path:
            raise OSError(28, "No space left on device")
        return real(self, other)

    monkeypatch.setattr(Path, "replace", fail_for_drafts)
    with (
        pytest.raises(OutputError, match="No space left on device"),
        written_beside(target, overwrite=True, folder=True) as draft,
    ):
        (draft / "new").write_text("new")
    monkeypatch.undo()
    assert everything(tmp_path) == ["out", "out/old"]


def test_a_link_is_followed(tmp_path):
    real = tmp_path / "real.gif"
    real.write_text("old")
    link = tmp_path / "link.gif"
    link.symlink_to(real)
    with written_beside(link, overwrite=True) as draft:
        draft.write_text("new")
    assert link.is_symlink() and real.read_text() == "new"


def test_no_more_rights_are_taken_than_for_any_other_file(tmp_path):
    before = os.umask(0o027)
    try:
        with written_beside(tmp_path / "a", overwrite=False) as draft:
            draft.write_text("a")
        with written_beside(tmp_path / "b", overwrite=False, folder=True):
            pass
    finally:
        os.umask(before)
    assert (tmp_path / "a").stat().st_mode & 0o777 == 0o640
    assert (tmp_path / "b").stat().st_mode & 0o777 == 0o750


def test_a_file_is_not_put_in_the_place_of_a_folder_nor_the_other_way(tmp_path):
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "kept").write_text("kept")
    (tmp_path / "file").write_text("kept")
    with (
        pytest.raises(OutputError, match="is a folder, and a file"),
        written_beside(tmp_path / "folder", overwrite=True),
    ):
        pytest.fail("the block ran")
    with (
        pytest.raises(OutputError, match="is a file, and a folder"),
        written_beside(tmp_path / "file", overwrite=True, folder=True),
    ):
        pytest.fail("the block ran")
    assert everything(tmp_path) == ["file", "folder", "folder/kept"]


def test_what_check_output_rejects(tmp_path):
    (tmp_path / "taken").write_text("")
    (tmp_path / "empty").mkdir()
    check_output(tmp_path / "free", overwrite=False)
    check_output(tmp_path / "taken", overwrite=True)
    check_output(tmp_path / "empty", overwrite=False)
    for path, found in ((tmp_path / "taken", "exists already; add --overwrite"), (tmp_path / "no" / "x", "create it")):
        with pytest.raises(OutputError, match=found):
            check_output(path, overwrite=False)
    (tmp_path / "dangling").symlink_to(tmp_path / "nowhere")
    with pytest.raises(OutputError, match="exists already"):
        check_output(tmp_path / "dangling", overwrite=False)


@pytest.mark.skipif(os.geteuid() == 0, reason="the superuser may write everywhere")
def test_a_folder_that_may_not_be_written(tmp_path):
    tmp_path.chmod(0o500)
    try:
        with pytest.raises(OutputError, match="cannot be written to"):
            check_output(tmp_path / "x", overwrite=False)
    finally:
        tmp_path.chmod(0o700)


@pytest.mark.parametrize("name", ["a.bin", "new", ".new"])
def test_a_result_may_be_read_by_whom_other_new_files_may(tmp_path, name):
    before = os.umask(0o027)
    try:
        with written_beside(tmp_path / name, overwrite=False) as draft:
            os.close(os.open(draft, os.O_CREAT | os.O_WRONLY, 0o600))
    finally:
        os.umask(before)
    assert (tmp_path / name).stat().st_mode & 0o777 == 0o640


def test_the_folder_that_one_is_in_is_not_replaced(tmp_path, monkeypatch):
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    for place in (Path(), tmp_path / "here", tmp_path):
        with (
            pytest.raises(OutputError, match="is the folder that you are in; name a new one"),
            written_beside(place, overwrite=True, folder=True),
        ):
            pass
    with written_beside(Path("frames"), overwrite=False, folder=True) as draft:
        (draft / "000.png").touch()
    assert everything(tmp_path) == ["here", "here/frames", "here/frames/000.png"]


# Permissions, power cuts, inputs


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o664, 0o755])
def test_a_replaced_file_hands_its_permissions_on(tmp_path, mode):
    target = tmp_path / "a.gif"
    target.write_text("old")
    target.chmod(mode)
    with written_beside(target, overwrite=True) as draft:
        draft.write_text("new")
    write_text(tmp_path / "b.json", "old")
    (tmp_path / "b.json").chmod(mode)
    write_text(tmp_path / "b.json", "new")
    for path in (target, tmp_path / "b.json"):
        assert path.read_text() == "new" and path.stat().st_mode & 0o777 == mode


def test_a_replaced_folder_hands_its_permissions_on(tmp_path):
    target = tmp_path / "out"
    target.mkdir(mode=0o700)
    for name in ("000.png", "001.png"):
        (target / name).write_text("old")
        (target / name).chmod(0o600)
    with written_beside(target, overwrite=True, folder=True) as draft:
        for name in ("000.png", "001.png", "002.png"):
            (draft / name).write_text("new")
    assert target.stat().st_mode & 0o777 == 0o700
    assert [(target / f"00{n}.png").stat().st_mode & 0o777 for n in range(2)] == [0o600] * 2
    assert (target / "002.png").read_text() == "new"


@pytest.mark.parametrize("folder", [False, True])
def test_what_is_read_only_is_not_replaced(tmp_path, folder):
    target = tmp_path / "out"
    if folder:
        target.mkdir()
        (target / "old").write_text("old")
    else:
        target.write_text("old")
    target.chmod(0o555 if folder else 0o444)
    try:
        with (
            pytest.raises(OutputError, match=r"out: is read-only, and stays as it is"),
            written_beside(target, overwrite=True, folder=folder),
        ):
            pytest.fail("the block ran")
    finally:
        target.chmod(0o755)
    assert everything(tmp_path) == ["out", *(["out/old"] if folder else [])]


@pytest.mark.parametrize("folder", [False, True])
def test_what_has_come_to_be_there_is_not_replaced_unasked(tmp_path, folder):
    target = tmp_path / "out"
    with (
        pytest.raises(OutputError, match="has come to"),
        written_beside(target, overwrite=False, folder=folder) as draft,
    ):
        (draft / "new" if folder else draft).write_text("new")
        (target.mkdir() if folder else None)
        (target / "theirs" if folder else target).write_text("theirs")
    assert (target / "theirs" if folder else target).read_text() == "theirs"
    assert everything(tmp_path) == ["out", *(["out/theirs"] if folder else [])]


def test_a_folder_is_replaced_only_where_all_in_it_is_ours(tmp_path):
    ours = (r"\d+\.png", "numbered frame")
    target = tmp_path / "out"
    target.mkdir()
    (target / "000.png").write_text("old")
    (target / "notes.txt").write_text("mine")
    with pytest.raises(OutputError, match=r"holds notes\.txt, which is no numbered frame"):
        check_output(target, overwrite=True, ours=ours)
    (target / "notes.txt").unlink()
    with written_beside(target, overwrite=True, folder=True, ours=ours) as draft:
        (draft / "000.png").write_text("new")
        (target / "notes.txt").write_text("written meanwhile")
    assert everything(tmp_path) == ["out", "out/000.png", "out/notes.txt"]
    assert (target / "000.png").read_text() == "new"


@pytest.fixture
def order(monkeypatch):
    """What was made safe on the disk, and moved, in order."""
    found = []
    fsync, rename, link = os.fsync, Path.replace, os.link

    def sync(descriptor):
        found.append(("sync", Path(f"/proc/self/fd/{descriptor}").readlink().name))
        fsync(descriptor)

    def replace(path, target):
        found.append(("move", Path(target).name))
        return rename(path, target)

    def put(path, target):
        found.append(("move", Path(target).name))
        link(path, target)

    monkeypatch.setattr(os, "fsync", sync)
    monkeypatch.setattr(Path, "replace", replace)
    monkeypatch.setattr(os, "link", put)
    return found


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="the names of open files are not to be had")
def test_nothing_is_moved_before_it_is_on_the_disk_and_then_its_name_is(tmp_path, order):
    place = tmp_path / "place"
    place.mkdir()
    write_text(place / "a.json", "{}")
    assert order == [("sync", ".a.json.part"), ("move", "a.json"), ("sync", "place")]
    for overwrite in (False, True):
        order.clear()
        with written_beside(place / "b.gif", overwrite=overwrite) as draft:
            draft.write_text("b")
        assert order == [("sync", "b.gif"), ("move", "b.gif"), ("sync", "place")]
    order.clear()
    with written_beside(place / "frames", overwrite=False, folder=True) as draft:
        for number in range(2):
            (draft / f"{number}.png").write_text("frame")
    assert sorted(order[:2]) == [("sync", "0.png"), ("sync", "1.png")]
    assert order[2:] == [("sync", "frames"), ("move", "frames"), ("sync", "place")]


def test_what_cannot_be_read_is_set_aside_and_never_deleted(tmp_path):
    for text in ("first", "second"):
        (tmp_path / "film.json").write_text(text)
        set_aside(tmp_path / "film.json")
    assert (tmp_path / "film.json.unreadable").read_text() == "first"
    assert (tmp_path / "film.json.2.unreadable").read_text() == "second"
    assert everything(tmp_path) == ["film.json.2.unreadable", "film.json.unreadable"]


def test_an_input_is_no_output_by_whatever_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "keys" / "deep").mkdir(parents=True)
    for name in ("a.png", "keys/b.png", "keys/deep/c.png", "net.safetensors"):
        (tmp_path / name).write_text("mine")
    (tmp_path / "link.png").symlink_to("a.png")
    (tmp_path / "again").symlink_to("keys")
    os.link("a.png", "hard.png")
    inputs = {
        "a key frame": [Path("a.png"), Path("keys/deep/c.png"), None, Path("missing.png")],
        "the checkpoint": [Path("net.safetensors")],
        "a folder of frames": [Path("again/deep")],
    }
    same = ("a.png", "./keys/../a.png", tmp_path / "a.png", "link.png", "hard.png")
    for output in same:
        with pytest.raises(OutputError, match="is a key frame, which would be lost"):
            check_no_input(Path(output), inputs)
    for output in ("keys", "again", "keys/deep", tmp_path):
        with pytest.raises(OutputError, match=r"holds the key frame (a|c)\.png, which would be lost|is a folder of"):
            check_no_input(Path(output), inputs)
    with pytest.raises(OutputError, match="is the checkpoint, which would be lost"):
        check_no_input(Path("net.safetensors"), inputs)
    with pytest.raises(OutputError, match="is in the folder of frames"):
        check_no_input(Path("keys/deep/c.png"), {"a folder of frames": [Path("again/deep")]})
    (tmp_path / "dangling.png").symlink_to("nowhere.png")
    for output in ("new.png", "keys/new.png", "keys/deep/new.png", "keys/b.png", "dangling.png"):  # nothing is lost
        check_no_input(Path(output), inputs)


def test_a_full_disk_for_temporary_files_is_not_blamed_on_the_output(tmp_path, monkeypatch):
    class Full(io.RawIOBase):
        def write(self, data):
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    monkeypatch.setattr(tempfile, "TemporaryFile", lambda **_: Full())
    with pytest.raises(OutputError) as caught, written_beside(tmp_path / "out.gif", overwrite=False) as draft:
        draft.write_text("half")
        with Scratch() as scratch:
            scratch.append(b"a frame")
    assert str(caught.value).startswith(f"{tmp_path / 'temporary'}: temporary files cannot be written there")
    assert "TMPDIR" in str(caught.value) and "out.gif" not in str(caught.value)
    assert everything(tmp_path) == []


@pytest.mark.parametrize(
    "words",
    [
        ("interpolate", "{a}", "{b}", "-n", 3, "-o", "{loop}", "--overwrite"),
        ("interpolate", "{a}", "{b}", "-n", 3, "-o", "{loop}/a.gif"),
        ("interpolate", "{a}", "{b}", "-n", 3, "-o", "{loop}.mp4", "--overwrite"),
        ("interpolate", "{loop}.mp4", "-o", "{loop}.gif"),
        ("extract-frames", "{a}", "-o", "{loop}"),
        ("preview-clips", "{loop}", "-o", "{loop}.png", "--overwrite"),
        ("draw-cartoon", "{loop}.mp4", "--overwrite"),
        ("draw-cartoon", "{a}.mp4", "--truth", "{loop}", "--overwrite"),
        ("report", "{loop}", "{a}", "-o", "{loop}.html"),
        ("evaluate", "{loop}", "{loop}"),
        ("train-noise", "{a}", "-o", "{loop}"),
        ("sample", "{loop}", "-o", "{loop}.png"),
    ],
)
def test_links_that_lead_to_themselves_are_said_in_one_line(animi, key_frames, tmp_path, words):
    for kind in ("", ".mp4", ".gif", ".png", ".html"):
        (tmp_path / f"loop{kind}").symlink_to(f"loop{kind}")
    a, b = key_frames
    result = animi(*(str(word).format(a=a, b=b, loop=tmp_path / "loop") for word in words))
    assert result.exit_code in (1, 2) and result.stderr.count("\n") == 1, (result.output, result.exception)
    assert "loop" in result.stderr or "a file" in result.stderr
    assert all((tmp_path / f"loop{kind}").is_symlink() for kind in ("", ".mp4", ".gif", ".png", ".html"))
