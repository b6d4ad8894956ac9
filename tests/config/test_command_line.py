"""Settings spelled as a command line are read back as the same settings."""

import shlex
from fractions import Fraction
from pathlib import Path

from animi.core.config.command_line import spell_command, spell_options
from animi.core.config.interpolation import InterpolateConfig, InterpolateFilmConfig


def test_only_what_differs_from_the_defaults_is_spelled():
    config = InterpolateFilmConfig(
        Path("a film.mp4"), Path("out.mp4"), factor=Fraction(5, 2), mix=True, start=3, end=5, hold_threshold=0.5
    )
    words = spell_options(config, without=("output",))
    assert words == ["--factor", "5/2", "--hold-threshold", "0.5", "--mix"]
    command = spell_command("interpolate", [config.film], words)
    assert shlex.split(command)[:3] == ["animi", "interpolate", "a film.mp4"]


def test_names_that_begin_with_a_dash_are_no_options():
    config = InterpolateConfig((Path("-a.png"), Path("b.png")), Path("out"), count=5)
    assert spell_command("interpolate", config.inputs, spell_options(config, without=("inputs",))) == (
        "animi interpolate ./-a.png b.png --output out -n 5"
    )
