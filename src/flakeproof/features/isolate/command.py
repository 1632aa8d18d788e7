"""Find polluters as `flakeproof isolate` does."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from flakeproof.cli.perturbation_options import PROVOKING
from flakeproof.errors import UsageError
from flakeproof.features.isolate import report as words
from flakeproof.features.isolate.driver import isolate
from flakeproof.features.isolate.recorded_order import recorded_order
from flakeproof.features.isolate.records import IsolationRequest
from flakeproof.features.run.session import interpreter_of, settings
from flakeproof.features.run.trust import ask_for_trust
from flakeproof.model import Isolation as Mode
from flakeproof.model import RunSpec
from flakeproof.reports.files import report_files
from flakeproof.reports.json import to_json
from flakeproof.reports.progress_line import ProgressLine
from flakeproof.reports.writer import Style, standard
from flakeproof.settings.build_spec import build
from flakeproof.store.folder import store_of
from flakeproof.targets.tests import PytestLine
from flakeproof.text import whole_duration

_DEFAULT_ERROR = 0.01
_DEFAULT_SECONDS = 600.0


def isolate_victim(
    victim: str,
    among: Sequence[str],
    expressions: Sequence[str],
    order: str | None,
    recorded: tuple[str, str] | None,
    given: Mapping[str, Any],
    *,
    verbose: bool = False,
    trusted: bool = False,
) -> int:
    """Search and print; return the exit code. Raises FlakeproofError."""
    if order is not None and recorded is not None:
        raise UsageError("--order and --from both say where to start", "give one of the two")
    whole = settings(given)
    files = report_files(whole, only_asked=True, names=("json",))
    spec, trial, items = None, None, _read(order) if order is not None else []
    if recorded is not None:
        folder = store_of(whole).find(recorded[0])
        spec, trial, items = recorded_order(folder, recorded[1])
        ask_for_trust(folder, spec, trusted=trusted)
    if spec is None or among or expressions:
        fresh = _spec(_places(victim, among), expressions, given)
        spec = fresh if spec is None else msgspec.structs.replace(spec, target=fresh.target)
    spec = msgspec.structs.replace(
        spec,
        count=None,
        preset=None,
        duration=whole.get("duration") or _DEFAULT_SECONDS,
        max_failures=None,
        drop_failed=False,
        question=None,
        isolation=Mode.FORK,
        workers=whole.get("workers") or _spec([], [], given).workers,
        processes=1,
        timeout=whole.get("timeout") if "timeout" in whole.values else spec.timeout,
    )
    error = whole.get("error") if whole.is_asked_for("error") else None
    request = IsolationRequest(victim=victim, spec=spec, error=error or _DEFAULT_ERROR, order=items, trial=trial)
    writer = standard(results_to_stderr=files.on_stdout)
    writer.note(
        f"{victim}: looking for what makes it fail, {spec.workers} probes at once, "
        f"at most {whole_duration(spec.duration or 0)}, seed {spec.seed}{interpreter_of(spec.target)}"
    )
    files.prepare()
    progress = ProgressLine(writer, every=verbose)
    try:
        found = isolate(request, progress)
    except BaseException:
        files.withdraw()
        raise
    finally:
        progress.close()
    writer.result("")
    for index, line in enumerate(words.block(found, verbose=verbose)):
        writer.result(line, Style.PLAIN if index else Style.TITLE)
    for problem in files.write({"json": lambda: to_json(found)}):
        writer.note(f"warning: {problem}", Style.WARNING)
        return found.exit_code or 3
    writer.close()
    return found.exit_code


def _spec(arguments: Sequence[str], expressions: Sequence[str], given: Mapping[str, Any]) -> RunSpec:
    """How tests are run from here."""
    own = {name: given[name] for name in ("pytest_args", "workers", "timeout", "seed", "python", *PROVOKING)}
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
