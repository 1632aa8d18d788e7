"""What suites of real projects do; see docs/pytest.md."""

import pytest
from tests.integration.pytest_targets.conftest import Suite, kept_processes
from tests.tools import mostly_long

INNER = r'''
    INNER = """
    import pytest
    def test_passes(tmp_path, capsys): print("inner"); assert capsys.readouterr().out == "inner\\n"
    def test_fails(): assert 0
    @pytest.mark.xfail
    def test_expected(): assert 0
    """
    def test_in_process(pytester):
        pytester.makepyfile(INNER)
        pytester.runpytest_inprocess("-v").assert_outcomes(passed=1, failed=1, xfailed=1)
    def test_in_another(pytester):
        pytester.makepyfile(INNER)
        pytester.runpytest_subprocess("-q").assert_outcomes(passed=1, failed=1, xfailed=1)
'''


@pytest.mark.long
@kept_processes
def test_the_garbage_collector_sees_what_was_imported(suite: Suite, isolation: str) -> None:
    """Libraries ask it who refers to an object, or which objects there are."""
    suite.write(
        test_it="""
        import gc
        class Thing: pass
        THING = Thing()
        def test_referrers(): assert globals() in gc.get_referrers(THING)
        def test_objects(): assert any(one is THING for one in gc.get_objects()) and not gc.get_freeze_count()
        """
    )
    assert suite.run("test_it.py", isolation=isolation).summary.failed == 0


@pytest.mark.long
@kept_processes
def test_pytest_inside_of_a_test(suite: Suite, isolation: str) -> None:
    """Tests of plugins run pytest in the same process, which has its own plugins, capture and temporary folder."""
    suite.write(conftest='pytest_plugins = ["pytester"]\n', test_it=INNER)
    seen = suite.run("test_it.py", isolation=isolation, count=2)
    assert [item.failed for item in seen.summary.items] == [0, 0]


@kept_processes
def test_subtests_of_unittest(suite: Suite, isolation: str) -> None:
    """A test of which parts fail has failed, once for a trial."""
    suite.write(
        test_it="""
        import unittest
        class TestIt(unittest.TestCase):
            def test_parts(self):
                for number in range(3):
                    with self.subTest(number=number):
                        self.assertEqual(number, 0)
            def test_fine(self):
                for number in range(3):
                    with self.subTest(number=number):
                        pass
        """
    )
    seen = suite.run("test_it.py", isolation=isolation, count=2)
    assert seen.item("test_parts").failed == 2
    assert seen.item("test_fine").passed == 2


STREAMS = """
    import io, sys
    import pytest

    @pytest.fixture
    def replaced():
        sys.stdout = io.StringIO()

    def test_leaves_a_stream(monkeypatch, capsys):
        # capsys goes first, so that what monkeypatch puts back is a stream of its, which is closed.
        monkeypatch.setattr(sys, "stdout", io.StringIO())

    def test_writes(): print("written")

    def test_asks(replaced): assert isinstance(sys.stdout, io.StringIO)
"""


@kept_processes
@mostly_long("options", [(), ("-s",)], first=1, ids=["captured", "not captured"])
def test_streams_that_are_left_replaced(suite: Suite, isolation: str, options: tuple[str, ...]) -> None:
    """pytest's capture puts them in place before each phase, if it is not switched off; so it is here."""
    suite.write(test_it=STREAMS)
    plain = suite.pytest(*options)
    found = {
        item.item: item.failed for item in suite.run("test_it.py", isolation=isolation, options=options).summary.items
    }
    expected = {"test_it.py::" + name.rpartition("::")[2]: int(ending == "failed") for name, ending in plain.items()}
    assert found == expected
