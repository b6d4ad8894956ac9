"""The program that renders sprites in a separate process, so that a malformed file can crash only it.

Started by sprites.SpriteRenderer. It reads requests from stdin, one line of JSON each: the file's path, the size in
pixels, and either the moments, from 0 to 1 of the animation, or `ink`, for the layers of an SVG drawing. For each it
writes a line of JSON, with how many frames or layers there are, and then, unless the line reports an error, the
pictures: RGBA, premultiplied, 8 bits, one after the other.
"""

import json
import sys
from collections import OrderedDict
from pathlib import Path
from typing import Any, Protocol

import numpy as np

_LOTTIES, _OTHERS = 64, 2  # animations that are kept: a Lottie takes about a megabyte, one of pixels up to 600


class _Frames(Protocol):
    """An animation."""

    @property
    def count(self) -> int:
        """How many frames it has."""

    def render(self, number: int, size: int) -> Any:
        """A frame as (size, size, 4) uint8, premultiplied."""


class _Lottie:
    """A Lottie animation."""

    def __init__(self, path: Path) -> None:
        from rlottie_python.rlottie_wrapper import LottieAnimation

        self._animation = LottieAnimation.from_file(str(path))
        self.count = self._animation.lottie_animation_get_totalframe()
        if self.count < 1:
            raise ValueError("no frames")

    def render(self, number: int, size: int) -> Any:
        drawn = self._animation.lottie_animation_render(frame_num=number, width=size, height=size)
        return np.frombuffer(drawn, np.uint8).reshape(size, size, 4)[..., [2, 1, 0, 3]]


def _open(path: Path) -> _Frames:
    if path.suffix.lower() == ".json":
        return _Lottie(path)
    from .animation import Animation

    return Animation(path)


def serve() -> None:
    """Answers requests until stdin ends."""
    lotties: OrderedDict[str, _Frames] = OrderedDict()
    others: OrderedDict[str, _Frames] = OrderedDict()
    for line in sys.stdin:
        request = json.loads(line)
        path, size = Path(request["path"]), request["size"]
        try:
            if "ink" in request:
                from .vector import draw_layers

                layers = draw_layers(path.read_bytes(), size, request["ink"])
                body, count = layers.tobytes(), len(layers)
            else:
                lottie = path.suffix.lower() == ".json"
                opened, most = (lotties, _LOTTIES) if lottie else (others, _OTHERS)
                if request["path"] not in opened:
                    while len(opened) >= most:
                        opened.popitem(last=False)
                    opened[request["path"]] = _open(path)
                animation = opened[request["path"]]
                count = animation.count
                numbers = [min(int(at * count), count - 1) for at in request["moments"]]
                body = b"".join(animation.render(number, size).tobytes() for number in numbers)
            answer: dict[str, int | str] = {"bytes": len(body), "frames": count}
        except Exception as error:  # an error in one file must not stop the others
            answer, body = {"error": str(error) or type(error).__name__}, b""
        sys.stdout.buffer.write(json.dumps(answer).encode() + b"\n" + body)
        sys.stdout.buffer.flush()


if __name__ == "__main__":
    serve()
