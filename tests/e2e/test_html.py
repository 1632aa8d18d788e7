"""`--html`: a page that says the answer, shows where it failed, and lets nothing in."""

import base64
import hashlib
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
from lxml import html
from tests.e2e.conftest import Flakeproof
from tests.tools import needed

_HOSTILE = (
    "import pytest, random\n"
    "NAMES = ['<script>alert(1)</script>', 'x' * 10000, '\\u202eRTL\\u2066']\n"
    "NAMES += ['\"onload=\"alert(1)', '{{7*7}}', 'a\\x00\\x1bb']\n"
    "@pytest.mark.parametrize('name', range(len(NAMES)), ids=NAMES)\n"
    "def test_hostile(name):\n"
    "    print('</pre><img src=x onerror=alert(1)>')\n"
    "    if random.random() < 0.5: raise ValueError('</style><script>alert(2)</script>' + NAMES[name])\n"
)


def page_of(path: Path) -> Any:
    """The page, read by lxml, and held to what holds for every page."""
    data = path.read_bytes()
    found: Any = html.fromstring(data.decode())
    (policy,) = found.xpath("//meta[@http-equiv='Content-Security-Policy']/@content")
    (style,) = re.findall(r"<style>(.*?)</style>", data.decode(), re.S)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert policy == f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    assert found.xpath("//script | //iframe | //object | //embed | //form | //link | //img | //base") == []
    assert [name for name in found.xpath("//@*/..//@*") if "javascript:" in name] == []
    attributes = {name for element in found.iter() if isinstance(element.tag, str) for name in element.attrib}
    assert {name for name in attributes if name.startswith("on") or name in ("src", "style", "action")} == set()
    assert {link for link in found.xpath("//@href") if not link.startswith("#")} == set()
    return found


def text_of(page: Any) -> str:
    """What is to be read, in one line."""
    return " ".join(page.text_content().split())


def test_a_page_of_a_run(flakeproof: Flakeproof, project: Path) -> None:
    """The answer first; three charts, each with its numbers; the kinds of failure with the command that runs one."""
    done = flakeproof("run", "-c", "200", "--seed", "4", "targets:flaky", "--html", "out/run.html")
    assert done.returncode == 1, done.stderr
    page = page_of(project / "out" / "run.html")
    assert page.xpath("string(//title)") == "flaky: targets:flaky"
    answer = page.xpath("string(//p[contains(@class, 'verdict')])")
    assert answer.startswith("flaky: Stress test detected ")
    assert page.xpath("//h2/text()") == [
        "Failure rate, as it became known",
        "Where it failed",
        "How long they took",
        "Kinds of failure",
        "In words",
    ]
    assert len(page.xpath("//figure/*[local-name()='svg']")) == 3
    assert len(page.xpath("//figure//table")) == 3
    assert "ValueError: boom 17" in text_of(page)
    assert re.search(r"Again: flakeproof replay \S+ \d+", text_of(page))
    assert f"Failed: {answer.split('detected ')[1].split()[0]} (" in text_of(page)


@pytest.mark.long
def test_hostile_names_are_text(flakeproof: Flakeproof, project: Path) -> None:
    """Markup, templates, control characters, what turns the direction of writing, and very long ones."""
    (project / "test_hostile.py").write_text(_HOSTILE)
    flakeproof("run", "-c", "20", "--seed", "1", "test_hostile.py", "--html", "run.html")
    path = project / "run.html"
    page = page_of(path)
    assert len(page.xpath("//tbody//bdi")) == 6
    text = path.read_text()
    assert "<script>" not in text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in text
    assert "{{7*7}}" in text
    assert not set(text) & {"\u202e", "\u2066", "\0", "\x1b"}
    assert path.stat().st_size < 300_000


@pytest.mark.long
def test_nothing_failed(flakeproof: Flakeproof, project: Path) -> None:
    """No picture of failures, and the threshold that was asked about."""
    done = flakeproof("gate", "--max-rate", "5%", "-c", "200", "targets:passes", "--html", "-")
    assert done.returncode == 0, done.stderr
    (project / "gate.html").write_text(done.stdout)
    page = page_of(project / "gate.html")
    assert page.xpath("//figure/h2/text()") == ["Failure rate, as it became known", "How long they took"]
    assert "The broken line is the rate asked about, 5.00%" in text_of(page)
    again = flakeproof("report", "latest", "--html", "again.html")
    assert again.returncode == 0
    assert (project / "again.html").read_bytes() == (project / "gate.html").read_bytes()


@pytest.mark.long
def test_commands_without_output_and_runs_without_trials(flakeproof: Flakeproof, project: Path) -> None:
    """Every kind of target has a page."""
    assert flakeproof("run", "-c", "4", "--html", "a.html", "--", "sh", "-c", "exit 3").returncode == 1
    assert "broken" in text_of(page_of(project / "a.html"))
    flakeproof("run", "-c", "3", "targets:skips", "--html", "b.html")
    assert page_of(project / "b.html").xpath("//figure") == []


@pytest.mark.long
def test_a_browser_finds_nothing_against_the_policy(flakeproof: Flakeproof, project: Path) -> None:
    """Chromium tells of what it refuses; of this page it refuses nothing, and it shows it at any width."""
    chromium = needed("chromium")
    (project / "test_hostile.py").write_text(_HOSTILE)
    flakeproof("run", "-c", "20", "--seed", "1", "test_hostile.py", "--html", "run.html")
    words = [chromium, "--headless", "--no-sandbox", "--disable-gpu", "--enable-logging=stderr", "--dump-dom"]
    for width in ("360", "1000"):
        done = subprocess.run(
            [
                *words,
                f"--user-data-dir={project / width}",
                f"--window-size={width},800",
                (project / "run.html").as_uri(),
            ],
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        assert done.stdout.count("<svg") == 3
        assert "Content Security Policy" not in done.stderr
