"""What the tests of `animi studio` share: a page that asks as its JavaScript does, and the studio as a program.

Loaded by `run_path`, as tests are no package.
"""

import io
import json
import os
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from contextlib import suppress
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from starlette.testclient import TestClient

from animi.cli.studio_server import build_app
from animi.core.config.studio import StudioConfig
from animi.core.media.encode import write_video
from animi.core.studio.studio import Studio

ANIMI = Path(sys.executable).with_name("animi")
TOKEN = "a token for the tests"


@pytest.fixture
def serve(tmp_path, monkeypatch):
    """Serves a studio: `serve(max_drawing=1, ...)` gives a page's client; all are closed at the end."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))
    (tmp_path / "temporary").mkdir()
    opened = []

    def start(**settings):
        studio = Studio(StudioConfig(**settings))
        opened.append(studio)
        return Page(studio)

    yield start
    for studio in opened:
        studio.close()


class Page:
    """A page of the studio, as its JavaScript asks."""

    def __init__(self, studio):
        self.studio = studio
        self.client = TestClient(
            build_app(studio, TOKEN), base_url="http://127.0.0.1:8321", raise_server_exceptions=False,
            headers={"authorization": f"Bearer {TOKEN}"},
        )  # fmt: skip
        self.session = f"/api/sessions/{self.client.post('/api/sessions').json()['id']}"

    def send(self, path, name=None):
        """Sends a file; gives the answer to its bytes, or to its announcement where that is rejected."""
        data = path.read_bytes() if isinstance(path, Path) else path
        told = {"name": path.name if name is None else name, "size": len(data)}
        announced = self.client.post(f"{self.session}/uploads", json=told)
        if announced.status_code != 201:
            return announced
        return self.client.put(f"{self.session}/uploads/{announced.json()['upload']}", content=data)

    def post(self, what, **told):
        return self.client.post(f"{self.session}/{what}", json=told)

    def get(self, what):
        return self.client.get(f"{self.session}/{what}")

    def wait(self, answer):
        """The job that was answered with, when it is over."""
        id = answer.json()["job"] if "job" in answer.json() else answer.json()["id"]
        until = time.monotonic() + 60
        while time.monotonic() < until:
            job = next(job for job in self.get("jobs").json()["jobs"] if job["id"] == id)
            if job["state"] not in ("waiting", "running"):
                return job
            time.sleep(0.02)
        raise AssertionError(f"goes on for too long: {job}")

    def frame(self, job, number):
        return decode(self.get(f"jobs/{job['id']}/frames/{number}.png").content)

    def moment(self, position, **settings):
        answer = self.post("moment", position=position, **settings)
        assert answer.status_code == 200, answer.text
        return decode(answer.content)

    def folder(self):
        return self.studio[self.session.rpartition("/")[2]].files.path


def decode(png):
    return np.asarray(Image.open(io.BytesIO(png)))


@pytest.fixture
def page(serve, key_frames):
    """A page on which two key frames were dropped."""
    page = serve()
    for path in key_frames:
        assert page.send(path).status_code == 200
    return page


@pytest.fixture
def film(tmp_path, draw_disc):
    """A film: a disc moves on twos for 12 frames, and after a cut stands in another place for 4."""
    frames = [draw_disc(20 + 8 * (k // 2), 40, (160, 96), 10) for k in range(12)]
    frames += [255 - draw_disc(100, 60 + k // 2, (160, 96), 30) for k in range(4)]
    path = tmp_path / "film.mp4"
    write_video(path, frames, fps=Fraction(12), size=(160, 96))
    return path


class Gate:
    """An engine that waits in each frame until it is let on."""

    name = "gate"

    def __init__(self):
        self.drawing, self.go_on = threading.Event(), threading.Event()

    def prepare(self, first, last):
        self.first = first
        return self

    def render(self, t):
        self.drawing.set()
        assert self.go_on.wait(30)
        return self.first


def begin(tmp_path, *words, before=(), **environment):
    """Starts the command as a terminal would; gives the process and the address it tells.

    What it says goes to a file, as a pipe that nobody reads would hold it up; `stop` gives it.
    """
    with (tmp_path / "said").open("w") as said:
        process = subprocess.Popen(
            [*before, ANIMI, "studio", "--port", "0", *(() if "--open" in words else ("--no-browser",)), *words],
            stdout=subprocess.PIPE, stderr=said, text=True,
            env={**os.environ, "TMPDIR": str(tmp_path / "temporary"), **environment},
        )  # fmt: skip
    process.said = tmp_path / "said"
    return process, process.stdout.readline().strip()


class Visitor:
    """Who asks a studio that runs as a program, over real connections."""

    def __init__(self, address):
        self.base, _, self.token = address.partition("/?token=")
        self.cookie = None

    def ask(self, method, path, data=None, **headers):
        """Gives the status and the bytes of the answer."""
        if isinstance(data, dict):
            data = json.dumps(data).encode()
        headers = {name.replace("_", "-"): value for name, value in headers.items()}
        if self.cookie is not None:
            headers["cookie"] = self.cookie
        elif self.token and "authorization" not in headers:
            headers["authorization"] = f"Bearer {self.token}"
        request = urllib.request.Request(f"{self.base}{path}", data=data, headers=headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                self.headers = answer.headers
                return answer.status, answer.read()
        except urllib.error.HTTPError as error:
            self.headers = error.headers
            return error.code, error.read()

    def begin_session(self):
        return f"/api/sessions/{json.loads(self.ask('POST', '/api/sessions')[1])['id']}"

    def send(self, session, name, data):
        """Announces and sends a file; gives the status and the answer."""
        told = json.loads(self.ask("POST", f"{session}/uploads", {"name": name, "size": len(data)})[1])
        return self.ask("PUT", f"{session}/uploads/{told['upload']}", data)

    def find_job(self, session, id):
        return next(job for job in json.loads(self.ask("GET", f"{session}/jobs")[1])["jobs"] if job["id"] == id)

    @property
    def port(self):
        return int(self.base.rpartition(":")[2])


def stop(process, number=signal.SIGTERM):
    """Stops a studio; gives what it said and how long that took."""
    began = time.monotonic()
    process.send_signal(number)
    try:
        process.wait(timeout=30)
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
    return process.said.read_text(), time.monotonic() - began


def find_processes(words):
    """The processes in whose command line `words` stand, but for this one."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):
            line = path.read_bytes().replace(b"\0", b" ").decode(errors="replace")
            if words in line and int(path.parts[2]) != os.getpid():
                found.append((int(path.parts[2]), line))
    return found


def wait_until(true, seconds=30):
    """Waits; gives what `true` gave in the end."""
    until = time.monotonic() + seconds
    while not (found := true()):
        assert time.monotonic() < until, "it goes on for too long"
        time.sleep(0.02)
    return found
