import json
import subprocess
import sys
from hashlib import sha256
from itertools import islice
from pathlib import Path
from runpy import run_path

import cv2
import imageio_ffmpeg
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from animi.cli.main import app
from animi.core.config.material import ClipConfig
from animi.core.errors import ConfigError, InputError
from animi.core.material.films import (
    FilmFrames,
    ImageFolder,
    Material,
    describe_enlarged,
    hold_out,
    hold_out_clips,
    open_material,
)
from animi.core.material.frame_store import FrameStore
from animi.core.material.loading import load_batches, load_images
from animi.core.material.preview import tile_clips
from animi.core.material.sampler import Clip, ClipSampler
from animi.core.media.image_files import encode_png

PLAIN = {"crop": 1.0, "flip": False, "colour": False, "reverse": False}
STORES = run_path(str(Path(__file__).with_name("stores.py")))
noise, make_store = STORES["noise"], STORES["make_store"]


def scene(number, at):
    """A drawn picture, 96 x 72: background and ball differ from scene to scene, and the ball moves with `at`."""
    colours = [((235, 220, 180), (200, 40, 40)), ((40, 60, 120), (240, 230, 90)), ((90, 160, 90), (30, 20, 60))]
    paper, ball = colours[number]
    picture = np.full((72, 96, 3), paper, np.uint8)
    for row in range(4):
        cv2.line(picture, (0, 14 * row + 9 * number), (95, 20 * row + 5), tuple(c // 2 for c in paper), 2)
    cv2.circle(picture, (14 + 5 * at, 36), 12, ball, -1)
    cv2.circle(picture, (14 + 5 * at, 36), 12, (0, 0, 0), 2)
    return picture


# which clips


@given(
    shots=st.lists(st.integers(1, 14), min_size=1, max_size=6),
    held=st.sets(st.integers(1, 60)),
    length=st.integers(1, 5),
    stride=st.integers(1, 3),
    seed=st.integers(0, 2**40),
)
@settings(max_examples=60, deadline=None)
def test_clips_follow_the_drawings_of_one_shot(shots, held, length, stride, seed):
    records = [{"film": "a", "shot": shot} for shot, frames in enumerate(shots) for _ in range(frames)]
    for number, record in enumerate(records):
        first = number == 0 or records[number - 1]["shot"] != record["shot"]
        record["duplicate_of"] = number - 1 if number in held and not first else None
    frames = np.zeros((len(records), 4, 4, 3), np.uint8)
    material = Material((FilmFrames("a", 0, frames, records),), ("a",))
    config = ClipConfig(length, stride, 4, seed=seed)
    drawings = {}
    for number, record in enumerate(records):
        if record["duplicate_of"] is None:
            drawings.setdefault(record["shot"], []).append(number)
    possible = {
        tuple(shot[first : first + (length - 1) * stride + 1 : stride])
        for shot in drawings.values()
        for first in range(len(shot) - (length - 1) * stride)
    }
    if not possible:
        with pytest.raises(InputError, match=f"a: the longest shot has {max(map(len, drawings.values()))} drawings"):
            ClipSampler(material, config, 8)
        return
    seen = set()
    for step in range(40):
        for clip in ClipSampler(material, config, 8).clips(step):
            seen.add(min(clip.numbers, clip.numbers[::-1]))
    assert seen <= possible
    assert len(possible) > 8 or seen == possible  # and each of them can come


def test_batches_are_what_the_store_holds(tmp_path):
    store = FrameStore.open(make_store(tmp_path / "a", [9, 3, 12]))
    sampler = ClipSampler(open_material([tmp_path / "a"]), ClipConfig(4, 2, 16, **PLAIN), 3)
    batch = sampler.batch(5)
    assert batch.shape == (3, 4, 3, 16, 16) and batch.dtype == torch.uint8
    for clip, drawn in zip(sampler.clips(5), batch.numpy(), strict=True):
        for number, frame in zip(clip.numbers, drawn, strict=True):
            np.testing.assert_array_equal(frame.transpose(1, 2, 0), store[number])


def test_a_batch_depends_on_seed_and_step_only(tmp_path):
    make_store(tmp_path / "a", [30, 20])
    make_store(tmp_path / "b", [30], height=20, width=28)
    material = open_material([tmp_path / "a", tmp_path / "b"])
    config = ClipConfig(4, 1, 12, seed=3)
    alone = [ClipSampler(material, config, 4).batch(step) for step in range(7)]
    assert len({batch.numpy().tobytes() for batch in alone}) == 7
    for workers in (0, 1, 2, 5):
        with_workers = load_batches(ClipSampler(material, config, 4), workers=workers)
        for step, (expected, (at, batch)) in enumerate(zip(alone, with_workers, strict=False)):
            assert at == step and batch.dtype == torch.float32
            torch.testing.assert_close(batch, expected.float().div(127.5).sub(1), rtol=0, atol=0)
    resumed = list(islice(load_batches(ClipSampler(material, config, 4), 4, workers=2), 3))
    assert [step for step, _ in resumed] == [4, 5, 6]
    for step, batch in resumed:
        torch.testing.assert_close(batch, alone[step].float().div(127.5).sub(1), rtol=0, atol=0)
    other = ClipSampler(material, ClipConfig(4, 1, 12, seed=4), 4).batch(0)
    assert not torch.equal(other, alone[0])


def test_a_new_process_draws_the_same_batch(tmp_path):
    folder = make_store(tmp_path / "a", [30])
    code = (
        "import sys; from pathlib import Path; from hashlib import sha256;"
        "from animi.core.config.material import ClipConfig; from animi.core.material.films import open_material;"
        "from animi.core.material.sampler import ClipSampler;"
        "s = ClipSampler(open_material([Path(sys.argv[1])]), ClipConfig(4, 1, 12), 4);"
        "print(sha256(s.batch(9).numpy().tobytes()).hexdigest())"
    )
    drawn = subprocess.run([sys.executable, "-c", code, str(folder)], capture_output=True, check=True, text=True).stdout
    here = ClipSampler(open_material([folder]), ClipConfig(4, 1, 12), 4).batch(9)
    assert drawn.strip() == sha256(here.numpy().tobytes()).hexdigest()


def shares(sampler, steps=150):
    counts = dict.fromkeys((film.name for film in sampler.films), 0)
    for step in range(steps):
        for clip in sampler.clips(step):
            counts[sampler.films[clip.film].name] += 1
    return {name: number / (steps * sampler.batch_size) for name, number in counts.items()}


def test_weights_go_by_the_paths_given(tmp_path):
    series = tmp_path / "series"
    series.mkdir()
    make_store(series / "one", [13])  # 10 clips of 4
    make_store(series / "two", [33])  # 30
    make_store(tmp_path / "film", [43])  # 40
    material = open_material([series, tmp_path / "film"])
    assert [film.name for film in material.films] == ["one", "two", "film"]
    alike = shares(ClipSampler(material, ClipConfig(4, size=4), 20))
    assert alike == pytest.approx({"one": 0.125, "two": 0.375, "film": 0.5}, abs=0.03)
    weighted = shares(ClipSampler(material, ClipConfig(4, size=4, weights=(4.0, 1.0)), 20))
    assert weighted == pytest.approx({"one": 0.2, "two": 0.6, "film": 0.2}, abs=0.03)
    with pytest.raises(ConfigError, match="--weights: 3 were given for 2 paths; give one for each path"):
        ClipSampler(material, ClipConfig(4, size=4, weights=(1, 1, 1)), 20)


# too little


def test_a_film_without_a_long_enough_shot(tmp_path):
    make_store(tmp_path / "short", [7, 5, 9], held={13, 14})
    make_store(tmp_path / "long", [40])
    short, both = open_material([tmp_path / "short"]), open_material([tmp_path / "short", tmp_path / "long"])
    words = "short: the longest shot has 7 drawings, and a clip of 8 frames needs 8; lower --length, or give films"
    with pytest.raises(InputError, match=words):
        ClipSampler(short, ClipConfig(), 2)
    with pytest.raises(InputError, match="a clip of 4 frames at stride 3 needs 10; lower --stride or --length, or"):
        ClipSampler(short, ClipConfig(4, 3), 2)
    assert ClipSampler(short, ClipConfig(7), 2).left_out == []
    sampler = ClipSampler(both, ClipConfig(), 2)
    assert sampler.left_out == ["short"] and [film.name for film in sampler.films] == ["long"]
    with pytest.raises(InputError, match="short: the longest shot has 7 drawings"):
        ClipSampler(both, ClipConfig(weights=(1, 1)), 2)  # it was asked for by its weight


def test_stretches_of_each_film_are_held_out(tmp_path):
    store = make_store(tmp_path / "a", [10, 30])
    folder = tmp_path / "b"
    folder.mkdir()
    for number in range(10):
        (folder / f"{number}.png").write_bytes(encode_png(noise(number)))
    material = open_material([store, folder])
    left, aside = hold_out(material, 0.1)
    assert left.paths == aside.paths == material.paths

    def drawn(part, length):
        sampler = ClipSampler(part, ClipConfig(length=length, **PLAIN), 50)
        return {(clip.film, clip.numbers) for step in range(6) for clip in sampler.clips(step)}

    assert drawn(aside, 1) == {(0, (n,)) for n in range(20, 24)} | {(1, (5,))}
    assert drawn(left, 1) == {
        *((0, (n,)) for n in range(40) if not 20 <= n < 24),
        *((1, (n,)) for n in range(10) if n != 5),
    }
    for _, numbers in drawn(Material(left.films[:1], left.paths[:1]), 5):  # no clip reaches over the gap, or a cut
        assert numbers[-1] - numbers[0] == 4
        assert not {*numbers} & {*range(20, 24)}
        assert (numbers[0] < 10) == (numbers[-1] < 10)
    _, spread = hold_out(open_material([make_store(tmp_path / "long", [320])]), 0.1)
    assert {numbers[0] // 8 for _, numbers in drawn(spread, 1)} == {5, 15, 25, 35}  # four stretches of eight
    (tmp_path / "one").mkdir()
    (tmp_path / "one" / "0.png").write_bytes(encode_png(noise(0)))
    with pytest.raises(InputError, match="one: has one frame, so none can be held out"):
        hold_out(open_material([tmp_path / "one"]), 0.1)


@given(
    films=st.lists(st.lists(st.integers(1, 60), min_size=1, max_size=8), min_size=1, max_size=3),
    span=st.integers(1, 8),
    least=st.integers(1, 12),
    share=st.sampled_from([0.0, 0.05, 0.2]),
)
@settings(max_examples=80, deadline=None)
def test_clips_are_held_out_by_whole_shots_or_their_ends(films, span, least, share):
    records = [[{"film": "a", "shot": s} for s, count in enumerate(shots) for _ in range(count)] for shots in films]
    material = Material(
        tuple(
            FilmFrames(f"{n}", n, np.zeros((len(r), 4, 4, 3), np.uint8), [x | {"duplicate_of": None} for x in r])
            for n, r in enumerate(records)
        ),
        tuple(Path(f"{n}") for n in range(len(films))),
    )
    parted = hold_out_clips(material, share, span, least)
    if parted is None:  # what it takes is the next test's
        return
    assert share
    counts = []
    for part in parted:
        numbers = [{int(n) for shot in film.shots() for n in shot} for film in part.films]
        counts.append(sum(max(0, len(shot) - span + 1) for film in part.films for shot in film.shots()))
        for film, whole in zip(part.films, material.films, strict=True):
            ends = [{int(n) for n in shot} for shot in whole.shots()]
            for shot in film.shots():
                assert not len(shot) or any({int(n) for n in shot} <= each for each in ends)  # of one shot
        if part is parted[0]:
            left = numbers
    for kept, held in zip(left, numbers, strict=True):
        assert not kept & held
    assert counts[0] >= 1 and counts[1] >= least


def test_what_is_held_out_lies_all_over_a_film(tmp_path):
    material = open_material([make_store(tmp_path / "a", [20] * 40)])
    _, aside = hold_out_clips(material, 0.1, 8, 10)
    shots = sorted({int(shot[0]) // 20 for shot in aside.films[0].shots() if len(shot)})
    assert shots == [5, 10, 20, 30]
    assert sum(len(shot) - 7 for shot in aside.films[0].shots() if len(shot)) == 52  # a tenth of 40 times 13
    assert hold_out_clips(material, 0.1, 8, 131) is None  # more than a quarter of it
    assert hold_out_clips(material, 0.1, 8, 130) is not None
    _, end = hold_out_clips(open_material([make_store(tmp_path / "b", [400])]), 0.05, 8, 4)
    assert [len(shot) for shot in end.films[0].shots() if len(shot)] == [7 + 20]
    assert hold_out_clips(material, 0.0, 8, 10) is None


def test_frames_that_are_enlarged_are_told_of(tmp_path):
    material = open_material([make_store(tmp_path / "a", [3]), make_store(tmp_path / "b", [3], height=40, width=32)])
    assert describe_enlarged(material, 16) is None
    told = describe_enlarged(material, 64)
    assert told.startswith("a: its frames are of 16 pixels and are enlarged to 64, which adds no detail, and 1 others")
    assert "--size 64" in told
    assert describe_enlarged(material, 24).startswith("a: its frames are of 16 pixels and are enlarged to 24")


def test_paths_that_hold_no_film(tmp_path):
    with pytest.raises(InputError, match="no film was given"):
        open_material([])
    with pytest.raises(InputError, match="gone: there is no such folder"):
        open_material([tmp_path / "gone"])
    (tmp_path / "film.mp4").write_bytes(b"x")
    with pytest.raises(InputError, match=r"film\.mp4: is a file, .* make one of a film with extract-frames"):
        open_material([tmp_path / "film.mp4"])
    (tmp_path / "empty" / "inside").mkdir(parents=True)
    with pytest.raises(InputError, match="empty: holds neither images nor a frame store"):
        open_material([tmp_path / "empty"])
    make_store(tmp_path / "none", [])
    with pytest.raises(InputError, match="none: holds no frame"):
        open_material([tmp_path / "none"])


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"length": 0}, "--length: 0"),
        ({"stride": 0}, "--stride: 0"),
        ({"size": -1}, "--size: -1"),
        ({"crop": 0.0}, "--crop: 0 is"),
        ({"crop": float("nan")}, "--crop: nan"),
        ({"weights": (1.0, 0.0)}, "--weights: 0 is out"),
        ({"weights": (float("inf"),)}, "--weights: inf"),
        ({"seed": -1}, "--seed: -1"),
    ],
)
def test_settings_that_cannot_be_used(values, words):
    with pytest.raises(ConfigError, match=f"^{words}"):
        ClipConfig(**values)


# how clips are drawn


def test_all_frames_of_a_clip_are_treated_alike(tmp_path):
    make_store(tmp_path / "a", [20], height=24, width=40, frame=lambda number, *size: noise(0, *size))
    sampler = ClipSampler(open_material([tmp_path / "a"]), ClipConfig(5, size=14), 16)
    batch = sampler.batch(0)
    assert (batch == batch[:, :1]).all()  # the film stands still, and so does every clip
    assert len({clip.numpy().tobytes() for clip in batch}) == 16  # but no two clips look alike
    clips = sampler.clips(0)
    assert {clip.flip for clip in clips} == {True, False}
    assert {clip.numbers[0] < clip.numbers[-1] for clip in clips} == {True, False}
    assert len({clip.order for clip in clips}) > 2
    for clip in clips:
        assert 0.75 <= clip.zoom <= 1 and min(clip.gain) > 0 and max(clip.gain) <= 1
        top, left, side = clip.window(24, 40)
        assert 18 <= side <= 24 and 0 <= top <= 24 - side and 0 <= left <= 40 - side


def test_a_clip_is_the_window_mirrored_and_recoloured(tmp_path):
    store = FrameStore.open(make_store(tmp_path / "a", [20], height=24, width=40))
    sampler = ClipSampler(open_material([tmp_path / "a"]), ClipConfig(2, size=24), 1)
    clip = Clip(0, (7, 6), zoom=1.0, down=0.0, across=0.5, flip=True, order=(2, 0, 1), gain=(1.0, 0.5, 0.8))
    drawn = np.empty((2, 3, 24, 24), np.uint8)
    sampler._draw_clip(clip, drawn)
    for number, planes in zip((7, 6), drawn, strict=True):
        window = store[number][:, 8:32][:, ::-1]
        expected = np.rint(window[..., [2, 0, 1]] * np.float32([1.0, 0.5, 0.8]))
        np.testing.assert_array_equal(planes.transpose(1, 2, 0), expected.astype(np.uint8))


@pytest.mark.parametrize("size", [9, 16, 40])
def test_scaling_keeps_the_picture_in_its_place(tmp_path, size):
    """A ramp stays a ramp: shrinking does not alias it, and neither way moves it."""
    ramp = np.broadcast_to(np.linspace(20, 220, 20)[None, :, None], (20, 20, 3)).round().astype(np.uint8)
    make_store(tmp_path / "a", [2], height=20, width=20, frame=lambda *_: ramp)
    drawn = ClipSampler(open_material([tmp_path / "a"]), ClipConfig(1, size=size, **PLAIN), 1).batch(0)[0, 0]
    centres = (np.arange(size) + 0.5) * 20 / size - 0.5
    expected = 20 + centres * 200 / 19
    inner = slice(size // 8 + 1, size - size // 8 - 1)
    np.testing.assert_allclose(drawn.numpy()[:, :, inner], np.broadcast_to(expected, drawn.shape)[:, :, inner], atol=1)


def test_turning_one_change_off_leaves_the_others(tmp_path):
    make_store(tmp_path / "a", [30], height=24, width=40)
    material = open_material([tmp_path / "a"])
    full = ClipSampler(material, ClipConfig(3, size=8), 12).clips(2)
    for change in ({"flip": False}, {"colour": False}, {"reverse": False}, {"crop": 1.0}):
        for clip, other in zip(full, ClipSampler(material, ClipConfig(3, size=8, **change), 12).clips(2), strict=True):
            assert "flip" in change or clip.flip == other.flip
            assert "colour" in change or (clip.order, clip.gain) == (other.order, other.gain)
            assert "crop" in change or (clip.zoom, clip.down, clip.across) == (other.zoom, other.down, other.across)
            assert sorted(clip.numbers) == sorted(other.numbers)
            assert "reverse" in change or clip.numbers == other.numbers


def test_a_device_that_holds_the_films_draws_the_same(tmp_path):
    make_store(tmp_path / "a", [12, 9], height=30, width=44)
    make_store(tmp_path / "b", [12], height=18, width=18)
    sampler = ClipSampler(open_material([tmp_path / "a", tmp_path / "b"]), ClipConfig(4, size=20), 6)
    assert sampler.resident_bytes() == 21 * 30 * 44 * 3 + 12 * 18 * 18 * 3
    pairs = zip(load_batches(sampler, 3), load_batches(sampler, 3, resident=True), strict=False)
    for (step, host), (other, device) in islice(pairs, 4):
        assert step == other and host.shape == device.shape == (6, 4, 3, 20, 20)
        assert device.is_contiguous() and device.dtype == torch.float32
        torch.testing.assert_close(host, device, rtol=0, atol=1.01 / 127.5)  # one level, from rounding while scaling
        assert (host != device).float().mean() < 0.2
    plain = ClipSampler(open_material([tmp_path / "b"]), ClipConfig(4, size=18, **(PLAIN | {"flip": True})), 6)
    for (_, host), (_, device) in islice(zip(load_batches(plain), load_batches(plain, resident=True), strict=False), 2):
        assert torch.equal(host, device)  # without scaling there is nothing to round


def test_a_frame_of_the_right_size_is_not_touched_whatever_the_crop(tmp_path):
    make_store(tmp_path / "a", [9])
    batch = next(load_batches(ClipSampler(open_material([tmp_path / "a"]), ClipConfig(size=16, **PLAIN), 2)))[1]
    assert batch.min() >= -1 and batch.max() <= 1
    values = ((batch + 1) * 127.5).round()
    torch.testing.assert_close(values / 127.5 - 1, batch, rtol=0, atol=1e-6)


def test_single_pictures(tmp_path):
    make_store(tmp_path / "a", [1, 1, 1])
    material = open_material([tmp_path / "a"])
    step, pictures = next(load_images(ClipSampler(material, ClipConfig(1, size=16), 5), 7))
    assert step == 7 and pictures.shape == (5, 3, 16, 16)
    with pytest.raises(ValueError, match="clips of length 1, not 2"):
        next(load_images(ClipSampler(open_material([make_store(tmp_path / "b", [4])]), ClipConfig(2), 5)))


# folders of images


def write_images(folder, pictures, name="{}.png"):
    folder.mkdir(exist_ok=True)
    for number, picture in enumerate(pictures):
        (folder / name.format(number)).write_bytes(encode_png(picture))
    return folder


def test_a_plain_folder_is_looked_through_for_cuts_and_held_drawings(tmp_path):
    drawings = [scene(0, at) for at in range(12)] + [scene(1, at) for at in range(11)] + [scene(2, 0)] * 12
    folder = write_images(tmp_path / "a", drawings)  # 2.png comes before 10.png
    looks = []
    film = open_material([folder]).films[0]
    shots = film.shots(lambda *look: looks.append(look))
    assert [shot.tolist() for shot in shots] == [list(range(12)), list(range(12, 23)), [23]]
    assert looks[-1] == ("a", 35, 35)
    material = open_material([folder])
    for clip in ClipSampler(material, ClipConfig(6, size=32), 60).clips(0):
        assert all(n < 12 for n in clip.numbers) or all(12 <= n < 23 for n in clip.numbers)
    with pytest.raises(InputError, match="a: the longest shot has 12 drawings, and a clip of 13 frames needs 13"):
        ClipSampler(material, ClipConfig(13), 1)


def test_single_pictures_of_a_plain_folder_need_no_look(tmp_path):
    write_images(tmp_path / "a", [noise(n, 10 + n, 30 - n) for n in range(5)])  # and may be of any size
    sampler = ClipSampler(open_material([tmp_path / "a"]), ClipConfig(1, size=12), 9, on_scan=lambda *_: pytest.fail())
    assert sampler.batch(0).shape == (9, 1, 3, 12, 12)


def test_images_of_every_kind_come_as_rgb_on_white(tmp_path):
    ink = np.zeros((8, 8, 4), np.uint8)
    ink[2:6, 2:6, 3] = 255  # black lines on nothing
    grey = np.full((8, 8, 1), 77, np.uint8)
    deep = np.full((8, 8, 3), 257 * 40, np.uint16)
    for name, picture in {"1": ink, "2": grey, "3": deep}.items():
        (tmp_path / f"{name}.png").write_bytes(encode_png(picture))
    frames = ImageFolder(sorted(tmp_path.glob("*.png")))
    assert all(frames[n].shape == (8, 8, 3) and frames[n].dtype == np.uint8 for n in range(3))
    assert frames[0][0, 0].tolist() == [255] * 3 and frames[0][3, 3].tolist() == [0] * 3
    assert frames[1][0, 0].tolist() == [77] * 3 and frames[2][0, 0].tolist() == [40] * 3


def write_index(folder, records):
    (folder / "frames.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records))


def test_an_index_tells_images_and_shots(tmp_path):
    """The order and the shots are the index's, also where the pictures themselves would say otherwise."""
    write_images(tmp_path, [noise(n) for n in range(12)], "{:06d}.png")
    kinds = {3: {"transition": "dissolve"}, 7: {"duplicate_of": 6}, 9: {"transition": "flash"}}
    records = [
        {"file": f"{n:06d}.png", "film": "f.mp4", "shot": int(n > 3), "transition": None} | kinds.get(n, {})
        for n in range(11)
    ]
    write_index(tmp_path, records)  # which does not list the last image
    film = open_material([tmp_path]).films[0]
    assert len(film) == 11 and film.knows_shots
    assert [shot.tolist() for shot in film.shots()] == [[0, 1, 2], [4, 5, 6, 8], [10]]
    np.testing.assert_array_equal(film.frames[5], noise(5))


@pytest.mark.parametrize(
    ("records", "words"),
    [
        ([], r"frames\.jsonl: lists no frame; run extract-frames again"),
        ([{"file": "9.png", "shot": 0}], r"frames\.jsonl lists 9\.png, which is missing; run extract-frames again"),
        ([{"shot": 0}], r"frames\.jsonl lists None, which is missing"),
        ([{"file": ["000000.png"], "shot": 0}], r"frames\.jsonl lists \['000000\.png'\], which is missing"),
        ([3], r"frames\.jsonl: line 1 is no JSON object"),
    ],
)
def test_an_index_that_does_not_fit(tmp_path, records, words):
    write_images(tmp_path, [noise(0)])
    write_index(tmp_path, records)
    with pytest.raises(InputError, match=words):
        open_material([tmp_path])


def test_images_of_several_sizes_share_no_clip(tmp_path):
    tall = [cv2.resize(scene(0, at), (72, 96)) for at in range(4)]
    folder = write_images(tmp_path / "a", [scene(0, at) for at in range(5)] + tall)
    shots = open_material([folder]).films[0].shots()
    assert [shot.tolist() for shot in shots] == [[0, 1, 2, 3, 4], [5, 6, 7, 8]]


# from a film


@pytest.fixture(scope="module")
def film(tmp_path_factory):
    """A drawn film of two shots, on twos: a ball that rolls through 12 drawings, and another through 10."""
    path = tmp_path_factory.mktemp("film") / "ball.mp4"
    drawings = [scene(0, at) for at in range(12)] + [scene(1, at) for at in range(10)]
    writer = imageio_ffmpeg.write_frames(path, (96, 72), fps=24, macro_block_size=1, quality=9)
    writer.send(None)
    for drawing in drawings:
        writer.send(drawing.tobytes())
        writer.send(drawing.tobytes())
    writer.close()
    return path


@pytest.mark.parametrize("kind", [["--packed"], [], ["--keep-duplicates"], ["--packed", "--format", "jpeg"]])
def test_film_to_frames_to_clips(film, tmp_path, kind):
    out = tmp_path / "frames"
    done = CliRunner().invoke(app, ["extract-frames", str(film), "-o", str(out), "--size", "64", *kind])
    assert done.exit_code == 0, done.output
    (found,) = open_material([out]).films
    assert isinstance(found.frames, FrameStore if "--packed" in kind else ImageFolder)
    assert [len(shot) for shot in found.shots()] == [12, 10]
    sampler = ClipSampler(open_material([out]), ClipConfig(5, size=32), 16)
    first = set(found.shots()[0].tolist())
    for clip in sampler.clips(0):
        assert len(first & set(clip.numbers)) in (0, 5)
    _, batch = next(load_batches(sampler))
    assert batch.shape == (16, 5, 3, 32, 32)
    for clip in batch:  # the ball rolls: no two neighbours are alike, and none differ by a whole picture
        steps = (clip[1:] - clip[:-1]).abs().mean((1, 2, 3))
        assert steps.min() > 0.01 and steps.max() < 0.4


# the command


def invoke(*words):
    return CliRunner().invoke(app, ["preview-clips", *map(str, words)])


def test_preview_shows_the_batch(tmp_path):
    make_store(tmp_path / "a", [20], height=24, width=40)
    out = tmp_path / "clips.png"
    done = invoke(tmp_path / "a", "-o", out, "--rows", 3, "--length", 4, "--size", 20, "--seed", 5, "--step", 2)
    assert done.exit_code == 0, done.output
    assert done.stdout == f"{out}\n" and "row 1: a, frames " in done.stderr
    sampler = ClipSampler(open_material([tmp_path / "a"]), ClipConfig(4, size=20, seed=5), 3)
    sheet = cv2.imdecode(np.frombuffer(out.read_bytes(), np.uint8), cv2.IMREAD_COLOR)[..., ::-1]
    np.testing.assert_array_equal(sheet, tile_clips(sampler.batch(2).numpy()))
    assert sheet.shape == (3 * 24 - 4, 80, 3)
    again = invoke(tmp_path / "a", "-o", out)
    assert again.exit_code == 1 and "exists already; add --overwrite" in again.stderr
    plain = ["--no-flip", "--no-colour", "--no-reverse", "--crop", "1", "--weights", "3"]
    told = invoke(tmp_path / "a", "-o", out, "--overwrite", "--json", "--rows", 2, "--length", 4, *plain)
    rows = json.loads(told.stdout)["rows"]
    assert len(rows) == 2 and all(row["changed"] == [] and row["film"] == "a" for row in rows)
    assert all(np.diff(row["frames"]).tolist() == [1, 1, 1] for row in rows)


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["--weights", "2,x"], 2, "--weights: 2,x is no list of numbers"),
        (["--rows", "0"], 2, "--rows: 0 is out of range; give a whole number from 1"),
        (["--size", "9000"], 2, "--size: 8 x 8 frames of 9000 pixels would make a picture of 5184 megapixels"),
        (["--step", "-1"], 2, "--step: -1 is out of range"),
        (["--length", "21"], 1, "a: the longest shot has 20 drawings, and a clip of 21 frames needs 21"),
    ],
)
def test_preview_says_in_one_line_what_is_wrong(tmp_path, words, code, said):
    make_store(tmp_path / "a", [20])
    done = invoke(tmp_path / "a", "-o", tmp_path / "clips.png", *words)
    assert done.exit_code == code and f"animi: {said}" in done.stderr and done.stderr.count("\n") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["a"]
