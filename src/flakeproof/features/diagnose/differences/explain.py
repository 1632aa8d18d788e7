"""Differences between failing and passing trials in words."""

import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

from flakeproof.features.diagnose.differences.compare_trials import TrialDifference
from flakeproof.features.diagnose.differences.predicates import Predicate, PredicateKind
from flakeproof.features.diagnose.differences.traces import At, Fact
from flakeproof.stats.predicates import Separation
from flakeproof.text import number, shown_path

_CLEAR = 0.6
"""Least difference of the shares for what is told as an explanation."""
_MOST = 3
_PAUSE, _LONGEST_PAUSE = 0.02, 2.0
"""Seconds."""
_EVERY_OTHER = 0.5
_TIMES = {0: "0 times", 1: "once", 2: "twice"}
_INTERLEAVING = (PredicateKind.INTERRUPTION, PredicateKind.SWITCH)


@dataclass(frozen=True)
class Explanation:
    """What differs, for people."""

    text: str
    file: str
    line: int
    function: str
    is_symptom: bool
    """Whether it is only the failure itself, seen once more."""
    interleaving: str = ""
    """What another thread or task did in the same trials, in one sentence; "" for nothing that goes with it."""
    takes_longer: bool = False
    """Whether it is that a line took longer in failures."""
    pauses: Sequence["Pause"] = ()
    """Where a pause would bring about what was so in failures, the most promising first."""


@dataclass(frozen=True)
class Pause:
    """A pause at a line."""

    file: str
    line: int
    function: str
    seconds: float
    probability: float
    """With which it is made whenever the line is reached: where two take turns, one of them has to be the slower."""


def explanations(
    found: Sequence[TrialDifference],
    frames: Sequence[At],
    functions: Collection[str],
    failed: int,
    lines: Mapping[At, str] = MappingProxyType({}),
) -> list[Explanation]:
    """The clearest differences, of each group the earliest that is more than the failure itself.

    `frames` are the project's lines of the traceback, `functions` the names of their functions; the first `failed`
    bits of a pattern are the failing trials. `lines` are all lines that were reached, with their functions.
    """
    told: list[Explanation] = []
    places: set[At] = set()
    for difference in found:
        if abs(difference.separation.strength) < _CLEAR:
            continue
        members = [difference.leader, *difference.others]
        causes = [one for one in members if not _is_symptom(one, frames, functions)]
        chosen = min(causes or members, key=lambda one: (one.moment, one.line))
        if (chosen.file, chosen.line) in places:
            continue
        places.add((chosen.file, chosen.line))
        text = sentence(chosen, difference.separation, failed)
        others = sorted((one for one in causes if one.kind in _INTERLEAVING), key=lambda one: one.moment)
        interleaving = sentence(others[0], _same_way(others[0], difference), failed) if others else ""
        pauses = [pause for one in (*others[:1], chosen) for pause in _pauses(one, failed, lines)] if causes else []
        longer = chosen.kind is PredicateKind.DURATION and difference.separation.strength > 0
        told.append(
            Explanation(text, chosen.file, chosen.line, chosen.function, not causes, interleaving, longer, pauses)
        )
    told.sort(key=lambda one: one.is_symptom)
    return told[:_MOST]


def _same_way(predicate: Predicate, difference: TrialDifference) -> Separation:
    """The separation of the group's leader, turned round for a predicate that is true where the leader's is not."""
    found = difference.separation
    if predicate.pattern == difference.leader.pattern:
        return found
    return replace(
        found,
        true_failed=found.failed - found.true_failed,
        true_passed=found.passed - found.true_passed,
    )


def _pauses(predicate: Predicate, failed: int, lines: Mapping[At, str]) -> Iterator[Pause]:
    """Behind the line that waits or was interrupted, where it is left for another one, or at the line itself."""
    here = predicate.file, predicate.line
    if predicate.kind is PredicateKind.DURATION:
        took = sorted(float(one) for one in predicate.values[:failed] if isinstance(one, int | float))
        longest = took[len(took) // 2] if took else 0.0
        yield Pause(*here, predicate.function, min(_LONGEST_PAUSE, max(_PAUSE, longest)), 1.0)
        return
    other = _at(predicate.name) if predicate.kind in (PredicateKind.SWITCH, PredicateKind.INTERRUPTION) else None
    if predicate.kind is PredicateKind.SWITCH and other is not None:
        here, other = other, here  # the line that was left comes first
    places = [_behind(here, lines), here, *([other] if other is not None else [])]
    for file, line in dict.fromkeys(place for place in places if place is not None):
        yield Pause(file, line, lines.get((file, line), predicate.function), _PAUSE, _EVERY_OTHER)


def _behind(here: At, lines: Mapping[At, str]) -> At | None:
    """The next line of the same function that was reached."""
    file, line = here
    function = lines.get(here)
    later = [number for (other, number), name in lines.items() if other == file and name == function and number > line]
    return (file, min(later)) if function is not None and later else None


def _at(name: str) -> At:
    file, _, line = name.rpartition(":")
    return file, int(line)


def _is_symptom(predicate: Predicate, frames: Sequence[At], functions: Collection[str]) -> bool:
    """Whether it is at the line that failed, or how long, or with what, the functions around it ended."""
    if frames and (predicate.file, predicate.line) == frames[-1]:
        return True
    if predicate.kind is PredicateKind.DURATION and (predicate.file, predicate.line) in frames:
        return True
    return any(predicate.name.startswith(f"the result of {function}") for function in functions)


def sentence(predicate: Predicate, separation: Separation, failed: int) -> str:
    """The fact, and in how many failures and passes it was so; told the way it was in most failures."""
    is_so = separation.strength > 0
    here = f"{shown_path(predicate.file)}:{predicate.line}"
    what = "".join(_what(predicate, here, is_so=is_so))
    in_failures = separation.true_failed if is_so else separation.failed - separation.true_failed
    in_passes = separation.true_passed if is_so else separation.passed - separation.true_passed
    counts = (
        f"in {number(in_failures)} of {number(separation.failed)} failures and in "
        f"{number(in_passes)} of {number(separation.passed)} passes"
    )
    return f"{what} {counts}{_typical(predicate, failed)}"


def _what(predicate: Predicate, here: str, *, is_so: bool) -> Iterator[str]:
    name, value = predicate.name, predicate.value
    match predicate.kind:
        case PredicateKind.REACHED:
            yield f"{here} ({predicate.function}) {'runs' if is_so else 'does not run'}"
        case PredicateKind.RAISED:
            yield f"{name} {'comes up' if is_so else 'does not come up'} at {here} ({predicate.function})"
        case PredicateKind.SWITCH:
            verb = "goes on" if is_so else "does not go on"
            yield f"another thread or task {verb} at {here} right after {_line(name)}"
            yield _times(predicate)
        case PredicateKind.INTERRUPTION:
            verb = "runs" if is_so else "does not run"
            yield f"while {here} runs or waits, another thread or task {verb} {_line(name)}, which writes"
            yield _times(predicate)
        case PredicateKind.TIMES:
            yield f"{here} ({predicate.function}) runs {_so_often(value, is_so=is_so)}"
        case PredicateKind.DURATION:
            yield f"{here} ({predicate.function}) takes {'more than' if is_so else 'at most'} {_seconds(value)}"
        case PredicateKind.VALUE:
            shown = "an intermediate value" if name.startswith("@") else f"`{name}`"
            if predicate.relation == "=":
                yield f"{shown} at {here} is {'' if is_so else 'not '}{_shown(value)}"
            else:
                yield f"{shown} at {here} is {_compared(predicate, is_so=is_so)}"


def _compared(predicate: Predicate, *, is_so: bool) -> str:
    """`above 0.35`; of whole numbers `at least 10`."""
    value = predicate.value
    assert isinstance(value, int | float)
    if all(isinstance(one, int) for one in predicate.values if one is not None):
        return f"at least {math.floor(value) + 1}" if is_so else f"at most {math.floor(value)}"
    return f"{'above' if is_so else 'at most'} {_shown(value)}"


def _so_often(value: Fact, *, is_so: bool) -> str:
    """`at least twice`, `at most once`, `at least 5 times`: of counts on both sides of a limit."""
    assert isinstance(value, int | float)
    count = math.floor(value) + is_so
    return f"at {'least' if is_so else 'most'} {_TIMES.get(count, f'{count} times')}"


def _times(predicate: Predicate) -> str:
    return f" {_so_often(predicate.value, is_so=True)}" if predicate.relation == ">" else ""


def _line(name: str) -> str:
    file, line = _at(name)
    return f"{shown_path(file)}:{line}"


def _typical(predicate: Predicate, failed: int) -> str:
    """The medians on both sides, where there are numbers."""
    if predicate.kind not in (PredicateKind.VALUE, PredicateKind.DURATION) or predicate.relation != ">":
        return ""
    sides = (predicate.values[:failed], predicate.values[failed:])
    numbers = [sorted(float(one) for one in side if isinstance(one, int | float)) for side in sides]
    if not numbers[0] or not numbers[1]:
        return ""
    middle = [side[len(side) // 2] for side in numbers]
    show = _seconds if predicate.kind is PredicateKind.DURATION else _shown
    return f" (median {show(middle[0])} in failures, {show(middle[1])} in passes)"


def _seconds(value: Fact) -> str:
    assert isinstance(value, int | float)
    return f"{value * 1e3:.3g} ms" if value < 1 else f"{value:.3g} s"


def _shown(value: Fact) -> str:
    if isinstance(value, float) and not isinstance(value, bool):
        return f"{value:.0f}" if math.isclose(value, round(value)) and abs(value) < 1e15 else f"{value:.4g}"
    return str(value)
