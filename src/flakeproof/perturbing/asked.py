"""From settings to the perturbations of a run, and back to the words of a command line."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from flakeproof.errors import UsageError
from flakeproof.model import Perturbations, Target
from flakeproof.perturbing.kinds import KINDS

if TYPE_CHECKING:
    from flakeproof.config import Config

_NONE = Perturbations()


@dataclass(frozen=True)
class Asked:
    """What there will be of what was asked for."""

    perturbations: Perturbations
    left_out: list[str]
    """What will not be, and why."""


def perturbations_of(config: "Config", target: Target, *, several: bool = False) -> Asked:
    """What `config` asks for; for a command, what is possible around it.

    `several` is whether several tests run at once in one process.

    Raises UsageError for what can mean nothing, and for what is not possible, unless the best effort is enough.
    """
    values: dict[str, Any] = {}
    left_out = []
    for kind in KINDS.values():
        given = config.get(kind.setting)
        if given is None or not kind.suits(target) or yields(config, kind.setting, kind.excludes):
            continue
        value = kind.read(given)
        source = config.source(kind.setting)
        kind.check(value, source, target)
        if several:
            kind.check_shared(value, source)
        hindrance = kind.hindrance(value, target)
        if hindrance is None:
            values[kind.field] = value
        elif config.get("best-effort"):
            left_out.append(f"{source} is left out: {hindrance.why}")
        else:
            remedy = f"{hindrance.remedy}; or do without: --best-effort"
            raise UsageError(f"{source} is not possible here: {hindrance.why}", remedy)
    return Asked(Perturbations(**values), left_out)


def yields(config: "Config", setting: str, other: str) -> bool:
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
    return [
        word
        for kind in KINDS.values()
        if (value := getattr(perturbations, kind.field)) != getattr(_NONE, kind.field)
        for word in kind.words(value)
    ]
