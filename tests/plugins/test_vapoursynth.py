"""The VapourSynth plugin, in VapourSynth: `make test-vapoursynth` runs this with a Python that it has a wheel for."""

import importlib.util
import subprocess
import sys
from fractions import Fraction
from pathlib import Path
from runpy import run_path

import cv2
import numpy as np
import pytest

vs = pytest.importorskip("vapoursynth", reason="VapourSynth is not installed: make test-vapoursynth")
sys.path.insert(0, str(Path(__file__).parents[2] / "plugins/vapoursynth"))
import animi_vs  # noqa: E402

core = vs.core
SHOTS = run_path(str(Path(__file__).parents[1] / "films/two_shots.py"))
WIDTH, HEIGHT = SHOTS["WIDTH"], SHOTS["HEIGHT"]
scene, write_film = SHOTS["scene"], SHOTS["write_film"]
LEARNT = any(importlib.util.find_spec(name) for name in ("torch", "onnxruntime"))


def draw_film():
    """On twos, a cut at 12, and then on ones."""
    return [scene(16 + 4 * (k // 2)) for k in range(12)] + [scene(24 + 3 * k, 1) for k in range(12)]


def make_clip(frames, form=vs.RGB24, fps=Fraction(24), props=lambda n: {}):
    """A clip of arrays."""
    length, blank = len(frames), core.std.BlankClip(format=form, width=WIDTH, height=HEIGHT, length=len(frames))
    blank = blank.std.AssumeFPS(fpsnum=fps.numerator, fpsden=fps.denominator)
    assert len(blank) == length

    def give(n, f):
        made = f.copy()
        for plane in range(3):
            np.asarray(made[plane])[...] = frames[n][..., plane]
        made.props.update(props(n))
        return made

    return blank.std.ModifyFrame(blank, give)


def read(clip, n):
    with clip.get_frame(n) as frame:
        return np.stack([np.asarray(frame[plane]) for plane in range(3)], 2), dict(frame.props)


def by_command(tmp_path, frames, *words):
    film = write_film(tmp_path / "film.mkv", frames)
    command = (sys.executable, "-c", "from animi.cli.main import run; run()", "interpolate", film, "-o", "out")
    subprocess.run([*command, *words], check=True, cwd=tmp_path)
    paths = sorted((tmp_path / "out").iterdir())
    return [cv2.imread(str(path))[..., ::-1] for path in paths]


@pytest.mark.parametrize(
    "engine", ["flow", pytest.param("motion", marks=pytest.mark.skipif(not LEARNT, reason="without torch"))]
)
@pytest.mark.parametrize("threads", [1, 3])
def test_frames_are_those_of_the_command(tmp_path, engine, threads):
    frames = draw_film()
    wanted = by_command(tmp_path, frames, "--engine", engine)
    core.num_threads = threads
    clip = animi_vs.interpolate(make_clip(frames), engine=engine)
    assert len(clip) == len(wanted) == 48 and clip.fps == 48 and clip.format.id == vs.RGB24
    for n in (30, 47, *range(48)):  # some out of order first
        assert np.array_equal(read(clip, n)[0], wanted[n]), n
    for n, frame in enumerate(clip.frames()):  # and several asked for at once
        assert np.array_equal(np.stack([np.asarray(frame[p]) for p in range(3)], 2), wanted[n]), n


@pytest.mark.parametrize(
    ("words", "settings", "count", "fps"),
    [
        (("--factor", "5/2", "--cadence", "keep"), {"factor_num": 5, "factor_den": 2, "cadence": "keep"}, 60, 60),
        (("--fps", "60000/1001"), {"fps_num": 60000, "fps_den": 1001}, 60, Fraction(60000, 1001)),
    ],
)
def test_rates_and_cadence(tmp_path, words, settings, count, fps):
    wanted = by_command(tmp_path, draw_film(), "--engine", "blend", *words)
    clip = animi_vs.interpolate(make_clip(draw_film()), engine="blend", **settings)
    assert clip.fps == fps and len(clip) == len(wanted) == count
    for n in range(len(clip)):
        pixels, props = read(clip, n)
        assert np.array_equal(pixels, wanted[n])
        assert Fraction(props["_DurationNum"], props["_DurationDen"]) == 1 / Fraction(fps)


@pytest.mark.parametrize(("form", "dtype"), [(vs.RGBS, np.float32), (vs.RGBH, np.float16), (vs.RGB48, np.uint16)])
def test_formats(form, dtype):
    eight = draw_film()
    whole = dtype == np.uint16
    frames = [frame.astype(np.uint16) * 257 if whole else (frame / np.float32(255)).astype(dtype) for frame in eight]
    if not whole:
        for frame in frames:
            frame[0, 0] = (1.5, -0.25, 0.5)  # brighter than white: the clip's own frames keep that
    clip = animi_vs.interpolate(make_clip(frames, form), engine="flow")
    plain = animi_vs.interpolate(make_clip(eight), engine="flow")
    assert clip.format.id == form
    for n in range(len(clip)):
        pixels, _ = read(clip, n)
        assert pixels.dtype == dtype
        full = 65535 if whole else 1
        off = np.abs(pixels[1:].astype(np.float64) / full - read(plain, n)[0][1:] / 255) * 255
        assert off.max() < 8 and off.mean() < 0.1  # rounded to 8 bits before the seam is searched, or not
    assert np.array_equal(read(clip, 0)[0], frames[0])
    assert np.array_equal(read(clip, 46)[0], frames[23])


def test_scene_changes_that_frames_say_are_honoured():
    frames = draw_film()
    clip = make_clip(frames, props=lambda n: {"_SceneChangeNext": int(n == 5), "_SceneChangePrev": int(n == 6)})
    out = animi_vs.interpolate(clip, engine="blend")
    props = [read(out, n)[1] for n in range(48)]
    assert [n for n in range(48) if props[n]["_SceneChangeNext"]] == [11]
    assert [n for n in range(48) if props[n]["_SceneChangePrev"]] == [12]
    for n in (10, 11):  # held up to the change
        assert np.array_equal(read(out, n)[0], frames[5])
    assert not np.array_equal(read(out, 23)[0], frames[11])  # and drawn across what they do not say is one
    found = animi_vs.interpolate(clip, engine="blend", sc_threshold=0.42)
    assert [n for n in range(48) if read(found, n)[1]["_SceneChangeNext"]] == [23]
    without = animi_vs.interpolate(clip, engine="blend", sc=False)
    assert not np.array_equal(read(without, 11)[0], frames[5]) and not np.array_equal(read(without, 23)[0], frames[11])


def test_a_varying_rate_keeps_its_durations():
    frames = draw_film()[12:]
    clip = make_clip(frames, props=lambda n: {"_DurationNum": 1 + n % 2, "_DurationDen": 24})
    clip = core.std.BlankClip(clip, length=1).std.AssumeFPS(fpsnum=1) + clip  # another rate: it varies
    clip = clip[1:].std.SetFrameProps(Mark=1) if not clip.fps else clip
    assert not clip.fps
    out = animi_vs.interpolate(clip, engine="blend")
    assert len(out) == 24 and not out.fps
    durations = [Fraction(p["_DurationNum"], p["_DurationDen"]) for n in range(24) for p in [read(out, n)[1]]]
    assert durations == [Fraction(1 + n // 2 % 2, 48) for n in range(24)]
    assert read(out, 1)[1]["Mark"] == 1  # other properties are those of the frame before


def test_hints_lead():
    frames = [np.full((HEIGHT, WIDTH, 3), 235, np.uint8) for _ in range(3)]
    for frame, x in zip(frames, (4, 70, 72), strict=True):
        frame[20:36, x : x + 16] = (200, 30, 30)
    out = animi_vs.interpolate(make_clip(frames), engine="flow", sc=False, hints=["12,28>78,28"], on_failure="morph")
    middle = (read(out, 1)[0][28, :, 1] < 128).nonzero()[0]
    assert abs(float(middle.mean()) - 44.5) < 3 and 12 <= len(middle) <= 20


def test_one_after_the_other():
    """Four times as many in two steps, on one thread: each waits for the other's frames."""
    core.num_threads = 1
    twice = animi_vs.interpolate(animi_vs.interpolate(make_clip(draw_film()), engine="blend"), engine="blend")
    assert sum(1 for _ in twice.frames()) == 96


@pytest.mark.parametrize(
    ("clip", "settings", "message"),
    [
        (lambda: core.std.BlankClip(format=vs.YUV420P8, length=5), {}, r"YUV420P8; convert it first.*RGBS"),
        (lambda: core.std.BlankClip(format=vs.RGB24, length=1), {}, "two frames or more"),
        (lambda: core.std.BlankClip(format=vs.RGB24, length=5), {"engine": "magic"}, "motion, flow, blend"),
        (lambda: core.std.BlankClip(format=vs.RGB24, length=5), {"cadence": "odd"}, "choose one of smooth, keep"),
        (lambda: core.std.BlankClip(format=vs.RGB24, length=5), {"factor_den": 0}, "a denominator other than 0"),
        (lambda: core.std.BlankClip(format=vs.RGB24, length=5), {"sc": False, "sc_threshold": 0.3}, "needs sc=True"),
    ],
)
def test_errors_are_vapoursynths_and_in_words(clip, settings, message):
    with pytest.raises(vs.Error, match=f"animi_vs.interpolate: .*{message}"):
        animi_vs.interpolate(clip(), **{"engine": "blend"} | settings)
