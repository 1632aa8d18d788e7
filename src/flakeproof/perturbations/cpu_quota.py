"""`--cpu-quota`: tests get a share of a CPU."""

from typing import Any

from flakeproof.perturbations.perturbation import Kind
from flakeproof.text import parse_rate, rate, shortened

_LEAST = 0.01


def _parse(given: Any) -> float:
    found = parse_rate(str(given))
    if found < _LEAST:
        raise ValueError(f"{shortened(str(given))!r}: with less than {rate(_LEAST)} of a CPU nothing gets anywhere")
    return found


def _words(share: float) -> list[str]:
    return ["--cpu-quota", rate(share)]


CPU_QUOTA = Kind("cpu-quota", "cpu_quota", _parse, _words)
