"""`flakeproof dashboard` as a browser and somebody hostile meet it: a real server, real HTTP, a real stream."""

import base64
import hashlib
import http.client
import json
import os
import re
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from lxml import html
from tests.e2e.conftest import Flakeproof
from tests.e2e.test_html import text_of
from tests.integration.history.reports import import_into, junit
from tests.tools import mostly_long, needed

from flakeproof.features.history.command import ranked
from flakeproof.features.history.database import HistoryDatabase
from flakeproof.features.history.importing import Importer
from flakeproof.features.history.job_facts import JobFacts
from flakeproof.features.history.job_results import FailedInJob, JobResults
from flakeproof.features.history.tables import digest_of

_LIMIT = 60
"""Seconds after which a test gives up on what should take one."""
_HOSTILE = (
    "test_h.py::test[<script>alert(1)</script>]",
    "test_h.py::test[" + "x" * 10_000 + "]",
    "test_h.py::test[\u202eRTL\u2066]",
    'test_h.py::test["onload="alert(1)]',
    "test_h.py::test[{{7*7}}]",
    "test_h.py::test[a\x1b\x01b]",
    "test_h.py::test[../../etc/passwd]",
)
_MESSAGE = "</style><script>alert(2)</script>" + "y" * 10_000


@dataclass
class Server:
    """A dashboard that runs."""

    process: subprocess.Popen[str]
    address: str
    """As it was printed."""

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self.address.rstrip("/").partition("?")[0].rstrip("/").rpartition(":")[2])

    def ask(self, path: str, method: str = "GET", **headers: str) -> tuple[int, dict[str, str], bytes]:
        """Status, headers and body of the answer."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=_LIMIT)
        try:
            connection.putrequest(method, path, skip_host="Host" in headers)
            for name, text in headers.items():
                connection.putheader(name, text)
            connection.endheaders()
            got = connection.getresponse()
            return got.status, {name.lower(): text for name, text in got.getheaders()}, got.read()
        finally:
            connection.close()

    def page(self, path: str) -> Any:
        """The page, and held to what holds for every page."""
        status, headers, body = self.ask(path)
        assert status == 200, (path, body[:300])
        return checked(headers, body)

    def end(self, number: int) -> int:
        """End it by a signal; its exit status."""
        self.process.send_signal(number)
        return self.process.wait(_LIMIT)


def started(folder: Path, *words: str) -> Server:
    """A dashboard of that folder, once it has printed where it is."""
    process = subprocess.Popen(
        [sys.executable, "-m", "flakeproof", "dashboard", "--port", "0", *words],
        cwd=folder,
        env={**os.environ, "FLAKEPROOF_HISTORY": ""},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert process.stdout is not None
    line = process.stdout.readline()
    assert line.startswith("Dashboard: http://"), line
    return Server(process, line.split()[1])


def stopped(server: Server) -> None:
    """Nothing is left of it."""
    if server.process.poll() is None:
        server.process.kill()
        server.process.wait()
    assert server.process.stdout is not None
    server.process.stdout.close()


def checked(headers: dict[str, str], body: bytes) -> Any:
    """The page, read by lxml: nothing in it that the policy would refuse, or that leads away from here."""
    found: Any = html.fromstring(body.decode())
    (style,) = re.findall(r"<style>(.*?)</style>", body.decode(), re.S)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    policy = headers["content-security-policy"]
    assert policy.startswith(f"default-src 'none'; style-src 'sha256-{digest}'; script-src 'self'; connect-src 'self';")
    assert "frame-ancestors 'none'" in policy
    assert found.xpath("//script/@src") in ([], ["/live.js"])
    assert found.xpath("//script/text() | //iframe | //object | //embed | //img | //base | //link") == []
    attributes = {name for element in found.iter() if isinstance(element.tag, str) for name in element.attrib}
    assert {name for name in attributes if name.startswith("on") or name in ("style", "srcdoc")} == set()
    links = found.xpath("//@href") + found.xpath("//form/@action")
    assert [link for link in links if not re.match(r"/(?!/)|#", link)] == []
    assert len(found.xpath("//h1")) == len(found.xpath("//main")) == 1
    assert found.xpath("string(//title)").endswith("flakeproof")
    assert not set(body.decode()) & {"\u202e", "\u2066", "\x1b", "\x01"}
    return found


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with forty jobs: tests that are flaky, were broken, fail together, and have the names of an attacker."""
    folder = tmp_path_factory.mktemp("history")
    (folder / "pyproject.toml").write_text("")
    database = HistoryDatabase(str(folder / ".flakeproof" / "history.db"))
    importer = Importer(database)
    names = {f"tests/test_a.py::test_{letter}" for letter in "abcde"}
    for number in range(40):
        failed = {}
        if number % 5 == 1:
            failed["tests/test_a.py::test_a"] = "AssertionError: boom"
        if 24 <= number < 32:
            failed["tests/test_a.py::test_b"] = "gone"
        if number in (3, 14, 17, 22, 35):
            failed |= {f"tests/test_a.py::test_{letter}": "no database" for letter in "cd"}
        if number % 7 == 2:
            failed |= dict.fromkeys(_HOSTILE, _MESSAGE)
        facts = JobFacts(f"{number // 2:040x}", "main", "<b>linux</b>", "vm", started=1.77e9 + 21_600 * number)
        job = JobResults("junit", f"{number}.xml", facts, [f"{number:064x}"], names | set(_HOSTILE), seconds=60)
        job.failed = {name: FailedInJob(signature=text) for name, text in failed.items()}
        importer.add(job)
    importer.finish()
    database.close()
    return folder


@pytest.fixture(scope="module")
def server(history: Path) -> Iterator[Server]:
    """The dashboard of that folder."""
    made = started(history)
    yield made
    stopped(made)


@pytest.mark.long
def test_every_page_that_is_linked_to(server: Server, history: Path) -> None:
    """The ranking is that of `flakeproof history`; whatever it leads to is there, and has nothing hostile in it."""
    first = server.page("/")
    rows = first.xpath("//tr[@class='first']/td[1]/a/@href")
    told = ranked(str(history / ".flakeproof" / "history.db"))
    assert rows == [f"/test/{digest_of(row.test)}" for row in told.rows if row.verdict in ("flaky", "broken")]
    assert f"{len(rows)} flaky tests" in text_of(first)
    todo, seen = ["/"], {"/"}
    while todo:
        path = todo.pop()
        status, headers, body = server.ask(path)
        assert status == 200, path
        assert len(body) < 300_000, path
        for link in checked(headers, body).xpath("//@href"):
            if (
                link not in seen
                and link.startswith("/")
                and not (link.startswith("/job/") and "/job/" in "".join(todo))
            ):
                seen.add(link)
                todo.append(link)
    kinds = {path.split("/")[1].partition("?")[0] for path in seen}
    assert kinds == {"", "test", "signatures", "signature", "clusters", "cluster", "jobs", "job", "runs"}
    tests = {path for path in seen if path.startswith("/test/")}
    assert {f"/test/{digest_of(name)}" for name in _HOSTILE} <= tests


def test_a_test_and_what_it_fails_with(server: Server) -> None:
    """Its verdict with interval, the chart with its numbers, the command, its signature, and who fails with it."""
    page = server.page(f"/test/{digest_of('tests/test_a.py::test_c')}")
    told = text_of(page)
    assert "failed 5 of 40 jobs" in page.xpath("string(//p[contains(@class, 'verdict')])")
    assert "diagnose tests/test_a.py::test_c" in page.xpath("string(//pre)")
    assert page.xpath("//figure/*[local-name()='svg']/@class") == ["wide", "narrow"]
    counted = [cell.split(" of ") for cell in page.xpath("//figure//tbody/tr/td[2]/text()")]
    assert (sum(int(one[0]) for one in counted), sum(int(one[1]) for one in counted)) == (5, 40)
    assert f"/signature/{digest_of('no database')}" in page.xpath("//@href")
    assert "A cluster of 2 tests, in 5 of the 5 jobs" in told
    assert "failed" in text_of(server.page(page.xpath("//a[starts-with(@href, '/job/')]/@href")[0]))
    quiet = server.page(f"/test/{digest_of('tests/test_a.py::test_e')}")
    assert "it has never failed, in 40 runs" in text_of(quiet)


def test_search(server: Server) -> None:
    """Every word, whatever its case; also tests that have never failed; nothing in a word is anything but text."""
    shown = server.page("/?q=TEST_a.py+test_A&show=all").xpath(
        "//tr[@class='first']/td[1]/a/text() | //td[1]/a/bdi/text()"
    )
    assert "tests/test_a.py::test_a" in shown
    assert "tests/test_a.py::test_e" in text_of(server.page("/?q=test_e"))
    page = server.page("/?q=" + quote('"><script>alert(3)</script>\x00') + "z" * 5_000)
    assert "There is none of that name" in text_of(page)
    assert page.xpath("//script") == []


@pytest.mark.parametrize(
    "path",
    [
        "/nothing",
        "/test/" + "0" * 40,
        "/test/" + "x" * 3_000,
        "/signature/..",
        "/cluster/0",
        "/job/%00",
        "/run/latest",
        "/run/20260101-000000-0000000",
        "/run/..%2f..%2f..%2fetc%2fpasswd",
        "/run/%2e%2e/report",
        "/../../../../etc/passwd",
        "//etc/passwd",
        "/live.js/../dashboard.css",
        "/.flakeproof/history.db",
        "/live/run/..",
        "/?page=0",
        "/?page=2",
        "/jobs?page=" + "9" * 400,
        "/jobs?page=%D9%A1",
        "/?show=nothing",
    ],
)
def test_nothing_else_is_there(path: str, server: Server) -> None:
    """Neither what is unknown nor a file: a page says so, and leads back."""
    status, headers, body = server.ask(path)
    assert status == 404
    assert "Not found" in text_of(checked(headers, body))
    assert b"root:" not in body


def test_who_asks_in_another_way(server: Server) -> None:
    """Another name, another method, HEAD, a long address."""
    assert server.ask("/", Host=f"evil.example:{server.port}")[0] == 421
    assert server.ask("/", Host=f"localhost:{server.port}")[0] == 200
    assert server.ask("/", "POST")[0] == 405
    status, headers, body = server.ask("/jobs", "HEAD")
    assert (status, body, int(headers["content-length"]) > 1_000) == (200, b"", True)
    assert server.ask("/?q=" + "x" * 30_000)[0] == 200


def test_a_port_in_use(flakeproof: Flakeproof, project: Path) -> None:
    """Named, with the remedy and exit code 2."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        done = flakeproof("dashboard", "--port", port)
    assert (done.returncode, done.stdout) == (2, "")
    assert f"port {port} of 127.0.0.1 is in use" in done.stderr
    assert "--port 0 takes a free one" in done.stderr
    assert not (project / ".flakeproof").exists()


@mostly_long(
    ("words", "told"),
    [
        (("--port", "66000"), "--port: 66000 is not between"),
        (("--host", "no.such.host.invalid"), "--host 'no.such.host.invalid' cannot be found"),
        (("--host", "192.0.2.1"), "--host '192.0.2.1' is no address of this machine"),
        (("--since", "soon"), "--since 'soon' is neither"),
    ],
    first=1,
)
def test_bad_options(words: tuple[str, ...], told: str, flakeproof: Flakeproof) -> None:
    """Likewise."""
    done = flakeproof("dashboard", *words)
    assert (done.returncode, told in done.stderr) == (2, True), done.stderr


@pytest.mark.long
def test_without_the_extra_it_says_what_to_install(project: Path, environment: dict[str, str]) -> None:
    """As where flakeproof is installed without it."""
    code = (
        "import sys\n"
        "sys.modules['uvicorn'] = None\n"
        "sys.argv = ['flakeproof', 'dashboard']\n"
        "from flakeproof.cli.app import main\n"
        "main()\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=project, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert "a dashboard needs uvicorn, which is not installed" in done.stderr
    assert "pip install 'flakeproof[dashboard]'" in done.stderr


@pytest.mark.long
def test_others_need_the_token(history: Path) -> None:
    """Which is in the address that is printed, then in a cookie; SIGTERM ends it, also while somebody follows."""
    server = started(history, "--host", "0.0.0.0")
    try:
        token = server.address.partition("?token=")[2]
        assert len(token) >= 32
        for path in ("/", "/live.js", "/live/runs", "/run/x"):
            status, _, body = server.ask(path)
            assert (status, b"token" in body, token.encode() in body) == (401, True, False)
        status, headers, _ = server.ask(f"/jobs?red=1&token={token}")
        assert (status, headers["location"]) == (303, "/jobs?red=1")
        cookie = headers["set-cookie"].partition(";")[0]
        assert server.ask("/jobs", Cookie=cookie)[0] == 200
        assert server.ask("/jobs", Authorization=f"Bearer {token}")[0] == 200
        follower = http.client.HTTPConnection("127.0.0.1", server.port, timeout=_LIMIT)
        follower.request("GET", "/live/runs", headers={"Cookie": cookie})
        stream = follower.getresponse()
        assert stream.status == 200
        assert stream.readline() == b"retry: 2000\n"
        assert server.end(signal.SIGTERM) == 143
        stream.read()  # to its end
        follower.close()
    finally:
        stopped(server)


def _parts(stream: http.client.HTTPResponse) -> Iterator[str]:
    """The parts of a page, as a stream of events has them."""
    lines: list[str] = []
    while line := stream.readline().decode():
        if line.startswith("data: "):
            lines.append(line[6:])
        elif line == "\n" and lines:
            yield "".join(lines)
            lines = []


@pytest.mark.long
def test_a_run_is_followed_as_it_goes_on(project: Path, environment: dict[str, str]) -> None:
    """From a folder that has nothing yet: the run comes, counts, ends; then its page and report, and its history."""
    server = started(project)
    run: subprocess.Popen[bytes] | None = None
    try:
        assert "There is no history yet" in text_of(server.page("/"))
        assert server.ask("/jobs")[0] == 404
        follower = http.client.HTTPConnection("127.0.0.1", server.port, timeout=_LIMIT)
        follower.request("GET", "/live/runs")
        stream = follower.getresponse()
        assert stream.getheader("content-type") == "text/event-stream; charset=utf-8"
        parts = _parts(stream)
        assert "No run goes on" in next(parts)
        words = ["run", "-c", "1000000", "--seed", "4", "targets:naps", "-w", "1"]
        run = subprocess.Popen(
            [sys.executable, "-m", "flakeproof", *words],
            cwd=project,
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        counts: list[int] = []
        for part in parts:
            if found := re.search(r">([\d,]+) of 1,000,000 completed, 0 failed", part):
                counts.append(int(found[1].replace(",", "")))
                if len([count for count in counts if count]) == 3:
                    break
        assert counts == sorted(set(counts))
        (address,) = server.page("/runs").xpath("//section//a/@href")
        page = server.page(address)
        assert page.xpath("//@data-live") == [f"/live{address}"]
        assert page.xpath("//progress/@max") == ["1000000"]
        assert "1 running" in text_of(page)
        run.send_signal(signal.SIGINT)
        assert run.wait(_LIMIT) == 130
        assert any("No run goes on" in part for part in parts)
        ended = server.page(address)
        assert ended.xpath("//@data-live | //script") == []
        assert "interrupted" in text_of(ended)
        status, headers, body = server.ask(f"{address}/report")
        assert (status, b"Failure rate, as it became known" in body) == (200, True)
        assert headers["content-security-policy"] == "frame-ancestors 'none'"
        (project / "one.xml").write_text(junit({"test_a": "boom", "test_b": ""}))
        import_into(str(project / ".flakeproof" / "history.db"), project / "one.xml")
        waiter = http.client.HTTPConnection("127.0.0.1", server.port, timeout=_LIMIT)
        while True:  # until the server has looked again
            waiter.request("GET", "/jobs")
            got = waiter.getresponse()
            got.read()
            if got.status == 200:
                break
            select.select([], [], [], 0.1)
        waiter.close()
        assert "1 of 2" in text_of(server.page("/jobs"))
        assert server.end(signal.SIGINT) == 130
        follower.close()
    finally:
        if run is not None and run.poll() is None:
            run.kill()
            run.wait()
        stopped(server)


@pytest.mark.long
def test_a_browser_finds_nothing_against_the_policy(server: Server, tmp_path: Path) -> None:
    """Chromium tells of what it refuses; of this page it refuses nothing."""
    chromium = needed("chromium")
    done = subprocess.run(
        [
            *(chromium, "--headless", "--no-sandbox", "--disable-gpu", "--enable-logging=stderr", "--dump-dom"),
            *("--window-size=360,800", f"--user-data-dir={tmp_path / 'chrome'}"),
            f"http://127.0.0.1:{server.port}/test/{digest_of(_HOSTILE[1])}",
        ],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("<svg") == 2, "one for each width"
    assert "Content Security Policy" not in done.stderr


def test_the_numbers_of_a_page_are_those_of_json(server: Server, flakeproof: Flakeproof, history: Path) -> None:
    """The overview has what `flakeproof history --json` writes."""
    document = json.loads(flakeproof("history", "--json", "-", cwd=history).stdout)
    facts = dict(zip(*(server.page("/").xpath(f"//{name}//text()") for name in ("dt", "dd/bdi")), strict=True))
    assert facts["results"] == f"{document['results']:,}"
    assert facts["jobs"] == str(document["jobs"])
    assert facts["tests"] == str(document["tests"])
