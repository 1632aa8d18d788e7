"""JUnit XML of every runner: what is read of real files is what the runner itself said."""

import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.integration.ci_jobs.real_reports import RECORDED, made

from flakeproof.failures import command_output, junit_reports
from flakeproof.features.ci.artifacts import artifacts
from flakeproof.features.ci.case import Case, Colour
from flakeproof.features.ci.reading import cases

_EQUALITY = "expect(received).toBe(expected) // Object.is equality"
_ADDS = "Sums.Add", "Expected equality of these values: 1 + 1 Which is: 2 3 the sum <&>"
FAILED: dict[str, dict[str, str]] = {
    "gotestsum": {
        "example.com/shop.TestTotal": "total is 1, want 0",
        'example.com/shop.TestParts/two_<&>_"q"': "two is wrong in two lines",
        "example.com/shop.TestSometimes": "only the first time",
        "example.com/shop/till.TestPanics": "panic: assignment to entry in nil map",
    },
    "gotestsum-reruns": {'example.com/shop.TestParts/two_<&>_"q"': "two is wrong in two lines"},
    "nextest": {
        "shop::tests::adds": "assertion `left == right` failed: sums of 3",
        "shop::till::adds": 'Error: "no rows"',
        "shop::till::always": "always <&> broken",
    },
    "jest": {
        "shop adds": _EQUALITY,
        'shop throws <&> "it"': "TypeError: no till",
        "shop odd 2": _EQUALITY,
        "shop till rejects": "closed",
    },
    "vitest": {
        "broken.test.js > broken.test.js": "Error: Failed to load url ./nothing-there.js",
        "shop.test.js > shop > adds": "AssertionError: expected 2 to be 3 // Object.is equality",
        'shop.test.js > shop > throws <&> "it"': "TypeError: no till",
        "shop.test.js > shop > odd 2": "AssertionError: expected +0 to be 1 // Object.is equality",
        "shop.test.js > shop > till > rejects": "Error: closed",
    },
    "playwright": {
        "shop.spec.js › shop › adds": f"Error: {_EQUALITY}",
        'shop.spec.js › shop › throws <&> "it"': "TypeError: no till",
    },
    "maven": {
        "shop.BillTest.breaks": "java.lang.IllegalStateException: closed",
        "shop.BillTest.odd(int)[2]": "org.opentest4j.AssertionFailedError: expected: <1> but was: <0>",
        "shop.BillTest.adds": "org.opentest4j.AssertionFailedError: sold <&> ==> expected: <3> but was: <2>",
    },
    "ctest": {
        "whole": ": ".join(_ADDS),
        "script <&>": "the script broke",
        "crashes": "",
        "slow": "",
        "missing": "Unable to find executable: there-is-no-such-program",
    },
    "gtest": {
        _ADDS[0]: _ADDS[1],
        "Sums.Throws": 'C++ exception with description "out of stock" thrown in the test body.',
        "Few/Cases.Odd/1": "Expected equality of these values: GetParam() % 2 Which is: 0 1",
    },
    "phpunit": {
        "ShopTest::testAdds": "sold <&> Failed asserting that 2 is identical to 3.",
        "ShopTest::testBreaks": "RuntimeException: closed for good",
        'ShopTest::testOdd with data set "two"': "Failed asserting that 0 is identical to 1.",
    },
    "rspec": {
        "shop adds": "expected: 3 got: 2 (compared using ==)",
        'shop breaks <&> "it"': "ArgumentError: closed for good",
    },
}
PASSED_LATER = {
    "gotestsum-reruns": {"example.com/shop.TestTotal", "example.com/shop.TestSometimes"},
    "nextest": {"shop::till::sometimes"},
    "maven": {"shop.BillTest.sometimes"},
}
"""Tests whose runner tried them again, and says so in its file: Jest, Vitest and Playwright do not."""
Counts = dict[str, int]


def found(pattern: str, output: str) -> list[int]:
    """The numbers that the last match of a pattern has."""
    *_, last = re.finditer(pattern, output, re.MULTILINE)
    return [int(number or 0) for number in last.groups()]


def _of_gotestsum(output: str) -> Counts:
    total, skipped, failed = found(r"^DONE (?:\d+ runs, )?(\d+) tests, (\d+) skipped, (\d+) failures", output)
    return {"passed": total - skipped - failed, "failed": failed, "skipped": skipped}


def _of_nextest(output: str) -> Counts:
    passed, failed = found(r"tests run: (\d+) passed \(1 flaky\), (\d+) failed, 1 skipped", output)
    return {"passed": passed, "failed": failed}  # what it skips is not in its file


def _of_jest(output: str) -> Counts:
    failed, skipped, todo, passed = found(
        r"^Tests: +(\d+) failed, (\d+) skipped, (\d+) todo, (\d+) passed, 9 total", output
    )
    return {"passed": passed + todo, "failed": failed, "skipped": skipped}  # jest-junit writes them alike


def _of_vitest(output: str) -> Counts:
    failed, passed, skipped, todo = found(
        r"^ +Tests +(\d+) failed \| (\d+) passed \| (\d+) skipped \| (\d+) todo", output
    )
    (suites,) = found(r"Failed Suites (\d+)", output)
    return {"passed": passed, "failed": failed + suites, "skipped": skipped + todo}


def _of_playwright(output: str) -> Counts:
    failed, flaky, skipped, passed = found(
        r"^  (\d+) failed\n(?:    .*\n)+  (\d+) flaky\n(?:    .*\n)+  (\d+) skipped\n  (\d+) passed", output
    )
    return {"passed": passed + flaky, "failed": failed, "skipped": skipped}


def _of_maven(output: str) -> Counts:
    total, failed, errors, skipped, _ = found(
        r"Tests run: (\d+), Failures: (\d+), Errors: (\d+), Skipped: (\d+), Flakes: (\d+)$", output
    )
    return {"passed": total - failed - errors - skipped, "failed": failed + errors, "skipped": skipped}


def _of_ctest(output: str) -> Counts:
    failed, total = found(r"^\d+% tests passed, (\d+) tests failed out of (\d+)$", output)
    (disabled,) = [output.count("(Disabled)") - 1]  # once in the list, once among those that did not run
    (skipped,) = [output.count("***Skipped")]
    return {"passed": total - failed - skipped, "failed": failed, "skipped": skipped + disabled}


def _of_gtest(output: str) -> Counts:
    (passed,), (skipped,) = found(r"PASSED  \] (\d+) tests", output), found(r"SKIPPED \] (\d+) test, listed", output)
    (failed,), (disabled,) = found(r"FAILED  \] (\d+) tests, listed", output), found(r"YOU HAVE (\d+) DISABLED", output)
    return {"passed": passed, "failed": failed, "skipped": skipped + disabled}


def _of_phpunit(output: str) -> Counts:
    total, errors, failed, skipped = found(
        r"^Tests: (\d+), Assertions: \d+, Errors: (\d+), Failures: (\d+), Skipped: (\d+)\.$", output
    )
    return {"passed": total - errors - failed - skipped, "failed": failed + errors, "skipped": skipped}


def _of_rspec(output: str) -> Counts:
    total, failed, skipped = found(r"^(\d+) examples, (\d+) failures, (\d+) pending$", output)
    return {"passed": total - failed - skipped, "failed": failed, "skipped": skipped}


OWN_COUNTS: dict[str, Callable[[str], Counts]] = {
    "gotestsum": _of_gotestsum,
    "nextest": _of_nextest,
    "jest": _of_jest,
    "vitest": _of_vitest,
    "playwright": _of_playwright,
    "maven": _of_maven,
    "ctest": _of_ctest,
    "gtest": _of_gtest,
    "phpunit": _of_phpunit,
    "rspec": _of_rspec,
}
RUNNER = {"gotestsum": "go", "gotestsum-reruns": "go"}


def check(name: str, report: Path, output: str) -> Case:
    """What is read is what the project has, and what its runner has counted."""
    (case,) = cases(artifacts(str(report)))
    told = {one.test: one.symptom.message for one in case.failures if not one.passed_later}
    expected = FAILED[name]
    assert told.keys() == expected.keys()
    assert all(told[test].startswith(message) for test, message in expected.items()), told
    assert {one.test for one in case.failures if one.passed_later} == PASSED_LATER.get(name, set())
    assert (case.runner, case.colour) == (RUNNER.get(name, name), Colour.RED)
    if name in OWN_COUNTS:
        assert case.counts == OWN_COUNTS[name](output)
    return case


@pytest.mark.parametrize("name", FAILED)
def test_a_recorded_report(name: str, tmp_path: Path) -> None:
    """Tests, messages, retries, and counts that agree with those in the runner's own words."""
    folder = Path(shutil.copytree(RECORDED / name, tmp_path / name))
    output = (folder / "output.txt").read_text()
    (folder / "output.txt").unlink()
    check(name, folder, output)


@pytest.mark.long
@pytest.mark.parametrize("name", ["gotestsum-reruns", "vitest"])  # the others: tests/e2e/test_runner_recipes.py
def test_a_report_of_the_runner_that_is_here(name: str, tmp_path: Path) -> None:
    """Made now, by whatever version there is."""
    check(name, *made(name, tmp_path))


@pytest.mark.parametrize("name", ["vitest", "maven"])
def test_file_and_output_call_a_test_alike(name: str) -> None:
    """So that one can be looked for in the other; with the same message."""
    report = command_output.read((RECORDED / name / "output.txt").read_text())
    assert report is not None
    for file in (RECORDED / name).glob("*.xml"):
        read = junit_reports.read([file.read_bytes()], file.name)
        assert read is not None
        told = {one.name: one.message for one in report.failed}
        for one in read.failures():
            if one.passed_later or one.test == "broken.test.js > broken.test.js":
                continue
            message = told[one.test]
            assert one.said is not None
            assert message.startswith(one.said.message[:40])


@pytest.mark.parametrize("name", FAILED)
def test_a_file_that_is_cut_off_counts_as_far_as_it_goes(name: str) -> None:
    """Wherever that is; nothing is made up, and that it has no end is seen."""
    for file in sorted((RECORDED / name).glob("*.xml")):
        data = file.read_bytes()
        whole = junit_reports.read([data], file.name)
        assert whole is not None
        assert whole.is_complete
        names = {one.test for one in whole.tests}
        for end in range(200, len(data) - 20, 331):
            part = junit_reports.read([data[:end]], file.name)
            assert part is not None
            assert not part.is_complete
            # The last one may lack what was to follow, even a part of its name.
            assert {one.test for one in part.tests[:-1]} <= names


def suite(*cases: str) -> bytes:
    """A report of no runner in particular."""
    return f"<testsuites><testsuite name='s' tests='{len(cases)}'>{''.join(cases)}</testsuite></testsuites>".encode()


HOSTILE = {
    "escapes": ("<testcase classname='a&#27;[31m' name='b&#8238;c'><failure message='&#27;]0;x&#7;'/></testcase>", 1),
    "long": (f"<testcase classname='c' name='{'x' * 1_000_000}'><failure message='{'y' * 1_000_000}'/></testcase>", 1),
    "nameless": ("<testcase><failure/></testcase>", 1),
    "numbers": ("<testcase name='a' time='NaN'/><testcase name='b' time='-1e999'/><testcase name='c' time='x'/>", 0),
    "nested": (
        "<testcase name='a'><failure><failure>" + "<b>" * 99 + "</b>" * 99 + "</failure></failure></testcase>",
        1,
    ),
    "unknown": ("<testcase name='a'><reboot now='yes'/><failure message='no' type='E'>t</failure></testcase>", 1),
    "one name": ("<testcase name='a'><failure message='no'/></testcase>" * 3, 1),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_content_is_content(name: str) -> None:
    """Whatever a test is called and says, it is one test; sizes are bounded."""
    text, failed = HOSTILE[name]
    report = junit_reports.read([suite(text)], "x.xml")
    assert report is not None
    assert len(report.failures()) == failed
    assert all(0 <= one.seconds <= 1e9 for one in report.tests)
    assert all(len(one.test) <= 5_000 and len(one.text) <= 20_000 for one in report.tests)


def test_suites_without_an_end_are_no_trap() -> None:
    """A hundred thousand suites in each other, as many attributes."""
    report = junit_reports.read([b"<testsuites>" + b"<testsuite name='x'>" * 100_000], "x.xml")
    assert report is None or not report.tests
    attributes = " ".join(f"a{number}='x'" for number in range(20_000))
    report = junit_reports.read([f"<testsuite {attributes}><testcase name='a'/></testsuite>".encode()], "x.xml")
    assert report is not None
    assert [one.test for one in report.tests] == ["a"]


def test_a_runner_that_writes_each_try_alike_leaves_the_colour_open(tmp_path: Path) -> None:
    """Failed and passed: tried again, or asked for several times; the file alone does not say which."""
    file = tmp_path / "junit.xml"
    file.write_bytes(
        suite(
            "<testcase classname='c' name='a'><failure message='no'/></testcase>", "<testcase classname='c' name='a'/>"
        )
    )
    (case,) = cases(artifacts(str(file)))
    assert case.colour is Colour.UNKNOWN
    assert [(one.test, one.passed_later) for one in case.failures] == [("c::a", True)]
    assert any("several times" in note for note in case.notes)
