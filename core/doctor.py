"""What animi finds on this machine, for a bug report: versions, devices, codecs, and what is missing.

Nothing here names a file, a folder, a user or a host.
"""

import os
import platform
import re
import sys
from dataclasses import asdict, dataclass, field
from functools import cached_property
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path
from typing import Any

from .devices import count_cores, import_onnxruntime
from .errors import AnimiError, hide_paths, printable
from .media.codecs import CODECS
from .media.ffmpeg import list_encoders, run_ffmpeg
from .weights.find import MOTION_WEIGHTS

_FFMPEG = Path("ffmpeg")  # how errors name the program
_EXTRA = re.compile(r"""extra\s*==\s*["']([\w-]+)["']""")
_NAME = re.compile(r"^[A-Za-z0-9._-]+")
_FOR_DEVELOPERS = ("dev", "bench")
"""Extras of which nothing is missed."""


@dataclass(frozen=True)
class Package:
    """A package that animi uses.

    Attributes:
        name: as it is installed.
        wanted: the versions that animi takes, such as ">=2.1".
        found: the version that is there; None: it is missing.
        extra: what it belongs to, as in `animi[studio]`; "": animi always needs it.
    """

    name: str
    wanted: str
    found: str | None
    extra: str = ""


@dataclass
class Findings:
    """What was found.

    Attributes:
        animi: animi's version.
        python: Python's version.
        system: the operating system and processor.
        processors: how many this process may use.
        memory: GiB; None: unknown.
        packages: what animi uses.
        devices: where networks can run; the first is what "auto" takes.
        providers: ONNX Runtime's; empty where it is not installed.
        ffmpeg: its version; None: there is none.
        own_ffmpeg: it is one that a person has chosen (IMAGEIO_FFMPEG_EXE).
        codecs: animi's codecs, and the encoder that ffmpeg has for each; None: it has none.
        weights: animi's own weights are there.
        problems: what does not work, each with a remedy.
    """

    animi: str
    python: str
    system: str
    processors: int
    memory: float | None
    packages: list[Package] = field(default_factory=list)
    devices: list[str] = field(default_factory=list)
    providers: list[str] = field(default_factory=list)
    ffmpeg: str | None = None
    own_ffmpeg: bool = False
    codecs: dict[str, str | None] = field(default_factory=dict)
    weights: bool = True
    problems: list[str] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        """The same as plain values."""
        return asdict(self)

    @cached_property
    def missing(self) -> dict[str, list[str]]:
        """Packages that are not there, by what they belong to."""
        found: dict[str, list[str]] = {}
        for package in self.packages:
            if package.found is None:
                found.setdefault(package.extra, []).append(package.name)
        return found


def examine() -> Findings:
    """Examines this machine; imports PyTorch and starts ffmpeg."""
    found = Findings(
        animi=_version("animi") or "unknown",
        python=f"{platform.python_implementation()} {platform.python_version()}",
        system=f"{platform.system()} {platform.release()} {platform.machine()}".strip(),
        processors=count_cores(),
        memory=_memory(),
        packages=_list_packages(),
        weights=MOTION_WEIGHTS.is_file(),
    )
    if not found.weights:
        found.problems.append("animi's own weights are missing: install animi again")
    for name in found.missing.get("", ()):
        found.problems.append(f"{name} is missing: pip install {name}")
    _look_at_torch(found)
    _look_at_onnxruntime(found)
    _look_at_ffmpeg(found)
    return found


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _memory() -> float | None:
    try:
        return round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1)
    except (AttributeError, ValueError, OSError):
        return None


def _list_packages() -> list[Package]:
    """What animi's own metadata asks for, once for each package and extra."""
    try:
        lines = requires("animi") or []
    except PackageNotFoundError:
        lines = []
    found = []
    for line in lines:
        asked, _, condition = line.partition(";")
        extra = _EXTRA.search(condition)
        name = _NAME.match(asked.strip())
        if name is None or (extra is not None and extra[1] in _FOR_DEVELOPERS):
            continue
        found.append(
            Package(name[0], asked.strip()[name.end() :].strip(), _version(name[0]), "" if extra is None else extra[1])
        )
    return found


def _look_at_torch(found: Findings) -> None:
    try:
        import torch
    except (ImportError, OSError) as error:
        found.devices = ["cpu"]
        if _version("torch") is not None:
            found.problems.append(f"PyTorch cannot be imported ({_words(error)}): install it again")
        return
    if torch.cuda.is_available():
        found.devices += [f"cuda:{k} {torch.cuda.get_device_name(k)}" for k in range(torch.cuda.device_count())]
    if torch.backends.mps.is_available():
        found.devices.append("mps")
    found.devices.append(f"cpu, {torch.get_num_threads()} threads")


def _look_at_onnxruntime(found: Findings) -> None:
    try:
        runtime = import_onnxruntime()
    except (ImportError, OSError) as error:
        if _version("onnxruntime") is not None:
            found.problems.append(f"ONNX Runtime cannot be imported ({_words(error)}): install it again")
        return
    found.providers = list(runtime.get_available_providers())


def _look_at_ffmpeg(found: Findings) -> None:
    found.own_ffmpeg = bool(os.environ.get("IMAGEIO_FFMPEG_EXE"))
    found.codecs = dict.fromkeys(CODECS)
    try:
        said = run_ffmpeg(["-version"], _FFMPEG, out=True).out.decode("utf-8", "replace")
        encoders = list_encoders()
    except (AnimiError, OSError) as error:
        why = _words(error) if isinstance(error, AnimiError) else (error.strerror or type(error).__name__)
        found.problems.append(f"ffmpeg cannot be used ({why}): reinstall imageio-ffmpeg")
        return
    words = said.split()
    found.ffmpeg = words[2] if words[:2] == ["ffmpeg", "version"] else None
    if found.ffmpeg is None:
        found.problems.append(
            "what IMAGEIO_FFMPEG_EXE names is no ffmpeg" if found.own_ffmpeg else "ffmpeg says nothing"
        )
    for name, codec in CODECS.items():
        found.codecs[name] = next((encoder for encoder in codec.encoders if encoder in encoders), None)
        if found.codecs[name] is None and found.ffmpeg is not None:
            found.problems.append(f"this ffmpeg cannot encode {name}: choose another --codec, or another ffmpeg")


def _words(error: BaseException) -> str:
    """An error's first line without paths, which name users."""
    line = next(iter(str(error).splitlines()), type(error).__name__)
    for place in {str(Path.home()), sys.prefix, os.getcwd()}:  # noqa: PTH109 - a text to be found in others
        line = line.replace(place, "/…") if len(place) > 1 else line
    return printable(hide_paths(line), 200)
