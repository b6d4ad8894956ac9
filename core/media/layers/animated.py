"""GIF, APNG and animated WebP as pictures of sprites, with the durations that they have."""

import warnings
from fractions import Fraction
from pathlib import Path

import numpy as np
from PIL import Image

from ...errors import InputError
from ...files import reading, shown
from ..frames import Frame
from ..image_files import MOST_PIXELS
from ..moving import read_animation
from .document import MOST_PICTURES, Document
from .sheet import as_pictures

SUFFIXES = (".gif", ".png", ".apng", ".webp")


def read_animated(path: Path) -> Document:
    """Reads all pictures of a GIF, PNG or WebP.

    Raises:
        InputError: it cannot be read, or holds one picture only.
    """
    name = shown(path)
    with reading(path):
        timing = read_animation(path)
    if timing is None:
        raise InputError(f"{name}: holds one picture; add --grid WIDTHxHEIGHT if it is a sheet of sprites")
    count = len(timing.stamps)
    if count > MOST_PICTURES:
        raise InputError(f"{name}: has {count} pictures, and {MOST_PICTURES} can be read as sprites; cut it")
    frames: list[Frame] = []
    try:
        with warnings.catch_warnings(action="ignore"), Image.open(path, formats=("GIF", "PNG", "WEBP")) as image:
            if image.width * image.height * count > 4 * MOST_PIXELS:
                raise InputError(
                    f"{name}: has pictures of more than {4 * MOST_PIXELS:,} pixels together; scale it down"
                )
            for number in range(count):
                image.seek(number)
                frames.append(np.array(image.convert("RGBA")))
    except (OSError, ValueError, SyntaxError, EOFError, Image.DecompressionBombError) as error:
        raise InputError(f"{name}: is damaged, or not an animation that can be read; save it again") from error
    ends = [*timing.stamps[1:], timing.stamps[-1] + timing.last]
    seconds = [(end - start) * timing.tick for start, end in zip(timing.stamps, ends, strict=True)]
    return Document(as_pictures(frames, name, [Fraction(each) for each in seconds]))
