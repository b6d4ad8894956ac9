"""The connections of `animi studio`: how many there may be, and how long one may keep the server waiting.

Each connection takes one of the process's file descriptors. When they run out, asyncio cannot accept further
connections, and writes a traceback for each attempt; a program that opens connections and sends half a request on each
would lock everybody out. So there is a lower limit: a connection beyond it replaces the one that has waited longest for
its request. A request must arrive within seconds, and its body at a minimum speed.
"""

import asyncio
import logging
import time
from dataclasses import dataclass
from typing import Any

from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

MOST = 128
"""Connections at once, where the system's limit of descriptors allows for them; a browser opens 6."""
BACKLOG = 32
"""Connections that wait in the system to be accepted; so many may be accepted at once, before any is closed."""
_RESERVE = 24  # descriptors for the program itself, its files and its programs
_REQUEST = 10.0  # seconds in which a request's head must arrive
_PART = 30.0  # seconds in which some more of a body must arrive
_SPEED = 1_000  # bytes a second at which a body must arrive, after the first _PART seconds
_STUCK = 30.0  # seconds without progress after which an answer that is not read may be dropped for others
_WORDS = 20  # messages a minute that a logger may write


class TooSlow(Exception):
    """A request's body does not arrive."""


@dataclass
class _Connection:
    transport: asyncio.Transport
    since: float
    timer: asyncio.TimerHandle | None = None
    is_asking: bool = False


class Connections:
    """All open connections, by the client's address. Everything happens in the event loop."""

    def __init__(self, most: int | None = None, request: float = _REQUEST) -> None:
        """Starts without any.

        Args:
            most: maximal number of connections; None: as many as file descriptors allow.
            request: seconds within which a request must arrive.
        """
        self.most = _count_allowed() if most is None else most
        self._request = request
        self._known: dict[Any, _Connection] = {}

    def protocol(self) -> type[asyncio.Protocol]:
        """Uvicorn's protocol, with these limits."""
        from uvicorn.protocols.http.auto import AutoHTTPProtocol

        connections = self

        class Limited(AutoHTTPProtocol):  # type: ignore[misc, valid-type]
            def connection_made(self, transport: asyncio.Transport) -> None:
                name = transport.get_extra_info("peername")
                self._peer = (str(name[0]), int(name[1])) if name else object()  # None: it is gone already
                connections._add(self._peer, transport)
                super().connection_made(transport)

            def connection_lost(self, error: Exception | None) -> None:
                connections._remove(self._peer)
                super().connection_lost(error)

        return Limited

    def begin(self, peer: Any) -> None:
        """A request has arrived, and is being answered."""
        known = self._known.get(peer)
        if known is not None:
            known.is_asking, known.since = True, time.monotonic()
            if known.timer is not None:
                known.timer.cancel()

    def progress(self, peer: Any) -> None:
        """Some of the answer was read."""
        known = self._known.get(peer)
        if known is not None:
            known.since = time.monotonic()

    def end(self, peer: Any) -> None:
        """A request was answered; another one may follow."""
        known = self._known.get(peer)
        if known is not None:
            known.is_asking = False
            self._wait(known)

    def _add(self, peer: Any, transport: asyncio.Transport) -> None:
        while len(self._known) >= self.most:
            idle = [known for known in self._known.items() if not known[1].is_asking]
            stuck = [known for known in self._known.items() if time.monotonic() - known[1].since > _STUCK]
            chosen = min(idle or stuck, key=lambda known: known[1].since, default=None)
            if chosen is None:
                transport.abort()
                return
            chosen[1].transport.abort()
            self._remove(chosen[0])
        known = self._known[peer] = _Connection(transport, time.monotonic())
        self._wait(known)

    def _wait(self, known: _Connection) -> None:
        known.since = time.monotonic()
        if known.timer is not None:
            known.timer.cancel()
        known.timer = asyncio.get_running_loop().call_later(self._request, self._give_up, known)

    def _give_up(self, known: _Connection) -> None:
        if not known.is_asking:
            known.transport.abort()

    def _remove(self, peer: Any) -> None:
        known = self._known.pop(peer, None)
        if known is not None and known.timer is not None:
            known.timer.cancel()


class Patience:
    """Counts the requests that are being answered, and drops those whose bodies do not arrive."""

    def __init__(self, app: ASGIApp, connections: Connections | None = None) -> None:
        """Wraps `app`."""
        self._app = app
        self._connections = connections

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes a request on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        peer = scope.get("client")
        began, size, has_more = time.monotonic(), 0, True

        async def receive_in_time() -> Message:
            nonlocal size, has_more
            if not has_more:  # the next message says that the client has disconnected
                return await receive()
            try:
                message = await asyncio.wait_for(receive(), _PART)
            except TimeoutError:
                raise TooSlow from None
            size += len(message.get("body", b""))
            has_more = message.get("more_body", False)
            passed = time.monotonic() - began
            if has_more and passed > _PART and size < _SPEED * passed:
                raise TooSlow
            return message

        has_begun = False

        async def send_on(message: Message) -> None:
            nonlocal has_begun
            has_begun = True
            if message["type"] == "http.response.start" and has_more and _has_body(scope):
                message["headers"] = [*message["headers"], (b"connection", b"close")]  # the rest is not read
            await send(message)
            if self._connections is not None:
                self._connections.progress(peer)

        if self._connections is not None:
            self._connections.begin(peer)
        try:
            await self._app(scope, receive_in_time, send_on)
        except asyncio.CancelledError:  # the studio stops, and no longer waits for requests
            if not has_begun:
                await JSONResponse({"error": "the studio stops"}, status_code=503)(scope, receive, send)
        finally:
            if self._connections is not None:
                self._connections.end(peer)


def _has_body(scope: Scope) -> bool:
    """Whether a request's headers announce a body."""
    headers = dict(scope["headers"])
    return b"transfer-encoding" in headers or headers.get(b"content-length", b"0") != b"0"


class FewWords(logging.Filter):
    """Limits a logger's messages a minute, so that nobody can fill the disk by causing errors."""

    def __init__(self, most: int = _WORDS) -> None:
        """Lets `most` messages of each minute pass."""
        super().__init__()
        self._most = most
        self._minute = 0
        self._count = 0

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the message may be written."""
        if "timeout graceful shutdown exceeded" in str(record.msg):  # the user has stopped the studio
            return False
        minute = int(time.monotonic() // 60)
        if minute != self._minute:
            self._minute, self._count = minute, 0
        self._count += 1
        if self._count == self._most:
            record.msg, record.args, record.exc_info = (
                "%s; further messages of this minute are left out",
                (record.getMessage(),),
                None,
            )
        return self._count <= self._most


def _count_allowed() -> int:
    """The number of connections for which there are file descriptors, less those in use and those not yet closed."""
    try:
        import resource
    except ImportError:
        return MOST
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY:
        return MOST
    return max(4, min(MOST, soft - _RESERVE - 3 * BACKLOG))
