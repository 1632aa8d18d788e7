"""A diagnosis in front of the user."""

import os
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from flakeproof.errors import ExitCode, UsageError
from flakeproof.features.diagnose import report as lines
from flakeproof.features.diagnose.conclusions import diagnosis, experiment_of
from flakeproof.features.diagnose.decision import decide
from flakeproof.features.diagnose.driver import Study, investigate
from flakeproof.features.diagnose.experiment_runner import Arm, Laboratory
from flakeproof.features.diagnose.experiments.company import victim_of
from flakeproof.features.diagnose.records import Diagnosis
from flakeproof.features.diagnose.rules.common import Next
from flakeproof.features.run.command import options_in, wanted_by
from flakeproof.features.run.recorded_run import conduct
from flakeproof.features.run.session import command_name, interpreter_of, pairs, settings
from flakeproof.model import PytestTarget, RunSpec
from flakeproof.reports.files import Renderers, report_files
from flakeproof.reports.foreign import in_github_actions
from flakeproof.reports.json import to_json
from flakeproof.reports.writer import Style, Writer, standard
from flakeproof.scenarios.catalogue import SCENARIOS
from flakeproof.settings.as_typed import typed
from flakeproof.settings.budget import budget
from flakeproof.settings.build_spec import build, names_of
from flakeproof.settings.load import Config
from flakeproof.store.folder import KEPT_RUNS, store_of
from flakeproof.targets.command import CommandLine
from flakeproof.targets.tests import PytestLine
from flakeproof.text import whole_duration

_DEFAULT_SECONDS = 120.0
_LEAST_SECONDS = 1.0
_NOT_SETTINGS = ("budget", "within", "verbose")
_REPORTS = ("json", "markdown")
_OF_THE_TARGET = ("workers", "processes", "isolation")
_STYLES = {ExitCode.GOOD: Style.GOOD, ExitCode.FAILURES: Style.BAD}


def diagnose_target(given: Mapping[str, Any]) -> int:
    """Diagnose with the arguments `given` to the command; return the exit code. Raises FlakeproofError."""
    wanted = wanted_by(given, given["context"].obj)
    seconds = budget(given["budget"], default=_DEFAULT_SECONDS, least=_LEAST_SECONDS)
    own = {name: value for name, value in options_in(given).items() if name not in _NOT_SETTINGS}
    config = settings(own, names_of(wanted))
    spec = build(wanted, config, pairs("--set", given["set_"]), Path.cwd(), provokes=True)
    if given["within"] and not isinstance(spec.target, PytestTarget):
        raise UsageError("--in is for tests of pytest", "leave it out")
    for path in given["within"] or ():
        if not Path(path.partition("::")[0]).exists():
            raise UsageError(f"--in {path}: there is no such file or folder")
    files = report_files(config, names=_REPORTS)
    writer = standard(results_to_stderr=files.on_stdout)
    writer.note(
        f"{spec.target.name}: up to about {whole_duration(seconds)}, seed {spec.seed}{interpreter_of(spec.target)}"
    )
    files.prepare()
    try:
        study = investigate(
            spec,
            seconds,
            lambda one, sinks: conduct(
                one,
                store_of(config),
                sinks,
                lambda text: writer.note(f"warning: {text}", Style.WARNING),
                config.get("keep-runs") or KEPT_RUNS,
            ),
            lambda laboratory, arm: _tell(writer, laboratory, arm),
            within=given["within"] or (),
            uses_given=_differs(config, wanted),
            keeps_timeout="timeout" in config.values,
        )
    except BaseException:
        files.withdraw()
        raise
    found = diagnosis(study, decide(study.evidence, _following(study, spec, given, wanted)))
    _print(writer, found, verbose=given["verbose"])
    code = found.exit_code
    for problem in files.write(_renderers(found)):
        writer.note(f"warning: {problem}", Style.WARNING)
        code = code or ExitCode.BROKEN
    if "GITHUB_ACTIONS" in os.environ:
        _tell_github(writer, found)
    writer.close()
    return int(code)


def _differs(config: Config, wanted: str | CommandLine | PytestLine) -> bool:
    """Whether the target has settings of its own that may matter."""
    return any(name in config.values for name in _OF_THE_TARGET) or (isinstance(wanted, str) and wanted in SCENARIOS)


def _tell(writer: Writer, laboratory: Laboratory, arm: Arm) -> None:
    writer.note(lines.experiment(experiment_of(laboratory, arm)))


def _print(writer: Writer, found: Diagnosis, *, verbose: bool) -> None:
    writer.result("")
    style = _STYLES.get(ExitCode(found.exit_code), Style.WARNING)
    for index, line in enumerate(lines.results(found, verbose=verbose)):
        writer.result(line, (Style.TITLE, style)[index] if index < 2 else Style.PLAIN)


def _following(study: Study, spec: RunSpec, given: Mapping[str, Any], wanted: str | CommandLine | PytestLine) -> Next:
    """The commands that take the causes further, as they are typed here."""
    program = command_name()
    laboratory = study.laboratory
    words, all_words = (typed(wanted, target, given) for target in (laboratory.given.target, spec.target))

    def run(options: str) -> str:
        return f"{program} run {options} {words}"

    budget = whole_duration(5 * laboratory.budget.seconds)
    flake = laboratory.flake
    seen = next((one for arm in laboratory.arms.values() for one in arm.tally.failures(flake)), None)
    victim = victim_of(laboratory)
    return Next(
        run=run,
        run_all=lambda options: f"{program} run {options} {all_words}",
        words=lambda own: f"{program} {own}",
        longer=f"{program} diagnose --budget {budget} {words}",
        replay=f"{program} replay {seen.run_id} {seen.failure.trial}" if seen is not None and flake is not None else "",
        isolate=f"{program} isolate {shlex.quote(victim)}" if victim else "",
        hash_seed=seen.hash_seed if seen is not None and flake is not None else "",
    )


def _renderers(found: Diagnosis) -> Renderers:
    from flakeproof.features.diagnose import markdown

    return {"json": lambda: to_json(found), "markdown": lambda: markdown.render(found)}


def _tell_github(writer: Writer, found: Diagnosis) -> None:
    from flakeproof.features.diagnose import markdown
    from flakeproof.features.run import github_annotations

    if not in_github_actions(os.environ):
        return
    if (problem := github_annotations.append_summary(markdown.render(found), os.environ)) is not None:
        writer.note(f"warning: the job summary was not written: {problem}", Style.WARNING)
