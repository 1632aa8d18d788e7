"""Turn settings into the perturbations of a run, and perturbations back into words of a command line."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from flakeproof.errors import UsageError
from flakeproof.model import Isolation, Perturbations, Target
from flakeproof.perturbations.perturbation import Hindrance, PerturbationKind
from flakeproof.perturbations.registry import KINDS

_NONE = Perturbations()


class GivenSettings(Protocol):
    """Values of settings, and their sources (`flakeproof.settings.load.Config`)."""

    def get(self, name: str) -> Any:
        """The value of a setting, None if it is not set."""

    def source(self, name: str) -> str:
        """Source of a setting, as a user would write it."""

    def layer(self, name: str) -> int:
        """Rank of the setting's source: a higher one overrides a lower one."""


@dataclass(frozen=True)
class Asked:
    """The perturbations of a run, and the requested ones that are left out."""

    perturbations: Perturbations
    left_out: list[str]
    """One sentence for each perturbation that is left out, with the reason."""


@dataclass(frozen=True)
class RunConditions:
    """The target and how it runs, as far as that decides which perturbations are possible."""

    target: Target
    isolation: Isolation
    several: bool = False
    """Whether several tests run at once in one process."""


def perturbations_of(config: GivenSettings, around: RunConditions) -> Asked:
    """The perturbations that `config` asks for, without those that do not apply to the target.

    Raises UsageError for a value that makes no sense and, without `best-effort`, for one that is impossible here.
    """
    given = {
        name: value
        for name, kind in KINDS.items()
        if (value := config.get(name)) is not None and not yields(config, name, kind.excludes)
    }
    return _possible(given, around, config.source, best_effort=bool(config.get("best-effort")))


def perturbations_in(values: Mapping[str, str], around: RunConditions) -> Asked:
    """Perturbations from texts, by the names of their settings; those that are impossible here are left out.

    Raises UsageError for a value that makes no sense, ValueError for one that cannot be read.
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
        hindrance = _of_isolation(kind, value, around.isolation) or kind.hindrance(value, around.target)
        if hindrance is None:
            values[kind.field] = value
        elif best_effort:
            left_out.append(f"{source(name)} is left out: {hindrance.why}")
        else:
            remedy = f"{hindrance.remedy}; or leave it out with --best-effort"
            raise UsageError(f"{source(name)} is not possible here: {hindrance.why}", remedy)
    return Asked(Perturbations(**values), left_out)


def _of_isolation(kind: PerturbationKind, value: Any, isolation: Isolation) -> Hindrance | None:
    if not kind.own_process(value) or isolation is not Isolation.SHARED:
        return None
    return Hindrance("it acts on the process of a test, and tests share a process here", "add --isolation fork")


def yields(config: GivenSettings, setting: str, other: str) -> bool:
    """Whether the contradicting setting `other` overrides `setting`. Raises UsageError if neither is stronger."""
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
    """The kinds of perturbation that are switched on."""
    return [kind for kind in KINDS.values() if getattr(perturbations, kind.field) != getattr(_NONE, kind.field)]
