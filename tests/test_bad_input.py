"""Bad files given to every command they concern: one line on stderr, exit 1 or 2, and nothing that stood there harmed.

What is bad about places to write to, a full disk or a folder that is read only, stands in test_bad_places.py.
"""

import json
import shutil
import struct
import subprocess
import sys
import zlib
from fractions import Fraction
from pathlib import Path

import imageio_ffmpeg
import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from animi.core.material.frame_store import FrameStoreWriter
from animi.core.media.encode import write_video
from animi.core.media.image_files import encode_png
from animi.core.weights.checkpoint import save_checkpoint
from animi.models.motion import MotionConfig, MotionNetwork
from animi.models.refinement import Refinement, RefinementConfig
from animi.models.sle import NoiseGenerator, NoiseGeneratorConfig

SIZE = (48, 32)
SMALL = ("--size", 64, "--width", 4, "--device", "cpu", "--workers", 0, "--steps", 1, "--batch-size", 2,
         "--evaluation-samples", 24)  # fmt: skip


def draw(number):
    """A square that moves over a ground with something to see."""
    frame = np.full((SIZE[1], SIZE[0], 3), (90, 140, 200), np.uint8)
    frame[::4] -= 20
    frame[8:20, 2 + number : 14 + number] = (220, 60, 40)
    return frame


def make_png(width, height, depth=8, rows=0):
    """A PNG by hand, of as many grey rows as are wanted, whatever its header claims."""

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", width, height, depth, 0, 0, 0, 0)
    squeezed, row = zlib.compressobj(9), bytes(1 + width * depth // 8)
    data = b"".join(squeezed.compress(row) for _ in range(rows)) + squeezed.flush()
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


IMAGES = {
    "empty": (lambda: b"", "is empty"),
    "cut short": (lambda: encode_png(draw(0))[:-40], "cut short or damaged"),
    "text": (lambda: b"this is no picture\n" * 20, "not an image"),
    "a huge header": (lambda: make_png(100_000, 100_000), "scale it down first"),
    "a zip bomb": (lambda: make_png(12_000, 12_000, 1, 12_000), "scale it down first"),
    "a folder": (None, "folder"),
    "missing": (None, "no such"),
}


def write_images(folder):
    for name, (make, _) in IMAGES.items():
        if make is not None:
            (folder / f"{name}.png").write_bytes(make())
    (folder / "a folder.png").mkdir()


def make_film(path, frames, *words):
    write_video(path, frames, fps=Fraction(12), size=SIZE)


def run_ffmpeg(*words):
    subprocess.run([imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-y", *map(str, words)], check=True)


FILMS = {
    "empty": "holds no video",
    "cut short": "holds no video",
    "text": "holds no video",
    "sound alone": "holds sound and no picture",
    "a huge header": "no frame of it can be decoded",
    "huge frames": "is of 9000 x 9000 pixels",
    "a huge shape": "a film's frame may have",
    "a WebP of text": "cannot be read",
    "a folder": "is a folder",
    "missing": "no such file",
}


def write_films(folder):
    def at(name):
        return folder / f"{name}.mkv"

    make_film(folder / "good.mp4", [draw(k) for k in range(9)])
    make_film(folder / "one frame.mp4", [draw(0)])
    whole = (folder / "good.mp4").read_bytes()
    at("empty").touch()
    at("cut short").write_bytes(whole[:500])
    at("text").write_text("this is no film\n" * 100)
    run_ffmpeg("-f", "lavfi", "-i", "sine=d=0.2", at("sound alone"))
    run_ffmpeg("-i", folder / "good.mp4", "-c:v", "ffv1", folder / "plain.avi")
    data = (folder / "plain.avi").read_bytes()
    at("a huge header").write_bytes(data.replace(struct.pack("<II", *SIZE), struct.pack("<II", 60_000, 60_000)))
    run_ffmpeg("-f", "lavfi", "-i", "color=s=9000x9000:d=0.1:r=10", "-c:v", "mjpeg", at("huge frames"))
    at("a huge shape").write_bytes(b"YUV4MPEG2 W48 H32 F12:1 Ip A60000:1 C420jpeg\nFRAME\n" + bytes(48 * 32 * 3 // 2))
    at("a WebP of text").write_bytes(b"RIFF\x20\x00\x00\x00WEBPtext and more text that is no chunk")
    at("a folder").mkdir()


CHECKPOINTS = {
    "empty": "is damaged or no safetensors file",
    "cut short": "is damaged or no safetensors file",
    "text": "is damaged or no safetensors file",
    "a pickle": "is damaged or no safetensors file",
    "NaN": "values that are not finite",
    "another network": "holds a network",
    "unknown network": "this animi knows",
    "future": "has format version 99",
    "giant": "its settings do not fit",
    "a folder": "",
    "missing": "check",
}


def change(source, path, weights=None, **header):
    with safe_open(source, "pt") as file:
        entries = {**file.metadata(), **header}
    save_file(load_file(source) if weights is None else weights, path, entries)


def write_checkpoints(folder):
    torch.manual_seed(0)
    nets = {
        "noise-sle": (NoiseGenerator, NoiseGeneratorConfig(64, 5, 4)),
        "refinement": (Refinement, RefinementConfig(2, 1)),
        "motion": (MotionNetwork, MotionConfig(8, 1, 2, 1, 1, 4)),
    }
    for name, (kind, config) in nets.items():
        save_checkpoint(folder / f"{name}.safetensors", kind(config), name, config)
    for name, other in (("noise-sle", "refinement"), ("refinement", "motion"), ("motion", "noise-sle")):
        good = folder / f"{name}.safetensors"

        def at(problem, name=name):
            return folder / f"{problem} {name}.safetensors"

        at("empty").touch()
        at("cut short").write_bytes(good.read_bytes()[:-100])
        at("text").write_text("these are no weights\n" * 50)
        torch.save({"a": torch.zeros(3)}, at("a pickle"))
        weights = load_file(good)
        first = next(key for key, value in weights.items() if value.is_floating_point())
        change(good, at("NaN"), {**weights, first: torch.full_like(weights[first], torch.nan)})
        at("another network").write_bytes((folder / f"{other}.safetensors").read_bytes())
        change(good, at("unknown network"), architecture="rife")
        change(good, at("future"), format_version="99")
        config = {"width": 1 << 20} | ({"size": 64} if name == "noise-sle" else {})
        change(good, at("giant"), config=json.dumps(config))
        at("a folder").mkdir()


@pytest.fixture(scope="module", autouse=True)
def few():
    """Trainings compute in one thread."""
    torch.set_num_threads(1)


@pytest.fixture(scope="module")
def bad(tmp_path_factory):
    """All that is bad, and the good that it is given together with."""
    root = tmp_path_factory.mktemp("bad")
    for name in ("images", "films", "checkpoints", "runs"):
        (root / name).mkdir()
    write_images(root / "images")
    write_films(root / "films")
    write_checkpoints(root / "checkpoints")
    for number in range(9):
        (root / f"good {number}.png").write_bytes(encode_png(draw(number)))
    for name, (make, _) in IMAGES.items():
        if make is not None:
            (root / f"frames, {name}").mkdir()
            for number in range(9):
                data = make() if number == 4 else encode_png(draw(number))
                (root / f"frames, {name}" / f"{number}.png").write_bytes(data)
    (root / "frames").mkdir()
    for number in range(9):
        (root / "frames" / f"{number}.png").write_bytes(encode_png(draw(number)))
    return root


def standing(folder):
    """What a folder and all in it hold, to be compared afterwards."""
    return {path.relative_to(folder): path.read_bytes() if path.is_file() else None for path in folder.rglob("*")}


def ends_in_one_line(result, *found):
    """Asserts that a command failed as a person should see it."""
    assert result.exit_code in (1, 2), (result.exit_code, result.output, result.exception)
    lines = result.stderr.splitlines()
    assert len(lines) == 1 and lines[0].startswith("animi: "), result.stderr
    assert result.stdout == "" and "Traceback" not in result.stderr
    for part in found:
        assert part in lines[0], lines[0]


@pytest.fixture
def reject(animi, bad, tmp_path, monkeypatch):
    """Runs a command that is to fail beside an older result, which it was allowed to replace and must leave whole."""
    monkeypatch.chdir(tmp_path)
    before = standing(bad)

    def run(*words, found=(), leaves=()):
        for kind in ("gif", "html", "png", "json", "mp4"):
            (tmp_path / f"old.{kind}").write_bytes(b"an older result")
        (tmp_path / "old").mkdir()
        (tmp_path / "old" / "000.png").write_bytes(b"older results")
        there = standing(tmp_path)
        ends_in_one_line(animi(*words), *found)
        now = {path: data for path, data in standing(tmp_path).items() if path.parts[0] not in leaves}
        assert now == there
        assert standing(bad) == before

    return run


def image_command(name, bad, problem):
    """A command with a bad image among good ones."""
    one, folder = bad / "images" / f"{problem}.png", bad / f"frames, {problem}"
    nets = bad / "checkpoints"
    return {
        "interpolate": ("interpolate", bad / "good 0.png", one, "-o", "old.gif", "--overwrite"),
        "interpolate a folder": ("interpolate", folder, "-o", "old", "--overwrite"),
        "refine": (
            *("refine", bad / "good 0.png", one, "--checkpoint", nets / "refinement.safetensors"),
            *("-o", "old", "--overwrite"),
        ),
        "evaluate": ("evaluate", "blend", folder, "--metrics", "psnr", "--html", "old.html", "--overwrite"),
        "preview-clips": ("preview-clips", folder, "--length", 3, "-o", "old.png", "--overwrite"),
        "train-noise": ("train-noise", folder, "-o", "run", *SMALL, "--no-health"),
        "train-vgg-sle": ("train-vgg-sle", folder, "-o", "run", *SMALL),
        "pretrain-ae": ("pretrain-ae", folder, "-o", "run", *SMALL),
        "finetune-adv": ("finetune-adv", folder, "--init", nets / "noise-sle.safetensors", "-o", "run", "--size", 64),
        "train-motion": ("train-motion", folder, "-o", "run", "--films", 1, "--steps", 1, "--workers", 0),
    }[name]


ONE = ("interpolate", "refine")
FOLDER = (
    "interpolate a folder", "evaluate", "preview-clips", "train-noise", "train-vgg-sle", "pretrain-ae", "finetune-adv",
    "train-motion",
)  # fmt: skip


@pytest.mark.parametrize("problem", IMAGES)
@pytest.mark.parametrize("command", [*ONE, *FOLDER])
def test_a_bad_image(reject, bad, command, problem):
    if command in FOLDER and IMAGES[problem][0] is None:
        pytest.skip("a folder among images is left out, and one that is missing is not seen")
    # these find out when they draw their first pictures, and have made their folder by then
    leaves = ("run",) if command in ("train-noise", "pretrain-ae") else ()
    reject(*image_command(command, bad, problem), found=(IMAGES[problem][1],), leaves=leaves)


def test_a_run_that_never_began_is_begun_anew(animi, bad, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    ends_in_one_line(animi(*image_command("train-noise", bad, "text")))
    for part in ("samples", "checkpoints"):  # as a run leaves them that is killed as it begins
        (tmp_path / "run" / part).mkdir(parents=True, exist_ok=True)
    done = animi("train-noise", bad / "frames", "-o", "run", *SMALL, "--no-health")
    assert done.exit_code == 0, done.stderr
    ends_in_one_line(animi("train-noise", bad / "frames", "-o", "run", *SMALL, "--no-health"), "add --resume")


def test_a_name_may_lie_about_the_kind_of_image(animi, bad, tmp_path):
    for number in range(2):
        (tmp_path / f"{number}.jpg").write_bytes((bad / f"good {number}.png").read_bytes())
    done = animi("interpolate", tmp_path / "0.jpg", tmp_path / "1.jpg", "-n", 3, "-o", tmp_path / "out.gif")
    assert done.exit_code == 0, done.output


# Films


@pytest.mark.parametrize("problem", FILMS)
def test_a_bad_film(reject, bad, problem):
    film = bad / "films" / f"{problem}.mkv"
    reject("extract-frames", film, "-o", "old", "--fit", "keep", "--size", 0, found=(FILMS[problem],))


@pytest.mark.parametrize("problem", FILMS)
def test_a_bad_film_to_interpolate(reject, bad, problem):
    film = bad / "films" / f"{problem}.mkv"
    reject("interpolate", film, "-o", "old.mp4", "--factor", 2, "--overwrite")


def test_a_film_of_one_frame(animi, reject, bad, tmp_path):
    out = tmp_path / "frames"
    done = animi("extract-frames", bad / "films" / "one frame.mp4", "-o", out, "--size", 0, "--packed")
    assert done.exit_code == 0, done.output
    for command in ("train-vgg-sle", "finetune-adv", "preview-clips"):
        words = {
            "preview-clips": ("-o", "old.png", "--overwrite"),
            "train-vgg-sle": ("-o", "run", *SMALL),
            "finetune-adv": ("-o", "run", "--size", 64, "--init", bad / "checkpoints" / "noise-sle.safetensors"),
        }[command]
        ends_in_one_line(animi(command, out, *words), "8")
    ends_in_one_line(animi("evaluate", "blend", out, "--metrics", "psnr"), "a clip of 9 frames needs 9")
    assert not (tmp_path / "run").exists()


# Checkpoints


def checkpoint_command(name, bad, problem):
    keys = bad / "good 0.png", bad / "good 1.png"

    def net(of):
        return bad / "checkpoints" / f"{problem} {of}.safetensors"

    return {
        "interpolate": ("interpolate", *keys, "--checkpoint", net("motion"), "-o", "old.gif", "--overwrite"),
        "evaluate": (
            "evaluate",
            net("motion"),
            bad / "frames",
            "--metrics",
            "psnr",
            "--html",
            "old.html",
            "--overwrite",
        ),
        "sample": ("sample", net("noise-sle"), "-n", 1, "-o", "old.png", "--overwrite"),
        "refine": ("refine", keys[0], "--checkpoint", net("refinement"), "-o", "old", "--overwrite"),
        "finetune-adv": (
            "finetune-adv",
            bad / "frames",
            "--init",
            net("noise-sle"),
            "-o",
            "run",
            "--size",
            64,
            "--no-health",
        ),
        "train-motion": ("train-motion", "--init", net("motion"), "-o", "run", "--steps", 1, "--workers", 0),
    }[name]


@pytest.mark.parametrize("problem", CHECKPOINTS)
@pytest.mark.parametrize("command", ["interpolate", "evaluate", "sample", "refine", "finetune-adv", "train-motion"])
def test_a_bad_checkpoint(reject, bad, command, problem):
    reject(*checkpoint_command(command, bad, problem), found=(CHECKPOINTS[problem],))


WEIGHTS = {
    "empty": lambda path: path.touch(),
    "text": lambda path: path.write_text("no weights"),
    "cut short": lambda path: (
        save_file({"features.0.weight": torch.zeros(64, 3, 3, 3)}, path),
        path.write_bytes(path.read_bytes()[:-9]),
    ),
    "another network's": lambda path: save_file({"features.0.weight": torch.zeros(64, 3, 3, 3)}, path),
    "NaN": lambda path: save_file({"features.0.weight": torch.full((64, 3, 3, 3), torch.nan)}, path),
    "missing": lambda path: None,
}


@pytest.mark.parametrize("suffix", ["safetensors", "pth"])
@pytest.mark.parametrize("problem", WEIGHTS)
def test_bad_weights_of_known_networks(animi, bad, tmp_path, problem, suffix):
    path = tmp_path / f"weights.{suffix}"
    WEIGHTS[problem](path)
    run = tmp_path / "run"
    ends_in_one_line(animi("train-vgg-sle", bad / "frames", "-o", run, *SMALL, "--vgg-weights", path), str(path))
    ends_in_one_line(
        animi("evaluate", "blend", bad / "frames", "--metrics", "lpips", "--alex-weights", path), str(path)
    )
    assert not run.exists()


# Folders that a command wrote, and that were damaged


@pytest.fixture(scope="module")
def run(tmp_path_factory, bad):
    """A training of one step."""
    from typer.testing import CliRunner

    from animi.cli.main import app

    folder = tmp_path_factory.mktemp("trained") / "run"
    words = ("train-noise", bad / "frames", "-o", folder, *SMALL, "--no-health")
    done = CliRunner().invoke(app, [str(word) for word in words])
    assert done.exit_code == 0, done.output
    return folder


def spoil(folder, name, data):
    (folder / name).write_bytes(data)


def swap(folder, name, old, new):
    """Puts something else in the place of `old`, which must be there."""
    data = (folder / name).read_bytes()
    assert old in data
    (folder / name).write_bytes(data.replace(old, new))


STATE, NETWORK = "checkpoints/00000001.state.safetensors", "checkpoints/00000001.safetensors"


def poison(run):
    """Puts NaN into all weights of a state."""
    state = load_file(run / STATE)
    change(run / STATE, run / STATE, {k: v * torch.nan if v.is_floating_point() else v for k, v in state.items()})


RUNS = {
    "an empty state": (lambda run: spoil(run, STATE, b""), "is damaged"),
    "a state cut short": (lambda run: spoil(run, STATE, (run / STATE).read_bytes()[:-9]), "is damaged"),
    "a state of text": (lambda run: spoil(run, STATE, b"no state at all"), "is damaged"),
    "a future state": (lambda run: change(run / STATE, run / STATE, format_version="99"), "format version 99"),
    "a state of other settings": (lambda run: change(run / STATE, run / STATE, settings="{}"), "is damaged"),
    "a state of a list": (lambda run: change(run / STATE, run / STATE, settings="[]"), "is damaged"),
    "a network for a state": (lambda run: spoil(run, STATE, (run / NETWORK).read_bytes()), "holds no state"),
    "no state's tensors": (lambda run: change(run / STATE, run / STATE, {}), "misses"),
    "NaN in the state": (poison, "not finite"),
    "settings cut short": (lambda run: spoil(run, "config.json", b'{"command": "train'), "is damaged"),
    "settings of a list": (lambda run: spoil(run, "config.json", b"[1, 2]"), "is damaged"),
    "settings of another kind": (
        lambda run: spoil(run, "config.json", b'{"command": "x", "config": {"size": 3}}'),
        "settings are of another command",
    ),
    "settings of a wrong type": (lambda run: swap(run, "config.json", b'"width": 4', b'"width": [4]'), "settings"),
    "no settings": (lambda run: (run / "config.json").unlink(), "is no run"),
    "binary settings": (lambda run: spoil(run, "config.json", bytes(range(256))), "is damaged"),
}


@pytest.mark.parametrize("problem", RUNS)
def test_a_damaged_run_does_not_go_on(animi, run, tmp_path, problem):
    damaged = tmp_path / "run"
    shutil.copytree(run, damaged)
    RUNS[problem][0](damaged)
    result = animi("train-noise", "--resume", damaged, "--steps", 2)
    *notices, error = result.stderr.splitlines()  # what is noticed of the material comes before
    assert result.exit_code in (1, 2) and error.startswith("animi: ") and RUNS[problem][1] in error
    assert not any(line.startswith("animi: ") or "Traceback" in line for line in notices)
    assert (damaged / NETWORK).read_bytes() == (run / NETWORK).read_bytes()


REPORTS = {
    "missing": (lambda run: shutil.rmtree(run), "no run"),
    "empty": (lambda run: (shutil.rmtree(run), run.mkdir()), "no run"),
    "settings cut short": (lambda run: spoil(run, "config.json", b"{"), "is damaged"),
    "numbers damaged": (
        lambda run: spoil(run, "metrics.jsonl", b'{"step": 1}\n{"st\n{"step": 2}\n'),
        "line 2 is damaged",
    ),
    "numbers of a list": (lambda run: spoil(run, "metrics.jsonl", b"[1]\n[2]\n"), "line 1 is damaged"),
    "numbers without a step": (
        lambda run: spoil(run, "metrics.jsonl", b'{"loss": 1}\n{"step": 1}\n'),
        "line 1 is damaged",
    ),
    "binary numbers": (lambda run: spoil(run, "metrics.jsonl", bytes(range(256))), "damaged"),
}


@pytest.mark.parametrize("problem", REPORTS)
def test_a_report_of_a_damaged_run(reject, run, tmp_path, tmp_path_factory, problem):
    damaged = tmp_path_factory.mktemp("damaged") / "run"
    shutil.copytree(run, damaged)
    REPORTS[problem][0](damaged)
    reject("report", damaged, "-o", "old.html", "--overwrite", found=(REPORTS[problem][1],))


STORES = {
    "frames cut short": (
        lambda store: spoil(store, "frames.bin", (store / "frames.bin").read_bytes()[:-9]),
        "cut short",
    ),
    "no frames": (lambda store: (store / "frames.bin").unlink(), "cannot be read"),
    "a header of text": (lambda store: spoil(store, "store.json", b"no JSON"), "is no JSON"),
    "a binary header": (lambda store: spoil(store, "store.json", bytes(range(256))), "is no JSON"),
    "a future header": (lambda store: swap(store, "store.json", b'"version": 1', b'"version": 99'), "is of version 99"),
    "a huge header": (
        lambda store: swap(store, "store.json", b'"width": 48', b'"width": 48000000000'),
        "cut short",
    ),
    "records cut short": (
        lambda store: spoil(store, "frames.jsonl", (store / "frames.jsonl").read_bytes()[:-9]),
        "frames",
    ),
    "records of a list": (lambda store: spoil(store, "frames.jsonl", b"[]\n" * 9), "line 1 is no JSON object"),
    "records of odd types": (lambda store: spoil(store, "frames.jsonl", b'{"shot": [], "duplicate_of": {}}\n' * 9), ""),
}


@pytest.mark.parametrize("command", ["preview-clips", "evaluate", "train-noise"])
@pytest.mark.parametrize("problem", STORES)
def test_a_damaged_frame_store(animi, bad, tmp_path, problem, command):
    store = tmp_path / "store"
    with FrameStoreWriter(store, SIZE[1], SIZE[0]) as writer:
        for number in range(9):
            writer.append(draw(number), {"frame": number, "shot": 0, "duplicate_of": None})
    STORES[problem][0](store)
    words = {
        "preview-clips": ("preview-clips", store, "-o", tmp_path / "new.png"),
        "evaluate": ("evaluate", "blend", store, "--metrics", "psnr", "--html", tmp_path / "new.html"),
        "train-noise": ("train-noise", store, "-o", tmp_path / "run", *SMALL, "--no-health"),
    }[command]
    ends_in_one_line(animi(*words), STORES[problem][1])
    assert [path.name for path in tmp_path.iterdir()] == ["store"]


# Names


NAMED = {
    "interpolate": lambda name: ("interpolate", "-o", "out.gif", "--", name, name),
    "interpolate to": lambda name: ("interpolate", "a.png", "b.png", "-o", f"{name}x.bmp"),
    "draw": lambda name: ("draw", "--", name),
    "join": lambda name: ("join", "-o", "out.mp4", "--", name),
    "refine": lambda name: ("refine", "--checkpoint", "net.safetensors", "-o", "out", "--", name),
    "refine by": lambda name: ("refine", "a.png", "-o", "out", "--checkpoint", name),
    "evaluate": lambda name: ("evaluate", "--metrics", "psnr", "--", "blend", name),
    "evaluate by": lambda name: ("evaluate", "--metrics", "psnr", "--", name, "frames"),
    "sample": lambda name: ("sample", "-o", "out.png", "--", name),
    "report": lambda name: ("report", "--", name),
    "extract-frames": lambda name: ("extract-frames", "--", name),
    "extract-frames by": lambda name: ("extract-frames", "good.mp4", "--cuts", name),
    "preview-clips": lambda name: ("preview-clips", "-o", "out.png", "--", name),
    "draw-cartoon": lambda name: ("draw-cartoon", "--", f"{name}x.bmp"),
    "train-noise": lambda name: ("train-noise", "-o", "run", "--", name),
    "train-vgg-sle": lambda name: ("train-vgg-sle", "-o", "run", "--", name),
    "finetune-adv": lambda name: ("finetune-adv", "--init", "net.safetensors", "-o", "run", "--", name),
    "train-motion": lambda name: ("train-motion", "-o", "run", "--", name),
    "train-motion from": lambda name: ("train-motion", "-o", "run", "--init", name),
    "resume": lambda name: ("train-noise", "--resume", name),
}


@pytest.mark.parametrize("name", ["new\nline", "-dash", "carriage\rreturn", "no\x1b[31mcolour", "x" * 300, ""])
@pytest.mark.parametrize("command", NAMED)
def test_names_that_are_odd_and_of_nothing(animi, tmp_path, monkeypatch, command, name):
    monkeypatch.chdir(tmp_path)
    result = animi(*NAMED[command](name))
    ends_in_one_line(result)
    assert "\x1b" not in result.stderr
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["new\nline", "-dash"])
def test_names_that_are_odd_and_of_something(animi, bad, tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    for source, suffix in ((bad / "films" / "good.mp4", ".mp4"), (bad / "good 0.png", ".png")):
        Path(name + suffix).write_bytes(source.read_bytes())
    shutil.copytree(bad / "frames", name)
    for words in (
        ("extract-frames", "--packed", "-o", f"{name} frames", "--", f"{name}.mp4"),
        ("preview-clips", "-o", f"{name} clips.png", "--length", 3, "--", name),
        ("interpolate", "-n", 3, "-o", f"{name}.gif", "--", f"{name}.png", f"{name}.png"),
        ("evaluate", "--metrics", "psnr", "--html", f"{name}.html", "--", "blend", name),
        ("train-noise", "-o", f"{name} run", *SMALL, "--no-health", "--", name),
        ("sample", "-n", 1, "-o", f"{name} grid.png", "--", f"{name} run"),
        ("report", "-o", f"{name} report.html", "--", f"{name} run"),
        ("draw-cartoon", "--seconds", 0.1, "--size", "32x24", "--", f"{name} cartoon.gif"),
    ):
        done = animi(*words)
        assert done.exit_code == 0, (words, done.output, done.exception)


def test_a_real_process_says_the_same(bad, tmp_path):
    """The table above runs inside this process; this is the program itself, on a few rows of it."""
    program = Path(sys.executable).with_name("animi")
    for words in (
        image_command("interpolate", bad, "a huge header"),
        checkpoint_command("sample", bad, "NaN"),
        ("extract-frames", bad / "films" / "sound alone.mkv", "-o", "frames"),
        ("interpolate", "-dash.png", "b.png", "-o", "out.gif"),
    ):
        done = subprocess.run([program, *map(str, words)], cwd=tmp_path, capture_output=True, text=True)
        assert done.returncode in (1, 2) and done.stdout == ""
        assert done.stderr.startswith("animi: ") and done.stderr.count("\n") == 1, done.stderr
    assert not list(tmp_path.iterdir())
