"""pytest as a user would start it: a command in a fresh interpreter, and how one of its tests ended."""

import os
import signal
import subprocess
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from xml.etree import ElementTree

from flakeproof.engine.leftovers import marker_of
from flakeproof.engine.temporary_folders import temporary_root
from flakeproof_worker.environment import RUN
from flakeproof_worker.system.private_files import command as private_files

_TICK = 0.02
_OPTIONS = "PYTEST_ADDOPTS"


def run_side_by_side(
    commands: Sequence[Sequence[str]],
    test: str,
    folder: str,
    run_id: str,
    limit: float | None,
    check: Callable[[], None],
    apart: Sequence[str] = (),
) -> list[bool | None]:
    """Run `commands` in `folder`; for each whether `test` (its node id) failed, None if that is not known.

    `limit` (seconds) is that of each; `check` is called again and again and may raise to end all. Each has the files in
    the folders `apart` to itself.
    """
    with temporary_root() as temporary:
        reports = [Path(temporary, f"{number}.xml") for number in range(len(commands))]
        alone = private_files(apart, temporary) if apart else []
        started = [
            _start([*alone, *command], folder, run_id, report)
            for command, report in zip(commands, reports, strict=True)
        ]
        try:
            return [
                _ended(process, report, test, limit, check) for process, report in zip(started, reports, strict=True)
            ]
        finally:
            for process in started:
                _kill(process)


def _start(command: Sequence[str], folder: str, run_id: str, report: Path) -> subprocess.Popen[bytes]:
    # How the tests ended is written down by pytest itself, which is told so beside the command.
    options = f"{os.environ.get(_OPTIONS, '')} --junit-xml={report}".strip()
    return subprocess.Popen(
        command,
        cwd=folder,
        env={**os.environ, _OPTIONS: options, RUN: marker_of(run_id)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def _ended(
    process: subprocess.Popen[bytes], report: Path, test: str, limit: float | None, check: Callable[[], None]
) -> bool | None:
    waited = 0.0
    while True:
        check()
        with suppress(subprocess.TimeoutExpired):
            process.wait(_TICK)
            break
        waited += _TICK
        if limit is not None and waited > limit:
            return None
    if not report.exists():
        return None
    return _outcome(report, test)


def _outcome(report: Path, test: str) -> bool | None:
    try:
        cases = ElementTree.parse(report).getroot().iter("testcase")
        file, *names = test.partition("[")[0].split("::")
        wanted = ".".join([file.removesuffix(".py").replace("/", "."), *names[:-1]]), names[-1] if names else ""
        found = [
            case
            for case in cases
            if (case.get("classname", ""), case.get("name", "").partition("[")[0]) == wanted
            and case.get("name", "").partition("[")[2] == test.partition("[")[2]
        ]
    except (OSError, ElementTree.ParseError):
        return None
    if not found or any(case.find("skipped") is not None for case in found):
        return None
    return any(case.find(kind) is not None for case in found for kind in ("failure", "error"))


def _kill(process: subprocess.Popen[bytes]) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
