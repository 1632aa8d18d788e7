"""Find polluters as `flakeproof isolate` does."""

from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec

from flakeproof.errors import UsageError
from flakeproof.features.isolate import report
from flakeproof.features.isolate.driver import isolate
from flakeproof.features.isolate.named_tests import recorded_order
from flakeproof.features.isolate.records import CulpritKind, CulpritSet, IsolationReport, IsolationRequest
from flakeproof.features.run.earlier import ask_for_trust
from flakeproof.features.run.session import interpreter_of
from flakeproof.model import Isolation as Mode
from flakeproof.model import RunSpec
from flakeproof.reports.files import FINDINGS, Renderers, report_files, to_json
from flakeproof.reports.presentation import Presentation
from flakeproof.reports.writer import ProgressLine
from flakeproof.settings.build_spec import build
from flakeproof.settings.from_options import options_in, settings
from flakeproof.settings.table import default_of
from flakeproof.store.folder import store_of
from flakeproof.targets.tests import PytestLine
from flakeproof.text import whole_duration

_EXPRESSIONS = (("-k", "keyword"), ("-m", "marker"))
_OF_THE_SEARCH = ("duration", "error", *FINDINGS, "store")
"""Settings that say nothing of how tests are run."""


def isolate_victim(given: Mapping[str, Any]) -> int:
    """Search with the arguments `given` to the command and print; return the exit code. Raises FlakeproofError."""
    victim: str = given["victim"]
    among: Sequence[str] = given["among"] or []
    order, recorded = given["order"], given["recorded"]
    expressions = [word for option, name in _EXPRESSIONS for word in (option, given[name]) if given[name]]
    if order is not None and recorded is not None:
        raise UsageError("--order and --from both say where to start", "give one of the two")
    whole = settings(options_in(given))
    presentation = Presentation(report_files(whole, only_asked=True, names=FINDINGS))
    spec, trial, items = None, None, _read(order) if order is not None else []
    if recorded is not None:
        folder = store_of(whole).find(recorded[0])
        spec, trial, items = recorded_order(folder, recorded[1])
        ask_for_trust(folder, spec, trusted=given["trust"])
    if spec is None or among or expressions:
        fresh = _spec(_places(victim, among), expressions, given)
        spec = fresh if spec is None else msgspec.structs.replace(spec, target=fresh.target)
    spec = spec.bare(
        duration=whole.value("duration", "isolate"),
        isolation=Mode.FORK,
        workers=whole.get("workers") or _spec([], [], given).workers,
        processes=1,
        timeout=whole.get("timeout") if "timeout" in whole.values else spec.timeout,
    )
    error = whole.get("error") if whole.is_asked_for("error") else None
    request = IsolationRequest(
        victim=victim, spec=spec, error=error or default_of("error", "isolate"), order=items, trial=trial
    )
    presentation.note(
        f"{victim}: looking for what makes it fail, {spec.workers} probes at once, "
        f"at most {whole_duration(spec.duration or 0)}, seed {spec.seed}{interpreter_of(spec.target)}"
    )
    progress = ProgressLine(presentation.writer, every=given["verbose"])
    with presentation.running(), closing(progress):

        def tell(kind: CulpritKind, first: CulpritSet) -> None:
            progress.close()
            for line in report.first_answer(kind, first):
                presentation.note(line)

        found = isolate(request, progress, tell)
    presentation.block(report.results(found, verbose=given["verbose"]), report.conclusion(found))
    return presentation.finish(found.exit_code, _renderers(found))


def _renderers(found: IsolationReport) -> Renderers:
    def html() -> bytes:
        from flakeproof.features.isolate.html_page import render

        return render(found)

    return {"json": lambda: to_json(found), "markdown": lambda: report.markdown(found), "html": html}


def _spec(arguments: Sequence[str], expressions: Sequence[str], given: Mapping[str, Any]) -> RunSpec:
    """How tests are run from here."""
    own = {name: value for name, value in options_in(given).items() if name not in _OF_THE_SEARCH}
    return build(PytestLine(arguments, expressions), settings(own), {}, Path.cwd())


def _places(victim: str, among: Sequence[str]) -> list[str]:
    """Where pytest is to look: `among`, and the file of the victim if it is not there."""
    if not among:
        return []
    file = Path(victim.partition("::")[0]).absolute()
    for place in among:
        if not Path(place.partition("::")[0]).exists():
            raise UsageError(f"--in {place}: there is no such file or folder")
    inside = any(file == (path := Path(place).absolute()) or path in file.parents for place in among)
    return [*among] if inside or not file.exists() else [*among, victim.partition("::")[0]]


def _read(name: str) -> list[str]:
    try:
        lines = [line.strip() for line in Path(name).read_text().splitlines()]
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"--order {name}: it cannot be read: {error}") from None
    found = list(dict.fromkeys(line for line in lines if line and not line.startswith("#")))
    if not found:
        raise UsageError(
            f"--order {name}: it names no tests", "write one id a line, as `pytest --collect-only -q` does"
        )
    return found
