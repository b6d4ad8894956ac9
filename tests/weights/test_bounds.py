"""What a file claims of itself: networks of any size, numbers of any type, names that no terminal should be shown."""

import json
import os
import subprocess
import sys
from dataclasses import fields
from pathlib import Path
from typing import get_type_hints

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from animi.core.errors import AnimiError, CheckpointError, InputError, printable
from animi.core.weights.checkpoint import load_checkpoint, read_header, save_checkpoint
from animi.models import registry
from animi.models.discriminators import ImageDiscriminatorConfig, SequenceDiscriminatorConfig

CPU = torch.device("cpu")
SMALLEST = {
    "noise-sle": {"size": 64, "latent_dim": 3, "width": 4},
    "vgg-sle": {"width": 4},
    "refinement": {"width": 2, "depth": 1},
    "plain-autoencoder": {"width": 2, "latent": 3, "halvings": 1},
    "deep-autoencoder": {"width": 2, "latent": 3, "halvings": 1, "depth": 1},
    "motion": {"width": 4, "layers": 1, "heads": 2, "coarse_rounds": 1, "fine_rounds": 1, "drawing": 2},
}
"""Of each network that a checkpoint may hold."""

NUMBERS = {
    "noise-sle": {"size": (63, 65, 1 << 20), "latent_dim": (0, 8193), "width": (3, 513)},
    "vgg-sle": {"width": (3, 513)},
    "refinement": {"width": (0, 513), "depth": (0, 65), "scale": (0, 3)},
    "plain-autoencoder": {"width": (0, 257), "latent": (0, 4097), "halvings": (0, 7)},
    "deep-autoencoder": {"width": (0, 257), "latent": (0, 4097), "halvings": (0, 7), "depth": (0, 33)},
    "motion": {
        "width": (0, 6, 516), "layers": (0, 65), "heads": (0, 257), "coarse_rounds": (0, 65), "fine_rounds": (0, 65),
        "drawing": (0, 513),
    },
}  # fmt: skip
"""The nearest values that each network's settings may not have."""
NEVER = (-1, 10**6, 10**7, 10**40, 4.0, float("nan"), float("inf"), True, None, "8", [8], {"width": 8})
"""What no setting that is a whole number may be."""
OTHERS = [
    ("noise-sle", "spectral_norm", 1),
    ("vgg-sle", "spectral_norm", None),
    ("motion", "guided", 1), ("motion", "guided", None), ("motion", "guided", "yes"), ("motion", "heads", 3),
    *((f"{net}-autoencoder", "between", bad) for net in ("plain", "deep") for bad in ("round", 1, None, ["lerp"])),
    *(
        (name, "refinement", bad)
        for name in ("plain-autoencoder", "deep-autoencoder")
        for bad in ([1], 1, "x", True, {"width": 0}, {"width": True}, {"depth": 10**7}, {"none": 1}, {"scale": 1.0})
    ),
]  # fmt: skip
TABLE = [
    *((name, key, bad) for name, keys in NUMBERS.items() for key, near in keys.items() for bad in (*near, *NEVER)),
    *OTHERS,
]


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """A checkpoint of each network."""
    folder = tmp_path_factory.mktemp("small")
    for name, settings in SMALLEST.items():
        network = registry.build(name, settings)
        network.load_state_dict({key: torch.zeros_like(value) for key, value in network.state_dict().items()})
        config = registry._entries[name].config(**settings)
        save_checkpoint(folder / f"{name}.safetensors", network, name, config)
    return folder


def claim(source, target, **header):
    """Writes a checkpoint with other entries in its header."""
    with safe_open(source, "pt") as file:
        entries = {**file.metadata(), **header}
    save_file(load_file(source), target, entries)
    return target


@pytest.mark.parametrize("name", SMALLEST)
def test_checkpoints_within_bounds_are_read(name, small):
    network, header = load_checkpoint(small / f"{name}.safetensors", CPU)
    assert header.architecture == name
    assert not [weight for weight in network.parameters() if weight.is_meta]


def test_every_whole_number_and_word_has_bounds_and_is_in_the_table():
    assert set(registry.known_architectures()) >= NUMBERS.keys() == SMALLEST.keys()
    for name, keys in NUMBERS.items():
        hints = get_type_hints(registry._entries[name].config)
        assert {key for key, hint in hints.items() if hint is int} == keys.keys()
        tried = keys.keys() | {key for other, key, _ in OTHERS if other == name}
        assert tried == {field.name for field in fields(registry._entries[name].config)}


@pytest.mark.parametrize("name", SMALLEST)
def test_settings_out_of_bounds_are_rejected_before_anything_is_built(name, small, tmp_path, monkeypatch):
    def fail(*_args, **_settings):
        raise AssertionError("a layer was built")

    source = small / f"{name}.safetensors"
    settings = read_header(source).config
    rows = [(key, bad) for other, key, bad in TABLE if other == name]
    assert rows
    for layer in (torch.nn.Conv2d, torch.nn.ConvTranspose2d, torch.nn.Linear):
        monkeypatch.setattr(layer, "__init__", fail)
    path = tmp_path / "claim.safetensors"
    for key, bad in rows:
        claim(source, path, config=json.dumps(settings | {key: bad}))
        with pytest.raises(CheckpointError, match=r"claim\.safetensors: its settings do not fit") as caught:
            load_checkpoint(path, CPU)
        assert "\n" not in str(caught.value) and len(str(caught.value)) < 600, (key, bad)


def test_discriminators_have_bounds_too():
    for bad in (3, 513, 10**9, True, 8.0, None):
        for kind in (ImageDiscriminatorConfig, SequenceDiscriminatorConfig):
            with pytest.raises(ValueError, match=r"no discriminator for .*: width must be a whole number from 4"):
                kind(width=bad)
    for bad in (1, 1 << 20, 4.0):
        with pytest.raises(ValueError, match="length must be"):
            SequenceDiscriminatorConfig(length=bad)
    with pytest.raises(ValueError, match="spectral_norm must be true or false"):
        ImageDiscriminatorConfig(spectral_norm=1)


LARGEST = {
    "noise-sle": {"size": 512, "latent_dim": 8192, "width": 512},
    "vgg-sle": {"width": 512},
    "refinement": {"width": 512, "depth": 64},
    "plain-autoencoder": {"width": 256, "latent": 4096, "halvings": 6},
    "deep-autoencoder": {"width": 256, "latent": 4096, "halvings": 6, "depth": 32},
    "motion": {"width": 512, "layers": 64, "coarse_rounds": 64, "fine_rounds": 64, "drawing": 512},
}
LOAD = """
import resource, sys
from pathlib import Path
import torch, torchvision.models
from animi.core.weights.checkpoint import load_checkpoint
from animi.core.errors import CheckpointError
from animi.models import registry
for name in registry.known_architectures():
    registry.outline(name, {})
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
for path in sys.argv[1:]:
    try:
        load_checkpoint(Path(path), torch.device("cpu"))
    except CheckpointError as error:
        print(error)
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)
"""


def test_a_header_that_implies_more_than_its_file_holds_takes_no_memory(small, tmp_path):
    paths = [
        claim(small / f"{name}.safetensors", tmp_path / f"{name}.safetensors", config=json.dumps(settings))
        for name, settings in LARGEST.items()
    ]
    done = subprocess.run(
        [sys.executable, "-c", LOAD, *paths], capture_output=True, text=True, check=True, timeout=120, env=os.environ
    )
    *said, grown = done.stdout.splitlines()
    assert len(said) == len(paths), done.stdout
    assert all("is needed" in line or "misses" in line for line in said)
    assert int(grown) < 100, "MiB: the smallest of these networks would take gigabytes"


def test_numbers_of_another_type_are_rejected(small, tmp_path):
    source = small / "refinement.safetensors"
    with safe_open(source, "pt") as file:
        header = file.metadata()
    for kind in (torch.int64, torch.bool, torch.complex64):
        weights = load_file(source)
        weights["enter.bias"] = weights["enter.bias"].to(kind)
        save_file(weights, tmp_path / "odd.safetensors", header)
        with pytest.raises(CheckpointError, match=r"enter\.bias holds \w+, and F64 or F32 or F16 or BF16 is needed"):
            load_checkpoint(tmp_path / "odd.safetensors", CPU)


def test_a_pipe_is_no_checkpoint(tmp_path):
    os.mkfifo(tmp_path / "net.safetensors")
    with pytest.raises(CheckpointError, match="is not an ordinary file"):
        load_checkpoint(tmp_path / "net.safetensors", CPU)


@pytest.mark.parametrize("header", [{"step": "-1"}, {"step": "9" * 40}, {"config": "[" * 60_000}])
def test_odd_headers_are_damaged_ones(header, small, tmp_path):
    path = claim(small / "refinement.safetensors", tmp_path / "odd.safetensors", **header)
    with pytest.raises(CheckpointError, match="its header is damaged"):
        read_header(path)


# What is shown of a file

EVIL = "\x1b]0;gone\x07\x1b[2J\x9b31m\u202eevil\u2028\r\n\x00\ud800"
RAW = [letter for letter in set(EVIL) if not letter.isprintable()]


def test_printable_keeps_words_and_escapes_the_rest():
    assert printable("Žluťoučký 猫 é") == "Žluťoučký 猫 é"
    assert printable(Path("a\nb")) == r"a\nb"
    assert printable(EVIL).isprintable()
    assert printable(printable(EVIL)) == printable(EVIL)
    assert len(printable("x" * 10_000, 100)) < 110
    for kind in (AnimiError, InputError, CheckpointError):
        assert str(kind(f"{EVIL}: is damaged")).isprintable()
    assert len(str(InputError("x" * 10**6))) < 10_000


def spoil_name(source, target):
    with safe_open(source, "pt") as file:
        header = file.metadata()
    save_file({**load_file(source), EVIL[:-1] + "x" * 5000: torch.zeros(1)}, target, header)


SPOILT = {
    "an architecture's name": lambda source, target: claim(source, target, architecture=EVIL[:-1]),
    "a version": lambda source, target: claim(source, target, architecture="x", animi_version=EVIL[:-1] * 500),
    "a tensor's name": spoil_name,
    "a setting's name": lambda source, target: claim(source, target, config=json.dumps({EVIL[:-1]: 1})),
    "a setting": lambda source, target: claim(source, target, config=json.dumps({"width": EVIL[:-1] * 500})),
    "a setting within": lambda source, target: claim(source, target, config=json.dumps({"between": [EVIL[:-1]]})),
}


@pytest.mark.parametrize("spoilt", SPOILT)
def test_nothing_of_a_checkpoint_reaches_the_terminal_raw(spoilt, small, tmp_path, animi, key_frames):
    path = tmp_path / "net.safetensors"
    SPOILT[spoilt](small / "deep-autoencoder.safetensors", path)
    done = animi("interpolate", *key_frames, "-o", tmp_path / "out.gif", "--checkpoint", path)
    assert done.exit_code == 1
    assert done.stderr.endswith("\n") and done.stderr[:-1].isprintable()
    assert len(done.stderr) < 1000


def test_no_message_of_a_command_holds_what_is_not_printable(animi, tmp_path):
    """Names of files, cells of a sheet, and what ffmpeg says of a film, each with a way to rename the window."""
    name = "\x1b]0;gone\x07\u202e"
    sheet, film = tmp_path / f"{name}.csv", tmp_path / f"{name}.mp4"
    sheet.write_text(f"drawing,hold,inbetweens,spacing\n{name},1,1,linear\n")
    film.write_bytes(b"no film")
    picture = tmp_path / "a.png"
    picture.write_bytes(b"no picture")
    for words in (
        ("interpolate", picture, picture, "--sheet", sheet, "-o", tmp_path / "x.gif"),
        ("interpolate", film, "-o", tmp_path / "x.mp4"),
        ("extract-frames", film, "-o", tmp_path / "frames"),
        ("train-noise", "--resume", tmp_path / name),
        ("sample", tmp_path / name, "-o", tmp_path / "x.png"),
        ("interpolate", picture, picture, "--engine", name, "-o", tmp_path / "x.gif"),
        ("interpolate", picture, picture, f"--{name}", "-o", tmp_path / "x.gif"),
        ("report", tmp_path / name, "-o", tmp_path / "x.html"),
    ):
        done = animi(*words)
        assert done.exit_code in (1, 2), words
        assert done.stderr.startswith("animi: ") and done.stderr[:-1].isprintable(), (words, done.stderr)


def test_results_as_json_hold_no_control_characters(animi, tmp_path, draw_disc):
    from animi.core.media.image_files import write_png

    for number in range(2):
        write_png(tmp_path / f"{number}.png", draw_disc(10 + number, 10, (32, 24), 5))
    out = tmp_path / "\x9b31m\x7f\u202e.gif"
    done = animi(
        "interpolate", tmp_path / "0.png", tmp_path / "1.png", "-n", 3, "--engine", "blend", "-o", out, "--json"
    )
    assert done.exit_code == 0, done.stderr
    assert done.stdout[:-1].isprintable()
    assert json.loads(done.stdout)["output"] == str(out)
