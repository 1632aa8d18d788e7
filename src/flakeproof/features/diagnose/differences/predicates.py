"""From recorded trials to predicates: facts that were true in some trials and not in others."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from flakeproof.features.diagnose.differences.traces import Fact, Trace, Value
from flakeproof.stats.predicates import cut_points

_MOST_CATEGORIES = 8
_LEAST_DURATION = 0.0005
"""Seconds: differences in what takes less are those of the recorder and the machine."""


class PredicateKind(StrEnum):
    """What a predicate is about."""

    REACHED = "reached"
    RAISED = "raised"
    VALUE = "value"
    SWITCH = "switch"
    INTERRUPTION = "interruption"
    TIMES = "times"
    DURATION = "duration"


@dataclass(frozen=True)
class Predicate:
    """A fact about one place, true in the trials whose bits are set."""

    kind: PredicateKind
    file: str
    line: int
    function: str
    name: str
    """The variable or result, the exception; for a switch the line before, for an interruption the one that ran
    meanwhile."""
    relation: str
    """">" or "=" with `value`; "" for what simply happened."""
    value: Fact
    pattern: int
    moment: float
    """When in the trial, on average: 0 the start, 1 the failure."""
    values: Sequence[Fact] = ()
    """By trial; None where it was not seen."""


def predicates_of(traces: Sequence[Trace], failed: Callable[[Trace], bool]) -> list[Predicate]:
    """Every predicate that was true in some of `traces` and not in all."""
    failures = sum(failed(trace) for trace in traces)
    found: list[Predicate] = []
    found += _lines(traces, failures)
    found += _raised(traces)
    found += _values(traces, failures)
    found += _switches(traces, failures)
    found += _interruptions(traces, failures)
    everything = (1 << len(traces)) - 1
    return [one for one in found if one.pattern not in (0, everything)]


def _moment(traces: Sequence[Trace], moments: Sequence[int | None]) -> float:
    """The mean of moments, as shares of the trials."""
    shares = [
        min(1.0, moment / max(1, _end(trace)))
        for trace, moment in zip(traces, moments, strict=True)
        if moment is not None
    ]
    return sum(shares) / len(shares) if shares else 1.0


def _end(trace: Trace) -> int:
    return trace.cut if trace.cut < 1 << 62 else max((line.last for line in trace.lines.values()), default=1)


def _bits(truths: Iterator[bool]) -> int:
    pattern = 0
    for place, truth in enumerate(truths):
        pattern |= truth << place
    return pattern


def _lines(traces: Sequence[Trace], failures: int) -> Iterator[Predicate]:
    places = {at for trace in traces for at in trace.lines}
    for at in places:
        rows = [
            line if (line := trace.lines.get(at)) is not None and line.first <= trace.cut else None for trace in traces
        ]
        known = next((row for row in rows if row is not None), None)
        if known is None:
            continue
        moment = _moment(traces, [row.first if row is not None else None for row in rows])
        here = *at, known.function, ""
        yield Predicate(PredicateKind.REACHED, *here, "", None, _bits(row is not None for row in rows), moment)
        hits: list[float | None] = [row.hits if row is not None else None for row in rows]
        for cut, pattern in _split(hits, failures):
            yield Predicate(PredicateKind.TIMES, *here, ">", cut, pattern, moment, hits)
        took: list[float | None] = [row.own if row is not None else None for row in rows]
        if max((seconds for seconds in took if seconds is not None), default=0.0) >= _LEAST_DURATION:
            for cut, pattern in _split(took, failures):
                if cut >= _LEAST_DURATION / 2:
                    yield Predicate(PredicateKind.DURATION, *here, ">", cut, pattern, moment, took)


def _raised(traces: Sequence[Trace]) -> Iterator[Predicate]:
    for key in {key for trace in traces for key in trace.raised}:
        file, line, kind, function = key
        moments = [
            moment if (moment := trace.raised.get(key)) is not None and moment <= trace.cut else None
            for trace in traces
        ]
        yield Predicate(
            PredicateKind.RAISED,
            file,
            line,
            function,
            kind,
            "",
            None,
            _bits(moment is not None for moment in moments),
            _moment(traces, moments),
        )


def _values(traces: Sequence[Trace], failures: int) -> Iterator[Predicate]:
    for key in {key for trace in traces for key in trace.values}:
        file, line, name = key
        rows = [
            value if (value := trace.values.get(key)) is not None and value.last <= trace.cut else None
            for trace in traces
        ]
        moment = _moment(traces, [row.first if row is not None else None for row in rows])
        function = _function_at(traces, file, line)
        for which, read in _READINGS.items():
            if which and all(row is None or row.count == 1 for row in rows):
                continue
            seen: list[Fact] = [None if row is None else read(row) for row in rows]
            numbers = [value for value in seen if type(value) in (int, float)]
            if which and which != "at first" and len(numbers) * 2 <= len(seen):
                continue
            split = _by_size(seen, failures) if len(numbers) * 2 > len(seen) else _by_equality(seen, rows)
            shown = f"{name} ({which})" if which else name
            for relation, limit, pattern in split:
                yield Predicate(
                    PredicateKind.VALUE, file, line, function, shown, relation, limit, pattern, moment, seen
                )


_READINGS: Mapping[str, Callable[[Value], Fact]] = {
    "": lambda value: value.last_value,
    "at first": lambda value: value.first_value,
    "lowest": lambda value: value.lowest,
    "highest": lambda value: value.highest,
    "different values": lambda value: value.distinct,
}


def _by_size(seen: Sequence[Fact], failures: int) -> Iterator[tuple[str, Fact, int]]:
    numbers = [float(value) if type(value) in (int, float) else None for value in seen]  # type: ignore[arg-type]
    for cut, pattern in _split(numbers, failures):
        yield ">", cut, pattern


def _by_equality(seen: Sequence[Fact], rows: Sequence[object | None]) -> Iterator[tuple[str, Fact, int]]:
    kinds = {repr(value): value for value, row in zip(seen, rows, strict=True) if row is not None}
    if not 1 < len(kinds) <= _MOST_CATEGORIES:  # of one that is always the same no more is told than by its line
        return
    for shown, value in kinds.items():
        yield (
            "=",
            value,
            _bits(row is not None and repr(one) == shown for one, row in zip(seen, rows, strict=True)),
        )


def _switches(traces: Sequence[Trace], failures: int) -> Iterator[Predicate]:
    for key in {key for trace in traces for key in trace.switches}:
        before_file, before_line, file, line = key
        rows = [_before(trace.switches.get(key), trace.cut) for trace in traces]
        name = f"{before_file}:{before_line}"
        yield from _counted(PredicateKind.SWITCH, traces, rows, file, line, name, failures)


def _interruptions(traces: Sequence[Trace], failures: int) -> Iterator[Predicate]:
    for key in {key for trace in traces for key in trace.interruptions}:
        file, line, other_file, other_line = key
        rows = [_before(trace.interruptions.get(key), trace.cut) for trace in traces]
        name = f"{other_file}:{other_line}"
        yield from _counted(PredicateKind.INTERRUPTION, traces, rows, file, line, name, failures)


def _before(seen: tuple[int, int] | None, cut: int) -> tuple[int, int] | None:
    return seen if seen is not None and seen[0] <= cut else None


def _counted(
    kind: PredicateKind,
    traces: Sequence[Trace],
    rows: Sequence[tuple[int, int] | None],
    file: str,
    line: int,
    name: str,
    failures: int,
) -> Iterator[Predicate]:
    """Whether something happened at all, and whether more often than so many times."""
    moment = _moment(traces, [row[0] if row is not None else None for row in rows])
    function = _function_at(traces, file, line)
    yield Predicate(kind, file, line, function, name, "", None, _bits(row is not None for row in rows), moment)
    counts: list[float | None] = [row[1] if row is not None else 0 for row in rows]
    for cut, pattern in _split(counts, failures):
        if cut >= 1:
            yield Predicate(kind, file, line, function, name, ">", cut, pattern, moment, counts)


def _split(values: Sequence[float | None], failures: int) -> Iterator[tuple[float, int]]:
    """Thresholds, and in which trials the value was above; a trial without the value has it not above."""
    known = [value for value in values if value is not None]
    for cut in cut_points(known, failures):
        yield cut, _bits(value is not None and value > cut for value in values)


def _function_at(traces: Sequence[Trace], file: str, line: int) -> str:
    for trace in traces:
        if (found := trace.lines.get((file, line))) is not None:
            return found.function
    return ""
