"""Copies that collide are flakeproof's doing, and no test is called flaky for it; a true flake keeps its verdict."""

import json
import re
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest
from tests.e2e.conftest import Flakeproof
from tests.tools import missing

from flakeproof_worker.system.namespace import possible

CONFTEST = """
import http.server, threading
import pytest

class Server(http.server.ThreadingHTTPServer):
    allow_reuse_address = True

@pytest.fixture(scope="session")
def server():
    server = Server(("127.0.0.1", 8000), http.server.SimpleHTTPRequestHandler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield "http://127.0.0.1:8000"
    server.shutdown()
    thread.join()
    server.server_close()
"""
WEB = """
import time, urllib.request

def test_get(server):
    time.sleep(0.2)
    with urllib.request.urlopen(server) as answer:
        assert answer.status == 200
"""
NAMES = """
import os, random, sqlite3, time

def test_name():
    os.mkdir("name")
    time.sleep(0.2)
    os.rmdir("name")

def test_content():
    with open("content", "w") as file:
        file.write(str(os.getpid()))
    time.sleep(0.2)
    with open("content") as file:
        assert file.read() == str(os.getpid()), "somebody else was here"

def test_database():
    database = sqlite3.connect("file.db", timeout=0)
    database.execute("create table if not exists known (number)")
    database.execute("begin immediate")
    database.execute("insert into known values (1)")
    time.sleep(0.2)
    database.commit()

def test_flaky():
    assert random.random() > 0.3, "by chance"

def test_slow():
    os.mkdir("slow")
    time.sleep(0.6)
    os.rmdir("slow")

def test_often():
    assert random.random() > 0.5, "by chance"

def serve():
    import socket
    with socket.create_server(("127.0.0.1", 8000)):
        time.sleep(0.2)
"""


@pytest.fixture
def shop(project: Path) -> Path:
    """A project with a server on a fixed port, and with files that have fixed names."""
    (project / "conftest.py").write_text(CONFTEST)
    (project / "test_web.py").write_text(WEB)
    (project / "test_names.py").write_text(NAMES)
    return project


@pytest.mark.long
def test_a_server_on_a_fixed_port_fails_no_merge(shop: Path, flakeproof: Flakeproof) -> None:
    """By default each test gets a network of its own, which is said."""
    if (why := possible("network")) is not None:
        missing(why)
    ended = flakeproof("gate", "test_web.py::test_get", "--max-rate", "30%", "-w", "3")
    assert ended.returncode == 0, ended.stdout
    assert "test 1 binds port 8000 (at conftest.py:10): each test has a network of its own" in ended.stderr
    assert "Failed: 0 (0.00%)" in ended.stdout


@pytest.mark.long
def test_a_gate_is_answered_by_trials_alone(shop: Path, flakeproof: Flakeproof) -> None:
    """Where copies collide all the same, the question is put to tests one at a time, and both figures are shown."""
    ended = flakeproof("gate", "test_web.py::test_get", "--max-rate", "30%", "-w", "3", "--no-private-network")
    assert ended.returncode == 0, ended.stdout
    closing = ended.stdout.strip().splitlines()[-1]
    assert closing.startswith("The failure rate is below 30% (95% confidence")
    assert closing.endswith(
        "Passes alone: copies of this test collide (port 8000, at conftest.py:10); not counted as flaky. "
        "Isolate with --private-network, or run one at a time: -w 1"
    )
    assert "One at a time 0 of " in ended.stdout
    assert "3 at once " in ended.stdout


@pytest.mark.parametrize(
    ("test", "thing"),
    [
        pytest.param("test_name", "name, at test_names.py:5", marks=pytest.mark.long),
        pytest.param("test_content", "content, at test_names.py:10", marks=pytest.mark.long),
        pytest.param("test_database", "a locked database, at test_names.py:1[89]", marks=pytest.mark.long),
    ],
)
def test_fixed_names_are_no_flakes(shop: Path, flakeproof: Flakeproof, test: str, thing: str) -> None:
    """A folder, a file and a database that copies share; told in every report."""
    reports = ("--json", "found.json", "--junit-xml", "found.xml", "--markdown", "found.md")
    ended = flakeproof("run", f"test_names.py::{test}", "-c", "20", "-w", "3", *reports)
    assert ended.returncode == 0, ended.stdout
    closing = ended.stdout.strip().splitlines()[-1]
    said = rf"Passes alone: copies of this test collide \({thing}\); not counted as flaky\. Give each its own"
    assert re.search(said, closing), closing
    found = json.loads((shop / "found.json").read_text())
    assert (found["verdict"], found["exit_code"]) == ("stable", 0)
    assert found["failed"] > 0
    assert found["copies"]["conclusion"] == "copies collide"
    assert found["copies"]["alone"]["failed"] == 0
    assert found["copies"]["company"]["failed"] > 0
    (suite,) = ElementTree.parse(shop / "found.xml").getroot()
    assert (suite.get("tests"), suite.get("failures")) == ("1", "0")
    assert "copies of this test collide" in ElementTree.tostring(suite, encoding="unicode")
    page = (shop / "found.md").read_text()
    assert "is stable" in page
    assert "One at a time" in page


def test_a_true_flake_keeps_its_verdict(shop: Path, flakeproof: Flakeproof) -> None:
    """It fails alone as well."""
    ended = flakeproof("run", "test_names.py::test_flaky", "-c", "20", "-w", "2", "--seed", "1")
    assert ended.returncode == 1
    assert "Fails one at a time as well (1 of " in ended.stdout
    assert "Stress test detected" in ended.stdout.splitlines()[-1]


@pytest.mark.long
def test_where_time_lacks_it_is_said(shop: Path, flakeproof: Flakeproof) -> None:
    """With a time that is too short for a decision the verdict stands."""
    ended = flakeproof("run", "test_names.py::test_slow", "--duration", "4s", "-w", "3")
    assert ended.returncode == 1
    assert "Could not tell whether copies of this test collide: " in ended.stdout


@pytest.mark.long
@pytest.mark.parametrize(
    "target",
    [
        ("test_names:serve",),
        ("--", sys.executable, "-c", "import test_names; test_names.serve()"),
    ],
)
def test_functions_and_commands(shop: Path, flakeproof: Flakeproof, target: tuple[str, ...]) -> None:
    """A taken address is looked into for them as well."""
    ended = flakeproof("run", "-c", "20", "-w", "3", "--processes", "3", *target)
    assert ended.returncode == 0, ended.stdout
    closing = ended.stdout.strip().splitlines()[-1]
    assert closing.startswith("Passes alone: copies of this test collide (port 8000")
    assert "Isolate with --private-network" in closing


def test_functions_that_share_a_process_are_meant_to_meet(project: Path, flakeproof: Flakeproof) -> None:
    """What fails there with several at once is what is looked for, and is not explained away."""
    ended = flakeproof("run", "targets:flaky", "-c", "40", "-w", "4", "--processes", "1", "--seed", "1")
    assert ended.returncode == 1
    assert "one at a time" not in ended.stdout.lower()


@pytest.mark.long
def test_the_plugin_reports_no_failure(shop: Path, environment: dict[str, str]) -> None:
    """A test whose copies collide has passed, with both figures; a true flake has failed."""
    words = ["--flakeproof", "20", "--flakeproof-workers", "3", "-p", "no:cacheprovider", "-p", "no:randomly"]
    ended = subprocess.run(
        [sys.executable, "-m", "pytest", "-rA", *words, "test_names.py::test_name", "test_names.py::test_often"],
        cwd=shop,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert ended.returncode == 1, ended.stdout
    assert "Passes alone: copies of this test collide (name, at test_names.py:5)" in ended.stdout, ended.stdout
    assert "Alone it fails" not in ended.stdout
    assert "PASSED test_names.py::test_name" in ended.stdout
    assert "FAILED test_names.py::test_often" in ended.stdout
