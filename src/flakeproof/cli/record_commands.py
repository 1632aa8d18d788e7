"""The commands about settings and records: `runs report merge config clean`."""

from typing import Any

import typer

from flakeproof.cli.signature import RUN, argument, takes
from flakeproof.settings.table import REPORTS, Setting
from flakeproof.settings.values import FLAG, PATH, TEXT

_NEWEST = Setting("newest", TEXT, "So many of them. [all]", metavar="N", flags=("-n", "--newest"))


@takes("runs", _NEWEST)
def runs(newest: str | None, **given: Any) -> None:
    """List the runs that there are, newest first: when, how far they came, what came out, of what target.

    Exit status: 0, 2 usage, 5 there is none.
    """
    from flakeproof.features.run.runs_command import list_runs

    raise typer.Exit(list_runs(newest, given))


@takes("report", arguments=(RUN,))
def report(run: str, **given: Any) -> None:
    """Write the reports of an earlier run or comparison from its record, also of one that was killed or still goes on.

    Exit status: that of the run; of one without an end 1 with failures, else 4. 2 usage, 5 there is no run.
    """
    from flakeproof.features.compare.report_command import report_recorded

    raise typer.Exit(report_recorded(run, given))


_TARGET = argument(
    "target",
    list[str] | None,
    None,
    help="What would be run: adds the settings that the project has for it.",
    metavar="TARGET",
    show_default=False,
)
_JSON = Setting("json", PATH, "Write the settings as JSON; - is stdout.", REPORTS, "FILE", argument="json_to")


@takes("config", _JSON, arguments=(_TARGET,))
def config(target: list[str] | None, json_to: str | None, **given: Any) -> None:
    """Print every setting, its value, and where that comes from.

    With the options of `run`: what they would change.
    """
    from flakeproof.cli.show_settings import show_settings

    raise typer.Exit(show_settings(target or [], given, json_to))


_OWN = (
    Setting("keep", TEXT, "Newest runs to keep.", metavar="N", default="0"),
    Setting("dry-run", FLAG, "Only tell what would be removed.", flags=("-n", "--dry-run")),
)


@takes("clean", *_OWN)
def clean(keep: str | None, dry_run: bool, **given: Any) -> None:
    """Remove the records of runs: tell what and how much, then do it."""
    from flakeproof.features.run.runs_command import clean_store

    raise typer.Exit(clean_store(keep or "0", dry_run=dry_run, given=given))


_RECORDS = argument(
    "records",
    list[str],
    help="Folders .flakeproof of the parts, folders that hold them, or archives of them.",
    metavar="RECORD…",
    show_default=False,
)


@takes("merge", arguments=(_RECORDS,))
def merge(records: list[str], **given: Any) -> None:
    """Put together the parts of a run that several machines have run with --shard K/N.

    Exit status: that of the whole run, a gate's answer from all parts together; 2 for what are not parts of one run.
    """
    from flakeproof.features.merge.command import merge_records

    raise typer.Exit(merge_records(records, given))
