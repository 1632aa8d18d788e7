"""`flakeproof merge`."""

from typing import Any

import typer

from flakeproof.cli.signature import argument, takes

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
