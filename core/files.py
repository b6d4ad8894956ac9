"""Paths: natural order, checks of outputs, and atomic writes.

A result is written under a hidden name in the same folder, flushed to disk, and renamed to its final name in one step.
A crash, a full disk, a power cut or Ctrl-C therefore leaves an existing file unchanged. The new file keeps the
permissions of the one that it replaces. An output must not replace an input.
"""

import errno
import os
import re
import shutil
import stat
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TypeAlias

from natsort import natsorted, ns

from .errors import InputError, OutputError, printable
from .interrupts import held_back

DRAFT = ".animi-"
"""Prefix of drafts' names; a killed process leaves its draft behind."""
Inputs: TypeAlias = Mapping[str, Iterable[Path | None]]
"""A command's inputs, by what users call them."""
UNREADABLE = ".unreadable"
"""Suffix of files that could not be read and were renamed."""


def natural_order(paths: Iterable[Path]) -> list[Path]:
    """Sorts paths as a person would: frame2 before frame10, whatever the case of the letters."""
    return natsorted(paths, alg=ns.PATH | ns.IGNORECASE)


def name_apart(paths: Sequence[Path]) -> list[str]:
    """Returns the paths' names, with as many parent folders as it takes to make them unique."""
    whole = [Path(os.path.realpath(path)) for path in paths]  # unlike resolve(), accepts loops of links
    names = [path.name for path in whole]
    for count in range(2, max((len(path.parts) for path in whole), default=0) + 1):
        if len(set(names)) == len(set(whole)):
            break
        names = ["/".join(path.parts[-count:]) for path in whole]
    return names


def reason(error: OSError) -> str:
    """Returns the operating system's message for an error, without number and path."""
    return error.strerror or str(error)


@contextmanager
def reading(path: Path, remedy: str = "check the file") -> Iterator[None]:
    """Names a file in the errors of reading it.

    Args:
        path: the file.
        remedy: what to do if it exists and cannot be read.

    Raises:
        InputError: the block found that it is missing, or cannot be read.
    """
    try:
        yield
    except FileNotFoundError as error:
        raise InputError(f"{shown(path)}: there is no such file; check the name") from error
    except OSError as error:
        raise InputError(f"{shown(path)}: cannot be read ({reason(error)}); {remedy}") from error


def read_limited(path: Path, most: int, what: str, remedy: str) -> bytes:
    """Reads a file or a pipe to its end; a pipe has no size, and may have no end.

    Args:
        path: the file.
        most: the most bytes that it may have.
        what: what it should be, such as "a time sheet".
        remedy: what to do where it is not.

    Raises:
        InputError: it is missing, cannot be read, or is larger.
    """
    try:
        with path.open("rb") as file:
            data = file.read(most + 1)
    except FileNotFoundError as error:
        raise InputError(f"{shown(path)}: there is no such file; check its name, or {remedy}") from error
    except OSError as error:
        raise InputError(f"{shown(path)}: cannot be read ({reason(error)}); {remedy}") from error
    if len(data) > most:
        raise InputError(f"{shown(path)}: is too large for {what}; {remedy}")
    return data


def check_output(
    path: Path, *, overwrite: bool, inputs: Inputs | None = None, ours: tuple[str, str] | None = None
) -> None:
    """Checks, before any work, that an output can be written.

    Args:
        path: the output.
        overwrite: whether an existing output may be replaced.
        inputs: the inputs, see `check_no_input`.
        ours: for a folder, a pattern of the file names that may be replaced in it, and what users call such a file.

    Raises:
        OutputError: the parent folder is missing or cannot be written; or the output exists and `overwrite` is false,
            is read-only, holds files that do not match `ours`, or is an input.
    """
    check_no_stream(path)
    check_no_input(path, inputs or {})
    parent = path.absolute().parent
    if not parent.is_dir():
        raise OutputError(
            f"{shown(path)}: the folder {shown(parent)} does not exist; create it first or choose another place"
        )
    if not os.access(parent, os.W_OK | os.X_OK):
        raise OutputError(f"{shown(path)}: the folder {shown(parent)} cannot be written to; choose another place")
    if not os.path.lexists(path):
        return
    if not overwrite and not (path.is_dir() and not any(path.iterdir())):
        raise OutputError(f"{shown(path)}: exists already; add --overwrite to replace it, or choose another name")
    if path.exists() and is_read_only(path):
        raise OutputError(
            f"{shown(path)}: is read-only, and stays as it is; change its permissions, or choose another name"
        )
    if ours is not None and path.is_dir():
        for found in path.iterdir():
            if not re.fullmatch(ours[0], found.name) or found.is_dir():
                raise OutputError(
                    f"{shown(path)}: holds {shown(Path(found.name))}, which is no {ours[1]}, and would be lost; "
                    "choose another folder"
                )


def check_no_stream(path: Path) -> None:
    """Rejects "-" as a path, for commands that cannot write to standard output.

    Raises:
        OutputError: the path is "-".
    """
    if path == Path("-"):
        raise OutputError("-: standard output takes whole films alone, as y4m; name a file or a folder")


def follow_links(path: Path) -> Path:
    """Returns an output's path with all links resolved; the file need not exist.

    Raises:
        OutputError: it is a link to itself.
    """
    try:
        path.stat()
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise OutputError(
                f"{shown(path)}: is a link that leads to itself; remove it, or choose another name"
            ) from error
    return Path(os.path.realpath(path))


def is_read_only(path: Path) -> bool:
    """Returns whether a file or folder is read-only: for this user, or by its permissions for everybody."""
    return not os.access(path, os.W_OK) or not path.stat().st_mode & 0o222


def check_no_input(output: Path, inputs: Inputs) -> None:
    """Rejects an output that would replace an input, by any name or link.

    Args:
        output: the file or folder to be written.
        inputs: the inputs, by what users call them, such as "a key frame" or "the film itself": files, and folders
            whose files are all read; None is ignored.

    Raises:
        OutputError: the output is an input, a folder that holds one, or a file in a folder that is one.
    """
    if not os.path.lexists(output):
        return
    place = follow_links(output)
    for kind, paths in inputs.items():
        noun = kind.removeprefix("a ").removeprefix("an ").removeprefix("the ").removesuffix(" itself")
        for path in paths:
            if path is None or not path.exists():
                continue
            here = path.resolve()
            if here == place or (output.exists() and path.samefile(output)):
                found = f"is {kind}"
            elif place in here.parents:
                found = f"holds the {noun} {shown(Path(path.name))}"
            elif here in place.parents:
                found = f"is in the {noun} {shown(path)}"
            else:
                continue
            raise OutputError(f"{shown(output)}: {found}, which would be lost; choose another name")


@contextmanager
def written_beside(
    path: Path, *, overwrite: bool, folder: bool = False, ours: tuple[str, str] | None = None
) -> Iterator[Path]:
    """Provides a hidden path beside `path` to write to, and renames it to `path` if the block ends without an error.

    Args:
        path: the output. Links are followed, so that the target is replaced, not the link.
        overwrite: whether an existing output may be replaced.
        folder: whether the output is a folder; the hidden path is then an existing, empty folder.
        ours: as in `check_output`; other files that appear in the folder meanwhile are kept.

    Raises:
        OutputError: the output cannot be written, exists already, or the disk is full. An existing output is kept.
    """
    check_output(path, overwrite=overwrite, ours=ours)
    target = follow_links(path) if path.is_symlink() else path.absolute()
    if target.is_dir() != folder and target.exists():
        kind = ("a folder", "a file") if target.is_dir() else ("a file", "a folder")
        raise OutputError(f"{shown(path)}: is {kind[0]}, and {kind[1]} is to be written; choose another name")
    if folder and target.resolve() in (Path.cwd(), *Path.cwd().parents):
        # a shell in the old folder would not see the new one
        raise OutputError(f"{shown(path)}: is the folder that you are in; name a new one in it, such as frames")
    with _draft_folder(path, target.parent) as beside:
        draft = beside / "drafts" / target.name
        if folder:
            draft.mkdir()
        yield draft
        if folder:
            _put_folder(draft, target, beside / "old", path, overwrite=overwrite, ours=ours)
        else:
            _open_to_others(draft, beside / "new")
            put_in_place(draft, target, overwrite=overwrite)


@contextmanager
def files_written_beside(paths: Sequence[Path], *, overwrite: bool) -> Iterator[list[Path]]:
    """Provides a hidden path for each of some files of one folder, and renames all if the block ends without an error.

    Each file is whole or as it was; a crash between two renames may leave some of them new.

    Args:
        paths: the outputs, of different names in one folder.
        overwrite: whether existing outputs may be replaced.

    Raises:
        OutputError: an output cannot be written, exists already, or the disk is full. Existing outputs are kept.
    """
    for path in paths:
        check_output(path, overwrite=overwrite)
        if path.is_dir():
            raise OutputError(f"{shown(path)}: is a folder, and a file is to be written; choose another name")
    with _draft_folder(paths[0], paths[0].absolute().parent) as beside:
        drafts = [beside / "drafts" / path.name for path in paths]
        yield drafts
        for draft, path in zip(drafts, paths, strict=True):
            _open_to_others(draft, beside / "new")
            put_in_place(draft, follow_links(path) if path.is_symlink() else path.absolute(), overwrite=overwrite)


def put_in_place(draft: Path, target: Path, *, overwrite: bool = True) -> None:
    """Renames a finished file atomically and durably; the permissions of a replaced file are kept.

    Args:
        draft: the file, on the same disk.
        target: its final path, which is no link.
        overwrite: whether an existing file may be replaced.

    Raises:
        OutputError: `overwrite` is false, and the target exists by now.
        OSError: it cannot be written.
    """
    sync(draft)
    _keep_mode(draft, target)
    with held_back():
        if overwrite:
            draft.replace(target)
        else:
            _put_anew(draft, target)
        sync(target.parent)


def _put_anew(draft: Path, target: Path) -> None:
    """Renames a file, unless the target exists by now."""
    try:
        os.link(draft, target)
    except FileExistsError:
        raise OutputError(
            f"{shown(target)}: has come to exist while this was made; add --overwrite to replace it, "
            "or choose another name"
        ) from None
    except OSError:  # the file system has no hard links
        draft.replace(target)
    else:
        draft.unlink()


def write_text(path: Path, text: str) -> None:
    """Writes a small file atomically; a killed process may leave a draft named `.NAME.part`.

    Raises:
        OSError: it cannot be written.
    """
    part = path.with_name(f".{path.name}.part")
    with held_back():
        part.unlink(missing_ok=True)  # never write through a link
        try:
            with part.open("x", encoding="utf-8", newline="\n") as file:
                file.write(text)
            put_in_place(part, path)
        except BaseException:  # the disk is full, for one
            part.unlink(missing_ok=True)
            raise


class Scratch:
    """A temporary file for data that may not fit in memory; a context manager that deletes it at the end."""

    def __init__(self) -> None:
        """Creates the file.

        Raises:
            OutputError: temporary files cannot be written.
        """
        try:
            self._file = tempfile.TemporaryFile(prefix="animi-", buffering=0)  # noqa: SIM115 (closed by the context)
        except OSError as error:
            raise _no_scratch(error) from error

    def append(self, data: bytes) -> None:
        """Writes data at the end.

        Raises:
            OutputError: temporary files cannot be written.
        """
        try:
            left = memoryview(data)
            while left:
                left = left[self._file.write(left) :]
        except OSError as error:
            raise _no_scratch(error) from error

    def read(self, place: int, size: int) -> bytes:
        """Reads `size` bytes from the offset `place`.

        Raises:
            OutputError: they cannot be read.
        """
        try:
            self._file.seek(place)
            parts = []
            while size and (part := self._file.read(size)):
                parts.append(part)
                size -= len(part)
            return b"".join(parts)
        except OSError as error:
            raise _no_scratch(error) from error

    def __enter__(self) -> "Scratch":
        return self

    def __exit__(self, *_error: object) -> None:
        self._file.close()


def _no_scratch(error: OSError) -> OutputError:
    try:
        place = shown(Path(tempfile.gettempdir()))
    except OSError:  # gettempdir() tests folders by writing, and none has space
        place = "TMPDIR"
    return OutputError(
        f"{place}: temporary files cannot be written there ({reason(error)}); "
        "make room, or set TMPDIR to a folder that has some"
    )


def sync(path: Path) -> None:
    """Flushes a file, or a folder's entries, to disk.

    Raises:
        OSError: the disk failed.
    """
    if path.is_dir() and os.name != "posix":  # folders cannot be opened there
        return
    file = os.open(path, os.O_RDONLY)
    try:
        os.fsync(file)
    finally:
        os.close(file)


def set_aside(path: Path) -> Path:
    """Renames a file that cannot be read to NAME.unreadable, or NAME.2.unreadable and so on; it is never deleted.

    Raises:
        OSError: it cannot be renamed.
    """
    for number in range(1, 10_000):
        aside = path.with_name(f"{path.name}{'' if number == 1 else f'.{number}'}{UNREADABLE}")
        if not os.path.lexists(aside):
            break
    path.rename(aside)
    return aside


@contextmanager
def _draft_folder(path: Path, parent: Path) -> Iterator[Path]:
    """Provides a hidden folder with a folder "drafts" for the drafts of an output, and deletes it at the end.

    Raises:
        OutputError: the output, `path`, cannot be written.
    """
    beside: Path | None = None
    try:
        with held_back():
            beside = _make_draft_folder(path, parent)
            (beside / "drafts").mkdir()  # of its own, as an output may have any name
        yield beside
    except OSError as error:
        if error.filename is not None and not str(error.filename).startswith(str(beside)):
            raise  # an error of an input, which is reported elsewhere
        raise OutputError(f"{shown(path)}: cannot be written ({reason(error)}); nothing was changed") from error
    finally:
        with held_back():
            if beside is not None:
                shutil.rmtree(beside, ignore_errors=True)


def _make_draft_folder(path: Path, parent: Path) -> Path:
    try:
        return Path(tempfile.mkdtemp(prefix=DRAFT, dir=parent))
    except OSError as error:
        raise OutputError(f"{shown(path)}: cannot be written ({reason(error)})") from error


def _open_to_others(draft: Path, new: Path) -> None:
    """Gives a file the default permissions of new files, as some writers restrict theirs to the owner."""
    new.touch()
    draft.chmod(stat.S_IMODE(new.stat().st_mode))


def _keep_mode(draft: Path, target: Path) -> None:
    """Gives a file or folder the permissions of the one that it replaces, and its owner if allowed."""
    try:
        old = target.stat()
    except FileNotFoundError:
        return
    mine = draft.stat()
    if hasattr(os, "chown") and (mine.st_uid, mine.st_gid) != (old.st_uid, old.st_gid):
        with suppress(PermissionError):
            os.chown(draft, old.st_uid, old.st_gid)
    draft.chmod(stat.S_IMODE(old.st_mode))


def _put_folder(
    draft: Path, target: Path, old: Path, path: Path, *, overwrite: bool, ours: tuple[str, str] | None
) -> None:
    """Renames the folder `draft` to `target`; an existing folder is restored if that fails."""
    for found in draft.rglob("*"):
        sync(found)
    sync(draft)
    if not os.path.lexists(target):
        draft.replace(target)
        sync(target.parent)
        return
    if not overwrite and any(target.iterdir()):
        raise OutputError(
            f"{shown(path)}: has come to hold something while this was made; add --overwrite to replace it, "
            "or choose another name"
        )
    for found in (draft, *draft.iterdir()):
        _keep_mode(found, target if found == draft else target / found.name)
    target.replace(old)
    try:
        draft.replace(target)
    except OSError:
        old.replace(target)
        raise
    if ours is not None:
        for found in old.iterdir():
            if not re.fullmatch(ours[0], found.name) and not os.path.lexists(target / found.name):
                found.replace(target / found.name)
    sync(target.parent)


def shown(path: Path) -> str:
    """Returns a path for a one-line message: line breaks and other control characters are escaped."""
    return printable(path)


def spell(name: str) -> str:
    """Returns a file name for JSON: bytes that are not UTF-8 are escaped."""
    return os.fsencode(name).decode("utf-8", "backslashreplace")
