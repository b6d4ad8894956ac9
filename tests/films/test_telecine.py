"""Films of 24 drawings a second in television: found by what is seen, whatever flags say, and taken back."""

import itertools
import subprocess
from dataclasses import replace
from fractions import Fraction

import av
import cv2
import imageio_ffmpeg
import numpy as np
import pytest

from animi.core.config.interpolation import InterpolateFilmConfig
from animi.core.config.jobs import DrawConfig, JoinConfig
from animi.core.films import segmenting
from animi.core.films.interpolation import interpolate_film
from animi.core.films.job import draw_job, join_job, plan_job
from animi.core.films.plan_file import read_plan
from animi.core.films.timing import Clock, FilmFrame, expose
from animi.core.media.film_source import open_film, read_frames
from animi.core.media.telecine import even_out, find_field, is_combed

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


NTSC = Fraction(1001, 60000)
ALONE = {
    "3:2": ([3, 2] * 8, [2.5] * 16),
    "2:3": ([2, 3] * 8, [2.5] * 16),
    "2:3:3:2": ([2, 3, 3, 2] * 4, [2.5] * 16),
    "a break at a cut": ([3, 2] * 3 + [3] + [3, 2] * 4, [2.5] * 15),
    "into video": ([3, 2] * 4 + [2] * 5, [2.5] * 8 + [2] * 5),
    "out of video": ([2] * 5 + [3, 2] * 4, [2] * 5 + [2.5] * 8),
    "a frame shown for longer once": ([2, 2, 2, 3, 2, 2, 2, 2], [2, 2, 2, 3, 2, 2, 2, 2]),
}


def round_times(lengths, field=NTSC, begin=Fraction(0), tick=Fraction(1, 1000)):
    """Timestamps of frames that are shown for so many fields, as a file rounds them."""
    return [round((begin + sum(lengths[:k]) * field) / tick) * tick for k in range(len(lengths) + 1)]


def find_milliseconds_field(times):
    return find_field(np.array([round(time * 1000) for time in times]), Fraction(1, 1000))


@pytest.mark.parametrize("kind", ALONE)
@pytest.mark.parametrize("field", [NTSC, Fraction(1, 60)])
def test_film_frames_get_equal_steps(kind, field):
    lengths, steps = ALONE[kind]
    for begin in (Fraction(0), Fraction(1, 2)):
        times = round_times(lengths, field, begin)
        assert find_milliseconds_field(times) == field
        found = list(even_out(zip(times, range(99), strict=False), field, times[0]))
        assert [number for _, number in found] == list(range(len(times)))
        moved = [time for time, _ in found]
        # exact, although the file has milliseconds
        assert [(b - a) / field for a, b in itertools.pairwise(moved)] == steps
        assert all(abs(time - raw) < field * 1.1 for time, raw in zip(moved, times, strict=True))


def test_drift_at_breaks_does_not_add_up():
    """Each break adds half a field; film frames must not fall behind the sound for that."""
    lengths = ([3, 2] * 4 + [3]) * 9
    times = round_times(lengths)
    found = [time for time, _ in even_out(((time, None) for time in times), NTSC, times[0])]
    assert max(abs(time - raw) for time, raw in zip(found, times, strict=True)) < NTSC * 1.1
    assert sum(b - a == NTSC * 5 / 2 for a, b in itertools.pairwise(found)) > 0.8 * len(lengths)


def test_other_films_have_no_fields():
    for times in ([0, 3, 5, 8, 10], [0.1 * k for k in range(9)], [0.0, 1.0, 1.5, 2.0], [0.0, 0.04, 0.08, 0.14]):
        assert find_milliseconds_field(times) is None
    assert find_milliseconds_field(round_times([2] * 9)) is None


def mux(path, frames, lengths):
    """A film whose frames are shown for so many fields, with timestamps in milliseconds."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=30, options={"crf": "10"})
        stream.width, stream.height, stream.pix_fmt, stream.time_base = WIDTH, HEIGHT, "yuv420p", Fraction(1, 1000)
        stream.codec_context.time_base = Fraction(1, 1000)
        for pixels, time in zip(frames, round_times(lengths), strict=False):
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(pixels))
            frame.pts, frame.time_base = round(time * 1000), Fraction(1, 1000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def telecine(count):
    """Frames of video, in which fields of film frames are interleaved."""
    raw = b"".join(draw(k).tobytes() for k in range(count))
    form = ("-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{WIDTH}x{HEIGHT}")
    words = ("-r", "24000/1001", "-i", "-", "-vf", "telecine=first_field=top:pattern=23", *form, "-")
    done = subprocess.run([FFMPEG, "-v", "error", *form, *words], input=raw, capture_output=True, check=True)
    return list(np.frombuffer(done.stdout, np.uint8).reshape(-1, HEIGHT, WIDTH, 3))


@pytest.mark.parametrize("order", ["soft first", "hard first", "then video", "hard, then video"])
def test_parts_of_a_film_are_restored_each_in_its_way(tmp_path, order):
    """Soft telecine, hard telecine and true video in one film: 24, 24 and 30 frames a second."""
    soft, hard, video = [draw(k) for k in range(28)], telecine(28), [draw(k) for k in range(30)]
    parts = {"soft first": (soft, hard), "hard first": (hard, soft), "then video": (soft, hard, video),
             "hard, then video": (hard, video)}[order]  # fmt: skip
    lengths = [length for part in parts for length in ([3, 2] * 14 if part is soft else [2] * len(part))]
    film = open_film(mux(tmp_path / "mixed.mkv", [frame for part in parts for frame in part], lengths))
    assert film.restoration is not None
    assert film.timing.rate == (None if video in parts else Fraction(24000, 1001))
    frames = list(read_frames(film))
    assert not any(map(is_combed, grey(pixels for _, pixels in frames)))
    steps = [(b[0] - a[0]) / NTSC for a, b in itertools.pairwise(frames)]
    count = 28 * (len(parts) - (video in parts))
    assert len(frames) in range(count + 30 * (video in parts) - 1, count + 30 * (video in parts) + 1)
    assert set(steps[: count - 1]) == {Fraction(5, 2)} and set(steps[count + 1 :]) <= {Fraction(2)}
    moved = [np.abs(a[1].astype(int) - b[1]).mean() for a, b in itertools.pairwise(frames)]
    assert min(moved) > 0.3 * np.median(moved)  # none comes twice


def test_new_frames_of_soft_telecine_move_evenly(tmp_path):
    """At 59.94 frames a second, each is 0.4 drawings after the one before; after a cut to video, 0.5."""
    film = open_film(mux(tmp_path / "soft.mkv", [draw(k) for k in range(30)], [3, 2] * 9 + [2] * 12))
    judged = (FilmFrame(time, pixels, cut=k == 18, number=k) for k, (time, pixels) in enumerate(read_frames(film)))
    clock = Clock(film.timing.usual, 1 / NTSC, film.timing.usual / NTSC)
    shown = [
        each.first.number + (0 if each.last is None else each.t * (each.last.number - each.first.number))
        for each in expose(judged, clock, film.timing.end)
    ]
    steps = [round(b - a, 6) for a, b in itertools.pairwise(shown)]
    assert steps[:42] == [0.4] * 42 and steps[45:-1] == [0.5] * (len(steps) - 46)
    # the last drawing before the cut stands until then
    assert steps[42:45] == [0.2, 0, 1]


def test_a_job_knows_the_fields_of_its_film(tmp_path, monkeypatch):
    """A segment that is decoded from the film's middle is the same as when the film is drawn in one go."""
    monkeypatch.setattr(segmenting, "SEGMENT", 12)
    path = mux(tmp_path / "soft.mkv", [draw(k) for k in range(130)], [3, 2] * 20 + [2] * 89)
    config = InterpolateFilmConfig(path, tmp_path / "out.mkv", engine="blend")
    interpolate_film(replace(config, output=tmp_path / "whole.mkv"))
    plan_job(config, tmp_path / "job")
    plan = read_plan(tmp_path / "job" / "plan.json")
    assert plan.timing is not None and plan.timing.field == NTSC and plan.timing.rate is None
    for numbers in (str(len(plan.segments) - 1), None):
        draw_job(DrawConfig(tmp_path / "job", *([] if numbers is None else [numbers])))
    join_job(JoinConfig(tmp_path / "job"))
    assert (tmp_path / "out.mkv").read_bytes() == (tmp_path / "whole.mkv").read_bytes()
