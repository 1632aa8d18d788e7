"""Tests whose environment has plugins that distribute, repeat, reorder, time and measure."""

from collections.abc import Callable

import pytest
from tests.integration.pytest_targets.conftest import Suite
from tests.tools import NEIGHBOURS

pytestmark = pytest.mark.long  # pip has to fetch what is in these environments

PROJECT = """
[tool.pytest.ini_options]
asyncio_mode = "auto"
addopts = '''
    -n auto --cov=. --cov-report=xml --reruns 3 -p randomly --timeout 60 --count 3 --maxfail 1 --junitxml=x.xml
'''
"""
TESTS = """
    import asyncio, os, random, threading
    import pytest
    import pytest_asyncio

    TRIAL = lambda: int(os.environ["FLAKEPROOF_TRIAL"])

    def test_fine(): pass

    def test_half(): assert TRIAL() % 2

    async def test_async():
        await asyncio.sleep(0)
        assert TRIAL() != 1, "async"

    @pytest.fixture
    async def loop_of_its_own():
        loop = asyncio.get_running_loop()
        yield loop
        assert asyncio.get_running_loop() is loop

    async def test_fixture(loop_of_its_own):
        assert asyncio.get_running_loop() is loop_of_its_own

    @pytest_asyncio.fixture(loop_scope="session", scope="session")
    async def server():
        started = asyncio.get_running_loop(), await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
        yield started
        started[1].close()
        assert asyncio.get_running_loop() is started[0]

    @pytest.mark.asyncio(loop_scope="session")
    @pytest.mark.parametrize("number", range(2))
    async def test_session_loop(server, number):
        assert asyncio.get_running_loop() is server[0]
        assert server[1].is_serving()

    @pytest.mark.flaky(reruns=2)
    def test_reruns():
        if TRIAL() < 1 << 40:  # above are trials that look into whether copies collide
            with open("attempts", "a") as file:
                file.write("x")
        assert TRIAL() != 2, "the first attempt"

    @pytest.mark.timeout(2)
    def test_timeout():
        if TRIAL() == 3:
            threading.Event().wait()

    def test_random():
        if TRIAL() < 1 << 40:
            with open("numbers", "a") as file:
                file.write(f"{random.random()}\\n")
"""


@pytest.mark.parametrize("isolation", ["shared", "fork", "fresh"])
def test_plugins_beside_us(suite: Suite, environment_with: Callable[..., str], isolation: str) -> None:
    """They neither distribute, nor measure, nor multiply, nor hide a failure, nor leave a file; the rest works."""
    suite.python = environment_with("pytest==9.0.2", *NEIGHBOURS)
    (suite.folder / "pyproject.toml").write_text(PROJECT)
    suite.write(test_it=TESTS)
    seen = suite.run("test_it.py", isolation=isolation, count=4, workers=2)
    assert {item.item.partition("::")[2]: item.outcomes for item in seen.summary.items} == {
        "test_fine": {"passed": 4},
        "test_half": {"passed": 2, "failed": 2},
        "test_async": {"passed": 3, "failed": 1},
        "test_fixture": {"passed": 4},
        "test_session_loop[0]": {"passed": 4},
        "test_session_loop[1]": {"passed": 4},
        "test_reruns": {"passed": 3, "failed": 1},
        "test_timeout": {"passed": 3, "failed": 1},
        "test_random": {"passed": 4},
    }
    told = {(failure.item.rpartition("::")[2], failure.trial): failure.message for failure in seen.failures}
    assert len(told) == len(seen.failures) == 5
    assert told["test_reruns", 2] == "AssertionError: the first attempt"
    assert told["test_timeout", 3] == "Failed: Timeout (>2.0s) from pytest-timeout."
    assert (suite.folder / "attempts").read_text() == "xxxx"
    assert len(set((suite.folder / "numbers").read_text().split())) == 4  # a seed for each trial
    left = {path.name for path in suite.folder.iterdir() if path.name != "__pycache__"}
    assert left == {"pyproject.toml", "test_it.py", "attempts", "numbers"}


@pytest.mark.parametrize(
    ("requirement", "mark"),
    [("flaky==3.8.1", "@pytest.mark.flaky(max_runs=3)"), ("pytest-retry==1.7.0", "@pytest.mark.flaky(retries=3)")],
)
def test_nothing_is_tried_again(
    suite: Suite, environment_with: Callable[..., str], requirement: str, mark: str
) -> None:
    """Other plugins that do so have no say either."""
    suite.python = environment_with("pytest==8.4.2", requirement)
    suite.write(
        test_it=f"""
        import os, pytest
        {mark}
        def test_it():
            with open("attempts", "a") as file:
                file.write("x")
            assert int(os.environ["FLAKEPROOF_TRIAL"]) % 2
        """
    )
    seen = suite.run("test_it.py", isolation="shared", count=4)
    assert (seen.summary.passed, seen.summary.failed, len(seen.failures)) == (2, 2, 2)
    assert (suite.folder / "attempts").read_text() == "xxxx"
