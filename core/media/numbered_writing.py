"""Writes numbered files, one for each picture."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TypeVar

from ..files import files_written_beside
from .numbered import add_number, read_pattern

Item = TypeVar("Item")


def name_files(path: Path, count: int, start: int = 0) -> tuple[Path, list[Path]]:
    """The files of an output.

    Args:
        path: a pattern, or a name without a place for the number, which then gets one before its suffix.
        count: the number of files.
        start: the first number.

    Returns:
        The pattern, and the files.

    Raises:
        ConfigError: the pattern cannot be used.
    """
    pattern = read_pattern(path)
    if pattern is None:
        path, pattern = add_number(path)
    return path, [pattern.name(number) for number in range(start, start + count)]


def write_numbered(
    files: list[Path],
    pictures: Iterable[Item],
    write: Callable[[Path, Item], None],
    *,
    overwrite: bool,
    on_frame: Callable[[int], None] | None = None,
) -> None:
    """Writes pictures, each to its file; all files are renamed to their names at the end.

    Args:
        files: as many as there are pictures.
        pictures: consumed once.
        write: writes a picture to a path.
        overwrite: whether existing files may be replaced.
        on_frame: called with the number of pictures written.

    Raises:
        OutputError: a file cannot be written, or exists already.
    """
    with files_written_beside(files, overwrite=overwrite) as drafts:
        for number, (draft, picture) in enumerate(zip(drafts, pictures, strict=True), 1):
            write(draft, picture)
            if on_frame is not None:
                on_frame(number)
