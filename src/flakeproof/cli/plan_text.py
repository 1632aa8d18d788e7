"""The answers of `flakeproof plan`, in words."""

from collections.abc import Callable, Iterator
from typing import TypeVar

import msgspec

from flakeproof.config import MOST_TRIALS
from flakeproof.errors import UsageError
from flakeproof.planning import Plan, plan
from flakeproof.presets import PRESETS
from flakeproof.text import bound, parse_rate, share

T = TypeVar("T")
_DEFAULT_RATE = 0.02
_DEFAULT_CONFIDENCE = "99.99%"


def answer(*, rate: str | None, seen: str | None, confidence: str, count: str | None, json: bool) -> Iterator[str]:
    """Lines to print. Raises UsageError."""
    wanted = _parse(parse_rate, "--confidence", confidence)
    trials = None if count is None else _parse(_count, "--count", count)
    if rate is not None and seen is not None:
        raise UsageError(f"--rate {rate} says that the rate is known, --seen {seen} that it is not", "give one")
    pair = None if seen is None else _parse(_seen, "--seen", seen)
    value = _parse(parse_rate, "--rate", rate) if rate is not None else None if pair else _DEFAULT_RATE
    try:
        found = plan(value, confidence=wanted, count=trials, seen=pair)
    except ValueError as error:
        raise UsageError(str(error), "rates and confidences lie between 0% and 100%, without the ends") from None
    if json:
        yield msgspec.json.format(msgspec.json.encode(found)).decode()
        return
    if rate is None and seen is None and count is None and confidence == _DEFAULT_CONFIDENCE:
        yield from table(_DEFAULT_RATE)
        return
    yield from _words(found, asked_for_count=trials is not None)
    if value is not None and trials is None:
        yield ""
        yield from table(value)


def table(rate: float) -> Iterator[str]:
    """The presets against a flake with failure rate `rate`: P(detect) = 1 - (1 - p)^n."""
    yield f"With a failure rate of {share(rate)}, P(detect) = 1 - (1 - {rate:g})^n:"
    yield ""
    yield f"{'Preset':<10}{'Tests':>10}{'P(detect)':>22}{'Expected failures':>20}{'0 failures prove (95%)':>25}"
    for name, preset in PRESETS.items():
        found = plan(rate, count=preset.count)
        yield (
            f"{name:<10}{preset.count:>10,}{_probability(found):>22}{found.expected_failures or 0:>20,.0f}"
            f"{'rate ≤ ' + bound(found.bound_if_none or 0):>25}"
        )


def _words(found: Plan, *, asked_for_count: bool) -> Iterator[str]:
    if found.rate is not None:
        premise = f"a failure rate of {share(found.rate)}"
    else:
        premise = f"{found.seen_failures} failures in {found.seen_trials} tests seen so far"
    if found.count is None:
        yield f"With {premise}, no number of tests shows a failure with {share(found.confidence)}:"
        yield "the rate may be so low that a billion tests do not. See more failures first."
        return
    if asked_for_count:
        yield f"With {premise}, {found.count:,} tests show at least one failure with probability {_probability(found)}."
    else:
        yield (
            f"With {premise}, {found.count:,} test{'s' if found.count != 1 else ''} show at least one failure "
            f"with {share(found.confidence)} (exactly: {_probability(found)})."
        )
    if found.expected_failures is not None:
        yield f"About {found.expected_failures:,.3g} failures are to be expected."
    if found.bound_if_none is not None:
        yield (
            f"If none of them fails, the rate is at most {bound(found.bound_if_none)} "
            f"({100 * found.bound_confidence:g}%, exact)."
        )


def _probability(found: Plan) -> str:
    """Close to 1 the distance to it says more."""
    if found.detection is None or found.miss is None:
        return "unknown"
    if found.miss == 0 or found.miss < 1e-12:
        return f"1 - {found.miss:.2g}" if found.miss else "1 - less than 1e-300"
    shown = share(found.detection, 2)
    return shown if found.miss > 5e-5 else f"{100 * found.detection:.{_digits(found.miss)}f}%"


def _digits(miss: float) -> int:
    digits = 2
    while miss * 10 ** (digits + 2) < 1 and digits < 14:
        digits += 1
    return digits + 1


def _count(text: str) -> int:
    value = int(text.replace(",", "").replace("_", ""))
    if not 1 <= value <= MOST_TRIALS:
        raise ValueError(f"{value:,} is not between 1 and {MOST_TRIALS:,}")
    return value


def _seen(text: str) -> tuple[int, int]:
    failures, slash, trials = text.partition("/")
    if not slash:
        raise ValueError(f"{text!r} is not failures/tests, like 3/200")
    pair = int(failures), int(trials)
    if not 0 <= pair[0] <= pair[1] or pair[1] == 0:
        raise ValueError(f"{text!r}: there cannot be {pair[0]} failures in {pair[1]} tests")
    return pair


def _parse(parser: Callable[[str], T], option: str, text: str) -> T:
    try:
        return parser(text)
    except ValueError as error:
        raise UsageError(f"{option}: {error}") from None
