"""Known flakes that have to be provoked (tests/planted/rare.py): by hand, without flakeproof, and by its options.

By hand, so that what `flakeproof amplify` finds in them is theirs, and no doing of its own.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from tests.e2e.conftest import Flakeproof
from tests.planted.amplifiable import Side, case
from tests.planted.rare import RARE, Rare
from tests.tools import missing, needed

pytestmark = pytest.mark.usefixtures("few_plugins")
LIMIT = 300.0
"""Seconds, of one test."""
_PYTEST = (sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider")

_TRIED = 10
"""How often at most a provocation by hand may miss."""

Failed = bool
Hand = Callable[[Side, Path], Failed]
"""Runs a copy of one side, provoked; whether it failed."""


def _ended(words: Sequence[str], project: Path, **environment: str) -> Failed:
    done = subprocess.run(
        words,
        cwd=project,
        env={**os.environ, "TZ": "UTC", "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", **environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=LIMIT,
        check=False,
    )
    assert done.returncode in (0, 1), done.stderr
    assert done.returncode == 0 or "1 failed" in done.stdout, done.stdout
    return done.returncode == 1


def _plainly(side: Side, project: Path) -> Failed:
    return _ended((*_PYTEST, *side.words), project)


def _under(*before: str) -> Hand:
    def run(side: Side, project: Path) -> Failed:
        return _ended((needed(before[0]), *before[1:], *_PYTEST, *side.words), project)

    return run


def _limited(how: str) -> Hand:
    return _under("sh", "-c", f'ulimit {how}; exec "$@"', "sh")


def _after(code: str) -> Hand:
    def run(side: Side, project: Path) -> Failed:
        start = f"{code}; import pytest, sys; sys.exit(pytest.main(sys.argv[1:]))"
        return _ended((sys.executable, "-c", start, *_PYTEST[3:], *side.words), project)

    return run


def _in_zone(zone: str) -> Hand:
    return lambda side, project: _ended((*_PYTEST, *side.words), project, TZ=zone)


def _stopped(going: float, standing: float) -> Hand:
    """The program and all that it starts, again and again; both in seconds."""

    def run(side: Side, project: Path) -> Failed:
        words = side.words[1:]
        program = subprocess.Popen(
            words, cwd=project, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
        )
        try:
            until = time.monotonic() + LIMIT
            while program.poll() is None and time.monotonic() < until:
                time.sleep(going)
                os.killpg(program.pid, signal.SIGSTOP)
                time.sleep(standing)
                os.killpg(program.pid, signal.SIGCONT)
        finally:
            if program.poll() is None:
                os.killpg(program.pid, signal.SIGKILL)
            program.wait()
        assert program.returncode in (0, 1)
        return program.returncode == 1

    return run


HANDS: dict[str, Hand] = {
    "few_descriptors": _limited("-n 64"),
    "full_disk": _limited("-f 128"),
    "vanished_subscriber": _after(
        "import gc, queue; get = queue.Queue.get; queue.Queue.get = lambda self: (gc.collect(), get(self))[1]"
    ),
    "parts_as_listed": _after(
        "import os; listed = os.listdir; "
        "os.listdir = lambda path=None: sorted(listed(path), key=lambda name: name[::-1], reverse=True)"
    ),
    "nights_by_the_clock": _in_zone("Europe/Berlin"),
    "impatient_throttle": _after("import time; now = time.time; time.time = lambda: 4 * now()"),
    "no_cpu_left": _under("taskset", "-c", str(min(os.sched_getaffinity(0)))),
    "lost_lease": _stopped(0.03, 0.04),
    "early_client": _stopped(0.01, 0.09),
}
IN_SHORT = {"few_descriptors", "nights_by_the_clock"}
every_one = pytest.mark.parametrize(
    "name", [pytest.param(each.name, marks=[] if each.name in IN_SHORT else pytest.mark.long) for each in RARE]
)


@pytest.mark.long
@every_one
def test_it_fails_when_it_is_provoked(name: str, tmp_path: Path) -> None:
    """By its own mechanism; at once, unless the machine is so busy that what stops it comes too late."""
    side = case(name).flaky
    project = side.copy(tmp_path)
    assert any(HANDS[name](side, project) for _ in range(_TRIED))


@pytest.mark.long
@every_one
def test_its_twin_bears_it(name: str, tmp_path: Path) -> None:
    """The same provocation."""
    side = case(name).twin
    assert not HANDS[name](side, side.copy(tmp_path))


@pytest.mark.long
@pytest.mark.parametrize(
    "name", ["few_descriptors", "full_disk", "nights_by_the_clock", "impatient_throttle", "no_cpu_left"]
)
def test_it_never_fails_otherwise(name: str, tmp_path: Path) -> None:
    """The others do, now and then: a busy machine makes them, or the collector that runs when it likes."""
    if name == "no_cpu_left" and len(os.sched_getaffinity(0)) == 1:
        pytest.skip("this machine has one processor")
    side = case(name).flaky
    assert not _plainly(side, side.copy(tmp_path))


@pytest.mark.long
@pytest.mark.parametrize("rare", RARE, ids=lambda rare: rare.name)
def test_an_option_provokes_it(rare: Rare, flakeproof: Flakeproof, tmp_path: Path) -> None:
    """One that is a driver of it; its twin bears that, too. (Of 200 tests one fails, as of 40 more than half did.)"""
    assert rare.provoked[0].removeprefix("--") in rare.drivers
    each = case(rare.name)
    for side, count, expected in ((each.flaky, ("-c", "200", "--max-failures", "1"), 1), (each.twin, ("-c", "8"), 0)):
        project = side.copy(tmp_path)
        done = flakeproof("run", *each.held, *rare.provoked, *count, *side.words, cwd=project, limit=LIMIT)
        if done.returncode == 2:
            missing(f"{' '.join(rare.provoked)} is not possible here: {done.stderr}")
        assert done.returncode == expected, done.stdout
