"""`animi interpolate` as a person uses it: what it writes, what it says, what it rejects, and how it is stopped."""

import io
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from itertools import pairwise
from pathlib import Path

import imageio_ffmpeg
import numpy as np
import pytest
from PIL import Image, ImageSequence

from animi.core.config.interpolation import InterpolateConfig
from animi.core.config.parsing import read_rate, read_size
from animi.core.errors import ConfigError
from animi.core.media.frames import as_channels, to_uint8
from animi.core.media.image_files import read_image, write_png

LOSSLESS = ["out.webp", "out.png", "out.apng", "out"]
LOSSY = ["out.gif", "out.mp4", "out.mov", "out.webm"]
ANIMI = Path(sys.executable).with_name("animi")


def read_frames(path):
    """The frames of an output as RGBA, or as they are where it is a folder; a video's as RGB."""
    if path.is_dir():
        return [read_image(file) for file in sorted(path.glob("*.png"))]
    if path.suffix in {".mp4", ".mov", ".webm"}:
        reader = imageio_ffmpeg.read_frames(str(path))
        width, height = next(reader)["size"]
        return [np.frombuffer(frame, np.uint8).reshape(height, width, 3) for frame in reader]
    with Image.open(path) as image:
        return [np.array(frame.convert("RGBA")) for frame in ImageSequence.Iterator(image)]


def read_deep(path, width, height, channels):
    """The frames of an APNG of 16 bits a channel, which Pillow would cut down to 8."""
    layout = {1: "gray16le", 3: "rgb48le", 4: "rgba64le"}[channels]
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-i", path, "-f", "rawvideo", "-pix_fmt", layout, "-"]
    data = subprocess.run(command, capture_output=True, check=True).stdout
    return np.frombuffer(data, "<u2").reshape(-1, height, width, channels)


def save_pair(folder, size=(9, 7), channels=3, dtype=np.uint8, palette=False):
    """Two key frames of noise, a.png and b.png, and what they hold."""
    rng = np.random.default_rng(1)
    keys = [rng.integers(0, np.iinfo(dtype).max + 1, (size[1], size[0], channels)).astype(dtype) for _ in range(2)]
    for key, name in zip(keys, "ab", strict=True):
        if palette:
            picture = Image.fromarray(key).quantize(16)
            picture.save(folder / f"{name}.png")
        else:
            write_png(folder / f"{name}.png", key)
    paths = [folder / "a.png", folder / "b.png"]
    return paths, [read_image(path) for path in paths]


def standing(folder):
    """What a folder and all in it hold, to be compared afterwards."""
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()} | {
        path.relative_to(folder): None for path in folder.rglob("*") if path.is_dir()
    }


def rejected(result, code, *found):
    """Asserts that a run ended with `code`, one line on stderr with all of `found`, and nothing on stdout."""
    assert (result.exit_code, result.stdout) == (code, ""), result.output
    assert result.stderr.startswith("animi: ") and result.stderr.count("\n") == 1, result.stderr
    for part in found:
        assert part in result.stderr, result.stderr


# What it writes


@pytest.mark.parametrize("name", LOSSLESS)
@pytest.mark.parametrize("engine", ["flow", "blend"])
@pytest.mark.parametrize(
    ("channels", "dtype", "palette", "size"),
    [
        (1, np.uint8, False, (9, 7)),
        (3, np.uint8, False, (33, 21)),
        (4, np.uint8, False, (9, 7)),
        (3, np.uint8, True, (9, 7)),
        (1, np.uint16, False, (9, 7)),
        (3, np.uint16, False, (9, 7)),
        (4, np.uint16, False, (9, 7)),
        (3, np.uint8, False, (1, 1)),
        (4, np.uint8, False, (1, 300)),
        (3, np.uint8, False, (300, 1)),
    ],
)
def test_key_frames_come_back_pixel_for_pixel(animi, tmp_path, name, engine, channels, dtype, palette, size):
    paths, keys = save_pair(tmp_path, size, channels, dtype, palette)
    out = tmp_path / name
    result = animi("interpolate", *paths, "-n", 3, "--engine", engine, "-o", out)
    assert result.exit_code == 0, result.output
    deep = dtype == np.uint16 and out.suffix in {".png", ".apng"}
    frames = read_deep(out, *size, channels) if deep else read_frames(out)
    assert len(frames) == 3
    for frame, key in zip((frames[0], frames[-1]), keys, strict=True):
        assert np.array_equal(frame, key if out.is_dir() or deep else as_channels(to_uint8(key), 4))


@pytest.mark.parametrize("name", [*LOSSLESS, *LOSSY])
def test_a_static_pair_gives_its_colours_back(animi, tmp_path, name):
    key = np.full((24, 32, 3), (200, 120, 40), np.uint8)
    key[:, 16:] = (30, 60, 200)
    for letter in "ab":
        write_png(tmp_path / f"{letter}.png", key)
    out = tmp_path / name
    assert animi("interpolate", tmp_path / "a.png", tmp_path / "b.png", "-n", 4, "-o", out).exit_code == 0
    frames = read_frames(out)
    for frame in frames:
        gap = np.abs(frame[..., :3].astype(int) - key)
        gap[:, 12:20] = 0  # videos halve the colours' sharpness
        assert gap.max() <= 2
    assert len(frames) == 4
    if out.suffix in {".gif", ".webp", ".png", ".apng"}:
        with Image.open(out) as image:
            frames_of = (frame for frame in ImageSequence.Iterator(image) if frame.load())
            assert round(sum(frame.info["duration"] for frame in frames_of), -1) == 330


@pytest.mark.parametrize(
    ("how", "number"), [((), 7), (("--loop",), 9), (("--boomerang",), 12), (("--loop", "--boomerang"), 18)]
)
def test_a_folder_of_three_plays_as_asked(animi, tmp_path, draw_disc, how, number):
    folder = tmp_path / "keys"
    folder.mkdir()
    for k in (1, 2, 10):
        write_png(folder / f"{k}.png", draw_disc(10 + 2 * k, 16, (48, 32), 8))
    out = tmp_path / "out"
    result = animi("interpolate", folder, "-n", 4, *how, "-o", out, "--json")
    assert result.exit_code == 0, result.output
    told = json.loads(result.stdout)
    frames = read_frames(out)
    keys = [read_image(folder / f"{k}.png") for k in (1, 2, 10)]
    assert told["frames"] == len(frames) == number and told["key_frames"] == 3
    assert all(map(np.array_equal, frames[:7:3], keys))
    assert not any(np.array_equal(a, b) for a, b in pairwise(frames))
    assert not how or not np.array_equal(frames[-1], frames[0])


def test_json_tells_what_was_written(animi, key_frames, tmp_path):
    out = tmp_path / "out.mp4"
    result = animi(
        "interpolate", *key_frames, "-n", 5, "--fps", "24000/1001", "--size", "33x21", "--engine", "blend",
        "-o", out, "--json",
    )  # fmt: skip
    told = json.loads(result.stdout)
    assert result.stdout.count("\n") == 1
    (note,) = told.pop("notes")
    assert result.stderr == f"animi: {note}\n" and "padded" in note
    assert told == {
        "output": str(out), "key_frames": 2, "frames": 5, "width": 34, "height": 22, "seconds": 0.208542,
        "engine": "blend",
    }  # fmt: skip


def test_only_the_path_stands_on_stdout(animi, key_frames, tmp_path):
    out = tmp_path / "out.webp"
    result = animi("interpolate", *key_frames, "-n", 3, "-o", out)
    assert (result.exit_code, result.stdout, result.stderr) == (0, f"{out}\n", "")


def test_two_runs_write_the_same_bytes(animi, key_frames, tmp_path):
    outs = [tmp_path / f"{k}.gif" for k in range(2)]
    for out in outs:
        assert animi("interpolate", *key_frames, "-o", out).exit_code == 0
    assert outs[0].read_bytes() == outs[1].read_bytes()


def test_a_chart_holds_frames_and_wins_over_the_count(animi, key_frames, tmp_path):
    out = tmp_path / "out"
    assert animi("interpolate", *key_frames, "-n", 30, "--spacing", "0,0.5,0.5,1", "-o", out).exit_code == 0
    frames = read_frames(out)
    assert len(frames) == 4 and np.array_equal(frames[1], frames[2])


@pytest.mark.parametrize(
    ("text", "size"), [("24x10", (24, 10)), ("24X10", (24, 10)), ("24×10", (24, 10)), ("24", (24, 16)), ("1", (1, 1))]
)
def test_sizes(animi, key_frames, tmp_path, text, size):
    out = tmp_path / "out.png"
    result = animi("interpolate", *key_frames, "-n", 2, "--size", text, "-o", out, "--json")
    told = json.loads(result.stdout)
    assert (told["width"], told["height"]) == size == Image.open(out).size


def test_sizes_and_rates_as_text():
    assert read_size(" 640 x 360 ") == (640, 360) and read_size("16384") == (16384, None)
    assert read_rate("24000/1001", "--fps") * 1001 == 24000
    assert read_rate(" 23.976 ", "--fps") * 1000 == 23976
    assert read_rate("1/3", "--fps") * 3 == 1


@pytest.mark.parametrize(
    "name", ["日本語 ✨.png", "with space.png", "new\nline.png", "-dash.png", "out.GIF", "%d{0}.webp"]
)
def test_odd_names(animi, key_frames, tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    other = Path("in " + name.partition(".")[0] + ".png")
    other.write_bytes(key_frames[1].read_bytes())
    result = animi("interpolate", "-n", 3, "-o", name, "--", "a.png", other)
    assert result.exit_code == 0, result.output
    assert result.stdout == f"{name}\n"
    with Image.open(name) as image:
        assert image.n_frames == 3


def test_a_key_frame_whose_name_begins_with_a_dash(animi, key_frames, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    key_frames[0].rename("-a.png")
    assert animi("interpolate", "-o", "out.gif", "--", "-a.png", "b.png").exit_code == 0


# What it rejects


@pytest.mark.parametrize(
    ("words", "flag"),
    [
        (("-n", 1), "-n: 1 is out of range; give 2 to 100000 frames"),
        (("-n", -5), "-n: -5 is out of range"),
        (("-n", 10**9), "-n: 1000000000 is out of range"),
        (("--fps", 0), "--fps: 0 is out of range"),
        (("--fps", -3), "--fps: -3 is out of range"),
        (("--fps", 1001), "--fps: 1001 is out of range"),
        (("--fps", "fast"), "--fps: 'fast' is no rate"),
        (("--fps", "nan"), "--fps: 'nan' is no rate"),
        (("--fps", "1/0"), "--fps: '1/0' is no rate"),
        (("--fps", "1/"), "--fps: '1/' is no rate"),
        (("--fps", "1e999999999"), "--fps: '1e999999999' is no rate"),
        (("--spacing", "0,1e400,1"), "--spacing: '0,1e400,1' is not known"),
        (("--spacing", "0,0.7,0.6,1"), "--spacing: 0,0.7,0.6,1 must start with 0"),
        (("--spacing", "bouncy"), "--spacing: 'bouncy' is not known"),
        (("--size", "big"), "--size: 'big' cannot be read"),
        (("--size", "0"), "--size: 0 is out of range"),
        (("--size", "10x"), "--size: '10x' cannot be read"),
        (("--size", "1x2x3"), "--size: '1x2x3' cannot be read"),
        (("--size", "20000x5"), "--size: 20000x5 is out of range"),
        (("--engine", "magic"), "--engine: 'magic' is not known; choose one of motion, flow, blend"),
        (("--engine", "flow", "--checkpoint", "x"), "--engine: flow cannot draw together with --checkpoint"),
        (("--device", "gpu"), "--device: 'gpu' is not known; choose auto, cpu, cuda or mps"),
    ],
)
def test_an_option_that_cannot_be_used(animi, key_frames, tmp_path, words, flag):
    before = standing(tmp_path)
    rejected(animi("interpolate", *key_frames, *words, "-o", tmp_path / "out.gif"), 2, flag)
    assert standing(tmp_path) == before


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("interpolate",), "missing argument"),
        (("interpolate", "-o", "out.gif"), "missing argument"),
        (("interpolate", "a.png", "b.png"), "missing option '--output' / '-o'"),
        (("interpolate", "a.png", "-o", "x.gif", "-n", "x"), "invalid value for '--count' / '-n'"),
        (("interpolate", "a.png", "b.png", "-o", "x.gif", "--looop"), "--loop"),
        (("interpolate", "-a.png", "b.png", "-o", "x.gif"), "write ./-a…"),
        (("interpolat", "a.png"), "no such command 'interpolat'"),
        (("--bogus",), "no such option: --bogus"),
    ],
)
def test_wrong_usage(animi, words, said):
    result = animi(*words)
    rejected(result, 2, said, "; see ")


def test_settings_can_be_made_without_the_command():
    with pytest.raises(ConfigError, match=r"^--engine: "):
        InterpolateConfig((), Path("x"), engine="blend", checkpoint=Path("y"))
    assert InterpolateConfig((), Path("x"), checkpoint=Path("y")).engine is None


def cut(path):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def only_one(path):
    folder = path.parent / "one"
    folder.mkdir()
    path.rename(folder / path.name)
    return (folder,)


def empty_folder(path):
    (path.parent / "none").mkdir()
    return path, path.parent / "none"


HARM = {
    "another size": (lambda p: write_png(p, np.zeros((5, 6, 3), np.uint8)), ("b.png is 6x5", "a.png", "--size 48x32")),
    "missing": (lambda p: p.unlink(), ("b.png: there is no such file",)),
    "truncated": (cut, ("b.png: is cut short or damaged", "copy it again")),
    "empty": (lambda p: p.write_bytes(b""), ("b.png: is empty",)),
    "text": (lambda p: p.write_text("Dear diary"), ("b.png: is not an image that can be read", "give a PNG")),
    "a folder with one": (only_one, ("two key frames or more are needed", "add another image")),
    "a folder with none": (empty_folder, ("none: holds no image",)),
}


@pytest.mark.parametrize("harm", HARM)
def test_key_frames_that_cannot_be_used(animi, key_frames, tmp_path, harm):
    do, found = HARM[harm]
    inputs = do(key_frames[1])
    inputs = inputs if isinstance(inputs, tuple) else key_frames
    (tmp_path / "out.gif").write_bytes(b"old")
    before = standing(tmp_path)
    rejected(animi("interpolate", *inputs, "--overwrite", "-o", tmp_path / "out.gif"), 1, *found)
    assert standing(tmp_path) == before


@pytest.mark.parametrize(
    ("output", "more", "found"),
    [
        ("out.bmp", (), "the suffix .bmp is not known; use .gif"),
        ("old.gif", (), "old.gif: exists already; add --overwrite"),
        ("old", (), "old: exists already; add --overwrite"),
        ("no/out.gif", (), "does not exist; create it first"),
        ("old.gif/out.gif", (), "does not exist; create it first"),
        ("notes", ("--overwrite",), "notes: holds todo.txt, which is no numbered frame"),
        ("a.png", ("--overwrite",), "a.png: is a key frame, which would be lost; choose another name"),
        ("a.png", (), "a.png: is a key frame, which would be lost; choose another name"),
        ("link.png", ("--overwrite",), "link.png: is a key frame, which would be lost"),
        ("keys", ("--overwrite",), "keys: holds the key frame 000.png, which would be lost"),
        ("keys/", (), "keys: holds the key frame 000.png, which would be lost"),
        ("keys/001.png", ("--overwrite",), "001.png: is a key frame, which would be lost"),
    ],
)
def test_places_that_cannot_be_written(animi, key_frames, tmp_path, output, more, found):
    for name in ("old", "keys", "notes"):
        (tmp_path / name).mkdir()
    (tmp_path / "old.gif").write_bytes(b"old")
    (tmp_path / "old" / "000.png").write_bytes(b"old")
    (tmp_path / "notes" / "todo.txt").write_text("draw")
    (tmp_path / "link.png").symlink_to(key_frames[0])
    for number, key in enumerate(key_frames):
        (tmp_path / "keys" / f"{number:03}.png").write_bytes(key.read_bytes())
    before = standing(tmp_path)
    inputs = [tmp_path / "keys"] if output.startswith("keys") else key_frames
    rejected(animi("interpolate", *inputs, *more, "-o", f"{tmp_path}/{output}"), 1, found)
    assert standing(tmp_path) == before


def test_a_film_beside_its_key_frames_is_no_key_frame(animi, key_frames, tmp_path):
    out = tmp_path / "film.gif"
    assert animi("interpolate", tmp_path, "-o", out).exit_code == 0
    rejected(animi("interpolate", tmp_path, "--overwrite", "-o", out), 1, "film.gif: is a key frame")
    assert animi("interpolate", *key_frames, "--overwrite", "-o", out).exit_code == 0


def test_overwrite_replaces_a_file_and_a_folder_of_frames(animi, key_frames, tmp_path):
    for name in ("out.gif", "out"):
        for number in (9, 3):
            result = animi("interpolate", *key_frames, "-n", number, "--overwrite", "-o", tmp_path / name)
            assert result.exit_code == 0, result.output
        assert len(read_frames(tmp_path / name)) == 3
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.png", "b.png", "out", "out.gif"]


@pytest.mark.skipif(os.geteuid() == 0, reason="the superuser may write everywhere")
def test_a_folder_that_may_not_be_written(animi, key_frames, tmp_path):
    locked = tmp_path / "locked"
    locked.mkdir(mode=0o500)
    rejected(animi("interpolate", *key_frames, "-o", locked / "out.gif"), 1, "cannot be written to")


def test_a_device_that_is_not_there(animi, key_frames, tmp_path, monkeypatch):
    import torch

    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    out = tmp_path / "out.gif"
    rejected(
        animi("interpolate", *key_frames, "--device", "cuda", "-o", out), 1, "--device: cuda is not on this machine"
    )
    assert not out.exists()


# The program itself


def test_the_program_runs_and_says_nothing_but_the_path(key_frames, tmp_path):
    out = tmp_path / "out.gif"
    ran = subprocess.run([ANIMI, "interpolate", *key_frames, "-n", "3", "-o", out], capture_output=True, text=True)
    assert (ran.returncode, ran.stdout) == (0, f"{out}\n")
    assert ran.stderr == "" or ran.stderr.startswith("animi: GIF keeps 256 colours")
    assert Image.open(out).n_frames == 3


def test_help_imports_nothing_slow():
    code = (
        "import sys; from typer.testing import CliRunner; from animi.cli.main import app;"
        "r = CliRunner().invoke(app, ['interpolate', '--help']); assert r.exit_code == 0 and '--boomerang' in r.output;"
        "print(sorted({'torch', 'torchvision', 'cv2', 'imageio', 'PIL', 'numpy'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


def test_drawing_with_classical_motion_needs_no_torch(key_frames, tmp_path):
    code = (
        "import sys; from pathlib import Path; from animi.core.config.interpolation import InterpolateConfig;"
        "from animi.core.inbetween import draw_animation;"
        "draw_animation(InterpolateConfig((Path(sys.argv[1]), Path(sys.argv[2])), Path(sys.argv[3]), engine='flow'));"
        "print('torch' in sys.modules)"
    )
    command = [sys.executable, "-c", code, *key_frames, tmp_path / "out.gif"]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == "False\n"


@pytest.mark.parametrize(
    ("words", "offered"),
    [("animi inter", ["interpolate"]), ("animi interpolate --engine ", ["motion", "flow", "blend"])],
)
def test_the_shell_completes(words, offered):
    surroundings = {
        **os.environ, "_ANIMI_COMPLETE": "complete_bash", "COMP_WORDS": words, "COMP_CWORD": str(words.count(" ")),
    }  # fmt: skip
    ran = subprocess.run([ANIMI], env=surroundings, capture_output=True, text=True)
    assert ran.stdout.split() == offered


# How it is stopped


def start_at_work(tmp_path, output):
    """Starts a long run and waits until it is writing: the process, its output and its temporary folder."""
    keys = tmp_path / "keys"
    keys.mkdir()
    for name, x in (("a", 60), ("b", 160)):
        frame = np.random.default_rng(0).integers(0, 256, (240, 320, 3)).astype(np.uint8)
        frame[100:140, x : x + 40] = 255
        write_png(keys / f"{name}.png", frame)
    place, spare = tmp_path / "place", tmp_path / "spare"
    place.mkdir()
    spare.mkdir()
    out = place / output
    if output == "out":
        out.mkdir()
        (out / "000.png").write_bytes(b"old")
    else:
        out.write_bytes(b"old")
    process = subprocess.Popen(
        [ANIMI, "interpolate", keys, "-n", "90000", "--engine", "blend", "--boomerang", "--overwrite", "-o", out],
        env={**os.environ, "TMPDIR": str(spare)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and process.poll() is None:
        drafts = [path for path in place.rglob(".animi-*/**/*") if path.is_file() and path.stat().st_size > 10_000]
        if drafts or (output.endswith("mp4") and list(place.glob(".animi-*/*"))):
            return process, place, spare
        time.sleep(0.05)
    process.kill()
    pytest.fail(f"did not get to work: {process.communicate()}")


@pytest.mark.parametrize(
    ("number", "code", "said"),
    [
        (signal.SIGINT, 130, "animi: interrupted; what was finished is kept, and nothing half done is left\n"),
        (signal.SIGTERM, 143, ""),
    ],
)
@pytest.mark.parametrize("output", ["out.gif", "out.mp4", "out"])
def test_a_run_that_is_stopped_leaves_everything_as_it_was(tmp_path, number, code, said, output):
    process, place, spare = start_at_work(tmp_path, output)
    process.send_signal(number)
    stdout, stderr = process.communicate(timeout=30)
    assert (process.returncode, stdout, stderr) == (code, "", said)
    assert set(standing(place).values()) - {None} == {b"old"}
    assert sorted(path.name for path in place.iterdir()) == [output] and not list(spare.iterdir())


def test_a_run_that_is_killed_leaves_nothing_under_the_final_name(tmp_path):
    process, place, spare = start_at_work(tmp_path, "out.webp")
    process.kill()
    process.communicate(timeout=30)
    assert (place / "out.webp").read_bytes() == b"old" and not list(spare.iterdir())


def test_standard_output_takes_no_key_frames(animi, key_frames, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    before = sorted(path.name for path in tmp_path.iterdir())
    for words in (
        ("interpolate", *key_frames, "-o", "-"),
        ("interpolate", *key_frames, "-o", "./-", "--overwrite"),
        ("draw-cartoon", "-", "--seconds", "0.2"),
        ("draw-cartoon", "x.gif", "--seconds", "0.2", "--truth", "-"),
        ("train-noise", tmp_path, "-o", "-", "--no-health"),
    ):
        rejected(animi(*words), 1, "-: standard output takes whole films alone, as y4m; name a file or a folder")
    assert sorted(path.name for path in tmp_path.iterdir()) == before


def test_a_full_disk_for_temporary_files_is_named(animi, key_frames, tmp_path, monkeypatch):
    """There and back needs one; the output's disk has room."""

    class Full(io.RawIOBase):
        def write(self, data):
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    monkeypatch.setattr(tempfile, "TemporaryFile", lambda **_: Full())
    result = animi("interpolate", *key_frames, "--boomerang", "--engine", "blend", "-o", tmp_path / "out.gif")
    rejected(result, 1, f"animi: {tmp_path / 'temporary'}: temporary files cannot be written there", "TMPDIR")
    assert "out.gif" not in result.stderr and not (tmp_path / "out.gif").exists()
