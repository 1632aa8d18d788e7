"""Tests that mostly wait run many at once, where nobody has said how many and copies of them do not collide."""

from time import monotonic
from typing import Any

import psutil
import pytest
from tests.integration.pytest_targets.conftest import Suite

from flakeproof.engine import crowd
from flakeproof.events import ProcessLoaded

WAITS = "import time\ndef test_waits():\n    {}\n    time.sleep(0.15)\n"


@pytest.fixture(autouse=True)
def idle_processors(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where tests are run the processors may be busy with others; here they idle for 80 % of the time."""
    kind = type(psutil.cpu_times())
    names = dict.fromkeys(kind._fields, 0.0)

    def times() -> object:
        return kind(**{**names, "idle": 0.8 * monotonic(), "user": 0.2 * monotonic()})

    monkeypatch.setattr(psutil, "cpu_times", times)
    monkeypatch.setattr(crowd, "_MOMENT_NS", 100_000_000)
    monkeypatch.setattr(crowd, "_WORTH", 0)


def test_more_processes_are_started(suite: Suite) -> None:
    """It is told, all trials have one outcome, and the plan is what was run."""
    suite.write(test_waits=WAITS.format("pass"))
    seen = suite.run("test_waits.py", count=40, workers=None, processes=None, isolation="fork")
    assert (seen.summary.passed, seen.summary.total) == (40, 40)
    assert len({event.process for event in seen.events if isinstance(event, ProcessLoaded)}) > 2
    assert [note for note in seen.notes if "mostly wait (the processors are idle for 80% of the time)" in note]


@pytest.mark.parametrize(
    ("does", "options"),
    [("pass", {"workers": 2}), ("open(__file__ + '.txt', 'w').close()", {})],
    ids=["the user has said how many", "copies write one file"],
)
def test_as_many_as_before(suite: Suite, does: str, options: dict[str, Any]) -> None:
    """Nothing is told and no process is added."""
    suite.write(test_waits=WAITS.format(does))
    settings: dict[str, Any] = {"workers": None, "processes": None, **options}
    seen = suite.run("test_waits.py", count=20, isolation="fork", **settings)
    assert seen.summary.total == 20
    assert not [note for note in seen.notes if "mostly wait" in note]
