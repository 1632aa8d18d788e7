"""Real test runners on small projects: every test that failed is told of by its own name, and counted by it."""

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
from tests.integration.engine.conftest import Runner
from tests.tools import missing, needed

from flakeproof.failures.command_output import read
from flakeproof.failures.runners.report import Report

PROJECTS = Path(__file__).parent / "runners" / "projects"
GO = {"GOFLAGS": "-mod=mod", "GOTOOLCHAIN": "local", "GOPROXY": "off", "GOWORK": "off"}

SHOP_TESTS = '''
import unittest

class ShopTest(unittest.TestCase):
    def test_passes(self): pass

    def test_adds(self):
        """The sum of a bill."""
        self.assertEqual([1, 2], [1, 3])

    def test_breaks(self): raise OSError("closed")

    def test_parts(self):
        for n in range(4):
            with self.subTest("part", n=n):
                self.assertEqual(n % 2, 0)

    @unittest.skip("not here")
    def test_later(self): pass

    @unittest.expectedFailure
    def test_unexpected(self): pass

class TillTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls): raise RuntimeError("no till")

    def test_adds(self): pass
'''


@pytest.fixture(scope="module")
def projects(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the projects, so that nothing is left in the tree."""
    return Path(shutil.copytree(PROJECTS, tmp_path_factory.mktemp("runners") / "projects"))


def written(command: Sequence[str], folder: Path, **environment: str) -> str:
    """What `command`, which must fail, writes."""
    done = subprocess.run(
        command,
        cwd=folder,
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode, done.stdout
    return done.stdout


def told(output: str) -> Report:
    """What is read in `output`."""
    report = read(output)
    assert report is not None, output
    return report


def failed(report: Report) -> dict[str, tuple[str, str]]:
    """Message and place (without its folder) of each test that failed; none is told of twice."""
    found = {one.name: (one.message, one.place.rpartition("/")[2]) for one in report.failed}
    assert len(found) == len(report.failed)
    return found


GO_FAILED = {
    "example.com/sums.TestAdds": ("got 3, want 4", "sums_test.go:12"),
    "example.com/sums.TestTable/first_case": ("first case is wrong", "sums_test.go:30"),
    "example.com/sums.TestTable/second_case": ("second case is wrong", "sums_test.go:30"),
    "example.com/sums/shop.TestAdds": ("the shop adds wrongly", "shop_test.go:5"),
}


@pytest.mark.parametrize("options", [[], ["-v"], ["-json"]], ids=["plain", "v", "json"])
def test_go(options: list[str], projects: Path) -> None:
    """Several tests, parallel subtests that take turns, two packages with a test of one name."""
    command = [needed("go"), "test", *options, ".", "./shop"]
    report = told(written(command, projects / "go", **GO))
    assert failed(report) == GO_FAILED
    assert report.complete
    if options:
        assert report.passed == ["example.com/sums.TestPasses", "example.com/sums.TestTable/third_case"]
        assert report.skipped == ["example.com/sums.TestSkipped"]


@pytest.mark.parametrize("options", [[], ["-v"], ["-json"]], ids=["plain", "v", "json"])
def test_go_panic(options: list[str], projects: Path) -> None:
    """The test that panicked is named; of those after it nothing is known."""
    command = [needed("go"), "test", *options, "-tags", "panics", "-run", "Panics|Never", "."]
    report = told(written(command, projects / "go", **GO))
    found = failed(report)
    assert found.pop("TestPanics") == ("panic: assignment to entry in nil map", "panic_test.go:9")
    assert found == {}
    assert not report.complete


@pytest.mark.parametrize("options", [[], ["-v"], ["-json"]], ids=["plain", "v", "json"])
def test_go_panic_in_the_background(options: list[str], projects: Path) -> None:
    """A goroutine that a test has started panics: no result is told, and the stack has the name."""
    command = [needed("go"), "test", *options, "-tags", "panics", "-run", "Background", "."]
    report = told(written(command, projects / "go", **GO))
    assert failed(report) == {"TestInBackground": ("panic: nobody catches this", "panic_test.go:15")}


def test_a_test_of_go_has_its_own_count(projects: Path, run: Runner) -> None:
    """One that fails in 4 of 20 is given 4, whatever else fails in the same trials; and so is its kind of failure."""
    folder = projects / "go" / "counted"
    subprocess.run(
        [needed("go"), "test", "-c", "-o", "counted.test", "."], cwd=folder, env={**os.environ, **GO}, check=True
    )
    summary = run([str(folder / "counted.test")], count=20, workers=2).summary
    counts = {item.item: (item.failed, item.passed) for item in summary.items}
    assert counts == {"TestParts/third": (6, 14), "TestParts/fifth": (4, 16), "TestTenth": (2, 18)}
    assert {found.signature: found.count for found in summary.signatures} == {
        "TestParts/third: trial <n>": 6,
        "TestParts/fifth: trial <n>": 4,
        "TestTenth: trial <n>": 2,
    }
    assert (summary.failed, summary.passed, summary.has_collected) == (9, 11, False)
    again = run([str(folder / "counted.test"), "-test.v"], count=20, workers=2).summary
    assert {item.item: (item.failed, item.passed) for item in again.items} == counts


RUST_FAILED = {
    "kinds::adds": ("the other adds", "kinds.rs:12"),
    "kinds::does_not_panic": ("test did not panic as expected", "kinds.rs:22"),
    "kinds::fails_by_its_thread_alone": ("the second broke", "kinds.rs:38"),
    "kinds::in_a_named_thread": ("the worker broke", "kinds.rs:32"),
    "kinds::panics_otherwise": (
        'panic did not contain expected string panic message: "underflow" expected substring: "overflow"',
        "kinds.rs:27",
    ),
    "kinds::returns_an_error": ('Error: "no rows"', ""),
    "sums::tests::adds": ("assertion `left == right` failed: sums of 7", "lib.rs:8"),
}


@pytest.mark.long
def test_rust(projects: Path) -> None:
    """Errors that are returned, panics that did not come, and panics in threads of any name: each of its test."""
    command = [needed("cargo"), "test", "--offline", "--no-fail-fast", "--lib", "--test", "kinds"]
    output = written(command, projects / "rust", CARGO_TARGET_DIR=str(projects / "rust" / "target"))
    report = told(output)
    found = failed(report)
    if "left == right" not in found["sums::tests::adds"][0] or "` failed: " not in found["sums::tests::adds"][0]:
        del found["sums::tests::adds"]  # Rust before 1.73 words assertions in another way
    assert found == {name: how for name, how in RUST_FAILED.items() if name in found}
    assert {one.name for one in report.failed} == set(RUST_FAILED)
    assert report.passed == ["sums::tests::passes", "kinds::passes"]
    assert report.skipped == ["kinds::ignored"]


def test_a_test_binary_of_rust(projects: Path) -> None:
    """Run by itself it does not tell its own name; backtraces and --nocapture change nothing."""
    build = [needed("cargo"), "test", "--offline", "--no-run", "--test", "kinds"]
    target = projects / "rust" / "target"
    environment = {**os.environ, "CARGO_TARGET_DIR": str(target)}
    subprocess.run(build, cwd=projects / "rust", env=environment, check=True, capture_output=True)
    binary = next(path for path in (target / "debug" / "deps").glob("kinds-*") if not path.suffix)
    expected = {name.removeprefix("kinds::"): how for name, how in RUST_FAILED.items() if name.startswith("kinds::")}
    for trace in ("0", "1"):
        assert failed(told(written([str(binary)], projects / "rust", RUST_BACKTRACE=trace))) == expected
    bare = told(written([str(binary), "--nocapture", "--test-threads=1"], projects / "rust"))
    assert {one.name for one in bare.failed} == set(expected)


@pytest.mark.parametrize("options", [[], ["-v"], ["--buffer"]], ids=["plain", "v", "buffer"])
def test_unittest(options: list[str], tmp_path: Path) -> None:
    """Failures, errors, subtests, a class that cannot be set up, a module that cannot be loaded."""
    (tmp_path / "test_shop.py").write_text(SHOP_TESTS)
    (tmp_path / "test_broken.py").write_text("import nothing_there\n")
    report = told(written([sys.executable, "-m", "unittest", *options], tmp_path))
    assert [(one.name, one.message, one.place.rpartition("/")[2]) for one in report.failed] == [
        ("test_broken", "ModuleNotFoundError: No module named 'nothing_there'", "test_broken.py:1"),
        ("test_shop.ShopTest.test_breaks", "OSError: closed", "test_shop.py:11"),
        ("test_shop.TillTest.setUpClass", "RuntimeError: no till", "test_shop.py:26"),
        ("test_shop.ShopTest.test_adds", "AssertionError: Lists differ: [1, 2] != [1, 3]", "test_shop.py:9"),
        ("test_shop.ShopTest.test_parts", "[part] (n=1): AssertionError: 1 != 0", "test_shop.py:16"),
        ("test_shop.ShopTest.test_parts", "[part] (n=3): AssertionError: 1 != 0", "test_shop.py:16"),
        ("test_shop.ShopTest.test_unexpected", "unexpected success", ""),
    ]
    if "-v" in options:
        assert report.passed == ["test_shop.ShopTest.test_passes"]
        assert report.skipped == ["test_shop.ShopTest.test_later"]


def test_tests_of_unittest_are_kinds_of_their_own(tmp_path: Path, run: Runner) -> None:
    """Two tests that fail with one message; the parts of a test are one failure of it."""
    (tmp_path / "test_shop.py").write_text(SHOP_TESTS)
    summary = run([sys.executable, "-m", "unittest", "test_shop"], count=2, cwd=tmp_path).summary
    assert {item.item.rpartition(".")[2] for item in summary.items} == {
        "test_adds",
        "test_breaks",
        "test_parts",
        "test_unexpected",
        "setUpClass",
    }
    assert all((item.failed, item.passed) == (2, 0) for item in summary.items)
    assert {found.count for found in summary.signatures} == {2}


GTEST_FAILED = {
    "Sums.Add": "Expected equality of these values: 1 + 1 Which is: 2 3 the sum of a and b",
    "Sums.Compare": "Value of: 1 > 2 Actual: false Expected: true",
    "Ends.Throws": 'C++ exception with description "out of stock" thrown in the test body.',
    "Few/Cases.Odd/1": "Expected equality of these values: GetParam() % 2 Which is: 0 1",
}


@pytest.fixture(scope="module")
def gtest_folder(projects: Path) -> Path:
    """Where the tests of GoogleTest were built."""
    needed("g++")
    if not Path("/usr/include/gtest/gtest.h").exists():
        missing("GoogleTest is not installed")
    folder = projects / "gtest" / "build"
    command = [needed("cmake"), "-S", "..", "-B", ".", "-DCMAKE_BUILD_TYPE=Debug"]
    folder.mkdir()
    for words in (command, [command[0], "--build", "."]):
        done = subprocess.run(words, cwd=folder, capture_output=True, text=True, timeout=300, check=False)
        assert not done.returncode, done.stdout + done.stderr
    return folder


@pytest.mark.long
def test_gtest(gtest_folder: Path) -> None:
    """Each test by its suite, parameter and all; one that takes the program along is named, too."""
    report = told(written(["./sums_test"], gtest_folder))
    assert {one.name: one.message for one in report.failed} == GTEST_FAILED
    assert (report.passed, report.skipped) == (["Sums.Pass", "Ends.Aborts", "Few/Cases.Odd/0"], ["Sums.Skip"])
    report = told(written(["./sums_test", "--gtest_filter=Ends.Aborts:Sums.Add"], gtest_folder, ABORTS="1"))
    assert [one.name for one in report.failed] == ["Sums.Add", "Ends.Aborts"]
    assert not report.complete


@pytest.mark.long
def test_ctest(gtest_folder: Path) -> None:
    """Each test of CTest; with what they write, each test inside of them."""
    report = told(written([needed("ctest")], gtest_folder))
    names = {"whole": "Failed", "alone": "Failed", "script": "Failed", "slow": "Timeout"}
    assert {one.name: one.message for one in report.failed if one.name != "crashes"} == names
    assert (report.passed, report.skipped, len(report.failed)) == (["passes"], ["skipped"], 5)
    report = told(written([needed("ctest"), "--output-on-failure", "-j2"], gtest_folder))
    assert {one.name: one.message for one in report.failed} == {
        "whole: Sums.Add": GTEST_FAILED["Sums.Add"],
        "whole: Sums.Compare": GTEST_FAILED["Sums.Compare"],
        "alone: Sums.Add": GTEST_FAILED["Sums.Add"],
        "script": "Failed: the script broke",
        "slow": "Timeout",
        "crashes: Ends.Aborts": "the program ended in the middle of it",
    }


@pytest.mark.parametrize("reporter", ["tap", "spec"])
def test_node(reporter: str, projects: Path) -> None:
    """Each test by the path of its suites; an error after the end of a test is that test's and keeps its text."""
    command = [needed("node"), "--test", f"--test-reporter={reporter}"]
    report = told(written(command, projects / "node"))
    found = failed(report)
    assert list(found) == ["sums > adds", "sums > compares", "shop > adds", "parts > second", "forgets to wait"]
    assert found["forgets to wait"] == ("after the test had ended: Error: too late for anybody", "late.test.js:3")
    for name, (message, place) in {
        "sums > adds": ("Expected values to be strictly equal: 2 !== 3", "sums.test.js:6"),
        "sums > compares": ("left and right differ", "sums.test.js:7"),
        "shop > adds": ("x is not y", "sums.test.js:12"),
        "parts > second": ("Expected values to be strictly deep-equal: ", "sums.test.js:17"),
    }.items():
        assert message in found[name][0]
        assert found[name][1] == place
    assert report.passed == ["sums > passes"]
    assert report.skipped == ["left for later", "skipped"]


def test_node_without_its_runner(projects: Path) -> None:
    """A file that is run by itself fails by the late error alone: all of its tests are told as passed."""
    report = told(written([needed("node"), "late.test.js"], projects / "node"))
    assert failed(report) == {
        "forgets to wait": ("after the test had ended: Error: too late for anybody", "late.test.js:3")
    }
    assert report.passed == []
