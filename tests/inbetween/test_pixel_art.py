"""Pixel art keeps its colours, its grid and its hard edges, for pairs, sheets, animations and films."""

import itertools

import numpy as np
import pytest
from PIL import Image, ImageSequence

from animi.core.errors import InputError
from animi.core.inbetween.pixel_art import find_grid, read_palette

COLOURS = np.array([(0, 0, 0), (40, 20, 30), (200, 40, 20), (240, 120, 20), (250, 220, 80), (70, 60, 90)], np.uint8)


def sprite(x, scale=1):
    """(24, 24, 4): an outlined knight with its left side at x."""
    cells = np.zeros((24, 24), np.uint8)
    cells[4:20, x : x + 9] = 1
    cells[5:11, x + 1 : x + 8] = 5
    cells[6:8, x + 4 : x + 7] = 4
    cells[11:19, x + 1 : x + 8] = 2
    cells[15:19, x + 3 : x + 5] = 3
    frame = np.dstack([COLOURS[cells], np.where(cells > 0, 255, 0).astype(np.uint8)])
    return frame.repeat(scale, 0).repeat(scale, 1)


def save(tmp_path, scale=1, places=(2, 5, 8)):
    folder = tmp_path / "keys"
    folder.mkdir()
    for number, x in enumerate(places):
        Image.fromarray(sprite(x, scale)).save(folder / f"{number}.png")
    return folder


def read(path):
    if path.is_dir():
        return [np.asarray(Image.open(file).convert("RGBA")) for file in sorted(path.glob("*.png"))]
    return [np.asarray(frame.convert("RGBA")) for frame in ImageSequence.Iterator(Image.open(path))]


def colours_of(frames):
    return {tuple(int(v) for v in colour[:3]) for frame in frames for colour in frame[frame[..., 3] > 0]}


@pytest.mark.parametrize(("engine", "scale"), [("flow", 1), ("flow", 8), ("motion", 8)])
def test_in_betweens_have_the_key_frames_colours_grid_and_alpha(animi, tmp_path, engine, scale):
    keys = save(tmp_path, scale)
    run = animi("interpolate", keys, "-n", 4, "-o", tmp_path / "out", "--engine", engine, "--pixel-art")
    assert run.exit_code == 0, run.output
    frames = read(tmp_path / "out")
    assert len(frames) == 7
    assert colours_of(frames) <= colours_of([sprite(2)])
    for frame in frames:
        assert set(np.unique(frame[..., 3])) <= {0, 255}
        small = frame[::scale, ::scale]
        assert np.array_equal(frame, small.repeat(scale, 0).repeat(scale, 1))
    shown = [frame[::scale, ::scale] for frame in frames]
    assert np.array_equal(shown[3][shown[3][..., 3] > 0], sprite(5)[sprite(5)[..., 3] > 0])
    # it moves by three cells in three steps: by one whole cell each
    for number, x in enumerate(range(2, 9)):
        wanted = sprite(x)
        off = (shown[number][..., 3] != wanted[..., 3]) | (shown[number][..., :3] != wanted[..., :3]).any(2)
        assert off.sum() <= 8


@pytest.mark.parametrize("name", ["out.gif", "out.webp", "out.png"])
def test_formats_keep_it(animi, tmp_path, name):
    run = animi("interpolate", save(tmp_path), "-n", 3, "-o", tmp_path / name, "--engine", "flow", "--pixel-art")
    assert run.exit_code == 0, run.output
    frames = read(tmp_path / name)
    assert colours_of(frames) <= colours_of([sprite(2)])
    assert {int(v) for frame in frames for v in np.unique(frame[..., 3])} == {0, 255}


def test_sheets_and_films_keep_it(animi, tmp_path):
    keys = save(tmp_path)
    (tmp_path / "walk.csv").write_text("drawing,hold,inbetweens,on\n0.png,1,2,1\n1.png,1,1,2\n2.png,2\n")
    run = animi(
        *("interpolate", keys, "--sheet", tmp_path / "walk.csv", "-o", tmp_path / "sheet"),
        *("--engine", "flow", "--pixel-art"),
    )
    assert run.exit_code == 0, run.output
    assert colours_of(read(tmp_path / "sheet")) <= colours_of([sprite(2)])
    ground = np.full((24, 24, 3), COLOURS[5], np.uint8)
    pages = [Image.fromarray(np.where(sprite(x)[..., 3:] > 0, sprite(x)[..., :3], ground)) for x in (2, 5, 8, 11)]
    pages[0].save(tmp_path / "film.gif", save_all=True, append_images=pages[1:], duration=100, loop=0)
    run = animi("interpolate", tmp_path / "film.gif", "-o", tmp_path / "new", "--engine", "flow", "--pixel-art")
    assert run.exit_code == 0, run.output
    frames = read(tmp_path / "new")
    assert len(frames) == 8 and colours_of(frames) <= {tuple(int(v) for v in colour) for colour in COLOURS}


def test_a_palette_wins(animi, tmp_path):
    (tmp_path / "two.hex").write_text("28141e\nc82814\n")
    run = animi(
        *("interpolate", save(tmp_path), "-n", 3, "-o", tmp_path / "out", "--engine", "flow"),
        *("--pixel-art", "--palette", tmp_path / "two.hex"),
    )
    assert run.exit_code == 0, run.output
    assert colours_of(read(tmp_path / "out")[1::2]) <= {(40, 20, 30), (200, 40, 20)}
    run = animi("interpolate", tmp_path / "keys", "-o", tmp_path / "no", "--palette", tmp_path / "two.hex")
    assert run.exit_code == 2 and "--pixel-art" in run.output


def test_palettes_are_read(tmp_path):
    wanted = [[40, 20, 30], [200, 40, 20]]
    files = {
        "a.gpl": "GIMP Palette\nName: two\nColumns: 2\n#\n 40  20  30\tdark\n200 40 20 red\n",
        "a.hex": "28141e\n#c82814\n",
        "a.pal": "JASC-PAL\n0100\n2\n40 20 30\n200 40 20\n",
    }
    for name, text in files.items():
        (tmp_path / name).write_text(text)
        assert read_palette(tmp_path / name).tolist() == wanted
    Image.fromarray(np.array([wanted], np.uint8)).save(tmp_path / "a.png")
    assert read_palette(tmp_path / "a.png").tolist() == wanted
    (tmp_path / "none.gpl").write_text("GIMP Palette\n")
    with pytest.raises(InputError, match="no colour"):
        read_palette(tmp_path / "none.gpl")
    with pytest.raises(InputError, match="no such file"):
        read_palette(tmp_path / "missing.hex")
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (90, 90, 3), np.uint8)).save(tmp_path / "photo.png")
    with pytest.raises(InputError, match="more than"):
        read_palette(tmp_path / "photo.png")


def test_grids_are_found():
    for scale, (x, y) in itertools.product((1, 2, 8), ((0, 0), (0, 0))):
        grid = find_grid([sprite(2, scale), sprite(3, scale)])
        assert (grid.cell, grid.x, grid.y, grid.describe()) == (scale, x, y, None)
    offset = np.pad(sprite(2, 8), ((0, 0), (3, 0), (0, 0)))[:, :192]
    grid = find_grid([offset])
    assert (grid.cell, grid.x) == (8, 3) and "begins at 3,0" in grid.describe()
    uneven = np.asarray(Image.fromarray(sprite(2)).resize((60, 60), Image.Resampling.NEAREST))
    assert "not a whole number" in find_grid([uneven]).describe()
