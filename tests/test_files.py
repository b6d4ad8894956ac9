"""Results appear whole or not at all, and nothing is left behind."""

import os
from pathlib import Path

import pytest

from animi.core.errors import OutputError
from animi.core.files import check_output, natural_order, written_beside


def everything(folder):
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*"))


def test_natural_order():
    names = ["frame10.png", "Frame2.png", "frame1.png", "b/1.png", "a/10.png", "a/9.png"]
    assert [str(path) for path in natural_order(map(Path, names))] == [
        "a/9.png", "a/10.png", "b/1.png", "frame1.png", "Frame2.png", "frame10.png",
    ]  # fmt: skip


def test_a_file_appears_when_the_block_ends(tmp_path):
    target = tmp_path / "out.gif"
    with written_beside(target, overwrite=False) as draft:
        assert draft.parent.parent == tmp_path and draft.parent.name.startswith(".") and draft.suffix == ".gif"
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


def test_a_folder_takes_the_place_of_another(tmp_path):
    target = tmp_path / "out"
    target.mkdir()
    (target / "old").write_text("old")
    with written_beside(target, overwrite=True, folder=True) as draft:
        (draft / "new").write_text("new")
    assert everything(tmp_path) == ["out", "out/new"]


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


def test_what_check_output_refuses(tmp_path):
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


def test_a_result_may_be_read_by_whom_other_new_files_may(tmp_path):
    before = os.umask(0o027)
    try:
        with written_beside(tmp_path / "a.bin", overwrite=False) as draft:
            os.close(os.open(draft, os.O_CREAT | os.O_WRONLY, 0o600))
    finally:
        os.umask(before)
    assert (tmp_path / "a.bin").stat().st_mode & 0o777 == 0o640


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
