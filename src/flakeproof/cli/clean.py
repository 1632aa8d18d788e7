"""`flakeproof clean`."""

from typing import Annotated

import typer

from flakeproof.cli import options


def clean(
    keep: Annotated[str, typer.Option("--keep", help="Newest runs to keep.", metavar="N")] = "0",
    dry_run: Annotated[bool, typer.Option("-n", "--dry-run", help="Only tell what would be removed.")] = False,
    store: options.StoreFolder = None,
) -> None:
    """Remove the records of runs: tell what and how much, then do it."""
    from flakeproof.cli.clean_store import clean_store

    raise typer.Exit(clean_store(keep, dry_run=dry_run, store=store))
