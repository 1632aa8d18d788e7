"""Find the commit that made a test flaky as `flakeproof bisect` does."""

import os
import shlex
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from flakeproof.engine.temporary_folders import temporary_root
from flakeproof.errors import KILLED, UsageError
from flakeproof.features.compare.verify_command import refuse_absolute
from flakeproof.features.onset import record_file, report
from flakeproof.features.onset.bench import CommitBench
from flakeproof.features.onset.conclusions import conclude
from flakeproof.features.onset.driver import Driver, DriverOutcome
from flakeproof.features.onset.records import (
    AnyBisectEvent,
    BisectAnswer,
    Bisection,
    BisectSpec,
    BisectStarted,
    Compared,
    Skipped,
    Visited,
)
from flakeproof.features.onset.search import LIKELIER, BisectSearch, Compare, End, Visit
from flakeproof.reports.files import FINDINGS, Renderers, report_files, to_json
from flakeproof.reports.presentation import Presentation
from flakeproof.reports.writer import Style
from flakeproof.revisions.commits import Range, commits_between
from flakeproof.revisions.git import without_repository
from flakeproof.revisions.repository import Repository, find
from flakeproof.settings import table
from flakeproof.settings.build_spec import names_of, seed_of
from flakeproof.settings.from_options import command_name, options_in, options_typed, settings, share_in, target_of
from flakeproof.settings.load import Config
from flakeproof.store.folder import store_of
from flakeproof.targets.command import CommandLine
from flakeproof.targets.resolve import scenario_of
from flakeproof.targets.tests import PytestLine
from flakeproof.text import parse_duration, plural, rate, shown_path, whole_duration

_DEFAULT_RATE = 0.01
_DEFAULT_LIMIT = 900.0
_NOT_OF_THE_TARGET = ("duration", "error", *FINDINGS, "store", "keep-runs", "seed")


def bisect_target(given: Mapping[str, Any]) -> int:
    """Search with the arguments `given` to the command and print; return the exit code. Raises FlakeproofError."""
    wanted, paths = _wanted(given)
    if isinstance(wanted, str) and scenario_of(wanted) is not None:
        raise UsageError(f"{wanted} ships with flakeproof and is in no repository", "name a test of yours")
    config = settings(options_in(given), names_of(wanted))
    store = store_of(config)
    if given["replay"] is not None:
        return _replayed(given, config)
    good, bad = _required(given, "good"), _required(given, "bad")
    repository = find(Path.cwd())
    refuse_absolute(wanted, given, repository)
    between = commits_between(repository, good, bad)
    spec = _spec(wanted, paths, given, config, between)
    carried: Sequence[AnyBisectEvent] = ()
    folder = None
    if given["resume"] is not None:
        folder, spec, carried = record_file.earlier(store, given["resume"], spec)
    for name in os.environ.keys() - without_repository(os.environ).keys():
        del os.environ[name]  # of a hook: what runs in a checkout must not find the user's repository
    search = BisectSearch(spec, between)
    for event in carried:
        search.hear(event)
    presentation = Presentation(report_files(config, names=FINDINGS))
    seconds = float(config.value("duration", "bisect"))
    with presentation.running():
        claimed = store.new_run() if folder is None else store.reopen(folder)
        record = record_file.BisectRecord(claimed, presentation.warn)
        try:
            presentation.copy_to(claimed.path)
            for line in _announcement(search, repository, seconds):
                presentation.note(line)
            record.start(spec, len(between.commits))
            outcome = _run(search, wanted, given, config, repository, record, presentation, seconds)
        except BaseException:
            record.close()
            if not search.visits:
                store.discard(claimed)
            raise
        record.close()
        store.prune(config.value("keep-runs"))
        found = _found(search, outcome.end, outcome.stopped, claimed.path)
        _print(found, presentation)
    return presentation.finish(found.exit_code, _renderers(found))


def _run(
    search: BisectSearch,
    wanted: str | CommandLine | PytestLine,
    given: Mapping[str, Any],
    config: Config,
    repository: Repository,
    record: record_file.BisectRecord,
    presentation: Presentation,
    seconds: float,
) -> DriverOutcome:
    limit = _limit(given["build_timeout"])
    with temporary_root() as parent:
        bench = CommitBench(search.spec, wanted, given, repository, Path(parent), limit, presentation.note)
        listener = _Listener(search, presentation, logs=given["log"])
        driver = Driver(
            *(search, bench, record, store_of(config), config.value("keep-runs"), presentation.warn, listener)
        )
        try:
            return driver.run(seconds)
        finally:
            bench.close()


class _Listener:
    """Tells each step."""

    def __init__(self, search: BisectSearch, presentation: Presentation, *, logs: bool) -> None:
        self._search = search
        self._presentation = presentation
        self._logs = logs

    def planned(self, step: Visit | Compare) -> None:
        if self._logs or isinstance(step, Compare):
            self._presentation.note(report.planned(step, self._search), Style.DIM)

    def done(self, event: AnyBisectEvent) -> None:
        assert not isinstance(event, BisectStarted)
        self._presentation.note(report.done(event, self._search))


def _replayed(given: Mapping[str, Any], config: Config) -> int:
    """Decide again from the record, step by step, and tell it; nothing is run."""
    name = given["replay"]
    folder = store_of(config).find(name)
    spec, events = record_file.read(folder, f"--replay {name}")
    between = commits_between(find(Path.cwd()), spec.good, spec.bad)
    search = BisectSearch(spec, between)
    presentation = Presentation(report_files(config, only_asked=True, names=FINDINGS))
    listener = _Listener(search, presentation, logs=True)
    with presentation.running():
        for event in events:
            if isinstance(event, BisectStarted):
                continue
            step = search.next()
            if not isinstance(step, End):
                listener.planned(step)
            if isinstance(step, End) or _commit_of(step) != _commit_of(event):
                presentation.warn("what was done next is not what is decided now: another version made this record")
            search.hear(event)
            listener.done(event)
        step = search.next()
        end = step if isinstance(step, End) else End(BisectAnswer.OPEN)
        if not isinstance(step, End) and search.visits and (top := search.onset.culprits):
            end = End(BisectAnswer.OPEN, top[0].bits, top[0].probability)
        found = _found(search, end, None if isinstance(step, End) else KILLED, folder)
        _print(found, presentation)
    return presentation.finish(found.exit_code, _renderers(found))


def _commit_of(done: Visit | Compare | Visited | Skipped | Compared) -> str:
    return done.culprit if isinstance(done, Compare | Compared) else done.commit


def _found(search: BisectSearch, end: End, stopped: str | None, folder: Path) -> Bisection:
    again = _again(folder.name) if end.answer is BisectAnswer.OPEN and stopped is not None else ""
    return conclude(search, end, stopped, folder.name, str(folder), again)


def _again(run_id: str) -> str:
    """What was typed, to go on with this run; nothing for a run that is only told again."""
    words = sys.argv[1:]
    if "--replay" in words or "bisect" not in words:
        return ""
    if "--resume" in words:
        place = words.index("--resume")
        del words[place : place + 2]
    place = words.index("bisect") + 1
    return f"{command_name()} {shlex.join([*words[:place], '--resume', run_id, *words[place:]])}"


def _print(found: Bisection, presentation: Presentation) -> None:
    style = Style.BAD if found.answer in (BisectAnswer.FOUND, BisectAnswer.SET) else Style.WARNING
    presentation.block(report.results(found), report.conclusion(found), style)
    presentation.note(f"The record of this bisection is in {shown_path(found.folder)}", Style.DIM)


def _wanted(given: Mapping[str, Any]) -> tuple[str | CommandLine | PytestLine, list[str]]:
    """The target, and the paths of the tests that are taken from another commit."""
    words, after = list(given["target"] or []), given["context"].obj
    paths = list(given["test_path"] or [])
    if given["tests_from"] is not None and words and after is not None:
        paths, after = [*paths, *after], None  # --tests-from REV -- PATH…
    target = target_of(
        words,
        after,
        {"-k": given["keyword"], "-m": given["marker"]},
        given["pytest_args"] is not None,
        given["env"],
        shell=given["shell"],
    )
    if given["tests_from"] is None and paths:
        raise UsageError("--test-path says which tests are taken from another commit", "add --tests-from REV")
    if given["tests_from"] is not None and not paths:
        paths = _files_of(target)
        if not paths:
            raise UsageError("--tests-from needs to know which files are tests", "add -- tests/, or --test-path tests/")
    return target, paths


def _files_of(wanted: str | CommandLine | PytestLine) -> list[str]:
    """The files and folders of a target of pytest."""
    if not isinstance(wanted, PytestLine):
        return []
    return sorted({word.partition("::")[0] for word in wanted.arguments if not word.startswith("-")})


def _required(given: Mapping[str, Any], name: str) -> str:
    value: str | None = given[name]
    if value is None:
        raise UsageError(
            f"--{name} is missing", "name a revision before and one after: --good v1.4 --bad HEAD; both are tried"
        )
    return value


def _spec(
    wanted: str | CommandLine | PytestLine,
    paths: Sequence[str],
    given: Mapping[str, Any],
    config: Config,
    between: Range,
) -> BisectSpec:
    rows = {row.argument_name: row for row in table.options_of("bisect") if row.name not in _NOT_OF_THE_TARGET}
    repository = between.repository
    tests_from = given["tests_from"]
    suspects = [*(given["suspect"] or []), *([] if tests_from is not None else _files_of(wanted))]
    named = wanted.words if isinstance(wanted, CommandLine) else None
    name = shlex.join(named) if named is not None else " ".join(given["target"] or [])
    return BisectSpec(
        target=name,
        good=between.good,
        bad=between.bad,
        fixed=given["fixed"],
        error=float(config.value("error", "bisect")),
        rate=_rate(given["least_rate"]),
        signatures=list(given["signature"] or []),
        seed=seed_of(config),
        build=given["build"] or "",
        sync=given["sync"] or "",
        tests_from=repository.resolve(tests_from) if tests_from is not None else "",
        test_paths=list(paths),
        options=options_typed(given, sorted(rows)),
        suspects=suspects,
        likelier=between.touching(suspects),
        absent=_absent(between, [] if tests_from is not None else _files_of(wanted), fixed=given["fixed"]),
    )


def _absent(between: Range, files: Sequence[str], *, fixed: bool) -> list[str]:
    """The commits without one of the test's `files`. Raises UsageError where it has to fail at one of them."""
    absent = between.lacking(files)
    end, revision = ("good", between.good) if fixed else ("bad", between.bad)
    if revision in absent:
        raise UsageError(
            f"{' '.join(files)}: not there at the {end} end {revision[:12]}, where it has to fail",
            "name a revision that has the test, or bring it along: --tests-from REVISION",
        )
    return absent


def _rate(text: str | None) -> float:
    return _DEFAULT_RATE if text is None else share_in("--rate", text, "0.5%")


def _limit(text: str | None) -> float:
    if text is None:
        return _DEFAULT_LIMIT
    try:
        return parse_duration(text)
    except ValueError as error:
        raise UsageError(f"--build-timeout: {error}", "write it like --build-timeout 10m") from None


def _announcement(search: BisectSearch, repository: Repository, seconds: float) -> list[str]:
    spec, between = search.spec, search.between
    what = "fails less often" if spec.fixed else "is flaky"
    lines = [
        f"{spec.target}: looking for the commit since which it {what}, among {plural(len(between.commits), 'commit')} "
        f"from {spec.good[:12]} (good) to {spec.bad[:12]} (bad); error at most {rate(spec.error)}, "
        f"at most {whole_duration(seconds)}, seed {spec.seed}"
    ]
    if not between.good_is_ancestor:
        lines.append("the good end is not an ancestor of the bad one: what both have in common is taken to be good")
    if spec.likelier:
        named = ", ".join(spec.suspects)
        lines.append(f"{_touching(len(spec.likelier))} {named}: {LIKELIER:g} times as likely beforehand")
    if spec.absent:
        lines.append(f"the test is not there in {plural(len(spec.absent), 'commit')}, which are not tried")
    if not repository.is_same(repository.resolve("HEAD"), None):
        lines.append("what is not committed in the working tree is not looked at")
    if search.visits:
        lines.append(f"going on after {plural(len(search.visits), 'visit')}")
    return lines


def _touching(count: int) -> str:
    return "1 commit touches" if count == 1 else f"{plural(count, 'commit')} touch"


def _renderers(found: Bisection) -> Renderers:
    def html() -> bytes:
        from flakeproof.features.onset.html_page import render

        return render(found)

    return {"json": lambda: to_json(found), "markdown": lambda: report.markdown(found), "html": html}
