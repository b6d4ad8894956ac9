"""The key frames of a page: their order, their hints, and the in-betweens that are kept as key frames."""

import threading
from collections.abc import Callable, Sequence
from pathlib import Path

from ..config.material import DrawCartoonConfig
from ..errors import InputError
from ..media.frames import Frame
from ..media.image_files import write_png
from .drawings import LARGER, KeyFrame, read_drawing
from .folder import SessionFolder
from .hints import HintedPair, PageHints, paint
from .host import Host
from .kept import Kept, name_kept

_SAME_TIME = 1e-4  # by which two positions of one frame may differ


class KeyFrames:
    """The key frames of a page, with hints and kept frames; may be used from several threads.

    Attributes:
        drawings: the key frames, in order.
        kept: in-betweens that are kept as key frames.
        hints: of all of them.
        lock: held while these change together.
        on_removed: called when a drawing was removed.
    """

    def __init__(self, files: SessionFolder, studio: Host) -> None:
        """Starts without any."""
        self.drawings: tuple[KeyFrame, ...] = ()
        self.kept: tuple[Kept, ...] = ()
        self.hints = PageHints()
        self.lock = threading.RLock()
        self.on_removed: Callable[[], None] = lambda: None
        self._files = files
        self._studio = studio
        self._chases = 0

    def find(self, id: str) -> KeyFrame:
        """The key frame or kept frame with that id; KeyError where there is none."""
        for drawing in (*self.drawings, *(frame.drawing for frame in self.kept)):
            if drawing.id == id:
                return drawing
        raise KeyError(id)

    def check_count(self, subject: str = "") -> None:
        """Checks that one more can be taken.

        Args:
            subject: what the error begins with.

        Raises:
            InputError: the limit is reached.
        """
        count = len(self.drawings) + len(self.kept)
        if count >= self._studio.config.max_drawings:
            raise InputError(
                f"{subject}there are {count} key frames already; remove some, or start the studio with --max-drawings"
            )

    def read(self, name: str, path: Path) -> KeyFrame:
        """Reads a file as a key frame, without adding it.

        Args:
            name: its name for the person.
            path: the file.

        Raises:
            InputError: it is not an image that can be used.
        """
        with self._studio.turn:
            return read_drawing(name, path, self._studio.config.most_pixels, LARGER)

    def save(self, name: str, frame: Frame) -> KeyFrame:
        """Makes a key frame of a picture, without adding it."""
        path = self._files.name(name, ".png")
        write_png(path, frame)
        return self.read(name, path)

    def add(self, drawing: KeyFrame) -> None:
        """Adds a key frame after the others."""
        with self.lock:
            self.drawings = (*self.drawings, drawing)
            self.kept = name_kept(self.drawings, self.kept)

    def draw_chase(self) -> None:
        """Replaces the key frames by two that animi draws: a cat chases a mouse."""
        from ..cartoon.films import plan_film

        with self.lock:
            seed, self._chases = 7 + self._chases, self._chases + 1
        film = plan_film(DrawCartoonConfig(Path(), "chase", seed=seed, width=480, height=320, fine=5))
        self.replace((self.save("cat-a.png", film.draw_at(0.34)), self.save("cat-b.png", film.draw_at(0.42))))

    def arrange(self, ids: Sequence[str]) -> None:
        """Puts the key frames in this order; those that are missing in it are removed, with their files.

        Raises:
            InputError: an id is unknown, or given twice.
        """
        with self.lock:
            known = {drawing.id: drawing for drawing in self.drawings}
            if len(set(ids)) != len(ids) or not set(ids) <= set(known):
                raise InputError("the key frames have changed in the meantime; reload the page")
            self.replace(tuple(known[id] for id in ids))

    def replace(self, drawings: tuple[KeyFrame, ...]) -> None:
        """Replaces all key frames; the files of those that are removed are deleted."""
        with self.lock:
            gone = [drawing.path for drawing in self.drawings if drawing not in drawings]
            self.drawings = drawings
            if gone:
                self.on_removed()
            names = {drawing.id for drawing in drawings}
            gone += self._drop_kept([frame for frame in self.kept if not {frame.first, frame.last} <= names])
        self._files.remove(gone)

    def give_hints(self, size: tuple[int, int] | None, pairs: Sequence[HintedPair]) -> None:
        """Replaces all hints; those of key frames that were removed are left out.

        Args:
            size: width and height of the picture that they are of.
            pairs: the hints.

        Raises:
            InputError: one cannot be used; nothing is changed then.
        """
        with self.lock:
            known = {pair.ids: pair for pair in self.hints.pairs}
            masks, fresh = {}, []
            for pair in pairs:
                old = known.get(pair.ids)
                if old is not None and old.strokes == pair.strokes and size == self.hints.size:
                    if pair.ids in self.hints.masks:
                        masks[pair.ids] = self.hints.masks[pair.ids]
                    continue
                painted = None if size is None else paint(pair.strokes, size)
                if painted is not None:
                    masks[pair.ids] = path = self._files.name("the mask of what stays", ".png")
                    fresh.append(path)
                    path.write_bytes(painted)
            hints = PageHints(size, tuple(pairs), masks).keep(self._ids())
            try:
                hints.check()
            except InputError:
                self._files.remove(fresh)
                raise
            self._put_hints(hints)

    def _put_hints(self, hints: PageHints) -> None:
        gone = set(self.hints.masks.values()) - set(hints.masks.values())
        self.hints = hints
        self._files.remove(gone)

    def _ids(self) -> list[str]:
        """The ids of all key frames and kept frames."""
        return [drawing.id for drawing in (*self.drawings, *(frame.drawing for frame in self.kept))]

    def drop_kept(self, id: str) -> None:
        """Stops keeping a frame, so that it is drawn again; KeyError if there is none with that id."""
        with self.lock:
            frame = next((frame for frame in self.kept if frame.drawing.id == id), None)
            if frame is None:
                raise KeyError(id)
            gone = self._drop_kept([frame])
        self._files.remove(gone)

    def _drop_kept(self, frames: Sequence[Kept]) -> list[Path]:
        """Removes kept frames and their hints; returns the files that are no longer needed."""
        self.kept = tuple(frame for frame in self.kept if frame not in frames)
        if frames:
            self.on_removed()
        self._put_hints(self.hints.keep(self._ids()))
        return [frame.drawing.path for frame in frames]

    def find_gap(self, position: float) -> tuple[str, str, float]:
        """The ids of the key frames around a position, and t between them.

        Raises:
            InputError: there is a key frame at the position, or no frame.
        """
        drawings = self.drawings
        number, t = int(position), position - int(position)
        if not (0 <= number < len(drawings) and 0 < t < 1 and len(drawings) > 1):
            raise InputError("only a frame between two key frames can be kept or replaced; go to one first")
        return drawings[number].id, drawings[(number + 1) % len(drawings)].id, t

    def exchange(self, drawing: KeyFrame, position: float) -> None:
        """Replaces the frame at a position by a drawing, which is kept as a key frame.

        Raises:
            InputError: it has another size, or there is no such frame.
        """
        with self.lock:
            first, last, t = self.find_gap(position)
            model = self.drawings[int(position)]
            if (drawing.width, drawing.height) != (model.width, model.height):
                raise InputError(
                    f"{drawing.name}: is {drawing.width}x{drawing.height}, and the key frames are "
                    f"{model.width}x{model.height}; give one of their size"
                )
            beside = [frame for frame in self.kept if (frame.first, frame.last) == (first, last)]
            same = [frame for frame in beside if abs(frame.t - t) < _SAME_TIME]
            if same:
                gone = self._drop_kept(same)
                beside = [frame for frame in beside if frame not in same]
            before = max((frame for frame in beside if frame.t < t), key=lambda frame: frame.t, default=None)
            after = min((frame for frame in beside if frame.t > t), key=lambda frame: frame.t, default=None)
            self.kept = name_kept(self.drawings, (*self.kept, Kept(drawing, first, last, t)))
            (one, start), (other, end) = (
                (first, 0.0) if before is None else (before.drawing.id, before.t),
                (last, 1.0) if after is None else (after.drawing.id, after.t),
            )
            self._put_hints(self.hints.split(one, other, drawing.id, (t - start) / (end - start)))
        if same:
            self._files.remove(gone)
