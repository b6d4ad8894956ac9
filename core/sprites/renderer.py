"""Sprites: artists' animations and drawings with alpha, found in a folder, and rendered in a separate process.

Lottie animations need rlottie-python, SVG drawings resvg-py (`pip install 'animi[sprites]'`).
"""

import csv
import json
import queue
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable, Sequence
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
"""Last digit of the rows of an index without a column `split` that are held out for validation."""
ANIMATED, DRAWN = (".json", ".webp", ".apng", ".gif"), (".svg",)
"""Suffixes of animations and of drawings in parts. A folder of several PNGs is an animation too."""
_MODULES = {
    ".json": ("rlottie_python", "Lottie animations need rlottie-python"),
    ".svg": ("resvg_py", "SVG drawings need resvg-py"),
}
_SEQUENCE = 3  # PNGs in a folder that is an animation, at least


class SpriteError(AnimiError):
    """A sprite cannot be rendered."""


class MissingLibrary(SpriteError):
    """The library that renders a kind of sprites is not installed."""


def find_sprites(folder: Path, *, held_out: int | None = HELD_OUT) -> list[Path]:
    """Lists the animations and drawings of a folder: Lottie, WebP, APNG, GIF, folders of PNGs, and SVG.

    Args:
        folder: a folder with an `index.csv` whose column `file` names them, or a folder of such files. If the folder
            has no index, and that of the folder above names files in it, that one is taken.
        held_out: with an index, only rows whose column `split` is "train" are taken; without that column, rows (from
            1) whose number ends in this digit are left out. None: all are taken, as without an index.

    Raises:
        InputError: the folder holds none, or its index cannot be read.
    """
    listed = _read_index(folder / "index.csv", held_out)
    if listed is None:
        listed = _read_index_above(folder, held_out)
    if listed is None:
        found = natural_order(path for path in folder.rglob("*") if _is_sprite(path))
    else:
        found = [path for path, taken in listed if taken and _is_sprite(path)]
    if not found:
        kinds = ", ".join((*ANIMATED, *DRAWN))
        raise InputError(f"{folder}: holds no sprites ({kinds}, or folders of .png); name a folder of sprites")
    return found


def _read_index(index: Path, held_out: int | None) -> list[tuple[Path, bool]] | None:
    """The files that an index names, and whether `find_sprites` takes each; None if there is no index."""
    if not index.is_file():
        return None
    try:
        with index.open(encoding="utf-8", newline="") as file:
            rows = list(enumerate(csv.DictReader(file), 1))
        return [
            (
                index.parent / row["file"],
                held_out is None or (row["split"] == "train" if "split" in row else number % 10 != held_out),
            )
            for number, row in rows
            if row["file"]
        ]
    except (csv.Error, UnicodeDecodeError, KeyError, OSError) as error:
        raise InputError(f"{index}: cannot be read; give a .csv with a column `file`, or remove it") from error


def _read_index_above(folder: Path, held_out: int | None) -> list[tuple[Path, bool]] | None:
    """The same by the index of the folder above, of this folder's files alone; None if it names none of them.

    Without it, a part of an indexed collection would be taken whole, with what is held out.
    """
    folder = folder.absolute()
    try:
        listed = _read_index(folder.parent / "index.csv", held_out)
    except InputError:  # a table of something else
        return None
    return [entry for entry in listed or () if folder in entry[0].parents] or None


def is_drawn(path: Path) -> bool:
    """Whether a sprite is a drawing in parts, which `SpriteRenderer.draw_layers` takes apart."""
    return path.suffix.lower() in DRAWN


def check_libraries(paths: Iterable[Path]) -> None:
    """Checks that the libraries that render sprites of these kinds are installed.

    Raises:
        MissingLibrary: one is not.
    """
    for suffix in {path.suffix.lower() for path in paths} & _MODULES.keys():
        module, sentence = _MODULES[suffix]
        if find_spec(module) is None:
            raise MissingLibrary(f"{sentence}, which is not installed; run: pip install 'animi[sprites]'")


def _is_sprite(path: Path) -> bool:
    if path.name.startswith("."):
        return False
    if path.suffix.lower() in (*ANIMATED, *DRAWN):
        return not path.is_dir()
    return path.is_dir() and sum(1 for _ in path.glob("*.png")) >= _SEQUENCE


class SpriteRenderer:
    """Renders sprites in a separate process, which is restarted when it crashes or hangs."""

    def __init__(self, timeout: float = TIMEOUT) -> None:
        """Prepares a renderer; the process starts with the first sprite.

        Args:
            timeout: seconds for one request.
        """
        self.timeout = timeout
        self._process: subprocess.Popen[bytes] | None = None
        self._end: Callable[[], object] = lambda: None
        self._answers: queue.Queue[tuple[dict[str, object], bytes] | None] = queue.Queue()

    def render(self, path: Path, size: int, moments: Sequence[float]) -> NDArray[np.uint8]:
        """Renders moments of an animation.

        Args:
            path: an animation.
            size: height and width in pixels.
            moments: from 0, its start, to 1, its end.

        Returns:
            (moments, size, size, 4) RGBA, premultiplied.

        Raises:
            SpriteError: the file is broken, takes longer than `timeout`, or needs a library that is not installed.
        """
        _, body = self._ask(path, size, moments=list(moments))
        if len(body) != len(moments) * size * size * 4:
            raise SpriteError(f"{path}: is no animation that can be rendered (too short)")
        return np.frombuffer(body, np.uint8).reshape(len(moments), size, size, 4)

    def draw_layers(self, path: Path, size: int, ink: float = 0.0) -> NDArray[np.uint8]:
        """Draws the shapes of an SVG drawing, each in a layer of its own; see `vector.draw_layers`.

        Raises:
            SpriteError: as in `render`.
        """
        head, body = self._ask(path, size, ink=ink)
        return np.frombuffer(body, np.uint8).reshape(int(str(head["frames"])), size, size, 4)

    def count_frames(self, path: Path) -> int:
        """The number of frames of an animation.

        Raises:
            SpriteError: as in `render`.
        """
        head, _ = self._ask(path, 1, moments=[])
        frames = head.get("frames")
        return frames if isinstance(frames, int) else 0

    def _ask(self, path: Path, size: int, **what: object) -> tuple[dict[str, object], bytes]:
        """Sends a request and waits for its answer."""
        check_libraries([path])
        process = self._process or self._start()
        request = {"path": str(path), "size": size} | what
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
            kind = "drawing" if is_drawn(path) else "animation"
            raise SpriteError(f"{path}: is no {kind} that can be rendered ({answer[0]['error']})")
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
