"""`flakeproof history` in front of the user: import results, and tell what they say."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from flakeproof.clock import now
from flakeproof.errors import ExitCode, NothingToRunError, UsageError
from flakeproof.features.history import report
from flakeproof.features.history.database import HistoryDatabase, place_of
from flakeproof.features.history.job_facts import FROM_ENVIRONMENT, FactFinder, moment
from flakeproof.features.history.records import HistoryReport, HistoryVerdict
from flakeproof.reports.files import FINDINGS, report_files, to_json
from flakeproof.reports.foreign import fit
from flakeproof.reports.presentation import Presentation
from flakeproof.reports.writer import Style
from flakeproof.settings.from_options import command_name, options_in, settings
from flakeproof.text import number, parse_duration, parse_whole, plural

IMPORT = "import"
_FACTS = ("commit", "branch", "job", "build")
_OF_IMPORT = ("commit", "build")


def history(words: Sequence[str], given: Mapping[str, Any]) -> int:
    """Import what the words after `import` name, else rank; return the exit code. Raises FlakeproofError."""
    if words and words[0] == IMPORT:
        return _import(words[1:], given)
    return _rank(words, given)


def _import(paths: Sequence[str], given: Mapping[str, Any]) -> int:
    if not paths:
        raise UsageError(
            "there is nothing to import",
            "name JUnit files, folders, archives, or .flakeproof: flakeproof history import reports",
        )
    for name in ("since", "top"):
        if given[name] is not None:
            raise UsageError(f"--{name} is for what a history tells, and this is an import", "leave it out")
    config = settings(options_in(given))
    for name in FINDINGS:
        if config.is_asked_for(name):
            raise UsageError(f"--{name} is for what a history tells, and this is an import", "leave it out")
    finder = FactFinder({name: given[name] for name in _FACTS}, os.environ, now().timestamp())
    missing = [path for path in paths if not Path(path).exists()]
    if missing:
        raise UsageError(f"there is nothing at {missing[0]}", "name JUnit files, folders, archives, or .flakeproof")
    presentation = Presentation(report_files(config, only_asked=True, names=()))
    database = HistoryDatabase(place_of(config))
    from flakeproof.features.history.importing import Importer
    from flakeproof.features.history.results_files import ResultsFiles

    try:
        importer = Importer(database)
        reader = ResultsFiles(finder, presentation.warn, importer.is_known)
        told: dict[str, str] = {}
        for path in paths:
            for job in reader.read(path):
                importer.add(job)
                told |= {
                    name: job.facts.named(name) for name, source in job.facts.sources if source == FROM_ENVIRONMENT
                }
        importer.finish()
    finally:
        database.close()
    if told:
        facts = ", ".join(f"{name} {value}" for name, value in told.items())
        presentation.note(f"From the variables of this CI job: {facts}; options say otherwise")
    added = importer.added
    known = reader.known + added.known
    again = f"; {plural(known, 'file')} had been imported before" if known else ""
    presentation.print(
        f"Imported {plural(added.jobs, 'job')}: {number(added.results)} results, "
        f"{plural(added.failures, 'failure')}, into {database.place}{again}",
        Style.GOOD,
    )
    presentation.writer.close()
    return ExitCode.GOOD


def _rank(words: Sequence[str], given: Mapping[str, Any]) -> int:
    for name in _OF_IMPORT:
        if given[name] is not None:
            raise UsageError(f"--{name} is for an import", f"flakeproof history import PATH --{name} …")
    try:
        top = 20 if given["top"] is None else parse_whole(given["top"], 1, 1_000_000)
    except ValueError as error:
        raise UsageError(f"--top: {error}") from None
    config = settings(options_in(given))
    since = since_of(given["since"])
    presentation = Presentation(report_files(config, only_asked=True, names=FINDINGS))
    found = ranked(place_of(config), branch=given["branch"] or "", job=given["job"] or "", since=since)
    if words:
        found = _only(found, words)
    with presentation.running():
        is_bad = any(row.verdict in (HistoryVerdict.FLAKY, HistoryVerdict.BROKEN) for row in found.rows)
        verbose = bool(given["verbose"] or words)
        rows = list(report.results(found, top, verbose=verbose))
        presentation.block(rows, report.closing(found), Style.BAD if is_bad else Style.GOOD)
    documents = {
        "json": lambda: to_json(found),
        "markdown": lambda: _markdown(rows),
        "html": lambda: _html(found, " or ".join(words)),
    }
    return presentation.finish(ExitCode.GOOD, documents)


def ranked(place: str, *, branch: str = "", job: str = "", since: float = 0.0) -> HistoryReport:
    """What the history at `place` tells of the jobs that are asked for. Raises UsageError, NothingToRunError."""
    database = HistoryDatabase(place, must_exist=True)
    from flakeproof.features.history.loading import Wanted, load
    from flakeproof.features.history.ranking import Ranking

    try:
        kept = load(database, Wanted(branch, job, since))
    finally:
        database.close()
    if not kept.jobs:
        what = ", ".join(
            filter(None, (branch and f"branch {branch}", job and f"job {job}", "that time" if since else ""))
        )
        raise NothingToRunError(
            f"there are no results in {database.place}{f' of {what}' if what else ''}",
            "flakeproof history import PATH… adds some",
        )
    filters = {"branch": branch, "job": job, "since": f"{since:.0f}" if since else ""}
    return Ranking(kept, command_name(), database.place).report({key: text for key, text in filters.items() if text})


def since_of(text: str | None) -> float:
    """The moment that `--since` means, seconds since 1970; 0 for none. Raises UsageError."""
    if text is None:
        return 0.0
    if (at := moment(text)) is not None:
        return at
    try:
        return max(0.0, now().timestamp() - parse_duration(text))
    except ValueError:
        raise UsageError(
            f"--since {text!r} is neither a day nor a time back", "write it like 2026-03-01, 30d or 12h"
        ) from None


def _only(found: HistoryReport, words: Sequence[str]) -> HistoryReport:
    """The rows of tests whose names have one of the words in them, with all that is known of them."""
    rows = [row for row in found.rows if any(word in row.test for word in words)]
    if not rows:
        raise NothingToRunError(
            f"no test that has failed is called {' or '.join(words)}",
            f"{found.tests} tests have results, {len(found.rows)} of them have failed",
        )
    names = {row.test for row in rows}
    return msgspec.structs.replace(
        found,
        rows=rows,
        clusters=[one for one in found.clusters if names & set(one.tests)],
        signatures=[one for one in found.signatures if names & set(one.tests)],
    )


def _html(found: HistoryReport, asked: str) -> bytes:
    from flakeproof.features.history import html_page  # Jinja2 and vl-convert are there only with the extra

    return html_page.render(found, asked)


def _markdown(rows: Sequence[str]) -> bytes:
    fence = "~" * 12
    return (
        f"### flakeproof history\n\n{fence}text\n{fit(chr(10).join(rows)).replace('~~~', '~ ~ ~')}\n{fence}\n".encode()
    )
