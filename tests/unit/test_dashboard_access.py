"""Who may read the dashboard: names of the server, tokens, methods; and where a first visit leads."""

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest
from starlette.responses import PlainTextResponse

from flakeproof.features.dashboard.access import Guard, is_loopback, names_of

_TOKEN = "right-" + "x" * 20
_POLICY = "default-src 'none'"


def answer(
    path: str = "/",
    query: str = "",
    *,
    hosts: tuple[str, ...] = ("localhost:8420",),
    token: str | None = None,
    method: str = "GET",
    headers: Mapping[str, str] | None = None,
) -> tuple[int, Mapping[str, str]]:
    """Status and headers of what a guard with that `token` answers."""
    guard = Guard(PlainTextResponse("in"), ("localhost", "ci.example"), token, 8420, _POLICY)
    sent: list[Any] = []

    async def receive() -> Any:
        return {"type": "http.request", "body": b""}

    async def send(message: Any) -> None:
        sent.append(message)

    told = [("host", host) for host in hosts] + list((headers or {}).items())
    scope: Any = {
        "type": "http",
        "method": method,
        "path": path,
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "headers": [(name.encode(), text.encode()) for name, text in told],
    }
    asyncio.run(guard(scope, receive, send))
    start = sent[0]
    return start["status"], {name.decode(): text.decode() for name, text in start["headers"]}


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "127.0.0.1:8420", "localhost", "LOCALHOST:9", "[::1]", "[::1]:8420", "10.0.0.4:8420", "ci.example"],
)
def test_names_and_addresses_of_this_server(host: str) -> None:
    """Any port: it may be reached through another one."""
    assert answer(hosts=(host,))[0] == 200


@pytest.mark.parametrize(
    "hosts",
    [
        (),
        ("",),
        ("evil.example",),
        ("localhost.evil.example:8420",),
        ("evil.example:127.0.0.1",),
        ("127.0.0.1.evil.example",),
        ("localhost", "evil.example"),
        ("[::1",),
        ("user@localhost",),
    ],
)
def test_others_are_refused(hosts: tuple[str, ...]) -> None:
    """A name that means this machine only for the moment, and what is no name."""
    assert answer(hosts=hosts)[0] == 421


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"])
def test_nothing_can_be_changed(method: str) -> None:
    """Nor asked for in another way."""
    status, headers = answer(method=method)
    assert (status, headers["allow"]) == (405, "GET, HEAD")
    assert answer(method="HEAD")[0] == 200


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"authorization": "Bearer wrong"},
        {"authorization": f"Basic {_TOKEN}"},
        {"authorization": "Bearer"},
        {"cookie": "flakeproof_8420=wrong"},
        {"cookie": f"flakeproof_1={_TOKEN}"},
        {"cookie": f"flakeproof_8420={_TOKEN}x"},
        {"cookie": "flakeproof_8420=\xff; ="},
    ],
)
def test_without_the_token(headers: dict[str, str]) -> None:
    """Whatever comes in its place."""
    assert answer(token=_TOKEN, headers=headers)[0] == 401
    assert answer(query="token=", token=_TOKEN, headers=headers)[0] == 401


def test_with_the_token() -> None:
    """In the header, or in the cookie that the first visit sets."""
    assert answer(token=_TOKEN, headers={"authorization": f"bearer {_TOKEN}"})[0] == 200
    status, headers = answer("/test/1", f"q=a+b&token={_TOKEN}&page=2", token=_TOKEN)
    assert (status, headers["location"]) == (303, "/test/1?q=a+b&page=2")
    cookie, *rest = headers["set-cookie"].split("; ")
    assert {"HttpOnly", "SameSite=lax", "Path=/"} <= set(rest)
    assert answer(token=_TOKEN, headers={"cookie": f"other=1; {cookie}"})[0] == 200


@pytest.mark.parametrize("path", ["//evil.example/", "/\\evil.example", "/\r\nSet-Cookie: a=b", "///evil.example"])
def test_a_first_visit_leads_nowhere_else(path: str) -> None:
    """The address that a browser is sent to is one of this server."""
    status, headers = answer(path, f"token={_TOKEN}", token=_TOKEN)
    assert status == 303
    assert headers["location"].startswith("/")
    assert not headers["location"].startswith(("//", "/\\"))
    assert "\n" not in headers["location"]


@pytest.mark.parametrize("hosts", [("localhost",), ("evil.example",)])
def test_each_answer_has_the_policy(hosts: tuple[str, ...]) -> None:
    """Also a refusal."""
    headers = answer(hosts=hosts)[1]
    assert headers["content-security-policy"] == _POLICY
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["cache-control"] == "no-store"
    assert "access-control-allow-origin" not in headers


def test_what_only_this_machine_can_reach() -> None:
    """A name may mean anything, but for localhost."""
    assert [is_loopback(host) for host in ("127.0.0.1", "127.9.9.9", "::1", "localhost")] == [True] * 4
    assert [is_loopback(host) for host in ("0.0.0.0", "::", "10.0.0.1", "my-laptop", "")] == [False] * 5
    assert names_of("127.0.0.1") == {"127.0.0.1", "localhost"}
