"""Tileable textures that paint and paper are made of. A new texture is one entry in TEXTURES."""

from collections.abc import Callable, Mapping
from functools import cache

import numpy as np
from numpy.typing import NDArray

TILE = 256
"""Pixels of a texture's side."""

Texture = NDArray[np.float32]


def _noise(seed: int, across: float, along: float) -> Texture:
    """Tileable Gaussian noise, smooth over `across` by `along` pixels, of mean 0 and spread 1."""
    noise = np.random.default_rng(seed).standard_normal((TILE, TILE))
    fx, fy = np.fft.fftfreq(TILE)[None], np.fft.fftfreq(TILE)[:, None]
    smooth = np.fft.ifft2(np.fft.fft2(noise) * np.exp(-2 * (np.pi**2) * ((fx * along) ** 2 + (fy * across) ** 2))).real
    return np.asarray((smooth - smooth.mean()) / smooth.std(), np.float32)


def _paper() -> Texture:
    return 0.6 * _noise(1, 1.1, 1.1) + 0.4 * _noise(2, 5, 5)


def _cloud() -> Texture:
    return 0.8 * _noise(3, 22, 22) + 0.35 * _noise(4, 7, 7)


def _brush() -> Texture:
    return 0.8 * _noise(5, 2.2, 15) + 0.5 * _noise(6, 9, 12)


def _hatch() -> Texture:
    y, x = np.mgrid[:TILE, :TILE]
    lines = np.sin(2 * np.pi * (x + y) * (24 / TILE) + 0.7 * _noise(7, 12, 12))
    return np.asarray(2.2 * (lines > 0.82) - 0.4, np.float32)


def _dots() -> Texture:
    y, x = np.mgrid[:TILE, :TILE] * (2 * np.pi * 20 / TILE)
    return np.asarray(1.2 * np.tanh(5 * (np.sin(x) * np.sin(y) - 0.3)) + 0.5, np.float32)


TEXTURES: Mapping[str, Callable[[], Texture]] = {
    "paper": _paper,
    "cloud": _cloud,
    "brush": _brush,
    "hatch": _hatch,
    "dots": _dots,
}


@cache
def texture(name: str) -> Texture:
    """A texture by name: (TILE, TILE) of mean near 0 and spread near 1, which fits to itself at every side."""
    return np.ascontiguousarray(TEXTURES[name](), np.float32)
