"""Paths: natural order, and results that appear whole or not at all.

A result is written under a hidden name in its own folder, flushed to disk, and then moved over the final name in one
step, so that a crash, a full disk or Ctrl-C leaves whatever stood there before as it was.
"""

import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from natsort import natsorted, ns

from .errors import OutputError, printable
from .interrupts import held_back

DRAFT = ".animi-"
"""So begins the name of what is not whole yet; a killed process leaves it behind."""


def natural_order(paths: Iterable[Path]) -> list[Path]:
    """Sorts paths as a person would: frame2 before frame10, whatever the case of the letters."""
    return natsorted(paths, alg=ns.PATH | ns.IGNORECASE)


def name_apart(paths: Sequence[Path]) -> list[str]:
    """The paths' last names, with as many parents as it takes to tell them apart."""
    whole = [path.resolve() for path in paths]
    names = [path.name for path in whole]
    for count in range(2, max((len(path.parts) for path in whole), default=0) + 1):
        if len(set(names)) == len(set(whole)):
            break
        names = ["/".join(path.parts[-count:]) for path in whole]
    return names


def reason(error: OSError) -> str:
    """What the operating system says of an error, without the number and the path."""
    return error.strerror or str(error)


def check_output(path: Path, *, overwrite: bool) -> None:
    """Refuses, before any work is done, a result that could not be put in its place.

    Raises:
        OutputError: the folder is missing or cannot be written, or something stands there and `overwrite` is False.
    """
    parent = path.absolute().parent
    if not parent.is_dir():
        raise OutputError(f"{path}: the folder {parent} does not exist; create it first or choose another place")
    if not os.access(parent, os.W_OK | os.X_OK):
        raise OutputError(f"{path}: the folder {parent} cannot be written to; choose another place")
    if os.path.lexists(path) and not overwrite:
        if path.is_dir() and not any(path.iterdir()):
            return
        raise OutputError(f"{path}: exists already; add --overwrite to replace it, or choose another name")


@contextmanager
def written_beside(path: Path, *, overwrite: bool, folder: bool = False) -> Iterator[Path]:
    """Gives a hidden path beside `path` to write to; moves it over `path` when the block ends without an error.

    Args:
        path: where the result belongs. A link is followed, so that its target is replaced and not the link.
        overwrite: whether something that stands there may be replaced.
        folder: the result is a folder; the path given is then an empty folder that exists.

    Raises:
        OutputError: the place cannot be written, is taken, or the disk fills; nothing that stood there is harmed.
    """
    check_output(path, overwrite=overwrite)
    target = path.resolve() if path.is_symlink() else path.absolute()
    if target.is_dir() != folder and target.exists():
        kind = ("a folder", "a file") if target.is_dir() else ("a file", "a folder")
        raise OutputError(f"{path}: is {kind[0]}, and {kind[1]} is to be written; choose another name")
    if folder and target.resolve() in (Path.cwd(), *Path.cwd().parents):
        # moved away under a shell's feet, what was written would not be seen from there
        raise OutputError(f"{path}: is the folder that you are in; name a new one in it, such as frames")
    beside: Path | None = None
    try:
        with held_back():
            beside = _make_draft_folder(path, target.parent)
        draft = beside / target.name
        if folder:
            draft.mkdir()
        yield draft
        if folder:
            _replace_folder(draft, target, beside / "old")
        else:
            with draft.open("rb") as file:
                os.fsync(file.fileno())
            _open_to_others(draft, beside / "new")
            draft.replace(target)
    except OSError as error:
        if error.filename is not None and not str(error.filename).startswith(str(beside)):
            raise  # an input's error, which has its own words
        raise OutputError(f"{path}: cannot be written ({reason(error)}); nothing was changed") from error
    finally:
        with held_back():
            if beside is not None:
                shutil.rmtree(beside, ignore_errors=True)


def write_text(path: Path, text: str) -> None:
    """Writes a small file whole or not at all; a draft that a kill leaves is named `.NAME.part`."""
    part = path.with_name(f".{path.name}.part")
    with held_back():
        part.write_text(text, encoding="utf-8", newline="\n")
        part.replace(path)


def _make_draft_folder(path: Path, parent: Path) -> Path:
    try:
        return Path(tempfile.mkdtemp(prefix=DRAFT, dir=parent))
    except OSError as error:
        raise OutputError(f"{path}: cannot be written ({reason(error)})") from error


def _open_to_others(draft: Path, new: Path) -> None:
    """Gives a file the permissions of any new one: some writers make theirs for its owner alone."""
    new.touch()
    draft.chmod(new.stat().st_mode)


def _replace_folder(draft: Path, target: Path, old: Path) -> None:
    """Puts the folder `draft` in the place of `target`; what stood there comes back if that fails."""
    if not target.exists():
        draft.replace(target)
        return
    target.replace(old)
    try:
        draft.replace(target)
    except OSError:
        old.replace(target)
        raise


def shown(path: Path) -> str:
    """A path as it may stand in a one-line message: line breaks and other control characters are escaped."""
    return printable(path)
