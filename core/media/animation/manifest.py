"""What a folder of frames knows of its frames: `.animi.json`, by which a frame that was painted over is recognized.

A frame that a person paints over is theirs. So nothing replaces a frame whose file is not the one that was written,
unless its pixels are (an editor may save a picture that was not changed).

    {"version": 1, "animi": "0.1", "size": [640, 360], "about": {…}, "frames": [
      {"name": "000.png", "sha256": "…", "pixels": "…", "drawing": 0, "of": "…"}, …]}

`about` is whatever the writer wants to know again. A frame may also have `was`, the hash of the file that it replaces
while several are put in their places, and `yours`, where a person has painted it.
"""

import hashlib
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ...errors import OutputError
from ...files import reason, shown, write_text
from ...json_text import read_json
from ...lock import LOCK, take_lock, unlock
from ..frames import Frame, as_channels

NAME = ".animi.json"
"""What it is called."""
VERSION = 1
"""Of its form."""
_HASH = re.compile(r"[0-9a-f]{64}")
_FILE = re.compile(r"\d{3,9}\.png")
_DRAWING = re.compile(r"(?!.*(^|/)\.{0,2}/)[^/\\\0:][^\\\0:]*/[^/\\\0:]+\.png")  # of a layer, in a folder of its own
_REMEDY = "remove it to have all frames drawn anew with --overwrite, also those that were painted over"


@dataclass(frozen=True)
class FrameRecord:
    """A frame as it was written."""

    name: str
    """Of its file."""
    sha256: str
    """Of the file."""
    pixels: str
    """Of its pixels, see `hash_pixels`."""
    drawing: int = 0
    """Which drawing it shows; frames of one number show the same."""
    of: str = ""
    """What it was drawn from; "": it is given."""
    yours: bool = False
    """Whether a person has painted it."""
    was: str | None = None
    """Hash of a file that may still stand in its place: putting it there was interrupted."""


@dataclass(frozen=True)
class Manifest:
    """All frames of a folder."""

    size: tuple[int, int]
    """Width and height in pixels."""
    frames: tuple[FrameRecord, ...]
    about: Mapping[str, Any] = field(default_factory=dict)
    """What the writer wants to know again."""

    def to_text(self) -> str:
        """Returns it as it is written to the file."""
        rows = []
        for frame in self.frames:
            row = {name: value for name, value in vars(frame).items() if value not in (None, "", False)}
            rows.append(json.dumps(row | {"drawing": frame.drawing}))
        head = {
            "version": VERSION, "animi": version("animi"), "size": list(self.size), "about": dict(self.about),
        }  # fmt: skip
        return json.dumps(head)[:-1] + ', "frames": [\n ' + ",\n ".join(rows) + "\n]}\n"


def hash_pixels(frame: Frame) -> str:
    """The hash of a frame's pixels: of grey, RGB or an opaque RGBA picture of the same colours it is the same."""
    if frame.shape[2] == 4 and (frame[..., 3] == np.iinfo(frame.dtype).max).all():
        frame = frame[..., :3]
    frame = as_channels(frame, max(3, frame.shape[2]))
    return hashlib.sha256(f"{frame.shape}{frame.dtype}".encode() + np.ascontiguousarray(frame).tobytes()).hexdigest()


def hash_file(path: Path) -> str | None:
    """The hash of a file; None: there is none."""
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except FileNotFoundError:
        return None


def read_manifest(folder: Path) -> Manifest | None:
    """What is known of a folder's frames; None where it keeps no manifest.

    Raises:
        OutputError: it cannot be read, or is of another version.
    """
    path = folder / NAME
    try:
        found = read_json(path)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise OutputError(f"{shown(path)}: cannot be read ({reason(error)}); change its permissions") from error
    except ValueError:
        found = None
    if isinstance(found, dict) and found.get("version", VERSION) != VERSION:
        raise OutputError(
            f"{shown(path)}: is of version {str(found['version'])[:20]}, and this animi knows {VERSION}; "
            f"use the animi that wrote it, or {_REMEDY}"
        )
    try:
        return _parse(found)
    except (KeyError, TypeError, ValueError) as error:
        raise OutputError(
            f"{shown(path)}: is damaged, so that nobody knows which frames were painted over; {_REMEDY}"
        ) from error


def _parse(found: Any) -> Manifest:
    def check(good: bool) -> None:
        if not good:
            raise ValueError

    size, about = found["size"], found.get("about", {})
    check(isinstance(size, list) and len(size) == 2 and all(type(side) is int and side > 0 for side in size))
    check(isinstance(about, dict))
    frames = []
    for row in found["frames"]:
        record = FrameRecord(**row)
        check(any(each.fullmatch(record.name) is not None for each in (_FILE, _DRAWING)))
        check(type(record.drawing) is int and record.drawing >= 0)
        check(all(_HASH.fullmatch(each) is not None for each in (record.sha256, record.pixels)))
        check(record.was is None or _HASH.fullmatch(record.was) is not None)
        check(isinstance(record.of, str) and isinstance(record.yours, bool))
        frames.append(record)
    check(len({frame.name for frame in frames}) == len(frames) > 0)
    return Manifest((size[0], size[1]), tuple(frames), about)


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Writes it, whole or not at all.

    Raises:
        OSError: it cannot be written.
    """
    write_text(folder / NAME, manifest.to_text())


class FrameStatus(NamedTuple):
    """What has become of a frame's file since its record was written."""

    sha256: str | None
    """Hash of the file; None: there is none."""
    painted: bool
    """A person has painted it."""
    pending: bool
    """An interrupted run was about to replace it."""
    pixels: str
    """Hash of its pixels, see `hash_pixels`."""


def find_status(folder: Path, record: FrameRecord, hash_frame: Callable[[Frame], str] = hash_pixels) -> FrameStatus:
    """Compares a frame's file with its record.

    Args:
        folder: where it is.
        record: what is known of it.
        hash_frame: how its pixels were hashed.

    Raises:
        InputError: it is no image any more.
    """
    from ..image_files import read_image

    path = folder / record.name
    sha256 = hash_file(path)
    if sha256 is None:
        return FrameStatus(None, False, False, record.pixels)
    if sha256 == record.sha256:
        return FrameStatus(sha256, record.yours, False, record.pixels)
    if sha256 == record.was:
        return FrameStatus(sha256, False, True, record.pixels)
    pixels = hash_frame(read_image(path))
    return FrameStatus(sha256, record.yours or pixels != record.pixels, False, pixels)


def find_painted(folder: Path, manifest: Manifest) -> list[str]:
    """The names of the frames that a person has painted, in order.

    Raises:
        InputError: one is no image any more.
    """
    return [record.name for record in manifest.frames if find_status(folder, record).painted]


def find_strangers(folder: Path, manifest: Manifest) -> list[str]:
    """The names of numbered frames that the manifest does not know."""
    known = {frame.name for frame in manifest.frames}
    return sorted(path.name for path in folder.iterdir() if _FILE.fullmatch(path.name) and path.name not in known)


def guard(folder: Path) -> Mapping[str, tuple[int, int]]:
    """Rejects the replacement of a folder in which frames are a person's.

    Returns:
        Each file's time and size, for `check_untouched`; nothing where the folder keeps no manifest.

    Raises:
        OutputError: frames are painted over, it cannot be known, or another run is at work in it.
        InputError: a frame is no image any more.
    """
    if not folder.is_dir() or (manifest := read_manifest(folder)) is None:
        return {}
    if (folder / LOCK).exists():  # of a run that is at work in it, or was killed
        unlock(folder, take_lock(folder))
    yours = [*find_painted(folder, manifest), *find_strangers(folder, manifest)]
    if yours:
        more = f" and {len(yours) - 1} more are" if len(yours) > 1 else " is"
        raise OutputError(
            f"{shown(folder)}: {yours[0]}{more} not as animi drew it, and would be lost; choose another folder, "
            f"or give the same key frames and timing as before, which keeps it"
        )
    return stamp_files(folder, manifest)


def check_untouched(folder: Path, stamps: Mapping[str, tuple[int, int]]) -> None:
    """Checks that nobody has painted in a folder since its files were stamped.

    Raises:
        OutputError: somebody has.
    """
    if (
        stamps
        and (manifest := read_manifest(folder)) is not None
        and dict(stamp_files(folder, manifest)) != dict(stamps)
    ):
        raise OutputError(f"{shown(folder)}: was changed while this was drawn, and stays as it is; try again")


def stamp_files(folder: Path, manifest: Manifest) -> Mapping[str, tuple[int, int]]:
    """Each frame's time and size, for `check_untouched`."""
    stamps = {}
    for name in [frame.name for frame in manifest.frames] + find_strangers(folder, manifest):
        try:
            found = (folder / name).stat()
            stamps[name] = found.st_mtime_ns, found.st_size
        except FileNotFoundError:
            stamps[name] = 0, 0
    return stamps


def mark_written(record: FrameRecord, sha256: str, pixels: str, of: str, before: str | None) -> FrameRecord:
    """A frame's record while its file is being replaced."""
    return replace(record, sha256=sha256, pixels=pixels, of=of, yours=False, was=before)
