"""Trace a command from its start to its findings."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Any

from flakeproof.errors import CannotRunError
from flakeproof.features.fdtrace import record
from flakeproof.features.fdtrace.conclusions import findings
from flakeproof.features.fdtrace.findings import DescriptorTrace
from flakeproof.features.fdtrace.ownership import Analysis
from flakeproof.features.fdtrace.tracer import Recording
from flakeproof.features.fdtrace.tracer import record as run_recorded
from flakeproof.model import CommandTarget
from flakeproof.text import number

_PYTHON = (
    "of Python programs only the interpreter's own functions can be seen from outside; "
    "flakeproof run --sanitize descriptors names the lines of Python code"
)
_CUT_OFF = (
    "strace ended before the command did, so that its record is not complete (some do when a process is killed while "
    "they look at its stack): try again, or with --no-stacks"
)
_TRUNCATED = "there were more mistakes than are kept: only the first 20,000 were looked at"


def trace(
    strace: Sequence[str],
    target: CommandTarget,
    output: Path,
    *,
    environment: Mapping[str, str],
    stdout: int | IO[Any] | None,
    timeout: float | None,
    grace: float,
    uses: bool = True,
) -> DescriptorTrace:
    """Run `target` once and judge what its processes did with descriptors; the record goes to `output`.

    Raises CannotRunError if it could not be started.
    """
    program = target.argv[0] if os.sep in target.argv[0] else target.program
    recording = run_recorded(
        strace,
        [program, *target.argv[1:]],
        Path(target.folder),
        output,
        variables=target.environment,
        environment=environment,
        stdout=stdout,
        timeout=timeout,
        grace=grace,
        uses=uses,
    )
    return judge(output, target.name, recording, uses=uses)


def judge(output: Path, command: str, recording: Recording, *, uses: bool = True) -> DescriptorTrace:
    """The findings in the record in `output`. Raises CannotRunError if there is none of a program that was started."""
    analysis = Analysis(sees_uses=uses)
    try:
        with output.open(encoding="utf-8", errors="replace") as lines:
            analysis.add(record.read(lines))
    except OSError as error:
        raise CannotRunError(f"strace's record cannot be read: {error}", "is there room on the disk?") from None
    tables = analysis.tables
    ended_early = recording.timed_out or recording.stopped_by is not None
    if tables.failed_start or (tables.first is None and not ended_early):
        why = tables.failed_start or "strace has recorded nothing"
        raise CannotRunError(f"cannot run {command}: {why}", "see what strace says above")
    ending = tables.ending
    found = findings(analysis.mishandled())
    remarks = [_PYTHON] if analysis.hides_python and found else []
    if analysis.shells:
        remarks.append(f"left out: {number(analysis.shells)} double closes by shells, which do no harm there")
    if analysis.truncated:
        remarks.append(_TRUNCATED)
    if ending is None and not ended_early:
        remarks.append(_CUT_OFF)
    return DescriptorTrace(
        command=command,
        exit_status=ending.status if ending is not None and not ended_early else None,
        signal=ending.signal if ending is not None and not ended_early else "",
        timed_out=recording.timed_out,
        stopped_by=int(recording.stopped_by) if recording.stopped_by is not None else None,
        complete=ending is not None and not ended_early,
        elapsed=recording.elapsed,
        calls=tables.calls,
        processes=tables.processes,
        findings=found,
        remarks=remarks,
    )
