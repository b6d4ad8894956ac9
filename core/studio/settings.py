"""What a page sets for its work, typed and checked; the JSON that it sends ends where these are made of it."""

from dataclasses import dataclass
from fractions import Fraction

from ..config.choices import CADENCES, ON_FAILURE
from ..config.interpolation import InterpolateConfig

DOWNLOADS = {"gif": ".gif", "webp": ".webp", "mp4": ".mp4", "png": ".png", "zip": ".zip"}
"""What a result can be taken home as: animations by their suffixes, and numbered PNGs in a zip file."""
FILM_DOWNLOADS = ("mp4", "webm", "mkv")
"""What a whole film can be taken home as."""


@dataclass(frozen=True)
class DrawSettings:
    """How the frames between key frames are drawn.

    Attributes:
        engine: one of the studio's.
        config: count, fps, spacing, loop, boomerang, size and on_failure; inputs and output are the session's affair.
    """

    engine: str
    config: InterpolateConfig


@dataclass(frozen=True)
class FilmSettings:
    """How a whole film is drawn anew.

    Attributes:
        engine: one of the studio's.
        kind: one of FILM_DOWNLOADS.
        factor: how many times as many frames; None: 2, or by fps.
        fps: frames a second; None: by the factor.
        cadence: one of `config.choices.CADENCES`.
        preview: seconds from the start that are enough; None: all.
        on_failure: one of `config.choices.ON_FAILURE`.
    """

    engine: str
    kind: str = FILM_DOWNLOADS[0]
    factor: Fraction | None = None
    fps: Fraction | None = None
    cadence: str = CADENCES[0]
    preview: float | None = None
    on_failure: str = ON_FAILURE[0]
