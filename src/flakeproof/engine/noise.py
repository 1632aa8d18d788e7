"""The surroundings of the tests while they run: processes that keep the machine busy, a CPU quota, pauses."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path

import flakeproof_worker
from flakeproof.engine.leftovers import marker_of, nothing_left_running
from flakeproof.errors import CannotRunError
from flakeproof.model import Load, Perturbations
from flakeproof.perturbations.cpu import written_noise
from flakeproof.perturbations.pauses import written_delay
from flakeproof_worker.environment import RUN
from flakeproof_worker.shared.user_code import DELAY_MARK
from flakeproof_worker.system import cgroups

_PROGRAMS = Path(flakeproof_worker.__file__).parent / "perturb"
_STRESS_NG = "stress-ng"
_PATIENCE = 10.0
"""Seconds that a program may take to print its version, or to end."""
_OPTIONS: Mapping[str, tuple[str, ...]] = {
    "cpu": (),
    "io": ("--hdd-bytes", "1m", "--hdd-opts", "fsync"),
    "memory": ("--vm-bytes", "256m"),
}
_STRESSORS = {"cpu": "cpu", "io": "hdd", "memory": "vm"}
"""Names of the kinds of noise in stress-ng."""
_TAKES_SHARES = {"cpu"}
"""Kinds of noise that stress-ng can run for a share of the time."""


@contextmanager
def noise(
    wanted: Mapping[str, Load], temporary: str, run_id: str, tell: Callable[[str], None], cpus: int | None = None
) -> Iterator[None]:
    """Run the `wanted` noise within the `with` block, on so many `cpus` (None: all).

    Processes that write files do so in `temporary`; `tell` is called with notes on which program runs them. They end
    with this process, even if it is killed. Raises CannotRunError if one cannot be started.
    """
    if not wanted:
        yield
        return
    program = shutil.which(_STRESS_NG)
    version = _version(program) if program else ""
    theirs = {kind: load for kind, load in wanted.items() if version and (load.share == 1 or kind in _TAKES_SHARES)}
    own = {kind: load for kind, load in wanted.items() if kind not in theirs}
    parts = [
        f"{written_noise(part)} by {by}" for part, by in ((theirs, version), (own, "flakeproof's own program")) if part
    ]
    tell(f"noise beside the tests: {', '.join(parts)}")
    environment = {**os.environ, RUN: marker_of(run_id)}
    leash: subprocess.Popen[bytes] | None = None
    processes: list[subprocess.Popen[bytes]] = []
    try:
        for kind, load in own.items():
            words = ["noise.py", kind, str(load.share), str(cpus or 0), str(os.getpid()), temporary]
            for _ in range(load.count):
                process = _started(words, environment, subprocess.DEVNULL, {kind: load})
                processes.append(process)  # one by one: if the next fails to start, these must end
        if theirs:
            words = ["leash.py", str(cpus or 0), str(os.getpid()), *_stress_ng(theirs, temporary)]
            leash = _started(words, environment, subprocess.PIPE, theirs)
        yield
        if leash is not None and leash.poll() is not None:
            tell(f"{version} ended before the tests did (exit status {leash.returncode}): they ran without its noise")
    finally:
        for process in processes:
            process.kill()
        if leash is not None:
            _let_go(leash)
        for process in processes:
            process.wait()


def _started(
    words: list[str], environment: dict[str, str], stdin: int, wanted: Mapping[str, Load]
) -> subprocess.Popen[bytes]:
    """Start one of flakeproof's own programs, by its name and arguments."""
    try:
        return subprocess.Popen(
            [sys.executable, "-I", "-S", str(_PROGRAMS / words[0]), *words[1:]],
            stdin=stdin,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=environment,
            start_new_session=True,
        )
    except OSError as error:
        raise CannotRunError(
            f"a process for --noise {written_noise(wanted)} cannot be started: {error}", "ask for less"
        ) from error


def _let_go(leash: subprocess.Popen[bytes]) -> None:
    """Let the leash end every process that it has started."""
    assert leash.stdin is not None
    leash.stdin.close()
    with suppress(subprocess.TimeoutExpired):
        leash.wait(timeout=_PATIENCE)
    leash.kill()  # `nothing_left_running` finds what is left then
    leash.wait()


@cache
def _version(program: str) -> str:
    """Name and version of stress-ng; "" if it does not work."""
    try:
        said = subprocess.run(
            [program, "--version"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_PATIENCE,
            check=True,
        ).stdout
    except (OSError, subprocess.SubprocessError):
        return ""
    name, _, rest = said.partition(", version ")
    return f"{name} {rest.split()[0]}" if name == _STRESS_NG and rest else ""


def _stress_ng(wanted: Mapping[str, Load], temporary: str) -> list[str]:
    """The command line of stress-ng; --keep-name, because a process that renames itself overwrites its environment."""
    words = [shutil.which(_STRESS_NG) or _STRESS_NG, "--quiet", "--keep-name", "--timeout", "0"]
    words += ["--temp-path", temporary]
    for kind, load in wanted.items():
        words += [f"--{_STRESSORS[kind]}", str(load.count), *_OPTIONS[kind]]
        if load.share < 1:
            words += ["--cpu-load", f"{100 * load.share:.0f}"]
    return words


@contextmanager
def surroundings(
    asked: Sequence[Perturbations], temporary: str, run_id: str, tell: Callable[[str], None]
) -> Iterator[None]:
    """Set up the surroundings `asked` for within the `with` block; leave no process of them or of the tests.

    `asked` has the perturbations of each arm that runs at the same time. `tell` is called with notes for the user.
    Raises CannotRunError if the surroundings cannot be set up.
    """
    if any(perturbations.cpu_quota for perturbations in asked):
        tell(_means_of_a_quota())
    with nothing_left_running(run_id), noise(loads_of(asked), temporary, run_id, tell, cpus_of(asked)):
        yield


def loads_of(asked: Sequence[Perturbations]) -> dict[str, Load]:
    """The noise for all arms together, as they share one machine: for each kind, the largest count and share."""
    found: dict[str, Load] = {}
    for perturbations in asked:
        for kind, load in perturbations.noise.items():
            other = found.get(kind, load)
            found[kind] = Load(count=max(load.count, other.count), share=max(load.share, other.share))
    return found


def cpus_of(asked: Sequence[Perturbations]) -> int | None:
    """The number of CPUs for the noise, which must use those of the tests to disturb them; None for all."""
    counts = [perturbations.cpus for perturbations in asked]
    return None if None in counts else max(count or 0 for count in counts)


def _means_of_a_quota() -> str:
    """A note on how the CPU quota is enforced; worker processes decide in the same way."""
    places = cgroups.own_folder()
    made = cgroups.make(places, f"probe-{os.getpid()}", 1.0) if places is not None else None
    if made is None:
        return "the CPU quota is enforced by stopping and continuing processes: no control group (v2) can be made here"
    cgroups.remove(made)
    return f"the CPU quota is enforced by control groups like {made}"


def without_effect(perturbations: Perturbations, folder: Path) -> list[str]:
    """Notes on perturbations that had no effect; removes the marks of delays in the run's `folder`."""
    found = []
    for number, delay in enumerate(perturbations.delays):
        mark = folder / f"{DELAY_MARK}{number}"
        if mark.exists():
            mark.unlink()
        elif delay.share == 1 and delay.probability > 0:
            found.append(
                f"no pause of --delay {written_delay(delay)} has taken place: no such line was reached in a test"
                if delay.probability == 1
                else f"no pause of --delay {written_delay(delay)} has taken place"
            )
    return found
