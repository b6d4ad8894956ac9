"""The ffmpeg program that imageio-ffmpeg brings: where it is, what it says, and how it is ended."""

import contextlib
import re
import subprocess
from typing import IO

from ..errors import OutputError


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


def end_process(process: subprocess.Popen[bytes]) -> None:
    """Ends ffmpeg at once; what it has written is of no use."""
    process.kill()
    process.wait()
    if process.stdin is not None:
        with contextlib.suppress(OSError):  # bytes that it never read
            process.stdin.close()


def first_words(words: IO[bytes]) -> str:
    """The first lines of what ffmpeg wrote on stderr, as one line; those after them only follow from these."""
    words.seek(0)
    lines = (
        re.sub(r"^(\[[^]]* @ [^]]*\] *)+", "", line) for line in words.read().decode(errors="replace").splitlines()
    )
    return "; ".join(list(dict.fromkeys(line.strip() for line in lines if line.strip()))[:2]) or "it gave no reason"


def widen_pipe(pipe: IO[bytes]) -> None:
    """Lets the pipe hold more than the usual 64 KiB, where the system can: fewer switches between the processes."""
    with contextlib.suppress(ImportError, AttributeError, OSError):
        import fcntl

        fcntl.fcntl(pipe.fileno(), fcntl.F_SETPIPE_SZ, 1 << 20)
