"""Trace the descriptors of a command as `flakeproof fdtrace` does."""

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from flakeproof.engine.leftovers import marker_of, nothing_left_running
from flakeproof.engine.temporary_folders import temporary_root
from flakeproof.errors import ExitCode, UsageError
from flakeproof.features.fdtrace import report
from flakeproof.features.fdtrace.findings import DescriptorTrace
from flakeproof.features.fdtrace.traced_command import trace
from flakeproof.features.fdtrace.tracer import usable_strace
from flakeproof.reports.files import FINDINGS, Document, Renderers, report_files, to_json
from flakeproof.reports.presentation import Presentation
from flakeproof.reports.writer import Style
from flakeproof.settings.from_options import options_in, pairs, settings
from flakeproof.store.folder import new_run_id
from flakeproof.targets.command import CommandLine, resolve_command
from flakeproof_worker.environment import RUN

_FORM = "write it like flakeproof fdtrace -- ./program ARGUMENT"


def trace_command(given: Mapping[str, Any], command: list[str] | None) -> int:
    """Trace `command` with the options `given`, tell, write what is asked for; return the exit code.

    Raises FlakeproofError.
    """
    keep_trace: str | None = given["keep_trace"]
    if not command or not command[0]:
        raise UsageError("there is no command", _FORM)
    config = settings(options_in(given))
    presentation = Presentation(report_files(config, only_asked=True, names=FINDINGS))
    folder = Path.cwd() / (config.get("cwd") or "")
    target = resolve_command(CommandLine(command, environment=pairs("--env", given["env"], empty=True)), folder)
    with temporary_root() as root:
        strace = usable_strace(Path(root), stacks=not given["no_stacks"])
        kept = _kept(keep_trace)
        with presentation.running():
            presentation.note(f"Recording the descriptor calls of {target.name} with strace; it runs slower than usual")
            output = Path(root, "record") if kept is None else kept
            run_id = new_run_id()
            with nothing_left_running(run_id):
                found = trace(
                    strace,
                    target,
                    output,
                    environment={**os.environ, RUN: marker_of(run_id)},
                    # Where stdout carries our document, the command's output is for people.
                    stdout=sys.stderr if presentation.on_stdout else None,
                    timeout=config.value("timeout"),
                    grace=config.value("grace"),
                    uses=not given["no_uses"],
                )
    _print(presentation, found)
    if kept is not None:
        presentation.note(f"Strace's record is in {keep_trace}", Style.DIM)
    return presentation.finish(exit_code(found), _renderers(found))


def _kept(name: str | None) -> Path | None:
    """Where the record is to be kept. Raises UsageError for a place where nothing can be written."""
    if name is None:
        return None
    if name == "-":
        raise UsageError("--keep-trace -: the record is for a file", "name one")
    Document("--keep-trace", name).prepare()
    return Path(name).absolute()


def _print(presentation: Presentation, found: DescriptorTrace) -> None:
    presentation.note("")
    for line in report.results(found):
        style = Style.TITLE if line.startswith("===") else Style.BAD if line.startswith("FINDING") else Style.PLAIN
        presentation.print(line, style)
    presentation.print("")
    for remark in found.remarks:
        presentation.note(f"note: {remark}", Style.WARNING)
    presentation.print(report.closing(found), Style.BAD if found.findings else Style.GOOD)


def _renderers(found: DescriptorTrace) -> Renderers:
    def html() -> bytes:
        from flakeproof.features.fdtrace.html_page import render

        return render(found)

    return {"json": lambda: to_json(found), "markdown": lambda: report.as_markdown(found), "html": html}


def exit_code(found: DescriptorTrace) -> ExitCode:
    """That of what was found; the command's own does not count."""
    if found.stopped_by is not None:
        return ExitCode(found.stopped_by)
    if found.findings:
        return ExitCode.FAILURES
    return ExitCode.GOOD if found.complete else ExitCode.INCONCLUSIVE
