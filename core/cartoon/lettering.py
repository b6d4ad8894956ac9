"""Words over a picture: subtitles."""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont


@lru_cache(maxsize=64)
def letter(words: str, width: int, height: int) -> NDArray[np.uint8]:
    """Writes a line at the foot of an empty picture: (height, width, 4), white with a black edge, alpha apart."""
    sheet = Image.new("RGBA", (width, height), (0, 0, 0, 0))
    pen = ImageDraw.Draw(sheet)
    size = max(height / 13, 6.0)
    edge = max(round(size / 9), 1)
    font = ImageFont.load_default(size)
    wide = pen.textlength(words, font)
    if wide > width * 0.94:
        font = ImageFont.load_default(max(size * width * 0.94 / wide, 4.0))
    at = (width / 2, height * 0.95)
    pen.text(at, words, (255, 252, 240), font, anchor="ms", stroke_width=edge, stroke_fill=(16, 14, 20))
    return np.asarray(sheet)
