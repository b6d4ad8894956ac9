"""The packed frame store: a film's frames as raw bytes that a trainer reads at the speed of memory.

A store is a folder of three files:

- `frames.bin`: the frames one after another, each (height, width, 3) uint8, RGB, rows from the top, no header.
- `frames.jsonl`: one JSON object a frame, one frame a line, in the same order.
- `store.json`: format, version, height, width, and count once the writer was closed (null while it writes).

Both long files only ever grow at their end, so whatever prefix they share is whole: a store whose writer was killed can
be read up to there, and a writer that resumes removes the incomplete end and continues.
"""

import json
import os
from collections.abc import Callable
from functools import cached_property
from io import FileIO
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError, OutputError
from ..files import put_in_place, reason
from ..json_text import parse_object, read_json
from ..media.image_files import MOST_SIDE

FORMAT = "animi frame store"
VERSION = 1
_NO_SIZE = "has no height, width and count that can be used"
_MOST_FRAMES = 1 << 32  # of a store: years of film; a header with more is damaged

FRAMES = "frames.bin"
RECORDS = "frames.jsonl"
HEADER = "store.json"

_READ_AHEAD = 1 << 20  # bytes


class FrameStoreWriter:
    """Appends frames and their records to a store; memory stays flat however long the film is.

    Every append goes to the operating system at once, so a process that is killed loses at most the frame it was
    writing; `flush` also makes it safe against a power cut.

    Args:
        folder: where the store belongs; made if missing (its parent must exist).
        height: rows of every frame, at least 1.
        width: columns of every frame, at least 1.
        resume: continue the existing store, if there is one; an incomplete record at its end is removed.

    Raises:
        OutputError: the folder cannot be written, holds a store while `resume` is False, or holds one of another size.
        InputError: the existing store cannot be read.
    """

    def __init__(self, folder: Path, height: int, width: int, *, resume: bool = False) -> None:
        if height < 1 or width < 1:
            raise ValueError(f"a frame of {width} x {height} has no pixels")
        self.folder = folder
        self.height = height
        self.width = width
        self._count = 0
        self._records_end = 0
        self._frames: FileIO | None = None
        self._records: FileIO | None = None
        self._attempt(lambda: self._begin(resume))

    @property
    def count(self) -> int:
        """How many frames the store holds, those of earlier runs included."""
        return self._count

    @property
    def _frame_bytes(self) -> int:
        return self.height * self.width * 3

    def append(self, frame: NDArray[np.uint8], record: dict[str, Any]) -> int:
        """Adds a frame at the end.

        Args:
            frame: (height, width, 3) uint8, RGB.
            record: what is to be known of the frame; anything that JSON holds.

        Returns:
            The frame's number in the store, from 0.

        Raises:
            OutputError: the disk is full or failed; the frames before stay, and the store stays usable.
        """
        if frame.dtype != np.uint8 or frame.shape != (self.height, self.width, 3):
            raise ValueError(
                f"{self.folder} holds uint8 frames of shape {(self.height, self.width, 3)}, "
                f"not {frame.dtype} of shape {frame.shape}"
            )
        line = json.dumps(record, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode() + b"\n"
        number = self._count

        def write() -> None:
            frames, records = self._opened()
            _write_all(frames, np.ascontiguousarray(frame).data.cast("B"))
            _write_all(records, memoryview(line))

        self._attempt(write)
        self._count += 1
        self._records_end += len(line)
        return number

    def holds(self, number: int, frame: NDArray[np.uint8]) -> bool:
        """Whether frame `number` of the store is this one, (height, width, 3) uint8."""
        with (self.folder / FRAMES).open("rb") as file:
            file.seek(number * self._frame_bytes)
            return file.read(self._frame_bytes) == frame.tobytes()

    def flush(self) -> None:
        """Waits until everything appended is on the disk.

        Raises:
            OutputError: the disk failed.
        """

        def sync() -> None:
            for file in self._opened():
                os.fsync(file.fileno())

        self._attempt(sync)

    def close(self) -> None:
        """Flushes, writes the count into the header and lets go of the files; a second call does nothing.

        Raises:
            OutputError: the disk is full or failed; the frames stay readable all the same.
        """
        if self._frames is None or self._records is None:
            return
        try:
            self._cut_torn_end()  # Ctrl-C may have come between the last write and its count
            self.flush()
            self._attempt(lambda: self._write_header(self._count))
        finally:
            self._frames.close()
            self._records.close()
            self._frames = self._records = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        try:
            self.close()
        except OutputError:
            if error is None:
                raise  # otherwise the first error is reported

    def _begin(self, resume: bool) -> None:
        self.folder.mkdir(exist_ok=True)
        if (self.folder / HEADER).exists():
            if not resume:
                raise OutputError(f"{self.folder}: holds a frame store already; remove it or choose another folder")
            header = _read_header(self.folder)
            if (header["height"], header["width"]) != (self.height, self.width):
                raise OutputError(
                    f"{self.folder}: holds frames of {header['width']} x {header['height']}, and "
                    f"{self.width} x {self.height} are to be added; remove the folder or choose another one"
                )
            self._count, self._records_end = _whole_prefix(self.folder, self._frame_bytes)
        else:
            for name in (FRAMES, RECORDS):
                if (self.folder / name).exists():
                    raise OutputError(
                        f"{self.folder / name}: belongs to no frame store and would be lost; "
                        "remove it or choose another folder"
                    )
        self._write_header(None)
        self._frames = FileIO(str(self.folder / FRAMES), "a")
        self._records = FileIO(str(self.folder / RECORDS), "a")
        self._cut_torn_end()

    def _opened(self) -> tuple[FileIO, FileIO]:
        if self._frames is None or self._records is None:
            raise ValueError(f"the writer of {self.folder} is closed")
        return self._frames, self._records

    def _cut_torn_end(self) -> None:
        if self._frames is not None and self._records is not None:
            self._frames.truncate(self._count * self._frame_bytes)
            self._records.truncate(self._records_end)

    def _write_header(self, count: int | None) -> None:
        header = {
            "format": FORMAT,
            "version": VERSION,
            "height": self.height,
            "width": self.width,
            "count": count,
        }
        draft = self.folder / (HEADER + ".draft")
        try:
            draft.write_text(json.dumps(header) + "\n", encoding="utf-8")
            put_in_place(draft, self.folder / HEADER)
        finally:
            draft.unlink(missing_ok=True)

    def _attempt(self, work: Callable[[], None]) -> None:
        """Does `work`; a failure of the disk, or Ctrl-C within it, leaves whole frames behind."""
        try:
            work()
        except OSError as error:
            self._cut_torn_end()
            raise OutputError(
                f"{self.folder}: cannot be written ({reason(error)}); the {self._count} frames before are kept; "
                "make room or choose another folder, and run the same command again"
            ) from error
        except BaseException:
            self._cut_torn_end()
            raise


class FrameStore:
    """A store's frames, mapped into memory: reading one costs no decoding, and the whole may be bigger than memory.

    Open it with `FrameStore.open`. It can be sent to other processes, which then map the same file.

    Attributes:
        folder: the store's folder.
        height: rows of every frame.
        width: columns of every frame.
        finished: False when the writer was killed, or still writes; the store then ends where it had come to.
        frames: (count, height, width, 3) uint8, RGB; a read-only map of the file.
    """

    def __init__(self, folder: Path, frames: NDArray[np.uint8], *, finished: bool) -> None:
        self.folder = folder
        self.frames = frames
        self.finished = finished
        self.height: int = frames.shape[1]
        self.width: int = frames.shape[2]

    @classmethod
    def open(cls, folder: Path) -> "FrameStore":
        """Opens the store in `folder`.

        Raises:
            InputError: there is no store, it is of another version, it was cut short, or its files do not belong
                together.
        """
        header = _read_header(folder)
        shape = (header["height"], header["width"], 3)
        frame_bytes = shape[0] * shape[1] * 3
        count = header["count"]
        path = folder / FRAMES
        try:
            size = path.stat().st_size
            if not (folder / RECORDS).is_file():
                raise InputError(f"{folder / RECORDS}: is missing; extract the frames again")
            if count is None:
                whole = _whole_prefix(folder, frame_bytes)[0]
            elif size < count * frame_bytes:
                raise InputError(
                    f"{path}: was cut short: {size // frame_bytes} of {count} frames are there; "
                    "copy it again, or extract the frames again"
                )
            elif size > count * frame_bytes:
                raise InputError(
                    f"{path}: holds {size} bytes, and {count} frames of {shape[1]} x {shape[0]} are "
                    f"{count * frame_bytes}; it does not belong to its {HEADER}: extract the frames again"
                )
            else:
                whole = count
            if max(shape) > MOST_SIDE:  # it holds no frame, or the file would not be as large as they are
                raise InputError(f"{folder / HEADER}: {_NO_SIZE}; extract the frames again")
            frames: NDArray[np.uint8]
            if whole:
                frames = np.memmap(path, np.uint8, mode="r", shape=(whole, *shape))
            else:  # an empty file cannot be mapped
                frames = np.empty((0, *shape), np.uint8)
        except OSError as error:
            raise InputError(f"{path}: cannot be read ({reason(error)}); extract the frames again") from error
        return cls(folder, frames, finished=count is not None)

    def __len__(self) -> int:
        return len(self.frames)

    def __getitem__(self, number: int) -> NDArray[np.uint8]:
        """Frame `number`: (height, width, 3) uint8, RGB; a read-only view of the file, not a copy."""
        frame: NDArray[np.uint8] = self.frames[number]
        return frame

    @cached_property
    def records(self) -> list[dict[str, Any]]:
        """What is known of each frame, in order; read from frames.jsonl when first asked for.

        Raises:
            InputError: a line is no JSON object, or there are fewer or more lines than frames.
        """
        path = self.folder / RECORDS
        records = read_records(path, None if self.finished else len(self))
        if len(records) != len(self):
            raise InputError(
                f"{path}: describes {len(records)} frames, and {FRAMES} holds {len(self)}; extract the frames again"
            )
        return records

    def __reduce__(self) -> tuple[Callable[[Path], "FrameStore"], tuple[Path]]:
        """Travels to another process as its path, not as its bytes."""
        return FrameStore.open, (self.folder,)


def is_frame_store(folder: Path) -> bool:
    """Whether `folder` contains a frame store, complete or not."""
    return (folder / HEADER).is_file()


def read_records(path: Path, most: int | None = None) -> list[dict[str, Any]]:
    """Reads a file of one JSON object a line, such as frames.jsonl.

    Args:
        path: the file.
        most: how many lines to read; None for all.

    Raises:
        InputError: the file cannot be read, or a line is no JSON object.
    """
    records: list[dict[str, Any]] = []
    try:
        with path.open("rb") as file:
            for number, line in enumerate(islice(file, most), 1):
                record = _parse(line)
                if record is None:
                    raise InputError(f"{path}: line {number} is no JSON object; extract the frames again")
                records.append(record)
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({reason(error)}); extract the frames again") from error
    return records


def _parse(line: bytes) -> dict[str, Any] | None:
    """A line's JSON object; None where it is anything else."""
    try:
        return parse_object(line)
    except ValueError:
        return None


def _write_all(file: FileIO, data: memoryview) -> None:
    """Writes all of `data`: one call may write less than it was given when a disk fills."""
    while data:
        data = data[file.write(data) :]


def _read_header(folder: Path) -> dict[str, Any]:
    path = folder / HEADER
    try:
        header = read_json(path)
    except FileNotFoundError as error:
        raise InputError(f"{folder}: is no frame store ({HEADER} is missing); make one with extract-frames") from error
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({reason(error)}); extract the frames again") from error
    except ValueError as error:
        raise InputError(f"{path}: is no JSON; extract the frames again") from error
    if not isinstance(header, dict) or header.get("format") != FORMAT:
        raise InputError(f"{path}: does not describe a frame store; extract the frames again")
    if header.get("version") != VERSION:
        raise InputError(
            f"{path}: is of version {header.get('version')}, and this animi reads version {VERSION}; "
            "install the animi that wrote it, or extract the frames again"
        )
    count = header.get("count")
    sides = (header.get("height"), header.get("width"))
    if not all(type(side) is int and side > 0 for side in sides) or not (
        ("count" in header and count is None) or (type(count) is int and 0 <= count <= _MOST_FRAMES)
    ):
        raise InputError(f"{path}: {_NO_SIZE}; extract the frames again")
    return header


def _whole_prefix(folder: Path, frame_bytes: int) -> tuple[int, int]:
    """How many frames have both all their bytes and a whole record, and where the last such record ends.

    A line counts when it ends and is JSON: after a power cut a file's last block may be zeros.
    """
    path = folder / FRAMES
    most = path.stat().st_size // frame_bytes if path.exists() else 0
    count = end = 0
    if most and (folder / RECORDS).exists():
        with (folder / RECORDS).open("rb", buffering=_READ_AHEAD) as file:
            for line in file:
                if count == most or not line.endswith(b"\n") or _parse(line) is None:
                    break
                count, end = count + 1, end + len(line)
    return count, end
