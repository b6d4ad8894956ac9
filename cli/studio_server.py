"""The web server of `animi studio`: which address does what, and who may ask.

The page is made of the files in `studio_page`. What it asks for is JSON; a file is announced by its name and size, and
then sent as the bytes of a request. Nothing here draws or decodes: that is `core.studio`, in other threads than the one
that serves.
"""

import asyncio
import ipaddress
import json
import socket
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ..core.config.choices import CADENCES, EASINGS, ON_FAILURE
from ..core.config.interpolation import InterpolateConfig
from ..core.config.studio import StudioConfig
from ..core.errors import AnimiError, InputError
from ..core.studio.jobs import Job
from ..core.studio.studio import DOWNLOADS, FILM_DOWNLOADS, Session, Studio, read_settings

_PAGE = Path(__file__).with_name("studio_page")
_LONGEST = 1 << 17  # bytes of a request that is no file
_LOOK_ROUND = 60.0  # seconds between looks for sessions that were left alone
_HEADERS = (
    (b"content-security-policy",
     b"default-src 'self'; img-src 'self' blob:; object-src 'none'; base-uri 'none'; form-action 'none'; "
     b"frame-ancestors 'none'"),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cache-control", b"no-store"),
)  # fmt: skip


def build_app(studio: Studio) -> Starlette:
    """Puts the addresses together."""
    page = _Page(studio)

    @asynccontextmanager
    async def look_round(_app: Starlette) -> AsyncIterator[None]:
        async def drop() -> None:
            while True:
                await asyncio.sleep(_LOOK_ROUND)
                await run_in_threadpool(studio.drop_idle)

        task = asyncio.create_task(drop())
        yield
        task.cancel()

    at = "/api/sessions/{session}"
    routes = [
        Route("/", page.index),
        Mount("/static", StaticFiles(directory=_PAGE)),
        Route("/api/options", page.tell_options),
        Route("/api/times", page.tell_times, methods=["POST"]),
        Route("/api/sessions", page.begin, methods=["POST"]),
        Route(at, page.tell_session),
        Route(at, page.end, methods=["DELETE"]),
        Route(f"{at}/uploads", page.announce, methods=["POST"]),
        Route(f"{at}/uploads/{{upload}}", page.receive, methods=["PUT"]),
        Route(f"{at}/chase", page.draw_chase, methods=["POST"]),
        Route(f"{at}/drawings", page.arrange, methods=["PUT"]),
        Route(f"{at}/drawings/{{drawing}}.png", page.show_drawing),
        Route(f"{at}/film/{{number:int}}.jpg", page.show_film_drawing),
        Route(f"{at}/film/choice", page.choose, methods=["POST"]),
        Route(f"{at}/film/smooth", page.smooth, methods=["POST"]),
        Route(f"{at}/moment", page.draw_moment, methods=["POST"]),
        Route(f"{at}/draw", page.draw, methods=["POST"]),
        Route(f"{at}/export", page.export, methods=["POST"]),
        Route(f"{at}/jobs", page.tell_jobs),
        Route(f"{at}/jobs/{{job}}", page.cancel, methods=["DELETE"]),
        Route(f"{at}/jobs/{{job}}/frames/{{number:int}}.png", page.show_frame),
        Route(f"{at}/jobs/{{job}}/file", page.download),
    ]
    return Starlette(
        routes=routes,
        middleware=[Middleware(Guard, config=studio.config)],
        exception_handlers={
            AnimiError: page.refuse,
            OSError: page.refuse,
            MemoryError: page.refuse,
            KeyError: page.miss,
        },
        lifespan=look_round,
    )


class Guard:
    """Lets in only what the page itself asks, so that no other page in the same browser can drive the studio.

    - The Host that the browser was told must be this machine: a name that somebody else's DNS pointed here (DNS
      rebinding) is refused. Addresses in numbers cannot be rebound; they pass where other machines are served.
    - The Origin, and what the browser says of the site that a request comes from, must be the page's own.
    """

    def __init__(self, app: ASGIApp, config: StudioConfig) -> None:
        """Guards `app`."""
        self._app = app
        self._names = {"localhost", "127.0.0.1", "::1"}
        self._any_address = not is_this_machine(config.host)
        if self._any_address:
            self._names |= {config.host.lower(), socket.gethostname().lower()}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuses the request, or hands it on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_on(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], *_HEADERS]
            await send(message)

        fault = self._find_fault(scope)
        answer = self._app if fault is None else JSONResponse({"error": fault}, status_code=403)
        await answer(scope, receive, send_on)

    def _find_fault(self, scope: Scope) -> str | None:
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        host = headers.get("host", "")
        if not self._knows(host):
            return "this address is not the studio's; open the one that animi studio printed"
        origin = headers.get("origin")
        if origin is not None and origin != f"{scope['scheme']}://{host}":
            return "another page may not use the studio; open the address that animi studio printed"
        site = headers.get("sec-fetch-site", "none")
        opens = scope["method"] == "GET" and scope["path"] == "/" and headers.get("sec-fetch-mode") == "navigate"
        if site not in ("same-origin", "none") and not opens:
            return "another page may not use the studio; open the address that animi studio printed"
        return None

    def _knows(self, host: str) -> bool:
        name = host.lower()
        name = name[1:].partition("]")[0] if name.startswith("[") else name.rpartition(":")[0] or name
        if name in self._names:
            return True
        try:
            ipaddress.ip_address(name)
        except ValueError:
            return False
        return self._any_address


def is_this_machine(host: str) -> bool:
    """Whether an address can be reached from this machine alone."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


class _Page:
    """What answers."""

    def __init__(self, studio: Studio) -> None:
        self._studio = studio

    def _session(self, request: Request) -> Session:
        return self._studio[request.path_params["session"]]

    def _job(self, request: Request) -> Job:
        return self._session(request).jobs[request.path_params["job"]]

    async def refuse(self, request: Request, error: Exception) -> Response:
        try:
            words = self._session(request).tell(error)
        except KeyError:
            words = str(error)
        return JSONResponse({"error": words}, status_code=400 if isinstance(error, AnimiError) else 507)

    async def miss(self, request: Request, _error: Exception) -> Response:
        try:
            self._session(request)
        except KeyError:
            words = "this session has ended; load the page anew"
        else:
            words = "this is no longer there"
        return JSONResponse({"error": words}, status_code=404)

    async def index(self, _request: Request) -> Response:
        return FileResponse(_PAGE / "index.html")

    async def tell_options(self, _request: Request) -> Response:
        defaults, config = InterpolateConfig((), Path()), self._studio.config
        return JSONResponse(
            {
                "version": version("animi"),
                "engines": self._studio.engines,
                "easings": EASINGS,
                "on_failure": ON_FAILURE,
                "downloads": list(DOWNLOADS),
                "film_downloads": FILM_DOWNLOADS,
                "cadences": CADENCES,
                "accept": config.accept,
                "max_drawing": config.max_drawing,
                "max_film": config.max_film,
                "checkpoints": {name: str(path) for name, path in self._studio.checkpoints.items()},
                "defaults": {
                    "count": defaults.count,
                    "fps": str(defaults.fps),
                    "spacing": defaults.spacing,
                    "on_failure": defaults.on_failure,
                },
            }
        )

    async def tell_times(self, request: Request) -> Response:
        return JSONResponse({"times": read_settings(await _read_json(request)).times})

    async def begin(self, _request: Request) -> Response:
        session = await run_in_threadpool(self._studio.begin)
        return JSONResponse({"id": session.id}, status_code=201)

    async def end(self, request: Request) -> Response:
        await run_in_threadpool(self._studio.end, request.path_params["session"])
        return Response(status_code=204)

    async def tell_session(self, request: Request) -> Response:
        return JSONResponse(_describe_session(self._session(request)))

    async def announce(self, request: Request) -> Response:
        session, told = self._session(request), await _read_json(request)
        size = told.get("size")
        if not isinstance(size, int):
            raise InputError("a file is announced by its name and size")
        upload = session.announce(str(told.get("name", "")), size)
        return JSONResponse({"upload": upload.id}, status_code=201)

    async def receive(self, request: Request) -> Response:
        session = self._session(request)
        upload = session.find_upload(request.path_params["upload"])
        size = 0
        try:
            with upload.path.open("wb") as file:
                async for part in request.stream():
                    size += len(part)
                    if size > upload.limit:
                        raise InputError(f"{upload.name}: is larger than was announced; send it again")
                    await run_in_threadpool(file.write, part)
        except ClientDisconnect:
            session.give_up(upload)
            return Response(status_code=400)
        except BaseException:
            session.give_up(upload)
            raise
        taken = await run_in_threadpool(session.take, upload)
        return JSONResponse(_describe_session(session) | ({"job": taken.id} if isinstance(taken, Job) else {}))

    async def draw_chase(self, request: Request) -> Response:
        session = self._session(request)
        await run_in_threadpool(session.draw_chase)
        return JSONResponse(_describe_session(session))

    async def arrange(self, request: Request) -> Response:
        session, told = self._session(request), await _read_json(request)
        ids = told.get("drawings")
        session.arrange([str(id) for id in ids] if isinstance(ids, list) else [])
        return JSONResponse(_describe_session(session))

    async def show_drawing(self, request: Request) -> Response:
        wanted = request.path_params["drawing"]
        for drawing in self._session(request).drawings:
            if drawing.id == wanted:
                return FileResponse(drawing.thumb, media_type="image/png")
        raise KeyError(wanted)

    async def show_film_drawing(self, request: Request) -> Response:
        film, number = self._session(request).film, request.path_params["number"]
        if film is None or number >= len(film.drawings):
            raise KeyError(number)
        return FileResponse(film.drawings[number].thumb, media_type="image/jpeg")

    async def choose(self, request: Request) -> Response:
        session, told = self._session(request), await _read_json(request)
        wanted = told.get("drawings")
        numbers = wanted if isinstance(wanted, list) and all(isinstance(number, int) for number in wanted) else []
        return JSONResponse(_describe_job(session.choose(numbers)), status_code=202)

    async def draw_moment(self, request: Request) -> Response:
        session, told = self._session(request), await _read_json(request)
        position = told.get("position")
        if not isinstance(position, int | float):
            raise InputError("t: a moment is a number; give one from 0")

        def work() -> bytes:
            return session.draw_moment(told, position, full=bool(told.get("full")))

        return Response(await run_in_threadpool(work), media_type="image/png")

    async def draw(self, request: Request) -> Response:
        return await self._submit(request, lambda session: session.draw)

    async def export(self, request: Request) -> Response:
        return await self._submit(request, lambda session: session.export)

    async def smooth(self, request: Request) -> Response:
        return await self._submit(request, lambda session: session.smooth)

    async def _submit(
        self, request: Request, choose: Callable[[Session], Callable[[Mapping[str, Any]], Job]]
    ) -> Response:
        session, told = self._session(request), await _read_json(request)
        job = await run_in_threadpool(choose(session), told)
        return JSONResponse(_describe_job(job), status_code=202)

    async def tell_jobs(self, request: Request) -> Response:
        return JSONResponse({"jobs": [_describe_job(job) for job in self._session(request).jobs.list()]})

    async def cancel(self, request: Request) -> Response:
        job = self._job(request)
        job.cancel()
        return JSONResponse(_describe_job(job))

    async def show_frame(self, request: Request) -> Response:
        session, job = self._session(request), self._job(request)
        return FileResponse(session.find_frame(job, request.path_params["number"]), media_type="image/png")

    async def download(self, request: Request) -> Response:
        path = self._session(request).find_export(self._job(request))
        return FileResponse(path, filename=path.name)


async def _read_json(request: Request) -> dict[str, Any]:
    """The body of a request that is no file.

    Raises:
        InputError: it is too long, or no JSON object.
    """
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > _LONGEST:
            raise InputError("the request is too long")
    try:
        told = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise InputError("the request is no JSON") from error
    if not isinstance(told, dict):
        raise InputError("the request is no JSON object")
    return told


def _describe_job(job: Job) -> dict[str, Any]:
    return {
        "id": job.id,
        "kind": job.kind,
        "title": job.title,
        "state": job.state,
        "done": job.done,
        "total": job.total,
        "message": job.message,
        "result": dict(job.result),
    }


def _describe_session(session: Session) -> dict[str, Any]:
    film = session.film
    return {
        "drawings": [
            {"id": drawing.id, "name": drawing.name, "width": drawing.width, "height": drawing.height}
            for drawing in session.drawings
        ],
        "film": None
        if film is None
        else {
            "name": film.name,
            "width": film.info.width,
            "height": film.info.height,
            "drawings": [[drawing.time, drawing.shot] for drawing in film.drawings],
            "cadences": film.cadences,
            "whole": film.is_whole,
        },
    }
