"""An amplification in front of the user."""

import math
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from flakeproof.clock import started_ns
from flakeproof.engine.time_limits import Budget
from flakeproof.errors import ExitCode, UsageError
from flakeproof.features.amplify import report
from flakeproof.features.amplify.driver import Amplified, Request, amplify
from flakeproof.features.amplify.levels import FactorLevel, values_of, words_of
from flakeproof.features.amplify.records import Amplification, Tried, exit_code
from flakeproof.features.run.session import interpreter_of
from flakeproof.model import CallableTarget, RunSpec
from flakeproof.reports.files import FINDINGS, Renderers, report_files, to_json
from flakeproof.reports.presentation import Presentation
from flakeproof.reports.writer import Style
from flakeproof.scenarios.catalogue import SCENARIOS
from flakeproof.settings import pyproject
from flakeproof.settings.build_spec import build, names_of
from flakeproof.settings.from_options import (
    budget,
    command_name,
    options_in,
    options_typed,
    pairs,
    settings,
    share_in,
    target_typed,
    wanted_by,
)
from flakeproof.settings.load import Config
from flakeproof.targets.command import CommandLine
from flakeproof.targets.tests import PytestLine
from flakeproof.text import whole_duration

_LEAST_SECONDS = 5.0
_DEFAULT_ERROR = 0.05
_NOT_SETTINGS = ("budget", "only", "try_", "signature", "claim_error", "save_preset")
_MISS = 1e-3
"""Probability with which the command that is given in the end may show no failure."""
_LEAST_COUNT = 20


def amplify_target(given: Mapping[str, Any]) -> int:
    """Search with the arguments `given` to the command; return the exit code. Raises FlakeproofError."""
    wanted = wanted_by(given, given["context"].obj)
    names = names_of(wanted)
    own = options_in(given)
    extra = pairs("--set", given["set_"])

    def variant(values: Mapping[str, str]) -> RunSpec:
        return build(wanted, settings({**own, **values}, names), extra, Path.cwd())

    config = settings(own, names)
    plain = variant({})
    seconds = budget(given["budget"], "amplify", least=_LEAST_SECONDS)
    added = [level for text in given["try_"] or () for level in _levels(text)]
    request = Request(
        variant=lambda values: variant({"seed": str(plain.seed), **values}),
        seconds=Budget(seconds, since_ns=started_ns()).left,
        seed=plain.seed,
        error=_error(given["claim_error"]),
        signatures=given["signature"] or _faces(plain),
        fixed=[name for name in config.values if config.is_asked_for(name)],
        only=_only(given["only"]),
        added=added,
        keeps_timeout="timeout" in config.values,
    )
    if given["save_preset"] is not None:
        pyproject.check(config.folder, given["save_preset"])
    presentation = Presentation(report_files(config, names=FINDINGS))
    presentation.note(
        f"{plain.target.name}: up to about {whole_duration(seconds)}, seed {plain.seed}{interpreter_of(plain.target)}"
    )
    with presentation.running():
        amplified = amplify(request, presentation.note)
        found = _result(amplified, plain, wanted, given, config)
    style = Style.GOOD if found.exit_code == ExitCode.GOOD else Style.BAD
    presentation.block(report.results(found), report.closing(found), style)
    return presentation.finish(found.exit_code, _renderers(found))


def _result(
    amplified: Amplified,
    plain: RunSpec,
    wanted: str | CommandLine | PytestLine,
    given: Mapping[str, Any],
    config: Config,
) -> Amplification:
    """All of it; what was found is saved as a preset if that was asked for."""
    best = amplified.found.best if amplified.found is not None else None
    values = values_of(best.setting, amplified.levels) if best is not None else {}
    command, saved = "", ""
    if best is not None:
        count = max(_LEAST_COUNT, math.ceil(math.log(_MISS) / math.log1p(-min(best.rate.low, 0.999))))
        again = options_typed(given, [name for name in given if name not in (*_NOT_SETTINGS, *_NOT_AGAIN)])
        words = ["run", *again, *words_of(values), "-c", str(count), *target_typed(wanted, plain.target)]
        command = f"{command_name()} {shlex.join(words)}"
        if given["save_preset"] is not None:
            pyproject.save(config.folder, given["save_preset"], values)
            saved = given["save_preset"]
    return Amplification(
        target=plain.target.name,
        seed=plain.seed,
        exit_code=int(exit_code(amplified.found, amplified.stopped)),
        found=amplified.found,
        levels=[Tried(factor=one.factor, level=one.name, options=one.words) for one in amplified.levels],
        left_out=amplified.left_out,
        options=words_of(values),
        command=command,
        settings=values,
        preset=saved,
        line=amplified.line,
        batches=amplified.batches,
        stopped=amplified.stopped,
        elapsed=amplified.elapsed,
    )


_NOT_AGAIN = ("context", "target", "env", "shell", "keyword", "marker", *FINDINGS, "store", "seed")


def _faces(spec: RunSpec) -> Sequence[str]:
    """Signatures of the flake of a scenario; empty for other targets, whose flake is not known in advance."""
    scenario = SCENARIOS.get(spec.target.scenario or "") if isinstance(spec.target, CallableTarget) else None
    return scenario.faces if scenario is not None else ()


def _error(text: str | None) -> float:
    return _DEFAULT_ERROR if text is None else share_in("--error", text, "5%")


def _only(text: str | None) -> list[str]:
    return [] if text is None else [name for name in (part.strip().lstrip("-") for part in text.split(",")) if name]


def _levels(text: str) -> Sequence[FactorLevel]:
    name, equals, values = text.partition("=")
    found = [value.strip() for value in values.split(",") if value.strip()]
    if not name or not equals or not found:
        raise UsageError(f"--try {text!r} names no values", "write it like --try settle=0ms,20ms")
    return [FactorLevel(name, value, {name: value}) for value in dict.fromkeys(found)]


def _renderers(found: Amplification) -> Renderers:
    def html() -> bytes:
        from flakeproof.features.amplify.html_page import render

        return render(found)

    return {"json": lambda: to_json(found), "markdown": lambda: report.as_markdown(found), "html": html}
