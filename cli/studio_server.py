"""The web server of `animi studio`: its routes.

The page is made of the files in `studio_page`. Its requests are JSON, see `studio_requests`; a file is announced by its
name and size, and then sent as the body of a request. Drawing and decoding is done by `core.studio`, in other threads
than the server's. `studio_guard` controls access.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Route

from ..core.config.choices import CADENCES, EASINGS, ON_FAILURE
from ..core.errors import AnimiError, hide_paths
from ..core.studio.hints import PageHints
from ..core.studio.jobs import Cancelled, StudioJob
from ..core.studio.session import Session
from ..core.studio.settings import DOWNLOADS, FILM_DOWNLOADS, DrawSettings
from ..core.studio.studio import Studio
from ..core.studio.uploads import Upload
from ..core.studio.work import Expired
from .studio_connections import Connections, Patience, TooSlow
from .studio_guard import Guard
from .studio_requests import (
    read_announcement,
    read_choice,
    read_download,
    read_draw_settings,
    read_film_settings,
    read_hints,
    read_hints_file,
    read_json,
    read_moment,
    read_order,
)
from .studio_threads import DaemonThreads

_PAGE = Path(__file__).with_name("studio_page")
_STATIC = {path.name: path for path in _PAGE.iterdir() if path.suffix in (".css", ".js", ".svg")}
_CHECK_IDLE = 60.0  # seconds between two searches for unused sessions
_THREADS = 16

P = ParamSpec("P")
R = TypeVar("R")


def build_app(studio: Studio, token: str | None, connections: Connections | None = None) -> Starlette:
    """Builds the application with all its routes.

    Args:
        studio: does the work.
        token: required of every client; None: all users of this machine have access.
        connections: is notified of each request that is being answered.
    """
    page = _Page(studio)

    @asynccontextmanager
    async def drop_idle(_app: Starlette) -> AsyncIterator[None]:
        async def drop() -> None:
            while True:
                await asyncio.sleep(_CHECK_IDLE)
                await page.aside(studio.drop_idle)

        task = asyncio.create_task(drop())
        yield
        task.cancel()

    at = "/api/sessions/{session}"
    routes = [
        Route("/", page.index),
        Route("/static/{name}", page.show_static),
        Route("/api/options", page.send_options),
        Route("/api/times", page.send_times, methods=["POST"]),
        Route("/api/sessions", page.begin, methods=["POST"]),
        Route(at, page.send_session),
        Route(at, page.end, methods=["DELETE"]),
        Route(f"{at}/uploads", page.announce, methods=["POST"]),
        Route(f"{at}/uploads/{{upload}}", page.receive, methods=["PUT"]),
        Route(f"{at}/chase", page.draw_chase, methods=["POST"]),
        Route(f"{at}/drawings", page.arrange, methods=["PUT"]),
        Route(f"{at}/drawings/{{drawing}}.png", page.show_drawing),
        Route(f"{at}/film/{{number}}.jpg", page.show_film_drawing),
        Route(f"{at}/film/choice", page.choose, methods=["POST"]),
        Route(f"{at}/film/smooth", page.smooth, methods=["POST"]),
        Route(f"{at}/hints", page.give_hints, methods=["PUT"]),
        Route(f"{at}/hints/file", page.save_hints, methods=["POST"]),
        Route(f"{at}/hints/load", page.load_hints, methods=["POST"]),
        Route(f"{at}/matches", page.send_matches, methods=["POST"]),
        Route(f"{at}/doubt", page.draw_doubt, methods=["POST"]),
        Route(f"{at}/doubtful", page.find_doubtful, methods=["POST"]),
        Route(f"{at}/kept", page.keep, methods=["POST"]),
        Route(f"{at}/kept/{{drawing}}", page.drop_kept, methods=["DELETE"]),
        Route(f"{at}/moment", page.draw_moment, methods=["POST"]),
        Route(f"{at}/draw", page.draw, methods=["POST"]),
        Route(f"{at}/export", page.export, methods=["POST"]),
        Route(f"{at}/jobs", page.send_jobs),
        Route(f"{at}/jobs/{{job}}", page.cancel, methods=["DELETE"]),
        Route(f"{at}/jobs/{{job}}/frames/{{number}}.png", page.show_frame),
        Route(f"{at}/jobs/{{job}}/file", page.download),
    ]
    return Starlette(
        routes=routes,
        middleware=[
            Middleware(Patience, connections=connections),
            Middleware(Guard, config=studio.config, token=token),
        ],
        exception_handlers={
            AnimiError: page.reject,
            OSError: page.reject,
            MemoryError: page.reject,
            KeyError: page.miss,
            Cancelled: page.miss,
            TooSlow: page.give_up,
            ClientDisconnect: page.give_up,
        },
        lifespan=drop_idle,
    )


class _Page:
    """Answers the requests."""

    def __init__(self, studio: Studio) -> None:
        self._studio = studio
        self._threads = DaemonThreads(_THREADS)
        self._taking = asyncio.Semaphore(1)  # drawings are decoded one at a time; those that wait need no thread

    async def aside(self, work: Callable[P, R], *words: P.args, **more: P.kwargs) -> R:
        return await self._threads.run(work, *words, **more)

    def _session(self, request: Request) -> Session:
        return self._studio[request.path_params["session"]]

    def _job(self, request: Request) -> StudioJob:
        return self._session(request).work.find_job(request.path_params["job"])

    async def reject(self, request: Request, error: Exception) -> Response:
        words: str | None = hide_paths(str(error))
        if "session" in request.path_params:
            try:
                words = self._session(request).work.describe_error(error)
            except KeyError as ended:  # its files were removed during the request
                return await self.miss(request, ended)
        return JSONResponse({"error": words}, status_code=400 if isinstance(error, AnimiError) else 507)

    async def miss(self, request: Request, error: Exception) -> Response:
        try:
            self._session(request)
        except KeyError:
            return JSONResponse({"error": "this session has ended; reload the page"}, status_code=404)
        if isinstance(error, Expired):
            words = "this has expired: only the latest files are kept, while there is room; write it again"
            return JSONResponse({"error": words}, status_code=410)
        return JSONResponse({"error": "this is no longer there"}, status_code=404)

    async def give_up(self, _request: Request, _error: Exception) -> Response:
        return JSONResponse({"error": "the request did not come in time; send it again"}, 408)

    async def index(self, _request: Request) -> Response:
        return FileResponse(_PAGE / "index.html")

    async def show_static(self, request: Request) -> Response:
        path = _STATIC.get(request.path_params["name"])
        return JSONResponse({"error": "there is no such file"}, 404) if path is None else FileResponse(path)

    async def send_options(self, _request: Request) -> Response:
        config = self._studio.config
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
                "max_megapixels": config.max_megapixels,
                "checkpoints": self._studio.checkpoints,
                "defaults": {
                    "count": DrawSettings.count,
                    "fps": str(DrawSettings.fps),
                    "spacing": DrawSettings.spacing,
                    "on_failure": DrawSettings.on_failure,
                },
            }
        )

    async def send_times(self, request: Request) -> Response:
        settings = read_draw_settings(await read_json(request), self._studio.engines)
        return JSONResponse({"times": settings.times})

    async def begin(self, _request: Request) -> Response:
        session = await self.aside(self._studio.begin)
        return JSONResponse({"id": session.id}, status_code=201)

    async def end(self, request: Request) -> Response:
        await self.aside(self._studio.end, request.path_params["session"])
        return Response(status_code=204)

    async def send_session(self, request: Request) -> Response:
        return JSONResponse(_describe_session(self._session(request)))

    async def announce(self, request: Request) -> Response:
        session, file = self._session(request), read_announcement(await read_json(request))
        upload = await self.aside(session.intake.announce, file.name, file.size, file.position)
        return JSONResponse({"upload": upload.id}, status_code=201)

    async def receive(self, request: Request) -> Response:
        session = self._session(request)
        upload = session.intake.claim(request.path_params["upload"])
        try:
            fault = await self._write(request, upload)
        except BaseException:
            session.intake.give_up(upload)
            raise
        if fault is not None:
            session.intake.give_up(upload)
            return JSONResponse({"error": f"{upload.name}: {fault}; send it again"}, 400)
        async with self._taking:
            taken = await self.aside(session.intake.take, upload)
        return JSONResponse(_describe_session(session) | ({"job": taken.id} if isinstance(taken, StudioJob) else {}))

    async def _write(self, request: Request, upload: Upload) -> str | None:
        """Writes the received bytes; returns an error message if their number is not the announced one."""
        larger = "is larger than was announced"
        announced = request.headers.get("content-length", "")
        if announced.isascii() and announced.isdigit() and len(announced) < 20 and int(announced) > upload.size:
            return larger
        size = 0
        with upload.part.open("wb") as file:
            async for part in request.stream():
                size += len(part)
                if size > upload.size:
                    return larger
                await self.aside(file.write, part)
        return None if size == upload.size else "is smaller than was announced"

    async def draw_chase(self, request: Request) -> Response:
        session = self._session(request)
        await self.aside(session.keys.draw_chase)
        return JSONResponse(_describe_session(session))

    async def arrange(self, request: Request) -> Response:
        session, ids = self._session(request), read_order(await read_json(request))
        await self.aside(session.keys.arrange, ids)
        return JSONResponse(_describe_session(session))

    async def show_drawing(self, request: Request) -> Response:
        wanted = request.path_params["drawing"]
        session = self._session(request)
        return await self._show(session.keys.find(wanted).thumb, "image/png")

    async def show_film_drawing(self, request: Request) -> Response:
        film, number = self._session(request).films.film, _read_number(request)
        if film is None or number >= len(film.drawings):
            raise KeyError(number)
        return await self._show(film.drawings[number].thumb, "image/jpeg")

    async def _show(self, path: Path, kind: str) -> Response:
        """Returns a small file; KeyError if it was removed in the meantime."""
        try:
            return Response(await self.aside(path.read_bytes), media_type=kind)
        except FileNotFoundError:
            raise KeyError(path.name) from None

    async def choose(self, request: Request) -> Response:
        session, numbers = self._session(request), read_choice(await read_json(request))
        return JSONResponse(_describe_job(session.films.choose(numbers)), status_code=202)

    async def give_hints(self, request: Request) -> Response:
        session, (size, pairs) = self._session(request), read_hints(await read_json(request))
        await self.aside(session.keys.give_hints, size, pairs)
        return JSONResponse(_describe_session(session))

    async def save_hints(self, request: Request) -> Response:
        session, settings = self._session(request), read_draw_settings(await read_json(request), self._studio.engines)
        name, data = await self.aside(session.drawing.write_hints, settings)
        kind = "application/json" if name.endswith(".json") else "application/zip"
        return Response(data, media_type=kind, headers={"content-disposition": f'attachment; filename="{name}"'})

    async def load_hints(self, request: Request) -> Response:
        session, (name, data, settings) = self._session(request), await read_hints_file(request, self._studio.engines)
        hints, notes = await self.aside(session.drawing.load_hints, settings, name, data)
        return JSONResponse({"hints": _describe_hints(hints), "notes": notes})

    async def send_matches(self, request: Request) -> Response:
        session, raw = self._session(request), await read_json(request)
        settings, (position, _) = read_draw_settings(raw, self._studio.engines), read_moment(raw)
        return JSONResponse({"matches": await self.aside(session.drawing.find_matches, settings, position)})

    async def draw_doubt(self, request: Request) -> Response:
        session, raw = self._session(request), await read_json(request)
        settings, (position, _) = read_draw_settings(raw, self._studio.engines), read_moment(raw)
        return Response(await self.aside(session.drawing.draw_doubt, settings, position), media_type="image/png")

    async def find_doubtful(self, request: Request) -> Response:
        session, settings = self._session(request), read_draw_settings(await read_json(request), self._studio.engines)
        return JSONResponse(_describe_job(await self.aside(session.drawing.find_doubtful, settings)), status_code=202)

    async def keep(self, request: Request) -> Response:
        session, raw = self._session(request), await read_json(request)
        settings, (position, _) = read_draw_settings(raw, self._studio.engines), read_moment(raw)
        async with self._taking:
            await self.aside(session.drawing.keep_moment, settings, position)
        return JSONResponse(_describe_session(session))

    async def drop_kept(self, request: Request) -> Response:
        session = self._session(request)
        await self.aside(session.keys.drop_kept, request.path_params["drawing"])
        return JSONResponse(_describe_session(session))

    async def draw_moment(self, request: Request) -> Response:
        session, raw = self._session(request), await read_json(request)
        position, full = read_moment(raw)
        settings = read_draw_settings(raw, self._studio.engines)
        return Response(
            await self.aside(session.drawing.draw_moment, settings, position, full=full), media_type="image/png"
        )

    async def draw(self, request: Request) -> Response:
        session, raw = self._session(request), await read_json(request)
        settings = read_draw_settings(raw, self._studio.engines)
        return JSONResponse(_describe_job(await self.aside(session.drawing.draw, settings)), status_code=202)

    async def export(self, request: Request) -> Response:
        session, raw = self._session(request), await read_json(request)
        settings, kind = read_draw_settings(raw, self._studio.engines), read_download(raw)
        return JSONResponse(_describe_job(await self.aside(session.drawing.export, settings, kind)), status_code=202)

    async def smooth(self, request: Request) -> Response:
        session, raw = self._session(request), await read_json(request)
        settings = read_film_settings(raw, self._studio.engines)
        return JSONResponse(_describe_job(await self.aside(session.films.smooth, settings)), status_code=202)

    async def send_jobs(self, request: Request) -> Response:
        return JSONResponse({"jobs": [_describe_job(job) for job in self._session(request).work.jobs.list()]})

    async def cancel(self, request: Request) -> Response:
        job = self._job(request)
        await self.aside(job.cancel)
        return JSONResponse(_describe_job(job))

    async def show_frame(self, request: Request) -> Response:
        session, job = self._session(request), self._job(request)
        return await self._show(session.work.find_frame(job, _read_number(request)), "image/png")

    async def download(self, request: Request) -> Response:
        path = self._session(request).work.find_export(self._job(request))
        return FileResponse(path, filename=path.name)


def _read_number(request: Request) -> int:
    """Returns the number in the address; KeyError if there is none."""
    text: str = request.path_params["number"]
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise KeyError(text)
    return int(text)


def _describe_job(job: StudioJob) -> dict[str, Any]:
    return {
        "id": job.id,
        "kind": job.kind,
        "title": job.title,
        "state": job.settled_state,
        "stage": job.stage,
        "done": job.done,
        "total": job.total,
        "message": job.message,
        "result": dict(job.result),
    }


def _describe_hints(hints: PageHints) -> dict[str, Any]:
    return {
        "size": hints.size,
        "pairs": [
            {"keys": pair.ids, "tracks": pair.tracks, "strokes": [asdict(stroke) for stroke in pair.strokes]}
            for pair in hints.pairs
        ],
    }


def _describe_session(session: Session) -> dict[str, Any]:
    film = session.films.film
    return {
        "drawings": [
            {"id": drawing.id, "name": drawing.name, "width": drawing.width, "height": drawing.height}
            for drawing in session.keys.drawings
        ],
        "kept": [
            {
                "id": frame.drawing.id,
                "name": frame.drawing.name,
                "first": frame.first,
                "last": frame.last,
                "t": frame.t,
            }
            for frame in session.keys.kept
        ],
        "hints": _describe_hints(session.keys.hints),
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
