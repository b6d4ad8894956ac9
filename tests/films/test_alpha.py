"""What came with alpha leaves with it, in every format that has it; where the output has none, that is said first."""

import subprocess

import cv2
import imageio_ffmpeg
import numpy as np
import pytest
from PIL import Image

from animi.core.config.interpolation import InterpolateFilmConfig
from animi.core.films.interpolation import interpolate_film
from animi.core.media.film_source import open_film, read_frames
from animi.core.media.image_files import read_image

FFMPEG = imageio_ffmpeg.get_ffmpeg_exe()
WIDTH, HEIGHT, COUNT = 96, 64, 5


def draw(number, opaque=False):
    """A yellow disc with an outline over nothing, or over green."""
    frame = np.zeros((HEIGHT * 4, WIDTH * 4, 4), np.uint8)
    centre = (4 * (20 + 6 * number), 4 * 32)
    cv2.circle(frame, centre, 64, (250, 220, 60, 255), -1)
    cv2.circle(frame, centre, 64, (20, 10, 10, 255), 10)
    values = frame.astype(np.float32)
    values[..., :3] *= values[..., 3:] / 255
    small = cv2.resize(values, (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA)
    small[..., :3] /= np.maximum(small[..., 3:] / 255, 1e-3)
    small = np.rint(small.clip(0, 255)).astype(np.uint8)
    if opaque:
        alpha = small[..., 3:] / 255.0
        small[..., :3] = np.rint(small[..., :3] * alpha + np.array((40, 160, 80)) * (1 - alpha))
        small[..., 3] = 255
    return small


def make(path, *, opaque=False):
    """A film with an alpha channel, by the suffix, or by what stands before it: NAME.rle.mov."""
    frames = [draw(k, opaque) for k in range(COUNT)]
    kind = path.suffixes[-2:]
    if path.suffix in (".webp", ".apng", ".gif"):
        images = [Image.fromarray(frame) for frame in frames]
        more = {".webp": {"lossless": True}, ".apng": {"format": "PNG", "disposal": 1}, ".gif": {"disposal": 2}}
        images[0].save(path, save_all=True, append_images=images[1:], duration=100, loop=0, **more[path.suffix])
        return path
    words = {
        ".rle": ("-c:v", "qtrle", "-pix_fmt", "argb"),
        ".png": ("-c:v", "png"),
        ".vp8": ("-c:v", "libvpx", "-pix_fmt", "yuva420p", "-auto-alt-ref", 0, "-b:v", "2M"),
        ".ffv1": ("-c:v", "ffv1", "-pix_fmt", "bgra"),
        ".mov": ("-c:v", "prores_ks", "-profile:v", "4444", "-pix_fmt", "yuva444p10le"),
        ".webm": ("-c:v", "libvpx-vp9", "-pix_fmt", "yuva420p", "-crf", 4, "-b:v", 0),
    }[kind[0] if len(kind) == 2 else path.suffix]
    form = ("-f", "rawvideo", "-pix_fmt", "rgba", "-s", f"{WIDTH}x{HEIGHT}", "-r", 10, "-i", "-")
    data = b"".join(frame.tobytes() for frame in frames)
    subprocess.run([FFMPEG, "-v", "error", "-y", *map(str, (*form, *words)), str(path)], input=data, check=True)
    return path


def run(film, output, **settings):
    notes, before = [], []

    def note(sentence):
        notes.append(sentence)
        before.append(len(frames))

    frames = []
    config = InterpolateFilmConfig(film, output, engine="blend", **settings)
    drawn = interpolate_film(config, lambda done, total: frames.append(done), note)
    assert drawn.frames == 2 * COUNT
    return notes, before


def read(path):
    """All frames of a film or animation, with their alpha."""
    if path.is_dir():
        return np.stack([read_image(each) for each in sorted(path.iterdir())])
    film = open_film(path)
    assert film.alpha
    frames = [pixels for _, pixels in read_frames(film)]
    return np.stack([np.rint(f / 257).astype(np.uint8) if f.dtype == np.uint16 else f for f in frames])


def as_seen(frames):
    return frames[..., :3] * (frames[..., 3:] / 255.0)


FILMS = ("a.apng", "a.webp", "a.gif", "a.mov", "a.rle.mov", "a.png.mov", "a.webm", "a.vp8.webm", "a.ffv1.mkv")


@pytest.mark.parametrize(
    ("name", "out", "settings"),
    [
        *((name, "o.webp", {}) for name in FILMS),
        ("a.apng", "o.png", {}),
        ("a.webp", "o.gif", {}),
        ("a.mov", "o.mov", {}),
        ("a.rle.mov", "o.mov", {"codec": "qtrle"}),
        ("a.png.mov", "o.mov", {"codec": "png"}),
        ("a.webm", "o.webm", {}),
        ("a.apng", "o.mkv", {}),
        ("a.mov", "o.mkv", {"codec": "vp9"}),
        ("a.gif", "o", {}),
    ],
)
def test_alpha_in_alpha_out(tmp_path, name, out, settings):
    film, output = make(tmp_path / name), tmp_path / out
    assert open_film(film).alpha
    notes, _ = run(film, output, **settings)
    assert not [note for note in notes if "over white" in note]
    old, new = read(film), read(output)
    assert new.shape == (2 * COUNT, HEIGHT, WIDTH, 4)
    least = 128 if ".gif" in out else 6  # GIF is opaque or not
    assert np.abs(new[::2, ..., 3].astype(int) - old[..., 3]).max() <= (least if out.endswith("gif") else 24)
    assert np.abs(as_seen(new[::2]) - as_seen(old)).mean() < (4 if ".gif" in out else 1.5)
    between = new[1:-1:2, ..., 3].astype(int)
    assert ((between > 0).mean((1, 2)) > 0.9 * (old[0, ..., 3] > 0).mean()).all()  # new frames are there,
    assert (new[:, :8, :8, 3] < 8).all()  # and nothing around them


@pytest.mark.parametrize("name", ["a.apng", "a.webm", "a.mov"])
def test_where_the_output_has_none_it_is_said_first(tmp_path, name):
    film = make(tmp_path / name)
    notes, before = run(film, tmp_path / "o.mp4")
    said = [note for note in notes if "is laid over white" in note]
    assert len(said) == 1 and "has no transparency; name the output .mov, .webm or .webp" in said[0]
    assert before[notes.index(said[0])] == 0
    frames = [pixels for _, pixels in read_frames(open_film(tmp_path / "o.mp4"))]
    assert min(frame[4, 4].min() for frame in frames) > (250 * 257 if frames[0].dtype == np.uint16 else 250)


@pytest.mark.parametrize("name", ["a.gif", "a.apng", "a.rle.mov"])
def test_what_is_opaque_has_no_alpha_and_no_note(tmp_path, name):
    film = make(tmp_path / name, opaque=True)
    assert not open_film(film).alpha
    notes, _ = run(film, tmp_path / "o.mp4")
    assert not [note for note in notes if "transparen" in note]


def test_extraction_lays_it_over_a_colour_or_keeps_it(animi, tmp_path):
    for name in ("a.webm", "a.webp"):
        film = make(tmp_path / name)
        for word, corner in (("white", (255,) * 3), ("#203040", (32, 48, 64)), ("keep", (0,))):
            out = tmp_path / f"{name}-{word.strip('#')}"
            result = animi("extract-frames", film, "-o", out, "--alpha", word, "--size", 0, "--fit", "keep")
            assert result.exit_code == 0, result.output
            frames = [read_image(path) for path in sorted((out / "a").glob("*.png"))]
            assert len(frames) == COUNT and frames[0].shape[2] == (4 if word == "keep" else 3)
            found = frames[0][4, 4, 3:] if word == "keep" else frames[0][4, 4]
            assert np.abs(found.astype(int) - corner).max() <= 2, (name, word)
    result = animi("extract-frames", film, "-o", tmp_path / "p", "--alpha", "keep", "--packed")
    assert result.exit_code == 2 and "--alpha: a packed store holds no transparency" in result.stderr
    result = animi("extract-frames", film, "-o", tmp_path / "p", "--alpha", "none such")
    assert result.exit_code == 2 and "--alpha: 'none such' is no colour" in result.stderr


def test_what_is_made_smaller_gets_no_dark_rim(animi, tmp_path):
    """Black lies hidden under the transparency around a white square."""
    frame = np.zeros((64, 96, 4), np.uint8)
    frame[16:48, 31:65] = 255
    images = [Image.fromarray(np.roll(frame, k, 1)) for k in range(3)]
    images[0].save(tmp_path / "a.apng", format="PNG", save_all=True, append_images=images[1:], duration=100)
    result = animi("extract-frames", tmp_path / "a.apng", "-o", tmp_path / "out", "--size", 24, "--fit", "keep")
    assert result.exit_code == 0, result.output
    for path in (tmp_path / "out" / "a").glob("*.png"):
        assert read_image(path).min() >= 253, path
