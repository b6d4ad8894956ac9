"""The settings that a page sends, typed and checked."""

from dataclasses import dataclass
from fractions import Fraction

from ..config.checks import Checked
from ..config.choices import CADENCES, ON_FAILURE
from ..config.fields import Rate
from ..config.interpolation import FrameCount, InterpolateConfig, OnFailure, space_frames
from ..config.parsing import read_size

DOWNLOADS = {"gif": ".gif", "webp": ".webp", "mp4": ".mp4", "png": ".png", "zip": ".zip"}
"""Formats of downloads: animations by their suffixes, and numbered PNGs in a zip file."""
FILM_DOWNLOADS = ("mp4", "webm", "mkv")
"""Formats of whole films."""


@dataclass(frozen=True)
class DrawSettings(Checked):
    """How the frames between a session's key frames are drawn; the fields mean what they do in `InterpolateConfig`."""

    engine: str
    """One of the studio's."""
    count: FrameCount = InterpolateConfig.count
    fps: Rate = InterpolateConfig.fps
    spacing: str = InterpolateConfig.spacing
    loop: bool = InterpolateConfig.loop
    boomerang: bool = InterpolateConfig.boomerang
    size: str | None = InterpolateConfig.size
    on_failure: OnFailure = InterpolateConfig.on_failure

    def __post_init__(self) -> None:
        """Checks the values.

        Raises:
            ConfigError: a value is out of its range.
        """
        super().__post_init__()
        space_frames(self.count, self.spacing)
        if self.size is not None:
            read_size(self.size)

    @property
    def times(self) -> tuple[float, ...]:
        """When the frames of a segment are, from 0 (the first key frame) to 1 (the second)."""
        return space_frames(self.count, self.spacing)


@dataclass(frozen=True)
class FilmSettings:
    """How a whole film is interpolated.

    Attributes:
        engine: one of the studio's.
        kind: the format, one of FILM_DOWNLOADS.
        factor: how many times as many frames; None: 2, or by fps.
        fps: frames a second; None: by the factor.
        cadence: one of `config.choices.CADENCES`.
        preview: draw only so many seconds from the start; None: all.
        on_failure: one of `config.choices.ON_FAILURE`.
    """

    engine: str
    kind: str = FILM_DOWNLOADS[0]
    factor: Fraction | None = None
    fps: Fraction | None = None
    cadence: str = CADENCES[0]
    preview: float | None = None
    on_failure: str = ON_FAILURE[0]
