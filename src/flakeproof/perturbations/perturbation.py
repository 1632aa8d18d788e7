"""What a kind of perturbation declares: its option, its targets, its checks."""

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


def _never(value: Any) -> bool:
    return False


def always(value: Any) -> bool:
    """For a perturbation that always does what is asked."""
    return True


def _possible(value: Any, target: Target) -> None:
    return None


@dataclass(frozen=True)
class Hindrance:
    """Why a perturbation is not possible on this machine."""

    why: str
    """What is missing, worded to follow a colon."""
    remedy: str
    """What to do about it."""


@dataclass(frozen=True)
class PerturbationKind:
    """One kind of perturbation."""

    setting: str
    """Name of its option and of its setting."""
    field: str
    """Name of its field in `model.Perturbations`."""
    parse: Callable[[Any], Any]
    """Turns the user's input into the value of the setting; raises ValueError."""
    words: Callable[[Any], list[str]]
    """Turns the value of the field into words of a command line."""
    read: Callable[[Any], Any] = _as_it_is
    """Turns the value of the setting into the value of the field."""
    only_python: bool = False
    """Whether it acts on Python code in worker processes, so that it cannot apply to a command."""
    own_process: Callable[[Any], bool] = _never
    """Whether a value of the field acts on the process of a trial, so that each trial needs a process of its own."""
    only_tests: bool = False
    """Whether it applies to pytest tests only."""
    excludes: str = ""
    """The setting that contradicts this one: of the two, the one from the stronger source wins."""
    check: Callable[[Any, str, Target], None] = _nothing_to_say
    """Raises UsageError if a value of the field makes no sense for the target; also gets the source's name."""
    check_shared: Callable[[Any, str], None] = _nothing_against
    """Raises UsageError if a value of the field is not possible while several tests share a process."""
    hindrance: Callable[[Any, Target], Hindrance | None] = _possible
    """Returns why a value of the field is not possible on this machine or for this target, None if it is."""

    def suits(self, target: Target) -> bool:
        """Whether this perturbation applies to this kind of target."""
        if self.only_tests:
            return isinstance(target, PytestTarget)
        return not (self.only_python and isinstance(target, CommandTarget))


def refuse_variables(names: Iterable[str], shown: str, target: Target) -> None:
    """Raise UsageError if the target itself sets a variable that the perturbation would set."""
    for name in names:
        if name in target.environment:
            raise UsageError(
                f"{shown} and --env {name}={target.environment[name]} contradict each other", "give one of the two"
            )


def flag_words(name: str) -> Callable[[bool], list[str]]:
    """Make the `words` of an option without a value."""
    return lambda value: [f"--{name}"] if value else []


def value_words(name: str) -> Callable[[Any], list[str]]:
    """Make the `words` of an option whose value is written as str() shows it."""
    return lambda value: [f"--{name}", str(value)]
