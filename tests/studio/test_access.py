"""Who may use `animi studio`, and the command that starts it."""

import hmac
import json
import os
import re
import signal
import sys
import tomllib
import urllib.request
from pathlib import Path
from runpy import run_path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image
from starlette.testclient import TestClient

from animi.cli import studio_guard
from animi.cli.studio_server import build_app
from animi.core.config.studio import StudioConfig
from animi.core.errors import ConfigError
from animi.core.inbetween.sequence import interpolate
from animi.core.media.image_files import read_image

patience = run_path(str(Path(__file__).parents[1] / "patience.py"))["patience"]
STUDIO = SimpleNamespace(**run_path(str(Path(__file__).with_name("pages.py"))))
serve, page, film = STUDIO.serve, STUDIO.page, STUDIO.film
TOKEN, Visitor, begin, stop = STUDIO.TOKEN, STUDIO.Visitor, STUDIO.begin, STUDIO.stop
ROOT = Path(__file__).parents[2]


# Who may ask


@pytest.mark.parametrize(
    ("headers", "allowed"),
    [
        ({}, True),
        ({"host": "localhost:8321"}, True),
        ({"host": "[::1]:8321"}, True),
        ({"host": "evil.example"}, False),
        ({"host": "evil.example:8321"}, False),
        ({"host": "192.168.0.7:8321"}, False),
        ({"host": "127.0.0.1.evil.example:8321"}, False),
        ({"origin": "http://127.0.0.1:8321"}, True),
        ({"origin": "http://127.0.0.1:9999"}, False),
        ({"origin": "http://evil.example"}, False),
        ({"origin": "null"}, False),
        ({"sec-fetch-site": "same-origin"}, True),
        ({"sec-fetch-site": "none"}, True),
        ({"sec-fetch-site": "cross-site"}, False),
        ({"sec-fetch-site": "same-site"}, False),
    ],
)
def test_other_pages_cannot_drive_the_studio(page, headers, allowed):
    for method, path in (("POST", "/api/sessions"), ("GET", page.session), ("POST", f"{page.session}/draw")):
        answer = page.client.request(method, path, json={}, headers=headers)
        assert (answer.status_code != 403) == allowed, (method, path, answer.text)


def test_a_link_opens_the_page_but_drives_nothing(page):
    follows = {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate"}
    assert page.client.get("/", headers=follows).status_code == 200
    assert page.client.get(page.session, headers=follows).status_code == 403
    assert page.client.post("/", headers=follows).status_code == 403


def test_where_other_machines_are_served_addresses_pass_and_names_do_not(serve):
    page = serve(host="0.0.0.0")
    assert page.client.get("/api/options", headers={"host": "192.168.0.7:8321"}).status_code == 200
    assert page.client.get("/api/options", headers={"host": "evil.example:8321"}).status_code == 403


def test_every_answer_keeps_other_places_out(page):
    for path in ("/", "/static/studio.js", "/api/options"):
        headers = page.client.get(path).headers
        assert "default-src 'self'" in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff" and headers["cache-control"] == "no-store"


def test_the_page_names_no_other_place_and_all_of_it_is_packaged():
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["setuptools"]
    packaged = {path for pattern in settings["package-data"]["animi.cli"] for path in (ROOT / "cli").glob(pattern)}
    files = set((ROOT / "cli" / "studio_page").iterdir())
    assert files and files <= packaged
    for path in files:
        text = path.read_text(encoding="utf-8").replace("http://www.w3.org/2000/svg", "")
        assert "http:" not in text and "https:" not in text and "//cdn" not in text, path.name


# Who holds the token


ROUTES = (
    ("GET", "/static/studio.js"), ("GET", "/static/login.css"), ("GET", "/api/options"), ("POST", "/api/times"),
    ("POST", "/api/sessions"), ("GET", "/api/sessions/{0}"), ("DELETE", "/api/sessions/{0}"),
    ("POST", "/api/sessions/{0}/uploads"), ("PUT", "/api/sessions/{0}/uploads/x"), ("POST", "/api/sessions/{0}/chase"),
    ("PUT", "/api/sessions/{0}/drawings"), ("GET", "/api/sessions/{0}/drawings/{1}.png"),
    ("GET", "/api/sessions/{0}/film/0.jpg"), ("POST", "/api/sessions/{0}/film/choice"),
    ("POST", "/api/sessions/{0}/film/smooth"), ("POST", "/api/sessions/{0}/moment"), ("POST", "/api/sessions/{0}/draw"),
    ("POST", "/api/sessions/{0}/export"), ("GET", "/api/sessions/{0}/jobs"), ("DELETE", "/api/sessions/{0}/jobs/1"),
    ("GET", "/api/sessions/{0}/jobs/1/frames/0.png"), ("GET", "/api/sessions/{0}/jobs/1/file"), ("GET", "/nowhere"),
    ("PUT", "/api/sessions/{0}/hints"), ("POST", "/api/sessions/{0}/hints/file"), ("POST", "/api/sessions/{0}/matches"),
    ("POST", "/api/sessions/{0}/doubt"), ("POST", "/api/sessions/{0}/doubtful"), ("POST", "/api/sessions/{0}/kept"),
    ("DELETE", "/api/sessions/{0}/kept/{1}"), ("POST", "/api/sessions/{0}/hints/load"),
    ("POST", "/"), ("OPTIONS", "/api/options"),
)  # fmt: skip


@pytest.fixture
def stranger(page):
    """Somebody who reaches the studio and has no token."""
    return TestClient(page.client.app, base_url="http://127.0.0.1:8321", raise_server_exceptions=False)


@pytest.mark.parametrize(("method", "path"), ROUTES, ids=lambda part: part)
def test_without_the_token_every_way_in_is_closed(page, stranger, method, path):
    drawing = page.client.get(page.session).json()["drawings"][0]["id"]
    address = path.format(page.session.rpartition("/")[2], drawing)
    for headers in ({}, {"authorization": "Bearer wrong"}, {"cookie": "animi-studio-8321=wrong"}):
        answer = stranger.request(method, address, headers=headers)
        assert answer.status_code == 403 and "token is missing" in answer.json()["error"], answer.text
    assert stranger.request(method, f"{address}?token={TOKEN}").status_code == 403  # the page's address alone takes it
    assert page.client.get(page.session).status_code == 200


def test_every_route_of_the_application_is_in_the_list_of_those_that_are_closed(page):
    known = {path.replace("{0}", "{session}") for _, path in ROUTES}
    for route in page.client.app.routes:
        pattern = route.path_regex
        assert route.path == "/" or any(pattern.fullmatch(path.replace("{1}", "x")) for path in known), route.path


def test_the_page_without_a_token_says_what_is_missing_and_asks_for_it(page, stranger):
    for address in ("/", "/?token=", "/?token=wrong", f"/?token={TOKEN}x"):
        answer = stranger.get(address)
        assert answer.status_code == 403 and "set-cookie" not in answer.headers
        assert "asks for its token" in answer.text and '<input name="token"' in answer.text
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy and "form-action 'self'" in policy and "unsafe" not in policy
        assert "<script" not in answer.text


def test_the_token_in_the_address_gives_a_cookie_that_lets_in(page, stranger):
    answer = stranger.get("/", params={"token": TOKEN})
    assert answer.status_code == 200 and "studio.js" in answer.text
    cookie = answer.headers["set-cookie"]
    assert {part.strip() for part in cookie.split(";")[1:]} == {"HttpOnly", "SameSite=Strict", "Path=/"}
    assert cookie.startswith("animi-studio-8321=") and TOKEN not in cookie
    for address in ("/", "/static/studio.js", "/api/options", page.session):  # the client sends it from now on
        assert stranger.get(address).status_code == 200, address
    assert stranger.post("/api/sessions", headers={"origin": "http://evil.example"}).status_code == 403


def test_the_cookie_of_another_studio_lets_nobody_in(page, stranger, serve):
    other = TestClient(build_app(page.studio, "another token"), base_url="http://127.0.0.1:8321")
    cookie = other.get("/", params={"token": "another token"}).headers["set-cookie"].partition(";")[0]
    assert stranger.get("/api/options", headers={"cookie": cookie}).status_code == 403


@pytest.mark.parametrize(
    "headers",
    [
        {"authorization": b"Bearer \xe9\xff"},
        {"authorization": "Bearer"},
        {"authorization": "Basic YTpi"},
        {"authorization": f"Bearer {'x' * 5000}"},
        {"cookie": b"animi-studio-8321=\xff; ="},
        {"cookie": ";;;=;" * 500},
    ],
)
def test_what_is_no_token_is_rejected_whatever_it_is(stranger, headers):
    assert stranger.get("/api/options", headers=headers).status_code == 403
    assert stranger.get("/", params={"token": "\u00e9\U0001f600" * 99}, headers=headers).status_code == 403


def test_tokens_are_compared_in_a_time_that_says_nothing(stranger, monkeypatch):
    compared = []
    real = hmac.compare_digest
    monkeypatch.setattr(
        studio_guard.hmac, "compare_digest", lambda first, second: compared.append(first) or real(first, second)
    )
    stranger.get("/api/options", headers={"authorization": "Bearer guess-1"})
    stranger.get("/api/options", headers={"cookie": "animi-studio-8321=guess-2"})
    stranger.get("/", params={"token": "guess-3"})
    assert {b"guess-1", b"guess-2", b"guess-3"} <= set(compared)


@pytest.fixture
def temporary(tmp_path):
    """Where the studios that are started as programs put their files."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    return folder


def test_other_users_of_the_machine_are_kept_out(temporary):
    process, address = begin(temporary.parent)
    try:
        owner, other = Visitor(address), Visitor(address.partition("?")[0].rstrip("/"))
        assert len(owner.token) >= 32
        session = owner.begin_session()
        assert other.ask("GET", "/")[0] == 403
        for method, path in (("POST", "/api/sessions"), ("GET", session), ("GET", "/static/studio.js")):
            assert other.ask(method, path)[0] == 403
        assert owner.ask("GET", "/", authorization="none")[0] == 403
        assert owner.ask("GET", f"/?token={owner.token}", authorization="none")[0] == 200
        owner.cookie = owner.headers["set-cookie"].partition(";")[0]
        assert owner.ask("GET", session)[0] == 200
    finally:
        said, _ = stop(process)
    assert owner.token not in said


def test_a_token_of_ones_own_and_none_at_all(temporary, animi, monkeypatch):
    process, address = begin(temporary.parent, "--json", ANIMI_STUDIO_TOKEN="correct-horse-battery")
    told = json.loads(address)
    stop(process)
    assert told["token"] == "correct-horse-battery" and told["url"].endswith("/?token=correct-horse-battery")

    process, address = begin(temporary.parent, "--no-token")
    try:
        assert "token" not in address and Visitor(address.rstrip("/")).ask("POST", "/api/sessions")[0] == 201
    finally:
        said, _ = stop(process)
    assert "every user of this machine can use the page" in said

    for bad in ("short", "has a space in the midst", "", "x" * 300):
        monkeypatch.setenv("ANIMI_STUDIO_TOKEN", bad)
        result = animi("studio", "--no-browser", "--port", "0")
        assert result.exit_code == 2 and result.stderr.startswith("animi: ANIMI_STUDIO_TOKEN: cannot be used")
        assert result.stderr.count("\n") == 1


def test_the_address_of_another_loopback_host_works(temporary):
    process, address = begin(temporary.parent, "--host", "127.0.0.2")
    try:
        assert address.startswith("http://127.0.0.2:")
        visitor = Visitor(address)
        assert visitor.ask("GET", "/")[0] == 200
        assert visitor.ask("POST", "/api/sessions", origin=visitor.base)[0] == 201
        assert visitor.ask("POST", "/api/sessions", host="evil.example")[0] == 403
    finally:
        stop(process)


def test_the_browser_is_opened_without_the_token_among_its_arguments(temporary):
    seen = temporary.parent / "seen"
    browser = temporary.parent / "browser.sh"
    browser.write_text(
        '#!/bin/sh\nprintf "%s" "$1" > "$SEEN.part"; file=${1#file://}\n'
        'stat -c %a "$file" > "$SEEN.mode"; cat "$file" > "$SEEN.page"; mv "$SEEN.part" "$SEEN"\n'
    )
    browser.chmod(0o755)
    process, address = begin(
        temporary.parent, "--open", BROWSER=f"{browser} %s", DISPLAY=":99", SEEN=str(seen), PATH=os.environ["PATH"]
    )
    try:
        STUDIO.wait_until(seen.exists)
        opened = seen.read_text()
        assert opened.startswith("file://") and Visitor(address).token not in opened
        assert seen.with_name("seen.mode").read_text().strip() == "600"
        assert address in seen.with_name("seen.page").read_text()
    finally:
        stop(process)


# What answers say


def find_paths(told):
    """Every text in JSON that has an absolute path in it."""
    if isinstance(told, dict):
        return [path for value in told.values() for path in find_paths(value)]
    if isinstance(told, list):
        return [path for value in told for path in find_paths(value)]
    return [told] if isinstance(told, str) and re.search(r"(?<![\w/])/\w", told) else []


def test_no_answer_has_a_path_of_this_machine_in_it(serve, key_frames, tmp_path, monkeypatch):
    from animi.core.weights.checkpoint import save_checkpoint  # torch is slow to import
    from animi.models.motion import MotionConfig, MotionNetwork

    path = tmp_path / "mine.safetensors"
    save_checkpoint(path, MotionNetwork(MotionConfig(width=8)), "motion", MotionConfig(width=8))
    page = serve(checkpoints=(path,), device="cpu")
    moving = tmp_path / "clear.gif"
    frames = [Image.new("RGBA", (32, 24), (9 * k, 0, 0, 255 * (k % 2))) for k in range(6)]
    frames[0].save(moving, save_all=True, append_images=frames[1:], duration=100, disposal=2)
    said = [page.client.get("/api/options")]
    page.wait(page.send(moving))
    for key in key_frames:
        said.append(page.send(key))
    made = page.wait(page.post("film/smooth", engine="blend"))
    assert made["state"] == "done" and any("clear.gif" in note for note in made["result"]["notes"]), made
    said.append(page.post("export", format="gif", engine="mine.safetensors"))
    page.wait(said[-1])
    said.append(page.send(b"no picture", "bad.png"))
    page.wait(page.send(b"no film", "bad.mp4"))

    def fail(*_words):
        raise OSError(28, "No space left on device", str(tmp_path / "a folder" / "file"))

    monkeypatch.setattr("animi.core.studio.drawing_work.encode_png", fail)
    said += [page.post("moment", position=0.5), page.send(key_frames[0])]
    monkeypatch.setattr("animi.core.studio.drawing_work.interpolate", lambda *_a, **_b: 1 / {}[f"{tmp_path}/key"])
    page.wait(page.post("draw"))
    said += [page.get("jobs"), page.client.get(page.session)]
    assert any(job["state"] == "failed" for job in said[-2].json()["jobs"])
    for answer in said:
        assert not find_paths(answer.json()), answer.text


# The command


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_the_command_serves_this_machine_and_leaves_nothing(temporary, number, code):
    process, address = begin(temporary.parent)
    try:
        assert address.startswith("http://127.0.0.1:")
        with urllib.request.urlopen(address, timeout=30) as answer:
            assert b"animi studio" in answer.read()
        Visitor(address).begin_session()
        assert len(list(temporary.glob("animi-studio-*/*/"))) == 1
    finally:
        said, seconds = stop(process, number)
    assert process.returncode == code and "Traceback" not in said, said
    assert "are removed then" in said and not list(temporary.iterdir())
    assert seconds < patience(3)


def test_the_command_says_plainly_that_others_may_come_in(temporary):
    process, address = begin(temporary.parent, "--host", "0.0.0.0", "--json")
    try:
        port = json.loads(address)["url"].rpartition(":")[2]
        with urllib.request.urlopen(f"http://127.0.0.1:{port}", timeout=30) as answer:
            assert answer.status == 200
    finally:
        said, _ = stop(process)
    assert "every machine that reaches this one" in said and "with the token" in said


def test_a_port_that_is_taken_is_told_in_one_line(animi, temporary):
    process, address = begin(temporary.parent)
    try:
        result = animi("studio", "--no-browser", "--port", Visitor(address).port)
    finally:
        stop(process)
    assert result.exit_code == 1 and result.stderr.count("\n") == 1 and "--port 0" in result.stderr


def test_without_the_extra_the_remedy_is_told_in_one_line(animi, monkeypatch):
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    result = animi("studio")
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == "animi: studio: needs packages that are not installed; run: pip install 'animi[studio]'\n"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--port", "70000"), "--port: 70000 is out of range"),
        (("--accept", "songs"), "--accept: 'songs' is not known"),
        (("--accept", ","), "--accept: names none"),
        (("--max-drawing", "0"), "--max-drawing: 0 is out of range"),
        (("--view", "10"), "--view: 10 is out of range"),
        (("--max-megapixels", "135"), "--max-megapixels: 135 is out of range"),
        (("--max-film-frames", "1"), "--max-film-frames: 1 is out of range"),
        (("--max-film-minutes", "0"), "--max-film-minutes: 0 is out of range"),
        (("--max-film-minutes", "inf"), "--max-film-minutes: inf is out of range"),
        (("--max-session", "0"), "--max-session: 0 is out of range"),
        (("--max-total", "0"), "--max-total: 0 is out of range"),
        (("--idle", "0"), "--idle: 0 is out of range"),
        (("--host", ""), "--host: is empty"),
    ],
)
def test_options_that_cannot_be_used_are_rejected(animi, words, said):
    result = animi("studio", "--no-browser", *words)
    assert result.exit_code == 2 and result.stderr.startswith(f"animi: {said}") and result.stderr.count("\n") == 1


def test_an_address_of_another_machine_and_a_broken_network_are_rejected(animi, tmp_path):
    result = animi("studio", "--no-browser", "--host", "203.0.113.7")  # kept for examples
    assert result.exit_code == 1 and result.stderr.startswith("animi: --host: '203.0.113.7' is not an address")
    (tmp_path / "broken.safetensors").write_bytes(b"x")
    result = animi("studio", "--no-browser", "--port", "0", "--checkpoint", tmp_path / "broken.safetensors")
    assert result.exit_code == 1 and "broken.safetensors" in result.stderr and result.stderr.count("\n") == 1


def test_a_trained_network_is_offered_beside_the_engines(serve, key_frames, tmp_path):
    from animi.core.weights.checkpoint import save_checkpoint  # torch is slow to import
    from animi.models.motion import MotionConfig, MotionNetwork

    path = tmp_path / "mine.safetensors"
    config = MotionConfig(width=8)
    save_checkpoint(path, MotionNetwork(config), "motion", config)
    page = serve(checkpoints=(path,), device="cpu")
    for key in key_frames:
        page.send(key)
    options = page.client.get("/api/options").json()
    assert options["engines"][-1] == "mine.safetensors" and options["checkpoints"] == ["mine.safetensors"]
    job = page.wait(page.post("draw", count=3, engine="mine.safetensors"))
    expected = list(interpolate([read_image(key) for key in key_frames], 3, checkpoint=path, device="cpu"))
    assert np.array_equal(page.frame(job, 1), expected[1])


def test_settings_of_the_studio_are_checked():
    with pytest.raises(ConfigError, match="--sessions: 0 is out of range"):
        StudioConfig(sessions=0)
