"""What ffmpeg may read for us: containers that hold what they show, and nothing that leads elsewhere."""

import re
import subprocess

import imageio_ffmpeg
import pytest

from animi.core.errors import InputError
from animi.core.media import ffmpeg as module
from animi.core.media.decode import decode_video, probe_video
from animi.core.media.ffmpeg import file_input, list_input, pipe_input
from animi.core.media.film_source import open_film

FFMPEG = imageio_ffmpeg.get_ffmpeg_exe()

LISTS = {
    "dash": (
        "film.mp4",
        '<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static" '
        'mediaPresentationDuration="PT100000H" minBufferTime="PT1S" '
        'profiles="urn:mpeg:dash:profile:isoff-on-demand:2011"><Period><AdaptationSet mimeType="video/mp4">'
        '<Representation id="1" bandwidth="1000" codecs="avc1" width="64" height="48">'
        "<BaseURL>file://{folder}/secret.mp4</BaseURL></Representation></AdaptationSet></Period></MPD>",
    ),
    "ffconcat": ("film.mkv", "ffconcat version 1.0\nfile secret.mp4\n"),
    "hls": ("film.m3u8", "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nfile://{folder}/secret.ts\n#EXT-X-ENDLIST\n"),
    "svg": ("film.mov", '<svg xmlns="http://www.w3.org/2000/svg" width="64" height="48"><rect fill="red"/></svg>'),
    "a pattern": ("film%02d.jpg", None),
    "sdp": ("film.mp4", "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=video 5004 RTP/AVP 96\n"
            "a=rtpmap:96 H264/90000\n"),
    "imf": ("film.mp4", '<?xml version="1.0"?><CompositionPlaylist xmlns="http://www.smpte-ra.org/schemas/2067-3/2016">'
            "</CompositionPlaylist>"),
    "subtitles that name a file": ("film.webm", "# VobSub index file, v7 (do not modify this line!)\nsize: 720x576\n"),
}  # fmt: skip


def ffmpeg(*words):
    subprocess.run([FFMPEG, "-v", "error", "-nostdin", "-y", *map(str, words)], check=True)


@pytest.fixture(scope="module")
def secret(tmp_path_factory):
    """A folder with a film that nobody was given."""
    folder = tmp_path_factory.mktemp("secret")
    ffmpeg("-f", "lavfi", "-i", "testsrc=s=64x48:d=1:r=12", "-pix_fmt", "yuv420p", folder / "secret.mp4")
    ffmpeg("-i", folder / "secret.mp4", "-c", "copy", folder / "secret.ts")
    for number in range(3):
        ffmpeg("-i", folder / "secret.mp4", "-frames:v", "1", folder / f"film0{number}.jpg")
    return folder


def write_list(kind, folder):
    name, text = LISTS[kind]
    path = folder / name
    if text is not None:
        path.write_text(text.format(folder=folder))
    return path


@pytest.mark.parametrize("kind", ["dash", "ffconcat", "hls", "svg"])
def test_the_lists_are_real(secret, kind):
    """Left to itself, ffmpeg takes them for films: those that follow prove something."""
    path = write_list(kind, secret)
    words = (*(FFMPEG, "-hide_banner", "-nostdin", "-i", f"file:{path}"), "-frames:v", "1", "-f", "null", "-")
    said = subprocess.run(words, capture_output=True, text=True).stderr
    assert re.search(r"Stream #0:0.*Video: .* 64x48", said), said


@pytest.mark.parametrize("kind", [kind for kind in LISTS if kind != "a pattern"])
def test_what_leads_elsewhere_is_rejected(secret, animi, tmp_path, kind):
    path = write_list(kind, secret)
    with pytest.raises(InputError):
        probe_video(path)
    with pytest.raises(InputError):
        open_film(path)
    for words in (
        ("extract-frames", path, "-o", tmp_path / "frames"),
        ("interpolate", path, "-o", tmp_path / "out.mp4", "--engine", "blend"),
    ):
        result = animi(*words)
        assert result.exit_code == 1 and result.stderr.count("\n") == 1, result.output
        assert path.name in result.stderr and "Traceback" not in result.stderr
    assert not list(tmp_path.rglob("*.mp4")) and not list(tmp_path.rglob("*.png"))


def test_a_list_says_what_it_is(secret):
    for kind in ("dash", "ffconcat", "hls", "svg"):
        with pytest.raises(InputError, match="it is a list of other files, or of a kind that animi takes no films"):
            probe_video(write_list(kind, secret))


def test_a_name_with_a_number_in_it_stands_for_itself_alone(secret, tmp_path):
    """To ffmpeg, film%02d.jpg is film00.jpg, film01.jpg and so on."""
    with pytest.raises(InputError, match="there is no such file"):
        probe_video(secret / "film%02d.jpg")
    for name, words in (("film%02d.jpg", ()), ("film%02d.png", ()), ("moving%02d.png", ("-f", "apng"))):
        frames = "3" if words else "1"
        ffmpeg("-i", secret / "secret.mp4", "-frames:v", frames, *(words or ("-f", "image2", "-update", "1")),
               f"file:{tmp_path / 'plain'}")  # fmt: skip
        (tmp_path / "plain").rename(tmp_path / name)
        assert len(list(decode_video(probe_video(tmp_path / name)))) == int(frames), name


FILMS = {
    **dict.fromkeys(("a.mp4", "a.mov", "a.mkv", "a.m4v", "a.avi", "a.ts", "a.m2ts", "a.flv", "a.nut"), ()),
    **dict.fromkeys(("a.webm", "a.ivf"), ("-c:v", "libvpx")),
    **dict.fromkeys(("a.mpg", "a.vob", "a.mxf", "a.gxf"), ("-c:v", "mpeg2video", "-s", "720x576", "-r", "25")),
    **dict.fromkeys(("a.wmv", "a.asf"), ("-c:v", "wmv2")),
    **dict.fromkeys(("a.ogv", "a.ogg"), ("-c:v", "libtheora")),
    "a.3gp": ("-c:v", "mpeg4"),
    "a.dv": ("-s", "720x576", "-r", "25", "-pix_fmt", "yuv420p"),
    "a.gif": (),
    "a.apng": (),
    "a.y4m": ("-pix_fmt", "yuv420p"),
    "a.rm": ("-c:v", "rv10", "-s", "176x144"),
    "a.obu": ("-c:v", "libsvtav1"),
    "a.mjpeg": ("-pix_fmt", "yuvj420p"),
    "a.h264": (),
    "a.hevc": ("-c:v", "libx265", "-x265-params", "log-level=error"),
    "a.m2v": ("-c:v", "mpeg2video", "-r", "25"),
    "a.swf": ("-c:v", "flv1"),
}
TIMELESS = ("a.h264", "a.hevc", "a.m2v", "a.swf", "a.gxf")  # their packets say nothing of when they are shown


@pytest.mark.parametrize("name", FILMS)
def test_films_are_still_read(secret, tmp_path, name):
    path = tmp_path / name
    ffmpeg("-i", secret / "secret.mp4", *FILMS[name], path)
    info = probe_video(path)
    assert len(list(decode_video(info, size=32))) >= 11
    if name not in TIMELESS:
        assert open_film(path).timing.count >= 11


def test_every_input_of_ours_is_held_to_its_kind(tmp_path):
    """Wherever an ffmpeg is started, what it reads was made by one of three functions."""
    (tmp_path / "film.mp4").write_bytes(b"")
    for words in (file_input(tmp_path / "film.mp4"), pipe_input("rawvideo", "-s", "2x2"), list_input("list", ("mov",))):
        allowed = words[words.index("-format_whitelist") + 1].split(",")
        assert not {"dash", "hls", "image2", "lavfi", "svg_pipe", "imf", "rtsp", "sdp", "tty"} & set(allowed)
        assert words[words.index("-protocol_whitelist") + 1] in ("file", "pipe")
    root = module.__file__.rsplit("/media/", 1)[0]
    found = subprocess.run(["grep", "-rnE", r'"-i"|subprocess\.(run|Popen)\(', root, "--include=*.py"],
                           capture_output=True, text=True).stdout.splitlines()  # fmt: skip
    where = {line.removeprefix(f"{root}/").split(":")[0] for line in found}
    assert where == {"media/ffmpeg.py", "programs.py", "sprites/renderer.py"}, found
