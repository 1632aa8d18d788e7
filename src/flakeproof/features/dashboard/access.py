"""Who may read the pages, and what a browser may do with them.

- The name in `Host` must be an address, or a name that this server is known to have: a page of somebody else's whose
  name has come to mean this machine (DNS rebinding) has that name in it.
- Where others can reach the port, or where it is asked for, a token is needed: in the address of the first visit, from
  then on in a cookie, or in the header `Authorization: Bearer`. It is compared in a time that does not depend on it.
- Only GET and HEAD. Each answer has a policy that forbids all but our own style, script and stream.
"""

import hmac
import ipaddress
import re
import socket
from collections.abc import Iterable
from http.cookies import CookieError, SimpleCookie
from urllib.parse import parse_qsl, quote, urlencode

from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_TOKEN = "token"
_YEAR = 365 * 86_400
_PORT = re.compile(r":\d{1,5}\Z", re.ASCII)
_ALWAYS = {
    "Cache-Control": "no-store",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


class Guard:
    """The application behind these rules (ASGI 3.0)."""

    def __init__(self, app: ASGIApp, names: Iterable[str], token: str | None, port: int, policy: str) -> None:
        """`names` are those of this server, beside addresses; `policy` is the answers' unless they have one."""
        self._app = app
        self._names = frozenset(name.lower() for name in names)
        self._token = token
        self._cookie = f"flakeproof_{port}"  # a cookie is for all ports of a host
        self._policy = policy

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or refuse."""
        if scope["type"] != "http":
            return

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                known = {name.lower() for name, _ in message["headers"]}
                told = {**_ALWAYS, "Content-Security-Policy": self._policy}
                message["headers"] = [
                    *message["headers"],
                    *(
                        (name.lower().encode(), text.encode())
                        for name, text in told.items()
                        if name.lower().encode() not in known
                    ),
                ]
            await send(message)

        refusal = self._refusal(scope)
        await (self._app if refusal is None else refusal)(scope, receive, guarded)

    def _refusal(self, scope: Scope) -> Response | None:
        headers: dict[str, list[str]] = {}
        for name, text in scope["headers"]:
            headers.setdefault(name.decode("latin-1").lower(), []).append(text.decode("latin-1"))
        hosts = headers.get("host", [])
        if len(hosts) != 1 or not self._is_ours(hosts[0]):
            return PlainTextResponse(
                "This server is not known by that name: use its address, as it was printed.\n", 421
            )
        if scope["method"] not in ("GET", "HEAD"):
            return PlainTextResponse("Nothing can be changed here.\n", 405, headers={"Allow": "GET, HEAD"})
        return self._without_token(scope, headers) if self._token is not None else None

    def _is_ours(self, host: str) -> bool:
        name = _PORT.sub("", host).lower()
        if name in self._names:
            return True
        try:
            ipaddress.ip_address(name[1:-1] if name.startswith("[") and name.endswith("]") else name)
        except ValueError:
            return False
        return True

    def _without_token(self, scope: Scope, headers: dict[str, list[str]]) -> Response | None:
        """None for whoever has it; who has it in the address gets the cookie, and the address without it."""
        words = parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)
        given = [text for name, text in words if name == _TOKEN]
        if given:
            if not self._is_right(given[0]):
                return _asks()
            rest = urlencode([(name, text) for name, text in words if name != _TOKEN])
            # One slash: a path with two would be the address of another server.
            path = "/" + quote(scope["path"].lstrip("/\\"))
            answer = RedirectResponse(f"{path}?{rest}" if rest else path, 303)
            assert self._token is not None
            answer.set_cookie(self._cookie, self._token, max_age=_YEAR, httponly=True, samesite="lax", path="/")
            return answer
        for text in headers.get("authorization", []):
            kind, _, token = text.partition(" ")
            if kind.lower() == "bearer" and self._is_right(token.strip()):
                return None
        for text in headers.get("cookie", []):
            try:
                morsel = SimpleCookie(text).get(self._cookie)
            except CookieError:
                continue
            if morsel is not None and self._is_right(morsel.value):
                return None
        return _asks()

    def _is_right(self, token: str) -> bool:
        assert self._token is not None
        return hmac.compare_digest(token.encode("utf-8", "replace"), self._token.encode())


def _asks() -> Response:
    return PlainTextResponse(
        "This dashboard wants its token: open the address that `flakeproof dashboard` has printed.\n",
        401,
        headers={"WWW-Authenticate": "Bearer"},
    )


def names_of(host: str) -> set[str]:
    """The names by which a server on `host` may be called."""
    found = {host, "localhost"}
    if not is_loopback(host):
        own = socket.gethostname()
        found |= {own, own.partition(".")[0], socket.getfqdn()}
    return found


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach `host`; a name other than localhost may mean anything."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
