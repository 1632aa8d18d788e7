"""`flakeproof clean`."""

from typing import Any

import typer

from flakeproof.cli.signature import takes
from flakeproof.settings.table import Setting
from flakeproof.settings.values import FLAG, TEXT

_OWN = (
    Setting("keep", TEXT, "Newest runs to keep.", metavar="N", default="0"),
    Setting("dry-run", FLAG, "Only tell what would be removed.", flags=("-n", "--dry-run")),
)


@takes("clean", *_OWN)
def clean(keep: str | None, dry_run: bool, **given: Any) -> None:
    """Remove the records of runs: tell what and how much, then do it."""
    from flakeproof.cli.clean_store import clean_store

    raise typer.Exit(clean_store(keep or "0", dry_run=dry_run, given=given))
