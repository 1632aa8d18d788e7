"""`flakeproof config`."""

from typing import Any

import typer

from flakeproof.cli.signature import argument, takes
from flakeproof.settings.table import REPORTS, Setting
from flakeproof.settings.values import PATH

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
