"""What there is to know of a perturbation before a run."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from flakeproof.model import Target


def _as_it_is(value: Any) -> Any:
    return value


def _nothing_to_say(value: Any, source: str, target: Target) -> None:
    return None


def _possible(value: Any, target: Target) -> None:
    return None


@dataclass(frozen=True)
class Hindrance:
    """Why something cannot be done here."""

    why: str
    """What is missing, as what follows a colon."""
    remedy: str
    """What to do about it."""


@dataclass(frozen=True)
class Kind:
    """One perturbation."""

    setting: str
    """Its name: that of the option and of the setting."""
    field: str
    """That of `model.Perturbations`."""
    parse: Callable[[Any], Any]
    """From what is written to the value of the setting; raises ValueError."""
    default: str
    """What is the case without it, in words."""
    words: Callable[[Any], list[str]]
    """From the value of the field to the words of a command line."""
    read: Callable[[Any], Any] = _as_it_is
    """From the value of the setting to that of the field."""
    only_python: bool = False
    """Whether it is a matter of code that runs in worker processes, and cannot be for a command."""
    own_process: bool = False
    """Whether it is done to the process of a trial, so that each trial needs one of its own."""
    check: Callable[[Any, str, Target], None] = _nothing_to_say
    """Raises UsageError if a value of the field, which comes from the source that is named, can mean nothing."""
    hindrance: Callable[[Any, Target], Hindrance | None] = _possible
    """Why a value of the field is not possible on this machine, or for this target."""


def flag_words(name: str) -> Callable[[bool], list[str]]:
    """Of an option that is given or not."""
    return lambda value: [f"--{name}"] if value else []


def value_words(name: str) -> Callable[[Any], list[str]]:
    """Of an option with a value that can be written as it is."""
    return lambda value: [f"--{name}", str(value)]
