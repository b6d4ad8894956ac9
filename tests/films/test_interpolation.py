"""Whole films: `animi interpolate film.mp4`, with real films drawn here, and ffmpeg to look at what came out."""

import json
import os
import random
import re
import signal
import subprocess
import sys
import time
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import imageio_ffmpeg
import numpy as np
import pytest

from animi.core.config.choices import STREAM
from animi.core.errors import InputError
from animi.core.media.film_source import open_film

FFMPEG = imageio_ffmpeg.get_ffmpeg_exe()
COMMAND = (sys.executable, "-c", "from animi.cli.main import run; run()", "interpolate")
# the same, with segments so short that a small film has many
SHORT = (
    sys.executable,
    "-c",
    "from animi.core.films import segmenting; segmenting.SEGMENT = 12; from animi.cli.main import run; run()",
    "interpolate",
)
WIDTH, HEIGHT = 64, 48


def ffmpeg(*words, data=None):
    command = [FFMPEG, "-v", "error", "-y", *map(str, words)]
    return subprocess.run(command, input=data, check=True, capture_output=True).stdout


def describe(path):
    return subprocess.run([FFMPEG, "-hide_banner", "-i", path], capture_output=True, text=True).stderr


def packets(path, stream):
    """(pts, duration, checksum) of each packet of a stream, by time."""
    lines = ffmpeg("-i", path, "-map", f"0:{stream}", "-c", "copy", "-f", "framecrc", "-").decode().splitlines()
    cells = [line.split(",") for line in lines if not line.startswith("#")]
    return sorted((int(c[2]), int(c[3]), c[5].strip()) for c in cells)


def times(path):
    """When the frames of a film are shown, in seconds."""
    said = subprocess.run(
        [FFMPEG, "-i", path, "-map", "0:V", "-vf", "showinfo", "-fps_mode", "passthrough", "-f", "null", "-"],
        capture_output=True,
        text=True,
    ).stderr
    return [float(time) for time in re.findall(r"pts_time:(\S+)", said)]


def read(path, pixel_format="rgb24", size=(WIDTH, HEIGHT)):
    data = ffmpeg("-i", path, "-f", "rawvideo", "-pix_fmt", pixel_format, "-fps_mode", "passthrough", "-")
    return np.frombuffer(data, np.uint8).reshape(-1, size[1], size[0], 3)


def draw(number, size=(WIDTH, HEIGHT)):
    """A red block that walks 2 pixels a frame over stripes."""
    width, height = size
    frame = np.full((height, width, 3), (40, 90, 160), np.uint8)
    frame[:, ::8] = (200, 200, 60)
    frame[height // 3 : 2 * height // 3, 2 * number % width : 2 * number % width + 10] = (220, 30, 30)
    return frame


def make_film(path, count=24, fps="24", drawing=draw, words=("-c:v", "libx264", "-pix_fmt", "yuv420p", "-bf", "2")):
    """A film of `count` drawings."""
    frames = [drawing(k) for k in range(count)]
    height, width = frames[0].shape[:2]
    source = ("-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{width}x{height}", "-r", fps, "-i", "-")
    ffmpeg(*source, *words, path, data=b"".join(frame.tobytes() for frame in frames))
    return path


@pytest.fixture(scope="module")
def silent(tmp_path_factory):
    return make_film(tmp_path_factory.mktemp("films") / "silent.mp4")


@pytest.fixture(scope="module")
def sounding(tmp_path_factory, silent):
    """A second of film with a tone, a subtitle, chapters and a title."""
    folder = silent.parent
    (folder / "words.srt").write_text("1\n00:00:00,200 --> 00:00:00,800\nHello\n")
    (folder / "chapters").write_text(
        ";FFMETADATA1\ntitle=A block\n[CHAPTER]\nTIMEBASE=1/1000\nSTART=0\nEND=500\ntitle=First\n"
    )
    path = folder / "sounding.mkv"
    ffmpeg(
        *("-i", silent, "-f", "lavfi", "-i", "sine=d=1", "-i", folder / "words.srt", "-i", folder / "chapters"),
        *(
            "-map",
            "0",
            "-map",
            "1",
            "-map",
            "2",
            "-map_metadata",
            "3",
            "-c:v",
            "copy",
            "-c:a",
            "aac",
            "-c:s",
            "srt",
            path,
        ),
    )
    return path


def told(result):
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


# How many frames, and when


@pytest.mark.parametrize(
    ("words", "count", "rate"),
    [((), 48, 48), (("--factor", "2.5"), 60, 60), (("--factor", "1/2"), 12, 12), (("--fps", "60000/1001"), 60, None)],
)
def test_the_number_of_frames_and_the_length_are_exact(animi, silent, tmp_path, words, count, rate):
    out = tmp_path / "out.mp4"
    found = told(animi("interpolate", silent, "-o", out, "--engine", "blend", *words, "--json"))
    rate = Fraction(60000, 1001) if rate is None else Fraction(rate)
    assert (found["frames"], found["seconds"], Fraction(found["fps"])) == (count, 1.0, rate)
    assert times(out) == pytest.approx([float(k / rate) for k in range(count)], abs=1e-5)
    shown = packets(out, "V")
    tick = Fraction(
        1, int(re.search(r"#tb 0: 1/(\d+)", ffmpeg("-i", out, "-c", "copy", "-f", "framecrc", "-").decode())[1])
    )
    assert shown[1][0] * tick == 1 / rate  # exactly
    assert not list(tmp_path.glob(".*"))


def test_a_varying_rate_keeps_its_times(animi, silent, tmp_path):
    film = tmp_path / "varying.mp4"
    spread = "settb=1/1000,setpts='if(lt(N,8),N*40,320+(N-8)*100)'"
    ffmpeg("-i", silent, "-vf", spread, "-fps_mode", "passthrough", "-enc_time_base", "1/1000", film)
    old = times(film)
    out = tmp_path / "out.mp4"
    found = told(animi("interpolate", film, "-o", out, "--engine", "blend", "--json"))
    new = times(out)
    assert found["fps"] is None and len(new) == 48
    assert new[::2] == pytest.approx(old, abs=2e-6)
    assert new[1:-1:2] == pytest.approx([(a + b) / 2 for a, b in pairwise(old)], abs=2e-6)
    assert found["seconds"] == pytest.approx(old[-1] + 0.1)
    # at a constant rate, each frame stands where it belongs: where the old film has one then, it is the film's own
    told(animi("interpolate", film, "-o", tmp_path / "even.mkv", "--fps", 25, "--codec", "ffv1", "--json"))
    even, frames = read(tmp_path / "even.mkv"), read(film)
    own = next(k for k, at in enumerate(old) if abs(at - 1.12) < 1e-3)
    off = [np.abs(even[28].astype(int) - frames[k]).mean() for k in (own, own - 1)]
    assert off[0] < 2 < off[1]
    rejection = animi("interpolate", film, "-o", "-")
    assert rejection.exit_code == 2 and "--fps: " in rejection.stderr


@pytest.mark.parametrize("suffix", [".mkv", ".mp4"])
def test_sound_subtitles_chapters_and_title_are_copied(animi, sounding, tmp_path, suffix):
    out = tmp_path / f"out{suffix}"
    found = told(animi("interpolate", sounding, "-o", out, "--engine", "blend", "--json"))
    assert [c for _, _, c in packets(out, "a")] == [c for _, _, c in packets(sounding, "a")]
    said = describe(out)
    assert re.search(r"title\s*: A block", said) and re.search(r"title\s*: First", said)
    kind = "subrip" if suffix == ".mkv" else "mov_text"
    assert re.search(rf"Subtitle: {kind}", said), said
    assert bool(found["notes"]) == (suffix == ".mp4")  # a subtitle that is written in another form is told
    assert "Hello" in ffmpeg("-i", out, "-map", "0:s", "-f", "srt", "-").decode()


def test_a_range_is_cut_out_with_its_sound(animi, sounding, tmp_path):
    out = tmp_path / "out.mkv"
    found = told(animi("interpolate", sounding, "-o", out, "--range", "0.25-0:00:00.75", "--engine", "blend", "--json"))
    assert (found["frames"], found["seconds"]) == (24, 0.5)
    assert times(out)[0] == pytest.approx(0, abs=2e-3)
    sound = packets(out, "a")
    assert -30 <= sound[0][0] <= 30 and 440 <= sound[-1][0] <= 510  # in packets of 23 ms
    assert {c for _, _, c in sound} < {c for _, _, c in packets(sounding, "a")}
    assert np.abs(read(out)[::2].astype(int) - read(sounding)[6:18]).mean() < 6


def test_a_preview_is_short(animi, silent, tmp_path):
    found = told(
        animi("interpolate", silent, "-o", tmp_path / "o.mp4", "--preview", "0.5s", "--range", "0.25-", "--json")
    )
    assert (found["frames"], found["seconds"]) == (24, 0.5)


# Colours and form


@pytest.mark.parametrize("matrix", ["bt709", "smpte170m"])
@pytest.mark.parametrize("full", [False, True])
def test_colours_are_kept_and_do_not_flicker(animi, tmp_path, matrix, full):
    """Flat tiles of colour behind a block that walks: they are the same in old, real and new frames."""

    def tiles(number):
        colours = np.random.default_rng(3).integers(0, 256, (2, 3, 3)).astype(np.uint8)
        frame = colours.repeat(32, 0).repeat(32, 1)
        frame[:, 2 * number : 2 * number + 6] = (250, 250, 30)
        return frame

    film, out = tmp_path / "film.mkv", tmp_path / "out.mp4"
    tv = "pc" if full else "tv"
    tags = f"range={tv}:colorspace={matrix}:color_primaries={matrix}:color_trc={matrix}"
    scale = f"scale=in_range=full:out_range={'full' if full else 'limited'}:out_color_matrix={matrix}"
    words = ("-vf", f"{scale},format=yuv420p,setparams={tags}", "-c:v", "libx264", "-qp", "0")
    make_film(film, 8, drawing=tiles, words=words)
    told(animi("interpolate", film, "-o", out, "--json"))
    line = re.search(r"Video: .*", describe(out))[0]
    assert re.search(rf"{tv}, {matrix}[,)]", line), line
    old, new = (read(path, size=(96, 64)).astype(int) for path in (film, out))
    assert len(new) == 2 * len(old)
    flat = np.s_[:, [8, 56], 72:88]  # where the block never comes
    assert np.abs(new[0::2][flat] - old[flat]).max() <= 2
    assert np.abs(new[1::2][flat] - old[flat]).max() <= 2
    assert np.abs(new[1::2][flat] - new[0::2][flat]).max() <= 1


@pytest.mark.parametrize("turn", [90, 180])
def test_a_phones_rotation_is_honoured(animi, silent, tmp_path, turn):
    film, out = tmp_path / "turned.mp4", tmp_path / "out.mp4"
    ffmpeg("-display_rotation", turn, "-i", silent, "-c", "copy", film)
    found = told(animi("interpolate", film, "-o", out, "--engine", "blend", "--json"))
    size = (HEIGHT, WIDTH) if turn == 90 else (WIDTH, HEIGHT)
    assert (found["width"], found["height"]) == size and "rotation of" not in describe(out)
    assert np.abs(read(out, size=size)[0].astype(int) - read(film, size=size)[0]).mean() < 6


def test_odd_sides(animi, tmp_path):
    film = make_film(
        tmp_path / "odd.mkv",
        6,
        drawing=lambda k: draw(k, (35, 27)),
        words=("-c:v", "ffv1", "-pix_fmt", "yuv444p"),
    )
    found = told(animi("interpolate", film, "-o", tmp_path / "out.webm", "--json"))  # which keeps them
    assert (found["width"], found["height"]) == (35, 27) and not found["notes"]
    ffmpeg("-i", film, "-pix_fmt", "yuv420p", "-c:v", "libvpx-vp9", tmp_path / "odd.webm")
    found = told(animi("interpolate", tmp_path / "odd.webm", "-o", tmp_path / "out.mp4", "--json"))
    assert (found["width"], found["height"]) == (36, 28) and "even" in found["notes"][0]
    assert len(read(tmp_path / "out.mp4", size=(36, 28))) == 12


def test_ten_bits_and_wide_colours_stay(animi, tmp_path):
    tags = "setparams=range=tv:colorspace=bt2020nc:color_primaries=bt2020:color_trc=smpte2084"
    film = make_film(
        tmp_path / "deep.mkv", 6, words=("-vf", f"format=yuv420p10le,{tags}", "-c:v", "ffv1", "-strict", "-2")
    )
    told(animi("interpolate", film, "-o", tmp_path / "out.mkv", "--json"))
    assert re.search(r"hevc.*yuv420p10le\(tv, bt2020nc/bt2020/smpte2084", describe(tmp_path / "out.mkv"))
    told(animi("interpolate", film, "-o", tmp_path / "exact.mkv", "--codec", "ffv1", "--json"))
    old, new = (
        np.frombuffer(ffmpeg("-i", path, "-f", "rawvideo", "-pix_fmt", "yuv420p10le", "-"), "<u2").reshape(
            -1, WIDTH * HEIGHT * 3 // 2
        )
        for path in (film, tmp_path / "exact.mkv")
    )
    assert np.abs(new[::2, : WIDTH * HEIGHT].astype(int) - old[:, : WIDTH * HEIGHT]).max() <= 1


def test_mastering_data_is_said_to_be_left_out(animi, tmp_path):
    light = "G(13250,34500)B(7500,3000)R(34000,16000)WP(15635,16450)L(10000000,1)"
    for name, words in (("bright.mp4", ("-x265-params", f"master-display={light}:max-cll=1000,400")), ("dim.mp4", ())):
        film = make_film(tmp_path / name, 6, words=("-pix_fmt", "yuv420p10le", "-c:v", "libx265", *words))
        notes = told(animi("interpolate", film, "-o", tmp_path / f"out-{name}", "--json"))["notes"]
        assert [note.split(" is ")[0] for note in notes] == [f"{film}: its HDR10 mastering data"] * bool(words)


@pytest.mark.parametrize(("codec", "suffix"), [("hevc", ".mp4"), ("vp9", ".mkv"), ("av1", ".mp4"), ("prores", ".mov")])
def test_codecs(animi, silent, tmp_path, codec, suffix):
    out = tmp_path / f"out{suffix}"
    crf = () if codec == "prores" else ("--crf", 20)
    told(
        animi(
            "interpolate", silent, "-o", out, "--preview", "0.25", "--codec", codec, *crf, "--engine", "blend", "--json"
        )
    )
    assert re.search(rf"Video: {codec}", describe(out)) and len(times(out)) == 12
    assert np.abs(read(out)[::2].astype(int) - read(silent)[:6]).mean() < 8


def test_a_cut_is_held_and_a_held_drawing_is_not(animi, tmp_path):
    def scene(number):
        if number < 12:
            return draw(number // 2 * 2)  # on twos
        return np.roll(draw(3 * number)[::-1, :, ::-1], 7, 0) // 2 + 100

    film = make_film(tmp_path / "cut.mkv", 24, drawing=scene, words=("-c:v", "ffv1", "-pix_fmt", "yuv444p"))
    words = ("--codec", "ffv1", "--engine", "blend", "--json")
    told(animi("interpolate", film, "-o", tmp_path / "out.mkv", *words))
    old, new = (read(path).astype(int) for path in (film, tmp_path / "out.mkv"))
    assert np.abs(new[23] - old[11]).max() <= 2 and np.abs(new[24] - old[12]).max() <= 2
    assert all(np.abs(new[k] - new[k - 1]).max() > 20 for k in range(1, 20))  # smooth: each has a drawing of its own
    told(animi("interpolate", film, "-o", tmp_path / "kept.mkv", "--cadence", "keep", *words))
    kept = read(tmp_path / "kept.mkv").astype(int)
    changes = [k for k in range(1, 20) if np.abs(kept[k] - kept[k - 1]).max() > 20]
    assert changes == list(range(2, 20, 2))  # on twos still


# Killed, interrupted, resumed


def start(command, *words, **more):
    return subprocess.Popen([*command, *map(str, words)], stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, **more)


@pytest.fixture(scope="module")
def long_film(tmp_path_factory):
    """Four seconds with a tone."""
    film = tmp_path_factory.mktemp("long") / "film.mp4"
    make_film(film.with_name("silent.mp4"), 96)
    ffmpeg("-i", film.with_name("silent.mp4"), "-f", "lavfi", "-i", "sine=d=4", "-c:v", "copy", "-c:a", "aac", film)
    return film


def test_what_was_killed_goes_on_and_ends_with_the_same_bytes(long_film, tmp_path):
    whole, out = tmp_path / "whole.mp4", tmp_path / "out.mp4"
    words = ("--engine", "blend")
    assert start(SHORT, long_film, "-o", whole, *words).wait() == 0
    folder = tmp_path / ".out.mp4.animi"
    chance = random.Random(5)
    kills = 0
    for _ in range(12):
        process = start(SHORT, long_film, "-o", out, *words, "--resume")
        before = len(list(folder.glob("*.segment")))
        wanted = before + chance.randint(1, 6)
        while process.poll() is None and len(list(folder.glob("*.segment"))) < wanted:
            time.sleep(0.02)
        time.sleep(chance.uniform(0, 0.15))
        if process.poll() is None:
            kills += 1
            os.kill(process.pid, signal.SIGKILL)
        process.communicate()
        if out.exists():
            break
        assert list(tmp_path.glob("*.mp4")) == [whole]
    assert kills >= 2
    assert start(SHORT, long_film, "-o", out, *words, "--resume").wait() == 0 or out.exists()
    assert out.read_bytes() == whole.read_bytes()
    assert not folder.exists()


def test_ctrl_c_keeps_what_is_done(long_film, tmp_path, animi):
    out, folder = tmp_path / "out.mp4", tmp_path / ".out.mp4.animi"
    process = start(SHORT, long_film, "-o", out, "--engine", "blend")
    while process.poll() is None and not list(folder.glob("*.segment")):
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    said = process.communicate()[1].decode()
    assert process.returncode == 130 and "--resume" in said and "Traceback" not in said
    assert not out.exists() and not list(folder.glob("*.part"))
    kept = {path.name: path.stat().st_mtime_ns for path in folder.glob("*.segment")}
    # nothing is thrown away unasked, nor mixed with what was made otherwise
    for more, found in (((), "add --resume"), (("--resume", "--fps", "50"), "with another fps")):
        result = animi("interpolate", long_film, "-o", out, "--engine", "blend", *more)
        assert result.exit_code == 1 and found in result.stderr and result.stderr.count("\n") == 1
    assert {path.name: path.stat().st_mtime_ns for path in folder.glob("*.segment")} == kept
    assert start(SHORT, long_film, "-o", out, "--engine", "blend", "--overwrite").wait() == 0
    assert out.exists() and not folder.exists()
    result = animi("interpolate", long_film, "-o", out, "--engine", "blend", "--resume")
    assert result.exit_code == 1 and "there is nothing to resume" in result.stderr and result.stderr.count("\n") == 1


# Pipelines


@pytest.mark.parametrize(
    ("head", "fault"),
    [
        ("YUV4MPEG2 W24 H99999999999 F24:1", "-: is of 24 x 99999999999 pixels"),
        ("YUV4MPEG2 W24 H24 F0:1", "-: the y4m video states no frame rate"),
        (f"YUV4MPEG2 W24 H24 F{'9' * 400}:1", "-: the y4m video states no frame rate"),
        ("YUV4MPEG2 W24", "-: standard input holds no y4m video"),
        ("", "-: standard input holds nothing"),
    ],
)
def test_a_stream_that_cannot_be_is_rejected(tmp_path, monkeypatch, head, fault):
    (tmp_path / "stream").write_text(head and f"{head}\n")
    with (tmp_path / "stream").open() as stream:
        monkeypatch.setattr("sys.stdin", stream)
        with pytest.raises(InputError, match=fault):
            open_film(STREAM)


def test_y4m_flows_through(silent, tmp_path):
    source = subprocess.Popen([FFMPEG, "-v", "error", "-i", silent, "-f", "yuv4mpegpipe", "-"], stdout=subprocess.PIPE)
    done = subprocess.run(
        [*COMMAND, "-", "-o", "-", "--factor", "2", "--engine", "blend"], stdin=source.stdout, capture_output=True
    )
    source.wait()
    assert done.returncode == 0 and done.stderr == b"" and done.stdout.startswith(b"YUV4MPEG2 ")
    (tmp_path / "out.y4m").write_bytes(done.stdout)
    assert times(tmp_path / "out.y4m") == pytest.approx([k / 48 for k in range(48)], abs=1e-3)
    assert np.abs(read(tmp_path / "out.y4m")[::2].astype(int) - read(silent)).mean() < 2


def test_a_closed_pipe_ends_it_quietly(long_film):
    process = subprocess.Popen(
        [*COMMAND, long_film, "-o", "-", "--engine", "blend"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.stdout.read(100_000)
    process.stdout.close()
    said = process.stderr.read()
    assert (process.wait(), said) == (0, b"")


@pytest.mark.parametrize("data", [b"", b"no film at all", b"YUV4MPEG2 W0 H0 F1:1\n", b"YUV4MPEG2 W8 H8\nFRAME\n"])
def test_a_stream_that_is_none(tmp_path, data):
    done = subprocess.run([*COMMAND, "-", "-o", tmp_path / "out.mp4"], input=data, capture_output=True)
    assert done.returncode == 1 and done.stderr.startswith(b"animi: -: ") and done.stderr.count(b"\n") == 1
    assert not list(tmp_path.iterdir())


# Rejected


def reject(result, code, *found):
    assert (result.exit_code, result.stdout) == (code, ""), result.output
    assert result.stderr.startswith("animi: ") and result.stderr.count("\n") == 1, result.stderr
    for part in found:
        assert part in result.stderr, result.stderr


@pytest.mark.parametrize(
    ("words", "found"),
    [
        (("-n", "5"), "-n: is for key frames"),
        (("--spacing", "linear"), "--spacing: is for key frames"),
        (("--factor", "0"), "--factor: 0 is out of range"),
        (("--factor", "fast"), "--factor: 'fast' is no rate"),
        (("--factor", "2", "--fps", "60"), "--factor: cannot be given together with --fps"),
        (("--factor", "100"), "--factor: makes 2400 frames a second"),
        (("--cadence", "slow"), "--cadence: 'slow' is not known"),
        (("--range", "5"), "--range: '5' cannot be read"),
        (("--range", "20-10"), "--range: must end after it begins"),
        (("--range", "100-"), "--range: begins at 100 s"),
        (("--preview", "0"), "--preview: 0 is out of range"),
        (("--codec", "mpeg9"), "--codec: 'mpeg9' is not known"),
        (("--codec", "prores"), "--codec: prores does not go into .mp4"),
        (("--crf", "52"), "--crf: 52 is out of range for h264"),
        (("--engine", "magic"), "--engine: 'magic' is not known"),
    ],
)
def test_an_option_that_cannot_be_used(animi, silent, tmp_path, words, found):
    reject(animi("interpolate", silent, "-o", tmp_path / "out.mp4", *words), 2, found)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["out.gif", "out.mp4"])
def test_a_range_between_two_frames_is_rejected_for_every_kind_of_output(animi, silent, tmp_path, name):
    result = animi("interpolate", silent, "-o", tmp_path / name, "--engine", "blend", "--range", "0.92-0.93")
    reject(result, 1, "silent.mp4: has no frame within --range; give a longer one")
    assert not list(tmp_path.iterdir())


def test_options_of_films_are_rejected_for_key_frames(animi, key_frames, tmp_path):
    for words in (("--factor", "2"), ("--cadence", "keep"), ("--range", "1-2"), ("--resume",)):
        reject(animi("interpolate", *key_frames, "-o", tmp_path / "out.mp4", *words), 2, f"{words[0]}: is for films")


def test_what_is_no_film(animi, silent, key_frames, tmp_path):
    out = tmp_path / "out.mp4"
    reject(animi("interpolate", silent, silent, "-o", out), 1, "one film at a time")
    reject(animi("interpolate", key_frames[0], silent, "-o", out), 1, "one film at a time")
    reject(animi("interpolate", "-", silent, "-o", out), 2, "must be given alone")
    reject(animi("interpolate", tmp_path / "none.mp4", "-o", out), 1, "there is no such file")
    reject(animi("interpolate", key_frames[0], "-o", out), 1, "two key frames or more are needed")
    (tmp_path / "empty.mp4").touch()
    reject(animi("interpolate", tmp_path / "empty.mp4", "-o", out), 1, "empty.mp4", "holds no video")
    (tmp_path / "cut.mp4").write_bytes(silent.read_bytes()[:900])
    reject(animi("interpolate", tmp_path / "cut.mp4", "-o", out), 1, "cut.mp4")
    ffmpeg("-f", "lavfi", "-i", "sine=d=1", tmp_path / "sound.m4a")
    reject(animi("interpolate", tmp_path / "sound.m4a", "-o", out), 1, "sound.m4a", "holds sound and no picture")
    make_film(tmp_path / "still.mp4", 1)
    reject(animi("interpolate", tmp_path / "still.mp4", "-o", out), 1, "still.mp4", "one frame only")
    assert not out.exists()


def test_places_that_cannot_be_written(animi, silent, sounding, tmp_path):
    taken = tmp_path / "taken.mp4"
    taken.write_bytes(b"mine")
    reject(animi("interpolate", silent, "-o", taken), 1, "exists already")
    assert taken.read_bytes() == b"mine"
    reject(animi("interpolate", silent, "-o", silent, "--overwrite"), 1, "is the film itself")
    reject(animi("interpolate", silent, "-o", tmp_path / "nowhere" / "out.mp4"), 1, "does not exist")
    reject(animi("interpolate", silent, "-o", tmp_path / "out.xyz"), 1, "suffix")
    reject(
        animi("interpolate", sounding, "-o", tmp_path / "out.webm"), 1, "cannot hold the film's audio 1 (aac)", ".mkv"
    )
    assert [path.name for path in tmp_path.iterdir()] == ["taken.mp4"]
    told(animi("interpolate", silent, "-o", taken, "--overwrite", "--preview", "0.2", "--json"))
    assert len(times(taken)) == 10


def test_films_become_animations_and_animations_are_films(animi, silent, tmp_path):
    gif, webp = tmp_path / "a.gif", tmp_path / "b.webp"
    found = told(animi("interpolate", silent, "-o", gif, "--fps", "10", "--json"))
    assert (found["frames"], found["seconds"]) == (10, 1.0)
    found = told(animi("interpolate", gif, "-o", webp, "--json"))
    assert (found["frames"], found["fps"]) == (20, "20")
    found = told(animi("interpolate", webp, "-o", tmp_path / "c.mp4", "--json"))
    assert (found["frames"], found["fps"]) == (40, "40")
    reject(animi("interpolate", silent, "-o", gif, "--overwrite", "--codec", "h264"), 2, "--codec: is for films")


def test_damage_is_held_over_and_told(animi, tmp_path):
    film = make_film(tmp_path / "film.ts", 96, words=("-c:v", "libx264", "-g", "12", "-f", "mpegts"))
    data = bytearray(film.read_bytes())
    middle = len(data) // 2
    data[middle : middle + len(data) // 10] = os.urandom(len(data) // 10)
    Path(film).write_bytes(data)
    found = told(animi("interpolate", film, "-o", tmp_path / "out.mp4", "--engine", "blend", "--json"))
    assert found["seconds"] == pytest.approx(4, abs=0.1) and len(times(tmp_path / "out.mp4")) == found["frames"]
