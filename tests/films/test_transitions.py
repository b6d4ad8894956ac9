"""A film at twice its rate: dissolves and fades go on in the new frames, and a flash is no longer."""

from itertools import pairwise

import cv2
import numpy as np
import pytest

from animi.core.config.interpolation import InterpolateFilmConfig
from animi.core.films.interpolation import interpolate_film
from animi.core.media.film_source import open_film, read_frames

from .two_shots import write_film

WIDTH, HEIGHT = 96, 72
MIX, FLASH, FADE = 30, 84, 100  # frames at which they begin
LONG = 12  # frames of a dissolve and of a fade


def scene(shot, x=0.0):
    """A picture of large shapes; a disc is at x."""
    rng = np.random.default_rng(shot)
    frame = np.full((HEIGHT, WIDTH, 3), rng.integers(60, 200, 3), np.uint8)
    for _ in range(7):
        place, colour = rng.integers((0, 0), (WIDTH, HEIGHT)), rng.integers(0, 256, 3)
        cv2.circle(frame, place.tolist(), int(rng.integers(6, 20)), colour.tolist(), -1, cv2.LINE_AA)
    if x:
        cv2.circle(frame, (round(x * 16), 50 * 16), 14 * 16, (250, 240, 230), -1, cv2.LINE_AA, 4)
        cv2.circle(frame, (round(x * 16), 50 * 16), 14 * 16, (10, 10, 10), 2, cv2.LINE_AA, 4)
    return frame


def draw(number):
    """Two shots that dissolve into each other; in the second, light flashes, and it fades while a disc moves."""
    if number < MIX + LONG:
        share = max(0.0, (number - MIX) / LONG)
        return cv2.addWeighted(scene(4), 1 - share, scene(5), share, 0)
    picture = scene(5, max(0.0, 20 + 3 * (number - FADE)) if number > FADE - 8 else 0)
    if number == FLASH:
        return cv2.addWeighted(picture, 0.1, np.full_like(picture, 255), 0.9, 0)
    return cv2.convertScaleAbs(picture, alpha=min(1.0, max(0.0, 1 - (number - FADE) / LONG)))


@pytest.fixture(scope="module")
def films(tmp_path_factory):
    """The film, and the new one."""
    folder = tmp_path_factory.mktemp("transitions")
    film = write_film(folder / "film.mkv", [draw(k) for k in range(FADE + LONG + 4)])
    interpolate_film(InterpolateFilmConfig(film, folder / "new.mkv", engine="flow", codec="ffv1"))
    return tuple([pixels for _, pixels in read_frames(open_film(path))] for path in (film, folder / "new.mkv"))


def test_new_frames_of_a_dissolve_are_mixtures(films):
    old, new = films
    for k in range(MIX + 1, MIX + LONG - 1):
        middle = cv2.addWeighted(old[k], 0.5, old[k + 1], 0.5, 0)
        assert np.abs(new[2 * k + 1].astype(int) - middle).max() <= 2


def test_new_frames_of_a_fade_have_light_between_and_things_move(films):
    old, new = films
    for k in range(FADE, FADE + LONG - 3):
        before, middle, after = (frame.astype(int) for frame in (old[k], new[2 * k + 1], old[k + 1]))
        top = np.s_[:30]  # without the disc
        assert np.abs(2 * middle - before - after)[top].max() <= 4
        share = 1 - (k + 0.5 - FADE) / LONG
        truth = scene(5, 20 + 3 * (k + 0.5 - FADE)) * share
        mixture = (before + after) / 2
        assert np.abs(middle - truth)[30:].mean() < 0.7 * np.abs(mixture - truth)[30:].mean()


def test_a_flash_is_as_long_as_it_was(films):
    old, new = films
    light = [frame.mean() for frame in new[2 * FLASH - 6 : 2 * FLASH + 8]]
    bright = [mean > old[FLASH].mean() - 2 for mean in light]
    assert sum(bright) == 2
    changes = [abs(a - b) for a, b in pairwise(light)]
    assert sum(change > 2 for change in changes) == 2
