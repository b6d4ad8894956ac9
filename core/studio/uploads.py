"""Files that a page announces and then sends: each is taken once, whole, and of the size that was announced."""

import secrets
import threading
from dataclasses import dataclass
from pathlib import Path
from time import monotonic

from ..errors import InputError
from .folder import MEGABYTE

MOST = 128
"""Files that may be announced and not sent yet."""
_PATIENCE = 600.0  # seconds from its announcement until a file that does not come is forgotten


@dataclass
class Upload:
    """A file that was announced.

    Attributes:
        id: by which its bytes are sent.
        name: what the person calls it.
        path: where it will stand when it is whole.
        part: where its bytes are written until then.
        size: how many there are to be.
        position: of the frame that it is to be in the place of; None: it is a drawing or a film of its own.
    """

    id: str
    name: str
    path: Path
    part: Path
    size: int
    position: float | None
    announced: float
    is_coming: bool = False


class Uploads:
    """The files of one page that were announced; may be asked from several threads."""

    def __init__(self) -> None:
        """Begins with none."""
        self._known: dict[str, Upload] = {}
        self._lock = threading.Lock()

    def announce(self, name: str, path: Path, folder: Path, size: int, position: float | None = None) -> Upload:
        """Notes that a file may be sent.

        Args:
            name: what the person calls it.
            path: where it will stand.
            folder: where its bytes are written until it is whole.
            size: in bytes.
            position: of the frame that it is to be in the place of.

        Raises:
            InputError: too many files were announced.
        """
        with self._lock:
            if len(self._known) >= MOST:
                raise InputError(f"{name}: {MOST} files were announced and have not come; send them first")
            id = secrets.token_urlsafe(8)
            part = folder / secrets.token_hex(8)
            upload = self._known[id] = Upload(id, name, path, part, size, position, monotonic())
            return upload

    def claim(self, id: str) -> Upload:
        """A file whose bytes come now.

        Raises:
            KeyError: none of that name was announced, or it has come already.
            InputError: it is being sent by somebody else at this moment.
        """
        with self._lock:
            upload = self._known[id]
            if upload.is_coming:
                raise InputError(f"{upload.name}: is being sent already; wait for that")
            upload.is_coming = True
            return upload

    def finish(self, upload: Upload) -> None:
        """Puts a file in its place, and forgets that it was announced."""
        with self._lock:
            self._known.pop(upload.id, None)
        upload.part.replace(upload.path)

    def give_up(self, upload: Upload) -> None:
        """Forgets a file that did not come whole, with what has come of it."""
        with self._lock:
            self._known.pop(upload.id, None)
        upload.part.unlink(missing_ok=True)

    def drop_late(self) -> list[Upload]:
        """Forgets files that were announced long ago and do not come; gives them."""
        until = monotonic() - _PATIENCE
        with self._lock:
            late = [upload for upload in self._known.values() if not upload.is_coming and upload.announced < until]
            for upload in late:
                del self._known[upload.id]
        return late


def check_weight(name: str, size: int, limit: int, option: str) -> None:
    """Rejects a file of more megabytes than `limit`, which `option` sets.

    Raises:
        InputError: it has more.
    """
    if size > limit * MEGABYTE:
        raise InputError(
            f"{name}: is {size / MEGABYTE:.1f} MB, and {limit} MB are taken; "
            f"make it smaller, or start the studio with {option}"
        )
