"""What is in a film beside its picture: every stream is kept, or said to be left out before a frame is drawn."""

import re
import subprocess
from fractions import Fraction

import av
import imageio_ffmpeg
import matplotlib
import numpy as np
import pytest
from PIL import Image

from animi.core.config.interpolation import InterpolateFilmConfig
from animi.core.errors import OutputError
from animi.core.films.interpolation import interpolate_film
from animi.core.media.film_source import open_film
from animi.core.media.probe import probe_film

FFMPEG = imageio_ffmpeg.get_ffmpeg_exe()
WIDTH, HEIGHT = 64, 48


def ffmpeg(*words, data=None):
    return subprocess.run([FFMPEG, "-v", "error", "-y", *map(str, words)], input=data, check=True, capture_output=True)


def draw(number, lamp=False):
    """A red block that walks over stripes, and a lamp in the corner."""
    frame = np.full((HEIGHT, WIDTH, 3), (40, 90, 160), np.uint8)
    frame[:, ::8] = (200, 200, 60)
    frame[20:36, 2 * number % WIDTH : 2 * number % WIDTH + 10] = (220, 30, 30)
    frame[:12, 44:] = 255 if lamp else 0
    return frame


def make_film(path, *words, count=24, lamp=(), inputs=()):
    """A film of `count` drawings at 24/s; ffmpeg's further inputs, and words for the output."""
    raw = b"".join(draw(k, k in lamp).tobytes() for k in range(count))
    size = f"{WIDTH}x{HEIGHT}"
    ffmpeg("-f", "rawvideo", "-pix_fmt", "rgb24", "-s", size, "-r", 24, "-i", "-", *inputs, *words, path, data=raw)
    return path


ASS = """[Script Info]
ScriptType: v4.00+

[V4+ Styles]
Format: Name, Fontname, Fontsize, PrimaryColour, SecondaryColour, OutlineColour, BackColour, Bold, Italic, Underline, \
StrikeOut, ScaleX, ScaleY, Spacing, Angle, BorderStyle, Outline, Shadow, Alignment, MarginL, MarginR, MarginV, Encoding
Style: Default,DejaVu Sans,16,&H00FFFFFF,&H000000FF,&H00000000,&H00000000,-1,0,0,0,100,100,0,0,1,2,0,2,10,10,10,1

[Events]
Format: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text
Dialogue: 0,0:00:00.20,0:00:00.90,Default,,0,0,0,,走れ — run!
"""
CHAPTERS = """;FFMETADATA1
title=Épisode 1 — 猫
[CHAPTER]
TIMEBASE=1/1000
START=0
END=500
title=OP
[CHAPTER]
TIMEBASE=1/1000
START=500
END=1000
title=Part A
"""


@pytest.fixture(scope="module")
def rich(tmp_path_factory):
    """As anime comes: tracks in three languages with titles and uses, styled subtitles, a font, a cover, chapters."""
    folder = tmp_path_factory.mktemp("rich")
    (folder / "s.ass").write_text(ASS, encoding="utf-8")
    (folder / "s.srt").write_text("1\n00:00:00,200 --> 00:00:00,900\nCours !\n\n", encoding="utf-8")
    (folder / "m.txt").write_text(CHAPTERS, encoding="utf-8")
    Image.new("RGB", (32, 24), "teal").save(folder / "cover.jpg")
    sounds = [word for tone in (440, 880, 220) for word in ("-f", "lavfi", "-i", f"sine={tone}:d=1")]
    tags = {
        "s:v:0": {"title": "Bild", "language": "jpn"},
        "s:a:0": {"language": "jpn", "title": "日本語"},
        "s:a:1": {"language": "eng"},
        "s:a:2": {"language": "fra", "title": "Commentaire"},
        "s:s:0": {"language": "eng", "title": "Signs & Songs"},
        "s:s:1": {"language": "fra"},
        "s:t:0": {"mimetype": "application/x-truetype-font"},
        "s:t:1": {"mimetype": "image/jpeg", "filename": "cover.jpg"},
    }
    uses = {"a:0": "default", "a:1": "0", "a:2": "comment", "s:0": "default+forced", "s:1": "0"}
    return make_film(
        folder / "ep.mkv",
        *[word for number in range(6) for word in ("-map", number)],
        *("-map_metadata", 6, "-map_chapters", 6),
        *("-attach", f"{matplotlib.get_data_path()}/fonts/ttf/DejaVuSans-Bold.ttf", "-attach", folder / "cover.jpg"),
        *[w for place, each in tags.items() for k, v in each.items() for w in (f"-metadata:{place}", f"{k}={v}")],
        *("-c:v", "libx264", "-pix_fmt", "yuv420p", "-c:a:0", "flac", "-c:a:1", "aac", "-c:a:2", "ac3"),
        *("-c:s:0", "ass", "-c:s:1", "srt"),
        *[word for place, use in uses.items() for word in (f"-disposition:{place}", use)],
        inputs=(*sounds, "-i", folder / "s.ass", "-i", folder / "s.srt", "-i", folder / "m.txt"),
    )


def list_streams(path):
    """(kind, codec, language, title, name, mime type, dispositions) of each stream but the picture."""
    return [
        (s.kind, s.codec, *(s.tags.get(tag) for tag in ("language", "title", "filename", "mimetype")), s.dispositions)
        for s in probe_film(path).beside
    ]


def run(film, output, **settings):
    """Makes a film; gives what came of it, its notes, and how many frames were told of when the last note came."""
    frames, notes, before = [], [], 0

    def note(sentence):
        nonlocal before
        notes.append(sentence)
        before = len(frames)

    config = InterpolateFilmConfig(film, output, engine="blend", **settings)
    drawn = interpolate_film(config, lambda done, total: frames.append(done), note)
    return drawn, notes, before


def test_a_rich_mkv_keeps_everything(rich, tmp_path):
    drawn, notes, _ = run(rich, tmp_path / "out.mkv")
    assert drawn.frames == 48 and not notes
    assert list_streams(tmp_path / "out.mkv") == list_streams(rich) and len(list_streams(rich)) == 7
    old, new = probe_film(rich), probe_film(tmp_path / "out.mkv")
    assert {name: new.tags.get(name) for name in ("title", "language")} == {"title": "Bild", "language": "jpn"}
    assert new.dispositions == old.dispositions and "HANDLER_NAME" not in new.tags
    with av.open(str(rich)) as a, av.open(str(tmp_path / "out.mkv")) as b:
        assert [c["metadata"] for c in b.chapters()] == [c["metadata"] for c in a.chapters()] != []
        assert b.metadata["title"] == "Épisode 1 — 猫"
        for stream in a.streams:
            if stream.type == "attachment":
                assert b.streams[stream.index].data == stream.data
        packets = [[(p.stream.index, bytes(p)) for p in c.demux() if p.size and p.stream.index] for c in (a, b)]
        for number in range(1, 8):
            kept = [[data for index, data in each if index == number] for each in packets]
            assert kept[0] == kept[1]
    assert not list(tmp_path.glob(".*"))


def test_what_an_mp4_cannot_hold_is_said_before_the_first_frame(rich, tmp_path):
    _, notes, before = run(rich, tmp_path / "out.mp4")
    assert before == 0
    assert [re.split(r" \(| is written", note)[0] for note in notes] == ["subtitle 4", "subtitle 5", "attachment 6"]
    assert "DejaVuSans-Bold.ttf" in notes[2] and ".mkv" in notes[2]
    found = list_streams(tmp_path / "out.mp4")
    kinds = [stream[0] for stream in found]
    assert kinds == ["audio", "audio", "audio", "subtitle", "subtitle", "cover"]
    assert [stream[2] for stream in found[:5]] == ["jpn", "eng", "fra", "eng", "fra"]
    names = [stream.tags.get("name") for stream in probe_film(tmp_path / "out.mp4").beside]
    assert names[:4] == ["日本語", None, "Commentaire", "Signs & Songs"]


@pytest.mark.parametrize("suffix", [".mov", ".webm"])
def test_audio_that_cannot_be_held_ends_the_run_before_it_begins(rich, tmp_path, suffix):
    told = []
    config = InterpolateFilmConfig(rich, tmp_path / f"out{suffix}", engine="blend")
    with pytest.raises(OutputError, match=rf"a {suffix} cannot hold the film's audio 1 \(flac\); name the output .mkv"):
        interpolate_film(config, lambda done, total: told.append(done))
    assert not told and not list(tmp_path.iterdir())


def test_mpeg_4_and_transport_streams_bring_their_languages(rich, tmp_path):
    """An MP4 with chapters, a cover and two voices; a .ts of the same; two angles in one file."""
    mp4, ts = tmp_path / "in.mp4", tmp_path / "in.ts"
    ffmpeg("-i", rich, "-map", "0:0", "-map", "0:2", "-map", "0:3", "-map", "0:7", "-c", "copy", mp4)
    ffmpeg("-i", rich, "-map", "0:0", "-map", "0:2", "-map", "0:3", "-c", "copy", ts)
    for film, suffix in ((mp4, ".mkv"), (mp4, ".mov"), (ts, ".mkv")):
        out = tmp_path / f"{film.suffix[1:]}{suffix}"
        _, notes, before = run(film, out)
        old, new = list_streams(film), list_streams(out)
        if suffix == ".mov":
            lost = (
                "a .mov does not keep that audio 2 (ac3) is comment, cover 4 (mjpeg); name the output .mkv to keep it"
            )
            assert notes == [lost] and before == 0
            old = old[:2]
        else:
            assert not notes, notes
        assert [(s[0], s[1], s[2]) for s in new] == [(s[0], s[1], s[2]) for s in old]
        if film is mp4:
            with av.open(str(out)) as container:
                assert [c["metadata"]["title"] for c in container.chapters()] == ["OP", "Part A"]
    angles = tmp_path / "angles.mkv"
    ffmpeg("-i", rich, "-map", "0:0", "-map", "0:0", "-c", "copy", angles)
    assert not run(angles, tmp_path / "both.mkv")[1]
    assert [stream[:2] for stream in list_streams(tmp_path / "both.mkv")] == [("video", "h264")]


def test_names_of_any_letters_are_kept(tmp_path):
    """As reported of others: a track named LPCM->FLAC lost its sound."""
    sound = ("-f", "lavfi", "-i", "sine=d=1")
    title = 'a=b; "quoted" \\ $HOME `ls`'
    tags = ("-metadata:s:a:0", "title=LPCM->FLAC", "-metadata:s:v:0", f"title={title}")
    film = make_film(tmp_path / "in.mkv", "-pix_fmt", "yuv420p", "-c:a", "flac", *tags, inputs=sound)
    assert not run(film, tmp_path / "out.mkv")[1]
    assert list_streams(tmp_path / "out.mkv")[0][:4] == ("audio", "flac", None, "LPCM->FLAC")
    assert probe_film(tmp_path / "out.mkv").tags["title"] == title


def test_a_title_that_is_not_utf_8_is_read_all_the_same(tmp_path):
    film = tmp_path / "a.mkv"
    source = ("-f", "lavfi", "-i", "testsrc=s=64x48:r=12:d=0.5", "-c:v", "ffv1")
    ffmpeg(*source, "-metadata:s:v", "title=ABCDEFGH", film)
    film.write_bytes(film.read_bytes().replace(b"ABCDEFGH", b"AB\xff\xfeEFGH"))
    assert probe_film(film).tags["title"] == "AB\ufffd\ufffdEFGH"


def test_data_that_is_left_out_is_named(tmp_path):
    film = make_film(tmp_path / "in.mov", "-timecode", "01:00:00:00", "-pix_fmt", "yuv420p")
    assert not run(film, tmp_path / "out.mov")[1]
    with av.open(str(tmp_path / "out.mov")) as container:
        assert container.streams.video[0].metadata["timecode"] == "01:00:00:00"
    _, notes, before = run(film, tmp_path / "out.mkv")
    assert len(notes) == 1 and notes[0].startswith("data 1") and before == 0


# Sound in step


SOUND = np.zeros(48000 * 2, np.int16)
SOUND[24000:36000] = (np.sin(np.arange(12000) / 48000 * 2 * np.pi * 1000) * 20000).astype(np.int16)
LAMP = range(12, 15)  # half a second in, as the beep is


@pytest.fixture(scope="module")
def parts(tmp_path_factory):
    """A picture whose lamp goes on when the beep comes, and the beep, which lasts a second longer."""
    folder = tmp_path_factory.mktemp("parts")
    (folder / "a.raw").write_bytes(SOUND.tobytes())
    ffmpeg("-f", "s16le", "-ar", 48000, "-ac", 1, "-i", folder / "a.raw", "-c:a", "aac", folder / "a.m4a")
    x264 = ("-c:v", "libx264", "-crf", 12, "-bf", 3, "-pix_fmt", "yuv420p")
    return make_film(folder / "v.mp4", *x264, lamp=LAMP), folder / "a.m4a"


def measure(path):
    """(seconds from lamp to beep, frames, seconds from the first frame to the last)."""
    with av.open(str(path)) as container:
        lit = [(f.time, f.to_ndarray(format="gray")[2:10, 50:62].mean() > 140) for f in container.decode(video=0)]
    with av.open(str(path)) as container:
        heard = list(container.decode(audio=0))
    # a stream's first packets may have no time: counted back from the first that has one
    known = next(number for number, frame in enumerate(heard) if frame.time is not None)
    begin = heard[known].time - sum(frame.samples / frame.sample_rate for frame in heard[:known])
    for frame in heard:
        values = np.abs(frame.to_ndarray().astype(float)).reshape(-1)
        values = values / 32768 if frame.format.name.startswith("s16") else values
        begin = begin if frame.time is None else frame.time
        if (values > 0.2).any():
            beep = begin + int(np.argmax(values > 0.2)) / frame.sample_rate
            break
        begin += frame.samples / frame.sample_rate
    lamp = next(time for time, on in lit if on)
    return beep - lamp, len(lit), lit[-1][0] - lit[0][0]


COPY = ("-c", "copy")
VOB = ("-c:v", "mpeg2video", "-q:v", 3, "-bf", 2, "-c:a", "ac3")
WEBM = ("-c:v", "libvpx-vp9", "-c:a", "libopus")


CONTAINERS = {
    "late.mp4": (COPY, "o.mp4"),
    "late.mov": (COPY, "o.mkv"),
    "late.mkv": (COPY, "o.mov"),
    "late.webm": (WEBM, "o.webm"),
    "late.ts": (COPY, "o.mkv"),
    "late.m2ts": (COPY, "o.mp4"),
    "late.vob": (VOB, "o.mkv"),
    "late.flv": (COPY, "o.mp4"),
}


@pytest.mark.parametrize(
    ("name", "late"),
    [*((name, "picture") for name in CONTAINERS), *((f"late.{kind}", "sound") for kind in ("mp4", "mkv", "ts", "vob"))],
)
def test_streams_that_begin_apart_stay_apart(parts, tmp_path, name, late):
    picture, sound = parts
    words, out = CONTAINERS[name]
    shift = ("-itsoffset", 0.5)
    inputs = (*(shift if late == "picture" else ()), "-i", picture, *(shift if late == "sound" else ()), "-i", sound)
    film = tmp_path / name
    ffmpeg(*inputs, "-map", "0:v", "-map", "1:a", *words, film)
    before = measure(film)
    assert abs(before[0]) > 0.4  # the container has kept it
    drawn, _, _ = run(film, tmp_path / out)
    after = measure(tmp_path / out)
    assert after[0] == pytest.approx(before[0], abs=1 / 24)
    assert after[1] == drawn.frames == 2 * before[1]


@pytest.mark.parametrize("start", [0.25, 0.45])
def test_a_range_of_a_recording_keeps_sound_in_step(parts, tmp_path, start):
    picture, sound = parts
    film = tmp_path / "late.ts"
    ffmpeg("-itsoffset", 0.5, "-i", picture, "-i", sound, "-map", "0:v", "-map", "1:a", *COPY, film)
    run(film, tmp_path / "o.mkv", start=start, end=1.4)
    assert measure(tmp_path / "o.mkv")[0] == pytest.approx(-0.5, abs=1 / 24)


@pytest.mark.parametrize("codec", [("libx264", "-bf", 2), ("mpeg4", "-bf", 2, "-q:v", 3)])
def test_packets_without_times_are_decoded_once(parts, tmp_path, codec):
    """AVI has no times, and frames come out of order."""
    picture, sound = parts
    film = tmp_path / "b.avi"
    ffmpeg("-i", picture, "-i", sound, "-map", "0:v", "-map", "1:a", "-c:v", *codec, "-c:a", "mp3", film)
    timing = open_film(film).timing
    assert (timing.rate, timing.count) == (24, 24)
    drawn, notes, _ = run(film, tmp_path / "o.mkv")
    assert (drawn.frames, drawn.rate) == (48, 48) and not notes
    assert measure(tmp_path / "o.mkv")[0] == pytest.approx(measure(film)[0], abs=2 / 24)


def test_packets_that_show_nothing_are_no_frames(tmp_path):
    """Behind each packet one without a picture in it, as where frames come in two fields or some are hidden."""
    whole = make_film(tmp_path / "whole.mkv", "-c:v", "libx264", "-bf", 0, "-pix_fmt", "yuv420p")
    film = tmp_path / "halves.mkv"
    with av.open(str(whole)) as old, av.open(str(film), "w") as new:
        stream = new.add_stream_from_template(old.streams.video[0])
        for packet in old.demux(video=0):
            if not packet.size:
                continue
            half = av.Packet(b"\0\0\0\2\x09\x10")  # H.264's delimiter of pictures, and nothing else
            half.pts = half.dts = packet.pts + 21
            half.time_base = packet.time_base
            for each in (packet, half):
                each.stream = stream
                new.mux(each)
    with av.open(str(film)) as container:
        assert sum(packet.size > 0 for packet in container.demux()) == 48
    timing = open_film(film).timing
    assert (timing.rate, timing.count) == (24, 24)
    assert run(film, tmp_path / "o.mp4")[0].frames == 48


def test_a_varying_rate_lasts_as_long_as_it_did(tmp_path):
    """A gap in the middle, and frames out of order: MPEG-4 says how long packets last in the order of decoding."""
    times = [*(k / 24 for k in range(12)), *(2 + k / 10 for k in range(12))]
    film = tmp_path / "vfr.mp4"
    raw = make_film(tmp_path / "even.mkv", "-c:v", "ffv1")
    places = "+".join(f"eq(N,{k})*{round(t * 1000)}" for k, t in enumerate(times))
    ffmpeg("-i", raw, "-vf", f"settb=1/1000,setpts='{places}'", "-fps_mode", "passthrough", "-enc_time_base", "1/1000",
           "-c:v", "libx264", "-bf", 2, "-pix_fmt", "yuv420p", film)  # fmt: skip
    end = open_film(film).timing.end
    for suffix in (".mp4", ".mkv"):
        drawn, _, _ = run(film, tmp_path / f"o{suffix}")
        found = probe_film(tmp_path / f"o{suffix}")
        assert float(found.duration) == pytest.approx(float(end), abs=0.01)
        assert drawn.rate is None and drawn.seconds == pytest.approx(float(end), abs=0.01)
    assert Fraction(3) < end < Fraction(7, 2)
