"""`--cpus`, `--cpu-quota`, `--nice` and `--noise`: how much CPU time the tests get."""

import os
from collections.abc import Mapping
from typing import Any

from flakeproof.model import Load, Target
from flakeproof.perturbations.perturbation import Hindrance, PerturbationKind, value_words
from flakeproof.text import parse_rate, parse_whole, plural, rate, shortened

_MOST_CPUS = 4096


def _parse_cpus(given: Any) -> int:
    return parse_whole(str(given), 1, _MOST_CPUS)


def _hindrance(count: int, target: Target) -> Hindrance | None:
    if not hasattr(os, "sched_setaffinity"):
        return Hindrance("this system cannot pin processes to CPUs", "run it on Linux")
    there_are = len(os.sched_getaffinity(0))
    if count > there_are:
        return Hindrance(
            f"{plural(count, 'CPU')} were asked for, and flakeproof may use {there_are} here",
            f"ask for at most --cpus {there_are}",
        )
    return None


CPUS = PerturbationKind("cpus", "cpus", _parse_cpus, value_words("cpus"), hindrance=_hindrance)


_LEAST = 0.01


def _parse_quota(given: Any) -> float:
    found = parse_rate(str(given))
    if found < _LEAST:
        raise ValueError(f"{shortened(str(given))!r}: with less than {rate(_LEAST)} of a CPU, tests make no progress")
    return found


def _words_quota(share: float) -> list[str]:
    return ["--cpu-quota", rate(share)]


CPU_QUOTA = PerturbationKind("cpu-quota", "cpu_quota", _parse_quota, _words_quota)


_MOST_NICE = 19
"""The highest nice value (sched(7))."""


def _parse_nice(given: Any) -> int:
    return parse_whole(str(given), 0, _MOST_NICE)


NICE = PerturbationKind("nice", "nice", _parse_nice, value_words("nice"))


_KINDS = ("cpu", "io", "memory")
_FORM = "write it like cpu=2,io=1,memory=1, with a share of the time like cpu=2@30%, or mild, or strong"
_MOST_NOISE = 256
_LEAST_SHARE = 0.01


def _parse_noise(given: Any) -> str:
    """Normalise a text like `cpu=2@30%,io=1`, or the name of a preset. Raises ValueError."""
    noise = noise_in(str(given))
    if not noise:
        raise ValueError(f"{given!r} is no noise; {_FORM}")
    return written_noise(noise)


def noise_in(text: str) -> dict[str, Load]:
    """The noise in `text`, by kind. Raises ValueError."""
    if (preset := _presets(len(os.sched_getaffinity(0))).get(text.strip())) is not None:
        return dict(preset)
    found: dict[str, Load] = {}
    for part in filter(None, (part.strip() for part in text.split(","))):
        kind, equals, amount = part.partition("=")
        if kind not in _KINDS or not equals:
            raise ValueError(f"{shortened(part)!r} is no noise; {_FORM}")
        if kind in found:
            raise ValueError(
                f"{kind} is given twice: {written_noise({kind: found[kind]})} and {part}; give one of them"
            )
        count, at, share = amount.partition("@")
        found[kind] = Load(count=parse_whole(count, 1, _MOST_NOISE), share=_share(share) if at else 1.0)
    return found


def _share(text: str) -> float:
    found = parse_rate(text)
    if found < _LEAST_SHARE:
        raise ValueError(f"{shortened(text)!r}: a process that is busy for less than {rate(_LEAST_SHARE)} is no noise")
    return found


def _presets(cpus: int) -> Mapping[str, Mapping[str, Load]]:
    """The presets for a machine with so many CPUs; docs/perturbations.md gives the reasons."""
    return {
        "mild": {"cpu": Load(count=min(_MOST_NOISE, -(-cpus // 2)), share=0.6), "memory": Load(count=1, share=0.3)},
        "strong": {"cpu": Load(count=min(_MOST_NOISE, 2 * cpus)), "io": Load(count=1), "memory": Load(count=1)},
    }


def written_noise(noise: Mapping[str, Load]) -> str:
    """`noise` as a user would type it."""
    return ",".join(
        f"{kind}={load.count}{f'@{rate(load.share)}' if load.share < 1 else ''}" for kind, load in noise.items()
    )


def _words_noise(noise: Mapping[str, Load]) -> list[str]:
    return ["--noise", written_noise(noise)]


NOISE = PerturbationKind("noise", "noise", _parse_noise, _words_noise, read=noise_in)
