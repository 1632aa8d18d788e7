"""`--html`: a page that says the answer, shows where it failed, and lets nothing in."""

import base64
import hashlib
import json
import re
from pathlib import Path
from typing import Any

import pytest
from lxml import html
from tests.e2e.conftest import Flakeproof


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
    assert answer.startswith("Flaky: Stress test detected ")
    assert page.xpath("//h2/text()") == [
        "Failure rate, as it became known",
        "Where it failed",
        "How long they took",
        "Kinds of failure",
        "In words",
    ]
    assert len(page.xpath("//figure//*[local-name()='svg'][@class='wide']")) == 3
    assert len(page.xpath("//figure//table")) == 3
    assert "ValueError: boom 17" in text_of(page)
    assert re.search(r"Again: flakeproof replay \S+ \d+", text_of(page))
    assert f"Failed: {answer.split('detected ')[1].split()[0]} (" in text_of(page)


@pytest.mark.long
def test_nothing_failed(flakeproof: Flakeproof, project: Path) -> None:
    """No picture of failures, and the threshold that was asked about."""
    done = flakeproof("gate", "--max-rate", "5%", "-c", "200", "targets:passes", "--html", "-")
    assert done.returncode == 0, done.stderr
    (project / "gate.html").write_text(done.stdout)
    page = page_of(project / "gate.html")
    assert page.xpath("//section[figure]/h2/text()") == ["Failure rate, as it became known", "How long they took"]
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
def test_a_page_of_a_comparison(flakeproof: Flakeproof, project: Path) -> None:
    """The answer; both arms; the evidence up to its end, in a picture and in numbers; told again it is the same."""
    arms = ("--arm", "base:targets:fails", "--arm", "fix:targets:passes")
    done = flakeproof("compare", *arms, "--html", "c.html", "--json", "c.json")
    assert done.returncode == 0, done.stderr
    page, found = page_of(project / "c.html"), json.loads((project / "c.json").read_text())
    assert page.xpath("string(//title)") == "fixed: targets:passes"
    assert page.xpath("string(//p[contains(@class, 'verdict')])").startswith("Fixed: base failed in ")
    assert page.xpath("//section[figure]/h2/text()") == ["Both arms", "The evidence, as it grew"]
    grown = page.xpath("//section[h2='The evidence, as it grew']//tbody/tr")
    pairs = [[int(cell) for cell in row.xpath("td//text()")[:3]] for row in grown]
    assert pairs[0] == [0, 0, 0]
    assert pairs[-1] == [found["pairs"], found["base_lost"], found["fix_lost"]]
    assert flakeproof("report", "latest", "--html", "again.html").returncode == 0
    assert (project / "again.html").read_bytes() == (project / "c.html").read_bytes()
