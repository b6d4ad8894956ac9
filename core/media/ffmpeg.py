"""The ffmpeg program: where it is, the words for what it may read, and how it is asked, heard and ended.

Every `-i` of ours is made here. ffmpeg finds out by itself what a file is, whatever its name: also a playlist, which
names other files or addresses, that are then read in its place. So each input is held to containers that hold what
they show, and to the one protocol that it comes by.
"""

import os
import re
import subprocess
from collections.abc import Generator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO

from ..errors import InputError, OutputError
from ..files import reason, shown
from ..programs import Done, Program, run, wait_to_read

# fmt: off
CONTAINERS = (
    "mov", "matroska", "avi", "mpegts", "mpeg", "mpegvideo", "flv", "live_flv", "kux", "ogg", "asf", "asf_o", "mxf",
    "gxf", "lxf", "nut", "ivf", "rm", "nsv", "nuv", "wtv", "dv", "swf", "viv", "bink", "smk", "flic", "film_cpk", "roq",
    "gif", "apng", "yuv4mpegpipe", "mjpeg", "smjpeg", "jpegxl_anim",  # animations, and frames as they are
    "h261", "h263", "h264", "hevc", "vvc", "evc", "apv", "m4v", "vc1", "av1", "obu", "avs2", "avs3", "cavsvideo",
    "dirac", "dnxhd",  # no container at all: bare streams
    "png_pipe", "jpeg_pipe", "bmp_pipe", "tiff_pipe", "webp_pipe", "jpegxl_pipe",  # one picture
    "wav", "w64", "mp3", "aac", "ac3", "eac3", "dts", "flac", "aiff", "caf", "au",  # sound, to say that it is no film
)
# fmt: on
"""ffmpeg's names of what a film may come in. Not among them is what names other files (dash, hls, concat, imf, sdp,
image2, vobsub, avisynth, ...) or is drawn by a program of its own (svg_pipe, lavfi, tty)."""

MOST_PIXELS = 1 << 26
"""The largest frame of a film, in pixels; 8K (7680 x 4320) fits. A larger one is rejected by its header."""
MOST_BYTES = 1 << 30
"""The most memory that ffmpeg may take in one piece; the largest frame, at 16 bits a channel with alpha, takes half."""
PROBE_SECONDS = 60.0
"""For which ffmpeg may look at a film's head, or decode its first frame: a disk may have to wake up."""
STALL_SECONDS = 300.0
"""For which ffmpeg may give nothing while it reads a file: seeking may decode many frames that it does not give."""

_MOST_LETTERS = 500  # characters of ffmpeg's messages that are passed on
QUIET = ("-hide_banner", "-nostdin", "-loglevel", "error")


def find_ffmpeg() -> str:
    """The ffmpeg program.

    Raises:
        OutputError: there is none for this machine.
    """
    import imageio_ffmpeg

    try:
        return str(imageio_ffmpeg.get_ffmpeg_exe())
    except RuntimeError as error:
        raise OutputError("no ffmpeg for this machine; install one and set IMAGEIO_FFMPEG_EXE to its path") from error


def read_file(path: Path, decoder: str | None = None) -> list[str]:
    """Ffmpeg's arguments for a film that is a file: it may be a container that holds what it shows, and nothing else.

    Args:
        path: the file.
        decoder: ffmpeg's name of what decodes its picture; None: the usual one.

    Raises:
        InputError: it cannot be read.
    """
    limits = ["-max_pixels", str(MOST_PIXELS), "-max_alloc", str(MOST_BYTES)]
    chosen = [] if decoder is None else ["-c:v", decoder]
    return [*limits, *_allow(CONTAINERS, "file"), *name_kind(path), *chosen, "-i", f"file:{path}"]


def read_pipe(kind: str, *form: str) -> list[str]:
    """Ffmpeg's arguments for what we send to its standard input.

    Args:
        kind: ffmpeg's name of its format.
        form: arguments that say more of it.
    """
    return [*_allow((kind,), "pipe"), *form, "-f", kind, "-i", "pipe:0"]


def read_list(name: str, kinds: Sequence[str]) -> list[str]:
    """Ffmpeg's arguments for a list of our own files, one to be read after the other.

    It runs in their folder, so that no name but our own is in the list or in its arguments.

    Args:
        name: the list's.
        kinds: ffmpeg's names of the formats that they may have.
    """
    return [*_allow(("concat", *kinds), "file"), "-f", "concat", "-safe", "0", "-i", f"file:{name}"]


def _allow(kinds: Sequence[str], protocol: str) -> tuple[str, ...]:
    return "-format_whitelist", ",".join(kinds), "-protocol_whitelist", protocol


def name_kind(path: Path) -> tuple[str, ...]:
    """Ffmpeg's arguments that name a picture's format; else it takes a%03d.png for a000.png, a001.png and so on."""
    head = _read_head(path)
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return "-f", "apng" if b"acTL" in head[: head.find(b"IDAT")] else "png_pipe"
    return ("-f", "jpeg_pipe") if head.startswith(b"\xff\xd8\xff") else ()


def _read_head(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(1 << 16)
    except OSError as error:
        raise InputError(f"{shown(path)}: cannot be read ({reason(error)}); check the file") from error


def ask(arguments: Sequence[str], about: Path, *, out: bool = False, cwd: Path | None = None) -> Done:
    """Runs ffmpeg where that takes a moment, such as to look at a film's head.

    Args:
        arguments: those behind the program's name.
        about: the film, as errors name it.
        out: keep what it writes on stdout.
        cwd: the folder in which it runs.

    Raises:
        InputError: it gave no answer within PROBE_SECONDS.
    """
    return run_briefly([find_ffmpeg(), *arguments], about, out=out, cwd=cwd)


def run_briefly(command: Sequence[str], about: Path, *, out: bool = False, cwd: Path | None = None) -> Done:
    """Runs a program that reads a film's head; `ask` describes the arguments and the error."""
    try:
        return run(command, seconds=PROBE_SECONDS, out=out, cwd=cwd)
    except subprocess.TimeoutExpired:
        raise stalled(about, PROBE_SECONDS) from None


_COMMON_CLOCK = ("mpegts", "mpeg", "ogg", "nut")
"""Formats in which ffmpeg takes time from the streams that are used, by FFmpeg's names."""


def use_beside(container: str | None, number: int = 0, *kinds: str) -> list[str]:
    """Ffmpeg's arguments for one more output, which takes a film's other streams and discards them.

    In MPEG, ffmpeg counts time from the first packet of the streams that are used, and corrects clocks that jump by all
    of them. With these arguments, each run over a film uses the same streams, and so all runs agree on the time.

    Args:
        container: the film's format; in most of them this is not needed, and there are no arguments.
        number: of the input.
        kinds: what is taken beside audio and subtitles, as -map names it.
    """
    if container not in _COMMON_CLOCK:
        return []
    maps = [word for kind in (*kinds, "a", "s") for word in ("-map", f"{number}:{kind}?")]
    return [*maps, "-c", "copy", "-f", "null", "-"]


def list_packets(
    source: Sequence[str], stream: str, about: Path, *, decode: int | None = None, container: str | None = None
) -> Generator[tuple[bytes, ...], None, None]:
    """Lists the packets of a film, or the frames that they decode to, as ffmpeg's framecrc has them.

    Args:
        source: where it comes from, as `read_file` has it.
        stream: ffmpeg's name of the stream, such as 0:V:0.
        about: the film, as errors name it.
        decode: how many frames to decode at most; 0: all of them; None: nothing is decoded, and packets are listed.
        container: the film's format, as `use_beside` takes it.

    Yields:
        (b"#tb", the seconds of a tick as a fraction) first, and then for each packet its stream, dts, pts and duration
        in ticks, and more.

    Raises:
        InputError: ffmpeg fails before the first packet, or gives nothing for STALL_SECONDS.
    """
    how: tuple[str, ...] = ("-c", "copy")
    if decode is not None:
        how = ("-fps_mode", "passthrough", "-enc_time_base", "demux", "-c:v", "wrapped_avframe")
        how = (*how, *(("-frames:v", str(decode)) if decode else ()))
    command = [find_ffmpeg(), *QUIET, *source, "-map", stream, *how, "-f", "framecrc", "pipe:1", *use_beside(container)]
    with Program(command, stdout=subprocess.PIPE) as program:
        pipe = program.process.stdout
        assert pipe is not None
        rest, any_packet = b"", False
        while piece := read_some(program, pipe, about):
            lines = (rest + piece).split(b"\n")
            rest = lines.pop()
            for line in lines:
                if line.startswith(b"#tb 0:"):
                    yield b"#tb", line[6:].strip()
                elif not line.startswith(b"#"):
                    any_packet = True
                    yield tuple(cell.strip() for cell in line.split(b","))
        if not any_packet and wait_for(program, about):
            raise InputError(f"{shown(about)}: cannot be read (ffmpeg: {first_words(program.words)}); check the file")


def read_some(program: Program, pipe: IO[bytes], about: Path) -> bytes:
    """What ffmpeg has written to its stdout, as soon as there is something; b"" at the end.

    Raises:
        InputError: there is nothing for STALL_SECONDS.
        Ended: the work was ended.
    """
    if not wait_to_read(pipe, STALL_SECONDS):
        raise stalled(about, STALL_SECONDS)
    piece = os.read(pipe.fileno(), 1 << 16)
    if not piece:
        program.check()
    return piece


def wait_for(program: Program, about: Path) -> int:
    """Waits until an ffmpeg that has written all has ended.

    Raises:
        InputError: it does not end.
        Ended: the work was ended.
    """
    try:
        return program.wait(PROBE_SECONDS)
    except subprocess.TimeoutExpired:
        raise stalled(about, PROBE_SECONDS) from None


def stalled(about: Path, seconds: float) -> InputError:
    """What to say where ffmpeg does not answer."""
    return InputError(
        f"{shown(about)}: ffmpeg gave no answer within {seconds:g} s; check the file or the disk, or convert it"
    )


def widen_pipe(pipe: IO[bytes]) -> None:
    """Lets the pipe hold more than the usual 64 KiB, where the system can: fewer switches between the processes."""
    with suppress(ImportError, AttributeError, OSError):
        import fcntl

        fcntl.fcntl(pipe.fileno(), fcntl.F_SETPIPE_SZ, 1 << 20)


def first_words(words: bytes) -> str:
    """The first lines of what ffmpeg wrote on stderr, as one line; those after them only follow from these."""
    lines = (re.sub(r"^(\[[^]]* @ [^]]*\] *)+", "", line) for line in words.decode(errors="replace").splitlines())
    first = list(dict.fromkeys(line.strip() for line in lines if line.strip()))[:2]
    return "; ".join(first)[:_MOST_LETTERS] or "it gave no reason"


def why_unread(words: bytes, path: Path) -> str:
    """The reason that ffmpeg gives for a file that it cannot read: the last line with one."""
    said = words.decode(errors="replace")
    if "Format not on whitelist" in said:
        return "it is a list of other files, or of a kind that animi takes no films from"
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    lines = [line for line in lines if not line.startswith(("Error opening", "At least one output", "Last message"))]
    last = re.sub(r"^\[[^\]]*\] ", "", lines[-1]) if lines else "ffmpeg gave no reason"
    return last.replace(f"file:{path}: ", "")[:_MOST_LETTERS]
