"""Whether a test failed in two places in the same way, by what is told of it in both."""

import re

from flakeproof.failures.signature import normalised
from flakeproof.features.ci.case import Symptom

_LIMIT = 300
_AROUND = re.compile(r"failed on (setup|teardown) with \"(.*)", re.S)
"""How pytest's JUnit file tells of an error in a fixture."""
_ELLIPSIS = ("...", "…")
_BARE = re.compile(r"(?:AssertionError: )?assert(?= )")
"""pytest 9 writes the type before a bare assertion, versions before do not."""


def symptom(text: str, phase: str = "call", *, may_be_cut: bool = False) -> Symptom:
    """Of what an exception says, which may have several lines; `may_be_cut` where the runner fits it into a line."""
    around = _AROUND.match(text)
    if around is not None:
        phase, text = around[1], around[2].removesuffix('"')
    line = next((line.strip() for line in text.splitlines() if line.strip()), "")
    is_cut = may_be_cut and line.endswith(_ELLIPSIS)
    if len(line) > _LIMIT:
        line, is_cut = line[:_LIMIT], True
    return Symptom(message=line, is_cut=is_cut, phase=phase)


def alike(one: Symptom, other: Symptom) -> bool:
    """Whether both can be of the same failure; of what was cut, as far as it goes.

    One without any message (a log with `--tb=no`) fits every failure in its phase.
    """
    if one.phase != other.phase:
        return False
    if one.phase == "crash" or not one.message or not other.message:
        return True
    first, second = _key(one), _key(other)
    if not one.is_cut and not other.is_cut:
        return first == second
    shorter, longer = sorted((first, second), key=len)
    if one.is_cut and other.is_cut:
        return longer.startswith(shorter)
    return (second if one.is_cut else first).startswith(first if one.is_cut else second)


def shown(one: Symptom) -> str:
    """One line for people."""
    where = f" at {one.phase}" if one.phase in ("setup", "teardown") else ""
    return f"{one.message or 'failed, no message is told'}{where}"


def _key(one: Symptom) -> str:
    message = _BARE.sub("assert", one.message, count=1)
    if one.is_cut:
        for end in _ELLIPSIS:
            message = message.removesuffix(end)
        message = re.sub(r"[\w.]+$", "", message)  # half a number is another number
    return normalised(message)
