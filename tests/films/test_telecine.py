"""Films of 24 drawings a second in television: found by what is seen, whatever flags say, and taken back."""

import itertools
import subprocess
from fractions import Fraction

import av
import cv2
import imageio_ffmpeg
import numpy as np
import pytest

from animi.core.config.interpolation import InterpolateFilmConfig
from animi.core.films.interpolation import interpolate_film
from animi.core.media.film_source import open_film, read_frames
from animi.core.media.telecine import even_out, is_combed

FFMPEG = imageio_ffmpeg.get_ffmpeg_exe()
WIDTH, HEIGHT = 128, 96
TELECINE = "telecine=first_field=top:pattern=23,format=yuv420p"


def draw(number, hatched=False):
    """A face with outlines that crosses a room."""
    frame = np.full((HEIGHT, WIDTH, 3), (150, 190, 220), np.uint8)
    frame[70:] = (120, 150, 90)
    if hatched:
        frame[8:60:2, 90:120] = 20
    x = 14 + 3 * number % 90
    cv2.circle(frame, (x, 50), 16, (225, 40, 30), -1, cv2.LINE_AA)
    cv2.circle(frame, (x, 50), 16, (10, 5, 5), 2, cv2.LINE_AA)
    cv2.rectangle(frame, (x - 4, 62), (x + 4, 88), (20, 20, 60), -1)
    return frame


def make(path, filters, *words, count=40, rate="24000/1001", drawing=draw):
    raw = b"".join(drawing(k).tobytes() for k in range(count))
    form = ("-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{WIDTH}x{HEIGHT}", "-r", rate, "-i", "-")
    subprocess.run([FFMPEG, "-v", "error", "-y", *form, "-vf", filters, *map(str, words), path], input=raw, check=True)
    return path


HARD = {
    "flagged progressive": ("prog.mp4", f"{TELECINE},setfield=prog", ("-c:v", "libx264", "-crf", 10)),
    "flagged interlaced": ("inter.mkv", f"{TELECINE},setfield=tff",
                           ("-c:v", "mpeg2video", "-flags", "+ildct+ilme", "-q:v", 2)),
    "bottom field first": ("bff.mp4", "telecine=first_field=bottom:pattern=23,format=yuv420p,setfield=prog",
                           ("-c:v", "libx264", "-crf", 10)),
    "another pattern": ("p32.mp4", "telecine=first_field=top:pattern=32,format=yuv420p,setfield=prog",
                        ("-c:v", "libx264", "-crf", 10)),
}  # fmt: skip


def grey(frames):
    return [frame[..., :3].mean(2).astype(np.uint8) for frame in frames]


@pytest.mark.parametrize("kind", HARD)
def test_hard_telecine_gives_its_drawings_back(tmp_path, kind):
    name, filters, words = HARD[kind]
    film = open_film(make(tmp_path / name, filters, *words))
    assert film.restoration is not None and film.restoration.telecined
    assert film.timing.rate == Fraction(24000, 1001) and film.timing.count == 40
    assert film.timing.end == pytest.approx(40 / 23.976, abs=1 / 24)
    frames = list(read_frames(film))
    assert 39 <= len(frames) <= 40
    steps = [float(b[0] - a[0]) for a, b in itertools.pairwise(frames)]
    assert max(steps) - min(steps) < 1e-6
    pixels = [pixels for _, pixels in frames]
    assert not any(map(is_combed, grey(pixels)))
    moved = [np.abs(a.astype(int) - b).mean() for a, b in itertools.pairwise(pixels)]
    assert min(moved) > 0.3 * np.median(moved)  # none comes twice


def test_its_new_film_is_even(tmp_path):
    name, filters, words = HARD["flagged progressive"]
    notes = []
    config = InterpolateFilmConfig(make(tmp_path / name, filters, *words), tmp_path / "o.mkv", engine="blend")
    drawn = interpolate_film(config, on_note=notes.append)
    assert drawn.rate == Fraction(48000, 1001) and 78 <= drawn.frames <= 80
    assert len(notes) == 1 and "is telecined: its 24 drawings a second are taken back" in notes[0]
    new = [pixels for _, pixels in read_frames(open_film(tmp_path / "o.mkv"))]
    assert len(new) == drawn.frames and not any(map(is_combed, grey(new)))


def test_what_is_interlaced_is_not_taken_for_it(tmp_path):
    """60 moments a second in 30 frames: combs in all of them, and no two fields belong together."""
    weave = "tinterlace=interleave_top,format=yuv420p"
    for end in ("setfield=prog", "setfield=tff"):
        words = ("-c:v", "libx264", "-crf", 10, *(("-flags", "+ildct+ilme") if "tff" in end else ()))
        film = open_film(make(tmp_path / f"{end[-3:]}.mp4", f"{weave},{end}", *words, count=80, rate="60000/1001"))
        assert film.restoration is not None and not film.restoration.telecined
        assert film.restoration.filters[0].startswith("bwdif") and film.timing.rate == Fraction(30000, 1001)
        assert not any(is_combed(frame) for frame in grey(pixels for _, pixels in read_frames(film)))


def test_fields_that_are_shifted_are_sorted_out(tmp_path):
    """PAL from film: each frame has a field of the one before, and none is left out."""
    shift = "separatefields,trim=start_frame=1,setpts=PTS-STARTPTS,weave=first_field=top,format=yuv420p,setfield=prog"
    film = open_film(make(tmp_path / "pal.mp4", shift, "-c:v", "libx264", "-crf", 10, rate="25"))
    assert (film.restoration is not None and film.restoration.filters == ("fieldmatch=order=bff",)) or (
        film.restoration.filters == ("fieldmatch=order=tff",)
    )
    assert film.timing.rate == 25


@pytest.mark.parametrize("rate", ["24000/1001", "25", "30000/1001"])
def test_whole_frames_are_left_alone(tmp_path, rate):
    """Also where something is hatched by lines of one row, which look like combs."""
    path = make(tmp_path / "whole.mp4", "format=yuv420p", "-c:v", "libx264", "-crf", 10, rate=rate)
    assert open_film(path).restoration is None
    path = make(
        tmp_path / "hatched.mp4", "format=yuv420p", "-c:v", "libx264", "-crf", 10,
        rate=rate, drawing=lambda k: draw(k, hatched=True),
    )  # fmt: skip
    found = open_film(path)
    assert found.restoration is None and found.timing.rate == Fraction(rate)


def test_soft_telecine_moves_evenly(tmp_path):
    """Film frames that are shown for three and two fields in turn, then true frames of television."""
    field = Fraction(1001, 60000)
    for count, more, rate in ((24, 0, Fraction(24000, 1001)), (16, 12, None)):
        lengths = [3 if k % 2 == 0 else 2 for k in range(count)] + [2] * more
        times = [sum(lengths[:k]) * field for k in range(len(lengths))]
        path = tmp_path / f"soft{more}.mkv"
        with av.open(str(path), "w") as container:
            stream = container.add_stream("libx264", rate=30)
            stream.width, stream.height, stream.pix_fmt, stream.time_base = WIDTH, HEIGHT, "yuv420p", Fraction(1, 1000)
            stream.codec_context.time_base = Fraction(1, 1000)
            for k, time in enumerate(times):
                frame = av.VideoFrame.from_ndarray(draw(k))
                frame.pts, frame.time_base = round(time * 1000), Fraction(1, 1000)
                container.mux(stream.encode(frame))
            container.mux(stream.encode())
        film = open_film(path)
        assert film.timing.rate == rate
        shown = [time for time, _ in read_frames(film)]
        assert len(shown) == len(lengths)
        steps = [float((b - a) / field) for a, b in itertools.pairwise(shown)]
        assert steps[: count - 2] == pytest.approx([2.5] * (count - 2), abs=0.13)
        assert steps[count:] == pytest.approx([2.0] * max(0, more - 1), abs=0.13)


def test_times_of_other_films_are_not_touched():
    for times in ([0, 3, 5, 8, 10], [0.1 * k for k in range(9)], [0.0, 1.0, 1.5, 2.0]):
        exact = [Fraction(time).limit_denominator(1000) for time in times]
        assert even_out(exact) == exact
