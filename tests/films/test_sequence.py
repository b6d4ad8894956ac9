"""A film in memory, with in-betweens: the frames of `animi interpolate`, in any order."""

from fractions import Fraction
from pathlib import Path
from runpy import run_path

import cv2
import numpy as np
import pytest

from animi.core.config.interpolation import InterpolateFilmConfig
from animi.core.engines.blend import BlendEngine
from animi.core.errors import ConfigError, InputError
from animi.core.films.interpolation import interpolate_film
from animi.core.films.sequence import InbetweenedFilm, Shown
from animi.core.media.image_files import list_images, read_image

SHOTS = run_path(str(Path(__file__).with_name("two_shots.py")))
WIDTH, HEIGHT = SHOTS["WIDTH"], SHOTS["HEIGHT"]
scene, write_film = SHOTS["scene"], SHOTS["write_film"]


def draw_film():
    """On twos, a cut at 16, a pose, and then on ones."""
    twos = [scene(16 + 4 * (k // 2)) for k in range(16)]
    pose = [scene(24, 1)] * 9
    return twos + pose + [scene(24 + 3 * k, 1) for k in range(1, 12)]


def scan_film():
    """The same with grain and specks."""
    rng = np.random.default_rng(1)
    frames = []
    for frame in draw_film():
        noisy = np.clip(frame + rng.normal(0, 5, frame.shape), 0, 255).astype(np.uint8)
        cv2.circle(noisy, (int(rng.integers(8, 88)), int(rng.integers(8, 64))), 1, (8, 8, 8), -1)
        frames.append(noisy)
    return frames


def by_command(tmp_path, frames, **settings):
    """What `animi interpolate` makes of a lossless film of these frames."""
    film = write_film(tmp_path / "film.mkv", frames)
    interpolate_film(InterpolateFilmConfig(film, tmp_path / "out", **settings))
    return [read_image(path) for path in list_images(tmp_path / "out")]


@pytest.mark.parametrize(
    ("make", "settings"),
    [
        (draw_film, {"factor": Fraction(2), "engine": "flow"}),
        (draw_film, {"factor": Fraction(5, 2), "engine": "blend", "cadence": "keep"}),
        (draw_film, {"fps": Fraction(60), "engine": "blend", "hold_threshold": 0.0}),
        (scan_film, {"factor": Fraction(2), "engine": "flow"}),
    ],
)
def test_frames_are_those_of_the_command_in_any_order(tmp_path, make, settings):
    frames = make()
    wanted = by_command(tmp_path, frames, **settings)
    film = InbetweenedFilm(frames, rate=24, **settings)
    assert len(film) == len(wanted)
    order = [len(wanted) // 2, len(wanted) - 1, *range(len(wanted) - 1, -1, -3), *range(len(wanted))]
    for number in order:
        assert np.array_equal(film[number], wanted[number]), f"frame {number}: {film.shown(number)}"
    assert film[-1].dtype == np.uint8 and np.array_equal(film[2:4][1], wanted[3])


class Counted(list):
    """Frames that count how often they are read."""

    def __init__(self, frames):
        super().__init__(frames)
        self.reads = [0] * len(frames)

    def __getitem__(self, number):
        self.reads[number] += 1
        return super().__getitem__(number)


@pytest.mark.parametrize(("broken", "known"), [(0, 0), (20, 0), (35, 2)])  # cuts are found 32 frames ahead
def test_a_frame_can_be_asked_for_again_after_a_read_has_failed(broken, known):
    class Failing(list):
        fails = 2

        def __getitem__(self, number):
            if number == broken and self.fails:
                self.fails -= 1
                raise OSError("the disk is busy")
            return super().__getitem__(number)

    settings = {"rate": 24, "engine": "blend", "factor": 2}
    wanted = list(InbetweenedFilm(draw_film(), **settings))
    film = InbetweenedFilm(Failing(draw_film()), **settings)
    early = [film[number] for number in range(known)]
    for _ in range(2):
        with pytest.raises(OSError, match="the disk is busy"):
            film[len(wanted) - 1]
        assert all(np.array_equal(film[number], frame) for number, frame in enumerate(early))
    assert all(np.array_equal(film[number], wanted[number]) for number in range(len(wanted) - 1, -1, -1))


def test_in_order_each_frame_is_read_once():
    frames = Counted(draw_film())
    film = InbetweenedFilm(frames, 2, engine="blend")
    assert frames.reads == [0] * len(frames)  # none until one is wanted
    for _ in film:
        pass
    assert frames.reads == [1] * len(frames)


def test_grain_and_specks_are_kept_track_of():
    """The scan above is one: else the test above would not reach what it is to reach."""
    film = InbetweenedFilm(scan_film(), 2, engine="blend")
    film.shown(len(film) - 1)
    judged = film._judged.values()
    assert any(frame.grainy for frame in judged)
    assert any(frame.mended is not None for frame in judged)


def test_what_frames_show():
    film = InbetweenedFilm(draw_film(), 2, engine="blend")
    assert film.shown(1) == Shown(Fraction(1, 48), 0, 2, 0.25)
    assert film.shown(2) == Shown(Fraction(1, 24), 0, 2, 0.5)
    assert film.shown(31) == Shown(Fraction(31, 48), 15)  # held up to the cut
    assert film.shown(32) == Shown(Fraction(2, 3), 16, cut=True)
    assert sum(film.shown(k).cut for k in range(len(film))) == 1
    with pytest.raises(IndexError):
        film.shown(len(film))


def test_cuts_that_are_given_are_the_cuts():
    frames = draw_film()
    given = InbetweenedFilm(frames, 2, cuts={4}, engine="blend")
    assert [k for k in range(40) if given.shown(k).cut] == [8]
    assert all(given.shown(k).last is None for k in range(4, 8))  # the held drawing up to that cut
    none = InbetweenedFilm(frames, 2, cuts=(), engine="blend")
    assert none.shown(31).last == 16


def test_cuts_are_found_from_a_score_on():
    """A board that covers a third of the picture at once is no cut, unless that is asked for."""
    frames = [scene(20 + 2 * k) for k in range(16)]
    for frame in frames[8:]:
        frame[36:] = np.random.default_rng(3).integers(0, 255, (1, WIDTH // 8, 3), np.uint8).repeat(8, 1)
    cuts = {
        score: [k for k in range(32) if film.shown(k).cut]
        for score in (0.9, 0.2)
        for film in [InbetweenedFilm(frames, 2, cut_score=score, engine="blend")]
    }
    assert cuts == {0.9: [], 0.2: [16]}


def test_a_varying_rate_keeps_each_frames_time():
    frames = draw_film()[25:]
    seconds = [Fraction(1, 24), Fraction(1, 12)] * 6
    film = InbetweenedFilm(frames, 2, durations=lambda k: seconds[k], engine="blend")
    assert film.rate is None and len(film) == 2 * len(frames)
    times = [film.shown(k).time for k in range(6)]
    assert times == [Fraction(n, 48) for n in (0, 1, 2, 4, 6, 7)]
    assert film.shown(21).time == sum(seconds[:10]) + seconds[10] / 2  # within the last frame's own time as well


def test_hints_lead():
    """A block that is too far away to be found is where a hint says that it is."""
    frames = [np.full((64, 256, 3), 235, np.uint8) for _ in range(3)]
    for frame, x in zip(frames, (10, 200, 210), strict=True):
        frame[20:44, x : x + 24] = (200, 30, 30)
    film = InbetweenedFilm(frames, 2, engine="flow", cuts=(), on_failure="morph", hints=["22,32>212,32"])
    middle = (film[1][32, :, 1] < 128).nonzero()[0]
    assert film.shown(1) == Shown(Fraction(1, 48), 0, 1, 0.5)
    assert abs(float(middle.mean()) - 116.5) < 3 and 20 <= len(middle) <= 28
    with pytest.raises(ConfigError, match="blend draws without motion"):
        InbetweenedFilm(frames, 2, engine="blend", hints=["22,32>212,32"])


def test_an_engine_of_ones_own_and_alpha_and_16_bits():
    frames = [np.dstack([scene(20 + 4 * k), np.full((HEIGHT, WIDTH), 255, np.uint8)]) for k in range(4)]
    deep = [frame.astype(np.uint16) * 257 for frame in frames]
    film = InbetweenedFilm(deep, 2, engine=BlendEngine())
    assert film[1].dtype == np.uint16 and film[1].shape == (HEIGHT, WIDTH, 4)
    assert np.array_equal(film[2], deep[1])


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        ({"factor": 2, "fps": 60}, ConfigError, "cannot be given together"),
        ({"factor": "two"}, ConfigError, "is no number"),
        ({"factor": -2}, ConfigError, "must be more than 0"),
        ({"fps": 5000}, ConfigError, "out of range"),
        ({"fps": 60, "durations": lambda _: 1}, ConfigError, "give factor"),
        ({"cadence": "odd"}, ConfigError, "choose one of smooth, keep"),
        ({"cut_score": 2.0}, ConfigError, "out of range"),
        ({"frames": [scene(9)]}, InputError, "two frames or more"),
    ],
)
def test_what_cannot_be_used_is_said_at_once(settings, error, message):
    with pytest.raises(error, match=message):
        InbetweenedFilm(**{"frames": [scene(9), scene(12)], "engine": "blend"} | settings)


@pytest.mark.parametrize(
    ("frames", "message"),
    [
        ([scene(9), scene(9)[1:]], "frame 1 is"),
        ([scene(9).astype(np.float32)] * 2, "frame 0 is .* float32"),
        ([scene(9)[..., 0]] * 2, r"\(H, W, 3\)"),
    ],
)
def test_frames_of_another_form_are_named(frames, message):
    with pytest.raises(InputError, match=message):
        InbetweenedFilm(frames, 2, engine="blend")[2]
