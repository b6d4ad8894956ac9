"""What a setting may be, and the one wording that says so."""

import math
from dataclasses import dataclass
from fractions import Fraction
from typing import Annotated

import pytest

from animi.core.config.checks import Checked, Choice, Flags, Range
from animi.core.errors import ConfigError


@dataclass(frozen=True)
class Settings(Checked):
    frames: Annotated[int, Range(1), Flags("-n", "--frames")] = 8
    share: Annotated[float, Range(0, 1)] = 0.5
    crop: Annotated[float, Range(0, 1, above=True)] = 0.5
    kept: Annotated[float, Range(0, 1, below=True)] = 0.5
    rate: Annotated[Fraction | None, Range(0, 1000, above=True)] = None
    width: Annotated[int, Range(8, 512, multiple=4, unit="channels")] = 64
    weight: Annotated[float, Range(0, above=True)] = 1.0
    numbers: Annotated[tuple[float, ...] | None, Range(0)] = None
    kind: Annotated[str | None, Choice(("ink", "paint"))] = None
    parts: Annotated[tuple[str, ...], Choice(("ink", "paint"), none=True)] = ()
    needed: Annotated[tuple[str, ...], Choice(("ink", "paint"))] = ("ink",)
    device: Annotated[str, Choice(("cpu", "cuda"), others=True)] = "cpu"


@pytest.mark.parametrize(
    "values",
    [
        {}, {"frames": 1}, {"share": 0.0}, {"share": 1}, {"crop": 1.0}, {"kept": 0.0}, {"rate": Fraction(1000)},
        {"width": 8}, {"width": 512}, {"numbers": ()}, {"numbers": (0.0, 2.0)}, {"kind": "paint"},
        {"parts": ("paint", "ink")}, {"device": "cuda:1"},
    ],
)  # fmt: skip
def test_what_is_within_passes(values):
    Settings(**values)


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"frames": 0}, "-n: 0 is out of range; give a whole number from 1"),
        ({"share": 1.25}, "--share: 1.25 is out of range; give 0 to 1"),
        ({"share": math.nan}, "--share: nan is out of range; give 0 to 1"),
        ({"share": math.inf}, "--share: inf is out of range; give 0 to 1"),
        ({"crop": 0.0}, "--crop: 0 is out of range; give above 0 and up to 1"),
        ({"kept": 1.0}, "--kept: 1 is out of range; give 0 and below 1"),
        ({"rate": Fraction(0)}, "--rate: 0 is out of range; give above 0 and up to 1000"),
        ({"rate": Fraction(10**400)}, "--rate: a number beyond 1e308 is out of range; give above 0 and up to 1000"),
        ({"width": 10}, "--width: 10 is out of range; give a multiple of 4, 8 to 512 channels"),
        ({"width": 4}, "--width: 4 is out of range; give a multiple of 4, 8 to 512 channels"),
        ({"width": 10**5000}, "--width: a number beyond 1e308 is out of range"),
        ({"weight": 0.0}, "--weight: 0 is out of range; give a number above 0"),
        ({"weight": math.inf}, "--weight: inf is out of range; give a number above 0"),
        ({"numbers": (1.0, -1.0)}, "--numbers: -1 is out of range; give a number from 0"),
        ({"kind": "chalk"}, "--kind: 'chalk' is not known; choose one of ink, paint"),
        ({"parts": ("ink", "chalk")}, "--parts: 'chalk' is not known; give any of ink, paint, or none"),
        ({"parts": ("ink", "ink")}, "--parts: ink, ink names one twice; give each once"),
        ({"needed": ()}, "--needed: names none; give any of ink, paint"),
    ],
)
def test_what_is_not_is_named_in_one_wording(values, sentence):
    with pytest.raises(ConfigError) as caught:
        Settings(**values)
    assert str(caught.value).startswith(sentence)
    assert len(str(caught.value)) < 120
