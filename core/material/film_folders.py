"""Folders of extracted films: which folder a film gets, what an earlier run left in it, and what may be replaced."""

import os
import stat
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from ..config.material import ExtractFramesConfig
from ..errors import InputError, OutputError
from ..files import (
    UNREADABLE,
    check_no_input,
    check_no_stream,
    is_read_only,
    reason,
    set_aside,
    shown,
)
from ..json_text import read_json
from ..lock import LOCK
from ..media.decode import (
    identify_film,
)
from .frame_store import FRAMES, RECORDS, FrameStore
from .keeper import SUFFIXES, choose_format, is_kept, is_whole, whole_lines

FILM = "film.json"
SHOTS = "shots.json"
CUTS, CUTS_EDL, CUTS_OTIO = "cuts.txt", "cuts.edl", "cuts.otio"
LISTS = (CUTS, CUTS_EDL, CUTS_OTIO)
"""When shots begin, in all forms."""
SCORES = "scores.csv"

_MOST_NAME = 255  # bytes of a folder's name on the usual file systems
_BEGUN = {LOCK, f".{FILM}.part"}
"""Files of a run that was killed right after its start."""


@dataclass
class Extraction:
    """The result of extracting a film.

    Attributes:
        film: its path.
        folder: where its frames are.
        frames: how many were kept.
        shots: how many shots they fall into.
        decoded: how many frames the film has, between --start and --end.
        duplicates: how many of them show a drawing that is held.
        dropped: how many were left out, by kind.
        damaged: parts that could not be decoded, (first, last) in seconds; last is None where the film ends in one.
        was_complete: nothing was left to do.
        full: it stopped at --max-frames.
    """

    film: Path
    folder: Path
    frames: int = 0
    shots: int = 0
    decoded: int = 0
    duplicates: int = 0
    dropped: dict[str, int] = field(default_factory=dict)
    damaged: list[tuple[float, float | None]] = field(default_factory=list)
    was_complete: bool = False
    full: bool = False


class FilmFolders:
    """Assigns a folder to each film; the same film gets the same folder again."""

    def __init__(self, config: ExtractFramesConfig) -> None:
        self._config = config
        self._taken: set[Path] = set()

    def claim(self, video: Path, cuts: list[float] | None) -> tuple[Path, dict[str, Any]]:
        """Returns a film's folder, which is not made yet, and the contents of its film.json."""
        wanted = {"film": identify_film(video), "settings": list_settings(self._config, cuts)}
        root = self._config.output
        check_no_stream(root)
        try:
            root.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OutputError(
                f"{shown(root)}: cannot be made ({reason(error)}); choose another folder with -o"
            ) from error
        stem = video.stem.lstrip(".") or "film"
        for number in range(1, 10_000):
            folder = root / _name_folder(stem, number)
            if folder in self._taken:
                continue
            self._check_place(folder, video)
            known = read_film(folder)
            if known and known.get("film") != wanted["film"]:
                continue  # another film of the same name
            self._taken.add(folder)
            if known and known.get("settings") != wanted["settings"] and not self._config.overwrite:
                raise OutputError(
                    f"{shown(folder)}: was extracted with other settings; "
                    "add --overwrite to replace it, or choose another folder with -o"
                )
            return folder, wanted
        raise OutputError(f"{shown(root / stem)}: too many films of this name; choose another folder with -o")

    def _check_place(self, folder: Path, video: Path) -> None:
        """Rejects a place in which an extraction cannot be, or where something would be lost.

        Raises:
            OutputError: see above.
        """
        if folder.is_symlink():
            raise OutputError(f"{shown(folder)}: is a link; remove it, or choose another place with -o")
        if folder.exists() and not folder.is_dir():
            raise OutputError(f"{shown(folder)}: is a file, and a folder is needed; choose another place with -o")
        check_no_input(folder, {"the film itself": [video]})
        if not folder.is_dir():
            return
        names = {path.name for path in folder.iterdir()}
        if FILM not in names and names - _BEGUN:
            raise OutputError(f"{shown(folder)}: holds files that are no extracted film; choose another folder with -o")
        foreign = sorted(name for name in names if not is_extracted_file(name))
        if foreign and read_film(folder) == {}:
            raise OutputError(
                f"{shown(folder / FILM)}: cannot be read, and {shown(Path(foreign[0]))} is no file of an extraction; "
                "choose another folder with -o"
            )


def _name_folder(stem: str, number: int) -> str:
    """The name of a film's folder, shortened to what file systems allow; films of one name are numbered."""
    end = "" if number == 1 else f"-{number}"
    room = _MOST_NAME - len(end)
    if len(os.fsencode(stem)) > room:
        stem = os.fsencode(stem)[:room].decode(errors="ignore")
    return stem + end


def list_settings(config: ExtractFramesConfig, cuts: list[float] | None) -> dict[str, Any]:
    """The settings that the frames depend on, as in film.json."""
    settings = asdict(config)
    for name in ("videos", "output", "overwrite"):
        del settings[name]
    settings["drop"] = sorted(set(config.drop))
    settings["format"] = choose_format(config)
    if cuts is not None:
        settings["cuts"] = cuts
    if config.alpha == "white":  # as older versions did: their folders are still recognised
        del settings["alpha"]
    return settings


def read_film(folder: Path) -> dict[str, Any] | None:
    """Reads film.json; {}: it cannot be read. None: there is none."""
    try:
        film = read_json(folder / FILM)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError):
        return {}
    whole = isinstance(film, dict) and {"film", "settings", "complete"} <= film.keys()
    return film if whole and (film["complete"] is not True or _has_counts(film)) else {}


def _has_counts(film: dict[str, Any]) -> bool:
    counts, names = film.get("counts"), {field.name for field in fields(Extraction)}
    return (
        isinstance(counts, dict)
        and counts.keys() == names - {"film", "folder", "was_complete"}
        and isinstance(counts["damaged"], list)
        and all(isinstance(part, list) for part in counts["damaged"])
    )


def is_extracted_file(name: str) -> bool:
    """Whether an extraction writes files of that name."""
    written = (FILM, SHOTS, *LISTS, SCORES)
    return (
        is_kept(name)
        or name in (*written, LOCK, f"{SCORES}.part", *(f".{each}.part" for each in written))
        or name.endswith(UNREADABLE)
    )


def clear_folder(folder: Path, cuts: Path | None) -> None:
    """Removes the files of an extraction; film.json stays, and is written again.

    Raises:
        OutputError: it is read-only, or cannot be removed.
    """
    for path in (folder, folder / FILM):
        if is_read_only(path):
            raise OutputError(
                f"{shown(path)}: is read-only, and stays as it is; change its permissions, or choose another folder"
            )
    try:
        for path in folder.iterdir():
            kept = path.name in (LOCK, FILM) or path.name.endswith(UNREADABLE) or is_same_file(path, cuts)
            if not kept and is_extracted_file(path.name) and (path.is_symlink() or not path.is_dir()):
                path.unlink()
    except OSError as error:
        raise OutputError(f"{shown(folder)}: cannot be replaced ({reason(error)}); change its permissions") from error


def is_same_file(path: Path, other: Path | None) -> bool:
    """Whether both paths are one existing file."""
    return other is not None and path.exists() and other.exists() and path.samefile(other)


def find_earlier(
    folder: Path, wanted: dict[str, Any], cuts: Path | None, note: Callable[[str], None]
) -> tuple[dict[str, Any] | None, bool, int | None]:
    """Finds what an earlier run has left to resume from; files that cannot be read are set aside, with a note.

    Args:
        folder: the film's.
        wanted: what film.json is to say of the film and the settings.
        cuts: the list of cuts that was given.
        note: called with sentences for the person.

    Returns:
        What film.json says, if it can be used; whether what is there may be of another film; and the permissions that
        new files get, None for those of any new file.
    """
    known = read_film(folder)
    if known is None:
        return None, False, None
    mode = stat.S_IMODE((folder / FILM).stat().st_mode)
    if not known:
        aside = set_aside(folder / FILM)
        note(
            f"{shown(folder / FILM)}: cannot be read, and is set aside as {shown(Path(aside.name))}; "
            "frames that are there are compared with the film's"
        )
        return None, True, mode
    if known.get("settings") != wanted["settings"] or known.get("film") != wanted["film"]:
        clear_folder(folder, cuts)
        return None, False, mode
    fault = _find_fault(folder, known) if known["complete"] is True else None
    if fault is None:
        return known, False, mode
    kept = f"; {RECORDS} is set aside as {set_aside(folder / RECORDS).name}" if (folder / RECORDS).exists() else ""
    note(f"{shown(folder)}: was complete, but {fault}{kept}; the film is extracted again")
    return None, False, mode


def _find_fault(folder: Path, known: dict[str, Any]) -> str | None:
    """What is wrong with a folder that says it is complete; None: nothing that can be seen from outside."""
    settings, count = known["settings"], known["counts"]["frames"]
    found, end = whole_lines(folder / RECORDS)
    if not (folder / RECORDS).is_file():
        return f"{RECORDS} is missing"
    if found != count or end != (folder / RECORDS).stat().st_size:
        return f"{RECORDS} is damaged: {found} of {count} frames are listed in order"
    if settings.get("packed"):
        try:
            if len(FrameStore.open(folder)) != count:
                return f"{FRAMES} holds another number of frames"
        except InputError as error:
            return f"the store cannot be read ({error})"
    suffix = SUFFIXES.get(settings.get("format", ""))
    if suffix is not None:
        missing = sum(not is_whole(folder / f"{number:06d}{suffix}") for number in range(count))
        if missing:
            return f"{missing} of {count} images are missing or cut short"
    return None
