"""What may be switched on for a target, each level as settings of a run; and how it is typed."""

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from flakeproof.features.amplify.records import AmplifyFactor, AmplifySetting
from flakeproof.model import CallableTarget, CommandTarget, Isolation, PytestTarget, RunSpec
from flakeproof.perturbations.registry import KINDS
from flakeproof.scenarios.catalogue import SCENARIOS
from flakeproof_worker.shared.network_faults import NO_NETWORK

YES = "yes"
"""Value of a setting that is on or off."""
_SHORT = {"workers": "-w"}
_CROWDS, _FEW_CROWDS = (2, 8, 25), (2, 8)
"""So many times the workers that there are otherwise, or that there are cores; for tests of pytest fewer of them."""
_TIMING: Mapping[str, Sequence[str]] = {
    "noise": ("mild", "strong"),
    "cpus": ("1",),
    "cpu-quota": ("30%",),
    "freeze": ("1ms..50ms",),
    "race": (YES,),
}
"""Factors that are about what comes first: where one of them matters, so may the place of a pause."""
_OTHERS: Mapping[str, Sequence[str]] = {
    "gc": ("50",),
    "directory-order": ("shuffled",),
    "clock": ("boundaries", "x4", "x0.25"),
    "timezone": ("random",),
    "locale": ("random",),
    "network": ("none", "delay=20ms,jitter=10ms", "loss=10%"),
    "max-fds": ("64",),
    "ports": ("64",),
    "temp-space": ("64KB",),
}
"""Seeds are not among them: those of hashes differ between processes anyway, others between tests. Of a network, what
TCP makes up for; an RST breaks what is correct, too."""
_DELAYS = {"few": "*.py:*:1ms..20ms@p=0.02", "many": "*.py:*:0ms..2ms@p=0.2"}
"""At any line of the project's own code: long pauses here and there, or short ones at every turn."""
DELAY = "delay"
FACTORS = (*_TIMING, *_OTHERS, DELAY, "workers", "order", "isolation")
"""Factors that are tried, except for settings of scenarios."""
_COMMON = (
    ("isolation", Isolation.SHARED.value),
    ("order", "shuffled"),
    ("noise", "strong"),
    (DELAY, "many"),
    ("workers", ""),
    ("race", YES),
    (DELAY, "few"),
    ("clock", "x4"),
    ("gc", "50"),
)
"""What makes most flaky tests fail, the commonest first; of "" the highest level."""
_NOT_SHARED = ("freeze", "workers")
"""Not beside tests in shared processes: a pause takes a process of its own, and to start many takes all of the time.

A network with faults takes one as well."""


@dataclass(frozen=True)
class FactorLevel:
    """One level of a factor, with the settings that it stands for."""

    factor: str
    name: str
    values: Mapping[str, str]

    @property
    def words(self) -> list[str]:
        """As one types it."""
        return words_of(self.values)


def words_of(values: Mapping[str, str]) -> list[str]:
    """Settings as options of `run`."""
    found: list[str] = []
    for name, value in values.items():
        option = _SHORT.get(name, f"--{name}")
        found += [option] if value == YES else [option, value]
    return found


def common_among(levels: Sequence[FactorLevel]) -> list[tuple[str, str]]:
    """Those of the levels, as (factor, level), that are worth trying by themselves before anything else, in order."""
    found = []
    for factor, name in _COMMON:
        names = [level.name for level in levels if level.factor == factor]
        found += [(factor, name or names[-1])] if name in names or (names and not name) else []
    return found


def is_of_timing(factor: str) -> bool:
    """Whether it is about what comes first."""
    return factor in _TIMING or factor in (DELAY, "workers")


def levels_for(spec: RunSpec, items: int) -> Iterator[FactorLevel]:
    """Every level that could mean something for the target of `spec`, of which pytest has collected so many `items`."""
    is_command = isinstance(spec.target, CommandTarget)
    for factor, names in {**_TIMING, **_OTHERS}.items():
        if KINDS[factor].suits(spec.target):
            yield from (FactorLevel(factor, name, {factor: name}) for name in names)
    if not is_command:
        yield from (FactorLevel(DELAY, name, {DELAY: value}) for name, value in _DELAYS.items())
    yield from _crowds(spec)
    if isinstance(spec.target, PytestTarget):
        if items > 1:
            yield FactorLevel("order", "shuffled", {"shuffle": YES})
            yield FactorLevel("order", "reversed", {"reverse": YES})
        if spec.isolation is not Isolation.SHARED:
            yield FactorLevel("isolation", Isolation.SHARED.value, {"isolation": Isolation.SHARED.value})
    elif isinstance(spec.target, CallableTarget) and (scenario := SCENARIOS.get(spec.target.scenario or "")):
        for name, values in scenario.provoking.items():
            yield from (FactorLevel(name, value, {name: value}) for value in values)


def _crowds(spec: RunSpec) -> Iterator[FactorLevel]:
    cores = len(os.sched_getaffinity(0))
    times = _FEW_CROWDS if isinstance(spec.target, PytestTarget) else _CROWDS
    counts = {each * max(spec.workers, cores) for each in times}
    for count in sorted(counts | {1}):
        if count != spec.workers:
            yield FactorLevel("workers", str(count), {"workers": str(count)})


def factors_of(levels: Sequence[FactorLevel]) -> list[AmplifyFactor]:
    """The factors, for the search."""
    names: dict[str, list[str]] = {}
    for level in levels:
        names.setdefault(level.factor, []).append(level.name)
    return [AmplifyFactor(name=factor, levels=tuple(found)) for factor, found in names.items()]


def values_of(setting: AmplifySetting, levels: Sequence[FactorLevel]) -> dict[str, str]:
    """The settings that a setting of the search stands for."""
    found = {
        name: value for level in levels if setting.has(level.factor, level.name) for name, value in level.values.items()
    }
    if found.get("isolation") == Isolation.SHARED:
        for name in _NOT_SHARED:
            found.pop(name, None)
        if found.get("network") != NO_NETWORK:
            found.pop("network", None)
    return found
