"""The ComfyUI nodes, by ComfyUI's contract: it is not here, so its progress bar and its Cancel are stand-ins."""

import importlib.util
import json
import sys
import types
from pathlib import Path

import numpy as np
import pytest
import torch

from animi.core.api import ENGINES, ConfigError, interpolate
from animi.core.media.image_files import read_image

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "plugins/comfyui"


class Interrupted(BaseException):
    """As ComfyUI's own, no Exception."""


@pytest.fixture
def comfy(monkeypatch):
    """Stand-ins for what the nodes use of ComfyUI; `.after` frames, a person presses Cancel."""
    state = types.SimpleNamespace(bars=[], after=None)

    class ProgressBar:
        def __init__(self, total):
            self.total, self.done = total, 0
            state.bars.append(self)

        def update(self, value):
            self.done += value

    def throw_exception_if_processing_interrupted():
        if state.after is not None and state.bars[-1].done >= state.after:
            raise Interrupted

    utils, management = types.ModuleType("comfy.utils"), types.ModuleType("comfy.model_management")
    utils.ProgressBar = ProgressBar
    management.throw_exception_if_processing_interrupted = throw_exception_if_processing_interrupted
    for name, module in (
        ("comfy", types.ModuleType("comfy")),
        ("comfy.utils", utils),
        ("comfy.model_management", management),
    ):
        monkeypatch.setitem(sys.modules, name, module)
    return state


@pytest.fixture
def nodes(comfy, monkeypatch):
    """Loads the folder as ComfyUI does: by its path, under any name."""
    spec = importlib.util.spec_from_file_location("custom_nodes_animi", FOLDER / "__init__.py")
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, spec.name, module)
    spec.loader.exec_module(module)
    yield module
    sys.modules.pop("custom_nodes_animi.nodes", None)


def run(nodes, name, **given):
    """Runs a node as ComfyUI does: each field that is not given has its default, the first of its choices."""
    kind = nodes.NODE_CLASS_MAPPINGS[name]
    fields = kind.INPUT_TYPES()
    values = {}
    for key, (type_, *rest) in fields["required"].items():
        default = type_[0] if isinstance(type_, list) else rest[0].get("default")
        values[key] = given.pop(key, default)
    assert set(given) <= set(fields["optional"])
    out = getattr(kind(), kind.FUNCTION)(**values, **given)
    assert isinstance(out, tuple) and len(out) == len(kind.RETURN_TYPES) == len(kind.RETURN_NAMES)
    return out


@pytest.fixture
def keys(draw_disc):
    """Three key frames, (3, 80, 120, 3) in [0, 1], with values that 16 bits do not hold."""
    discs = [draw_disc(x, 40, (120, 80), 12) for x in (30, 50, 70)]
    return torch.from_numpy(np.stack(discs).astype(np.float32) / np.float32(255.3))


@pytest.mark.parametrize(
    ("multiplier", "count", "loop", "total"), [(2, 0, False, 5), (4, 0, False, 9), (4, 3, False, 5), (3, 0, True, 9)]
)
def test_the_number_of_frames_and_the_key_frames(nodes, comfy, keys, multiplier, count, loop, total):
    frames, mask = run(
        nodes, "AnimiInterpolate", frames=keys, multiplier=multiplier, count=count, loop=loop, engine="flow"
    )
    assert frames.shape == (total, 80, 120, 3) and frames.dtype == torch.float32
    assert mask.shape == (total, 80, 120) and not mask.any()
    step = (count or multiplier + 1) - 1
    for number in range(3):
        assert torch.equal(frames[number * step], keys[number])  # bit for bit
    assert [(bar.total, bar.done) for bar in comfy.bars] == [(total, total)]


def test_what_is_drawn_is_what_animi_draws(nodes, keys):
    frames, _ = run(nodes, "AnimiInterpolate", frames=keys, multiplier=3, spacing="ease-in", engine="flow")
    deep = [np.rint(key.numpy() * 65535).astype(np.uint16) for key in keys]
    for number, frame in enumerate(interpolate(deep, 4, spacing="ease-in", engine="flow")):
        assert np.abs(frames[number].numpy() * 65535 - frame).max() < 1


@pytest.mark.parametrize("by", ["mask", "fourth channel"])
def test_alpha_is_kept(nodes, keys, by):
    alpha = torch.zeros(3, 80, 120)
    for number, x in enumerate((30, 50, 70)):
        alpha[number, 26:54, x - 14 : x + 14] = 1
    given = {"frames": keys, "mask": 1 - alpha} if by == "mask" else {"frames": torch.cat([keys, alpha[..., None]], -1)}
    frames, mask = run(nodes, "AnimiInterpolate", engine="flow", **given)
    assert frames.shape == (5, 80, 120, 3)
    assert torch.equal(mask[::2], 1 - alpha)
    columns = (mask[1, 40] < 0.5).nonzero().flatten()  # the window has moved half way, as the disc in it
    assert abs(float(columns.float().mean()) - 40) < 1.5 and 24 <= len(columns) <= 32


def test_a_mask_that_does_not_fit_is_said(nodes, keys):
    with pytest.raises(ValueError, match="has 2 pictures, and there are 3 frames"):
        run(nodes, "AnimiInterpolate", frames=keys, mask=torch.zeros(2, 80, 120))
    _frames, mask = run(nodes, "AnimiInterpolate", frames=keys, mask=torch.ones(64, 64), engine="blend")
    assert mask.min() == 1  # one of another size, as an empty LoadImage gives it, is scaled


def test_one_frame_and_a_multiplier_of_one_come_back(nodes, keys):
    for given in ({"frames": keys[:1]}, {"frames": keys, "multiplier": 1}):
        frames, mask = run(nodes, "AnimiInterpolate", **given)
        assert torch.equal(frames, given["frames"]) and mask.shape == frames.shape[:3]
        assert run(nodes, "AnimiScore", **given)[1] == 0


@pytest.mark.parametrize("name", ["AnimiInterpolate", "AnimiScore"])
def test_cancel_ends_it_between_two_frames(nodes, comfy, keys, name):
    comfy.after = 2
    with pytest.raises(Interrupted):
        run(nodes, name, frames=keys, multiplier=8, engine="flow")
    assert comfy.bars[0].done == 2 and comfy.bars[0].total == 17


def test_hints_and_charts(nodes):
    keys = torch.full((2, 64, 256, 3), 0.9)
    for key, x in zip(keys, (10, 200), strict=True):
        key[20:44, x : x + 24] = torch.tensor([0.8, 0.1, 0.1])
    frames, _ = run(
        nodes,
        "AnimiInterpolate",
        frames=keys,
        engine="flow",
        on_failure="morph",
        hints="22,32>212,32\n",
        chart="0, 0.5, 1",
    )
    columns = (frames[1, 32, :, 1] < 0.5).nonzero().flatten()
    assert len(frames) == 3 and abs(float(columns.float().median()) - 116.5) < 3
    with pytest.raises(ConfigError, match="is no hint"):
        run(nodes, "AnimiInterpolate", frames=keys, hints="left")
    with pytest.raises(ValueError, match="must be numbers"):
        run(nodes, "AnimiInterpolate", frames=keys, chart="half")


def test_score(nodes, comfy):
    keys = torch.full((2, 72, 96, 3), 0.9)
    keys[0, 20:40, 10:30] = torch.tensor([0.8, 0.1, 0.1])  # gone in the second
    doubt, worst, report = run(nodes, "AnimiScore", frames=keys, engine="flow")
    assert doubt.shape == (3, 72, 96) and doubt.dtype == torch.float32
    assert not doubt[0].any() and not doubt[2].any() and doubt[1, 20:40, 10:30].mean() > doubt[1, 50:].mean()
    assert 0 < worst <= 1 and report.startswith("frame 1: ")
    assert [(bar.total, bar.done) for bar in comfy.bars] == [(3, 3)]


def test_conventions(nodes):
    assert nodes.NODE_DISPLAY_NAME_MAPPINGS == {"AnimiInterpolate": "animi Interpolate", "AnimiScore": "animi Score"}
    for kind in nodes.NODE_CLASS_MAPPINGS.values():
        fields = kind.INPUT_TYPES()
        assert fields["required"]["engine"][0] == list(ENGINES)
        for name, (type_, settings) in (fields["required"] | fields["optional"]).items():
            assert isinstance(type_, list) or type_ in {"IMAGE", "MASK", "INT", "BOOLEAN", "STRING"}, name
            assert settings["tooltip"]


def test_the_workflow_fits_the_nodes_and_runs(nodes):
    workflow = json.loads((FOLDER / "workflow.json").read_text(encoding="utf-8"))
    by_id = {node["id"]: node for node in workflow["nodes"]}
    for link, first, slot, last, place, type_ in workflow["links"]:
        assert by_id[first]["outputs"][slot]["type"] == by_id[last]["inputs"][place]["type"] == type_
        assert link in by_id[first]["outputs"][slot]["links"] and by_id[last]["inputs"][place]["link"] == link
    keys = [read_image(ROOT / "demo" / by_id[number]["widgets_values"][0]) for number in (1, 2)]
    batch = torch.from_numpy(np.stack([key[::4, ::4, :3] for key in keys]).astype(np.float32) / 255)
    ours = [node for node in workflow["nodes"] if node["type"] in nodes.NODE_CLASS_MAPPINGS]
    assert {node["type"] for node in ours} == set(nodes.NODE_CLASS_MAPPINGS)
    for node in ours:
        kind = nodes.NODE_CLASS_MAPPINGS[node["type"]]
        fields = {**kind.INPUT_TYPES()["required"], **kind.INPUT_TYPES()["optional"]}
        widgets = [name for name, (type_, _) in fields.items() if type_ not in ("IMAGE", "MASK")]
        assert [place["name"] for place in node["inputs"]] == ["frames", "mask"]
        assert [out["type"] for out in node["outputs"]] == list(kind.RETURN_TYPES)
        values = dict(zip(widgets, node["widgets_values"], strict=True))
        out = run(nodes, node["type"], frames=batch, **values | {"engine": "flow"})
        assert len(out[0]) == values["multiplier"] + 1
