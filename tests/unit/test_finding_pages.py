"""Pages of findings: what is drawn of numbers at their limits, and what of code and words is shown."""

import linecache
import re
from pathlib import Path
from typing import Any

import pytest
from lxml import html

from flakeproof.features.compare.html_page import trace_of
from flakeproof.features.compare.records import PairEnded, Side
from flakeproof.features.diagnose.html_page import render
from flakeproof.features.diagnose.records import Cause, CauseId, Diagnosis, Experiment, Place, Status
from flakeproof.reports.pages import charts
from flakeproof.reports.pages.page import findings_page
from flakeproof.reports.pages.parts import code_around
from flakeproof.results.summary import exact_interval
from flakeproof.results.verdict import Verdict
from flakeproof.store.file import as_json
from flakeproof.store.spec_file import PAIRS_NAME


def experiment(name: str, failed: int, trials: int, against: str = "", rises: float | None = None) -> Experiment:
    """Trials of a setting."""
    return Experiment(
        name=name,
        setting=f"with {name}",
        failed=failed,
        other=0,
        trials=trials,
        rate=failed / trials if trials else None,
        interval=exact_interval(failed, trials, 0.95) if trials else None,
        against=against,
        rises=rises,
        elapsed=1.0,
    )


def test_a_diagnosis_marks_the_line_and_pairs_what_was_compared(tmp_path: Path) -> None:
    """Also where the probability is so small that it is zero; what was not run is not there."""
    file = tmp_path / "shop.py"
    file.write_text("".join(f"line {number} <b>\n" for number in range(1, 31)))
    cause = Cause(
        cause=CauseId.LOAD,
        status=Status.PROVEN,
        statement="It is too slow: <script>",
        place=Place(file=str(file), line=20, function="pay"),
        evidence=["60 of 60 failed"],
        next="flakeproof run",
    )
    found = Diagnosis(
        target="shop:pay",
        seed=1,
        verdict=Verdict.FLAKY,
        exit_code=1,
        rate=0.5,
        interval=exact_interval(30, 60, 0.95),
        failure="AssertionError",
        signature="AssertionError",
        place=None,
        others=[],
        causes=[cause],
        experiments=[
            experiment("control", 0, 60),
            experiment("noise", 60, 60, "control", rises=0.0),
            experiment("order", 1, 60, "control", rises=0.4),
            experiment("never run", 0, 0, "control"),
        ],
        notes=[],
        stopped=None,
        elapsed=3.0,
    )
    page: Any = html.fromstring(render(found).decode())
    assert page.xpath("string(//p[@class='verdict bad'])") == "Cause proven: load: It is too slow: <script>"
    assert page.xpath("//mark/text()") == ["line 20 <b>"]
    assert [row.strip() for row in page.xpath("//span[@class='at']/text()")] == [str(at) for at in range(14, 27)]
    drawn = page.xpath("//section[h2='What was changed on purpose']//*[local-name()='svg'][@class='wide']")[0]
    names = [text for text in drawn.xpath(".//text/text()") if " of " in text]
    assert names == ["60 of 60: with noise", "0 of 60: with control", "1 of 60: with order", "0 of 60: with control"]
    points = drawn.xpath(".//*[contains(@class, 'mark-symbol')]/path/@fill")
    assert points == ["var(--bad)", "var(--kind5)", "var(--kind1)", "var(--kind5)"]
    linecache.checkcache()


def test_a_ratio_without_an_end_runs_to_the_edge() -> None:
    """Neither infinity nor zero is on a logarithmic axis."""
    rows = [
        {"name": "a", "value": 400.0, "low": 16.0, "high": None, "tone": "bad"},
        {"name": "b", "value": 0.0, "low": 0.0, "high": 2.0, "tone": "good"},
        {"name": "c", "value": float("inf"), "low": 3.0, "high": None, "tone": "bad"},
    ]
    drawn = str(charts.intervals(rows, what="odds", ratio=True))
    assert len(re.findall(r"<svg", drawn)) == 2
    assert "NaN" not in drawn
    assert "Infinity" not in drawn
    ends = [float(end) for end in re.findall(r'<line [^>]*x2="([\d.]+)"[^>]*stroke-width="8"', drawn)]
    assert len(ends) == 6


@pytest.mark.parametrize("name", ["<script>alert(1)</script>", "only=1 onload=x", "&amp; ]]> \u05e9\u05dc\u05d5\u05dd"])
def test_any_name_is_text_in_a_chart(name: str) -> None:
    """It neither becomes markup nor is the chart refused for it."""
    row = {"name": name, "value": 0.5, "low": 0.4, "high": 0.6, "tone": "bad"}
    drawn: Any = html.fromstring(f"<div>{charts.intervals([row], what='rate')}</div>")
    assert drawn.xpath("//text/text()").count(name) == 2
    assert drawn.xpath("//script") == []


def test_evidence_is_traced_in_bounded_room(tmp_path: Path) -> None:
    """However many pairs are lost, the last one is there."""
    lost = PairEnded(
        pair=1, place=1, fix_first=False, base=Side(failed=1, signatures={"x": 1}), fix=Side(passed=1, signatures={})
    )
    (tmp_path / PAIRS_NAME).write_bytes((as_json(lost) + b"\n") * 5_000)
    trace = trace_of(tmp_path)
    assert len(trace.points) <= 2_001
    assert trace.points[-1] == (5_000, 5_000, 0)
    assert trace.points == sorted(trace.points)


def test_what_cannot_be_read_is_not_shown(tmp_path: Path) -> None:
    """No code without its file, or beyond its end."""
    assert code_around(str(tmp_path / "gone.py"), 3) == []
    (tmp_path / "short.py").write_text("one\n")
    assert code_around(str(tmp_path / "short.py"), 7) == []
    (shown,) = code_around(str(tmp_path / "short.py"), 1)
    assert list(shown.lines) == [(1, "one", True)]


def test_a_line_of_any_length_is_short_in_the_words() -> None:
    """A name of ten thousand characters does not hide what follows."""
    page = findings_page(
        verdict="flaky",
        tone="bad",
        closing="it fails",
        target="t",
        said="run",
        facts=[],
        sections=[],
        words=f"{'x' * 10_000}\nlast line",
        foot="end",
    ).decode()
    assert "last line" in page
    assert len(page) < 12_000
