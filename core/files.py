"""Paths: natural order, and results that appear whole or not at all.

A result is written under a hidden name in its own folder, flushed to disk, and then moved over the final name in one
step, so that a crash, a full disk, a power cut or Ctrl-C leaves whatever stood there before as it was. What it replaces
hands its permissions on. Nothing that is read for a result may stand in its place.
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

from .errors import OutputError, printable
from .interrupts import held_back

DRAFT = ".animi-"
"""So begins the name of what is not whole yet; a killed process leaves it behind."""
Inputs: TypeAlias = Mapping[str, Iterable[Path | None]]
"""What a command reads, by what a person calls it."""
UNREADABLE = ".unreadable"
"""So ends the name of what could not be read and was set aside."""


def natural_order(paths: Iterable[Path]) -> list[Path]:
    """Sorts paths as a person would: frame2 before frame10, whatever the case of the letters."""
    return natsorted(paths, alg=ns.PATH | ns.IGNORECASE)


def name_apart(paths: Sequence[Path]) -> list[str]:
    """The paths' last names, with as many parents as it takes to tell them apart."""
    whole = [Path(os.path.realpath(path)) for path in paths]  # links that lead to themselves are no error yet
    names = [path.name for path in whole]
    for count in range(2, max((len(path.parts) for path in whole), default=0) + 1):
        if len(set(names)) == len(set(whole)):
            break
        names = ["/".join(path.parts[-count:]) for path in whole]
    return names


def reason(error: OSError) -> str:
    """What the operating system says of an error, without the number and the path."""
    return error.strerror or str(error)


def check_output(
    path: Path, *, overwrite: bool, inputs: Inputs | None = None, ours: tuple[str, str] | None = None
) -> None:
    """Rejects, before any work is done, a result that could not be put in its place.

    Args:
        path: where the result belongs.
        overwrite: whether something that stands there may be replaced.
        inputs: what is read for it, see `check_no_input`.
        ours: of a folder, a pattern of the names that may be replaced in it, and what a person calls such a file.

    Raises:
        OutputError: the folder is missing or cannot be written, something stands there and `overwrite` is False, it is
            read-only, holds what is not ours, or is an input.
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
    """Rejects "-" as a place: where it stands for standard output it is not looked for on the disk.

    Raises:
        OutputError: the path is "-".
    """
    if path == Path("-"):
        raise OutputError("-: standard output takes whole films alone, as y4m; name a file or a folder")


def follow_links(path: Path) -> Path:
    """Where an output is, or will be, when all links are followed.

    Raises:
        OutputError: it is a link that leads to itself.
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
    """Whether a file or folder may not be written: by us, or, as its permissions have it, by anybody."""
    return not os.access(path, os.W_OK) or not path.stat().st_mode & 0o222


def check_no_input(output: Path, inputs: Inputs) -> None:
    """Rejects an output in whose place something that is read would be lost, by whatever name or link it goes.

    Args:
        output: the file or folder to be written.
        inputs: what is read, by what a person calls it, such as "a key frame" or "the film itself": files, and folders
            of which all files are read; None is nothing.

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
    """Gives a hidden path beside `path` to write to; moves it over `path` when the block ends without an error.

    Args:
        path: where the result belongs. A link is followed, so that its target is replaced and not the link.
        overwrite: whether something that stands there may be replaced.
        folder: the result is a folder; the path given is then an empty folder that exists.
        ours: as in `check_output`; what else comes to be in the folder while this works stays there.

    Raises:
        OutputError: the place cannot be written, is taken, or the disk fills; nothing that stood there is harmed.
    """
    check_output(path, overwrite=overwrite, ours=ours)
    target = follow_links(path) if path.is_symlink() else path.absolute()
    if target.is_dir() != folder and target.exists():
        kind = ("a folder", "a file") if target.is_dir() else ("a file", "a folder")
        raise OutputError(f"{shown(path)}: is {kind[0]}, and {kind[1]} is to be written; choose another name")
    if folder and target.resolve() in (Path.cwd(), *Path.cwd().parents):
        # moved away under a shell's feet, what was written would not be seen from there
        raise OutputError(f"{shown(path)}: is the folder that you are in; name a new one in it, such as frames")
    beside: Path | None = None
    try:
        with held_back():
            beside = _make_draft_folder(path, target.parent)
        draft = beside / target.name
        if folder:
            draft.mkdir()
        yield draft
        if folder:
            _put_folder(draft, target, beside / "old", path, overwrite=overwrite, ours=ours)
        else:
            _open_to_others(draft, beside / "new")
            put_in_place(draft, target, overwrite=overwrite)
    except OSError as error:
        if error.filename is not None and not str(error.filename).startswith(str(beside)):
            raise  # an input's error, which has its own words
        raise OutputError(f"{shown(path)}: cannot be written ({reason(error)}); nothing was changed") from error
    finally:
        with held_back():
            if beside is not None:
                shutil.rmtree(beside, ignore_errors=True)


def put_in_place(draft: Path, target: Path, *, overwrite: bool = True) -> None:
    """Moves a finished file to its place in one step, safe against a power cut; a replaced file's permissions are kept.

    Args:
        draft: the file, on the same disk.
        target: its place; no link.
        overwrite: whether what stands there may be replaced.

    Raises:
        OutputError: something has come to stand there.
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
    """Moves a file to a place that was free when the work began, if it still is."""
    try:
        os.link(draft, target)
    except FileExistsError:
        raise OutputError(
            f"{shown(target)}: has come to exist while this was made; add --overwrite to replace it, "
            "or choose another name"
        ) from None
    except OSError:  # a disk without links
        draft.replace(target)
    else:
        draft.unlink()


def write_text(path: Path, text: str) -> None:
    """Writes a small file whole or not at all; a draft that a kill leaves is named `.NAME.part`.

    Raises:
        OSError: it cannot be written.
    """
    part = path.with_name(f".{path.name}.part")
    with held_back():
        part.unlink(missing_ok=True)  # nothing is written through a link
        with part.open("x", encoding="utf-8", newline="\n") as file:
            file.write(text)
        put_in_place(part, path)


class Scratch:
    """A temporary file for what may not fit in memory; use it as a context, at whose end it is gone."""

    def __init__(self) -> None:
        """Makes it.

        Raises:
            OutputError: there is no room for temporary files.
        """
        try:
            self._file = tempfile.TemporaryFile(prefix="animi-", buffering=0)  # noqa: SIM115 (closed by the context)
        except OSError as error:
            raise _no_scratch(error) from error

    def append(self, data: bytes) -> None:
        """Writes at the end.

        Raises:
            OutputError: there is no room for temporary files.
        """
        try:
            left = memoryview(data)
            while left:
                left = left[self._file.write(left) :]
        except OSError as error:
            raise _no_scratch(error) from error

    def read(self, place: int, size: int) -> bytes:
        """The `size` bytes that begin at `place`.

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
    except OSError:  # it is looked for by writing, and there is no room anywhere
        place = "TMPDIR"
    return OutputError(
        f"{place}: temporary files cannot be written there ({reason(error)}); "
        "make room, or set TMPDIR to a folder that has some"
    )


def sync(path: Path) -> None:
    """Waits until a file, or the names in a folder, are on the disk.

    Raises:
        OSError: the disk failed.
    """
    if path.is_dir() and os.name != "posix":  # where folders cannot be opened
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


def _make_draft_folder(path: Path, parent: Path) -> Path:
    try:
        return Path(tempfile.mkdtemp(prefix=DRAFT, dir=parent))
    except OSError as error:
        raise OutputError(f"{shown(path)}: cannot be written ({reason(error)})") from error


def _open_to_others(draft: Path, new: Path) -> None:
    """Gives a file the permissions of any new one: some writers make theirs for its owner alone."""
    new.touch()
    draft.chmod(stat.S_IMODE(new.stat().st_mode))


def _keep_mode(draft: Path, target: Path) -> None:
    """Gives a file or folder the permissions of the one that it replaces, if any, and where we may its owner."""
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
    """Puts the folder `draft` in the place of `target`; what stood there comes back if that fails."""
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
    """A path as it may stand in a one-line message: line breaks and other control characters are escaped."""
    return printable(path)


def spell(name: str) -> str:
    """A file's name as it may stand in JSON: bytes in it that are no UTF-8 are escaped."""
    return os.fsencode(name).decode("utf-8", "backslashreplace")
