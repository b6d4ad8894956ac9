"""docs/api.md and what it is about: the same names, the same signatures, and examples that run."""

import inspect
import re
import shutil
import subprocess
import sys
from pathlib import Path

import imageio_ffmpeg
import numpy as np
import pytest

from animi.core import api
from animi.core.engines import opening
from animi.core.engines.blend import BlendEngine
from animi.core.inbetween.hints import parse_hint

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "docs/api.md").read_text(encoding="utf-8")
SIGNATURES = re.findall(r"^```python signature\n(.*?)\n```$", TEXT, re.M | re.S)
EXAMPLES = re.findall(r"^```python\n(.*?)\n```$", TEXT, re.M | re.S)
CALLED = {name for name in api.__all__ if inspect.isfunction(getattr(api, name))} | {"InbetweenedFilm"}


def describe(name):
    """A function's signature without its types."""
    signature = inspect.signature(getattr(api, name))
    bare = [parameter.replace(annotation=inspect.Parameter.empty) for parameter in signature.parameters.values()]
    return name + str(signature.replace(parameters=bare, return_annotation=inspect.Signature.empty))


def test_how_frames_are_drawn_reaches_the_engine_from_all_functions(monkeypatch):
    asked = []
    monkeypatch.setattr(opening, "FlowEngine", lambda **options: asked.append(options) or BlendEngine())
    frames = [np.full((16, 16, 3), value, np.uint8) for value in (30, 60, 90)]
    for draw in (api.interpolate, api.score, lambda given, **options: api.InbetweenedFilm(given, 2, **options)):
        for options in ({"mix": True}, {"arcs": True}):
            next(iter(draw(frames, engine="flow", **options)))
            assert asked.pop() == {"mixes": "mix" in options, "arcs": "arcs" in options, "at_once": 1}
        engine = BlendEngine()
        next(iter(draw(frames, engine=engine)))
        assert not asked  # what is open already is not opened again


def test_the_document_has_every_signature_as_it_is():
    assert sorted(SIGNATURES) == sorted(describe(name) for name in CALLED)


def test_every_name_is_there_and_explained():
    assert api.__all__ == sorted(api.__all__, key=lambda name: (name.upper() != name, not name[0].isupper(), name))
    for name in api.__all__:
        assert hasattr(api, name)
        if not name.isupper():
            assert inspect.getdoc(getattr(api, name)), name
        assert re.search(rf"\b{name}\b", TEXT) or name in {"CADENCES", "DEVICES", "EASINGS", "ON_FAILURE"}, name


def test_importing_it_takes_no_torch():
    code = "import sys, animi.core.api; print('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip() == "False"


@pytest.mark.parametrize("number", range(len(EXAMPLES)))
def test_examples_run(tmp_path, monkeypatch, number):
    for name in ("cat-a.png", "cat-b.png"):
        shutil.copy(ROOT / "demo" / name, tmp_path)
    if "film.mp4" in EXAMPLES[number]:
        make = "testsrc=s=96x72:r=12:d=1", "-pix_fmt", "yuv420p", tmp_path / "film.mp4"
        subprocess.run([imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-f", "lavfi", "-i", *make], check=True)
    monkeypatch.chdir(tmp_path)
    exec(compile(EXAMPLES[number], f"docs/api.md, example {number}", "exec"), {"__name__": "example"})


def test_there_is_an_example_of_each_use():
    for name in CALLED - {"count_frames", "open_engine", "read_hints"}:
        assert any(f"{name}(" in example for example in EXAMPLES), name


def test_a_score_for_each_frame(draw_disc):
    keys = [draw_disc(40, 60), draw_disc(70, 60), draw_disc(100, 60)]
    scores = list(api.score(keys, 4, engine="flow"))
    assert len(scores) == api.count_frames(3, 4) == len(list(api.interpolate(keys, 4, engine="flow")))
    for number, one in enumerate(scores):
        assert one.doubt.shape == keys[0].shape[:2] and one.doubt.dtype == np.float32
        assert (one.amount == 0) == (number % 3 == 0)
    looped = list(api.score(keys, 4, loop=True, engine="flow"))
    assert len(looped) == api.count_frames(3, 4, loop=True)


def test_a_score_knows_hints_and_rejects_what_interpolate_rejects(draw_disc):
    keys = [draw_disc(40, 60), draw_disc(180, 60)]
    with pytest.raises(api.ConfigError, match="draws without motion"):
        api.score(keys, 3, engine="blend", hints=parse_hint("40,60>180,60"))
    with pytest.raises(api.InputError, match="two key frames"):
        api.score(keys[:1], 3, engine="blend")
    with pytest.raises(api.InputError, match="make them alike"):
        api.score([keys[0], keys[1][1:]], 3, engine="blend")
