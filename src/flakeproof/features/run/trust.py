"""Ask before something is run that only a record says, and the record is not ours."""

import shlex
import sys
from pathlib import Path

from flakeproof.errors import UsageError
from flakeproof.model import CommandTarget, PytestTarget, RunSpec
from flakeproof.reports.foreign import line_shown
from flakeproof.store.spec_file import is_ours
from flakeproof.text import shown_path


def ask_for_trust(folder: Path, spec: RunSpec, *, trusted: bool) -> None:
    """Return where what `spec` says may be run: the record in `folder` is ours, `trusted`, or the user says so.

    Raises UsageError where it may not.
    """
    if trusted or is_ours(folder):
        return
    what = (
        f"the record in {shown_path(str(folder))} was not written by you on this machine, or has been changed; "
        f"it would run, in {spec.target.folder}: {_what(spec)}"
    )
    if sys.stdin.isatty() and sys.stderr.isatty():
        print(line_shown(f"{what[0].upper()}{what[1:]}"), file=sys.stderr)
        print("Run it? [y/N] ", end="", file=sys.stderr, flush=True)
        if sys.stdin.readline().strip().lower() in ("y", "yes"):
            return
        raise UsageError("nothing was run")
    raise UsageError(what, "if you trust it, add --trust")


def _what(spec: RunSpec) -> str:
    """What would be executed, and not what it is called."""
    target = spec.target
    around = [f"{name}={value}" for name, value in target.environment.items()]
    match target:
        case CommandTarget():
            return (
                f"{shlex.join([*around, target.program, *target.argv[1:]])} (started by {shlex.quote(target.python)})"
            )
        case PytestTarget():
            return shlex.join([*around, target.python, "-m", "pytest", *target.options, *target.arguments])
    return f"{shlex.join([*around, target.python])}, which imports {target.module} for {target.attribute}"
