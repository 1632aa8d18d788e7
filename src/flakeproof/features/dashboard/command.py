"""`flakeproof dashboard` in front of the user."""

import secrets
from collections.abc import Mapping
from importlib.util import find_spec
from typing import Any

from flakeproof.errors import UsageError
from flakeproof.features.history.command import since_of
from flakeproof.features.history.database import place_of
from flakeproof.reports.writer import Style, standard
from flakeproof.settings.from_options import options_in, settings
from flakeproof.store.folder import store_of
from flakeproof.text import parse_whole

PORT = 8420
_NEEDED = ("starlette", "uvicorn", "jinja2", "vl_convert", "sqlalchemy")
_TOKEN_BYTES = 24


def dashboard(given: Mapping[str, Any]) -> int:
    """Serve pages until a signal ends it; return the exit code. Raises UsageError."""
    missing = [name for name in _NEEDED if find_spec(name) is None]
    if missing:
        raise UsageError(
            f"a dashboard needs {' and '.join(missing)}, which {'is' if len(missing) == 1 else 'are'} not installed",
            "install it: pip install 'flakeproof[dashboard]'",
        )
    try:
        port = PORT if given["port"] is None else parse_whole(given["port"], 0, 65_535)
    except ValueError as error:
        raise UsageError(f"--port: {error}") from None
    since_of(given["since"])  # said before anything is opened
    config = settings(options_in(given))

    from flakeproof.features.dashboard.access import is_loopback, names_of
    from flakeproof.features.dashboard.application import Dashboard
    from flakeproof.features.dashboard.keeper import DashboardKeeper
    from flakeproof.features.dashboard.recorded_runs import RecordedRuns
    from flakeproof.features.dashboard.server import ServerEnd, address_of, listening, serve
    from flakeproof.features.history.loading import Wanted

    host = given["host"] or "127.0.0.1"
    made = listening(host, port)
    token = secrets.token_urlsafe(_TOKEN_BYTES) if given["token"] or not is_loopback(host) else None

    def wanted() -> Wanted:
        return Wanted(given["branch"] or "", given["job"] or "", since_of(given["since"]))

    keeper = DashboardKeeper(place_of(config), wanted, RecordedRuns(store_of(config)))
    ending = ServerEnd()
    writer = standard()
    try:
        keeper.start()
        app = Dashboard(keeper, ending).application(names_of(host), token, made.getsockname()[1])
        address = address_of(made, host)
        writer.result(f"Dashboard: {address}{f'?token={token}' if token else ''}", Style.TITLE)
        if keeper.trouble:
            writer.note(f"{keeper.trouble[0].upper()}{keeper.trouble[1:]}")
        if token:
            writer.note("Whoever has this address can read it; what is sent is not encrypted")
        writer.note("Ctrl-C ends it")
        return serve(app, made, ending)
    finally:
        made.close()
        keeper.close()
        writer.close()
