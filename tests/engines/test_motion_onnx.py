"""The motion engine by ONNX Runtime: what PyTorch draws, without PyTorch."""

import subprocess
import sys
from dataclasses import replace

import cv2
import numpy as np
import onnx
import onnxruntime
import pytest
import torch

from animi.core.config.interpolation import InterpolateConfig
from animi.core.engines import opening
from animi.core.engines.interface import render_all
from animi.core.engines.motion import MotionEngine, TorchSteps
from animi.core.engines.motion_base import BaseMotionEngine, search_small
from animi.core.engines.motion_onnx import OnnxSteps
from animi.core.engines.network import open_network
from animi.core.engines.opening import open_engine
from animi.core.errors import CheckpointError, ConfigError, DeviceError
from animi.core.graphs.export import make_models
from animi.core.inbetween.hints import parse_hint
from animi.core.inbetween.sequence import interpolate
from animi.core.motion.kept import shrink_once
from animi.core.weights.checkpoint import load_checkpoint, save_checkpoint
from animi.core.weights.find import MOTION_GRAPHS, MOTION_WEIGHTS
from animi.models.autoencoder import PlainAutoEncoder, PlainAutoEncoderConfig
from animi.models.latent_inbetweener import LatentInbetweener
from animi.models.motion import MotionConfig, MotionNetwork, choose_size
from animi.models.working_size import choose_searched_area

TIMES = (0.25, 0.5, 0.8)
SMALL = MotionConfig(width=8, layers=1, heads=2, coarse_rounds=1, fine_rounds=1, drawing=4)


@pytest.fixture(autouse=True)
def alone():
    torch.set_num_threads(1)
    torch.manual_seed(0)


@pytest.fixture(scope="module")
def own():
    """Animi's network by PyTorch and by ONNX Runtime."""
    return load_checkpoint(MOTION_WEIGHTS, torch.device("cpu"))[0], OnnxSteps()


def wake(config):
    """A small network whose every part does something."""
    network = MotionNetwork(config).eval()
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(0.03 * torch.randn_like(parameter))
    return network


def open_models(network):
    """A network's graphs by plain ONNX Runtime, as another program runs them."""
    models = make_models(network, with_weights=True)
    return {name: onnxruntime.InferenceSession(model.SerializeToString()) for name, model in models.items()}


def shrink_and_search(first, last):
    """Two frames at the working size, and the motion of a search."""
    area = choose_searched_area(*first.shape[:2])
    height, width = choose_size(*first.shape[:2], area)
    small = [shrink_once(frame, width, height) for frame in (first, last)]
    return small, search_small((first, last), area, None)[0]


def find_motion(steps, small, given):
    return steps.find_motion(*map(steps.encode, small), given)


def encode_both(sessions, first, last):
    """Both frames' features by a network's graph, as inputs of the next one."""
    names = [each.name for each in sessions["encode"].get_outputs()]
    found = [sessions["encode"].run(None, {"frame": np.asarray(frame)}) for frame in (first, last)]
    return {name: np.concatenate(parts) for name, *parts in zip(names, *found, strict=True)}


def draw_pair(height, width):
    """Blotches, and a disc that goes right over them while they go left."""
    noise = np.random.default_rng(3).uniform(0, 255, (height // 9 + 2, width // 9 + 2, 3)).astype(np.float32)
    ground = cv2.resize(noise, (width + 8, height), interpolation=cv2.INTER_CUBIC).clip(0, 255).astype(np.uint8)
    frames = [np.ascontiguousarray(ground[:, shift : shift + width]) for shift in (0, 6)]
    radius = max(3, min(height, width) // 5)
    for k, frame in enumerate(frames):
        cv2.circle(frame, (width // 3 + k * radius, height // 2), radius, (220, 40, 30), -1)
    return frames


@pytest.mark.parametrize("size", [(96, 128), (64, 64), (7, 5), (40, 700), (300, 21), (225, 333)])
def test_the_steps_are_those_of_pytorch_at_any_size(own, size):
    network, by_onnx = own
    by_torch = TorchSteps(network)
    small, given = shrink_and_search(*draw_pair(*size))
    found = [find_motion(steps, small, given) for steps in (by_torch, by_onnx)]
    for name, one, other in zip(found[0]._fields, *found, strict=True):
        assert one.shape == other.shape and other.dtype == np.float32, name
        assert np.abs(one - other).max() < 2e-3, name  # logits reach 15
    for t in TIMES:
        ways = [steps.find_way(found[0], t) for steps in (by_torch, by_onnx)]
        assert np.abs(ways[0].shift - ways[1].shift).max() < 1e-3
        assert np.abs(ways[0].claim - ways[1].claim).max() < 1e-3
        apart = np.random.default_rng(0).uniform(0, 0.3, ways[0].claim.shape[2:]).astype(np.float32)
        shares = [steps.decide(ways[0], apart) for steps in (by_torch, by_onnx)]
        assert np.abs(shares[0] - shares[1]).max() < 1e-5 and np.ptp(shares[1]) > 0.01


@pytest.mark.parametrize("config", [SMALL, replace(SMALL, guided=True), replace(SMALL, heads=1, layers=2, drawing=6)])
def test_any_motion_network_can_be_written(config):
    network = wake(config)
    sessions = open_models(network)
    first, last = (torch.from_numpy(frame).permute(2, 0, 1)[None] / 127.5 - 1 for frame in draw_pair(48, 80))
    given = torch.randn(2, 2, 3, 5)
    given = torch.nn.functional.interpolate(given, (24, 40), mode="bilinear")
    with torch.inference_mode():
        motion = network.find_motion(first, last, given)
        way = network.find_way(motion, torch.tensor([0.3]))
    named = encode_both(sessions, first, last)
    found = sessions["find_motion"].run(None, named | {"given": np.asarray(given)})
    for name, one, other in zip(motion._fields, motion, [*found, named["small"]], strict=True):
        assert np.abs(one.numpy() - other).max() < 1e-4, name
    parts = {name: part.numpy() for name, part in motion._asdict().items() if name != "fine"}
    parts = {name: np.ascontiguousarray(part) for name, part in parts.items()}
    shift, claim = sessions["find_way"].run(None, parts | {"t": np.array([0.3], np.float32)})
    assert np.abs(way.shift.numpy() - shift).max() < 1e-4 and np.abs(way.claim.numpy() - claim).max() < 1e-4


def test_a_motion_that_agrees_with_nothing_is_none():
    """As the README of an export says for who has no search."""
    network = wake(SMALL)
    first, last = (torch.from_numpy(frame).permute(2, 0, 1)[None] / 127.5 - 1 for frame in draw_pair(64, 96))
    with torch.inference_mode():
        motion = network.find_motion(first, last)
    sessions = open_models(network)
    named = encode_both(sessions, first, last) | {"given": np.full((2, 2, 32, 48), 10_000, np.float32)}
    found = dict(zip(motion._fields[:-1], sessions["find_motion"].run(None, named), strict=True))
    assert np.abs(found["fine"] - motion.fine.numpy()).max() < 1e-3
    assert np.abs(found["visible"] - motion.visible.numpy()).max() < 1e-3


def test_the_graphs_that_ship_are_those_of_the_weights_that_ship(own):
    written = make_models(own[0], with_weights=False)
    assert {path.name for path in MOTION_GRAPHS.iterdir()} == {f"{name}.onnx" for name in written}
    for name, model in written.items():
        shipped = onnx.load(MOTION_GRAPHS / f"{name}.onnx", load_external_data=False)
        assert shipped == model, f"{name}: write it anew with: python -m animi.core.graphs.export"
        assert [opset.version for opset in shipped.opset_import] == [16]
        assert {node.domain for node in shipped.graph.node} == {""}
        assert shipped.ByteSize() < 150_000  # no weights are in it


@pytest.mark.parametrize("kind", ["RGB", "grey", "RGBA", "16 bits"])
@pytest.mark.parametrize("mix", [False, True])
def test_frames_are_those_of_pytorch(own, draw_disc, kind, mix):
    keys = [draw_disc(60, 60), draw_disc(100, 80)]
    if kind == "grey":
        keys = [key[..., :1].copy() for key in keys]
    if kind == "RGBA":
        keys = [np.dstack([key, np.where(key.max(2) > 90, 255, 128).astype(np.uint8)]) for key in keys]
    if kind == "16 bits":
        keys = [key.astype(np.uint16) * 257 for key in keys]
    engines = MotionEngine(own[0], mixes=mix), BaseMotionEngine(own[1], mixes=mix)
    drawn = [np.stack(list(interpolate(keys, 5, engine=engine, on_failure="morph"))) for engine in engines]
    level = np.iinfo(keys[0].dtype).max / 255
    assert np.abs(drawn[0].astype(int) - drawn[1]).max() <= level


def test_hints_have_the_last_word_by_both(own, draw_disc):
    keys = [draw_disc(60, 80), draw_disc(150, 80)]
    hints = parse_hint("60,80>150,80").of(0, 1, 240, 160)
    engines = MotionEngine(own[0]), BaseMotionEngine(own[1])
    drawn = [list(render_all(engine.prepare(*keys, hints), TIMES)) for engine in engines]
    for t, one, other in zip(TIMES, *drawn, strict=True):
        assert np.abs(one.astype(int) - other).max() <= 1
        assert other[80, round(60 + 90 * t)].tolist() == [225, 40, 30]


def test_threads_change_no_bit():
    pairs = [shrink_and_search(*draw_pair(*size)) for size in ((160, 240), (64, 64), (30, 400))]
    found = []
    for count in (1, 2, 3, 5, 16):
        steps = OnnxSteps(threads=count)
        motions = [find_motion(steps, small, given) for small, given in pairs]
        ways = [steps.find_way(motion, 0.3) for motion in motions]
        found.append([part for each in (*motions, *ways) for part in each])
    for other in found[1:]:
        assert all(np.array_equal(one, two) for one, two in zip(found[0], other, strict=True))


def test_drawing_imports_no_pytorch(tmp_path, key_frames):
    program = (
        "import sys\n"
        "from animi.cli.main import app\n"
        "try:\n"
        "    app(sys.argv[1:])\n"
        "finally:\n"
        "    found = {'torch', 'torchvision', 'onnx'} & sys.modules.keys()\n"
        "    print('imported', sorted(found), 'onnxruntime' in sys.modules)\n"
    )
    film = tmp_path / "film.gif"
    hint = ("--hint", "18,16>30,16")
    for words in (
        ("interpolate", *key_frames, "-n", "4", "-o", film),
        ("interpolate", *key_frames, "-n", "4", *hint, "-o", tmp_path / "hinted.png"),
        ("interpolate", film, "-o", tmp_path / "twice.mp4"),
    ):
        done = subprocess.run([sys.executable, "-c", program, *map(str, words)], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        assert done.stdout.splitlines()[-1] == "imported [] True", (words, done.stdout)


def test_a_machine_with_a_gpu_is_asked_of_pytorch(monkeypatch):
    asked = []
    monkeypatch.setattr("animi.core.devices._may_have_gpu", lambda: True)
    monkeypatch.setattr("animi.core.devices.choose_device", lambda name: asked.append(name) or torch.device("cpu"))
    assert isinstance(open_engine()._steps, OnnxSteps) and asked == ["auto"]
    monkeypatch.setattr(opening, "is_cpu", lambda device: False)
    monkeypatch.setattr("animi.core.engines.network.choose_device", lambda name: torch.device("cpu"))
    assert isinstance(open_engine(), MotionEngine)


def test_a_provider_that_fails_leaves_the_cpu_to_draw(monkeypatch, key_frames, animi, tmp_path):
    there = ["DmlExecutionProvider", "CPUExecutionProvider"]
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: there)
    result = animi("interpolate", *key_frames, "-n", 3, "-o", tmp_path / "drawn.png")
    assert result.exit_code == 0, result.stderr
    assert "directml" in result.stderr and "the CPU draws instead" in result.stderr
    result = animi("interpolate", *key_frames, "-n", 3, "-o", tmp_path / "none.png", "--provider", "directml")
    assert result.exit_code == 1 and result.stderr.startswith("animi: --provider: directml ")
    assert len(result.stderr.splitlines()) == 1
    result = animi("interpolate", *key_frames, "-n", 3, "-o", tmp_path / "asked.png", "--device", "cpu")
    assert result.exit_code == 0 and "directml" not in result.stderr


def test_a_provider_is_for_our_own_network(tmp_path):
    with pytest.raises(DeviceError, match=r"openvino is not in this onnxruntime; found here: .*cpu"):
        open_engine(provider="openvino")
    for wrong in (
        {"engine": "flow", "provider": "cpu"},
        {"checkpoint": tmp_path / "x.safetensors", "provider": "cpu"},
        {"device": "cuda", "provider": "directml"},
        {"provider": "tpu"},
    ):
        with pytest.raises(ConfigError, match="--provider: "):
            InterpolateConfig((tmp_path,), tmp_path / "o.gif", **wrong)


def test_missing_and_misfitting_files_are_named(tmp_path, own):
    with pytest.raises(CheckpointError, match=r"none.safetensors: does not exist"):
        OnnxSteps(weights=tmp_path / "none.safetensors")
    with pytest.raises(CheckpointError, match=r"encode.onnx: cannot be read"):
        OnnxSteps(graphs=tmp_path).wait()
    save_checkpoint(tmp_path / "other.safetensors", MotionNetwork(SMALL), "motion", SMALL)
    with pytest.raises(CheckpointError, match=r"encode.onnx: does not fit the weights"):
        OnnxSteps(weights=tmp_path / "other.safetensors").wait()


def test_checkpoints_draw_by_pytorch(tmp_path):
    save_checkpoint(tmp_path / "motion.safetensors", MotionNetwork(SMALL), "motion", SMALL)
    assert isinstance(open_engine(checkpoint=tmp_path / "motion.safetensors", device="cpu"), MotionEngine)
    assert isinstance(open_network(MOTION_WEIGHTS, "cpu"), MotionEngine)


def test_export_writes_graphs_that_run_alone(tmp_path, animi):
    out = tmp_path / "graphs"
    result = animi("export", "--onnx", out, "--json")
    assert result.exit_code == 0, result.stderr
    assert sorted(path.name for path in out.iterdir()) == [
        "README.md", "decide.onnx", "encode.onnx", "find_motion.onnx", "find_way.onnx",
    ]  # fmt: skip
    program = """
import sys
import numpy as np, onnxruntime
open_ = lambda name: onnxruntime.InferenceSession(f"{sys.argv[1]}/{name}.onnx")
steps = encode, find_motion, find_way, decide = [*map(open_, ("encode", "find_motion", "find_way", "decide"))]
print([i.name for step in steps for i in step.get_inputs()])
a = np.random.default_rng(0).uniform(-1, 1, (1, 3, 6, 8)).astype(np.float32).repeat(8, 2).repeat(8, 3)
b = np.roll(a, 8, 3)
given = np.full((2, 2, 24, 32), 10000, np.float32)
names = [o.name for o in encode.get_outputs()]
both = {n: np.concatenate([x, y]) for n, x, y in zip(names, *(encode.run(None, {"frame": f}) for f in (a, b)))}
outputs = find_motion.run(None, both | {"given": given})
found = dict(zip([o.name for o in find_motion.get_outputs()], outputs)) | {"small": both["small"]}
inside = found["fine"][:, 0, 6:-6, 8:-8]
print(round(float(np.median(inside[0]))), round(float(np.median(inside[1]))))
del found["fine"]
shift, claim = find_way.run(None, found | {"t": np.array([0.5], np.float32)})
(share,) = decide.run(None, {"claim": claim, "difference": np.zeros((1, 1, 24, 32), np.float32)})
print(shift.shape, claim.shape, share.shape, round(float(np.median(shift[0, 0, 6:-6, 8:-8]))))
print(sorted({"torch", "animi", "cv2"} & sys.modules.keys()))
"""
    done = subprocess.run([sys.executable, "-c", program, str(out)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    names, motion, way, imported = done.stdout.splitlines()
    readme = (out / "README.md").read_text(encoding="utf-8")
    assert all(f"`{name}`" in readme for name in eval(names))
    assert motion == "4 -4" and way == "(2, 2, 24, 32) (2, 1, 24, 32) (1, 1, 24, 32) -2" and imported == "[]"


def test_export_takes_a_run_and_replaces_only_exports(tmp_path, animi):
    (tmp_path / "run").mkdir()
    save_checkpoint(tmp_path / "run" / "best.safetensors", wake(SMALL), "motion", SMALL, 40)
    out = tmp_path / "graphs"
    assert animi("export", "--onnx", out, "--checkpoint", tmp_path / "run").exit_code == 0
    assert "40 steps" in (out / "README.md").read_text(encoding="utf-8")
    result = animi("export", "--onnx", out)
    assert result.exit_code == 1 and "exists already" in result.stderr
    assert animi("export", "--onnx", out, "--overwrite").exit_code == 0
    (out / "mine.txt").write_text("mine")
    result = animi("export", "--onnx", out, "--overwrite")
    assert result.exit_code == 1 and (out / "mine.txt").exists() and "mine.txt" in result.stderr
    config = PlainAutoEncoderConfig(4, 8)
    other = LatentInbetweener(config, PlainAutoEncoder(config))
    save_checkpoint(tmp_path / "ae.safetensors", other, "plain-autoencoder", config)
    result = animi("export", "--onnx", tmp_path / "no", "--checkpoint", tmp_path / "ae.safetensors")
    assert result.exit_code == 1 and "only motion networks" in result.stderr and not (tmp_path / "no").exists()


def test_export_says_what_it_needs(tmp_path, animi, monkeypatch):
    for name in ("onnx", "animi.core.graphs.motion", "animi.core.graphs.writing"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    monkeypatch.setitem(sys.modules, "onnx", None)
    result = animi("export", "--onnx", tmp_path / "graphs")
    assert result.exit_code == 2 and "pip install 'animi[export]'" in result.stderr
