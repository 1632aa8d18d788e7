"""An amplification from start to end: what can be tried, the search, and the line at which a pause matters."""

import shlex
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import msgspec

from flakeproof.amplifying.amplification import raising
from flakeproof.amplifying.levels import DELAY, Level, factors_of, is_of_timing, levels_for, values_of
from flakeproof.amplifying.model import PLAIN, Batch, Found, Setting, Source, Stop
from flakeproof.amplifying.pinning import pin
from flakeproof.amplifying.search import search
from flakeproof.amplifying.trying import Runner
from flakeproof.delays import DelayFinding, find_line
from flakeproof.engine.execute import signals_stop
from flakeproof.errors import UsageError
from flakeproof.model import CommandTarget, RunSpec
from flakeproof.text import short_duration
from flakeproof.verdict import INTERRUPTED

VariantOf = Callable[[Mapping[str, str]], RunSpec]
"""The run of the target with these settings on top of its own; raises UsageError for what cannot be."""
_LINE_SHARE, _PIN_SHARE = 0.25, 0.15
"""Of the time, for the line at which a pause matters, and for fresh trials with that pause."""
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
    fixed: Collection[str] = ()
    """Settings that were asked for, and so are not varied."""
    only: Collection[str] = ()
    """Factors to try; all of them if there are none."""
    added: Sequence[Level] = ()
    """Levels of the user's own, tried in place of ours of the same factor."""
    keeps_timeout: bool = False
    finds_line: bool = True


@dataclass
class Amplified:
    """What has come of it so far."""

    levels: list[Level] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)
    batches: list[Batch] = field(default_factory=list)
    found: Found | None = None
    line: DelayFinding | None = None
    stopped: str | None = None
    elapsed: float = 0.0


def amplify(request: Request, say: Callable[[str], None]) -> Amplified:
    """Search for about so many seconds as are given; a signal ends it early. `say` hears how it goes on.

    Raises UsageError, CannotRunError or NothingToRunError where the target cannot be run at all.
    """
    result = Amplified()
    variants: dict[Setting, RunSpec] = {}

    def variant(setting: Setting) -> RunSpec:
        if setting not in variants:
            variants[setting] = request.variant(values_of(setting, result.levels))
        return variants[setting]

    runner = Runner(variant, request.seconds, keeps_timeout=request.keeps_timeout)
    with signals_stop(runner.stop):
        items = runner.first()
        plain = variant(PLAIN)
        result.levels, result.left_out = _possible(request, levels_for(plain, len(items)))
        looks = request.finds_line and any(level.factor == DELAY for level in result.levels)
        reserved = (_LINE_SHARE + _PIN_SHARE) * request.seconds if looks else 0.0
        line_error = _LINE_ERROR * request.error if looks else 0.0
        if not runner.stopped:
            result.found = search(
                factors_of(result.levels),
                runner,
                seconds=max(_LEAST_SEARCH, runner.left() - reserved),
                left=lambda: max(0.0, runner.left() - reserved),
                seed=request.seed,
                signatures=request.signatures,
                error=request.error - line_error,
                say=say,
            )
        if result.found is not None and not runner.stopped and looks and _may_have_a_line(result.found):
            try:
                result.line = _line(plain, result.found, runner.left() - _PIN_SHARE * request.seconds, line_error, say)
            except KeyboardInterrupt as error:
                runner.stopped = str(error) or INTERRUPTED
        if result.line is not None and not runner.stopped:
            _pin(result, runner, request.seed, line_error, say)
    result.stopped = runner.stopped
    result.batches = runner.batches
    result.elapsed = runner.seconds
    return result


def _possible(request: Request, levels: Iterable[Level]) -> tuple[list[Level], list[str]]:
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


def _may_have_a_line(found: Found) -> bool:
    """Whether it is about what comes first, by all that is known; or is known to fail, and nothing tells of what."""
    if found.source is Source.NONE or found.stop in (Stop.BROKEN, Stop.FAILS_PLAIN):
        return False
    of_best = [factor for factor, _ in found.best.setting.levels] if found.best is not None else []
    matter = [*raising(found), *of_best]
    return any(map(is_of_timing, matter)) or (not matter and found.source is not Source.PERTURBED)


def _line(
    plain: RunSpec, found: Found, seconds: float, error: float, say: Callable[[str], None]
) -> DelayFinding | None:
    if seconds < _LEAST_LINE or isinstance(plain.target, CommandTarget):
        return None
    say("looking for the line at which a pause matters")
    spec = msgspec.structs.replace(plain, count=None, duration=None, preset=None)
    return find_line(spec, budget=seconds, signatures=found.signatures, error=error)


def _pin(result: Amplified, runner: Runner, seed: int, error: float, say: Callable[[str], None]) -> None:
    """Try the pause at the line that was found as a setting of its own."""
    line = result.line.line if result.line is not None else None
    if result.found is None or line is None or not line.raises:
        return
    say(f"confirming with fresh tests: a pause of {short_duration(line.seconds)} at {line.place}")
    level = Level(DELAY, line.delay, {DELAY: line.delay})
    result.levels.append(level)
    result.found = pin(
        (level.factor, level.name),
        result.found,
        runner,
        seconds=max(_LEAST_SEARCH, runner.left()),
        left=runner.left,
        seed=seed,
        error=error,
    )
