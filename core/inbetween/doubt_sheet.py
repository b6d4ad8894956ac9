"""What `--doubt` writes: maps of where frames are guesswork, and a page of the most doubtful moments."""

import html
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from math import ceil, sqrt
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from ..errors import ConfigError, OutputError
from ..files import Inputs, check_output, shown, written_beside
from ..media.animation.folder import NUMBERED, name_frame
from ..media.animation.manifest import NAME as MANIFEST
from ..media.frames import Frame, fit_size, flatten_alpha, resize_image, to_uint8
from ..media.image_files import encode_png
from ..motion.grid import Array
from ..pages.page import embed, make_page
from .doubt import Moment, find_worst

MOST = 20
"""Moments that a page shows."""
PAGE = ".html"
"""Suffix of a page."""
# The numbers below are not tuned: sizes are what fits on a screen.
_MOST_TILES = 400  # maps in one picture
_TILE = 320  # pixels of a map's longer side in a picture of several: doubt is measured in pictures of that size
_GAP = 4
_SIDE, _SMALL = 480, 160  # pixels of the longer side of a page's pictures: the in-between, and its key frames
_HEAT, _SHARE = np.array([255, 60, 0], np.float32), 0.65  # the colour that doubt has on a page, and how much it covers
_QUALITY = 80  # of JPEG


@dataclass(frozen=True)
class Doubtful:
    """A frame that is worth checking."""

    frame: int
    """Its number, from 0."""
    doubt: float
    """Mean doubt in its worst part, in [0, 1]."""
    x: int
    """The middle of that part, in pixels of the frame."""
    y: int
    time: float | None = None
    """Seconds from a film's start; None: not of a film."""
    at: tuple[float, float] | None = None
    """When its two drawings appear in the old film, in seconds; hints for it name these times."""


@dataclass(frozen=True)
class Shown:
    """A moment on a page, with its pictures as JPEG."""

    doubtful: Doubtful
    pictures: tuple[bytes, bytes, bytes]
    """The in-between with its doubt, and the key frames on both sides."""


class DoubtList:
    """The frames worth checking, and pictures of the worst."""

    def __init__(self, *, pictures: bool) -> None:
        """Starts without any; `pictures` keeps those of the worst."""
        self.all: list[Doubtful] = []
        """In the order in which they were added."""
        self.shown: list[Shown] = []
        """The worst, the worst first, where pictures are kept."""
        self._pictures = pictures

    @property
    def worst(self) -> list[Doubtful]:
        """All of them, the worst first."""
        return sorted(self.all, key=lambda found: (-found.doubt, found.frame))

    def add(self, moment: Moment, *, time: float | None = None, at: tuple[float, float] | None = None) -> None:
        """Measures a moment, and adds it if it is worth checking."""
        worst = find_worst(moment.map)
        if not worst.is_worth_a_look:
            return
        height, width = moment.frame.shape[:2]
        h, w = moment.map.shape
        x, y = (worst.place[0] + 0.5) * width / w, (worst.place[1] + 0.5) * height / h
        found = Doubtful(moment.number, round(worst.amount, 4), int(x), int(y), time, at)
        self.all.append(found)
        if self._pictures and (len(self.shown) < MOST or self.shown[-1].doubtful.doubt < found.doubt):
            pictures = (_draw_heat(moment, found), *(_encode(_shrink(frame, _SMALL)) for frame in moment.ends))
            self.put(Shown(found, pictures))  # type: ignore[arg-type]  # three of them

    def put(self, shown_: Shown) -> None:
        """Adds a moment with its pictures, if it is one of the worst."""
        self.shown.append(shown_)
        self.shown.sort(key=lambda each: (-each.doubtful.doubt, each.doubtful.frame))
        del self.shown[MOST:]


def check_doubt_path(path: Path, output: Path, *, overwrite: bool, inputs: Inputs, film: bool = False) -> None:
    """Rejects, before any work, a place where doubt cannot be written.

    Args:
        path: the place.
        output: where the frames are written, which must be another place.
        overwrite: whether an existing file or folder may be replaced.
        inputs: the command's inputs.
        film: whether the doubt is of a film, for which there are only pages.

    Raises:
        ConfigError: its suffix is of no form that can be written.
        OutputError: it cannot be written, or is a folder of frames.
    """
    suffix = path.suffix.lower()
    if film and suffix != PAGE:
        raise ConfigError(f"--doubt: of a film, a page is made; give a name that ends in {PAGE}, not {shown(path)}")
    if suffix not in (PAGE, ".png", "") or (suffix and path.is_dir()):
        raise ConfigError(
            f"--doubt: {shown(path)} is no .png, no {PAGE} and no folder's name without a suffix; give one of them"
        )
    if path.absolute() == output.absolute():
        raise ConfigError(f"--doubt: {shown(path)} is where the frames are written; give another name")
    if (path / MANIFEST).exists():
        raise OutputError(f"{shown(path)}: holds the frames of an animation, which would be lost; give another name")
    check_output(path, overwrite=overwrite, inputs=inputs, ours=None if suffix else NUMBERED)


class DoubtMaps:
    """Writes maps as they come: into a folder, or at the end into one picture."""

    def __init__(self, folder: Path | None, count: int) -> None:
        """Writes into a folder, of `count` frames; without one, maps are kept for a picture."""
        self._folder, self._count = folder, count
        self._tiles: list[tuple[int, Array]] = []
        self._size = (1, 1)

    def add(self, moment: Moment) -> None:
        """Takes a moment's map.

        Raises:
            OSError: it cannot be written.
            OutputError: there are too many for one picture.
        """
        height, width = moment.frame.shape[:2]
        if self._folder is not None:
            name = name_frame(moment.number, self._count)
            (self._folder / name).write_bytes(encode_png(_to_grey(moment.map, width, height)))
            return
        if len(self._tiles) == _MOST_TILES:
            raise OutputError(f"--doubt: more than {_MOST_TILES} maps are too many for one picture; name a folder")
        self._size = width, height
        # the first one keeps its size until there is a second
        size = fit_size(width, height, min(_TILE, max(width, height))) if self._tiles else self._size
        self._tiles.append((moment.number, _to_grey(moment.map, *size)))

    def draw_picture(self) -> bytes:
        """One map as it is, or several in rows with their frames' numbers: a PNG."""
        if len(self._tiles) < 2:
            return encode_png(self._tiles[0][1] if self._tiles else np.zeros((1, 1, 1), np.uint8))
        height, width = self._tiles[1][1].shape[:2]
        columns = ceil(sqrt(len(self._tiles) * height / width))
        bar = 18  # pixels of the number's line
        rows = ceil(len(self._tiles) / columns)
        sheet = np.full((rows * (height + bar + _GAP) - _GAP, columns * (width + _GAP) - _GAP, 1), 96, np.uint8)
        for place, (number, tile) in enumerate(self._tiles):
            top, left = place // columns * (height + bar + _GAP), place % columns * (width + _GAP)
            small = cv2.resize(tile, (width, height), interpolation=cv2.INTER_AREA)
            sheet[top + bar : top + bar + height, left : left + width, 0] = small
            label = np.full((bar, width), 96, np.uint8)
            cv2.putText(label, str(number), (3, bar - 5), cv2.FONT_HERSHEY_SIMPLEX, 0.42, 255, 1, cv2.LINE_AA)
            sheet[top : top + bar, left : left + width, 0] = label
        return encode_png(sheet)


@contextmanager
def writing_doubt(path: Path, *, overwrite: bool, total: int) -> Iterator[tuple[DoubtList, DoubtMaps | None]]:
    """Gives what takes the moments, and writes the maps when the block ends without an error; a page is for the caller.

    Args:
        path: a .png, a folder or a page.
        overwrite: whether an existing output may be replaced.
        total: frames in all, for the width of a folder's numbers.

    Raises:
        OutputError: it cannot be written.
    """
    found = DoubtList(pictures=path.suffix.lower() == PAGE)
    if found._pictures:
        yield found, None
        return
    is_folder = not path.suffix
    ours = NUMBERED if is_folder and overwrite else None
    with written_beside(path, overwrite=overwrite, folder=is_folder, ours=ours) as draft:
        maps = DoubtMaps(draft if is_folder else None, total)
        yield found, maps
        if not is_folder:
            draft.write_bytes(maps.draw_picture())


def write_page(path: Path, title: str, words: str, moments: Sequence[tuple[Shown, str]], *, overwrite: bool) -> None:
    """Writes a page of doubtful moments: one file with all pictures in it.

    Args:
        path: the file.
        title: plain text.
        words: a sentence below it, plain text.
        moments: each with the command that draws it again, or "".
        overwrite: whether an existing output may be replaced.

    Raises:
        OutputError: it cannot be written.
    """
    parts = [f'<p class="quiet">{html.escape(words)}</p>']
    for place, (moment, command) in enumerate(moments, 1):
        found, pictures = moment.doubtful, [embed(picture, "jpeg") for picture in moment.pictures]
        at = "" if found.time is None else f" at {write_time(found.time)}"
        between = "" if found.at is None else f" (between the drawings at {found.at[0]:g} and {found.at[1]:g} s)"
        line = f"{place}. Frame {found.frame}{at}{between}: doubt {found.doubt:.2f}, most at {found.x},{found.y}"
        parts.append(
            f'<figure class="moment"><figcaption>{html.escape(line)}</figcaption><div>'
            f'<img src="{pictures[1]}" alt="the drawing before"><img src="{pictures[0]}" alt="the in-between">'
            f'<img src="{pictures[2]}" alt="the drawing after"></div>'
            + (f"<pre><code>{html.escape(command)}</code></pre>" if command else "")
            + "</figure>"
        )
    style = (
        ".moment { margin: 1.5rem 0; } .moment div { display: flex; gap: .5rem; flex-wrap: wrap; }"
        " .moment pre { overflow-x: auto; background: var(--faint); padding: .4rem .6rem; }\n"
    )
    page = make_page(title, parts, style=style)
    with written_beside(path, overwrite=overwrite) as draft:
        draft.write_text(page, encoding="utf-8")


def write_time(seconds: float) -> str:
    """Seconds as m:ss.mmm or h:mm:ss.mmm, rounded down."""
    thousandths = int(seconds * 1000 + 1e-6)
    minutes, rest = divmod(thousandths, 60_000)
    hours, minutes = divmod(minutes, 60)
    clock = f"{hours}:{minutes:02}" if hours else f"{minutes}"
    return f"{clock}:{rest // 1000:02}.{rest % 1000:03}"


def to_json(found: Doubtful) -> dict[str, Any]:
    """Returns it as in the output of `--json`."""
    return {name: value for name, value in asdict(found).items() if value is not None}


def _to_grey(doubt: Array, width: int, height: int) -> Frame:
    """A map as a picture: (height, width, 1) uint8, white for all of it."""
    large = width >= doubt.shape[1]
    values = cv2.resize(doubt, (width, height), interpolation=cv2.INTER_LINEAR if large else cv2.INTER_AREA)
    return np.asarray(255 * np.clip(values, 0, 1) + 0.5).astype(np.uint8)[..., None]


def _shrink(frame: Frame, side: int) -> Array:
    """A frame as a page shows it: (h, w, 3) uint8."""
    size = fit_size(frame.shape[1], frame.shape[0], min(side, max(frame.shape[:2])))
    return to_uint8(flatten_alpha(resize_image(frame, *size)))


def _draw_heat(moment: Moment, found: Doubtful) -> bytes:
    """An in-between with its doubt over it, and a ring around the worst part."""
    picture = _shrink(moment.frame, _SIDE).astype(np.float32)
    h, w = picture.shape[:2]
    share = _SHARE * _to_grey(moment.map, w, h).astype(np.float32) / 255
    heated = np.ascontiguousarray((picture + share * (_HEAT - picture)).astype(np.uint8))
    scale = w / moment.frame.shape[1]
    at = int(found.x * scale), int(found.y * scale)
    for colour, thick in (((255, 255, 255), 4), ((200, 30, 0), 2)):
        cv2.circle(heated, at, max(8, round(0.05 * max(h, w))), colour, thick, cv2.LINE_AA)
    return _encode(heated)


def _encode(picture: Array) -> bytes:
    done, data = cv2.imencode(".jpg", picture[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])
    if not done:
        raise MemoryError("a picture could not be encoded")
    return data.tobytes()
