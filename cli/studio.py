"""`animi studio`: a page in the browser that draws the frames between drawings, and shows them."""

import errno
import json
import logging
import os
import socket
import sys
import threading
import webbrowser
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from ..core.config.studio import StudioConfig
from ..core.errors import AnimiError
from ..core.interrupts import held_back
from .options import Given, make_config, options_from

if TYPE_CHECKING:
    from ..core.studio.studio import Studio

_DEFAULTS = StudioConfig()


@options_from(StudioConfig)
def studio(
    given: Given,
    as_json: Annotated[bool, typer.Option("--json", help="Print the address as JSON on stdout.")] = False,
) -> None:
    """Opens a page in the browser: drop drawings or a film, see the frames between, scrub, compare and download.

    Nothing leaves this machine, and the page can only be opened with the token in the printed address. Dropped files
    are in a temporary folder until the studio is stopped by Ctrl-C.
    """
    config = make_config(StudioConfig, given)
    try:
        import uvicorn  # noqa: F401 - a missing package is reported before anything is started

        from .studio_guard import choose_token
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in ("starlette", "uvicorn", "anyio"):
            raise
        raise AnimiError("studio: needs packages that are not installed; run: pip install 'animi[studio]'") from error
    from ..core.studio.studio import Studio

    word = choose_token() if config.token else None
    listener = _listen(config)
    served = Studio(config)
    code = 0
    try:
        address = _print_address(config, listener, word, as_json=as_json)
        typer.echo(f"animi: press Ctrl-C to stop; files are in {served.folder} and are removed then", err=True)
        if config.open and _has_screen():
            _open_page(address, served.folder)
        _serve(served, listener, word)
    except KeyboardInterrupt:
        code = 130
    except SystemExit as stop:  # SIGTERM
        code = stop.code if isinstance(stop.code, int) else 1
    finally:
        with held_back():
            listener.close()
            served.close()
            typer.echo("animi: stopped; the studio's files are removed", err=True)
    _leave(code)


def _print_address(config: StudioConfig, listener: socket.socket, token: str | None, *, as_json: bool) -> str:
    """Prints the page's address, and a warning if others can use it."""
    from .studio_guard import is_this_machine

    place, port = listener.getsockname()[:2]
    is_ours = is_this_machine(config.host)
    address = f"http://{_bracket(config.host if is_ours else _name(place))}:{port}/"
    if token is not None:
        address += f"?token={token}"
    typer.echo(json.dumps({"url": address, "token": token}) if as_json else address)
    if not is_ours:
        who = "with the token, which is sent over the network unencrypted" if token else "there is no password"
        typer.echo(
            f"animi: --host {config.host}: every machine that reaches this one can use the page; {who}",
            err=True,
        )
    elif token is None:
        typer.echo("animi: --no-token: every user of this machine can use the page", err=True)
    return address


def _serve(served: "Studio", listener: socket.socket, token: str | None) -> None:
    """Serves the page until a signal comes."""
    import uvicorn

    from .studio_connections import BACKLOG, Connections, FewWords
    from .studio_server import build_app

    connections = Connections()
    settings = uvicorn.Config(
        build_app(served, token, connections), http=connections.protocol(), log_level="warning", access_log=False,
        ws="none", server_header=False, proxy_headers=False, backlog=BACKLOG, timeout_graceful_shutdown=1,
    )  # fmt: skip
    for name in ("asyncio", "uvicorn.error"):
        logging.getLogger(name).addFilter(FewWords())

    class Server(uvicorn.Server):
        async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
            served.cancel()  # while requests are waited for
            await super().shutdown(sockets)

    Server(settings).run(sockets=[listener])


def _leave(code: int) -> NoReturn:
    """Ends the command at once, also if a thread is still at work, such as on a large frame.

    By now the files are removed and the programs ended. Leaving Python the usual way could crash, as some libraries do
    when their threads are still running.
    """
    from ..core.studio.jobs import AT_WORK

    if any(thread.name == AT_WORK for thread in threading.enumerate()):
        for stream in (sys.stdout, sys.stderr):
            with suppress(OSError, ValueError):
                stream.flush()
        os._exit(code)
    raise typer.Exit(code)


def _open_page(address: str, folder: Path) -> None:
    """Opens the page in the browser by a file that only its user can read: a program's arguments are visible to all."""
    page = folder / "open.html"
    page.touch(mode=0o600)
    page.write_text(
        f'<!doctype html><meta charset="utf-8"><meta http-equiv="refresh" content="0; url={address}">'
        f'<p><a href="{address}">animi studio</a></p>',
        encoding="utf-8",
    )
    webbrowser.open(page.as_uri())


def _listen(config: StudioConfig) -> socket.socket:
    """Opens the port.

    Raises:
        AnimiError: the port is in use, or the address is not this machine's.
    """
    no_address = f"--host: {config.host!r} is not an address of this machine; give {_DEFAULTS.host}"
    try:
        found = socket.getaddrinfo(config.host, config.port, type=socket.SOCK_STREAM)[0]
        listener = socket.socket(found[0], socket.SOCK_STREAM)
    except OSError as error:
        raise AnimiError(no_address) from error
    try:
        if os.name == "posix":  # on Windows it would let two programs share the port
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(found[4])
        listener.listen(128)
    except OSError as error:
        listener.close()
        if error.errno == errno.EADDRNOTAVAIL:
            raise AnimiError(no_address) from error
        why = error.strerror or str(error)
        raise AnimiError(
            f"--port: {config.port} at {config.host} cannot be opened ({why}); "
            "give another, or --port 0 for any that is free"
        ) from error
    return listener


def _name(place: str) -> str:
    """A host name for other machines, if the address means all addresses of this machine."""
    return socket.gethostname() if place in ("0.0.0.0", "::") else place


def _bracket(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _has_screen() -> bool:
    """Whether there is a screen for a browser; without one, a text browser might take over the terminal."""
    return sys.platform in ("win32", "darwin") or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
