"""Keeps what is extracted from a film: frames as images or packed, their records, and the scores of all frames.

A record is written when its frame is there, in order, so that what a killed run leaves is whole up to some frame. A run
that follows trusts no more than that: records must be those that it finds itself, and an image must end as one does.
"""

import io
import json
import os
import re
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, NoReturn, Self

import cv2
import numpy as np
from numpy.typing import NDArray

from ..config.material import ExtractFramesConfig
from ..devices import count_cores
from ..errors import AnimiError, OutputError
from ..files import shown, sync
from ..json_text import parse_json
from ..shots.cuts import Verdict
from .frame_store import FRAMES, HEADER, RECORDS, FrameStoreWriter

SUFFIXES = {"png": ".png", "jpeg": ".jpg", "webp": ".webp"}

_WORKERS = min(4, count_cores())  # threads that encode images
_PENDING = 4 * _WORKERS  # images that may wait to be encoded
_PNG_LEVEL = 1  # of zlib: drawings are flat, and higher levels take several times as long for a tenth less
_FLUSH = 4096  # frames after which what was kept is made safe against a power cut
_IMAGE = r"\d{6,}\.(png|jpg|webp)"
_ENDS = {".png": b"IEND\xaeB`\x82", ".jpg": b"\xff\xd9"}


def choose_format(config: ExtractFramesConfig) -> str:
    """One of IMAGE_FORMATS."""
    return config.format or ("none" if config.packed else "png")


def is_kept(name: str) -> bool:
    """Whether a file of that name is one that a keeper writes."""
    parts = "|".join(map(re.escape, (FRAMES, HEADER, RECORDS)))
    return re.fullmatch(rf"{_IMAGE}|\.{_IMAGE}\.part|{parts}|{re.escape(HEADER)}\.draft", name) is not None


class Scores:
    """Writes scores.csv as the film goes by; it is put in its place at the end."""

    def __init__(self, path: Path, mode: int | None = None) -> None:
        """Begins.

        Args:
            path: where it is put.
            mode: the permissions that it gets; None: as any new file.
        """
        self._path = path
        self._part = path.with_name(f"{path.name}.part")
        self._part.unlink(missing_ok=True)  # nothing is written through a link
        self._file = self._part.open("x", encoding="utf-8", newline="\n")
        if mode is not None:
            self._part.chmod(mode)
        self._file.write("time,score,found,hold_score\n")

    def add(self, time: float, verdict: Verdict, hold_score: float | None) -> None:
        """Writes down what was found of a frame; `hold_score` is None where it was compared with no drawing."""
        found = "cut" if verdict.cut else verdict.transition or ""
        held = "" if hold_score is None else f"{hold_score:.3f}"
        self._file.write(f"{time:.6f},{verdict.score:.3f},{found},{held}\n")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if error is None:
            self._file.close()
            sync(self._part)
            self._part.replace(self._path)
            return
        with suppress(OSError):  # the first error is reported
            self._file.close()
        with suppress(OSError):
            self._part.unlink()


class Keeper:
    """Writes frames into the folder, as images, packed, or both, and continues where an earlier run stopped.

    Images are encoded in threads; a frame's record is written when its image is there, in order.
    """

    def __init__(
        self,
        folder: Path,
        height: int,
        width: int,
        config: ExtractFramesConfig,
        *,
        mode: int | None = None,
        verify: bool = False,
    ) -> None:
        """Starts, or continues.

        Args:
            folder: exists; nobody else writes to it.
            height: of frames.
            width: likewise.
            config: how they are kept.
            mode: the permissions that new files get; None: those of any new file.
            verify: existing frames may be of another film, so compare every frame with them.
        """
        self._folder = folder
        self._format = choose_format(config)
        self._quality = config.quality
        self._mode = mode
        self._verify = verify
        self._pool = ThreadPoolExecutor(_WORKERS) if self._format != "none" else None
        self._waiting: deque[tuple[Future[None], NDArray[np.uint8], dict[str, Any]]] = deque()
        self._unsafe: list[Path] = []  # images that a power cut might still take
        self._store: FrameStoreWriter | None = None
        self._journal: io.FileIO | None = None
        self._next = 0  # the frame that comes next
        for part in folder.glob(".*.part"):
            if is_kept(part.name):
                part.unlink()
        if config.packed:
            self._store = FrameStoreWriter(folder, height, width, resume=True)
            self._count = self._store.count
        else:
            self._count, self._end = whole_lines(folder / RECORDS)
            self._journal = io.FileIO(str(folder / RECORDS), "a")
            self._journal.truncate(self._end)
        for name in (RECORDS, FRAMES, HEADER):
            if mode is not None and (folder / name).exists():
                (folder / name).chmod(mode)
        self._before = (folder / RECORDS).open("rb") if self._count else None  # what an earlier run has written

    def append(self, pixels: NDArray[np.uint8], record: dict[str, Any]) -> None:
        """Keeps the next frame, if an earlier run has not.

        Raises:
            OutputError: the folder was begun by another version or on another film, or cannot be written.
            OSError: an image cannot be written.
        """
        number, self._next = self._next, self._next + 1
        if number < self._count and self._before is not None:
            same = self._before.readline() == encode_record(record)
            if same and self._verify and self._store is not None:
                same = self._store.holds(number, pixels)
            if not same:
                self._disown()
            if self._pool is None or (not self._verify and is_whole(self._folder / record["file"])):
                return
            self._save(pixels, record["file"])
            return
        if self._pool is None:
            self._write(pixels, record)
            return
        self._waiting.append((self._pool.submit(self._save, pixels, record["file"]), pixels, record))
        while len(self._waiting) > _PENDING:
            self._settle()

    def _disown(self) -> NoReturn:
        whose = "on another film or " if self._verify else ""
        raise OutputError(
            f"{shown(self._folder)}: was begun {whose}by another version of animi or ffmpeg; "
            "add --overwrite and remove the folder, or choose another one with -o"
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """Finishes what waits; after an error, leaves whole frames with whole records, and nothing besides."""
        try:
            if error is None:
                while self._waiting:
                    self._settle()
                if self._next < self._count:
                    self._disown()
        finally:
            if self._pool is not None:
                self._pool.shutdown(cancel_futures=True)
            try:
                self._close(error)
            finally:
                self._drop_unrecorded()

    def _close(self, error: BaseException | None) -> None:
        if self._before is not None:
            self._before.close()
        if self._journal is not None:
            if error is None:
                self._flush()
            self._journal.close()
        if self._store is not None:
            try:
                if error is None:
                    self._flush()
                self._store.close()
            except AnimiError:
                if error is None:  # else the first error is reported
                    raise

    def _drop_unrecorded(self) -> None:
        """Removes the images that wait for their records, except one whose record was written before Ctrl-C."""
        if not self._waiting:
            return
        recorded, _ = whole_lines(self._folder / RECORDS)
        for _, _, record in self._waiting:
            if record["frame"] >= recorded:
                for name in (record["file"], f".{record['file']}.part"):
                    with suppress(OSError):
                        (self._folder / name).unlink(missing_ok=True)

    def _settle(self) -> None:
        """Waits for the oldest image, and writes its record."""
        future, pixels, record = self._waiting[0]
        future.result()
        self._write(pixels, record)
        self._waiting.popleft()

    def _write(self, pixels: NDArray[np.uint8], record: dict[str, Any]) -> None:
        if self._store is not None:
            self._store.append(pixels, record)
        elif self._journal is not None:
            line = encode_record(record)
            try:
                if self._journal.write(line) != len(line):
                    raise OSError(28, os.strerror(28))  # ENOSPC: part of the line fitted
            except BaseException:
                self._journal.truncate(self._end)
                raise
            self._end += len(line)
        if record["frame"] % _FLUSH == _FLUSH - 1:
            self._flush()

    def _flush(self) -> None:
        """Waits until all that was written is on the disk: images before their records."""
        unsafe, self._unsafe = self._unsafe, []
        for path in unsafe:
            with suppress(FileNotFoundError):  # an image without a record, which is gone again
                sync(path)
        sync(self._folder)
        if self._store is not None:
            self._store.flush()
        elif self._journal is not None:
            os.fsync(self._journal.fileno())

    def _save(self, pixels: NDArray[np.uint8], name: str) -> None:
        path = self._folder / name
        part = self._folder / f".{name}.part"
        part.write_bytes(_encode(pixels, self._format, self._quality))
        if self._mode is not None:
            part.chmod(self._mode)
        part.replace(path)
        self._unsafe.append(path)


def is_whole(path: Path) -> bool:
    """Whether an image ends as one does: after a power cut it may be empty, cut short or full of zeros."""
    try:
        with path.open("rb") as file:
            head = file.read(12)
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - 16))
            tail = file.read()
    except OSError:
        return False
    if path.suffix == ".webp":
        return head[:4] == b"RIFF" and size >= int.from_bytes(head[4:8], "little") + 8 and tail != bytes(len(tail))
    return tail.endswith(_ENDS[path.suffix])


def _encode(pixels: NDArray[np.uint8], kind: str, quality: int) -> bytes:
    """Encodes (H, W, 3) RGB or (H, W, 4) RGBA as an image file."""
    settings = {
        "png": [cv2.IMWRITE_PNG_COMPRESSION, _PNG_LEVEL],
        "jpeg": [cv2.IMWRITE_JPEG_QUALITY, quality],
        "webp": [cv2.IMWRITE_WEBP_QUALITY, quality if quality < 100 else 101],  # OpenCV: above 100 is lossless
    }[kind]
    order = cv2.COLOR_RGB2BGR if pixels.shape[2] == 3 else cv2.COLOR_RGBA2BGRA
    done, data = cv2.imencode(SUFFIXES[kind], cv2.cvtColor(pixels, order), settings)
    if not done:  # OpenCV gives no reason; out of memory is the one that is left for a valid frame
        raise MemoryError(f"a frame of {pixels.shape[1]} x {pixels.shape[0]} pixels could not be encoded")
    return data.tobytes()


def encode_record(record: dict[str, Any]) -> bytes:
    """A record as `FrameStoreWriter` writes it too."""
    return json.dumps(record, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode() + b"\n"


def whole_lines(path: Path) -> tuple[int, int]:
    """How many whole records a journal begins with, and where the last of them ends; a torn one is not counted."""
    count = end = 0
    if path.exists():
        with path.open("rb") as file:
            for line in file:
                try:
                    whole = line.endswith(b"\n") and isinstance(parse_json(line), dict)
                except ValueError:
                    whole = False
                if not whole:
                    break
                count, end = count + 1, end + len(line)
    return count, end
