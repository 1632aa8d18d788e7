"""How many trials it takes to see a flake, and what a number of trials can show; the answers of `flakeproof plan`."""

from collections.abc import Callable, Iterator
from typing import TypeVar

import msgspec

from flakeproof.errors import UsageError
from flakeproof.model import Record
from flakeproof.settings.presets import PRESETS
from flakeproof.settings.table import MOST_TRIALS
from flakeproof.stats import detection
from flakeproof.text import expected, parse_rate, parse_whole, share, shortened, upper
from flakeproof.text import rate as rate_text

SCHEMA_VERSION = 1


class Plan(Record, frozen=True, kw_only=True):
    """An answer to "how many trials?"; rates and probabilities between 0 and 1."""

    schema_version: int = SCHEMA_VERSION
    count: int | None
    """Trials; None when no number up to the limit of the search is enough."""
    rate: float | None
    """Assumed failure rate; None when it was estimated from trials seen."""
    seen_failures: int | None = None
    seen_trials: int | None = None
    confidence: float
    """Probability wanted to see at least one failure."""
    detection: float | None
    """Probability of at least one failure in `count` trials."""
    miss: float | None
    """Probability of none."""
    expected_failures: float | None
    bound_if_none: float | None
    """If none of `count` trials fails: the failure rate is at most this, with the confidence `bound_confidence`."""
    bound_confidence: float = 0.95


def plan(
    rate: float | None = None,
    *,
    confidence: float = 0.9999,
    count: int | None = None,
    seen: tuple[int, int] | None = None,
    bound_confidence: float = 0.95,
) -> Plan:
    """Trials needed to see a failure with probability `confidence`, or with `count` what so many trials show.

    Give the failure `rate` (between 0 and 1), or `seen`: failures and trials of a sample from which it is estimated;
    then the probability is the predictive one, which knows that the rate is not known.

    Raises ValueError for values out of range, or when neither or both are given.
    """
    if (rate is None) == (seen is None):
        raise ValueError("give either the rate or the failures and trials seen")
    if rate is not None:
        needed = count if count is not None else detection.trials_needed(rate, confidence)
        detected: float | None = detection.detection_probability(rate, needed)
        missed: float | None = detection.miss_probability(rate, needed)
        expected: float | None = rate * needed
        found: int | None = needed
    else:
        assert seen is not None
        failures, trials = seen
        found = count if count is not None else detection.predictive_trials_needed(failures, trials, confidence)
        detected = None if found is None else detection.predictive_detection(failures, trials, found)
        missed = None if detected is None else 1 - detected
        # Mean of the posterior under Jeffreys' prior, the one the predictive probability uses.
        expected = None if found is None else found * (failures + 0.5) / (trials + 1)
    return Plan(
        count=found,
        rate=rate,
        seen_failures=seen[0] if seen else None,
        seen_trials=seen[1] if seen else None,
        confidence=confidence,
        detection=detected,
        miss=missed,
        expected_failures=expected,
        bound_if_none=None if not found else detection.zero_failure_bound(found, bound_confidence),
        bound_confidence=bound_confidence,
    )


T = TypeVar("T")
_DEFAULT_RATE = 0.02
_DEFAULT_CONFIDENCE = 0.9999
_NEARLY_CERTAIN = 1e-6
_COLUMNS = (10, 9, 12, 15, 20, 28)


def answer(
    *, rate: str | None, seen: str | None, confidence: str | None, count: str | None, json: bool
) -> Iterator[str]:
    """Lines to print. Raises UsageError."""
    if rate is not None and seen is not None:
        raise UsageError(f"--rate {rate} says that the rate is known, --seen {seen} that it is not", "give one")
    if count is not None and confidence is not None:
        raise UsageError(
            f"--confidence {confidence} asks how many tests it takes, --count {count} what so many show", "give one"
        )
    wanted = _DEFAULT_CONFIDENCE if confidence is None else _parse(_inner, "--confidence", confidence)
    trials = None if count is None else _parse(_count, "--count", count)
    pair = None if seen is None else _parse(_seen, "--seen", seen)
    value = _parse(_rate, "--rate", rate) if rate is not None else None if pair else _DEFAULT_RATE
    try:
        found = plan(value, confidence=wanted, count=trials, seen=pair)
    except ValueError as error:
        raise UsageError(str(error)) from None
    if json:
        yield msgspec.json.format(msgspec.json.encode(found)).decode()
        return
    if value is not None and (trials is None and (rate is None and confidence is None)):
        yield from table(value)
        return
    yield from _words(found, is_count_asked=trials is not None)
    if value is not None and trials is None:
        yield ""
        yield from table(value)


def table(rate: float) -> Iterator[str]:
    """The presets against a flake with failure rate `rate`: P(detect) = 1 - (1 - p)^n."""
    yield f"The presets against a flake that fails {rate_text(rate)} of the time:"
    yield ""
    yield _row("Preset", "Tests", "P(detect)", "P(none fails)", "Failures expected", "If none fails, 95% sure")
    for name, preset in PRESETS.items():
        found = plan(rate, count=preset.count)
        yield _row(
            name,
            f"{preset.count:,}",
            probability(found),
            _small(found.miss or 0.0),
            expected(found.expected_failures or 0.0),
            f"rate at most {upper(found.bound_if_none or 0.0)}",
        )
    yield ""
    yield f"P(detect) = 1 - (1 - {rate:g})^n, the probability that at least one of n tests fails."


def probability(found: Plan) -> str:
    """Of at least one failure; what is nearly certain is said to be above a limit, never to be 100%."""
    if found.detection is None or found.miss is None:
        return "unknown"
    return ">99.9999%" if found.miss < _NEARLY_CERTAIN else share(found.detection)


def _words(found: Plan, *, is_count_asked: bool) -> Iterator[str]:
    if found.rate is not None:
        flake = f"a flake that fails {rate_text(found.rate)} of the time"
    else:
        flake = (
            f"a flake that has failed in {found.seen_failures} of {found.seen_trials} tests so far "
            "(its rate is only estimated)"
        )
    if found.count is None:
        yield f"No number of tests shows {flake} with a probability of {rate_text(found.confidence)}:"
        yield "its rate may be so low that a billion tests would not be enough. See more failures first."
        return
    if is_count_asked:
        seen = probability(found).replace(">", "more than ")
        none = _small(found.miss or 0.0).replace("<", "less than ")
        yield f"{_tests(found.count)} show {flake} with a probability of {seen}."
        yield f"The probability that none fails is {none}; {_expectation(found)}."
    else:
        yield f"{_tests(found.count)} show {flake} with a probability of at least {rate_text(found.confidence)}."
        yield f"{_expectation(found).capitalize()}."
    if found.bound_if_none is not None:
        yield (
            f"If none of {found.count:,} fails, the rate is at most {upper(found.bound_if_none)} "
            f"({100 * found.bound_confidence:g}% confidence, exact)."
        )


def _tests(count: int) -> str:
    return f"{count:,} test{'s' if count != 1 else ''}"


def _expectation(found: Plan) -> str:
    count = expected(found.expected_failures or 0.0)
    return f"about {count} failure{'' if count == '1' else 's'} are to be expected"


def _small(value: float) -> str:
    """A probability that may be tiny."""
    if value >= 0.001:
        return share(value)
    return f"{value:.1e}" if value else "<1e-300"


def _row(*cells: str) -> str:
    first, *rest = cells
    return first.ljust(_COLUMNS[0]) + "".join(cell.rjust(width) for cell, width in zip(rest, _COLUMNS[1:], strict=True))


def _inner(text: str) -> float:
    value = parse_rate(text)
    if not 0 < value < 1:
        raise ValueError(f"{shortened(text)!r} must lie between 0% and 100%, without the ends")
    return value


def _rate(text: str) -> float:
    value = _inner(text)
    if value < 1 / MOST_TRIALS:
        raise ValueError(
            f"{shortened(text)!r} is less than one failure in {MOST_TRIALS:,} tests: nobody can run so many"
        )
    return value


def _count(text: str) -> int:
    return parse_whole(text, 1, MOST_TRIALS)


def _seen(text: str) -> tuple[int, int]:
    failures, slash, trials = text.partition("/")
    if not slash:
        raise ValueError(f"{shortened(text)!r} is not failures/tests, like 3/200")
    whole = parse_whole(trials, 1, MOST_TRIALS)
    return parse_whole(failures, 0, whole), whole


def _parse(parser: Callable[[str], T], option: str, text: str) -> T:
    try:
        return parser(text)
    except ValueError as error:
        raise UsageError(f"{option}: {error}") from None
