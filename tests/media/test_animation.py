"""Every kind of animation, written and read again: frames, times, sizes, colours, transparency; and every failure."""

import re
import resource
import subprocess
import weakref
from fractions import Fraction

import cv2
import imageio_ffmpeg
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image, ImageSequence

from animi.core.errors import OutputError
from animi.core.media.animation import check_format, write_animation
from animi.core.media.frames import as_channels, flatten_alpha, to_uint8
from animi.core.media.image_files import read_image
from animi.core.media.palette import ColourCount, Indexer, from_oklab, pack, to_oklab, unpack

FFMPEG = imageio_ffmpeg.get_ffmpeg_exe()
STILLS = [".gif", ".webp", ".png", ".apng"]
VIDEOS = [".mp4", ".mov", ".webm"]
EVERY = [*STILLS, *VIDEOS, ""]
QUICK = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def noise(number, height, width, channels, dtype=np.uint8, seed=0):
    full = np.iinfo(dtype).max
    rng = np.random.default_rng(seed)
    return [rng.integers(0, full + 1, (height, width, channels)).astype(dtype) for _ in range(number)]


def walk(number=6, height=24, width=32, channels=4):
    """A red ball with a black outline that rolls over a blue floor; transparent elsewhere with 4 channels."""
    frames = []
    for step in range(number):
        frame = np.zeros((height, width, 4), np.uint8)
        frame[-6:] = (40, 60, 200, 255)
        cv2.circle(frame, (6 + 3 * step, height - 11), 5, (220, 30, 40, 255), -1)
        cv2.circle(frame, (6 + 3 * step, height - 11), 5, (0, 0, 0, 255), 1)
        frames.append(frame if channels == 4 else flatten_alpha(frame))
    return frames


def read_with_pillow(path):
    """Frames as RGBA and durations in milliseconds."""
    with Image.open(path) as image:
        found = [(np.array(frame.convert("RGBA")), frame.info["duration"]) for frame in ImageSequence.Iterator(image)]
    return [frame for frame, _ in found], [time for _, time in found]


def read_with_ffmpeg(path, width, height, layout="rgba"):
    size = {"rgba": 4, "rgb24": 3, "rgb48le": 6, "rgba64le": 8, "gray16le": 2}[layout]
    command = [FFMPEG, "-v", "error", "-i", str(path), "-f", "rawvideo", "-pix_fmt", layout, "-fps_mode", "passthrough"]
    data = subprocess.run([*command, "-"], capture_output=True, check=True).stdout
    dtype = "<u2" if "16" in layout or "48" in layout or "64" in layout else np.uint8
    return np.frombuffer(data, dtype).reshape(-1, height, width, size // np.dtype(dtype).itemsize)


def read_again(written):
    """The frames of any kind of animation as RGBA of 8 bits."""
    if written.path.is_dir():
        return [as_channels(to_uint8(read_image(path)), 4) for path in sorted(written.path.iterdir())]
    if written.path.suffix in STILLS:
        return read_with_pillow(written.path)[0]
    return list(read_with_ffmpeg(written.path, written.width, written.height))


# Formats


@pytest.mark.parametrize("suffix", EVERY)
@pytest.mark.parametrize("fps", [Fraction(12), Fraction(24000, 1001)])
def test_a_static_pair_keeps_its_colours_count_and_time(tmp_path, suffix, fps):
    frame = np.empty((48, 64, 3), np.uint8)
    frame[:, :32], frame[:, 32:] = (250, 200, 40), (40, 90, 160)
    written = write_animation(tmp_path / f"pair{suffix}", [frame, frame.copy()], fps=fps)
    found = read_again(written)
    assert written.frames == len(found) == 2
    assert (written.width, written.height) == (64, 48)
    assert written.notes == ()
    for picture in found:
        assert picture.shape == (48, 64, 4)
        for side in (slice(0, 28), slice(36, 64)):  # 4:2:0 mixes the two colours between
            off = np.abs(picture[:, side, :3].astype(int) - frame[:, side])
            assert off.max() <= (0 if suffix not in VIDEOS else 2)
    assert abs(written.seconds - 2 / fps) <= Fraction(1, 200)
    if suffix in STILLS:
        assert sum(read_with_pillow(written.path)[1]) == pytest.approx(float(written.seconds) * 1000)
    elif suffix in VIDEOS:
        words = subprocess.run([FFMPEG, "-i", str(written.path)], capture_output=True, text=True).stderr
        assert f"{float(fps):.2f}".rstrip("0").rstrip(".") + " fps" in words
        assert float(re.search(r"Duration: 00:00:(\S+),", words)[1]) == pytest.approx(float(2 / fps), abs=0.011)


@QUICK
@given(
    suffix=st.sampled_from([".webp", ".png", ".apng", ""]),
    number=st.integers(1, 4),
    height=st.integers(1, 40),
    width=st.integers(1, 40),
    channels=st.sampled_from([1, 3, 4]),
    seed=st.integers(0, 99),
)
def test_lossless_kinds_return_every_value(tmp_path, suffix, number, height, width, channels, seed):
    frames = noise(number, height, width, channels, seed=seed)
    frames.insert(1, frames[0].copy())
    written = write_animation(tmp_path / f"film{suffix}", iter(frames), fps=Fraction(10), overwrite=True)
    found = read_again(written)
    assert len(found) == len(frames) == written.frames
    for frame, picture in zip(frames, found, strict=True):
        np.testing.assert_array_equal(picture, as_channels(frame, 4))


@QUICK
@given(
    number=st.integers(1, 5),
    height=st.integers(1, 40),
    width=st.integers(1, 40),
    channels=st.sampled_from([1, 3, 4]),
    colours=st.integers(1, 256),
    loop=st.booleans(),
    seed=st.integers(0, 99),
)
def test_gif_of_few_colours_is_exact(tmp_path, number, height, width, channels, colours, loop, seed):
    rng = np.random.default_rng(seed)
    chosen = rng.integers(0, 256, (colours - (channels == 4 and colours > 255), channels)).astype(np.uint8)
    if channels == 4:
        chosen[:, 3] = rng.choice([0, 255], len(chosen))
    frames = [chosen[rng.integers(0, len(chosen), (height, width))] for _ in range(number)]
    frames.insert(1, frames[0].copy())
    path = tmp_path / "film.gif"
    written = write_animation(path, iter(frames), fps=Fraction(10), overwrite=True, loop=loop)
    assert written.notes == ()
    pillow, times = read_with_pillow(path)
    assert times == [100] * len(frames)
    others = read_with_ffmpeg(path, width, height)
    assert len(pillow) == len(others) == len(frames)
    for frame, *found in zip(frames, pillow, others, strict=True):
        wanted = as_channels(frame, 4).copy()
        wanted[wanted[..., 3] == 0] = 0
        for picture in found:
            picture = np.where(picture[..., 3:] == 0, 0, picture)
            np.testing.assert_array_equal(picture, wanted)
    with Image.open(path) as image:
        assert image.info.get("loop") == (0 if loop else None)


@pytest.mark.parametrize("suffix", EVERY)
@pytest.mark.parametrize("size", [(1, 1), (2, 1), (15, 7)])
def test_small_and_odd_sizes(tmp_path, suffix, size):
    width, height = size
    frames = [np.full((height, width, 3), value, np.uint8) for value in (0, 128, 255)]
    written = write_animation(tmp_path / f"film{suffix}", frames, fps=Fraction(24))
    found = read_again(written)
    assert len(found) == 3
    for frame, picture in zip(frames, found, strict=True):
        assert picture.shape == (written.height, written.width, 4)
        assert np.abs(picture[:height, :width, :3].astype(int) - frame).max() <= 2
        assert np.abs(picture[..., :3].astype(int) - frame[0, 0]).max() <= 2  # what was padded as well
    if suffix in VIDEOS and (width % 2 or height % 2):
        assert (written.width, written.height) == (width + width % 2, height + height % 2)
        assert f"padded from {width} x {height} to {written.width} x {written.height}" in written.notes[0]
    else:
        assert (written.width, written.height) == size
        assert written.notes == ()


@pytest.mark.parametrize("suffix", EVERY)
def test_one_frame(tmp_path, suffix):
    written = write_animation(tmp_path / f"film{suffix}", walk(1), fps=Fraction(4))
    assert len(read_again(written)) == written.frames == 1
    assert written.seconds == Fraction(1, 4)


@pytest.mark.parametrize("suffix", [*STILLS, ""])
def test_transparency_is_kept(tmp_path, suffix):
    frames = walk()
    written = write_animation(tmp_path / f"film{suffix}", frames, fps=Fraction(12))
    for frame, picture in zip(frames, read_again(written), strict=True):
        visible = frame[..., 3] > 0
        np.testing.assert_array_equal(picture[..., 3], frame[..., 3])
        np.testing.assert_array_equal(picture[visible], frame[visible])
    assert written.notes == ()


@pytest.mark.parametrize("loop", [True, False])
def test_gif_is_wiped_before_it_starts_again(tmp_path, loop):
    written = write_animation(tmp_path / "film.gif", walk(), fps=Fraction(12), loop=loop)
    with Image.open(written.path) as image:
        image.seek(image.n_frames - 1)
        assert image.disposal_method == (2 if loop else 1)
        left, top, right, bottom = image.dispose_extent
    last = np.argwhere((walk()[-1][..., 3] > 0) & (walk()[0][..., 3] == 0))
    if loop:
        assert left <= last[:, 1].min()
        assert top <= last[:, 0].min()
        assert right > last[:, 1].max()
        assert bottom > last[:, 0].max()


def test_hidden_colours_take_no_place_in_a_palette(tmp_path):
    frame = noise(1, 40, 40, 4)[0]
    frame[..., 3] = 0
    frame[:5, :, 3] = 255
    frame[:5, :, :3] = np.arange(200).reshape(5, 40, 1)
    written = write_animation(tmp_path / "film.gif", [frame] * 2, fps=Fraction(12))
    assert written.notes == ()
    for picture in read_again(written):
        np.testing.assert_array_equal(picture[:5], frame[:5])


@pytest.mark.parametrize("suffix", VIDEOS)
def test_video_lays_transparency_over_white(tmp_path, suffix):
    frames = [np.full((16, 16, 4), (200, 30, 90, alpha), np.uint8) for alpha in (0, 0)]
    written = write_animation(tmp_path / f"film{suffix}", frames, fps=Fraction(12))
    assert read_again(written)[0][..., :3].min() >= 253
    assert any("over white" in note for note in written.notes)
    solid = write_animation(
        tmp_path / f"solid{suffix}", [as_channels(frame[..., :3], 4) for frame in frames], fps=Fraction(9)
    )
    assert solid.notes == ()


def test_gif_makes_partial_transparency_all_or_nothing(tmp_path):
    frame = np.zeros((1, 4, 4), np.uint8)
    frame[0, :, 3] = (0, 127, 128, 255)
    frame[..., :3] = (9, 200, 3)
    written = write_animation(tmp_path / "film.gif", [frame] * 2, fps=Fraction(12))
    for picture in read_again(written):
        np.testing.assert_array_equal(picture[0, :, 3], [0, 0, 255, 255])
        assert (picture[0, 2:, :3] == (9, 200, 3)).all()  # the colour itself, mixed with no background
    assert any("partial transparency" in note for note in written.notes)


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_16_bits(tmp_path, channels):
    frames = noise(3, 9, 11, channels, np.uint16)
    if channels == 4:
        for frame in frames:
            frame[..., 3] = 65535
    folder = write_animation(tmp_path / "film", frames, fps=Fraction(12))
    for frame, path in zip(frames, sorted(folder.path.iterdir()), strict=True):
        np.testing.assert_array_equal(read_image(path), frame)
    apng = write_animation(tmp_path / "film.png", frames, fps=Fraction(12))
    assert apng.notes == folder.notes == ()
    layout = {1: "gray16le", 3: "rgb48le", 4: "rgba64le"}[channels]
    np.testing.assert_array_equal(read_with_ffmpeg(apng.path, 11, 9, layout), np.stack(frames))
    for suffix in (".webp", ".gif", ".mp4"):
        written = write_animation(tmp_path / f"film{suffix}", frames, fps=Fraction(12))
        assert any("8 bits" in note for note in written.notes)
    picture = read_with_pillow(tmp_path / "film.webp")[0][0]
    np.testing.assert_array_equal(picture, as_channels(to_uint8(frames[0]), 4))


def test_folder_numbers(tmp_path):
    frames = [np.zeros((1, 1, 1), np.uint8)] * 12
    written = write_animation(f"{tmp_path}/a.b/", frames, fps=Fraction(6))
    assert sorted(path.name for path in written.path.iterdir())[::11] == ["000.png", "011.png"]
    assert written.seconds == 2
    many = [np.zeros((1, 1, 1), np.uint8)] * 1001
    for name, count in (("known", 1001), ("unknown", None)):
        folder = write_animation(tmp_path / name, iter(many), fps=Fraction(6), count=count).path
        names = sorted(path.name for path in folder.iterdir())
        assert (len(names), names[0], names[-1]) == (1001, "0000.png", "1000.png")


# Times


@pytest.mark.parametrize("fps", [1, 3, 7, 12, 24, Fraction(24000, 1001), 25, 30, Fraction(30000, 1001), 48, 50])
def test_gif_times_add_up(tmp_path, fps):
    fps = Fraction(fps)
    frames = [np.full((2, 2, 1), value, np.uint8) for value in range(70)]
    written = write_animation(tmp_path / "film.gif", frames, fps=fps)
    times = read_with_pillow(written.path)[1]
    assert min(times) >= 20
    assert max(times) - min(times) <= 10
    assert Fraction(sum(times), 1000) == written.seconds
    ends = np.cumsum(times) / 1000
    assert np.abs(ends - np.arange(1, 71) / float(fps)).max() <= 0.005001


def test_a_gif_that_is_too_quick_says_so(tmp_path):
    written = write_animation(tmp_path / "film.gif", walk(), fps=Fraction(60))
    assert read_with_pillow(written.path)[1] == [20] * 6
    assert written.seconds == Fraction(12, 100)
    assert any("50 frames a second" in note for note in written.notes)


@pytest.mark.parametrize("fps", [Fraction(24000, 1001), Fraction(7), Fraction(999, 7)])
def test_webp_and_apng_times(tmp_path, fps):
    frames = [np.full((2, 2, 1), value, np.uint8) for value in range(40)]
    webp = write_animation(tmp_path / "film.webp", frames, fps=fps)
    assert Fraction(sum(read_with_pillow(webp.path)[1]), 1000) == webp.seconds
    assert abs(webp.seconds - 40 / fps) <= Fraction(1, 2000)
    apng = write_animation(tmp_path / "film.apng", frames, fps=fps)
    assert apng.seconds == 40 / fps


@pytest.mark.parametrize("suffix", [".gif", ".webp", ".png"])
def test_a_rate_that_cannot_be_written(tmp_path, suffix):
    with pytest.raises(OutputError, match="frames a second"):
        write_animation(tmp_path / f"film{suffix}", walk(), fps=Fraction(1, 70000))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("loop", [True, False])
def test_loop_marks(tmp_path, loop):
    for suffix in (".webp", ".png"):
        path = write_animation(tmp_path / f"film{suffix}", walk(), fps=Fraction(12), loop=loop).path
        with Image.open(path) as image:
            assert image.info["loop"] == (0 if loop else 1)


# Palette


def shaded(number=4, height=60, width=80):
    """A sky that grows lighter downwards, and a small red nose that passes by."""
    y, x = np.mgrid[0:height, 0:width]
    sky = np.stack([90 + y * 1.3 + x * 0.2, 140 + y + x * 0.3, 235 - x * 0.25], axis=2)
    frames = []
    for step in range(number):
        frame = sky.astype(np.uint8)
        cv2.circle(frame, (10 + 9 * step, 30), 3, (225, 20, 30), -1)
        frames.append(frame)
    return frames


def test_gif_of_many_colours_is_near(tmp_path):
    frames = shaded()
    assert len(np.unique(np.concatenate([frame.reshape(-1, 3) for frame in frames]), axis=0)) > 1000
    written = write_animation(tmp_path / "film.gif", frames, fps=Fraction(12))
    assert any("256 colours" in note for note in written.notes)
    data = written.path.read_bytes()
    assert data[10] & 0x87 == 0x87  # one shared palette of 256 ...
    assert count_local_palettes(data) == 0  # ... and no other
    for frame, picture in zip(frames, read_again(written), strict=True):
        off = np.sqrt(((to_oklab(frame) - to_oklab(picture[..., :3])) ** 2).sum(axis=2))
        assert off.mean() < 0.01
        blurred = [cv2.GaussianBlur(image.astype(np.float32), (0, 0), 3) for image in (frame, picture[..., :3].copy())]
        assert np.abs(blurred[0] - blurred[1]).mean() < 1.5  # no bands
        red = (frame == (225, 20, 30)).all(axis=2)
        assert np.abs(picture[red][:, :3].astype(int) - (225, 20, 30)).max() <= 8


def count_local_palettes(data):
    """Walks through a GIF's blocks."""
    place, found = 13 + 3 * 256, 0
    while data[place] != 0x3B:
        if data[place] == 0x21:
            place += 2
        else:
            assert data[place] == 0x2C
            found += data[place + 9] >> 7
            place += 11
        while data[place]:
            place += data[place] + 1
        place += 1
    assert place == len(data) - 1
    return found


@pytest.mark.parametrize("colour", [(17, 201, 77), (133, 179, 226), (120, 160, 222)])
def test_flat_areas_keep_their_colour_beside_a_gradient(tmp_path, colour):
    """Also a colour that the gradient itself comes near to."""
    frames = shaded()
    for frame in frames:
        frame[:20, :30] = colour
    written = write_animation(tmp_path / "film.gif", frames, fps=Fraction(12))
    for picture in read_again(written):
        assert (picture[:20, :30, :3] == colour).all()


def test_what_stands_still_stays_still_under_dither(tmp_path):
    frames = shaded(2)
    still = np.ones((60, 80), bool)
    still[24:37, 4:26] = False
    first, second = read_again(write_animation(tmp_path / "film.gif", frames, fps=Fraction(12)))
    np.testing.assert_array_equal(first[still], second[still])


def test_oklab_round_trip():
    colours = unpack(np.arange(0, 1 << 24, 997))
    np.testing.assert_array_equal(from_oklab(to_oklab(colours).astype(np.float64)), colours)
    np.testing.assert_array_equal(unpack(pack(colours)), colours)
    assert to_oklab(np.array([255, 255, 255], np.uint8)) == pytest.approx([1, 0, 0], abs=1e-3)
    assert to_oklab(np.array([255, 0, 0], np.uint8)) == pytest.approx([0.628, 0.2249, 0.1258], abs=1e-3)


def test_an_indexer_finds_the_nearest_colour():
    rng = np.random.default_rng(0)
    palette = rng.integers(0, 256, (200, 3)).astype(np.uint8)
    frame = rng.integers(0, 256, (20, 30, 3)).astype(np.uint8)
    off = ((to_oklab(frame)[:, :, None] - to_oklab(palette)) ** 2).sum(axis=3)
    found = Indexer(palette, dither=False).index(frame)
    chosen = np.take_along_axis(off, found[..., None].astype(int), axis=2)[..., 0]
    np.testing.assert_allclose(chosen, off.min(axis=2), atol=1e-5)
    mixed = palette[Indexer(palette, dither=True).index(palette[None])]
    np.testing.assert_array_equal(mixed[0], palette)  # a colour of the palette is never dithered


def test_a_colour_that_makes_up_half_of_its_group_is_kept():
    for often, expected in ((600, [[100, 120, 140]]), (300, None)):
        count = ColourCount()
        count.add(
            np.repeat(
                np.array([[100, 120, 140], [112, 120, 140], [112, 132, 140]], np.uint8), [often, 200, 200], axis=0
            )
        )
        palette, exact = count.choose(1)
        assert not exact
        if expected:
            np.testing.assert_array_equal(palette, expected)
        else:
            assert 100 < palette[0, 0] < 112


def test_no_colour_at_all():
    count = ColourCount()
    count.add(np.zeros((0, 3), np.uint8))
    palette, exact = count.choose(255)
    assert exact
    assert palette.shape == (1, 3)


@pytest.mark.parametrize("suffix", STILLS)
def test_nothing_but_transparency(tmp_path, suffix):
    written = write_animation(tmp_path / f"film{suffix}", [np.zeros((5, 5, 4), np.uint8)] * 3, fps=Fraction(12))
    assert [picture.max() for picture in read_again(written)] == [0, 0, 0]


# Paths


@pytest.mark.parametrize("name", ["film.avi", "film.jpg", "film.gif.tmp", "FILM.TS", ".gif", "film.\n"])
def test_unknown_suffix(tmp_path, name):
    with pytest.raises(OutputError) as caught:
        check_format(tmp_path / name)
    assert "\n" not in str(caught.value)
    assert all(suffix in str(caught.value) for suffix in EVERY)

    def never():
        raise AssertionError("no frame may be drawn")
        yield

    with pytest.raises(OutputError):
        write_animation(tmp_path / name, never(), fps=Fraction(12))
    assert list(tmp_path.iterdir()) == []


def test_known_suffixes_in_any_case(tmp_path):
    for name in ("a.GIF", "a.WebP", "a.Mp4", "a.PNG", "folder", "folder.v2/"):
        check_format(name)
    written = write_animation(tmp_path / "a.MP4", walk(), fps=Fraction(12))
    assert read_again(written)


def test_odd_names(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for suffix in EVERY:
        for name in ("日本 語", "-dash", "line\nbreak", "100%d", "file:x", "spool"):
            written = write_animation(f"{name}{suffix}", walk(2), fps=Fraction(12))
            assert written.path.exists()
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".animi")]


def test_rejects_what_is_in_the_way(tmp_path):
    for name in ("film.gif", "film.mp4"):
        (tmp_path / name).write_text("old")
        with pytest.raises(OutputError, match="--overwrite"):
            write_animation(tmp_path / name, walk(), fps=Fraction(12))
        assert (tmp_path / name).read_text() == "old"
        write_animation(tmp_path / name, walk(), fps=Fraction(12), overwrite=True)
        assert (tmp_path / name).read_bytes() != b"old"
    with pytest.raises(OutputError, match="does not exist"):
        write_animation(tmp_path / "none" / "film.gif", walk(), fps=Fraction(12))
    (tmp_path / "a file").write_text("old")
    with pytest.raises(OutputError, match="is a file"):
        write_animation(tmp_path / "a file", walk(), fps=Fraction(12), overwrite=True)


def test_a_folder_of_other_things_is_never_replaced(tmp_path):
    folder = tmp_path / "drawings"
    folder.mkdir()
    assert write_animation(folder, walk(), fps=Fraction(12)).frames == 6  # an empty one may be filled
    assert write_animation(folder, walk(3), fps=Fraction(12), overwrite=True).frames == 3
    assert len(list(folder.iterdir())) == 3
    (folder / "notes.txt").write_text("mine")
    with pytest.raises(OutputError, match=r"notes\.txt"):
        write_animation(folder, walk(), fps=Fraction(12), overwrite=True)
    assert len(list(folder.iterdir())) == 4


# Failures


def stop_after(frames, error):
    yield from frames
    raise error


@pytest.mark.parametrize("suffix", EVERY)
@pytest.mark.parametrize("error", [KeyboardInterrupt(), SystemExit(143), RuntimeError("broken")], ids=repr)
def test_an_interruption_leaves_the_old_file(tmp_path, suffix, error):
    path = tmp_path / f"film{suffix}"
    write_animation(path, walk(2), fps=Fraction(12))
    before = path.stat().st_ino
    with pytest.raises(type(error)):
        write_animation(path, stop_after(walk(), error), fps=Fraction(12), overwrite=True)
    assert path.stat().st_ino == before
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("suffix", EVERY)
def test_a_disk_that_fills(tmp_path, suffix):
    """The system does not let files grow beyond a size, which looks the same to the writer as a full disk."""
    path = tmp_path / f"film{suffix}"
    write_animation(path, walk(2), fps=Fraction(12))
    before = path.stat().st_ino
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (30_000, limit[1]))
    try:
        with pytest.raises(OutputError) as caught:
            write_animation(path, noise(4, 160, 160, 3), fps=Fraction(12), overwrite=True)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limit)
    assert "\n" not in str(caught.value)
    assert path.name in str(caught.value)
    assert path.stat().st_ino == before
    assert list(tmp_path.iterdir()) == [path]


def test_no_frame(tmp_path):
    for suffix in EVERY:
        with pytest.raises(OutputError, match="no frame"):
            write_animation(tmp_path / f"film{suffix}", [], fps=Fraction(12))
    assert list(tmp_path.iterdir()) == []


def test_frames_of_two_sizes_are_rejected(tmp_path):
    for suffix in EVERY:
        with pytest.raises(ValueError, match="frame 1"):
            write_animation(tmp_path / f"film{suffix}", [*walk(1), *walk(1, width=30)], fps=Fraction(12))
    assert list(tmp_path.iterdir()) == []


def test_sizes_beyond_the_format(tmp_path):
    wide = np.zeros((1, 70000, 3), np.uint8)
    for suffix in (".gif", ".webp"):
        with pytest.raises(OutputError, match="scale it down"):
            write_animation(tmp_path / f"film{suffix}", [wide], fps=Fraction(12))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("suffix", EVERY)
def test_frames_are_let_go_and_counted(tmp_path, suffix):
    alive = []
    most = 0

    def draw():
        nonlocal most
        for frame in noise(30, 8, 8, 3):
            copy = frame.copy()
            alive.append(weakref.ref(copy))
            yield copy
            del copy
            most = max(most, sum(reference() is not None for reference in alive))

    counted = []
    write_animation(tmp_path / f"film{suffix}", draw(), fps=Fraction(12), on_frame=counted.append)
    assert counted == list(range(1, 31))
    assert most <= 4
