"""What a failed program says in its output: which tests failed and how, not the banner around it.

Read are the reports of test runners (`runners`, one module for each family), then errors that ended the program. For
anything else the last line has to do.
"""

from flakeproof.failures.runners import go, gtest, javascript, junit, node, pyunit, rust, uncaught
from flakeproof.failures.runners.report import Output, Reader, Report


def read(output: str) -> Report | None:
    """What `output` tells of failures; None if nothing of it is known."""
    return _first(Output(output), (gtest.ctest_reader(_inside_ctest), *_RUNNERS, uncaught.read))


def last_line(output: str) -> str:
    """The last line with something on it, "" if there is none."""
    return next((line for line in reversed(Output(output).lines) if line.strip()), "").strip()


_RUNNERS: tuple[Reader, ...] = (
    *(go.read, rust.read, gtest.read, node.read, javascript.read, junit.read, pyunit.read, pyunit.read_pytest),
)
"""The report of a test framework says more than the error that it quotes, so errors alone come last."""


def _inside_ctest(output: Output) -> Report | None:
    return _first(output, (*_RUNNERS, uncaught.read))


def _first(output: Output, readers: tuple[Reader, ...]) -> Report | None:
    return next((report for reader in readers if (report := reader(output)) is not None), None)
