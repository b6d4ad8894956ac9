"""Access to the page of `animi studio`: only with its token, and only from the page itself.

On one machine, every user and every page in a browser can reach 127.0.0.1. As in Jupyter, a token keeps other users
out: the printed address contains it, and the browser then gets a cookie. Other pages in the same browser are kept out
by the headers of a request: its Host, its Origin, and the site that it comes from.
"""

import base64
import hashlib
import hmac
import ipaddress
import os
import re
import secrets
import socket
from collections.abc import Iterable
from pathlib import Path

from starlette.datastructures import Headers, QueryParams
from starlette.requests import cookie_parser
from starlette.responses import HTMLResponse, JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ..core.config.studio import StudioConfig
from ..core.errors import ConfigError

VARIABLE = "ANIMI_STUDIO_TOKEN"
"""The environment variable for a token of the user's own."""

_LOGIN = Path(__file__).with_name("studio_page") / "login.html"
_POLICY = (
    "default-src 'self'; img-src 'self' blob:; object-src 'none'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)
_HOST = re.compile(r"(?:\[([^]]+)\]|([^:]+))(?::\d*)?")
_HEADERS = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cache-control", b"no-store"),
)
_OTHER_PAGE = "another page may not use the studio; open the address that animi studio printed"


def choose_token() -> str:
    """Returns the token in the environment variable, or a new random one.

    Raises:
        ConfigError: the variable's token is too short, or has characters that an address cannot contain.
    """
    token = os.environ.get(VARIABLE)
    if token is None:
        return secrets.token_urlsafe(24)
    if not re.fullmatch(r"[A-Za-z0-9._~-]{16,200}", token):
        raise ConfigError(f"{VARIABLE}: cannot be used as a token; give 16 letters, digits, dots and dashes or more")
    return token


class Guard:
    """Accepts only requests of the page itself that have the studio's token.

    - The Host of the request must be this machine: a name that another DNS server pointed here (DNS rebinding) is
      rejected. Numeric addresses cannot be rebound; they are accepted if other machines are served.
    - The Origin, and the site that a request comes from according to the browser, must be the page's own.
    - The token is in the page's address, in a cookie, or in the header "Authorization: Bearer TOKEN". Without it, the
      page is a form for the token, and all other requests are rejected.
    """

    def __init__(self, app: ASGIApp, config: StudioConfig, token: str | None) -> None:
        """Guards `app`; if the token is None, all requests from the page itself are accepted."""
        self._app = app
        self._token = None if token is None else token.encode()
        self._names = {"localhost", "127.0.0.1", "::1"}
        self._any_address = not is_this_machine(config.host)
        self._names.add(config.host.lower())
        if self._any_address:
            self._names.add(socket.gethostname().lower())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Rejects the request, or passes it on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        answer, extra = self._app, [(b"content-security-policy", _POLICY.encode())]
        fault = self._find_fault(scope, headers)
        if fault is not None:
            answer = JSONResponse({"error": fault}, status_code=403)
        elif self._token is not None and not self._holds(self._given(scope, headers)):
            is_page = scope["path"] == "/" and scope["method"] in ("GET", "HEAD")
            if is_page and self._holds([QueryParams(scope["query_string"]).get("token", "")]):
                value = f"{_cookie(scope)}={self._sign()}; HttpOnly; SameSite=Strict; Path=/"
                extra.append((b"set-cookie", value.encode()))
            elif is_page:
                answer, extra = _login()
            else:
                answer = JSONResponse(
                    {"error": "the studio's token is missing; open the address that animi studio printed"},
                    status_code=403,
                )

        async def send_on(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], *_HEADERS, *extra]
            await send(message)

        await answer(scope, receive, send_on)

    def _given(self, scope: Scope, headers: Headers) -> list[str]:
        """Returns the values in a request's headers that may be the token."""
        kind, _, word = headers.get("authorization", "").partition(" ")
        given = [word.strip()] if kind.lower() in ("bearer", "token") else []
        for line in headers.getlist("cookie"):
            signed = cookie_parser(line).get(_cookie(scope))
            if signed is not None and hmac.compare_digest(signed.encode(), self._sign().encode()):
                return [(self._token or b"").decode()]
        return given

    def _holds(self, given: Iterable[str]) -> bool:
        """Whether the token is among the values, in a time that does not depend on how much of it is correct."""
        assert self._token is not None
        return any(hmac.compare_digest(word.encode(), self._token) for word in given)

    def _sign(self) -> str:
        """Returns the cookie's value, which gives access but is not the token itself."""
        assert self._token is not None
        return hmac.new(self._token, b"animi studio", hashlib.sha256).hexdigest()

    def _find_fault(self, scope: Scope, headers: Headers) -> str | None:
        host = headers.get("host", "")
        if not self._knows(host):
            return "this address is not the studio's; open the one that animi studio printed"
        origin = headers.get("origin")
        if origin is not None and origin != f"{scope['scheme']}://{host}":
            return _OTHER_PAGE
        site = headers.get("sec-fetch-site", "none")
        opens = scope["method"] == "GET" and scope["path"] == "/" and headers.get("sec-fetch-mode") == "navigate"
        return None if site in ("same-origin", "none") or opens else _OTHER_PAGE

    def _knows(self, host: str) -> bool:
        parts = _HOST.fullmatch(host.lower())
        if parts is None:
            return False
        name = parts[1] or parts[2]
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


def _cookie(scope: Scope) -> str:
    """Returns the cookie's name. It is different for each port, as browsers send a cookie to all ports of a host."""
    return f"animi-studio-{(scope.get('server') or ('', 0))[1]}"


def _login() -> tuple[ASGIApp, list[tuple[bytes, bytes]]]:
    """Returns the page that asks for the token, and the headers that allow its style."""
    text = _LOGIN.read_text(encoding="utf-8")
    style = text.partition("<style>")[2].partition("</style>")[0]
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    policy = (
        f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    )
    return HTMLResponse(text, status_code=403), [(b"content-security-policy", policy.encode())]
