"""A case and its reproduction in words."""

from collections.abc import Iterator

from flakeproof.features.ci.case import FACTS, Case, CaseFailure, Colour
from flakeproof.features.ci.pytest_log import MAIN
from flakeproof.features.ci.records import CiReproduction, CiVerdict, Rung
from flakeproof.features.ci.symptoms import shown
from flakeproof.reports.rates import rate_with_interval
from flakeproof.text import duration, number, one_line, plural, upper

CAPTURE = (
    "# Before the step that runs pytest (or in it); a line of the log then tells what decides about many flaky tests:",
    "export PYTHONHASHSEED=$(( $(od -An -N4 -tu4 /dev/urandom) )) TZ=${TZ:-UTC}",
    'echo "flakeproof-ci PYTHONHASHSEED=$PYTHONHASHSEED TZ=$TZ cores=$(nproc) started=$(date -u +%FT%TZ) '
    'commit=$(git rev-parse HEAD)"',
    "# pytest itself: -v tells what each worker ran and in which order, -ra why each failed; the file names all:",
    'export PYTEST_ADDOPTS="-v -ra -o junit_family=xunit1 --junitxml=flakeproof-junit.xml"',
    "# Keep the log and flakeproof-junit.xml as artifacts, also of a job that fails; then:",
    "#   flakeproof ci FOLDER",
)
"""What to configure so that the next red job tells all that a reproduction needs; for a POSIX shell."""
_SHOWN = 10
_LONGEST = 200


def described(case: Case, *, verbose: bool = False) -> Iterator[str]:
    """The results block of a case: each fact with the line that it comes from."""
    yield "=== CI Job ==="
    what = f"a session of {case.runner}" if case.runner else "a report of a test runner"
    counts = ", ".join(f"{number(count)} {name}" for name, count in case.counts.items())
    yield f"{case.colour.capitalize()}: {what}{f', {counts}' if counts else ''} ({case.source})"
    for name in FACTS:
        if (fact := case.facts.get(name)) is not None:
            yield f"  {name}: {one_line(fact.value, _LONGEST)} ({fact.source})"
    for name in sorted(case.facts.keys() - set(FACTS)):
        yield f"  {name}: {one_line(case.facts[name].value, _LONGEST)} ({case.facts[name].source})"
    for one in case.histories if case.runner == "pytest" else []:
        where = "in this order" if one.worker == MAIN else f"in worker {one.worker}, in this order"
        yield f"  {plural(len(one.tests), 'test')} {where} ({one.first} to {one.last})"
        for test in one.tests if verbose else []:
            yield f"    {one_line(test, _LONGEST)}"
    failures = case.failures if verbose else case.failures[:_SHOWN]
    for failure in failures:
        yield _failure(failure)
        yield f"  {one_line(shown(failure.symptom), _LONGEST)}"
    if len(case.failures) > len(failures):
        yield f"and {plural(len(case.failures) - len(failures), 'more test')} that failed: see --verbose"
    for note in case.notes:
        yield f"Note: {note}"
    if case.unknown:
        yield f"Unknown: {', '.join(case.unknown)}"


def conclusion_of(case: Case) -> str:
    """One sentence."""
    match case.colour:
        case Colour.GREEN if any(one.passed_later for one in case.failures):
            flaky = [one.test for one in case.failures if one.passed_later]
            return f"Green, but {plural(len(flaky), 'test')} failed before passing: {', '.join(flaky[:3])}"
        case Colour.GREEN:
            return "Green: no test failed in this job"
        case Colour.UNKNOWN:
            return "No test failed as far as it goes, but it does not say that it came to its end"
    return f"{plural(len(case.failures), 'test')} failed: {', '.join(one.test for one in case.failures[:3])}"


def _failure(failure: CaseFailure) -> str:
    worker = f" in {failure.worker}" if failure.worker else ""
    how = "failed, and passed when it was tried again" if failure.passed_later else "failed"
    return f"{one_line(failure.test, _LONGEST)} {how}{worker} ({failure.source})"


def results(found: CiReproduction) -> Iterator[str]:
    """The results block of a reproduction."""
    yield "=== Reproduction of a CI Job ==="
    yield _failure(found.failure)
    yield f"  {one_line(shown(found.failure.symptom), _LONGEST)}"
    for rung in found.rungs:
        yield f"{rung.name} ({rung.keeps}): {_tried(rung)}"
        for message in rung.other_messages:
            yield f"  otherwise: {one_line(message, _LONGEST)}"
    for condition in found.conditions:
        yield f"So: {condition}"
    if found.history:
        yield f"{'Needs' if found.history_helps else 'Tests that matter'}: {', '.join(found.history)}"
        yield f"{'Passes with' if found.history_helps else 'Reproduce'}: {found.history_command}"
        yield f"  {found.history_note}"
    if found.command:
        is_second = found.history and not found.history_helps
        yield f"{'With all that ran before' if is_second else 'Reproduce'}: {found.command}"
        if found.rate is not None and found.rate.interval is not None:
            rate = found.rate
            yield f"  failed {rate.failed} of {rate.decided}, {_rate(rate)}"
    for difference in found.differences:
        yield f"Not as in CI: {difference}"
    for note in found.notes:
        if note not in found.differences:
            yield f"Note: {note}"
    for command in found.next_commands:
        yield f"Next: {command}"
    after = f", failed as in CI after {duration(found.first_failure)}" if found.first_failure is not None else ""
    yield f"{plural(found.attempts, 'attempt')}, {duration(found.seconds)}{after}"


def closing(found: CiReproduction) -> str:
    """One sentence."""
    test = found.failure.test
    match found.verdict:
        case CiVerdict.REPRODUCED:
            names = " with ".join(found.history)
            because = f", because {names} did not run before it" if found.history_helps else f", because of {names}"
            because = because if names else ""
            return f"Reproduced: {test} fails as in CI{because}"
        case CiVerdict.BROKEN:
            rate = found.rate
            counted = f" ({rate.failed} of {rate.decided} attempts)" if rate is not None else ""
            return f"Broken, not flaky: {test} fails by itself every time{counted}"
        case CiVerdict.INTERRUPTED:
            return "Ended before it failed as in CI"
    return f"Not reproduced: {_bound(found)}; flakeproof ci --capture prints what the next job should tell"


def _tried(rung: Rung) -> str:
    if rung.skipped:
        return f"not tried: {rung.skipped}"
    parts = [f"failed as in CI in {rung.failed} of {plural(rung.attempts, 'attempt')}"]
    if rung.otherwise:
        parts.append(f"otherwise in {rung.otherwise}")
    if rung.no_outcome:
        parts.append(f"no outcome in {rung.no_outcome}")
    if not rung.failed and rung.interval is not None:
        parts.append(f"at most {upper(rung.interval.high)} under these conditions")
    return ", ".join(parts) if rung.attempts else "no time was left"


def _rate(rung: Rung) -> str:
    assert rung.interval is not None
    return rate_with_interval(rung.failed / rung.decided, rung.interval)


def _bound(found: CiReproduction) -> str:
    tried = [rung for rung in found.rungs if rung.name.startswith("as CI ran it") and rung.interval is not None]
    if not tried or tried[0].interval is None:
        return "it did not fail as in CI"
    return f"as CI ran it, it fails in at most {upper(tried[0].interval.high)} of the runs here (95% confidence)"
