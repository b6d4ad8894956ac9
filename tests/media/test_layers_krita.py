"""PSD and OpenRaster opened by Krita, on a screen that nobody sees; and what Krita saves, read again."""

import os
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path
from runpy import run_path

import numpy as np
import pytest
from PIL import Image

from animi.core.media.layers.composing import COMPOSED, compose
from animi.core.media.layers.document import Cel, Layer, Picture, spell_path, walk
from animi.core.media.layers.ora import BLENDS as ORA_BLENDS
from animi.core.media.layers.ora import read_ora, write_ora
from animi.core.media.layers.psd import BLENDS as PSD_BLENDS
from animi.core.media.layers.psd import read_psd, write_psd

made = run_path(str(Path(__file__).with_name("layered.py")))
pytestmark = pytest.mark.skipif(
    not os.environ.get("ANIMI_TEST_KRITA") or not (shutil.which("krita") and shutil.which("xvfb-run")),
    reason="needs ANIMI_TEST_KRITA=1, Krita and Xvfb (apt-get install krita xvfb xauth)",
)


def convert(home, source, target):
    """Has Krita open a file and save it in another format."""
    home.mkdir(exist_ok=True, mode=0o700)
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "QT_"))}
    environment |= {"HOME": str(home), "XDG_RUNTIME_DIR": str(home), "LC_ALL": "C.UTF-8", "LIBGL_ALWAYS_SOFTWARE": "1"}
    words = ["xvfb-run", "-a", "krita", "--export", "--export-filename", target, source]
    subprocess.run(words, env=environment, check=True, timeout=180, capture_output=True)


def test_krita_shows_and_saves_the_same(tmp_path):
    picture = made["draw"](40)
    unclipped = replace(picture, layers=tuple(map(without_clipping, picture.layers)))
    write_psd(tmp_path / "a.psd", unclipped)
    write_ora(tmp_path / "a.ora", unclipped)
    names = [spell_path(path) for path, _ in walk(picture.layers)]
    flat = compose(unclipped).astype(int)
    for kind in ("psd", "ora"):
        convert(tmp_path / "home", tmp_path / f"a.{kind}", tmp_path / f"{kind}.png")
        with Image.open(tmp_path / f"{kind}.png") as image:
            assert np.abs(np.asarray(image.convert("RGBA")) - flat).mean() < 0.3
    convert(tmp_path / "home", tmp_path / "a.ora", tmp_path / "krita.psd")
    convert(tmp_path / "home", tmp_path / "a.psd", tmp_path / "krita.ora")
    for found in (read_psd(tmp_path / "krita.psd"), read_ora(tmp_path / "krita.ora")):
        assert [spell_path(path) for path, _ in walk(found.pictures[0].layers)] == names
        assert np.abs(compose(found.pictures[0]) - flat).mean() < 0.3


def without_clipping(layer):
    """A layer that does not clip, as Krita 5.1 reads none that does from a PSD."""
    children = None if layer.children is None else tuple(map(without_clipping, layer.children))
    return replace(layer, clips=False, children=children)


@pytest.mark.parametrize(("kind", "write", "known"), [("ora", write_ora, ORA_BLENDS), ("psd", write_psd, PSD_BLENDS)])
def test_krita_blends_layers_in_the_same_way(tmp_path, kind, write, known):
    """A block in each mode over one ground, its upper half half transparent."""
    modes = [blend for blend in COMPOSED if blend in known and blend != "atop"]
    side, columns = 32, 5
    rows = -(-len(modes) // columns)
    rng = np.random.default_rng(1)

    def blur(height, width, alpha):
        small = rng.integers(0, 256, (height // 2, width // 2, 3), dtype=np.uint8)
        colours = np.asarray(Image.fromarray(small).resize((width, height), Image.Resampling.BICUBIC))
        return np.dstack([colours, np.full((height, width), alpha, np.uint8)])

    layers = [Layer("ground", Cel(blur(rows * side, columns * side, 255)))]
    places = {}
    for number, mode in enumerate(modes):
        block = blur(side, side, 255)
        block[: side // 2, :, 3] = 128
        y, x = number // columns * side, number % columns * side
        places[mode] = np.s_[y : y + side, x : x + side]
        layers.append(Layer(mode, Cel(block, x, y), blend=mode))
    picture = Picture(columns * side, rows * side, tuple(layers))
    write(tmp_path / f"a.{kind}", picture)
    convert(tmp_path / "home", tmp_path / f"a.{kind}", tmp_path / "a.png")
    with Image.open(tmp_path / "a.png") as image:
        apart = np.abs(np.asarray(image.convert("RGBA")) - compose(picture).astype(int))
    for mode, place in places.items():
        # Krita has other formulas where vivid light and hard mix come to their ends
        assert apart[place].mean() < (1.5 if mode in ("vivid-light", "hard-mix") else 0.5), mode
        assert np.quantile(apart[place], 0.97) <= 2, mode
