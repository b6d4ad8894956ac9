import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from runpy import run_path

import cv2
import numpy as np
import pytest

from animi.core.cartoon.geometry import place
from animi.core.cartoon.samples import draw_sample
from animi.core.drawn.batches import load_cartoons
from animi.core.errors import InputError
from animi.core.sprites import renderer as sprites
from animi.core.sprites.renderer import SpriteError, SpriteRenderer, find_sprites
from animi.core.sprites.samples import draw_sprite_sample, lay_below, lay_over

pytest.importorskip("rlottie_python")
patience = run_path(str(Path(__file__).parents[1] / "patience.py"))["patience"]


def lottie(colours=((1, 0.2, 0.1), (0.1, 0.3, 1)), frames=30):
    """A square that crosses the sheet from left to right, and one that stays, as a Lottie animation."""

    def layer(index, colour, position):
        shape = [{"ty": "rc", "p": {"a": 0, "k": [0, 0]}, "s": {"a": 0, "k": [30, 30]}, "r": {"a": 0, "k": 0}},
                 {"ty": "fl", "c": {"a": 0, "k": [*colour, 1]}, "o": {"a": 0, "k": 100}},
                 {"ty": "tr", "p": {"a": 0, "k": [0, 0]}, "a": {"a": 0, "k": [0, 0]}, "s": {"a": 0, "k": [100, 100]},
                  "r": {"a": 0, "k": 0}, "o": {"a": 0, "k": 100}}]  # fmt: skip
        still = {"a": 0, "k": 0}
        return {"ty": 4, "ind": index, "ip": 0, "op": frames, "st": 0, "ks": {
            "p": position, "a": {"a": 0, "k": [0, 0, 0]}, "s": {"a": 0, "k": [100, 100, 100]}, "r": still,
            "o": {"a": 0, "k": 100}}, "shapes": [{"ty": "gr", "it": shape}]}  # fmt: skip

    moving = {"a": 1, "k": [{"t": 0, "s": [20, 30, 0], "e": [80, 30, 0], "i": {"x": [1], "y": [1]},
                             "o": {"x": [0], "y": [0]}}, {"t": frames - 1, "s": [80, 30, 0]}]}  # fmt: skip
    layers = [layer(1, colours[0], moving), layer(2, colours[1], {"a": 0, "k": [50, 75, 0]})]
    return {"v": "5.5.0", "fr": 30, "ip": 0, "op": frames, "w": 100, "h": 100, "layers": layers}


@pytest.fixture
def folder(tmp_path):
    for name in ("a", "b", "c"):
        (tmp_path / f"{name}.json").write_text(json.dumps(lottie()))
    return tmp_path


def test_a_sprite_is_rendered_at_any_moment(folder):
    with SpriteRenderer() as renderer:
        start, end = renderer.render(folder / "a.json", 100, [0.0, 1.0])
    assert start.shape == (100, 100, 4)
    assert np.abs(start[30, 20] - np.array([255, 51, 26, 255])).max() <= 1  # RGBA
    assert np.abs(start[75, 50] - np.array([26, 77, 255, 255])).max() <= 1
    assert start[30, 80, 3] == 0 and end[30, 80, 3] == 255 and end[30, 20, 3] == 0


def test_a_broken_file_is_named_and_the_next_one_rendered(folder):
    broken = folder / "broken.json"
    broken.write_text("no lottie at all")
    with SpriteRenderer() as renderer:
        with pytest.raises(SpriteError, match=r"broken\.json"):
            renderer.render(broken, 32, [0.5])
        with pytest.raises(SpriteError, match=r"missing\.json"):
            renderer.render(folder / "missing.json", 32, [0.5])
        assert renderer.render(folder / "a.json", 32, [0.5])[..., 3].any()


def test_a_renderer_that_dies_is_started_anew(folder):
    with SpriteRenderer() as renderer:
        renderer.render(folder / "a.json", 16, [0.0])
        renderer._process.kill()
        with pytest.raises(SpriteError, match="crashes the renderer"):
            renderer.render(folder / "a.json", 16, [0.0])
        assert renderer.render(folder / "a.json", 16, [0.0]).shape == (1, 16, 16, 4)


def test_a_renderer_that_nobody_closes_ends_with_python(folder):
    code = (
        "import sys; from pathlib import Path; from animi.core.sprites.renderer import SpriteRenderer;"
        "renderer = SpriteRenderer(); renderer.render(Path(sys.argv[1]), 16, [0.0]); print(renderer._process.pid)"
    )
    done = subprocess.run([sys.executable, "-c", code, str(folder / "a.json")], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    with pytest.raises(ProcessLookupError):
        os.kill(int(done.stdout), 0)


@pytest.mark.skipif(not hasattr(signal, "SIGSTOP"), reason="needs a way to make a process hang")
def test_a_file_that_takes_for_ever_is_given_up(folder):
    with SpriteRenderer() as renderer:
        renderer.render(folder / "b.json", 16, [0.0])
        os.kill(renderer._process.pid, signal.SIGSTOP)
        renderer.timeout = 0.5
        started = time.monotonic()
        with pytest.raises(SpriteError, match=r"a\.json: takes longer than 0\.5 s"):
            renderer.render(folder / "a.json", 16, [0.0])
        assert time.monotonic() - started < patience(5)
        renderer.timeout = 30
        assert renderer.render(folder / "a.json", 16, [0.0])[..., 3].any()


def test_rows_of_the_index_that_are_held_out_are_never_found(tmp_path):
    rows = "".join(f"pool/{number}.json,lottie\n" for number in range(1, 31)) + "film.mp4,video\n"
    (tmp_path / "index.csv").write_text("file,kind\n" + rows)
    found = {path.name for path in find_sprites(tmp_path)}
    assert found == {f"{number}.json" for number in range(1, 31)} - {"7.json", "17.json", "27.json"}
    assert len(find_sprites(tmp_path, held_out=None)) == 30


def test_rows_that_are_held_out_are_not_found_by_way_of_a_folder_below_the_index(tmp_path):
    """Training once took what figures are measured on, as the folder of animations has no index of its own."""
    pool = tmp_path / "pool"
    pool.mkdir()
    for number in range(1, 11):
        (pool / f"{number}.json").write_text("{}")
    rows = "".join(f"pool/{number}.json,lottie\n" for number in range(1, 11))
    (tmp_path / "index.csv").write_text("file,kind\n" + rows)
    assert [path.name for path in find_sprites(pool)] == [f"{number}.json" for number in range(1, 11) if number != 7]
    (tmp_path / "index.csv").write_text("name,price\nsomething,else\n")
    assert len(find_sprites(pool)) == 10


def test_a_folder_without_sprites_is_rejected(tmp_path):
    with pytest.raises(InputError, match="holds no sprites"):
        find_sprites(tmp_path)


def test_without_the_library_one_line_says_what_to_install(monkeypatch):
    monkeypatch.setattr(sprites, "find_spec", lambda name: None)
    for name, library in (("a.json", "rlottie-python"), ("a.svg", "resvg-py")):
        with pytest.raises(SpriteError, match=rf"need {library}, .*pip install 'animi\[sprites\]'"):
            SpriteRenderer().count_frames(Path(name))


def laid(held, move=(12, 5)):
    below = draw_sample(2, 0, 96, worn=False)
    sprite = np.zeros((3, 40, 40, 4), np.uint8)
    sprite[:, 4:36, 4:36] = (200, 40, 40, 255)
    sprite[:, 12:18, 10:30] = (20, 20, 90, 255)
    where = [place(20, 30), place(20 + move[0] * below.t, 30 + move[1] * below.t), place(20 + move[0], 30 + move[1])]
    return below, lay_over(below, sprite, where, held=held)


def test_a_held_sprite_moves_exactly_as_it_is_moved():
    below, sample = laid(held=True)
    here = np.zeros((96, 96), bool)
    here[34:66, 24:56] = True
    assert np.allclose(sample.forward.flow[here], (12, 5), atol=1e-4)
    assert sample.forward.visible[here].all() and sample.forward_observable[here].all()
    assert np.array_equal(sample.forward.flow[~here], below.forward.flow[~here])
    assert np.array_equal(sample.first[30 + 10, 20 + 6], (200, 40, 40))
    assert np.array_equal(sample.last[30 + 5 + 10, 20 + 12 + 6], (200, 40, 40))
    y, x = np.nonzero(here)
    assert np.abs(sample.first[y, x].astype(int) - sample.last[y + 5, x + 12]).max() <= 1
    # what the sprite moves onto is no longer seen
    still = np.hypot(*below.forward.flow.transpose(2, 0, 1)) == 0
    onto = np.zeros((96, 96), bool)
    onto[39:71, 36:68] = True
    assert not sample.forward.visible[onto & ~here & still].any()


def test_a_sprite_that_plays_has_no_known_motion():
    below, sample = laid(held=False)
    assert not sample.forward.known[34:66, 24:56].any() and not sample.forward_observable[34:66, 24:56].any()
    assert not sample.backward.known[39:71, 36:68].any()
    assert np.array_equal(sample.forward.known[:20], below.forward.known[:20])


def test_a_plain_ground_keeps_still_or_slides_as_its_motion_says():
    sample = draw_sample(3, 1, 64, worn=False)
    kinds = set()
    for seed in range(12):
        ground = lay_below(sample, np.random.default_rng(seed))
        slides = not np.array_equal(ground.first, ground.last)
        kinds.add("slides" if slides else "one colour" if np.ptp(ground.first[..., 0]) == 0 else "gradient")
        assert ground.t == sample.t and ground.first.dtype == np.uint8
        if not slides:
            assert not ground.forward.flow.any() and not ground.forward_observable.any()
            continue
        x, y = ground.forward.flow[0, 0]
        assert (ground.backward.flow == (-x, -y)).all()
        to = np.array([[1, 0, -x], [0, 1, -y]])  # back again
        back = cv2.warpAffine(ground.last, to, (64, 64), flags=cv2.INTER_LINEAR)
        gap = np.abs(back.astype(int) - ground.first).mean(2)[ground.forward.visible]
        assert np.median(gap) < 4
    assert kinds == {"one colour", "gradient", "slides"}


def test_sprite_samples_and_batches_repeat_and_pass_broken_files_over(folder):
    found = [*find_sprites(folder), folder / "broken.json"]
    (folder / "broken.json").write_text("{}")
    with SpriteRenderer() as renderer:
        for number in range(6):
            one, two = (draw_sprite_sample(5, number, 64, found, renderer) for _ in range(2))
            assert np.array_equal(one.middle, two.middle) and np.array_equal(one.forward.flow, two.forward.flow)
            assert not np.array_equal(one.first, draw_sample(5, number, 64).first)
    here = load_cartoons(5, 48, 4, sprites=found, share=0.5)
    away = load_cartoons(5, 48, 4, sprites=found, share=0.5, workers=1)
    for _ in range(2):
        assert all(bool((a == b).all()) for a, b in zip(next(here)[:8], next(away)[:8], strict=True))


def test_the_renderer_is_a_program_of_its_own():
    assert sys.modules.get("animi.core.sprites.program") is None
