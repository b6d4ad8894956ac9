"""What a page takes home: which frames there are, and what the files are called."""

import io
import re
import shutil
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath

from ..config.interpolation import InterpolateConfig
from .drawings import Drawing


def find_positions(config: InterpolateConfig, keys: int) -> list[float]:
    """Where the frames that `interpolate` gives without a boomerang lie, see `Session.draw_moment`."""
    segments = max(0, keys if config.loop else keys - 1)
    found = [segment + t for segment in range(segments) for t in config.times[:-1]]
    return found if config.loop else [*found, float(segments)]


def name_result(drawings: Sequence[Drawing]) -> str:
    """A file name without a suffix: those of the first and the last key frame."""
    stems = [clean_name(drawing.name) for drawing in drawings]
    ends = dict.fromkeys([*stems[:1], *stems[-1:]])
    return "-to-".join(stem for stem in ends if stem) or "animation"


def clean_name(name: str) -> str:
    """The part of a person's name for a file that any system takes, without its suffix."""
    kept = re.sub(r"[^\w.-]+", "-", PurePosixPath(name).stem).strip(".-")[:40]
    return kept.encode()[:100].decode(errors="ignore")  # two of these are a file's name, of 255 bytes at most


SHEET = "sheet.csv"
"""What the exposure sheet of a download is called."""


def pack_bytes(files: Mapping[str, bytes]) -> bytes:
    """A zip file of some small files, by their names."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as pack:
        for name, data in files.items():
            pack.writestr(name, data)
    return made.getvalue()


def pack(folder: Path, target: Path) -> None:
    """Puts a folder of PNGs into a zip file, as they are, and removes it."""
    with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as pack:
        for path in sorted(folder.iterdir()):
            pack.write(path, path.name)
    shutil.rmtree(folder)
