"""Whether a command printed what a page says, apart from numbers, times and paths."""

import re
from itertools import groupby

_REPLACED = [
    (re.compile(r", Python \S+ \(flakeproof's own\)"), ""),  # its reader has the tests' environment beside flakeproof's
    (re.compile(r"\d{8}-\d{6}-[0-9a-f]{7}"), "RUN"),
    (re.compile(r"0x[0-9a-f]+"), "HEX"),
    (re.compile(r"(?<![\w.])(?:/[\w.~-]+)+/"), ""),
    (re.compile(r"(?<![\w.])(?:[\w.~-]+/)+(?=[\w-]+\.\w)"), ""),
    (re.compile(r"\d[\d.,:]*(?:e[+-]\d+)?\d*(?:\^-?\d+)?"), "N"),
    (re.compile(r"(?:Nh)?(?:Nm)?N(?:ms|s)\b"), "N s"),
    (re.compile(r"[<>≈]\s*N"), "N"),
    # one or several of them
    (re.compile(r"\b(test|pass|process|run|time|failure|pair|call|probe|batch|trial|file)(?:es|s)\b"), r"\1"),
    (re.compile(r"([=_-])\1{3,}"), r"\1\1"),
    (re.compile(r"\s+"), " "),
]
_ANYWHERE = re.compile(r"(?:\w+: )?FAILURE #N ")
_LEFT_OUT = re.compile(rf"Progress: |{_ANYWHERE.pattern}|N test (?:was|were) still in flight |$")
"""Whether these are there, how many of these there are, and where, goes by the machine."""
ANYTHING = "…"


def redacted(line: str) -> str:
    """The line with `N` for each number and duration, without folders, and with single spaces."""
    for pattern, replacement in _REPLACED:
        line = pattern.sub(replacement, line)
    return line.strip()


def _lines(lines: list[str]) -> list[str]:
    return [line for line, _ in groupby(redacted(line) for line in lines) if not _LEFT_OUT.match(line)]


def _is(expected: str, seen: str) -> bool:
    """Whether a line is the one expected; one that ends in … may go on in any way."""
    if expected.endswith(ANYTHING):
        return seen.startswith(expected.removesuffix(ANYTHING).rstrip())
    return expected == seen


def first_difference(page: list[str], printed: list[str]) -> str | None:
    """The first line of the page that was not printed where it should be; None if all were.

    A line `…` stands for any number of lines. Without one, nothing else may have been printed in between, at the begin
    or at the end.
    """
    failures = [line for line in map(redacted, printed) if _ANYWHERE.match(line)]
    for line in map(redacted, page):
        if _ANYWHERE.match(line) and not any(_is(line, other) for other in failures):
            return f"the page has   {line}\nprinted was    {failures[:3]}"
    seen = _lines(printed)
    at, free = 0, False
    parts = [list(part) for _, part in groupby(_lines(page), lambda line: line == ANYTHING)]
    for part in parts:
        if part[0] == ANYTHING:
            free = True
            continue
        starts = range(at, len(seen) + 1) if free else [at]
        for start in starts:
            fits = sum(1 for _ in _common(part, seen[start:]))
            if fits == len(part):
                at, free = start + fits, False
                break
        else:
            start = max(starts, key=lambda start: sum(1 for _ in _common(part, seen[start:])))
            fits = sum(1 for _ in _common(part, seen[start:]))
            instead = seen[start + fits] if start + fits < len(seen) else "the end"
            return f"the page has   {part[fits]}\nprinted was    {instead}"
    if not free and at < len(seen):
        return f"the page ends, and printed was also    {seen[at]}"
    return None


def _common(expected: list[str], seen: list[str]) -> list[str]:
    found: list[str] = []
    for one, other in zip(expected, seen, strict=False):
        if not _is(one, other):
            break
        found.append(one)
    return found
