"""`--freeze`: the processes of a test stand still for moments."""

from typing import Any

from flakeproof.model import Freeze
from flakeproof.perturbations.perturbation import Kind
from flakeproof.perturbations.spans import parse_chance, parse_span, written_span
from flakeproof.text import rate

_LONGEST = 1.0
_DEFAULT_SHARE = 0.25
_MOST_SHARE = 0.9


def _parse(given: Any) -> str:
    return _written(_freeze_in(str(given)))


def _freeze_in(text: str) -> Freeze:
    """Raises ValueError."""
    length, at, chance = text.strip().partition("@")
    least, most = parse_span(length, _LONGEST, "a second")
    share = parse_chance(chance) if at else _DEFAULT_SHARE
    if share > _MOST_SHARE:
        raise ValueError(f"{chance!r}: what stands still for more than {rate(_MOST_SHARE)} of the time gets nowhere")
    return Freeze(least=least, most=most, share=share)


def _written(freeze: Freeze) -> str:
    return f"{written_span(freeze.least, freeze.most)}@p={freeze.share:g}"


def _words(freeze: Freeze) -> list[str]:
    return ["--freeze", _written(freeze)]


FREEZE = Kind("freeze", "freeze", _parse, _words, read=_freeze_in, own_process=True)
