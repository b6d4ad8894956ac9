"""Draws for a page: previews, single frames and downloads; finds matches and doubtful frames."""

import json
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path, PurePosixPath

import numpy as np

from ..config.parsing import read_size
from ..engines.interface import Engine, Guided, view_for_matching
from ..errors import ConfigError, InputError
from ..inbetween.doubt import find_worst
from ..inbetween.exposure_sheet import draw_sheet
from ..inbetween.hints import Hints
from ..inbetween.pair import PreparedPair, prepare_pair
from ..inbetween.sequence import count_frames, interpolate, there_and_back, turn_back
from ..media.animation import write_animation
from ..media.frames import Frame, to_uint8
from ..media.image_files import encode_png
from ..motion.guides import Point
from ..motion.matches import Match, find_matches
from .drawings import KeyFrame, count_pixels, paths_of
from .folder import SessionFolder
from .hints import NAME as HINTS
from .hints import PageHints, load_hints
from .host import Host
from .jobs import StudioJob
from .kept import Keys, arrange_keys, write_sheet
from .key_frames import KeyFrames
from .pair_memory import PairMemory, remember
from .results import SHEET, find_positions, name_result, zip_bytes, zip_folder
from .settings import DOWNLOADS, DrawSettings
from .view import TurnsKeyFrames, View
from .work import SessionWork

_FEWEST = 2  # key frames that can be drawn between
_LARGE = 4_000_000  # pixels; drawing one frame of 24 million takes a gigabyte, and smaller ones need not wait for it


class DrawingWork:
    """Draws between the key frames of a page; may be used from several threads."""

    def __init__(self, files: SessionFolder, work: SessionWork, keys: KeyFrames, studio: Host) -> None:
        """Draws nothing yet.

        Args:
            files: the session's folder.
            work: the session's jobs.
            keys: the key frames.
            studio: the studio.
        """
        self._files = files
        self._work = work
        self._keys = keys
        self._studio = studio
        self._config = studio.config
        self._lock = threading.RLock()
        self._live = threading.Lock()
        self._view: tuple[tuple[object, ...], View] | None = None
        self._memories: dict[str, PairMemory] = {}
        keys.on_removed = self._forget_view

    def draw(self, settings: DrawSettings) -> StudioJob:
        """Draws all frames at the size of the screen; an earlier job with the same engine is cancelled.

        Raises:
            AnimiError: a setting cannot be used.
        """
        drawings = self._check(settings)
        for earlier in self._work.jobs.list():
            if earlier.kind == "draw" and earlier.result.get("engine") == settings.engine and not earlier.is_over:
                earlier.cancel()
        self._work.drop_results()
        positions = find_positions(settings, len(drawings))
        order = list(range(len(positions)))
        if settings.boomerang:
            order += turn_back(len(positions), loop=settings.loop)

        plan, given, uses = self._gather(drawings, settings)

        def draw_all(job: StudioJob) -> None:
            keys = self._open_view(plan.drawings, settings)
            engine = self._memory(settings.engine)
            job.result["guided"] = isinstance(engine, Guided)
            job.report(0, len(positions))
            once = replace(settings, boomerang=False)
            frames = self._draw(plan, keys, once, engine, _read_hints(engine, given, plan, settings))
            folder = self._files.folder(f"results/{job.id}")
            for number, frame in enumerate(frames):
                (folder / f"{number}.png").write_bytes(encode_png(to_uint8(frame)))
                job.result |= {"width": frame.shape[1], "height": frame.shape[0]}
                job.report(number + 1)

        return self._work.submit(
            "draw",
            f"Drawing with {settings.engine}",
            draw_all,
            uses,
            engine=settings.engine,
            positions=positions,
            order=order,
            keys=list(zip(plan.ids, plan.positions, strict=True)),
            end=plan.end,
        )

    def draw_moment(self, settings: DrawSettings, position: float, *, full: bool = False) -> bytes:
        """Draws the frame at any time. A pair of key frames is prepared once, so that further frames of it are quick.

        Args:
            settings: as in `draw`.
            position: the number of the key frame before it, and t after the point: 1.25 is between the second and the
                third.
            full: at the key frames' own size.

        Returns:
            A PNG.

        Raises:
            AnimiError: a setting cannot be used.
        """
        with self._pair_at(settings, position, full=full) as (pair, ends, t):
            frame = ends[0] if pair is None else next(pair([t]))
        return encode_png(frame if full else to_uint8(frame))

    def export(self, settings: DrawSettings, kind: str) -> StudioJob:
        """Writes the animation at full size, as `animi interpolate` would; `kind` is one of DOWNLOADS.

        Raises:
            AnimiError: a setting cannot be used.
        """
        drawings = self._check(settings)
        title = name_result(drawings) + DOWNLOADS[kind]
        plan, given, uses = self._gather(drawings, settings)

        def write(job: StudioJob) -> None:
            keys = self._open_keys(plan.drawings, settings)
            engine = self._studio.open(settings.engine)
            total = count_frames(len(drawings), len(settings.times), loop=settings.loop, boomerang=settings.boomerang)
            job.report(0, total)
            frames = self._draw(plan, keys, settings, engine, _read_hints(engine, given, plan, settings))
            with self._turn_for(drawings, settings, lambda: job.report(0)), self._work.export_folder(job) as folder:
                target = folder / ("frames" if kind == "zip" else title)
                written = write_animation(target, frames, fps=settings.fps, count=total, on_frame=job.report)
                if kind == "zip":
                    zip_folder(target, folder / title)
                job.result |= {
                    "width": written.width, "height": written.height, "frames": written.frames,
                    "notes": [self._files.say(note) for note in written.notes],
                    "bytes": (folder / title).stat().st_size,
                }  # fmt: skip

        return self._work.submit("export", f"Writing {title}", write, uses, name=title)

    def keep_moment(self, settings: DrawSettings, position: float) -> KeyFrame:
        """Keeps a frame as it is drawn now, as a key frame.

        Args:
            settings: as in `draw`.
            position: as in `draw_moment`; between two key frames.

        Raises:
            AnimiError: it cannot be kept, or not be drawn.
        """
        self._keys.find_gap(position)
        self._keys.check_count()
        name = f"{PurePosixPath(self._keys.drawings[int(position)].name).stem}-{position:.3f}.png"
        path = self._files.name(name, ".png")
        path.write_bytes(self.draw_moment(settings, position, full=True))
        drawing = self._keys.read(name, path)
        try:
            self._keys.exchange(drawing, position)
        except InputError:
            self._files.remove([path])
            raise
        return drawing

    def write_hints(self, settings: DrawSettings) -> tuple[str, bytes]:
        """Writes what `animi interpolate` needs to draw the same; returns a file's name and bytes.

        The file is hints.json. If there are masks or kept frames, it is a zip file of the hints, the masks, the kept
        frames and an exposure sheet.

        Raises:
            InputError: there are no hints, and nothing is kept.
        """
        drawings = self._check(settings)
        with self._keys.lock:
            keys, hints = arrange_keys(drawings, self._keys.kept, settings), self._keys.hints
            masks = {names: f"still-{number + 1}.png" for number, names in enumerate(hints.masks)}
            laid_out = hints.lay_out(keys.ids, masks, loop=settings.loop)
            kept = [frame.drawing for frame in self._keys.kept if frame.drawing in keys.drawings]
            release = self._files.use([*hints.masks.values(), *paths_of(kept)])
        try:
            if laid_out is None and not kept:
                raise InputError("there are no hints to save; give one first")
            files = {} if laid_out is None else {HINTS: json.dumps(laid_out, indent=1).encode()}
            needed = set() if laid_out is None else {pair.get("still") for pair in laid_out["pairs"]}
            files |= {name: hints.masks[names].read_bytes() for names, name in masks.items() if name in needed}
            if kept:
                rows = keys.plan(find_positions(settings, len(drawings)))
                files[SHEET] = write_sheet(rows, [drawing.name for drawing in keys.drawings]).encode()
                files |= {drawing.name: drawing.path.read_bytes() for drawing in kept}
        finally:
            release()
        return (HINTS, files[HINTS]) if set(files) == {HINTS} else ("hints.zip", zip_bytes(files))

    def load_hints(self, settings: DrawSettings, name: str, data: bytes) -> tuple[PageHints, list[str]]:
        """Reads a file of hints for the key frames as they are now, and changes nothing; see `.hints.load_hints`.

        Args:
            settings: as in `draw`.
            name: of the file.
            data: the file.

        Raises:
            AnimiError: the hints or a setting cannot be used.
        """
        keys, _, _ = self._gather(self._check(settings), settings)
        if len(keys.drawings) < _FEWEST:
            raise InputError(f"{name}: holds hints, and there are no two key frames yet; drop these first")
        first = keys.drawings[0]
        return load_hints(data, name, keys.ids, (first.width, first.height), loop=settings.loop)

    def find_matches(self, settings: DrawSettings, position: float) -> list[Match]:
        """The points that the engine matches in the key frames around a position, in pixels of the hints' picture.

        Raises:
            AnimiError: a setting cannot be used.
        """
        with self._pair_at(settings, position) as (pair, ends, _):
            if pair is None:
                return []
            views = [view_for_matching(to_uint8(frame)) for frame in ends]
            found = find_matches(views[0], views[1], pair.follow())
        width, height = self._keys.hints.size or (self._keys.drawings[0].width, self._keys.drawings[0].height)
        scale = width / views[0].shape[1], height / views[0].shape[0]

        def place(point: Point) -> Point:
            return (point[0] + 0.5) * scale[0] - 0.5, (point[1] + 0.5) * scale[1] - 0.5

        return [Match(place(match.point), place(match.target)) for match in found]

    def draw_doubt(self, settings: DrawSettings, position: float) -> bytes:
        """How doubtful each pixel of the frame at a position is: a grey PNG, white for a guess; black at key frames.

        Raises:
            AnimiError: a setting cannot be used.
        """
        with self._pair_at(settings, position) as (pair, _, t):
            found = np.zeros((1, 1), np.float32) if pair is None else pair.doubt(t)
        return encode_png((255 * found + 0.5).astype(np.uint8)[..., None])

    def find_doubtful(self, settings: DrawSettings) -> StudioJob:
        """Finds doubtful frames, the worst first: for each its doubt, its position, and the place as x and y.

        Places are fractions of the width and the height, from 0 to 1.

        Raises:
            AnimiError: a setting cannot be used.
        """
        drawings, name = self._check(settings), settings.engine
        keys, given, uses = self._gather(drawings, settings)
        positions = find_positions(settings, len(drawings))

        def search(job: StudioJob) -> None:
            view, engine = self._open_view(keys.drawings, settings), self._memory(name)
            hints = _read_hints(engine, given, keys, settings)
            found = []
            pair: tuple[tuple[int, int], PreparedPair] | None = None
            for number, position in enumerate(positions):
                job.report(number, len(positions))
                first, last, t = keys.find(position)
                if t in (0, 1):
                    continue
                if pair is None or pair[0] != (first, last):
                    ends = [view[first], view[last]]
                    pair = (first, last), self._prepare(ends, (first, last), engine, settings, hints)
                doubt = pair[1].doubt(t)
                worst = find_worst(doubt)
                if worst.is_worth_a_look:
                    x, y = (np.array(worst.place) + 0.5) / doubt.shape[1::-1]
                    found.append((round(worst.amount, 4), position, round(float(x), 4), round(float(y), 4)))
            job.result["worst"] = sorted(found, reverse=True)
            job.report(len(positions))

        return self._work.submit("doubt", f"Finding doubtful frames of {name}", search, uses, engine=name)

    @staticmethod
    def _draw(
        plan: Keys, keys: Sequence[Frame], settings: DrawSettings, engine: Engine, hints: Hints
    ) -> Iterator[Frame]:
        """Draws all frames, in order."""
        count = sum(position.is_integer() for position in plan.positions)
        if count == len(plan.drawings):
            return interpolate(
                keys, settings.count, spacing=settings.spacing, loop=settings.loop, boomerang=settings.boomerang,
                engine=engine, on_failure=settings.on_failure, hints=hints,
            )  # fmt: skip
        rows = plan.plan(find_positions(settings, count))
        frames = draw_sheet(rows, keys, engine, settings.on_failure, loop=settings.loop, hints=hints)
        return there_and_back(frames, settings.loop) if settings.boomerang else frames

    @contextmanager
    def _pair_at(
        self, settings: DrawSettings, position: float, *, full: bool = False
    ) -> Iterator[tuple[PreparedPair | None, list[Frame], float]]:
        """The pair around a position, its two frames, and t; at a key frame None and that frame alone.

        Args:
            settings: as in `draw`.
            position: as in `draw_moment`.
            full: at the key frames' own size instead of the screen's.
        """
        drawings = self._check(settings)
        plan, given, uses = self._gather(drawings, settings)
        self._check_position(plan, position)
        release = self._files.use(uses)
        try:
            with self._live, self._turn_for(drawings, settings) if full else nullcontext():
                keys = self._open_keys(plan.drawings, settings) if full else self._open_view(plan.drawings, settings)
                first, last, t = plan.find(position)
                if t in (0, 1):
                    yield None, [keys[(first, last)[int(t)]]], t
                    return
                engine = self._studio.open(settings.engine) if full else self._memory(settings.engine)
                hints = _read_hints(engine, given, plan, settings)
                ends = [keys[first], keys[last]]
                yield self._prepare(ends, (first, last), engine, settings, hints), ends, t
        finally:
            release()

    def _gather(self, drawings: Sequence[KeyFrame], settings: DrawSettings) -> tuple[Keys, PageHints, list[Path]]:
        """Key frames with those that are kept, all hints, and the files of both."""
        with self._keys.lock:
            keys = arrange_keys(drawings, self._keys.kept, settings)
            hints = self._keys.hints
        return keys, hints, [*paths_of(keys.drawings), *hints.masks.values()]

    @staticmethod
    def _prepare(
        ends: Sequence[Frame], numbers: tuple[int, int], engine: Engine, settings: DrawSettings, hints: Hints
    ) -> PreparedPair:
        pair_hints = hints.of(*numbers, ends[0].shape[1], ends[0].shape[0]) if hints else None
        return prepare_pair(ends[0], ends[1], engine, settings.on_failure, hints=pair_hints)

    @staticmethod
    def _check_position(keys: Keys, position: float) -> None:
        if len(keys.drawings) >= _FEWEST and not 0 <= position <= keys.end:
            raise ConfigError(f"t: {position:g} is out of range; give 0 to {keys.end:g}")

    def _check(self, settings: DrawSettings) -> tuple[KeyFrame, ...]:
        """The key frames as they are now, after a check that they can be drawn with these settings.

        Raises:
            ConfigError: there would be too many frames, or too large ones.
        """
        drawings = self._keys.drawings
        total = count_frames(
            max(2, len(drawings)), len(settings.times), loop=settings.loop, boomerang=settings.boomerang
        )  # fmt: skip
        if total > self._config.max_frames:
            raise ConfigError(
                f"-n: {total} frames in all are more than the {self._config.max_frames} that are drawn here; "
                "lower it, or start the studio with --max-frames"
            )
        if settings.size is not None and drawings and count_pixels(drawings, settings) > self._config.most_pixels:
            raise ConfigError(
                f"--size: {settings.size} makes larger frames than the {self._config.max_megapixels} megapixels that "
                "are drawn here; lower it, or start the studio with --max-megapixels"
            )
        return drawings

    @contextmanager
    def _turn_for(
        self, drawings: Sequence[KeyFrame], settings: DrawSettings, report: Callable[[], None] = lambda: None
    ) -> Iterator[None]:
        """Waits until no other page draws large frames, if these are large; `report` is called while it waits."""
        if not drawings or count_pixels(drawings, settings) <= _LARGE:
            yield
            return
        while not self._studio.large.acquire(timeout=0.2):
            report()
        try:
            yield
        finally:
            self._studio.large.release()

    def _open_keys(self, drawings: Sequence[KeyFrame], settings: DrawSettings) -> TurnsKeyFrames:
        """The key frames at their own size, checked against each other."""
        size = None if settings.size is None else read_size(settings.size)
        return TurnsKeyFrames(paths_of(drawings), size, self._studio.turn)

    def _open_view(self, drawings: Sequence[KeyFrame], settings: DrawSettings) -> View:
        """The key frames at the size of the screen; the view that was opened last is kept."""
        key = (drawings, settings.size)
        with self._lock:
            if self._view is None or self._view[0] != key:
                self._view = key, View(self._open_keys(drawings, settings), self._config.view)
            return self._view[1]

    def _memory(self, name: str) -> PairMemory:
        engine = self._studio.open(name)  # may take seconds, so without the lock
        with self._lock:
            if name not in self._memories:
                self._memories[name] = remember(engine)
            return self._memories[name]

    def _forget_view(self) -> None:
        with self._lock:
            self._view = None


def _read_hints(engine: Engine, hints: PageHints, keys: Keys, settings: DrawSettings) -> Hints:
    """The hints of key frames, where the engine takes any.

    Raises:
        InputError: something is no hint.
    """
    return hints.read(keys.ids, loop=settings.loop) if isinstance(engine, Guided) else Hints()
