"""`flakeproof ci` in front of the user."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from flakeproof.engine.temporary_folders import temporary_root
from flakeproof.errors import ExitCode, UsageError
from flakeproof.features.ci import report
from flakeproof.features.ci.artifacts import artifacts
from flakeproof.features.ci.case import Case, CaseFailure, Colour, dotted
from flakeproof.features.ci.command_driver import reproduce_command
from flakeproof.features.ci.driver import CiRequest, reproduce
from flakeproof.features.ci.github_run import fetch, run_at
from flakeproof.features.ci.place import clean_environment
from flakeproof.features.ci.reading import cases
from flakeproof.features.ci.records import CiReproduction, CiVerdict
from flakeproof.features.ci.runner_commands import COMMANDS, can_run
from flakeproof.reports.files import report_files, to_json
from flakeproof.reports.presentation import Presentation
from flakeproof.reports.writer import Style
from flakeproof.settings.build_spec import seed_of
from flakeproof.settings.from_options import budget, options_in, settings
from flakeproof.store.folder import store_of
from flakeproof.text import plural, whole_duration

_LEAST_SECONDS = 5.0
_STYLES = {Colour.RED: Style.BAD, Colour.GREEN: Style.GOOD, Colour.UNKNOWN: Style.WARNING}


def from_ci(given: Mapping[str, Any]) -> int:
    """Read, and reproduce; return the exit code. Raises FlakeproofError."""
    config = settings(options_in(given))
    files: Sequence[str] = given["files"] or []
    if given["capture"]:
        if files:
            raise UsageError(f"--capture reads no file, and {files[0]} was given", "leave one of the two out")
        for line in report.CAPTURE:
            print(line)
        return ExitCode.GOOD
    if not files:
        raise UsageError(
            "there is no file to read",
            "name the log of a job, a JUnit file, a folder or a zip of artifacts, or the address of a run: "
            "flakeproof ci job.log",
        )
    seconds = budget(given["budget"], "ci", least=_LEAST_SECONDS)
    with temporary_root() as temporary:
        of_github = [(name, run_at(name)) for name in files]
        here = [name if run is None else str(fetch(run, Path(temporary))) for name, run in of_github]
        found = cases([one for name in here for one in artifacts(name)])
    case = _chosen(found, given["session"])
    presentation = Presentation(report_files(config, only_asked=True, names=("json", "html")))
    if given["show"] or case.colour is not Colour.RED:
        return _show(presentation, case, found, given)
    failure = _failure(case, given["test"])
    if case.runner != "pytest" and not can_run(case, failure):
        _show_block(presentation, case, given)
        runs = ", ".join(["pytest", *COMMANDS])
        raise UsageError(
            f"{case.source} is no session that can be run again ({runs})"
            if case.runner not in COMMANDS
            else f"{failure.test} is nothing that {case.runner} could be asked to run",
            "flakeproof run -- COMMAND counts the failures of any runner; --show tells what is known",
        )
    clean_environment()
    request = CiRequest(
        case=case,
        failure=failure,
        seconds=seconds,
        seed=seed_of(config),
        python=given["python"],
        keep=store_of(config).new_schedule,
    )
    others = [one.test for one in case.failures if one is not failure]
    presentation.note(
        f"{failure.test}: failed in {case.source.rpartition(':')[0]}; "
        f"up to {whole_duration(seconds)}, seed {request.seed}"
    )
    if others:
        presentation.note(
            f"{plural(len(others), 'other test')} failed as well; --test ID takes another one: {others[0]}"
        )
    with presentation.running():
        came = (reproduce if case.runner == "pytest" else reproduce_command)(request, presentation.note)
    style = Style.WARNING if came.verdict in (CiVerdict.NOT_REPRODUCED, CiVerdict.INTERRUPTED) else Style.BAD
    presentation.block(report.results(came), report.closing(came), style)
    return presentation.finish(came.exit_code, _documents(came))


def _show(presentation: Presentation, case: Case, found: Sequence[Case], given: Mapping[str, Any]) -> int:
    with presentation.running():
        _show_block(presentation, case, given)
    if len(found) > 1:
        presentation.note(f"{plural(len(found), 'session')} were found; --session N tells of another one")
    code = ExitCode.INCONCLUSIVE if case.colour is Colour.UNKNOWN and not given["show"] else ExitCode.GOOD
    return presentation.finish(code, _documents(case))


def _show_block(presentation: Presentation, case: Case, given: Mapping[str, Any]) -> None:
    rows = report.described(case, verbose=given["verbose"])
    presentation.block(rows, report.conclusion_of(case), _STYLES[case.colour])


def _documents(found: Case | CiReproduction) -> dict[str, Any]:
    def html() -> bytes:
        from flakeproof.features.ci.html_page import render, render_case

        return render_case(found) if isinstance(found, Case) else render(found)

    return {"json": lambda: to_json(found), "markdown": lambda: _markdown(found), "html": html}


def _markdown(found: Case | CiReproduction) -> bytes:
    """For the job summary of GitHub."""
    from flakeproof.reports.foreign import fit

    rows = report.described(found) if isinstance(found, Case) else report.results(found)
    fence = "~" * 12
    return f"### flakeproof ci\n\n{fence}text\n{fit(chr(10).join(rows)).replace('~~~', '~ ~ ~')}\n{fence}\n".encode()


def _chosen(found: Sequence[Case], asked: str | None) -> Case:
    if asked is None:
        return found[0]
    if not asked.isdigit() or not 1 <= int(asked[:9]) <= len(found):
        raise UsageError(f"--session {asked}: there is {plural(len(found), 'session')}", f"write 1 to {len(found)}")
    return found[int(asked) - 1]


def _failure(case: Case, asked: str | None) -> CaseFailure:
    """The test that failed and is meant: the first that did not pass later, rather in itself than in a fixture."""
    failures = [one for one in case.failures if not one.passed_later] or list(case.failures)
    if asked is None:
        if not failures:
            raise UsageError(f"{case.source}: it failed, but no test that did is named", "--show tells what is known")
        phases = ("call", "crash", "setup", "teardown", "collect")
        return min(failures, key=lambda one: phases.index(one.symptom.phase))
    fitting = [one for one in case.failures if asked in (one.test, dotted(one.test)) or one.test.endswith(asked)]
    if not fitting:
        raise UsageError(f"--test {asked} is none of the {len(case.failures)} that failed", "--show lists them")
    return fitting[0]
