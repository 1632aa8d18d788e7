"""What --freeze does, and that it can be repeated."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest

import flakeproof
from flakeproof.engine.execute import execute
from flakeproof.errors import UsageError
from flakeproof.events import AnyEvent, TrialFailed
from flakeproof.model import Freeze, Outcome, Perturbations
from flakeproof.settings.build_spec import build
from flakeproof.settings.load import load
from flakeproof.targets.command import CommandLine
from flakeproof_worker.perturb.freeze import Standstill, pauses
from flakeproof_worker.shared.seeds import trial_seed

GAPS = """
import time

def test_gaps():
    found, last, end = 0, time.monotonic(), time.monotonic() + 20
    while found < 3 and last < end:
        now = time.monotonic()
        found += now - last > 0.1
        last = now
    raise AssertionError(f"{found} gaps")

if __name__ == "__main__":
    test_gaps()
"""
PAUSES = "100ms..150ms@p=0.5"


@pytest.mark.parametrize(
    ("target", "options"),
    [
        ("gaps:test_gaps", {"isolation": "fork"}),
        ("gaps:test_gaps", {"isolation": "fresh"}),
        (flakeproof.pytest_nodes("gaps.py"), {}),
        ([sys.executable, "gaps.py"], {}),
    ],
    ids=["fork", "fresh", "pytest", "command"],
)
def test_time_passes_in_leaps(
    target: Any, options: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Seen from inside; the test goes on after each pause."""
    (tmp_path / "gaps.py").write_text(GAPS)
    monkeypatch.chdir(tmp_path)

    summary = flakeproof.run(
        target, count=1, workers=1, freeze=PAUSES, seed=7, timeout=60, store=tmp_path / "store", **options
    )

    failure = summary.signatures[0].example
    assert "3 gaps" in f"{failure.message} {failure.output}"


def test_it_is_replayed(tmp_path: Path) -> None:
    """As it was recorded."""
    (tmp_path / "gaps.py").write_text(GAPS)
    words = [sys.executable, "-m", "flakeproof"]

    def done(*arguments: str) -> str:
        told = subprocess.run(
            [*words, *arguments], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False
        )
        return told.stdout + told.stderr

    done("run", "-c", "1", "-w", "1", "--freeze", PAUSES, "--", sys.executable, "gaps.py")
    again = done("replay", "latest", "1")
    assert "3 gaps" in again
    assert "Test 1 failed again, in the same way" in again


def test_a_frozen_test_hears_that_its_time_is_over(tmp_path: Path) -> None:
    """It gets the signal that asks it to end, and can do so, in the middle of what would be a long pause."""
    script = "trap 'echo told; exit 1' TERM; while :; do :; done"
    asked = Freeze(least=120, most=120, share=0.99)
    seed = next(seed for seed in range(1000) if 0.8e9 < _first_pause(asked, seed).after < 1e9)
    settings = {"count": 1, "workers": 1, "seed": seed, "timeout": "1.3s", "grace": "20s"}
    spec = build(CommandLine(["sh", "-c", script], False, {}), load(settings, {}, tmp_path), {}, tmp_path)
    spec = msgspec.structs.replace(spec, perturbations=Perturbations(freeze=asked))
    events: list[AnyEvent] = []

    execute(spec, "frozen", tmp_path, [events.append], None)

    (failure,) = [event.failure for event in events if isinstance(event, TrialFailed)]
    assert failure.outcome is Outcome.TIMED_OUT
    assert failure.output == "told\n"


def _first_pause(asked: Freeze, seed: int) -> Standstill:
    return next(pauses(msgspec.to_builtins(asked), trial_seed(seed, 1)))


def test_tests_that_share_a_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """They cannot be frozen one by one: that is said, with what to do."""
    (tmp_path / "gaps.py").write_text(GAPS)
    monkeypatch.chdir(tmp_path)

    with pytest.raises(UsageError, match=r"freeze.* is not possible here: .* tests share a process"):
        flakeproof.run("gaps:test_gaps", count=1, freeze=PAUSES)
