"""Sprites: artists' Lottie animations, found in a folder and rendered at any moment.

Needs rlottie-python (`pip install 'animi[sprites]'`).
"""

import csv
import json
import queue
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import IO
from weakref import finalize

import numpy as np
from numpy.typing import NDArray

from ..errors import AnimiError, InputError
from ..files import natural_order

TIMEOUT = 20.0
"""Seconds after which rendering a file is given up."""
HELD_OUT = 7
"""Last digit of the rows of an index that are held out for validation."""


class SpriteError(AnimiError):
    """A sprite cannot be rendered."""


def find_sprites(folder: Path, *, held_out: int | None = HELD_OUT) -> list[Path]:
    """Lists the Lottie files of a folder.

    Args:
        folder: a folder with an `index.csv` whose column `file` names them, or a folder of .json files.
        held_out: rows of the index (from 1) whose number ends in this digit are left out, for validation. None: all
            are taken, as without an index.

    Raises:
        InputError: the folder holds no Lottie file, or its index cannot be read.
    """
    index = folder / "index.csv"
    if index.is_file():
        try:
            with index.open(encoding="utf-8", newline="") as file:
                rows = list(enumerate(csv.DictReader(file), 1))
            names = [row["file"] for number, row in rows if held_out is None or number % 10 != held_out]
        except (csv.Error, UnicodeDecodeError, KeyError, OSError) as error:
            raise InputError(f"{index}: cannot be read; give a .csv with a column `file`, or remove it") from error
        found = [folder / name for name in names if name and name.endswith(".json")]
    else:
        found = natural_order(folder.rglob("*.json"))
    if not found:
        raise InputError(f"{folder}: holds no Lottie file (.json); name a folder of sprites")
    return found


class SpriteRenderer:
    """Renders Lottie files in a separate process, which is restarted when it crashes or hangs."""

    def __init__(self, timeout: float = TIMEOUT) -> None:
        """Prepares a renderer; the process starts with the first sprite.

        Args:
            timeout: seconds for one request.

        Raises:
            SpriteError: rlottie-python is not installed.
        """
        if find_spec("rlottie_python") is None:
            raise SpriteError("sprites need rlottie-python, which is not installed; run: pip install 'animi[sprites]'")
        self.timeout = timeout
        self._process: subprocess.Popen[bytes] | None = None
        self._end: Callable[[], object] = lambda: None
        self._answers: queue.Queue[tuple[dict[str, object], bytes] | None] = queue.Queue()

    def render(self, path: Path, size: int, moments: Sequence[float]) -> NDArray[np.uint8]:
        """Renders moments of an animation.

        Args:
            path: the Lottie file.
            size: height and width in pixels.
            moments: from 0, its start, to 1, its end.

        Returns:
            (moments, size, size, 4) RGBA, premultiplied.

        Raises:
            SpriteError: the file is broken, or takes longer than `timeout`.
        """
        _, body = self._ask(path, size, moments)
        if len(body) != len(moments) * size * size * 4:
            raise SpriteError(f"{path}: is no Lottie animation that can be rendered (too short)")
        return np.frombuffer(body, np.uint8).reshape(len(moments), size, size, 4)[..., [2, 1, 0, 3]]

    def count_frames(self, path: Path) -> int:
        """The number of frames of an animation.

        Raises:
            SpriteError: as in `render`.
        """
        head, _ = self._ask(path, 1, ())
        frames = head.get("frames")
        return frames if isinstance(frames, int) else 0

    def _ask(self, path: Path, size: int, moments: Sequence[float]) -> tuple[dict[str, object], bytes]:
        """Sends a request and waits for its answer."""
        process = self._process or self._start()
        request = {"path": str(path), "size": size, "moments": list(moments)}
        try:
            assert process.stdin is not None
            process.stdin.write(json.dumps(request).encode() + b"\n")
            process.stdin.flush()
            answer = self._answers.get(timeout=self.timeout)
        except queue.Empty:
            self.close()
            raise SpriteError(f"{path}: takes longer than {self.timeout:g} s to render; leave this file out") from None
        except OSError:
            answer = None
        if answer is None:
            self.close()
            raise SpriteError(f"{path}: crashes the renderer; leave this file out")
        if "error" in answer[0]:
            raise SpriteError(f"{path}: is no Lottie animation that can be rendered ({answer[0]['error']})")
        return answer

    def _start(self) -> "subprocess.Popen[bytes]":
        self._answers = queue.Queue()
        module = f"{__package__}.program"
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
        self._process = subprocess.Popen([sys.executable, "-m", module], **pipes)  # type: ignore[call-overload]
        assert self._process is not None and self._process.stdout is not None
        listener = threading.Thread(target=_listen, args=(self._process.stdout, self._answers), daemon=True)
        listener.start()
        # runs at the latest when Python ends, before its daemon threads are stopped amid reading
        self._end = finalize(self, _stop, self._process, listener)
        return self._process

    def close(self) -> None:
        """Ends the process."""
        self._end()
        self._process = None

    def __enter__(self) -> "SpriteRenderer":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _stop(process: "subprocess.Popen[bytes]", listener: threading.Thread) -> None:
    """Ends a renderer's process and the thread that reads from it."""
    process.kill()
    process.wait()
    listener.join()
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            with suppress(OSError):  # a request that it no longer takes
                pipe.close()


def _listen(pipe: IO[bytes], answers: "queue.Queue[tuple[dict[str, object], bytes] | None]") -> None:
    """Passes on answers until the process ends, and then None."""
    try:
        while line := pipe.readline():
            head: dict[str, object] = json.loads(line)
            size = head.get("bytes", 0)
            answers.put((head, pipe.read(size if isinstance(size, int) else 0)))
    except (OSError, ValueError):
        pass  # the pipe was closed in another thread
    answers.put(None)
