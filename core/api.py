"""animi as a library: everything that programs and plugins may use. docs/api.md explains it, with examples.

Names that are not here may change at any time.
"""

from .config.choices import CADENCES, DEVICES, EASINGS, ENGINES, ON_FAILURE
from .config.interpolation import InterpolateConfig, InterpolateFilmConfig
from .config.material import ExtractFramesConfig
from .engines.interface import Engine, Pair
from .engines.opening import open_engine
from .errors import AnimiError, CheckpointError, ConfigError, DeviceError, InputError, OutputError
from .films.interpolation import FilmDrawn, interpolate_film
from .films.sequence import InbetweenedFilm, Shown
from .inbetween import count_frames, draw_animation, interpolate
from .inbetween.command import DrawnAnimation
from .inbetween.hints import Hints, parse_hint, read_hints
from .inbetween.score import Score, score
from .material.extraction import extract_frames
from .material.film_folders import Extraction

__all__ = [
    "CADENCES",
    "DEVICES",
    "EASINGS",
    "ENGINES",
    "ON_FAILURE",
    "AnimiError",
    "CheckpointError",
    "ConfigError",
    "DeviceError",
    "DrawnAnimation",
    "Engine",
    "ExtractFramesConfig",
    "Extraction",
    "FilmDrawn",
    "Hints",
    "InbetweenedFilm",
    "InputError",
    "InterpolateConfig",
    "InterpolateFilmConfig",
    "OutputError",
    "Pair",
    "Score",
    "Shown",
    "count_frames",
    "draw_animation",
    "extract_frames",
    "interpolate",
    "interpolate_film",
    "open_engine",
    "parse_hint",
    "read_hints",
    "score",
]
