"""Downloads of a page: positions of the frames, names of the files."""

import io
import re
import shutil
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath

from .drawings import KeyFrame
from .settings import DrawSettings


def find_positions(settings: DrawSettings, keys: int) -> list[float]:
    """Positions of the frames that `interpolate` yields without a boomerang, see `DrawingWork.draw_moment`."""
    segments = max(0, keys if settings.loop else keys - 1)
    found = [segment + t for segment in range(segments) for t in settings.times[:-1]]
    return found if settings.loop else [*found, float(segments)]


def name_result(drawings: Sequence[KeyFrame]) -> str:
    """A file name without a suffix, made of the names of the first and the last key frame."""
    stems = [clean_name(drawing.name) for drawing in drawings]
    ends = dict.fromkeys([*stems[:1], *stems[-1:]])
    return "-to-".join(stem for stem in ends if stem) or "animation"


def clean_name(name: str) -> str:
    """The user's name for a file, without its suffix and without characters that some systems reject."""
    kept = re.sub(r"[^\w.-]+", "-", PurePosixPath(name).stem).strip(".-")[:40]
    return kept.encode()[:100].decode(errors="ignore")  # two of these are a file's name, of 255 bytes at most


SHEET = "sheet.csv"
"""The name of the exposure sheet in a download."""


def zip_bytes(files: Mapping[str, bytes]) -> bytes:
    """Returns a zip file of some small files, given by their names."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return made.getvalue()


def zip_folder(folder: Path, target: Path) -> None:
    """Puts a folder of PNGs into a zip file, as they are, and removes it."""
    with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as archive:
        for path in sorted(folder.iterdir()):
            archive.write(path, path.name)
    shutil.rmtree(folder)
