"""A diagnosis in front of the user."""

import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from flakeproof.clock import started_ns
from flakeproof.engine.time_limits import Budget
from flakeproof.errors import ExitCode, UsageError
from flakeproof.features.diagnose import report as lines
from flakeproof.features.diagnose.conclusions import diagnosis, experiment_of
from flakeproof.features.diagnose.decision import decide
from flakeproof.features.diagnose.driver import investigate
from flakeproof.features.diagnose.experiments.company import victim_of
from flakeproof.features.diagnose.records import Diagnosis
from flakeproof.features.diagnose.rules.common import Next
from flakeproof.features.diagnose.study import Study
from flakeproof.features.run.recorded_run import conduct
from flakeproof.features.run.session import interpreter_of
from flakeproof.model import CommandTarget, Isolation, PytestTarget, RunSpec
from flakeproof.reports.files import FINDINGS, Renderers, report_files, to_json
from flakeproof.reports.presentation import Presentation
from flakeproof.reports.writer import Style
from flakeproof.settings.build_spec import build, names_of
from flakeproof.settings.from_options import budget, command_name, options_in, pairs, settings, typed, wanted_by
from flakeproof.store.folder import store_of
from flakeproof.targets.command import CommandLine
from flakeproof.targets.tests import PytestLine
from flakeproof.text import whole_duration

_LEAST_SECONDS = 1.0
_STYLES = {ExitCode.GOOD: Style.GOOD, ExitCode.FAILURES: Style.BAD}


def diagnose_target(given: Mapping[str, Any]) -> int:
    """Diagnose with the arguments `given` to the command; return the exit code. Raises FlakeproofError."""
    wanted = wanted_by(given, given["context"].obj)
    seconds = budget(given["budget"], "diagnose", least=_LEAST_SECONDS)
    config = settings(options_in(given), names_of(wanted))
    spec = build(wanted, config, pairs("--set", given["set_"]), Path.cwd(), provokes=True)
    if given["within"] and not isinstance(spec.target, PytestTarget):
        raise UsageError("--in is for tests of pytest", "leave it out")
    for path in given["within"] or ():
        if not Path(path.partition("::")[0]).exists():
            raise UsageError(f"--in {path}: there is no such file or folder")
    presentation = Presentation(report_files(config, names=FINDINGS))
    presentation.note(
        f"{spec.target.name}: at most {whole_duration(seconds)}, seed {spec.seed}{interpreter_of(spec.target)}"
    )
    with presentation.running():
        study = investigate(
            spec,
            Budget(seconds, since_ns=started_ns()),
            lambda one, sinks: conduct(
                one,
                store_of(config),
                sinks,
                presentation.warn,
                config.value("keep-runs"),
            ),
            lambda laboratory, arm: presentation.note(lines.experiment(experiment_of(laboratory, arm))),
            within=given["within"] or (),
            uses_given=_differs(spec),
            keeps_timeout="timeout" in config.values,
        )
    found = diagnosis(study, decide(study.evidence, _following(study, spec, given, wanted)))
    answer = _STYLES.get(ExitCode(found.exit_code), Style.WARNING)
    presentation.block(lines.results(found, verbose=given["verbose"]), answer=answer)
    return presentation.finish(found.exit_code, _renderers(found))


def _differs(spec: RunSpec) -> bool:
    """Whether the target as it was given runs otherwise than alone, one at a time."""
    return spec.workers > 1 or (spec.isolation is not Isolation.FORK and not isinstance(spec.target, CommandTarget))


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
    def markdown() -> bytes:
        from flakeproof.features.diagnose.markdown import render

        return render(found)

    def html() -> bytes:
        from flakeproof.features.diagnose.html_page import render

        return render(found)

    return {"json": lambda: to_json(found), "markdown": markdown, "html": html}
