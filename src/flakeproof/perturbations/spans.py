"""Lengths of pauses as they are written: `20ms`, or `1ms..50ms`; and the `@p=0.1` behind them."""

from flakeproof.text import parse_duration, parse_rate, short_duration, shortened


def parse_span(text: str, longest: float, named: str) -> tuple[float, float]:
    """Seconds of the shortest and of the longest pause; `longest` is the most there may be, `named` its name.

    Raises ValueError.
    """
    low, dots, high = text.partition("..")
    least = parse_duration(low)
    most = parse_duration(high) if dots else least
    if most < least:
        raise ValueError(f"{text!r}: the longest pause is shorter than the shortest; write it like 1ms..50ms")
    if most == 0:
        raise ValueError(f"{text!r} is no pause at all")
    if most > longest:
        raise ValueError(f"{text!r} is more than {named}")
    return least, most


def parse_chance(text: str) -> float:
    """The probability in `p=0.1`. Raises ValueError."""
    name, equals, value = text.partition("=")
    if name != "p" or not equals:
        raise ValueError(f"{shortened(text)!r} is not a probability; write it like @p=0.1")
    return parse_rate(value)


def written_span(least: float, most: float) -> str:
    """As one would type it."""
    return short_duration(least) + (f"..{short_duration(most)}" if most != least else "")
