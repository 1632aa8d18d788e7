"""From settings to the perturbations of a run, and back to the words of a command line."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from flakeproof.errors import UsageError
from flakeproof.model import Isolation, Perturbations, Target
from flakeproof.perturbations.perturbation import Hindrance, PerturbationKind
from flakeproof.perturbations.registry import KINDS

_NONE = Perturbations()


class GivenSettings(Protocol):
    """What is asked for, and where it comes from (`flakeproof.settings.load.Config`)."""

    def get(self, name: str) -> Any:
        """The value of a setting, None if nobody has set it."""

    def source(self, name: str) -> str:
        """Where it comes from, as a user would write it."""

    def layer(self, name: str) -> int:
        """How much weight that source has."""


@dataclass(frozen=True)
class Asked:
    """What there will be of what was asked for."""

    perturbations: Perturbations
    left_out: list[str]
    """What will not be, and why."""


@dataclass(frozen=True)
class RunConditions:
    """How a target is to be run."""

    target: Target
    isolation: Isolation
    several: bool = False
    """Whether several tests run at once in one process."""


def perturbations_of(config: GivenSettings, around: RunConditions) -> Asked:
    """What `config` asks for; for a command, what is possible around it.

    Raises UsageError for what can mean nothing, and for what is not possible, unless the best effort is enough.
    """
    given = {
        name: value
        for name, kind in KINDS.items()
        if (value := config.get(name)) is not None and not yields(config, name, kind.excludes)
    }
    return _possible(given, around, config.source, best_effort=bool(config.get("best-effort")))


def perturbations_in(values: Mapping[str, str], around: RunConditions) -> Asked:
    """Those that are written in `values`, by the names of their settings; what is not possible here is left out.

    Raises UsageError for what can mean nothing, ValueError for what cannot be read.
    """
    parsed = {name: KINDS[name].parse(value) for name, value in values.items()}
    return _possible(parsed, around, "--{}".format, best_effort=True)


def _possible(
    given: Mapping[str, Any], around: RunConditions, source: Callable[[str], str], *, best_effort: bool
) -> Asked:
    values: dict[str, Any] = {}
    left_out = []
    for name, written in given.items():
        kind = KINDS[name]
        if not kind.suits(around.target):
            continue
        value = kind.read(written)
        kind.check(value, source(name), around.target)
        if around.several:
            kind.check_shared(value, source(name))
        hindrance = _of_isolation(kind, around.isolation) or kind.hindrance(value, around.target)
        if hindrance is None:
            values[kind.field] = value
        elif best_effort:
            left_out.append(f"{source(name)} is left out: {hindrance.why}")
        else:
            remedy = f"{hindrance.remedy}; or do without: --best-effort"
            raise UsageError(f"{source(name)} is not possible here: {hindrance.why}", remedy)
    return Asked(Perturbations(**values), left_out)


def _of_isolation(kind: PerturbationKind, isolation: Isolation) -> Hindrance | None:
    if not kind.own_process or isolation is not Isolation.SHARED:
        return None
    return Hindrance("it is done to the process of a test, and tests share theirs here", "add --isolation fork")


def yields(config: GivenSettings, setting: str, other: str) -> bool:
    """Whether `setting` gives way to the `other`, which it cannot be beside. Raises UsageError if neither does."""
    if not (config.get(setting) and config.get(other)):
        return False
    if config.layer(setting) == config.layer(other):
        raise UsageError(
            f"{config.source(setting)} and {config.source(other)} contradict each other", "give one of the two"
        )
    return config.layer(setting) < config.layer(other)


def words_of(perturbations: Perturbations) -> list[str]:
    """`perturbations` as options of a command."""
    return [word for kind in asked_for(perturbations) for word in kind.words(getattr(perturbations, kind.field))]


def asked_for(perturbations: Perturbations) -> list[PerturbationKind]:
    """Those that are there."""
    return [kind for kind in KINDS.values() if getattr(perturbations, kind.field) != getattr(_NONE, kind.field)]
