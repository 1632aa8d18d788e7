"""What there is to know of a perturbation before a run."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from flakeproof.errors import UsageError
from flakeproof.model import CommandTarget, PytestTarget, Target


def _as_it_is(value: Any) -> Any:
    return value


def _nothing_to_say(value: Any, source: str, target: Target) -> None:
    return None


def _nothing_against(value: Any, source: str) -> None:
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
class PerturbationKind:
    """One perturbation."""

    setting: str
    """Its name: that of the option and of the setting."""
    field: str
    """That of `model.Perturbations`."""
    parse: Callable[[Any], Any]
    """From what is written to the value of the setting; raises ValueError."""
    words: Callable[[Any], list[str]]
    """From the value of the field to the words of a command line."""
    read: Callable[[Any], Any] = _as_it_is
    """From the value of the setting to that of the field."""
    only_python: bool = False
    """Whether it is a matter of code that runs in worker processes, and cannot be for a command."""
    own_process: bool = False
    """Whether it is done to the process of a trial, so that each trial needs one of its own."""
    only_tests: bool = False
    """Whether it is a matter of tests of pytest."""
    excludes: str = ""
    """The setting that cannot be beside it: of the two the one from the heavier source wins."""
    check: Callable[[Any, str, Target], None] = _nothing_to_say
    """Raises UsageError if a value of the field, which comes from the source that is named, can mean nothing."""
    check_shared: Callable[[Any, str], None] = _nothing_against
    """Raises UsageError if a value of the field cannot be where several tests run at once in one process."""
    hindrance: Callable[[Any, Target], Hindrance | None] = _possible
    """Why a value of the field is not possible on this machine, or for this target."""

    def suits(self, target: Target) -> bool:
        """Whether it can be for this kind of target."""
        if self.only_tests:
            return isinstance(target, PytestTarget)
        return not (self.only_python and isinstance(target, CommandTarget))


def refuse_variables(names: Iterable[str], shown: str, target: Target) -> None:
    """Raise UsageError if the target itself says what a variable is that a perturbation is to set."""
    for name in names:
        if name in target.environment:
            raise UsageError(
                f"{shown} and --env {name}={target.environment[name]} contradict each other", "give one of the two"
            )


def flag_words(name: str) -> Callable[[bool], list[str]]:
    """Of an option that is given or not."""
    return lambda value: [f"--{name}"] if value else []


def value_words(name: str) -> Callable[[Any], list[str]]:
    """Of an option with a value that can be written as it is."""
    return lambda value: [f"--{name}", str(value)]
