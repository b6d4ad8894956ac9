"""What ffmpeg writes to its stderr while it decodes: timestamps, sizes, key frames of the codec, and errors."""

import queue
import re
import threading
from collections import deque
from fractions import Fraction
from math import inf
from pathlib import Path
from typing import IO, NamedTuple

from ..errors import InputError
from ..files import shown

RECENT = 250
"""Frames for which an error counts: more than ffmpeg reads ahead."""
_SAME = 0.0015  # seconds: tolerance of a frame's timestamp, as containers round it
_FRAME_MARK = re.compile(rb"@\d+ (-?\d+) (\d+)/(\d+)@\n?")
_NO_PTS = -(2**63)
_TICK = re.compile(rb"showinfo.* config in time_base: (\d+)/(\d+)")
_DECODED = re.compile(rb"showinfo.* pts: *(-?\d+) .* s:(\d+)x(\d+) .* iskey:([01])")
_JOINT = re.compile(rb"packet corrupt|corrupt input packet", re.IGNORECASE)
_DAMAGE = re.compile(rb"corrupt|damage|invalid|error|missing|conceal|truncat|premature|exceed", re.IGNORECASE)
"""ffmpeg's messages about damage; others are ignored."""


class Errors(NamedTuple):
    """How many errors ffmpeg has reported."""

    decoding: int = 0
    """Of the decoder, and all others but `joints`."""
    joints: int = 0
    """Packets that ffmpeg marks as corrupt because the one before it is not the one that was sent before it. So it is
    where packets are lost, and where files were joined."""


class Stamp(NamedTuple):
    """What ffmpeg writes of a frame before its bytes."""

    time: Fraction | None
    """Timestamp in seconds; None if it has none."""
    errors: Errors
    """All errors up to it."""
    is_key: bool
    """Whether it is one of the codec's key frames."""
    size: tuple[int, int] | None
    """Width and height, if they are not those of the frame before."""


class Messages:
    """Parses ffmpeg's stderr in a thread: timestamps of frames, their sizes, the codec's key frames, and errors.

    ffmpeg writes a frame's timestamp before its bytes, and an error before the timestamp of the next decoded frame.
    """

    def __init__(self, pipe: IO[bytes]) -> None:
        """Begins to read ffmpeg's stderr; its log level must be `level+info`, its first filter `showinfo`."""
        self.times: queue.SimpleQueue[Stamp] = queue.SimpleQueue()
        self.errors = Errors()
        self.changed: deque[tuple[int, int]] = deque()
        """Sizes that `next_stamp` has come to, (width, height); that of the first frame is one of them."""
        self._sizes: deque[tuple[float, tuple[int, int]]] = deque()  # the same ahead of that, and since which timestamp
        self._before = -inf  # timestamp of the frame before
        self._keys: deque[float] = deque(maxlen=RECENT)  # timestamps of the codec's latest key frames, in seconds
        self._tick = Fraction(0)
        self._size = 0, 0
        self._last = b""
        self._pipe = pipe
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def join(self) -> None:
        """Waits until everything is parsed; ffmpeg must have ended."""
        self._thread.join(timeout=1)

    def close(self) -> None:
        """Closes the pipe, after ffmpeg has ended."""
        self.join()
        if not self._thread.is_alive():
            self._pipe.close()

    def next_stamp(self, about: Path) -> "Stamp":
        """Returns what ffmpeg has written of the next frame."""
        while True:
            try:
                stamp = self.times.get(timeout=0.2)
                self.changed.extend([] if stamp.size is None else [stamp.size])
                return stamp
            except queue.Empty:
                if not self._thread.is_alive() and self.times.empty():
                    raise InputError(f"{shown(about)}: ffmpeg has ended amid a frame; check the file") from None

    def last_error(self) -> str:
        """Returns the last error, as one line."""
        words = re.sub(r"^(\[[^\]]*\] )+", "", " ".join(self._last.decode(errors="replace").split()))
        return words or "ffmpeg gave no reason"

    def _read(self) -> None:
        rest = b""
        while part := self._pipe.read(1 << 16):
            rest += part
            end = 0
            for mark in _FRAME_MARK.finditer(rest):
                self._parse(rest[end : mark.start()])
                pts = int(mark[1])
                time = None if pts == _NO_PTS else Fraction(pts * int(mark[2]), int(mark[3]))
                is_key = time is not None and any(abs(key - float(time)) <= _SAME for key in self._keys)
                self.times.put(Stamp(time, self.errors, is_key, self._find_size(float(time or 0))))
                end = mark.end()
            rest = rest[end:]
            if b"@" not in rest or len(rest) > 1 << 16:  # it contains no partial mark
                self._parse(rest)
                rest = b""
        self._parse(rest)

    def _parse(self, words: bytes) -> None:
        lines = words.splitlines()
        for line in lines:
            if b"[info]" in line:
                self._read_info(line)
            elif _DAMAGE.search(line):
                joint = int(_JOINT.search(line) is not None)
                self.errors = Errors(self.errors.decoding + 1 - joint, self.errors.joints + joint)
                self._last = line

    def _find_size(self, time: float) -> tuple[int, int] | None:
        """The size that frames have from `time` on, if it is another one than before; timestamps may begin again."""
        found = None
        while self._sizes and (time < self._before or self._before < self._sizes[0][0] <= time + _SAME):
            found = self._sizes.popleft()[1]
        self._before = time
        return found

    def _read_info(self, line: bytes) -> None:
        tick, frame = _TICK.search(line), _DECODED.search(line)
        if tick:
            self._tick = Fraction(int(tick[1]), int(tick[2]))
        if not frame:
            return
        time = float(int(frame[1]) * self._tick)
        size = int(frame[2]), int(frame[3])
        if size != self._size:
            self._size = size
            self._sizes.append((time, size))
        if frame[4] == b"1":
            self._keys.append(time)
