"""Options of the test suite: `--long` adds what takes longer; flakeproof's own `--short` leaves out stress tests."""

import os
import signal
import sys
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path

import hypothesis
import pytest
from tests.tools import environment

# A busy machine is no finding, and the same examples are tried every time.
hypothesis.settings.register_profile("steady", deadline=None, derandomize=True)
hypothesis.settings.load_profile("steady")

collect_ignore = ["planted"]
"""Programs that fail; `tests/e2e` runs them."""


# Where nothing may be compiled ahead, all that is started here would start slowly.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

# What flakeproof keeps for its user (a key) is not to be mixed with that of whoever runs the tests.
os.environ["XDG_STATE_HOME"] = str(Path(tempfile.gettempdir(), f"flakeproof-tests-{os.getuid()}"))

# A shell ignores these for what it starts in the background, or with nohup, and so would all that is tested here.
for _number, _handler in (
    (signal.SIGINT, signal.default_int_handler),
    (signal.SIGQUIT, signal.SIG_DFL),
    (signal.SIGHUP, signal.SIG_DFL),
):
    if signal.getsignal(_number) is signal.SIG_IGN:
        signal.signal(_number, _handler)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option."""
    parser.addoption("--long", action="store_true", help="run tests marked long, too")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Skip what was not asked for, with the reason."""
    long, short = config.getoption("--long"), config.getoption("--short") or os.environ.get("FLAKEPROOF_SHORT")
    for item in items:
        if item.get_closest_marker("long"):
            if short:
                item.add_marker(pytest.mark.skip(reason="left out in short mode"))
            elif not long:
                item.add_marker(pytest.mark.skip(reason="takes long; add --long"))


@pytest.fixture(scope="session")
def environment_with(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., str]:
    """Makes virtual environments: called with requirements (and `python`), it returns the interpreter of one.

    It is always the same for the same requirements; `name` makes it another.
    """

    @cache
    def made(*requirements: str, python: str = sys.executable, name: str = "environment") -> str:
        return environment(tmp_path_factory.mktemp(name) / "venv", *requirements, python=python)

    return made
