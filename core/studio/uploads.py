"""Files that a page announces and then sends: each is received once, completely, and with the announced size."""

import secrets
import threading
from dataclasses import dataclass
from pathlib import Path
from time import monotonic

from ..errors import InputError
from .folder import MEGABYTE

MOST = 128
"""Files that may be announced and not sent yet."""
_PATIENCE = 600.0  # seconds from its announcement until a file that is not sent is forgotten


@dataclass
class Upload:
    """A file that was announced.

    Attributes:
        id: by which its bytes are sent.
        name: what the person calls it.
        path: where it is put when it is complete.
        part: where its bytes are written until then.
        size: in bytes.
        position: of the frame that it replaces; None: it is a new drawing or film.
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
    """The announced files of a page; may be used from several threads."""

    def __init__(self) -> None:
        """Begins with none."""
        self._known: dict[str, Upload] = {}
        self._lock = threading.Lock()

    def announce(self, name: str, path: Path, folder: Path, size: int, position: float | None = None) -> Upload:
        """Notes that a file may be sent.

        Args:
            name: what the person calls it.
            path: where it is put when it is complete.
            folder: where its bytes are written until then.
            size: in bytes.
            position: of the frame that it replaces.

        Raises:
            InputError: too many files were announced.
        """
        with self._lock:
            if len(self._known) >= MOST:
                raise InputError(f"{name}: {MOST} files are announced and not sent yet; send them first")
            id = secrets.token_urlsafe(8)
            part = folder / secrets.token_hex(8)
            upload = self._known[id] = Upload(id, name, path, part, size, position, monotonic())
            return upload

    def claim(self, id: str) -> Upload:
        """Returns an announced file whose bytes are about to be received.

        Raises:
            KeyError: it is not announced, or was received already.
            InputError: it is being received already.
        """
        with self._lock:
            upload = self._known[id]
            if upload.is_coming:
                raise InputError(f"{upload.name}: is being sent already; wait until it is finished")
            upload.is_coming = True
            return upload

    def finish(self, upload: Upload) -> None:
        """Moves a complete file to its place, and removes it from the announced ones."""
        with self._lock:
            self._known.pop(upload.id, None)
        upload.part.replace(upload.path)

    def give_up(self, upload: Upload) -> None:
        """Removes a file that was not received completely from the announced ones, and deletes its bytes."""
        with self._lock:
            self._known.pop(upload.id, None)
        upload.part.unlink(missing_ok=True)

    def drop_late(self) -> list[Upload]:
        """Removes files that were announced long ago and never sent; returns them."""
        until = monotonic() - _PATIENCE
        with self._lock:
            late = [upload for upload in self._known.values() if not upload.is_coming and upload.announced < until]
            for upload in late:
                del self._known[upload.id]
        return late


def check_weight(name: str, size: int, limit: int, option: str) -> None:
    """Checks that a file has at most `limit` megabytes; `option` is the option that sets the limit.

    Raises:
        InputError: it has more.
    """
    if size > limit * MEGABYTE:
        raise InputError(
            f"{name}: is {size / MEGABYTE:.1f} MB, and the limit is {limit} MB; "
            f"make it smaller, or start the studio with {option}"
        )
