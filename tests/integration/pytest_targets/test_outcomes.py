"""Every kind of test ends as it does under plain pytest, in every isolation, and keeps its own counts."""

import sys
from pathlib import Path

import pytest
from tests.integration.pytest_targets.conftest import Suite, every_isolation, kept_processes

EVERYTHING = r'''
    import unittest
    import pytest

    def helper():
        """
        >>> helper() + 1
        42
        """
        return 41

    def test_plain(): pass

    def test_fails(): assert {"a": 1} == {"a": 2}

    class TestClass:
        def test_method(self): pass

        @pytest.mark.parametrize("value", ["a b", "x[+]", "\\d", lambda: 1, "::", "ä", ""])
        def test_ids(self, value): assert value != "x[+]"

    class TestUnit(unittest.TestCase):
        @classmethod
        def setUpClass(cls): cls.started = True

        def setUp(self): self.value = 1

        def test_unit(self): self.assertTrue(self.started and self.value)

        def test_unit_fails(self): self.assertEqual(self.value, 2)

        @unittest.skip("not here")
        def test_unit_skipped(self): pass

        @unittest.expectedFailure
        def test_expected(self): self.fail()

        def test_many(self):
            for number in range(3):
                with self.subTest(number=number):
                    self.assertLess(number, 3)

    @pytest.mark.skip(reason="not today")
    def test_skipped(): pass

    def test_skips(): pytest.skip("inside")

    @pytest.mark.xfail
    def test_xfailed(): assert 0

    @pytest.mark.xfail
    def test_xpassed(): pass

    @pytest.mark.xfail(strict=True)
    def test_strict(): pass

    def test_marks_itself(request):
        request.node.add_marker(pytest.mark.xfail(reason="known"))
        assert 0

    @pytest.fixture
    def broken(): raise OSError("no such thing")

    def test_setup(broken): pass

    @pytest.fixture
    def untidy():
        yield
        raise OSError("not clean")

    def test_teardown(untidy): pass

    def test_capsys(capsys):
        print("x")
        assert capsys.readouterr().out == "x\n"

    def test_capfd(capfd):
        import os
        os.write(1, b"y")
        assert capfd.readouterr().out == "y"

    def test_caplog(caplog):
        import logging
        logging.warning("careful")
        assert caplog.messages == ["careful"]

    def test_monkeypatch(monkeypatch):
        monkeypatch.setattr("builtins.len", lambda _: 7)
        assert len(()) == 7

    def test_tmp_path(tmp_path):
        assert list(tmp_path.iterdir()) == []
        (tmp_path / "file").write_text("x")

    def test_exits(): raise SystemExit(0)

    async def test_async(): pass
'''


def check_outcomes(suite: Suite, isolation: str) -> None:
    """Tests of every kind end in each trial as plain pytest says."""
    suite.write(test_everything=EVERYTHING)
    plain = suite.pytest("--doctest-modules")
    seen = suite.run(
        "test_everything.py",
        pytest_args="--doctest-modules",
        isolation=isolation,
        count=3 if isolation != "fresh" else 2,
    )
    count = seen.summary.total
    endings: dict[str, str] = {}
    for item in seen.summary.items:
        (ending,) = item.outcomes  # the same in each trial
        assert item.outcomes[ending] == count
        name = item.item.removesuffix("]").replace("test_everything.py", "test_everything", 1)
        owner, _, rest = name.partition("::")
        *classes, test = [*rest.partition("[")[0].split("::"), rest.partition("[")[2]]
        key = ".".join([owner, *classes[:-1]]) + "::" + classes[-1] + (f"[{test}]" if "[" in rest else "")
        endings[key] = ending.replace("xfailed", "skipped").replace("xpassed", "passed")
    assert endings == plain
    assert len(plain) == 31
    assert seen.summary.failed == count


@pytest.mark.long
@every_isolation
def test_outcomes_are_those_of_pytest(suite: Suite, isolation: str) -> None:
    """One after the other, functions, classes, unittest, doctests, marks, fixtures and ids of every kind."""
    check_outcomes(suite, isolation)


@kept_processes
def test_each_test_has_its_own_rate(suite: Suite, isolation: str) -> None:
    """One that always fails is broken, and hides neither the flaky one nor those that pass."""
    suite.write(
        test_it="""
        import os
        TRIAL = lambda: int(os.environ["FLAKEPROOF_TRIAL"])
        def test_broken(): assert False
        def test_flaky(): assert TRIAL() % 2
        def test_fine(): pass
        def test_sometimes():
            import pytest
            if TRIAL() > 2:
                pytest.skip("late")
        """
    )
    seen = suite.run("test_it.py", isolation=isolation, count=4, workers=2)
    assert [(item.verdict, item.failed, item.passed) for item in seen.summary.items] == [
        ("broken", 4, 0),
        ("flaky", 2, 2),
        ("stable", 0, 4),
        ("stable", 0, 2),
    ]
    assert seen.item("test_sometimes").outcomes == {"passed": 2, "skipped": 2}
    assert seen.item("test_flaky").rate == 0.5
    assert (seen.summary.verdict, seen.summary.exit_code, seen.summary.failed) == ("flaky", 1, 4)
    assert (
        sorted(failure.item for failure in seen.failures)
        == ["test_it.py::test_broken"] * 4 + ["test_it.py::test_flaky"] * 2
    )


@kept_processes
def test_one_that_is_always_skipped(suite: Suite, isolation: str) -> None:
    """Where every test is skipped the trial is skipped, with the reason."""
    suite.write(test_it="import pytest\n@pytest.mark.skip(reason='no network')\ndef test_it(): pass\n")
    seen = suite.run("test_it.py", isolation=isolation, count=2)
    assert (seen.summary.outcomes, seen.summary.exit_code) == ({"skipped": 2}, 5)
    assert "no network" in [event.reason for event in seen.events if hasattr(event, "reason")]


def test_a_failure_shows_the_code(suite: Suite) -> None:
    """The frames are the test's own, the comparison that pytest makes is kept, and so is the log."""
    suite.write(
        test_it="""
        import logging

        def check(value):
            assert value == [1, 2, 3]

        def test_it():
            print("seen on stdout")
            logging.getLogger("shop").warning("seen in the log")
            check([1, 2, 4])
        """
    )
    (failure,) = suite.run("test_it.py").failures
    assert failure.message == "AssertionError: assert [1, 2, 4] == [1, 2, 3]"
    exception = failure.details["exception"]
    assert [(Path(file).name, function) for file, _, function in exception["frames"]] == [
        ("test_it.py", "test_it"),
        ("test_it.py", "check"),
    ]
    assert "At index 2 diff: 4 != 3" in exception["message"]
    assert "seen on stdout" in failure.output
    assert "seen in the log" in failure.output
    assert failure.item == "test_it.py::test_it"


@pytest.mark.parametrize(
    ("arguments", "options", "expected"),
    [
        (["test_b.py::test_two", "test_a.py"], [], ["test_b.py::test_two", "test_a.py::test_one[a b]"]),
        (["."], ["-k", "two"], ["test_b.py::test_two"]),
        ([], ["-m", "slow"], ["test_b.py::test_three"]),
        (["test_a.py::test_one[a b]"], [], ["test_a.py::test_one[a b]"]),
    ],
)
def test_what_is_selected(suite: Suite, arguments: list[str], options: list[str], expected: list[str]) -> None:
    """Node ids, files, folders, -k and -m mean what they mean to pytest, in the order given."""
    suite.write(
        test_a="import pytest\n@pytest.mark.parametrize('x', ['a b'])\ndef test_one(x): pass\n",
        test_b="""
        import pytest
        def test_two(): pass
        @pytest.mark.slow
        def test_three(): pass
        """,
    )
    seen = suite.run(*arguments, options=tuple(options))
    assert [item.item for item in seen.summary.items] == expected


def test_the_projects_configuration_applies(suite: Suite) -> None:
    """Its root, its options, its conftest files and plugins, from a folder further down, too; xdist has no say."""
    (suite.folder / "pyproject.toml").write_text(
        "[tool.pytest.ini_options]\n"
        'addopts = "-ra --numprocesses 3 --maxfail=1 --strict-markers"\n'
        'python_functions = "check_*"\n'
    )
    suite.write(
        conftest="""
        import pytest
        @pytest.fixture
        def price(): return 3
        """,
        sub__test_it="""
        def check_price(price): assert price == 3
        def check_more(): assert False
        def check_last(): pass
        """,
    )
    seen = suite.run("sub/test_it.py", count=2)
    assert [item.item.rpartition("::")[2] for item in seen.summary.items] == ["check_price", "check_more", "check_last"]
    assert [item.passed for item in seen.summary.items] == [2, 0, 2]


def test_what_nobody_reads_is_not_told(suite: Suite) -> None:
    """Plugins, which keep results for the end of pytest and tell them then, are spared that; the project's are not."""
    says = "def pytest_terminal_summary(): open({!r}, 'w').close()\n"
    suite.write(
        conftest="pytest_plugins = ['teller']\n" + says.format("conftest"),
        teller=says.format("plugin"),
        test_it="def test_it(): pass\n",
    )
    suite.run("test_it.py", isolation="shared")
    assert (suite.folder / "conftest").exists()
    assert not (suite.folder / "plugin").exists()


def test_order_differs_from_trial_to_trial(suite: Suite) -> None:
    """With --shuffle each trial has the order that its seed gives, the same again with the same seed."""
    suite.write(
        test_it="""
        import pytest
        @pytest.mark.parametrize("number", range(6))
        def test_it(number):
            with open("order", "a") as file:
                file.write(str(number))
        """
    )
    orders: list[str] = []
    for seed in (5, 5, 6):
        suite.run("test_it.py", count=3, isolation="shared", shuffle=True, seed=seed)
        orders.append((suite.folder / "order").read_text())
        (suite.folder / "order").unlink()
    first, again, other = orders
    assert first == again
    assert first != other
    passes = [first[start : start + 6] for start in (0, 6, 12)]
    assert len(set(passes)) == 3
    assert {"".join(sorted(one)) for one in passes} == {"012345"}


@kept_processes
def test_only_what_failed_is_dropped(suite: Suite, isolation: str) -> None:
    """With --drop-failed a test is repeated until it fails once, and the others go on; when none is left, it ends."""
    suite.write(
        test_it="""
        import os
        def test_soon(): assert int(os.environ["FLAKEPROOF_TRIAL"]) < 2
        def test_later(): assert int(os.environ["FLAKEPROOF_TRIAL"]) < 4
        """
    )
    seen = suite.run("test_it.py", isolation=isolation, count=50, drop_failed=True)
    soon, later = seen.item("test_soon"), seen.item("test_later")
    assert (soon.failed, later.failed) == (1, 1)
    assert [failure.trial for failure in seen.failures] == [2, 4]
    assert soon.outcomes["passed"] == 1
    assert later.outcomes["passed"] == 3
    assert seen.summary.stopped == "every test has failed once"
    assert seen.summary.total < 50


@every_isolation
def test_a_test_is_dropped_once_whatever_is_in_flight(suite: Suite, isolation: str) -> None:
    """With --drop-failed a test that fails in several trials at once has one failure, and every trial an outcome."""
    suite.write(
        test_it="""
        import os, pytest
        @pytest.mark.parametrize("number", range(3))
        def test_never_passes(number): assert not number
        def test_ends_the_process(): os.kill(os.getpid(), 9)
        def test_passes(): pass
        """
    )
    seen = suite.run("test_it.py", isolation=isolation, count=12, workers=4, drop_failed=True)
    assert [item.failed for item in seen.summary.items] == [0, 1, 1, 1, 0]
    assert seen.summary.total == 12
    assert len(seen.failures) == 3


def test_other_pythons_need_nothing_but_pytest(suite: Suite) -> None:
    """The worker is started by path: only pytest is needed beside the tests."""
    suite.write(
        test_it="""
        import sys
        def test_it():
            assert not [name for name in sys.modules if name.partition(".")[0] in ("flakeproof", "msgspec", "typer")]
        """
    )
    assert suite.run("test_it.py", python=sys.executable).summary.passed == 1


def test_what_cannot_run_twice_in_one_process_is_told(suite: Suite) -> None:
    """With the counts: it passed in the first trial of each process, and never again."""
    suite.write(
        test_it="""
        DONE = []
        def test_once():
            assert not DONE
            DONE.append(1)
        """
    )
    seen = suite.run("test_it.py", isolation="shared", count=24, workers=1)
    (found,) = seen.summary.repetition
    assert (found.processes, found.later, found.later_failed) == (1, 23, 23)
    assert suite.run("test_it.py", isolation="fork", count=24).summary.repetition == []
