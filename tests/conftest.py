"""Options of the test suite: `--long` adds what takes longer; flakeproof's own `--short` leaves out stress tests."""

import os

import hypothesis
import pytest

# A busy machine is no finding, and the same examples are tried every time.
hypothesis.settings.register_profile("steady", deadline=None, derandomize=True)
hypothesis.settings.load_profile("steady")


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
