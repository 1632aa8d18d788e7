"""Tests that replace names of the standard library, also for longer than one of them: flakeproof uses its own."""

from collections.abc import Callable

import pytest
from tests.integration.pytest_targets.conftest import Suite, kept_processes

FAKES = """
    import json, os, random, shutil, sys, time, types
    import pytest

    NAMES = {
        os: "write read pread pwrite open close dup fstat ftruncate mkdir rmdir unlink scandir listdir chdir chmod "
            "rename replace getpid kill urandom _exit",  # and nothing that pytest's own report of a failure needs
        time: "time time_ns sleep monotonic monotonic_ns perf_counter perf_counter_ns",
        json: "dumps loads JSONEncoder JSONDecoder",
        random: "Random",
        shutil: "rmtree copyfile",
    }

    def fake(*arguments, **options): raise RuntimeError("this is a fake")

    @pytest.fixture(scope="session", autouse=True)
    def fakes():
        real = {id(getattr(module, name)) for module, names in NAMES.items() for name in names.split()}
        for module, names in NAMES.items():
            for name in names.split():
                setattr(module, name, fake)
        for name, module in list(sys.modules.items()):
            if name.startswith("flakeproof"):  # as pyfakefs and freezegun do it in every module
                for key, value in list(vars(module).items()):
                    if any(value is one for one in NAMES):
                        setattr(module, key, types.ModuleType("fake"))
                    elif id(value) in real:
                        setattr(module, key, fake)
        yield
"""


@kept_processes
def test_names_that_stay_replaced(suite: Suite, isolation: str) -> None:
    """A fixture of the session replaces what flakeproof needs between and after tests, and never puts it back."""
    suite.write(
        conftest=FAKES,
        test_it="""
            def test_passes(tmp_path_factory): pass
            def test_fails(): assert 0, "as it should"
        """,
    )
    seen = suite.run(isolation=isolation, count=3)
    assert [(failure.item, failure.message) for failure in seen.failures] == [
        ("test_it.py::test_fails", "AssertionError: as it should")
    ] * 3
    assert seen.item("test_passes").outcomes["passed"] == 3


@kept_processes
def test_plugins_that_pause_what_they_replace(suite: Suite, isolation: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """They do so around what hears of a report, and begin again with the next setup: as with plain pytest."""
    suite.write(
        pausing="""
            import pytest
            PATCHES = []
            @pytest.hookimpl(hookwrapper=True, tryfirst=True)
            def pytest_runtest_logreport(report):
                PATCHES.append("pause")
                yield
            def pytest_runtest_logstart(): PATCHES.append("a reporter")
        """,
        test_it="""
            import pausing
            def test_first(): assert pausing.PATCHES == ["pause"]
            def test_second(): assert pausing.PATCHES[-4:] == ["pause"] * 4
        """,
    )
    seen = suite.run(isolation=isolation, options=("-p", "pausing"), count=1)
    assert seen.summary.passed == 1, [failure.details for failure in seen.failures]


@pytest.mark.long  # pip has to fetch them
@pytest.mark.parametrize("isolation", ["shared", "fork", "fresh"])
def test_libraries_that_fake(suite: Suite, environment_with: Callable[..., str], isolation: str) -> None:
    """A fake file system and a frozen clock, each for all tests of a module."""
    suite.python = environment_with("pytest==9.0.2", "pyfakefs", "freezegun")
    suite.write(
        test_files="""
            import os
            def test_writes(fs_module):
                with open("/data.txt", "w") as file: file.write("x")
            def test_reads(fs_module):
                with open("/data.txt") as file: assert file.read() == "x"
        """,
        test_session="""
            def test_all(fs_session): open("/all", "w").close()
            def test_more(fs_session): open("/all").close()
        """,
        test_time="""
            import time, freezegun, pytest
            @pytest.fixture(scope="module", autouse=True)
            def frozen():
                with freezegun.freeze_time("2020-02-02"): yield
            def test_stands(): assert time.time() == time.time()
            def test_fails(): assert 0
        """,
    )
    seen = suite.run(isolation=isolation, count=2)
    assert {item.item: item.failed for item in seen.summary.items if item.failed} == {"test_time.py::test_fails": 2}
    assert all(failure.duration > 0 for failure in seen.failures)
