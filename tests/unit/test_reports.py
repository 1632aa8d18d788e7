"""The documents of a run: JUnit XML that is valid whatever has happened, Markdown, what GitHub shows."""

import re
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element, fromstring

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flakeproof.events import AnyRecord, ItemsCollected, RunEnded, RunStarted, TrialFailed, TrialLost, TrialsPassed
from flakeproof.events import TrialSkipped as Skipped
from flakeproof.features.run import github_annotations, markdown, report
from flakeproof.features.run.junit import render
from flakeproof.model import CallableTarget, Failure, ItemOutcome, Outcome, RunSpec
from flakeproof.reports import files
from flakeproof.reports.foreign import in_github_actions, line_shown, no_command
from flakeproof.results.history import History
from flakeproof.results.summary import Summary, summarize

_RERUN = (["type"], ["message"], ["stackTrace", "system-out", "system-err"])
_RESULT: tuple[list[str], list[str], list[str]] = ([], ["type", "message"], [])
_COUNTS = ["tests", "failures", "errors"]
SCHEMA: dict[str, tuple[list[str], list[str], list[str]]] = {
    "testsuites": ([], ["name", "time", *_COUNTS], ["testsuite"]),
    "testsuite": (
        ["name", *_COUNTS],
        ["group", "time", "skipped", "timestamp", "hostname", "id", "package", "file", "log", "url"],
        ["testsuite", "properties", "testcase", "system-out", "system-err"],
    ),
    "properties": ([], [], ["property"]),
    "property": (["name", "value"], [], []),
    "testcase": (
        ["name"],
        ["time", "classname", "group"],
        [
            *["skipped", "error", "failure", "rerunFailure", "rerunError", "flakyFailure", "flakyError"],
            *["system-out", "system-err"],
        ],
    ),
    "skipped": _RESULT,
    "error": _RESULT,
    "failure": _RESULT,
    "rerunFailure": _RERUN,
    "flakyFailure": _RERUN,
    "stackTrace": ([], [], []),
    "system-out": ([], [], []),
    "system-err": ([], [], []),
}
"""The rules of the schema junit-10 of Jenkins' xUnit plugin: attributes that must and that may be, and children."""
_IN_ORDER = {"rerunFailure", "flakyFailure"}
_WITH_TEXT = {"skipped", "error", "failure", "stackTrace", "system-out", "system-err", *_IN_ORDER}
_TIME = re.compile(r"(([0-9]{0,3},)*[0-9]{3}|[0-9]{0,3})*(\.[0-9]*)?")


def check(element: Element) -> None:
    """Assert that `element` and all below it keep the rules of the schema, and that the counts are right."""
    assert element.tag in SCHEMA
    must, may, children = SCHEMA[element.tag]
    assert set(must) <= set(element.keys()) <= {*must, *may}, element.tag
    tags = [child.tag for child in element]
    assert set(tags) <= set(children), element.tag
    if element.tag in _IN_ORDER:
        assert tags == sorted(set(tags), key=children.index)
    if element.tag not in _WITH_TEXT:
        assert not (element.text or "").strip()
    assert not (element.tail or "").strip()
    if element.tag in ("testsuite", "testsuites"):
        assert _TIME.fullmatch(element.get("time", "0"))
        assert element.get("tests") == str(len(list(element.iter("testcase"))))
        for count, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
            if count in element.keys():  # noqa: SIM118 - an element has no `in` of its own
                assert element.get(count) == str(sum(case.find(tag) is not None for case in element.iter("testcase")))
    for child in element:
        check(child)


def spec(count: int | None = 10, name: str = "pkg.mod:function") -> RunSpec:
    """A run of `count` trials."""
    target = CallableTarget(name=name, python="python", folder="/", module="pkg.mod", attribute="function")
    return RunSpec(target=target, count=count, workers=1, processes=1, seed=7)


def failed(trial: int, kind: str = "ValueError", item: str = "", **more: str) -> Failure:
    """The failure of one trial with an exception of `kind`."""
    return Failure(
        trial=trial,
        seed=trial + 100,
        outcome=Outcome.FAILED,
        message=more.get("message", f"{kind}: no"),
        item=item,
        signature=f"{kind} {item}",
        duration=0.5,
        process=0,
        details={"exception": {"type": kind, "message": more.get("message", "no"), "frames": [("/x.py", 3, "f")]}},
        output=more.get("output", ""),
    )


def summary_of(*events: AnyRecord, stopped: str | None = None, run: RunSpec | None = None) -> Summary:
    """What comes out of a run with these events."""
    history = History()
    started = RunStarted(run_id="20260102-030405-006abc", at="", version="", spec=run or spec())
    for event in (started, *events, RunEnded(elapsed=1234.5678, stopped=stopped)):
        history.add(event)
    return summarize(history, "/project/.flakeproof/runs/20260102-030405-006abc")


def document(summary: Summary) -> Element:
    """The report of `summary`, checked."""
    root = fromstring(render(summary))
    check(root)
    return root


def passed(count: int, **items: ItemOutcome) -> TrialsPassed:
    """So many trials that passed."""
    return TrialsPassed(process=0, count=count, durations=[(5, count)], items=items)


def test_a_target_is_one_case_whatever_the_number_of_trials() -> None:
    """What failed sometimes is a failure of the gate, and holds each distinct failure."""
    events = [TrialFailed(number=trial, failure=failed(trial, "OSError")) for trial in (1, 2)]
    root = document(summary_of(passed(7), *events, TrialFailed(number=3, failure=failed(3, output="said"))))

    (case,) = root.iter("testcase")
    assert (case.get("classname"), case.get("name")) == ("pkg.mod", "function")
    assert [child.tag for child in case] == ["failure", "flakyFailure", "flakyFailure"]
    assert case[0].get("type") == "flaky"
    assert (case[0].get("message") or "").startswith("flaky, failed 3 of 10 times: 30.00% (")
    assert [kind.get("type") for kind in case[1:]] == ["OSError", "ValueError"]
    assert [kind.get("message") for kind in case[1:]] == ["OSError: no", "ValueError: no"]
    assert [kind.findtext("system-out") for kind in case[1:]] == [None, "said"]
    assert "again: flakeproof replay 20260102-030405-006abc 3" in (case[2].findtext("stackTrace") or "")
    assert 'File "/x.py", line 3, in f' in (case[2].findtext("stackTrace") or "")


def test_what_never_passed_is_no_flake() -> None:
    """It has a failure, and its further kinds as reruns."""
    events = [TrialFailed(number=trial, failure=failed(trial)) for trial in (1, 2)]
    (case,) = document(summary_of(*events, TrialFailed(number=3, failure=failed(3, "OSError")))).iter("testcase")

    assert [(child.tag, child.get("type")) for child in case] == [
        ("failure", "ValueError"),
        ("rerunFailure", "OSError"),
    ]


def test_each_item_is_a_case() -> None:
    """With the names that pytest gives them; nothing of one is told of another."""
    items = ["tests/test_a.py::TestX::test_one[a/b::c]", "tests/test_a.py::test_two", "tests/test_a.py::test_three"]
    collected = ItemsCollected(items=items)
    broken = TrialFailed(
        number=1, failure=failed(4, item=items[1]), items={items[1]: ItemOutcome.FAILED, items[2]: ItemOutcome.SKIPPED}
    )
    root = document(summary_of(collected, passed(9, **{items[2]: ItemOutcome.SKIPPED}), broken))

    assert [(case.get("classname"), case.get("name")) for case in root.iter("testcase")] == [
        ("tests.test_a.TestX", "test_one[a/b::c]"),
        ("tests.test_a", "test_two"),
        ("tests.test_a", "test_three"),
    ]
    assert [[child.tag for child in case] for case in root.iter("testcase")] == [
        ["system-out"],
        ["failure", "flakyFailure"],
        ["skipped"],
    ]
    assert (root.get("tests"), root.get("failures"), root.get("errors")) == ("3", "1", "0")


@pytest.mark.parametrize(
    ("event", "tag", "message"),
    [
        (TrialFailed(number=1, failure=failed(4), cut_short=True), "failure", "failed outside of any test"),
        (TrialLost(trial=4, reason="gone"), "error", "1 of 4 tests have no result"),
    ],
)
def test_what_belongs_to_no_item_is_not_hidden(event: AnyRecord, tag: str, message: str) -> None:
    """A report is never green where the run is not."""
    *_, case = document(summary_of(ItemsCollected(items=["a.py::test"]), passed(3), event)).iter("testcase")

    assert case.get("name") == "function"
    assert message in (case.find(tag) or Element("none")).get("message", "") or message in case[0].get("message", "")


@pytest.mark.parametrize(
    ("events", "stopped", "tag", "message"),
    [
        ([], "interrupted", "skipped", "not run: interrupted"),
        ([Skipped(trial=1, reason="")], None, "skipped", "skipped 1 time"),
        ([TrialLost(trial=1, reason="")], None, "error", "1 of 1 tests have no result, through no fault of the test"),
        ([passed(3)], "terminated", "system-out", None),
    ],
)
def test_a_run_without_result_is_no_success(
    events: list[AnyRecord], stopped: str | None, tag: str, message: str | None
) -> None:
    """And is as valid as any."""
    root = document(summary_of(*events, stopped=stopped))

    (case,) = root.iter("testcase")
    assert (case[0].tag, case[0].get("message")) == (tag, message)


def test_the_run_is_told_in_properties() -> None:
    """Seed, run, trials, rate and interval."""
    root = document(summary_of(passed(9), TrialFailed(number=1, failure=failed(1)), stopped="interrupted"))

    found = {each.get("name"): each.get("value") for each in root.iter("property")}
    assert (found["flakeproof.run"], found["flakeproof.seed"]) == ("20260102-030405-006abc", "7")
    assert (found["flakeproof.trials"], found["flakeproof.passed"], found["flakeproof.rate"]) == ("10", "9", "0.1")
    assert 0 < float(found["flakeproof.rate.low"] or 0) < 0.1 < float(found["flakeproof.rate.high"] or 0) < 1
    assert (found["flakeproof.rate.method"], found["flakeproof.stopped"]) == ("robbins", "interrupted")


@given(st.text(st.characters(), max_size=40), st.text(st.sampled_from("\0\x1b[1m\r\n\ud800\ufffe\x85]>&<'\"")))
def test_any_text_makes_valid_xml(text: str, nasty: str) -> None:
    """Control characters and half characters, wherever they stand."""
    failure = failed(1, text + nasty, item=nasty + text, message=nasty, output=text + nasty)
    collected = ItemsCollected(items=[nasty + text, text])
    named = spec(name=text + nasty)

    document(summary_of(TrialFailed(number=1, failure=failure), passed(1), run=named))
    document(summary_of(collected, TrialFailed(number=1, failure=failure), passed(1), run=named, stopped=text))


def test_what_was_unfit_can_still_be_read() -> None:
    """Colours go, other control characters are shown."""
    failure = failed(1, output="\x1b[31mred\x1b[0m\0\r\nend\ud800")
    (case,) = document(summary_of(TrialFailed(number=1, failure=failure))).iter("testcase")

    assert case.findtext("system-out") == "red\\x00\nend\\ud800"


def test_markdown_tells_verdict_rates_and_failures() -> None:
    """A table with interval and method, and each distinct failure with how to see it again."""
    events = [TrialFailed(number=1, failure=failed(3))]
    text = markdown.render(summary_of(passed(9), *events)).decode()

    assert text.startswith(
        "### flakeproof: `pkg.mod:function` is flaky\n\nStress test detected 1 failure out of 10 runs"
    )
    assert "| `pkg.mod:function` | flaky | 1 | 10 | 10.00% (95% interval 0.25% to 44.51%) |\n" in text
    assert (
        "<details><summary>1 × <code>ValueError: no</code></summary>\n\nFirst on test 3 (seed 103), at `/x.py:3`.\n"
        in text
    )
    assert "```bash\nflakeproof replay 20260102-030405-006abc 3\n```\n" in text
    assert text.rstrip().splitlines()[-1].startswith("<sub>Run 20260102-030405-006abc, seed 7, 10 tests in 20m34.6s, ")


def test_markdown_lists_what_failed_first_and_leaves_out_what_is_many() -> None:
    """Hundreds of tests that passed are one line."""
    items = [f"tests/test_a.py::test_{number}" for number in range(200)]
    events = [
        TrialFailed(number=trial, failure=failed(trial, item=item), items={item: ItemOutcome.FAILED})
        for trial, item in enumerate([items[50], items[90], items[90]], 1)
    ]
    text = markdown.render(summary_of(ItemsCollected(items=items), passed(7), *events)).decode()

    rows = [line.split(" | ")[0].removeprefix("| ") for line in text.splitlines() if line.startswith("| ")][1:]
    assert rows == [f"`{items[90]}`", f"`{items[50]}`"]
    assert re.search(r"\n198 tests passed every time \(a rate of at most [\d.]+% each, 95% [a-zA-Z, -]+\)\.\n", text)


def test_markdown_fits_into_a_comment() -> None:
    """Whatever the number of failures and the size of their text."""
    items = [f"tests/test_a.py::test_{number}[{'ü' * 300}]" for number in range(150)]
    events = [
        TrialFailed(
            number=trial,
            failure=failed(trial, f"Kind{trial}", item=item, message="`é|" * 3000, output="x\n" * 9000),
            items={item: ItemOutcome.FAILED},
        )
        for trial, item in enumerate(items, 1)
    ]
    text = markdown.render(summary_of(ItemsCollected(items=items), *events)).decode()

    assert len(text) <= len(text.encode()) < 65_536
    assert "more kinds of failure left out here" in text
    assert "more tests are in the JSON report" in text
    assert text.count("<details>") == text.count("</details>") > 0


_NASTY = "a|b`c`` </details> <b>x</b> ``` ~~~ **d** [e](f) \\| & @g #1 $h$\nnext\x1b[1m\0"


def test_nothing_in_a_message_is_taken_for_markdown_or_html() -> None:
    """Pipes, backticks and tags of names and messages stay what they are."""
    failure = failed(1, item=_NASTY, message=_NASTY)
    event = TrialFailed(number=1, failure=failure, items={_NASTY: ItemOutcome.FAILED})
    text = markdown.render(summary_of(ItemsCollected(items=[_NASTY]), event, passed(3), run=spec(name=_NASTY))).decode()

    outside = re.sub(r"^(`{3,})\w+\n.*?^\1$", "", text, flags=re.MULTILINE | re.DOTALL)
    assert outside.count("</details>") == outside.count("<details>") == 1
    assert "<b>" not in outside
    assert [line.count("|") for line in outside.splitlines() if line.startswith("| <code>")] == [6]
    markdown_only = re.sub(r"^<details>.*$|`/x.py:3`", "", outside, flags=re.MULTILINE)
    assert not re.search(r"[`*@$\\]|\[e\]", markdown_only)
    assert "\x1b" not in text
    assert "\0" not in text


@given(st.text(st.characters(), max_size=60))
def test_any_text_is_a_document(text: str) -> None:
    """One line where one is meant, a fence that nothing closes early, always UTF-8."""
    failure = failed(1, message=text, output=text)
    made = markdown.render(summary_of(TrialFailed(number=1, failure=failure), run=spec(name=text))).decode()

    fences = [line for line in made.splitlines() if re.fullmatch(r"`{3,}(text|bash)?", line)]
    assert fences[0].endswith("text")
    assert fences.index(fences[0].removesuffix("text")) > 0


def test_github_marks_the_line_that_failed(tmp_path: Path) -> None:
    """One annotation for each distinct failure, at the innermost frame that is in the repository."""
    (tmp_path / "a,b.py").touch()
    (tmp_path / "site-packages").mkdir()
    (tmp_path / "site-packages" / "library.py").touch()
    frames = [(str(tmp_path / name), line, "f") for name, line in (("a,b.py", 7), ("site-packages/library.py", 9))]
    exception = {"type": "OSError", "message": "50%\r\nlost: a, b", "frames": [*frames, ("/usr/lib/x.py", 1, "g")]}
    failure = Failure(
        **{**_fields(failed(3)), "message": "OSError: 50%\r\nlost: a, b", "details": {"exception": exception}}
    )
    (line,) = github_annotations.annotations(
        summary_of(passed(9), TrialFailed(number=1, failure=failure)), {"GITHUB_WORKSPACE": str(tmp_path)}
    )

    assert line == (
        "::error file=a%2Cb.py,line=7,title=pkg.mod%3Afunction is flaky::OSError: 50%25 lost: a, b%0A"
        "1 of 10 times it failed like this; failure rate 10.00%25 (95%25 interval 0.25%25 to 44.51%25)%0A"
        "flakeproof replay 20260102-030405-006abc 3"
    )


def test_github_gets_no_more_annotations_than_it_shows() -> None:
    """Ten; without a place where none is known."""
    events = [TrialFailed(number=trial, failure=failed(trial, f"Kind{trial}")) for trial in range(1, 13)]
    found = list(github_annotations.annotations(summary_of(*events), {"GITHUB_WORKSPACE": "/nowhere"}))

    assert len(found) == 10
    assert all(line.startswith("::error title=pkg.mod%3Afunction is broken::Kind") for line in found)


@pytest.mark.parametrize(
    ("environment", "wanted"),
    [
        ({}, False),
        ({"GITHUB_ACTIONS": "true"}, True),
        ({"GITHUB_ACTIONS": "false"}, False),
        ({"GITHUB_ACTIONS": "true", "FLAKEPROOF_TRIAL": "3"}, False),
    ],
)
def test_github_is_told_by_its_own_steps_only(environment: dict[str, str], wanted: bool) -> None:
    """Not by a run inside of a trial, whose failures may be meant."""
    assert wanted == in_github_actions(environment)


def test_the_job_summary_is_appended_to_as_far_as_it_goes(tmp_path: Path) -> None:
    """What GitHub would not take is not written, and that is told."""
    path = tmp_path / "summary.md"
    environment = {"GITHUB_STEP_SUMMARY": str(path)}

    assert files.append_summary(b"one", {}) is None
    assert files.append_summary(b"one", environment) is None
    assert files.append_summary(b"two", environment) is None
    assert path.read_bytes() == b"one\ntwo\n"
    assert (
        files.append_summary(bytes(1024 * 1024 - 8), environment)
        == "8 of the 1,048,576 bytes that GitHub takes are used"
    )
    assert path.read_bytes() == b"one\ntwo\n"
    assert files.append_summary(b"one", {"GITHUB_STEP_SUMMARY": str(tmp_path)}) == "Is a directory"


def _fields(failure: Failure) -> dict[str, Any]:
    return {name: getattr(failure, name) for name in failure.__struct_fields__}


def test_tests_that_share_a_failure_are_counted_by_themselves(tmp_path: Path) -> None:
    """Four passes in which both failed alike are four of four for each, and both are named wherever it is told."""
    items = ["a.py::test_one", "a.py::test_two"]
    events: list[AnyRecord] = [ItemsCollected(items=items)]
    for trial in range(1, 5):
        first, second = (failed(trial, item=item) for item in items)
        both = [msgspec.structs.replace(one, signature="same") for one in (first, second)]
        outcomes = dict.fromkeys(items, ItemOutcome.FAILED)
        events.append(TrialFailed(number=trial, failure=both[0], further=both[1:], items=outcomes))
    summary = summary_of(*events, run=spec(4))

    (found,) = summary.signatures
    assert (found.count, found.items, found.rate) == (8, dict.fromkeys(items, 4), 1.0)
    (line,) = github_annotations.annotations(summary, {"GITHUB_WORKSPACE": str(tmp_path)})
    assert "4 of 4 times it failed like this" in line
    assert "so did a.py::test_two" in line
    rows = list(report.results(summary))
    assert [row for row in rows if "4 in" in row] == ["      4 in a.py::test_one", "      4 in a.py::test_two"]
    assert "test_two" in markdown.render(summary).decode().partition("<details>")[2]


_OBEYED = re.compile("[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


@given(st.text(st.characters(), max_size=40), st.text(st.sampled_from("\0\x1b[1m;2J\r\n\ud800\x9b\u202e:#")))
def test_a_line_shown_is_one_harmless_line(text: str, nasty: str) -> None:
    """Whatever is in it; colours alone are kept where they are asked for, and end with the line."""
    for line in (text + nasty, nasty + text):
        assert not _OBEYED.search(line_shown(line).replace("\t", ""))
        coloured = line_shown(line, keeps_colours=True)
        assert not _OBEYED.search(re.sub(r"\x1b\[[0-9;:]*m", "", coloured).replace("\t", ""))
        assert "\x1b" not in coloured or coloured.endswith("\x1b[0m")
        told = no_command(line_shown(line))
        assert not told.lstrip().startswith("::")
        assert "##[" not in told
