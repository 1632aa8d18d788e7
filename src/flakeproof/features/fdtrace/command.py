"""Trace the descriptors of a command as `flakeproof fdtrace` does."""

import os
import sys
from collections.abc import Mapping
from pathlib import Path

from flakeproof.engine.leftovers import marker_of, nothing_left_running
from flakeproof.engine.temporary_folders import temporary_root
from flakeproof.errors import ExitCode, UsageError
from flakeproof.features.fdtrace import report
from flakeproof.features.fdtrace.findings import DescriptorTrace
from flakeproof.features.fdtrace.trace import trace
from flakeproof.features.fdtrace.tracer import usable_strace
from flakeproof.features.run.session import pairs, settings
from flakeproof.reports.document import Document
from flakeproof.reports.files import ReportFiles, report_files
from flakeproof.reports.json import to_json
from flakeproof.reports.writer import Style, Writer, standard
from flakeproof.store.folder import new_run_id
from flakeproof.targets.command import CommandLine, resolve_command
from flakeproof_worker.environment import RUN

_FORM = "write it like flakeproof fdtrace -- ./program ARGUMENT"
_DEFAULT_TIMEOUT = 300.0
_DEFAULT_GRACE = 2.0


def trace_command(
    given: Mapping[str, str | None],
    command: list[str] | None,
    env: list[str] | None,
    keep_trace: str | None,
    *,
    stacks: bool,
    uses: bool,
) -> int:
    """Trace `command`, tell, write what is asked for; return the exit code. Raises FlakeproofError."""
    if not command or not command[0]:
        raise UsageError("there is no command", _FORM)
    config = settings(given)
    files = report_files(config, only_asked=True, names=("json",))
    folder = Path.cwd() / (config.get("cwd") or "")
    target = resolve_command(CommandLine(command, environment=pairs("--env", env, empty=True)), folder)
    timeout = config.get("timeout") if "timeout" in config.values else _DEFAULT_TIMEOUT
    writer = standard(results_to_stderr=files.on_stdout)
    with temporary_root() as root:
        strace = usable_strace(Path(root), stacks=stacks)
        kept = _kept(keep_trace)
        files.prepare()
        try:
            writer.note(f"Recording the descriptor calls of {target.name} with strace; it runs slower than usual")
            output = Path(root, "record") if kept is None else kept
            run_id = new_run_id()
            with nothing_left_running(run_id):
                found = trace(
                    strace,
                    target,
                    output,
                    environment={**os.environ, RUN: marker_of(run_id)},
                    # Where stdout carries our document, the command's output is for people.
                    stdout=sys.stderr if files.on_stdout else None,
                    timeout=timeout,
                    grace=config.get("grace") or _DEFAULT_GRACE,
                    uses=uses,
                )
        except BaseException:
            files.withdraw()
            raise
    _print(writer, found)
    if kept is not None:
        writer.note(f"Strace's record is in {keep_trace}", Style.DIM)
    return _finish(writer, files, found)


def _kept(name: str | None) -> Path | None:
    """Where the record is to be kept. Raises UsageError for a place where nothing can be written."""
    if name is None:
        return None
    if name == "-":
        raise UsageError("--keep-trace -: the record is for a file", "name one")
    Document("--keep-trace", name).prepare()
    return Path(name).absolute()


def _print(writer: Writer, found: DescriptorTrace) -> None:
    writer.note("")
    for line in report.results(found):
        style = Style.TITLE if line.startswith("===") else Style.BAD if line.startswith("FINDING") else Style.PLAIN
        writer.result(line, style)
    writer.result("")
    for remark in found.remarks:
        writer.note(f"note: {remark}", Style.WARNING)
    writer.result(report.closing(found), Style.BAD if found.findings else Style.GOOD)


def _finish(writer: Writer, files: ReportFiles, found: DescriptorTrace) -> int:
    code = exit_code(found)
    for problem in files.write({"json": lambda: to_json(found)}):
        writer.note(f"warning: {problem}", Style.WARNING)
        code = code or ExitCode.BROKEN
    return int(code)


def exit_code(found: DescriptorTrace) -> ExitCode:
    """That of what was found; the command's own does not count."""
    if found.stopped_by is not None:
        return ExitCode(found.stopped_by)
    if found.findings:
        return ExitCode.FAILURES
    return ExitCode.GOOD if found.complete else ExitCode.INCONCLUSIVE
