"""`animi studio`: a page in the browser that draws the frames between drawings, and shows them."""

import errno
import json
import os
import socket
import sys
import webbrowser
from pathlib import Path
from typing import Annotated

import typer

from ..core.config.choices import DEVICES
from ..core.config.studio import StudioConfig
from ..core.errors import AnimiError

_DEFAULTS = StudioConfig()


def studio(
    host: Annotated[
        str, typer.Option(help="The address to listen at. Any but this one lets other machines in.")
    ] = _DEFAULTS.host,
    port: Annotated[int, typer.Option(help="The port to listen at; 0: any that is free.")] = _DEFAULTS.port,
    open_page: Annotated[
        bool, typer.Option("--open/--no-browser", help="Open the page in the browser, where there is a screen.")
    ] = _DEFAULTS.open,
    checkpoint: Annotated[
        list[Path] | None,
        typer.Option(help="A trained network (.safetensors) to offer beside the engines; repeatable."),
    ] = None,
    device: Annotated[
        str,
        typer.Option(help=f"Where networks run: {', '.join(DEVICES)}.", autocompletion=lambda: list(DEVICES)),
    ] = _DEFAULTS.device,
    accept: Annotated[
        str, typer.Option(metavar="KINDS", help="What may be dropped on the page, with commas.")
    ] = ",".join(_DEFAULTS.accept),
    max_drawing: Annotated[int, typer.Option(help="Megabytes of a drawing's file at most.")] = _DEFAULTS.max_drawing,
    max_film: Annotated[int, typer.Option(help="Megabytes of a film's file at most.")] = _DEFAULTS.max_film,
    max_drawings: Annotated[int, typer.Option(help="Key frames at most.")] = _DEFAULTS.max_drawings,
    max_frames: Annotated[
        int, typer.Option(help="Frames that are drawn in one go at most, all segments together.")
    ] = _DEFAULTS.max_frames,
    max_film_drawings: Annotated[
        int, typer.Option(help="Drawings of a film that are shown at most.")
    ] = _DEFAULTS.max_film_drawings,
    view: Annotated[
        int, typer.Option(help="Pixels of the longer side of what the page shows; downloads are in full size.")
    ] = _DEFAULTS.view,
    sessions: Annotated[
        int, typer.Option(help="Pages at work at once; one more drops the one left alone for longest.")
    ] = _DEFAULTS.sessions,
    idle: Annotated[
        float, typer.Option(help="Minutes after which a page left alone is dropped, with its files.")
    ] = _DEFAULTS.idle,
    as_json: Annotated[bool, typer.Option("--json", help="Print the address as JSON on stdout.")] = False,
) -> None:
    """Opens a page in the browser: drop drawings or a film, see the frames between, scrub, compare and download.

    Nothing leaves this machine. What is dropped lies in a temporary folder until the studio is stopped, by Ctrl-C.
    """
    config = StudioConfig(
        host, port, open_page, tuple(part.strip() for part in accept.split(",") if part.strip()), max_drawing, max_film,
        max_drawings, max_frames, max_film_drawings, view, sessions, idle, tuple(checkpoint or ()), device,
    )  # fmt: skip
    try:
        import uvicorn

        from .studio_server import build_app, is_this_machine
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in ("starlette", "uvicorn", "anyio"):
            raise
        raise AnimiError("studio: needs packages that are not installed; run: pip install 'animi[studio]'") from error
    from ..core.studio.studio import Studio

    listener = _listen(config)
    served = Studio(config)
    try:
        place, port = listener.getsockname()[:2]
        address = f"http://{_bracket(config.host if is_this_machine(config.host) else _name(place))}:{port}/"
        typer.echo(json.dumps({"url": address}) if as_json else address)
        if not is_this_machine(config.host):
            typer.echo(
                f"animi: --host {config.host}: every machine that reaches this one can use the page and see what is "
                "dropped on its own page; there is no password",
                err=True,
            )
        typer.echo(f"animi: press Ctrl-C to stop; files lie in {served.folder} and are removed then", err=True)
        if config.open and _has_screen():
            webbrowser.open(address)
        settings = uvicorn.Config(
            build_app(served), log_level="warning", access_log=False, ws="none", server_header=False,
            timeout_graceful_shutdown=2,
        )  # fmt: skip
        uvicorn.Server(settings).run(sockets=[listener])
    except KeyboardInterrupt:
        raise typer.Exit(130) from None
    finally:
        listener.close()
        served.close()
        typer.echo("animi: stopped; the studio's files are removed", err=True)


def _listen(config: StudioConfig) -> socket.socket:
    """Takes the port.

    Raises:
        AnimiError: it is taken, or the address is none of this machine's.
    """
    no_address = f"--host: {config.host!r} is no address of this machine; give {_DEFAULTS.host}"
    try:
        found = socket.getaddrinfo(config.host, config.port, type=socket.SOCK_STREAM)[0]
        listener = socket.socket(found[0], socket.SOCK_STREAM)
    except OSError as error:
        raise AnimiError(no_address) from error
    try:
        if os.name == "posix":  # elsewhere it would let two programs have one port
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(found[4])
        listener.listen(128)
    except OSError as error:
        listener.close()
        if error.errno == errno.EADDRNOTAVAIL:
            raise AnimiError(no_address) from error
        why = error.strerror or str(error)
        raise AnimiError(
            f"--port: {config.port} at {config.host} cannot be had ({why}); "
            "give another, or --port 0 for any that is free"
        ) from error
    return listener


def _name(place: str) -> str:
    """A name under which other machines may reach an address that stands for all of this machine's."""
    return socket.gethostname() if place in ("0.0.0.0", "::") else place


def _bracket(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _has_screen() -> bool:
    """Whether a browser that is opened would be seen, and not take over the terminal."""
    return sys.platform in ("win32", "darwin") or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
