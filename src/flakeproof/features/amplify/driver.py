"""An amplification from start to end: what can be tried, the search, and the line at which a pause matters."""

import shlex
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from flakeproof.engine.execute import signals_stop
from flakeproof.errors import CannotRunError, Stop, UsageError
from flakeproof.failures.signature import Alike
from flakeproof.features.amplify.batch_runner import Runner
from flakeproof.features.amplify.design import Level as SearchLevel
from flakeproof.features.amplify.levels import (
    DELAY,
    FactorLevel,
    common_among,
    factors_of,
    is_of_timing,
    levels_for,
    values_of,
)
from flakeproof.features.amplify.records import PLAIN, AmplifyFindings, AmplifySetting, Batch
from flakeproof.features.amplify.search import search
from flakeproof.line_search.find_line import DelayFinding, find_line
from flakeproof.model import RunSpec

VariantOf = Callable[[Mapping[str, str]], RunSpec]
"""The run of the target with these settings on top of its own; raises UsageError for what cannot be."""
_LINE_SHARE = 0.25
"""Of the time, for the line at which a pause matters, at most."""
_LINE_ERROR = 0.2
"""Of the error, for that line."""
_LEAST_SEARCH = 0.01
_LEAST_LINE = 4.0


@dataclass(frozen=True)
class Request:
    """What is to be found out."""

    variant: VariantOf
    seconds: float
    seed: int
    error: float
    signatures: Collection[str] = ()
    """Patterns (see `Alike`) of those that count; none if that has to be found out."""
    fixed: Collection[str] = ()
    """Settings that were asked for, and so are not varied."""
    only: Collection[str] = ()
    """Factors to try; all of them if there are none."""
    added: Sequence[FactorLevel] = ()
    """Levels of the user's own, tried in place of ours of the same factor."""
    keeps_timeout: bool = False
    finds_line: bool = True


@dataclass
class Amplified:
    """What has come of it so far."""

    levels: list[FactorLevel] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)
    batches: list[Batch] = field(default_factory=list)
    found: AmplifyFindings | None = None
    line: DelayFinding | None = None
    stopped: str | None = None
    elapsed: float = 0.0


def amplify(request: Request, say: Callable[[str], None]) -> Amplified:
    """Search for about so many seconds as are given; a signal ends it early. `say` hears how it goes on.

    Raises UsageError, CannotRunError or NothingToRunError where the target cannot be run at all.
    """
    result = Amplified()
    variants: dict[AmplifySetting, RunSpec] = {}

    def variant(setting: AmplifySetting) -> RunSpec:
        if setting not in variants:
            variants[setting] = request.variant(values_of(setting, result.levels))
        return variants[setting]

    runner = Runner(variant, request.seconds, Alike(request.signatures), keeps_timeout=request.keeps_timeout)
    with signals_stop(runner.stop):
        items = runner.first()
        plain = variant(PLAIN)
        result.levels, result.left_out = _possible(request, levels_for(plain, len(items)))
        looks = request.finds_line and any(level.factor == DELAY for level in result.levels)
        line_error = _LINE_ERROR * request.error if looks else 0.0

        def look(signatures: Collection[str], leading: Collection[str] | None) -> SearchLevel | None:
            if not looks or (leading is not None and not any(map(is_of_timing, leading))):
                return None
            return _look(result, runner, plain, signatures, _LINE_SHARE * request.seconds, line_error, say)

        if not runner.stopped:
            result.found = search(
                factors_of(result.levels),
                runner,
                seconds=max(_LEAST_SEARCH, runner.left()),
                left=runner.left,
                seed=request.seed,
                signatures=request.signatures,
                error=request.error - line_error,
                common=common_among(result.levels),
                look=look,
                say=say,
            )
    result.stopped = runner.stopped
    result.batches = runner.batches
    result.elapsed = runner.seconds
    return result


def _possible(request: Request, levels: Iterable[FactorLevel]) -> tuple[list[FactorLevel], list[str]]:
    """Those that can be tried here, and why others cannot."""
    own = {level.factor for level in request.added}
    known = [*(level for level in levels if level.factor not in own), *request.added]
    if unknown := sorted(set(request.only) - {level.factor for level in known}):
        names = ", ".join(dict.fromkeys(level.factor for level in known))
        raise UsageError(f"--only {unknown[0]} is nothing that can be tried for this target", f"there is: {names}")
    found = list(request.added)
    for level in request.added:
        request.variant(level.values)  # what the user has written has to mean something
    left_out: list[str] = []
    for level in known:
        if level.factor in own or level.values.keys() & set(request.fixed):
            continue
        if request.only and level.factor not in request.only:
            continue
        try:
            spec = request.variant({**level.values, "best-effort": "yes"})
        except UsageError as error:
            left_out.append(f"{shlex.join(level.words)}: {error.message}")
            continue
        if spec.left_out:
            left_out += spec.left_out
        else:
            found.append(level)
    if not found:
        raise UsageError("there is nothing to try", "let --only name more, or ask for less with the options of `run`")
    return found, left_out


def _look(
    result: Amplified,
    runner: Runner,
    plain: RunSpec,
    signatures: Collection[str],
    seconds: float,
    error: float,
    say: Callable[[str], None],
) -> SearchLevel | None:
    """Look for the line at which a pause makes it fail: that is one more level."""
    seconds = min(seconds, runner.left())
    if seconds < _LEAST_LINE:
        return None
    say("looking for the line at which a pause matters")
    try:
        result.line = find_line(plain.bare(), budget=seconds, signatures=signatures, error=error)
    except KeyboardInterrupt as stopped:
        runner.stopped = str(stopped) or Stop.INTERRUPTED
        return None
    except CannotRunError as failed:
        say(f"no line could be looked for: {failed.message}")
        return None
    line = result.line.line
    if line is None or not line.raises:
        return None
    say(line.sentence)
    result.levels.append(FactorLevel(DELAY, line.delay, {DELAY: line.delay}))
    return DELAY, line.delay
