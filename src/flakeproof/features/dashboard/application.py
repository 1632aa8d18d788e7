"""The addresses of the dashboard, and what answers each."""

import asyncio
import sys
import time
import traceback
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path
from typing import Any

from markupsafe import Markup
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route
from starlette.types import ASGIApp

from flakeproof.errors import FlakeproofError
from flakeproof.features.dashboard import run_views, views
from flakeproof.features.dashboard.access import Guard
from flakeproof.features.dashboard.keeper import DashboardKeeper
from flakeproof.features.dashboard.lists import NoSuchPageError, Shown
from flakeproof.features.dashboard.recorded_runs import RunNow
from flakeproof.features.dashboard.server import ServerEnd
from flakeproof.reports.pages.page import shared_style, source_of, templates
from flakeproof.version import __version__

_FOLDER = Path(__file__).with_name("templates")
_MOST_STREAMS = 32
_LOOK_SECONDS = 0.25
_ALIVE_SECONDS = 15.0
"""After so long a stream says that it is still there, so that nobody between closes it."""
_Of = Callable[[Any, str, Mapping[str, str]], Shown]


def _style() -> str:
    return shared_style() + (_FOLDER / "dashboard.css").read_text(encoding="utf-8")


_POLICY = (
    "default-src 'none'; style-src {style}; script-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'"
)
_OF_HEADER = "; frame-ancestors 'none'"


class Dashboard:
    """The pages of what a keeper keeps."""

    def __init__(self, keeper: DashboardKeeper, ending: ServerEnd) -> None:
        self._keeper = keeper
        self._ending = ending
        self._style = _style()
        self._policy = _POLICY.format(style=source_of(self._style))
        self._templates = templates(_FOLDER)
        for name in _FOLDER.glob("*.html"):
            self._templates.get_template(name.name)  # compiled now, and not when the first one asks
        self._script = (_FOLDER / "live.js").read_bytes()
        self._streams = 0

    def application(self, names: set[str], token: str | None, port: int) -> ASGIApp:
        """What a server serves, for a server of these `names`; see `Guard`."""
        of_history: Mapping[str, tuple[str, str, _Of]] = {
            "/": ("overview.html", "Tests", lambda history, _, query: views.overview(history, query)),
            "/test/{key}": ("test.html", "Tests", views.test),
            "/signatures": (
                "signatures.html",
                "Signatures",
                lambda history, _, query: views.signatures(history, query),
            ),
            "/signature/{key}": ("signature.html", "Signatures", views.signature),
            "/clusters": ("clusters.html", "Clusters", lambda history, _, query: views.clusters(history, query)),
            "/cluster/{key}": ("cluster.html", "Clusters", lambda history, key, _: views.cluster(history, key)),
            "/jobs": ("jobs.html", "Jobs", lambda history, _, query: views.jobs(history, query)),
            "/job/{key}": ("job.html", "Jobs", views.job),
        }
        routes = [Route(path, self._of_history(*what)) for path, what in of_history.items()]
        routes += [
            Route("/runs", self._runs),
            Route("/run/{key}", self._run),
            Route("/run/{key}/report", self._report),
            Route("/live/runs", self._live_runs),
            Route("/live/run/{key}", self._live_run),
            Route("/live.js", self._live_script),
        ]
        app = Starlette(routes=routes, exception_handlers={HTTPException: self._refused, Exception: self._failed})
        return Guard(app, names, token, port, self._policy + _OF_HEADER)

    def _page(self, template: str, section: str, status: int = 200, **what: Any) -> Response:
        history = self._keeper.history
        text = self._templates.get_template(template).render(
            style=Markup(self._style),
            policy=self._policy,
            version=__version__,
            section=section,
            running=len(self._keeper.runs.running),
            place=history.report.place if history is not None else "",
            until=history.report.until if history is not None else "",
            trouble=self._keeper.trouble,
            **what,
        )
        return HTMLResponse(text.encode("utf-8", "replace"), status)

    def _of_history(self, template: str, section: str, of: _Of) -> Callable[[Request], Response]:
        def answer(request: Request) -> Response:
            self._keeper.asked = time.monotonic()
            history = self._keeper.history
            if history is None:
                return self._page("empty.html", section, 200 if request.url.path == "/" else 404)
            try:
                what = of(history, request.path_params.get("key", ""), request.query_params)
            except NoSuchPageError as error:
                raise HTTPException(404, str(error)) from None
            return self._page(template, section, **what)

        return answer

    def _runs(self, request: Request) -> Response:
        try:
            what = run_views.runs(self._keeper.runs, request.query_params)
        except NoSuchPageError as error:
            raise HTTPException(404, str(error)) from None
        return self._page("runs.html", "Runs", **what)

    def _found(self, request: Request) -> RunNow:
        """By its id among those that are recorded: an address is never made a path."""
        run = self._keeper.runs.find(request.path_params["key"])
        if run is None:
            raise HTTPException(404, "there is no such run in this folder; those that are gone were removed")
        return run

    def _run(self, request: Request) -> Response:
        run = self._found(request)
        return self._page("run_page.html", "Runs", **run_views.run(self._keeper.runs, run, self._keeper.history))

    def _report(self, request: Request) -> Response:
        run = self._found(request)
        try:
            page = self._keeper.runs.page(run)
        except (FlakeproofError, OSError) as error:
            raise HTTPException(404, f"this run has no report: {error}") from None
        # The page has a policy of its own, which forbids more than ours.
        return HTMLResponse(page, headers={"Content-Security-Policy": "frame-ancestors 'none'"})

    def _live_script(self, request: Request) -> Response:
        return Response(self._script, media_type="text/javascript")

    async def _live_runs(self, request: Request) -> Response:
        def part() -> str:
            return self._part("running_runs.html", runs=run_views.running(self._keeper.runs))

        return self._stream(part)

    async def _live_run(self, request: Request) -> Response:
        name = self._found(request).name

        def part() -> str:
            now = self._keeper.runs.find(name)
            return self._part("run_now.html", run=run_views.now(now)) if now is not None else ""

        return self._stream(part)

    def _part(self, template: str, **what: Any) -> str:
        return str(self._templates.get_template(template).render(**what))

    def _stream(self, part: Callable[[], str]) -> Response:
        """A part of a page whenever it has become another one (server-sent events, HTML Standard 9.2)."""
        if self._streams >= _MOST_STREAMS:
            return PlainTextResponse("Too many pages are following runs.\n", 503, headers={"Retry-After": "10"})

        async def events() -> AsyncIterator[str]:
            self._streams += 1
            try:
                sent, version, silent = None, None, 0.0
                yield "retry: 2000\n\n"
                while self._ending.signal is None:
                    if version != self._keeper.runs.version:
                        version = self._keeper.runs.version
                        text = await run_in_threadpool(part)
                        if text != sent:
                            sent, silent = text, 0.0
                            yield "".join(f"data: {line}\n" for line in text.splitlines()) + "\n"
                    await asyncio.sleep(_LOOK_SECONDS)
                    silent += _LOOK_SECONDS
                    if silent >= _ALIVE_SECONDS:
                        silent = 0.0
                        yield ":\n\n"
            finally:
                self._streams -= 1

        return StreamingResponse(events(), media_type="text/event-stream")

    async def _refused(self, request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        is_missing = error.status_code == 404
        told = error.detail if error.detail != "Not Found" else "there is nothing at this address"
        return await run_in_threadpool(
            self._page, "missing.html", "", error.status_code, told=told if is_missing else error.detail
        )

    async def _failed(self, request: Request, error: Exception) -> Response:
        print(f"flakeproof: this is a fault of flakeproof, at {request.url.path}:", file=sys.stderr)
        traceback.print_exception(error)
        return PlainTextResponse("This page could not be made: this is a fault of flakeproof.\n", 500)
