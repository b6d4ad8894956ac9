"""Runs the ffmpeg program: its path, safe input arguments, short commands, and parsing its output.

Every `-i` argument is made here. ffmpeg detects formats by content, whatever a file's name. That includes playlists,
which make it open other files or URLs. So each input is restricted to containers that hold their own data, and to the
one protocol that it uses.
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
    "gif", "apng", "yuv4mpegpipe", "mjpeg", "smjpeg", "jpegxl_anim",  # animations and raw frames
    "h261", "h263", "h264", "hevc", "vvc", "evc", "apv", "m4v", "vc1", "av1", "obu", "avs2", "avs3", "cavsvideo",
    "dirac", "dnxhd",  # elementary streams
    "png_pipe", "jpeg_pipe", "bmp_pipe", "tiff_pipe", "webp_pipe", "jpegxl_pipe",  # still images
    "wav", "w64", "mp3", "aac", "ac3", "eac3", "dts", "flac", "aiff", "caf", "au",  # audio only, for a clear error
)
# fmt: on
"""ffmpeg's names of the containers that are allowed. Excluded are those that refer to other files (dash, hls, concat,
imf, sdp, image2, vobsub, avisynth, ...) or are rendered by a program of their own (svg_pipe, lavfi, tty)."""

MOST_PIXELS = 1 << 26
"""Largest frame of a film, in pixels; 8K (7680 x 4320) fits. Larger ones are rejected by their header."""
MOST_BYTES = 1 << 30
"""Largest single allocation of ffmpeg, in bytes; the largest frame as RGBA of 16 bits per channel takes half."""
PROBE_SECONDS = 60.0
"""Time limit for reading a film's header or first frame, long enough for a disk to spin up."""
STALL_SECONDS = 300.0
"""Longest time without output while ffmpeg reads a file: seeking may decode many frames without output."""

_MOST_LETTERS = 500  # characters of ffmpeg's messages that are quoted
QUIET = ("-hide_banner", "-nostdin", "-loglevel", "error")


def find_ffmpeg() -> str:
    """Returns the path of the ffmpeg program.

    Raises:
        OutputError: there is none for this machine.
    """
    import imageio_ffmpeg

    try:
        return str(imageio_ffmpeg.get_ffmpeg_exe())
    except RuntimeError as error:
        raise OutputError("no ffmpeg for this machine; install one and set IMAGEIO_FFMPEG_EXE to its path") from error


def file_input(path: Path, decoder: str | None = None) -> list[str]:
    """Returns ffmpeg's input arguments for a film's file, restricted to CONTAINERS.

    Args:
        path: the file.
        decoder: ffmpeg's name of the video decoder; None for the default.

    Raises:
        InputError: it cannot be read.
    """
    limits = ["-max_pixels", str(MOST_PIXELS), "-max_alloc", str(MOST_BYTES)]
    chosen = [] if decoder is None else ["-c:v", decoder]
    return [*limits, *_allow(CONTAINERS, "file"), *format_arguments(path), *chosen, "-i", f"file:{path}"]


def pipe_input(kind: str, *form: str) -> list[str]:
    """Returns ffmpeg's input arguments for data that we write to its standard input.

    Args:
        kind: ffmpeg's name of the format.
        form: further arguments that describe the data.
    """
    return [*_allow((kind,), "pipe"), *form, "-f", kind, "-i", "pipe:0"]


def list_input(name: str, kinds: Sequence[str]) -> list[str]:
    """Returns ffmpeg's input arguments for a concat list of our own files.

    ffmpeg must run in their folder, so that the list and the arguments contain only our own file names.

    Args:
        name: the list's file name.
        kinds: ffmpeg's names of the formats that the files may have.
    """
    return [*_allow(("concat", *kinds), "file"), "-f", "concat", "-safe", "0", "-i", f"file:{name}"]


def _allow(kinds: Sequence[str], protocol: str) -> tuple[str, ...]:
    return "-format_whitelist", ",".join(kinds), "-protocol_whitelist", protocol


def format_arguments(path: Path) -> tuple[str, ...]:
    """Returns arguments that fix an image's format; without it, a%03d.png is read as a000.png, a001.png, ..."""
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


def run_ffmpeg(arguments: Sequence[str], about: Path, *, out: bool = False, cwd: Path | None = None) -> Done:
    """Runs ffmpeg for a short task, such as reading a film's header.

    Args:
        arguments: ffmpeg's arguments.
        about: the film that errors name.
        out: keep its stdout.
        cwd: its working directory.

    Raises:
        InputError: it did not end within PROBE_SECONDS.
    """
    return run_briefly([find_ffmpeg(), *arguments], about, out=out, cwd=cwd)


def run_briefly(command: Sequence[str], about: Path, *, out: bool = False, cwd: Path | None = None) -> Done:
    """Runs a program that reads a film's header; `run_ffmpeg` describes the arguments and the error."""
    try:
        return run(command, seconds=PROBE_SECONDS, out=out, cwd=cwd)
    except subprocess.TimeoutExpired:
        raise stall_error(about, PROBE_SECONDS) from None


def list_encoders() -> set[str]:
    """The names of the video encoders that this ffmpeg has.

    Raises:
        InputError: it did not end within PROBE_SECONDS.
        OutputError: there is no ffmpeg for this machine.
    """
    said = run_ffmpeg(("-hide_banner", "-nostdin", "-encoders"), Path("ffmpeg"), out=True).out.decode(errors="replace")
    rows = (line.split() for line in said.splitlines() if line.startswith(" V"))
    return {row[1] for row in rows if len(row) > 1}


_COMMON_CLOCK = ("mpegts", "mpeg", "ogg", "nut")
"""Formats whose timestamps ffmpeg derives from the streams that are in use, by FFmpeg's names."""


def discard_others(container: str | None, number: int = 0, *kinds: str) -> list[str]:
    """Returns ffmpeg's arguments for a second output that discards a film's other streams.

    In MPEG, ffmpeg counts time from the first packet of the streams in use, and uses all of them to correct
    discontinuities. With these arguments every run uses the same streams, so that timestamps agree between runs.

    Args:
        container: the film's format; most formats need no such arguments.
        number: index of the input.
        kinds: streams to use in addition to audio and subtitles, as in -map.
    """
    if container not in _COMMON_CLOCK:
        return []
    maps = [word for kind in (*kinds, "a", "s") for word in ("-map", f"{number}:{kind}?")]
    return [*maps, "-c", "copy", "-f", "null", "-"]


def list_packets(
    source: Sequence[str], stream: str, about: Path, *, decode: int | None = None, container: str | None = None
) -> Generator[tuple[bytes, ...], None, None]:
    """Lists a film's packets, or its decoded frames, by ffmpeg's framecrc muxer.

    Args:
        source: input arguments, from `file_input`.
        stream: ffmpeg's stream specifier, such as 0:V:0.
        about: the film that errors name.
        decode: largest number of frames to decode, 0 for all; None lists packets without decoding.
        container: the film's format, for `discard_others`.

    Yields:
        First (b"#tb", the seconds per tick as a fraction); then the fields of each packet: stream, dts, pts, duration
        in ticks, and more.

    Raises:
        InputError: ffmpeg fails before the first packet, or has no output for STALL_SECONDS.
    """
    how: tuple[str, ...] = ("-c", "copy")
    if decode is not None:
        how = ("-fps_mode", "passthrough", "-enc_time_base", "demux", "-c:v", "wrapped_avframe")
        how = (*how, *(("-frames:v", str(decode)) if decode else ()))
    output = ("-f", "framecrc", "pipe:1", *discard_others(container))
    command = [find_ffmpeg(), *QUIET, *source, "-map", stream, *how, *output]
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
            raise InputError(
                f"{shown(about)}: cannot be read (ffmpeg: {first_messages(program.stderr)}); check the file"
            )


def read_some(program: Program, pipe: IO[bytes], about: Path) -> bytes:
    """Waits for ffmpeg's output and returns what is there; b"" at the end.

    Raises:
        InputError: there is no output for STALL_SECONDS.
        Ended: the work was cancelled.
    """
    if not wait_to_read(pipe, STALL_SECONDS):
        raise stall_error(about, STALL_SECONDS)
    piece = os.read(pipe.fileno(), 1 << 16)
    if not piece:
        program.check()
    return piece


def wait_for(program: Program, about: Path) -> int:
    """Waits for ffmpeg to exit after its last output.

    Returns:
        Its exit code.

    Raises:
        InputError: it does not exit within PROBE_SECONDS.
        Ended: the work was cancelled.
    """
    try:
        return program.wait(PROBE_SECONDS)
    except subprocess.TimeoutExpired:
        raise stall_error(about, PROBE_SECONDS) from None


def stall_error(about: Path, seconds: float) -> InputError:
    """Returns the error for an ffmpeg that does not respond."""
    return InputError(
        f"{shown(about)}: ffmpeg gave no answer within {seconds:g} s; check the file or the disk, or convert it"
    )


def widen_pipe(pipe: IO[bytes]) -> None:
    """Enlarges a pipe's buffer from the usual 64 KiB if the system can, for fewer context switches."""
    with suppress(ImportError, AttributeError, OSError):
        import fcntl

        fcntl.fcntl(pipe.fileno(), fcntl.F_SETPIPE_SZ, 1 << 20)


def first_messages(stderr: bytes) -> str:
    """Returns the first two lines of ffmpeg's stderr, as one line; later ones are consequences of these."""
    lines = (re.sub(r"^(\[[^]]* @ [^]]*\] *)+", "", line) for line in stderr.decode(errors="replace").splitlines())
    first = list(dict.fromkeys(line.strip() for line in lines if line.strip()))[:2]
    return "; ".join(first)[:_MOST_LETTERS] or "it gave no reason"


def explain_unread(stderr: bytes, path: Path) -> str:
    """Returns ffmpeg's reason for a file that it cannot read: the last line that gives one."""
    text = stderr.decode(errors="replace")
    if "Format not on whitelist" in text:
        return "it is a list of other files, or of a kind that animi takes no films from"
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    lines = [line for line in lines if not line.startswith(("Error opening", "At least one output", "Last message"))]
    last = re.sub(r"^\[[^\]]*\] ", "", lines[-1]) if lines else "ffmpeg gave no reason"
    return last.replace(f"file:{path}: ", "")[:_MOST_LETTERS]
