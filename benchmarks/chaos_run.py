"""One run of a campaign: a project, a command in it, what hits it, and what is found wrong afterwards."""

import os
import random
import shutil
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from benchmarks import chaos_checks as checks
from flakeproof_worker.perturb import faketime

_TARGETS = Path(__file__).with_name("chaos_targets.py")
_LIMIT = 300.0
"""Seconds after which a run that still goes on is called hung."""
_MOST_FRESH = 15
"""Trials of a run that starts an interpreter for each: they are slow, and one goes the same way as the next."""
_SIGNALS = (
    *(signal.SIGKILL,) * 6,
    *(signal.SIGTERM, signal.SIGINT, signal.SIGSTOP) * 2,
    *(signal.SIGHUP, signal.SIGQUIT, signal.SIGSEGV, signal.SIGABRT, signal.SIGPIPE, signal.SIGALRM, signal.SIGCHLD),
    *(signal.SIGUSR1, signal.SIGUSR2),
)
_FULL = 'mount -t tmpfs -o size="$0" none full && "$@"; code=$?; cp -r full/store .flakeproof 2>/dev/null; exit $code'
"""In a mount namespace of its own: a store on a small disk, which is copied to where others see it."""


@dataclass
class Hit:
    """A signal that was sent."""

    number: signal.Signals
    whom: str


@dataclass
class Result:
    """What came of one run."""

    index: int
    kind: str
    planned: int | None
    status: int | None = None
    """Exit status, negative for a signal; None if it was hung."""
    surroundings: list[str] = field(default_factory=list)
    hits: list[Hit] = field(default_factory=list)
    trials: int = 0
    wrong: list[str] = field(default_factory=list)


def _words_of(kind: str, rng: random.Random) -> tuple[list[str], int | None]:
    """The command of this kind, and how many trials it plans; None where that is its own affair."""
    count = rng.choice((7, 40) if kind == "command" else (7, 40, 150))
    places = ["-w", str(rng.randint(1, 4)), "--processes", str(rng.randint(1, 3))]
    kind_of_process = rng.choice(("shared", "fork", "fresh"))
    if kind_of_process == "fresh" and kind != "command":
        count = min(count, _MOST_FRESH)
    run = ["run", "-c", str(count), *places, "--timeout", "60s", "--grace", "300ms", "--json", "r.json"]
    isolation = ["--isolation", kind_of_process]
    command = ["--", sys.executable, "chaos_targets.py", "{trial}"]
    match kind:
        case "function":
            return [*run, *isolation, "chaos_targets:function"], count
        case "coroutine":
            return [*run, *isolation, "chaos_targets:coroutine"], count
        case "tests":
            return [*run, *isolation, "test_chaos.py"], count
        case "command":
            return [*run, *command], count
        case "compare":
            arms = ["--arm", "base:chaos_targets:function", "--arm", "fix:--isolation fork chaos_targets:function"]
            return ["compare", "--count", str(count), *arms, "--json", "r.json"], None
        case "verify":
            return ["verify", "test_chaos.py", "--count", str(count), "--json", "r.json"], None
        case "isolate":
            return [
                "isolate",
                "test_chaos.py::test_neighbour",
                "--in",
                ".",
                "--duration",
                "4s",
                "--json",
                "r.json",
            ], None
    return [kind, "chaos_targets:function", "--budget", "4s", "--json", "r.json"], None


KINDS = ("function", "coroutine", "tests", "command", "compare", "verify", "isolate", "diagnose", "amplify")
_WEIGHTS = (5, 2, 4, 4, 2, 2, 1, 1, 1)


def one_run(seed: int, index: int, root: Path) -> Result:
    """Run number `index` of the campaign; its folder is made in `root`, and stays only if something was wrong."""
    rng = random.Random(f"{seed}:{index}")
    (kind,) = rng.choices(KINDS, _WEIGHTS)
    words, planned = _words_of(kind, rng)
    project = root / f"run-{index}"
    (project / "tmp").mkdir(parents=True)
    marker = uuid.UUID(int=rng.getrandbits(128)).hex
    environment = _environment(project, marker, rng)
    _fill(project, kind)
    result = Result(index, kind, planned)
    started = [sys.executable, "-m", "flakeproof", *words]
    if rng.random() < 0.06 and can_mount():
        result.surroundings.append("full disk")
        (project / "full").mkdir()
        place = words.index("--") if "--" in words else len(words)
        stored = [*words[:place], "--store", "full/store", *words[place:]]
        size = rng.choice(("80k", "160k", "400k"))
        started = ["unshare", "--mount", "sh", "-c", _FULL, size, sys.executable, "-m", "flakeproof", *stored]
    clock: Callable[[], None] | None = None
    if rng.random() < 0.06 and (library := faketime.library()) is not None:
        result.surroundings.append("jumping clock")
        clock = _jumping(project, environment, library, rng)
    with (project / "out").open("wb") as out:
        process = subprocess.Popen(
            started,
            cwd=project,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            start_new_session=True,
        )
        _hit(process, rng, result, clock)
        try:
            status = process.wait(_LIMIT)
            # A shell tells of the signal that has ended its command as a number.
            is_shell = "full disk" in result.surroundings
            result.status = 128 - status if is_shell and status > 128 and status not in (130, 143) else status
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            result.wrong.append("hung")
    _check(project, environment, marker, result)
    if not result.wrong:
        shutil.rmtree(project, ignore_errors=True)
    return result


def can_mount() -> bool:
    """Whether a mount of our own is permitted here."""
    done = subprocess.run(
        ["unshare", "--mount", "mount", "-t", "tmpfs", "none", "/mnt"], capture_output=True, check=False
    )
    return done.returncode == 0


def _environment(project: Path, marker: str, rng: random.Random) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if name in ("PATH", "HOME", "LANG", "PYTHONPATH")}
    return {
        **kept,
        "TMPDIR": str(project / "tmp"),
        "XDG_STATE_HOME": str(project / "state"),
        "CHAOS_RUN": marker,
        "CHAOS_COUNT": str(project / "count"),
        "CHAOS_LOADING": rng.choice(("0", "0", "0.4")),
    }


def _fill(project: Path, kind: str) -> None:
    for name in ("chaos_targets.py", "test_chaos.py"):
        shutil.copy(_TARGETS, project / name)
    (project / "pyproject.toml").write_text("")
    if kind == "verify":
        (project / ".gitignore").write_text("*\n!*.py\n")
        identity = ["-c", "user.name=chaos", "-c", "user.email=chaos@localhost"]
        for words in (["init", "-q"], ["add", "."], [*identity, "commit", "-q", "-m", "base"]):
            subprocess.run(["git", *words], cwd=project, check=True)
        with (project / "test_chaos.py").open("a") as file:
            file.write("# mended\n")


def _jumping(project: Path, environment: dict[str, str], library: str, rng: random.Random) -> Callable[[], None]:
    """Have the time of day of all processes jump, back or ahead, when the result is called."""
    place = project / "clock"
    place.write_text("+0\n")
    environment |= {
        "LD_PRELOAD": library,
        "FAKETIME_TIMESTAMP_FILE": str(place),
        "FAKETIME_NO_CACHE": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
    }

    def jump() -> None:
        place.write_text(rng.choice(("-3d\n", "+9d\n", "-1h\n", "+2m\n")))

    return jump


def _hit(
    process: subprocess.Popen[bytes], rng: random.Random, result: Result, clock: Callable[[], None] | None
) -> None:
    """Send signals to processes of the tree, at times of chance."""
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        moment = time.monotonic() + (rng.uniform(0, 0.6) if rng.random() < 0.3 else rng.uniform(0.3, 4))
        while time.monotonic() < moment and process.poll() is None:
            time.sleep(0.005)
        if process.poll() is not None:
            return
        if clock is not None:
            clock()
        with suppress(psutil.Error, ProcessLookupError):
            tree = [(depth, one) for depth, one in _tree(psutil.Process(process.pid)) if _is_a_target(one)]
            depth = rng.choice(sorted({depth for depth, _ in tree}))
            whom = rng.choice([one for deep, one in tree if deep == depth])
            number = rng.choice(_SIGNALS)
            whom.send_signal(number)
            result.hits.append(Hit(number, ("coordinator", "worker", "trial")[min(depth, 2)]))
            if number is signal.SIGSTOP:
                time.sleep(rng.uniform(0.05, 0.5))
                whom.send_signal(rng.choice((signal.SIGCONT, signal.SIGKILL)))


def _tree(top: psutil.Process) -> list[tuple[int, psutil.Process]]:
    """The process and those below it, each with how deep it is; a shell around the coordinator is left out."""
    if top.name() in ("unshare", "sh"):
        return [pair for child in top.children() for pair in _tree(child)]
    found = [(0, top)]
    for child in top.children():
        found += [(depth + 1, one) for depth, one in _tree(child)]
    return found


def _is_a_target(process: psutil.Process) -> bool:
    return process.name() not in ("cp", "mount", "git")


def _check(project: Path, environment: dict[str, str], marker: str, result: Result) -> None:
    if result.hits and result.status in (1, 130, 143) and not (project / ".flakeproof" / "latest").exists():
        # Ended before it had begun, 1 while the interpreter was starting: there is nothing to report.
        result.status = -result.hits[0].number
    left = checks.orphans(marker)
    trials = checks.counted(project / "count")
    result.trials = len(trials["begun"])
    plain = {name: value for name, value in environment.items() if name not in ("LD_PRELOAD", "CHAOS_RUN")}
    interrupted = sum(hit.number is signal.SIGINT and hit.whom != "coordinator" for hit in result.hits)
    result.wrong += left
    result.wrong += checks.records(project / ".flakeproof", trials, result.planned, interrupted)
    if result.status is not None and result.planned is not None:
        result.wrong += checks.report(project / "r.json", result.status, trials, result.planned, interrupted)
    elif result.status is not None and result.status in (0, 1, 4, 130, 143) and not (project / "r.json").exists():
        result.wrong.append(f"no report: exit {result.status}")
    result.wrong += checks.after_next_start(project, plain)
    if "full disk" not in result.surroundings:
        result.wrong += checks.from_record(project, plain)
