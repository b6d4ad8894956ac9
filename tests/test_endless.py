"""Films and programs that take for ever: every command ends within three seconds of a signal, and leaves no process.

With more processes than cores it may take longer: see `patience`.
"""

import os
import signal
import subprocess
import sys
import time
from fractions import Fraction
from pathlib import Path
from runpy import run_path

import imageio_ffmpeg
import numpy as np
import pytest

from animi.core.errors import CheckpointError, InputError
from animi.core.media import ffmpeg
from animi.core.media.decode import decode_video, probe_video
from animi.core.media.encode import write_video
from animi.core.media.film_source import open_film
from animi.core.programs import programs
from animi.core.weights.imagenet import VGG16, read_weights

FFMPEG = imageio_ffmpeg.get_ffmpeg_exe()
ANIMI = (sys.executable, "-c", "from animi.cli.main import run; run()")
patience = run_path(str(Path(__file__).with_name("patience.py")))["patience"]
SECONDS = 3.0

STAND_IN = """#!/bin/sh
# ffmpeg, but it hangs and ignores signals where it is asked for something
case "$*" in
  *"{hangs}"*)
    trap '' TERM INT PIPE
    echo $$ >> {log}
    while :; do sleep 1000 & wait; done ;;
esac
exec {real} "$@"
"""


def group(pid):
    """The processes of a group that are there and no zombies."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rsplit(")", 1)[1].split()
        except OSError:
            continue
        if int(fields[2]) == pid and fields[0] != "Z":
            found.append(int(stat.parent.name))
    return found


def children(pid):
    """The processes that a process has started."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rsplit(")", 1)[1].split()
        except OSError:
            continue
        if int(fields[1]) == pid:
            found.append(int(stat.parent.name))
    return found


def wait_for(there, seconds=30.0):
    until = time.monotonic() + seconds
    while not there():
        assert time.monotonic() < until, "it never came to this"
        time.sleep(0.02)


def start(*words, hangs=None, log=None, **more):
    """Starts animi; with an ffmpeg that hangs where `hangs` is among its arguments, if that is said."""
    surroundings = dict(os.environ)
    if hangs is not None:
        script = log.with_suffix(".sh")
        script.write_text(STAND_IN.format(hangs=hangs, log=log, real=FFMPEG))
        script.chmod(0o755)
        surroundings["IMAGEIO_FFMPEG_EXE"] = str(script)
    return subprocess.Popen(
        [*ANIMI, *map(str, words)], env=surroundings, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, **more
    )


def end(process, number, code):
    """Sends a signal and sees that all ends in time, with one line and nothing left."""
    started = children(process.pid)
    begin = time.monotonic()
    process.send_signal(number)
    try:
        said = process.communicate(timeout=60)[1].decode()
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        raise
    took = time.monotonic() - begin
    assert took < patience(SECONDS), f"{took:.1f} s: {said}"
    assert process.returncode == code and "Traceback" not in said and "Exception" not in said, said
    until = time.monotonic() + patience(0.5)
    while left := [pid for each in started for pid in group(each)]:
        assert time.monotonic() < until, left
        time.sleep(0.02)
    return said


def draw(number):
    frame = np.full((48, 64, 3), (40, 90, 160), np.uint8)
    frame[16:32, 2 * number % 50 : 2 * number % 50 + 10] = (220, 30, 30)
    return frame


@pytest.fixture(scope="module")
def film(tmp_path_factory):
    path = tmp_path_factory.mktemp("endless") / "film.mp4"
    write_video(path, map(draw, range(24)), fps=Fraction(12), size=(64, 48))
    return path


@pytest.fixture(scope="module")
def long_film(film):
    """An hour and more."""
    path = film.with_name("long.mkv")
    subprocess.run([FFMPEG, "-v", "error", "-stream_loop", "2000", "-i", film, "-c", "copy", path], check=True)
    return path


EXTRACT = ("extract-frames", "{film}", "-o", "{out}", "--size", "32")
FILM = ("interpolate", "{film}", "-o", "{out}.mp4", "--engine", "blend")
HANGS = {
    "extract: the head": (EXTRACT, ""),
    "extract: frames": (EXTRACT, "rawvideo"),
    "extract --packed: frames": ((*EXTRACT, "--packed"), "rawvideo"),
    "film: the head": (FILM, ""),
    "film: packets": (FILM, "framecrc"),
    "film: encoders": (FILM, "-encoders"),
    "film: frames": (FILM, "-f rawvideo pipe:1"),
    "film: encoding": (FILM, "libx264"),
    "film: joining": (FILM, "-f concat"),
    "film to a gif: frames": ((*FILM[:3], "{out}.gif", *FILM[4:]), "-f rawvideo pipe:1"),
    "key frames: encoding": (("interpolate", "{keys}", "-o", "{out}.mp4", "--engine", "blend"), "libx264"),
    "a cartoon: encoding": (("draw-cartoon", "{out}.webm", "--seconds", "60", "--size", "128x96"), "libvpx"),
}


SIGNALS = [(kind, signal.SIGINT) for kind in HANGS] + [
    (kind, signal.SIGTERM) for kind in ("extract: frames", "film: packets", "film: joining", "a cartoon: encoding")
]
"""Where it hangs, and by what it is ended: both signals take the same way out."""


@pytest.mark.parametrize(("kind", "number"), SIGNALS)
def test_an_ffmpeg_that_hangs(film, tmp_path, kind, number, key_frames):
    words, hangs = HANGS[kind]
    keys = tmp_path / "keys"
    keys.mkdir()
    for path in key_frames:
        path.rename(keys / path.name)
    log = tmp_path / "hung"
    words = [word.format(film=film, out=tmp_path / "out", keys=keys) for word in words]
    process = start(*words, hangs=hangs, log=log)
    wait_for(log.exists)
    time.sleep(0.3)
    end(process, number, 130 if number == signal.SIGINT else 143)
    for pid in map(int, log.read_text().split()):
        assert not group(pid)
    assert not (tmp_path / "out.mp4").exists() and not list(tmp_path.glob(".animi-*"))


@pytest.mark.parametrize(
    ("words", "number"),
    [(EXTRACT, signal.SIGINT), (EXTRACT, signal.SIGKILL), (FILM, signal.SIGTERM), (FILM, signal.SIGKILL)],
)
def test_a_film_of_hours(long_film, tmp_path, words, number):
    process = start(*(word.format(film=long_film, out=tmp_path / "out") for word in words))
    made = "out/long/*.png" if words is EXTRACT else ".out.mp4.animi/film.json"  # planning, which takes minutes
    wait_for(lambda: next(tmp_path.glob(made), None))
    code = {signal.SIGINT: 130, signal.SIGTERM: 143, signal.SIGKILL: -9}[number]
    end(process, number, code)


def test_a_stream_that_stalls(tmp_path):
    """Its sender lives on and says no more."""
    head, frame = b"YUV4MPEG2 W64 H48 F12:1 C420jpeg\n", b"FRAME\n" + bytes(64 * 48 * 3 // 2)
    processes = []
    for number, sent in enumerate((b"", head[:20], head + 3 * frame)):
        output = tmp_path / f"out-{number}.mp4"
        processes.append(start("interpolate", "-", "-o", output, "--engine", "blend", stdin=subprocess.PIPE))
        processes[-1].stdin.write(sent)
        processes[-1].stdin.flush()
    time.sleep(3)  # until all of them wait, whatever they have done
    for process in processes:
        sender, process.stdin = process.stdin, None
        end(process, signal.SIGINT, 130)
        sender.close()
    assert not list(tmp_path.iterdir())


def test_a_pipe_in_the_place_of_a_film_is_not_waited_for(tmp_path, animi):
    os.mkfifo(tmp_path / "film.mp4")
    for words in (("extract-frames", tmp_path / "film.mp4", "-o", tmp_path / "out"),
                  ("interpolate", tmp_path / "film.mp4", "-o", tmp_path / "out.mp4")):  # fmt: skip
        result = animi(*words)
        assert result.exit_code == 1 and "film.mp4: is a pipe or a device" in result.stderr


# Limits


@pytest.fixture
def hung(tmp_path, monkeypatch):
    """An ffmpeg that hangs where it is asked for something: `hung("showinfo")`."""

    def make(hangs):
        script = tmp_path / "ffmpeg.sh"
        script.write_text(STAND_IN.format(hangs=hangs, log=tmp_path / "hung", real=FFMPEG))
        script.chmod(0o755)
        monkeypatch.setenv("IMAGEIO_FFMPEG_EXE", str(script))

    return make


@pytest.mark.parametrize("hangs", ["", "-frames:v 48", "framecrc"])
def test_a_look_at_a_film_takes_so_long_and_no_longer(film, hung, monkeypatch, hangs):
    monkeypatch.setattr(ffmpeg, "PROBE_SECONDS", 0.5)
    monkeypatch.setattr(ffmpeg, "STALL_SECONDS", 0.5)
    hung(hangs)
    begin = time.monotonic()
    with pytest.raises(InputError, match=r"film\.mp4: ffmpeg gave no answer within 0\.5 s"):
        open_film(film)
    assert time.monotonic() - begin < patience(4)


@pytest.fixture
def hung_probe(tmp_path, monkeypatch):
    """A PyAV that hangs, deaf to SIGTERM, as soon as it is imported; gives the file with its process's number."""
    log = tmp_path / "probing"
    folder = tmp_path / "stand-in"
    folder.mkdir()
    (folder / "av.py").write_text(
        "import os, signal, time\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        f"open({str(log)!r}, 'w').write(str(os.getpid()))\ntime.sleep(1000)\n"
    )
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(folder), *filter(None, [os.environ.get("PYTHONPATH")])]))
    return log


def test_reading_a_head_takes_so_long_and_no_longer(film, hung_probe, monkeypatch):
    monkeypatch.setattr(ffmpeg, "PROBE_SECONDS", 3)  # Python takes a while to start
    begin = time.monotonic()
    with pytest.raises(InputError, match=r"film\.mp4: ffmpeg gave no answer within 3 s"):
        probe_video(film)
    assert time.monotonic() - begin < patience(6) and not group(int(hung_probe.read_text()))


@pytest.mark.parametrize(("words", "number"), [(EXTRACT, signal.SIGINT), (FILM, signal.SIGTERM)])
def test_a_head_that_hangs_the_process_that_reads_it(film, hung_probe, tmp_path, words, number):
    process = start(*(word.format(film=film, out=tmp_path / "out") for word in words))
    wait_for(hung_probe.exists)
    time.sleep(0.3)
    end(process, number, 130 if number == signal.SIGINT else 143)
    assert not group(int(hung_probe.read_text()))


def test_a_film_whose_frames_do_not_come_is_given_up(film, hung, monkeypatch):
    info = probe_video(film)
    monkeypatch.setattr("animi.core.media.decode.STALL_SECONDS", 0.5)
    hung("-f rawvideo")
    with pytest.raises(InputError, match=r"film\.mp4: ffmpeg gave no answer within 0\.5 s"):
        list(decode_video(info))


def test_a_film_of_too_many_frames_is_not_counted_to_its_end(film, monkeypatch):
    monkeypatch.setattr("animi.core.media.timestamps.MOST_FRAMES", 10)
    with pytest.raises(InputError, match="has more than 10 frames; cut it into parts"):
        open_film(film)


def test_what_ffmpeg_says_is_kept_within_bounds(film, tmp_path, monkeypatch):
    script = tmp_path / "ffmpeg.sh"
    script.write_text("#!/bin/sh\nhead -c 50000000 /dev/zero | tr '\\0' 'x' >&2\nexit 1\n")
    script.chmod(0o755)
    monkeypatch.setenv("IMAGEIO_FFMPEG_EXE", str(script))
    with pytest.raises(InputError) as caught:
        open_film(film)
    assert len(str(caught.value)) < 1000


def test_a_piece_of_work_that_is_ended_ends_its_films(film, long_film, tmp_path):
    """As where a job of the studio is cancelled."""
    import threading

    from animi.core.config.interpolation import InterpolateFilmConfig
    from animi.core.errors import Ended
    from animi.core.films.interpolation import interpolate_film

    begun, found = threading.Event(), []

    def work():
        with programs() as mine:
            found.append(mine)
            try:
                interpolate_film(InterpolateFilmConfig(long_film, tmp_path / "out.mp4", engine="blend"),
                                 on_plan=lambda done, total: begun.set())  # fmt: skip
            except Ended as error:
                found.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    assert begun.wait(30)
    begin = time.monotonic()
    found[0].end()
    thread.join(60)
    assert not thread.is_alive() and time.monotonic() - begin < patience(SECONDS) and isinstance(found[1], Ended)


def test_an_animated_webp_is_looked_at_without_decoding_it(tmp_path, monkeypatch):
    from PIL import Image, WebPImagePlugin

    frames = [Image.fromarray(draw(number)) for number in range(6)]
    path = tmp_path / "a.webp"
    frames[0].save(path, save_all=True, append_images=frames[1:], duration=[80, 80, 80, 80, 80, 200], lossless=True)
    monkeypatch.setattr(WebPImagePlugin.WebPImageFile, "load", lambda *_: pytest.fail("a picture was decoded"))
    monkeypatch.setattr("animi.core.media.webp._MOST_DECODED", 0)  # pixels by which alpha is judged
    info = probe_video(path)
    assert (info.width, info.height, info.duration) == (64, 48, 0.6)
    film = open_film(path)
    assert (film.timing.count, film.timing.rate) == (6, Fraction(25, 2))
    monkeypatch.undo()
    assert [round(frame.time, 3) for frame in decode_video(info)] == [0, 0.08, 0.16, 0.24, 0.32, 0.4]


@pytest.mark.parametrize("damage", ["cut", "noise"])
def test_a_damaged_webp_is_said_in_one_line(tmp_path, animi, damage):
    from PIL import Image

    frames = [Image.fromarray(draw(number)) for number in range(6)]
    path = tmp_path / "a.webp"
    frames[0].save(path, save_all=True, append_images=frames[1:], duration=80, lossless=True)
    data = bytearray(path.read_bytes())
    if damage == "cut":
        del data[-20:]
    else:
        place = data.rindex(b"VP8L") + 8
        data[place : place + 40] = bytes(40)
    path.write_bytes(data)
    result = animi("extract-frames", path, "-o", tmp_path / "out", "--size", "32")
    assert result.exit_code == 1 and "a.webp" in result.stderr and "Traceback" not in result.stderr
    assert result.stderr.splitlines()[-1].startswith("animi: ")


@pytest.mark.parametrize("kind", ["device", "pipe"])
def test_a_list_of_cuts_has_an_end(film, tmp_path, animi, kind):
    cuts = Path("/dev/zero")
    if kind == "pipe":
        cuts = tmp_path / "cuts"
        os.mkfifo(cuts)
        feeder = subprocess.Popen(["sh", "-c", f"cat /dev/zero > {cuts}"], stderr=subprocess.DEVNULL)
    result = animi("extract-frames", film, "-o", tmp_path / "out", "--cuts", cuts)
    assert result.exit_code == 1 and "is too large for a list of cuts" in result.stderr
    if kind == "pipe":
        feeder.wait(10)


def test_weights_are_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "vgg.safetensors")
    os.mkfifo(tmp_path / "vgg.pth")
    for name in ("vgg.safetensors", "vgg.pth"):
        with pytest.raises(CheckpointError, match="is no ordinary file"):
            read_weights(VGG16, tmp_path / name, {})
