"""Folders that are read only and disks that are full: every command says so in one line, and harms nothing."""

import json
import shutil
import subprocess
import sys
from fractions import Fraction
from pathlib import Path
from runpy import run_path

import numpy as np
import pytest
import torch

from animi.cli.main import COMMANDS as every_command
from animi.core.config.interpolation import InterpolateFilmConfig
from animi.core.config.jobs import DrawConfig
from animi.core.films.job import draw_job, plan_job
from animi.core.media.encode import write_video
from animi.core.media.image_files import write_png
from animi.core.weights.checkpoint import save_checkpoint
from animi.models.autoencoder import PlainAutoEncoder, PlainAutoEncoderConfig
from animi.models.latent_inbetweener import LatentInbetweener
from animi.models.refinement import Refinement, RefinementConfig
from animi.models.sle import NoiseGenerator, NoiseGeneratorConfig

SCRIPT = Path(__file__).with_name("bad_places.py")
write_random_vgg = run_path(str(Path(__file__).with_name("random_vgg.py")))["write_random_vgg"]
COMMANDS = sorted(run_path(str(SCRIPT))["commands"](Path(), Path(), ""))


def build_inbetweener(config):
    return LatentInbetweener(config, PlainAutoEncoder(config))


@pytest.fixture(scope="module")
def given(tmp_path_factory):
    """What the commands read."""
    folder = tmp_path_factory.mktemp("places") / "given"
    (folder / "frames").mkdir(parents=True)
    (folder / "run").mkdir()
    rng = np.random.default_rng(5)  # noise: results that a small disk cannot hold
    for number in range(9):
        picture = rng.integers(0, 256, (128, 128, 3)).astype(np.uint8)
        write_png(folder / "frames" / f"{number}.png", picture)
        if number < 2:
            write_png(folder / f"{number}.png", picture)
    films = (rng.integers(0, 256, (64, 64, 3)).astype(np.uint8).repeat(2, 0).repeat(2, 1) for _ in range(24))
    write_video(folder / "film.mp4", films, fps=Fraction(12), size=(128, 128))
    torch.manual_seed(0)
    write_random_vgg(folder / "vgg.safetensors")
    nets = {
        "refinement": (Refinement, RefinementConfig(2, 1)),
        "noise": (NoiseGenerator, NoiseGeneratorConfig(64, 5, 4)),
        "auto-encoder": (build_inbetweener, PlainAutoEncoderConfig(4, 8)),
    }
    for name, (kind, config) in nets.items():
        architecture = {"noise": "noise-sle", "auto-encoder": "plain-autoencoder"}.get(name, name)
        save_checkpoint(folder / f"{name}.safetensors", kind(config), architecture, config)
    film = InterpolateFilmConfig(folder / "film.mp4", folder.parent / "smooth.mp4", engine="blend")
    plan_job(film, folder / "job")
    shutil.copytree(folder / "job", folder / "drawn job")
    draw_job(DrawConfig(folder / "drawn job"))
    settings = {f"setting {number}": "x" * 1000 for number in range(300)}
    (folder / "run" / "config.json").write_text(json.dumps({"command": "train-noise", "config": settings}))
    return folder


@pytest.fixture(scope="module", params=["read-only", "full"])
def place(request, given):
    """What came of all commands in a bad place."""
    words = [sys.executable, str(SCRIPT), request.param, str(given.parent)]
    apart = ["unshare", "-rm"]  # where mounting harms nobody
    if not shutil.which("unshare") or subprocess.run([*apart, "true"], capture_output=True).returncode:
        apart = []
    ran = subprocess.run([*apart, *words], capture_output=True, text=True)
    assert ran.returncode == 0 and ran.stderr == "", ran.stderr
    told = json.loads(ran.stdout)
    if not told["how"]:
        pytest.skip("root may write to any folder, and this system lets nobody mount one that is read only")
    return request.param, told["results"]


def test_no_command_that_writes_is_missing():
    tried = {words[0] for words in run_path(str(SCRIPT))["commands"](Path(), Path(), "").values()}
    # these write to a temporary folder alone, or nothing; batch writes as interpolate does, but starts Ray first
    assert tried == set(every_command) - {"studio", "doctor", "batch"}


@pytest.mark.parametrize("command", COMMANDS)
def test_a_bad_place(place, command):
    kind, results = place
    result = results[command]
    assert result["code"] in (1, 2), result
    lines = result["stderr"].splitlines()
    assert len([line for line in lines if line.startswith("animi: ")]) == 1, result["stderr"]
    assert lines[-1].startswith("animi: ") and "Traceback" not in result["stderr"], result["stderr"]
    assert result["harmed"] == [], result
    assert kind == "full" or result["left"] == {}, result
