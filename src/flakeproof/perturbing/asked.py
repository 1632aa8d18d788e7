"""From settings to the perturbations of a run, and back to the words of a command line."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from flakeproof.errors import UsageError
from flakeproof.model import CommandTarget, Isolation, Perturbations, Target
from flakeproof.perturbing.kind import Hindrance, Kind
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


def perturbations_of(config: "Config", target: Target, isolation: Isolation) -> Asked:
    """What `config` asks for; for a command, what is possible around it.

    Raises UsageError for what can mean nothing, and for what is not possible, unless the best effort is enough.
    """
    values: dict[str, Any] = {}
    left_out = []
    for kind in KINDS.values():
        given = config.get(kind.setting)
        if given is None or (kind.only_python and isinstance(target, CommandTarget)):
            continue
        value = kind.read(given)
        source = config.source(kind.setting)
        kind.check(value, source, target)
        hindrance = _of_isolation(kind, isolation) or kind.hindrance(value, target)
        if hindrance is None:
            values[kind.field] = value
        elif config.get("best-effort"):
            left_out.append(f"{source} is left out: {hindrance.why}")
        else:
            remedy = f"{hindrance.remedy}; or do without: --best-effort"
            raise UsageError(f"{source} is not possible here: {hindrance.why}", remedy)
    return Asked(Perturbations(**values), left_out)


def _of_isolation(kind: Kind, isolation: Isolation) -> Hindrance | None:
    if not kind.own_process or isolation is not Isolation.SHARED:
        return None
    return Hindrance("it is done to the process of a test, and tests share theirs here", "add --isolation fork")


def words_of(perturbations: Perturbations) -> list[str]:
    """`perturbations` as options of a command."""
    return [
        word
        for kind in KINDS.values()
        if (value := getattr(perturbations, kind.field)) != getattr(_NONE, kind.field)
        for word in kind.words(value)
    ]
