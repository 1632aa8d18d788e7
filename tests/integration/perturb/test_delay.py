"""Pauses at lines of real targets, and the search for the line that matters."""

import os
import re
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest
from tests.tools import other_python

import flakeproof
from flakeproof.events import AnyEvent, Noted
from flakeproof.line_search import strategy
from flakeproof.line_search.find_line import DelayFinding, find_line
from flakeproof.results.summary import Summary
from flakeproof.settings import load
from flakeproof.settings.build_spec import build

PLANTED = Path(__file__).parent.parent.parent / "planted" / "python_delays"
SEED = 7
PAUSE = "200ms"
"""Long enough for the other thread, task or process, also where many programs want the CPU."""
PLENTY = 600.0
"""Seconds that a search may take; it ends as soon as it has found something, or has tried everything."""


def _line(file: str, mark: str) -> int:
    """Number of the line in a planted file that ends with `mark`."""
    lines = (PLANTED / file).read_text().splitlines()
    return next(number for number, line in enumerate(lines, 1) if line.endswith(mark))


def _run(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, target: Any, folder: Path = PLANTED, **options: Any
) -> Summary:
    monkeypatch.chdir(folder)
    settings: dict[str, Any] = {"workers": 1, "processes": 1, "count": 12, "seed": SEED, "store": tmp_path / "store"}
    return flakeproof.run(target, **settings | options)


def test_a_search_ends_when_its_time_does(monkeypatch: pytest.MonkeyPatch) -> None:
    """In the midst of a probe, of which then nothing counts; no line is named, and nothing went wrong."""
    found = _search(monkeypatch, "account:racy", budget=0.01)
    assert (found.lines, found.out_of_time) == ([], True)


@pytest.mark.parametrize(
    ("target", "file", "mark"),
    [
        ("account:racy", "account.py", "# RACE"),
        ("account:racy_line", "account.py", "# RACE OF ONE LINE"),
        ("cache:racy", "cache.py", "# RACE"),
        ("pidfile:racy", "pidfile.py", "# RACE"),
    ],
)
def test_a_pause_at_the_race_shows_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, target: str, file: str, mark: str
) -> None:
    """Between two threads, two tasks, and two processes that the test forks off."""
    summary = _run(monkeypatch, tmp_path, target, count=6, delay=f"{file}:{_line(file, mark)}:{PAUSE}")

    assert summary.failed >= 3  # a busy machine may hold one up for longer than the pause


@pytest.mark.parametrize("target", ["account:fixed", "cache:fixed", "pidfile:fixed"])
def test_fixed_code_bears_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, target: str) -> None:
    """Pauses at every line make no correct code fail."""
    file = target.partition(":")[0]
    summary = _run(monkeypatch, tmp_path, target, count=6, delay=f"{file}.py:*:1ms..5ms@p=0.5")

    assert (summary.passed, summary.failed) == (6, 0)


@pytest.mark.parametrize(("isolation", "workers"), [("fork", 2), ("fresh", 2), ("shared", 3)])
def test_in_every_isolation(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, isolation: str, workers: int) -> None:
    """In a fork, in an interpreter of its own, and with several trials in one process."""
    delay = f"account.py:{_line('account.py', '# RACE')}:{PAUSE}"
    options: dict[str, Any] = {"isolation": isolation, "workers": workers, "count": 6, "delay": delay}

    assert _run(monkeypatch, tmp_path, "account:racy", **options).failed >= 3


@pytest.mark.long
@pytest.mark.parametrize("target", ["account:racy_line", "cache:racy"])
def test_where_the_interpreter_can_monitor(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, target: str) -> None:
    """From 3.12 on by another way than before, with the same effect (here at least on the other side of 3.12)."""
    is_new = sys.version_info >= (3, 12)
    python = other_python(lambda version: version >= (3, 11) and (version >= (3, 12)) != is_new)
    file, mark = ("account.py", "# RACE OF ONE LINE") if target.startswith("account") else ("cache.py", "# RACE")
    summary = _run(monkeypatch, tmp_path, target, count=6, python=python, delay=f"{file}:{_line(file, mark)}:{PAUSE}")

    assert summary.failed >= 3


MEASURED = """
import time
from flakeproof_worker.perturb import delay

PAUSES = []

def counted(seconds, sleep=delay.sleep):
    PAUSES.append(seconds)
    sleep(seconds)

delay.sleep = counted  # a busy machine makes anything slow; it makes no pause

def slow():
    x = 1
    return x

def quick():
    x = 1
    return x

def measure():
    found = []
    for function in (slow, quick):
        PAUSES.clear()
        start = time.perf_counter()
        function()
        assert time.perf_counter() - start >= sum(PAUSES), "too short"
        found.append(len(PAUSES))
    raise ValueError(*found)

def test_measure():
    measure()
"""


def _paused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, target: Any, delay: str, **options: Any
) -> list[list[int]]:
    """How often `slow` and `quick` were paused in each trial."""
    (tmp_path / "test_measured.py").write_text(MEASURED)
    found: dict[int, list[int]] = {}

    def listen(event: AnyEvent) -> None:
        if isinstance(event, flakeproof.events.TrialFailed):
            told = re.fullmatch(r"ValueError: \((\d), (\d)\)", event.failure.message)
            assert told is not None, event.failure.message
            found[event.failure.trial] = [int(told[1]), int(told[2])]

    _run(monkeypatch, tmp_path, target, tmp_path, count=8, delay=delay, on_event=listen, **options)
    return [found[trial] for trial in sorted(found)]


def test_only_what_matches_is_paused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Each of the two lines of the one function, in a function and in a test of pytest."""
    for target in ("test_measured:measure", flakeproof.pytest_nodes("test_measured.py")):
        assert _paused(monkeypatch, tmp_path, target, "test_measured.py:slow:20ms") == [[2, 0]] * 8


def test_pauses_follow_from_the_seed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Which trials are paused is the same again with the same seed, and another time otherwise with another."""

    def paused(seed: int) -> list[list[int]]:
        return _paused(monkeypatch, tmp_path, "test_measured:measure", "test_measured.py:slow:2ms@p=0.3", seed=seed)

    first = paused(3)
    assert first == paused(3)
    assert first != paused(4)
    assert 0 < sum(slow for slow, _ in first) < 16


def test_a_delay_that_never_takes_place_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """At the end, because nobody could know before; the one that does is not mentioned."""
    (tmp_path / "never.py").write_text("def f():\n    pass\n\ndef g():\n    return 1\n")
    notes: list[str] = []

    def listen(event: AnyEvent) -> None:
        if isinstance(event, Noted):
            notes.append(event.message)

    delay = ["never.py:g:1ms", "never.py:f:1ms"]
    _run(monkeypatch, tmp_path, "never:f", tmp_path, delay=delay, on_event=listen)

    assert [note for note in notes if "--delay" in note] == [
        "no pause of --delay never.py:g:1ms has taken place: no such line was reached in a test"
    ]


ORDERED = """
import asyncio

async def check():
    seen = []

    async def step(name):
        for _ in range(3):
            await asyncio.sleep(0)
            seen.append(name)

    loop = asyncio.get_running_loop()
    first, second = asyncio.create_task(step("a")), asyncio.create_task(step("b"))
    for number in range(5):
        loop.call_soon(seen.append, number)
    await asyncio.gather(first, second)
    assert seen[:7] == ["a", "b", 0, 1, 2, 3, 4] or seen[:5] == [0, 1, 2, 3, 4], seen
    letters = [name for name in seen if isinstance(name, str)]
    assert letters == ["a", "b"] * 3, seen
    assert [name for name in seen if isinstance(name, int)] == [0, 1, 2, 3, 4], seen
"""


def test_the_order_that_asyncio_promises_is_kept(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Callbacks, first steps of tasks, and turns taken by sleep(0) keep their order, wherever there are pauses."""
    (tmp_path / "ordered.py").write_text(ORDERED)
    summary = _run(monkeypatch, tmp_path, "ordered:check", tmp_path, count=30, delay="ordered.py:*:0ms..3ms@p=0.5")

    assert (summary.passed, summary.failed) == (30, 0)


LATE = """
import asyncio

async def check():
    went_on = False

    async def other():
        nonlocal went_on
        await asyncio.sleep(0.02)
        went_on = True

    task = asyncio.create_task(other())
    await wait()
    task.cancel()
    assert not went_on, "others went on"

async def wait():
    await asyncio.sleep(0.0001)
"""


@pytest.mark.long
def test_a_coroutine_that_is_paused_lets_others_go_on(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """What it awaits takes longer; the loop does not stop. Which timer comes first does not hang on the machine."""
    (tmp_path / "late.py").write_text(textwrap.dedent(LATE))
    plain = _run(monkeypatch, tmp_path, "late:check", tmp_path)
    late = _run(monkeypatch, tmp_path, "late:check", tmp_path, count=4, delay="late.py:wait:1s")

    assert plain.failed == 0
    assert late.failed == 4


def _search(
    monkeypatch: pytest.MonkeyPatch, target: str, *, seed: int = SEED, budget: float = PLENTY, **options: str
) -> DelayFinding:
    monkeypatch.chdir(PLANTED)
    settings = load.load({"seed": str(seed), **options}, {}, PLANTED)
    return find_line(build(target, settings, {}, PLANTED), budget=budget)


@pytest.mark.parametrize(
    ("target", "file", "mark", "between"),
    [
        ("account:racy", "account.py", "# RACE", 1),
        ("account:racy_line", "account.py", "# RACE OF ONE LINE", 1),
        pytest.param("cache:racy", "cache.py", "# RACE", 1, marks=pytest.mark.long),
        pytest.param("pidfile:racy", "pidfile.py", "# RACE", 2, marks=pytest.mark.long),
    ],
)
def test_the_line_of_the_race_is_found(
    monkeypatch: pytest.MonkeyPatch, target: str, file: str, mark: str, between: int
) -> None:
    """The line that acts on what may be true no more, or one of those since the look; with rates that are far apart."""
    found = _search(monkeypatch, target)

    line = found.line
    assert line is not None, found
    assert os.path.basename(line.file) == file  # noqa: PTH119
    assert _line(file, mark) - between <= line.line <= _line(file, mark)
    assert line.raises
    assert line.with_pause.low > line.without_pause.high
    assert line.sentence.startswith("A pause of ")
    assert found.others == {}


@pytest.mark.long
@pytest.mark.parametrize(
    ("target", "file", "isolation"), [("account:racy", "account.py", "shared"), ("cache:racy", "cache.py", "fork")]
)
def test_it_is_found_where_tests_would_share_a_process(
    monkeypatch: pytest.MonkeyPatch, target: str, file: str, isolation: str
) -> None:
    """Several at once, in one process or in forks of it."""
    found = _search(monkeypatch, target, isolation=isolation, workers="4", processes="1")

    assert found.line is not None, found
    assert found.line.line in (_line(file, "# RACE"), _line(file, "# RACE") - 1)


@pytest.mark.long
@pytest.mark.parametrize("target", ["account:fixed", "cache:fixed", "pidfile:fixed"])
def test_nothing_is_found_in_fixed_code(monkeypatch: pytest.MonkeyPatch, target: str) -> None:
    """However long the pauses are that are tried."""
    monkeypatch.setattr(strategy, "PAUSES", (0.001, 0.005))  # longer ones take long
    found = _search(monkeypatch, target)

    assert found.lines == []
    assert found.pauses == [0.001, 0.005]
    assert "was seen to matter" in found.sentence


def test_a_loop_on_the_line_of_its_function_is_one_place(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """It is paused as often as the loop goes round: as two places, one of them once, a trial would take ages."""
    (tmp_path / "loops.py").write_text("def check():\n    assert sum(number for number in range(3000)) == 4498500\n")
    monkeypatch.chdir(tmp_path)

    found = find_line(build("loops:check", load.load({"workers": 1}, {}, tmp_path), {}, tmp_path), budget=1)

    assert found.candidates == 1
    assert not found.others


@pytest.mark.long
def test_a_replay_repeats_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The perturbations are in the record of the run; the trial draws the same again."""
    code = MEASURED.replace("raise ValueError", "if found[0]: raise ValueError")
    (tmp_path / "test_measured.py").write_text(code)

    def flakeproof_says(*words: str) -> subprocess.CompletedProcess[str]:
        whole = [sys.executable, "-m", "flakeproof", *words, "--store", "runs"]
        return subprocess.run(whole, cwd=tmp_path, capture_output=True, text=True, timeout=300, check=False)

    delay = "test_measured.py:slow:1ms@p=0.3"
    done = flakeproof_says("run", "-v", "test_measured:measure", "-c", "12", "--seed", "3", "--delay", delay)
    failed = [int(number) for number in re.findall(r"FAILURE #\d+ on test (\d+)", done.stderr + done.stdout)]
    passed = next(number for number in range(1, 13) if number not in failed)
    for trial, status in ((failed[-1], 1), (passed, 0)):
        again = flakeproof_says("replay", "latest", str(trial))
        assert again.returncode == status, again.stderr


def test_a_place_that_was_misspelt_is_told_at_once(tmp_path: Path) -> None:
    """Nothing runs, and nothing is left behind."""
    (tmp_path / "mod.py").write_text("def check():\n    return None\n")
    words = [sys.executable, "-m", "flakeproof", "run", "mod:check", "--delay", "mod.py:chekc:1ms"]
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)

    assert done.returncode == 2
    assert "did you mean 'check'?" in done.stderr
    assert not (tmp_path / ".flakeproof").exists()
