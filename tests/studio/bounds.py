"""What the tests of the studio's limits share. Loaded by `run_path`, as tests are no package."""

import io
import struct
import threading
import zlib
from contextlib import contextmanager
from pathlib import Path
from runpy import run_path
from types import SimpleNamespace

import numpy as np
import pytest
import uvicorn
from PIL import Image

from animi.cli.studio_connections import Connections
from animi.cli.studio_server import build_app

STUDIO = SimpleNamespace(**run_path(str(Path(__file__).with_name("pages.py"))))
serve, page, Visitor, wait_until = STUDIO.serve, STUDIO.page, STUDIO.Visitor, STUDIO.wait_until


@pytest.fixture
def temporary(tmp_path):
    """Where the studios that are started as programs put their files."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    return folder


def noise_png(width, height):
    """A PNG of about 3 bytes a pixel."""
    file = io.BytesIO()
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)).save(file, "PNG")
    return file.getvalue()


def flat_png(side, depth=16):
    """A PNG of side x side pixels, RGBA, all of one colour: a thousandth of what it decodes to."""
    row = b"\0" + bytes([200, 100, 50, 255] if depth == 8 else [200, 0, 100, 0, 50, 0, 255, 255]) * side
    deflate = zlib.compressobj(9, zlib.DEFLATED, -15)
    block = deflate.compress(row) + deflate.flush(zlib.Z_FULL_FLUSH)  # any number of these stand after each other
    adler = 1
    for _ in range(side):
        adler = zlib.adler32(row, adler)
    data = b"\x78\xda" + block * side + b"\x03\x00" + struct.pack(">I", adler)
    head = struct.pack(">IIBBBBB", side, side, depth, 6, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(part)) + kind + part + struct.pack(">I", zlib.crc32(kind + part))
        for kind, part in ((b"IHDR", head), (b"IDAT", data), (b"IEND", b""))
    )


@contextmanager
def answering(studio, **limits):
    """Answers with a studio over real connections, in a thread; gives a visitor."""
    connections = Connections(**limits)
    config = uvicorn.Config(
        build_app(studio, STUDIO.TOKEN, connections), http=connections.protocol(), log_level="warning", ws="none",
        port=0, timeout_graceful_shutdown=1,
    )  # fmt: skip
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    wait_until(lambda: server.started)
    port = server.servers[0].sockets[0].getsockname()[1]
    try:
        yield Visitor(f"http://127.0.0.1:{port}/?token={STUDIO.TOKEN}")
    finally:
        server.should_exit = True
        thread.join(10)


def files(page):
    """The files of a page that are of its drawings and films."""
    return sorted(path.name for path in (page.folder() / "files").glob("*"))


def incoming(page):
    return list((page.folder() / "incoming").glob("*"))
