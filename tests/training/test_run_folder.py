"""A run's folder: what is in it, and what a run that goes on may be given anew."""

import json
import os
import re
import subprocess
import sys
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from animi.core.config.material import ClipConfig
from animi.core.config.serialise import build_config, describe_config
from animi.core.config.training import TrainingConfig
from animi.core.errors import CheckpointError, ConfigError, InputError, OutputError
from animi.core.lock import LOCK
from animi.core.media.image_files import read_image
from animi.core.training.metrics_file import read_metrics, read_series
from animi.core.training.run_folder import Network, lay_grid, open_run
from animi.core.training.run_settings import read_run_config, resume_config
from animi.core.training.state import capture_state
from animi.core.weights.checkpoint import read_header
from animi.core.weights.find import find_states


@dataclass(frozen=True)
class Net:
    width: int = 2


@dataclass(frozen=True)
class Settings:
    data: tuple[Path, ...]
    betas: tuple[float, float] = (0.5, 0.999)
    fps: Fraction = Fraction(24)
    first_weights: Path | None = None
    output: Path = Path("run")
    clips: ClipConfig = ClipConfig(size=64)  # noqa: RUF009 - frozen
    training: TrainingConfig = TrainingConfig(steps=40)  # noqa: RUF009


SETTINGS = Settings((Path("a"), Path("b")), first_weights=Path("vgg.safetensors"))


def save(run, step, value=1.0, keep=3):
    module = nn.Linear(1, 1)
    nn.init.constant_(module.weight, value)
    return run.save(step, capture_state(step, {"net": module}, {}, {}), Network(module, "net", Net()), keep)


@pytest.fixture
def folder(tmp_path):
    """A run of three checkpoints, killed after it had gone on for a while."""
    run = open_run(tmp_path / "run", SETTINGS, command="train")
    run.show_reals(torch.zeros(4, 3, 8, 8))
    for step in range(10, 90, 10):
        run.log(step, {"net/loss": float(step)})
        if step in (60, 80):
            run.sample(step, torch.zeros(4, 3, 8, 8))
        if step % 20 == 0 and step < 70:
            save(run, step, step)
    run.close()
    return run.folder


def test_a_run_holds_its_settings_numbers_pictures_and_checkpoints(folder):
    found = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    found = [name for name in found if not name.startswith("tensorboard/")]
    steps = [f"{step:08d}" for step in (20, 40, 60)]
    assert found == sorted(
        ["config.json", "metrics.jsonl", "losses.png", "samples/reals.png"]
        + [f"samples/fakes-{step:08d}.png" for step in (60, 80)]
        + [f"checkpoints/{step}{kind}.safetensors" for step in steps for kind in ("", ".state")]
    )
    assert read_metrics(folder)[2] == {"step": 30, "net/loss": 30.0}
    assert read_series(folder)["net/loss"] == (list(range(10, 90, 10)), [float(s) for s in range(10, 90, 10)])
    assert read_header(folder / "checkpoints" / "00000040.safetensors").step == 40
    Image.open(folder / "losses.png").verify()
    command, settings = read_run_config(folder)
    assert command == "train"
    assert build_config(Settings, settings) == SETTINGS
    assert build_config(Settings, json.loads(json.dumps(describe_config(SETTINGS)))) == SETTINGS


def test_sequences_move_in_a_gif_of_a_grid(tmp_path):
    run = open_run(tmp_path / "run", SETTINGS)
    clips = torch.linspace(-1, 1, 5)[None, :, None, None, None].expand(4, 5, 3, 8, 8)
    run.show_reals(clips)
    run.sample(7, clips)
    with Image.open(run.folder / "samples" / "clips-00000007.gif") as gif:
        assert gif.n_frames == 5
        assert gif.size == (18, 18)
        shades = []
        for number in range(5):
            gif.seek(number)
            shades.append(gif.convert("RGB").getpixel((3, 3))[0])
    assert shades == pytest.approx([0, 64, 128, 191, 255], abs=2)
    assert (run.folder / "samples" / "reals.gif").is_file()
    assert read_image(run.folder / "samples" / "reals.png")[3, 3].tolist() == [0, 0, 0]


def test_pictures_stand_in_rows_with_white_between():
    frames = [np.full((4, 6, 3), shade, np.uint8) for shade in (10, 20, 30, 40, 50)]
    grid = lay_grid(frames)
    assert grid.shape == (16, 14, 3)
    assert [grid[0, 0, 0], grid[0, 8, 0], grid[6, 0, 0], grid[12, 0, 0], grid[12, 8, 0]] == [10, 20, 30, 50, 255]
    assert grid[4, 0, 0] == grid[0, 6, 0] == 255
    assert lay_grid(frames, columns=5).shape == (4, 38, 3)


def test_the_newest_checkpoints_are_kept_and_the_best_beside_them(tmp_path):
    run = open_run(tmp_path / "run", SETTINGS)
    for step, score in ((10, 0.5), (20, 0.9), (30, 0.7), (40, 0.9)):
        save(run, step, step, keep=2)
        module = nn.Linear(1, 1)
        assert run.save_best(step, score, Network(module, "net", Net())) == (step in (10, 20))
    assert [path.name for path in find_states(run.folder)] == [
        "00000030.state.safetensors",
        "00000040.state.safetensors",
    ]
    assert sorted(path.name for path in (run.folder / "checkpoints").iterdir())[0] == "00000030.safetensors"
    assert read_header(run.folder / "best.safetensors").step == 20
    assert json.loads((run.folder / "best.json").read_text()) == {"step": 20, "score": 0.9}


def test_a_run_that_goes_on_forgets_what_came_after_its_last_checkpoint(folder):
    with (folder / "metrics.jsonl").open("a") as file:
        file.write('{"step": 90, "net/lo')  # killed in the midst of a line
    (folder / "checkpoints" / ".animi-x").mkdir()
    run = open_run(folder, SETTINGS, resume=True, command="train")
    assert run.first_step == 60
    assert run.state.tensors["module/net/weight"].item() == 60
    assert [record["step"] for record in read_metrics(folder)] == [10, 20, 30, 40, 50, 60]
    assert sorted(path.name for path in (folder / "samples").iterdir()) == ["fakes-00000060.png", "reals.png"]
    assert not list(folder.rglob(".animi-*"))
    run.log(70, {"net/loss": 1.0})
    assert read_metrics(folder)[-1] == {"step": 70, "net/loss": 1.0}
    assert run.notes == []


def test_a_damaged_checkpoint_is_told_of_and_the_one_before_taken(folder):
    newest = find_states(folder)[-1]
    newest.write_bytes(newest.read_bytes()[:100])
    run = open_run(folder, SETTINGS, resume=True, command="train")
    assert run.first_step == 40
    assert run.notes == [f"{newest}: is damaged; remove it to resume from the checkpoint before"]
    assert not newest.exists()


def test_where_all_checkpoints_are_damaged_nothing_is_removed(folder):
    for path in find_states(folder):
        path.write_bytes(b"x")
    before = sorted(folder.rglob("*"))
    with pytest.raises(CheckpointError, match=r"00000060\.state\.safetensors: is damaged"):
        open_run(folder, SETTINGS, resume=True, command="train")
    assert sorted(folder.rglob("*")) == before


def test_a_run_stopped_before_its_first_checkpoint_starts_from_the_beginning(tmp_path):
    run = open_run(tmp_path / "run", SETTINGS, command="train")
    run.log(1, {"net/loss": 1.0})
    run.close()  # as its end does, in whatever way it ended
    again = open_run(tmp_path / "run", SETTINGS, resume=True, command="train")
    assert (again.first_step, again.state) == (0, None)
    assert "has no checkpoint yet" in again.notes[0]
    assert read_metrics(tmp_path / "run") == []


def test_a_run_killed_before_it_told_its_settings_is_begun_again_by_the_same_command(tmp_path):
    for held in (".animi-abc", "samples", "checkpoints"):  # in the order in which a beginning run makes them
        (tmp_path / "run" / held).mkdir(parents=True, exist_ok=True)
        open_run(tmp_path / "run", SETTINGS, command="train")
        (tmp_path / "run" / "config.json").unlink()


def test_a_new_run_does_not_touch_what_is_there(folder, tmp_path):
    with pytest.raises(OutputError, match="holds something already; add --resume to resume it"):
        open_run(folder, SETTINGS, command="train")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter.txt").write_text("dear")
    with pytest.raises(OutputError, match="holds something already; choose another folder"):
        open_run(tmp_path / "mine", SETTINGS)
    with pytest.raises(OutputError, match="cannot be made"):
        open_run(tmp_path / "mine" / "letter.txt" / "run", SETTINGS)


@pytest.mark.parametrize(
    ("change", "flag", "words"),
    [
        ({"betas": (0.9, 0.999)}, "--betas", "0.9 0.999 was given, but .* was started with 0.5 0.999"),
        ({"first_weights": None}, "--first-weights", "none was given, but .* was started with vgg.safetensors"),
        ({"clips": ClipConfig(size=128)}, "--size", "128 was given, but .* was started with 64"),
        ({"training": TrainingConfig(steps=40, batch_size=8)}, "--batch-size", "8 was given, .* started with 16"),
    ],
)
def test_other_settings_are_rejected_by_their_flag(folder, change, flag, words):
    with pytest.raises(ConfigError, match=f"^{flag}: {words}; leave it away, or start a new run in another folder"):
        open_run(folder, replace(SETTINGS, **change), resume=True, command="train")
    assert read_metrics(folder)[-1]["step"] == 80  # nothing was forgotten yet


def test_a_run_goes_on_with_its_own_settings_and_those_that_may_change(folder):
    config = resume_config(folder, Settings, {"steps": 100, "device": "cpu"})
    assert config == replace(SETTINGS, training=replace(SETTINGS.training, steps=100, device="cpu"))
    open_run(folder, config, resume=True, command="train").close()
    assert resume_config(folder, Settings, {}) == config
    assert resume_config(folder, Settings, {"size": 64}) == config
    with pytest.raises(ConfigError, match=r"^--size: 32 was given, but"):
        resume_config(folder, Settings, {"size": 32})
    with pytest.raises(ConfigError, match=r"^--seed: 3 was given, but .* started with 0"):
        resume_config(folder, Settings, {"seed": 3})  # of clips and of the training
    moved = folder.rename(folder.with_name("moved"))
    assert resume_config(moved, Settings, {"output": moved}).output == moved
    with pytest.raises(KeyError, match="there is no setting colours"):
        resume_config(moved, Settings, {"colours": 3})


def test_what_is_no_run_of_this_command_is_rejected(folder, tmp_path):
    with pytest.raises(InputError, match="is a run of train; resume it with that command"):
        open_run(folder, SETTINGS, resume=True, command="train-noise")
    with pytest.raises(InputError, match=r"is no run, as it has no config\.json"):
        open_run(tmp_path, SETTINGS, resume=True, command="train")
    with pytest.raises(InputError, match="its settings are of another command or version"):
        resume_config(folder, Net, {})


def test_a_damaged_line_is_named(folder):
    lines = (folder / "metrics.jsonl").read_text().splitlines()
    (folder / "metrics.jsonl").write_text("\n".join([lines[0], "{", *lines[2:]]) + "\n")
    with pytest.raises(InputError, match=r"metrics\.jsonl: line 2 is damaged"):
        read_metrics(folder)


def test_other_processes_write_nothing(folder):
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*")}
    run = open_run(folder, SETTINGS, resume=True, command="train", writes=False)
    assert run.first_step == 60
    run.log(70, {"net/loss": 1.0})
    run.sample(70, torch.zeros(1, 3, 8, 8))
    run.show_reals(torch.zeros(1, 3, 8, 8))
    save(run, 70)
    assert not run.save_best(70, 9.0, Network(nn.Linear(1, 1), "net", Net()))
    run.close()
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*")} == before


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_cannot_be_written_is_named(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(OutputError, match="cannot be made"):
        open_run(tmp_path / "run", SETTINGS)
    tmp_path.chmod(0o700)


def test_tensorboard_gets_numbers_and_pictures_where_it_is_installed(tmp_path):
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    run = open_run(tmp_path / "run", SETTINGS)
    run.log(5, {"net/loss": 0.25, "warning": "words are no numbers"})
    run.sample(5, torch.zeros(4, 3, 8, 8))
    run.close()
    events = EventAccumulator(str(tmp_path / "run" / "tensorboard"))
    events.Reload()
    assert [(event.step, event.value) for event in events.Scalars("net/loss")] == [(5, 0.25)]
    assert [event.step for event in events.Images("fakes")] == [5]


def test_two_runs_at_once(tmp_path):
    run = open_run(tmp_path / "run", SETTINGS, command="train")
    run.log(1, {"net/loss": 1.0})
    before = (tmp_path / "run" / "metrics.jsonl").read_bytes()
    for resume in (False, True):
        with pytest.raises(OutputError) as caught:
            open_run(tmp_path / "run", SETTINGS, resume, command="train")
        assert re.search(rf"process {os.getpid()} on|holds something already", str(caught.value)), caught.value
    assert (tmp_path / "run" / "metrics.jsonl").read_bytes() == before
    run.close()
    again = open_run(tmp_path / "run", SETTINGS, resume=True, command="train")
    assert again.first_step == 0
    again.close()
    assert not (tmp_path / "run" / LOCK).exists()


@pytest.mark.parametrize("begun", [False, True])
def test_a_run_says_who_has_its_folder(tmp_path, begun):
    folder = tmp_path / "run"
    if begun:
        open_run(folder, SETTINGS, command="train").close()
    code = (
        "import sys, time; from pathlib import Path; from animi.core.lock import locked\n"
        "with locked(Path(sys.argv[1])): print('locked', flush=True); time.sleep(60)"
    )
    holder = subprocess.Popen([sys.executable, "-c", code, folder], stdout=subprocess.PIPE)
    try:
        holder.stdout.readline()
        with pytest.raises(OutputError, match=f"process {holder.pid} on .* is writing it"):
            open_run(folder, SETTINGS, begun, command="train")
        # the other processes of one training only read
        open_run(folder, SETTINGS, begun, command="train", writes=False)
    finally:
        holder.kill()
        holder.communicate()
    open_run(folder, SETTINGS, begun, command="train").close()  # a dead run's lock is taken over


@pytest.mark.parametrize(
    "name",
    ["config.json", "metrics.jsonl", "losses.png", "best.json", "best.safetensors", "samples/fakes-00000010.png",
     "checkpoints/00000010.safetensors", "checkpoints/00000020.state.safetensors"],
)  # fmt: skip
@pytest.mark.parametrize("dangling", [False, True])
def test_a_run_is_never_written_through_a_link(folder, tmp_path, name, dangling):
    path, precious = folder / name, tmp_path / "precious"
    data = path.read_bytes() if path.exists() else b"mine"
    dangling = dangling and name != "config.json"  # without which it is no run
    if not dangling:
        precious.write_bytes(data)
    path.unlink(missing_ok=True)
    path.symlink_to(precious)
    with pytest.raises(OutputError, match="is a link, through which nothing is written; remove it"):
        open_run(folder, SETTINGS, True, command="train")
    assert not precious.exists() if dangling else precious.read_bytes() == data


def test_files_of_odd_names_are_left_where_they_are(folder):
    odd = [folder / "samples" / f"fakes-{number}.png" for number in ("²", "٣٣٣", "x", "")]
    for path in odd:
        path.write_bytes(b"mine")
    open_run(folder, SETTINGS, True, command="train").close()
    assert all(path.read_bytes() == b"mine" for path in odd)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"score": "high"}', "{}", '{"score": NaN}', '{"score": Infinity}'])
def test_a_best_score_that_cannot_be_read_is_set_aside(tmp_path, text):
    with open_run(tmp_path / "run", SETTINGS) as run:
        module = nn.Linear(1, 1)
        run.save_best(10, 0.5, Network(module, "net", Net()))
        (tmp_path / "run" / "best.json").write_text(text)
        assert run.save_best(20, 0.1, Network(module, "net", Net()))
        assert not run.save_best(30, 0.05, Network(module, "net", Net()))
    assert (tmp_path / "run" / "best.json.unreadable").read_text() == text
