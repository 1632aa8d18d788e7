"""`--max-fds`, `--ports`, `--temp-space` and `--network`: few descriptors, ports and disk space, and no network."""

import resource
from functools import cache
from typing import Any

from flakeproof.errors import UsageError
from flakeproof.model import CommandTarget, Target
from flakeproof.perturbations.perturbation import Hindrance, PerturbationKind, value_words
from flakeproof.text import parse_size, parse_whole, shortened, size
from flakeproof_worker.system.namespace import possible


@cache
def hindered(what: str) -> Hindrance | None:
    """Why a namespace for `what` (network, packets, mount) is impossible here, None if it is possible; tried once."""
    why = possible(what)
    if why is None:
        return None
    rights = "SYS_ADMIN and --cap-add NET_RAW" if what == "packets" else "SYS_ADMIN"
    return Hindrance(why, f"permit it (in a container: --cap-add {rights}), or run as root")


_MOST_MAX_FDS = 1_000_000


def _parse_max_fds(given: Any) -> int:
    return parse_whole(str(given), 1, _MOST_MAX_FDS)


def _check(value: int, source: str, target: Target) -> None:
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and value >= soft:
        raise UsageError(f"{source} limits nothing: a process may have {soft} descriptors here", "ask for fewer")


MAX_FDS = PerturbationKind("max-fds", "max_fds", _parse_max_fds, value_words("max-fds"), check=_check)


_MOST_PORTS = 28_232
"""The number of ports from 32,768 to 60,999, the range of ephemeral ports on Linux."""


def _parse_ports(given: Any) -> int:
    return parse_whole(str(given), 1, _MOST_PORTS)


def _hindrance_ports(value: int, target: Target) -> Hindrance | None:
    return hindered("network")


PORTS = PerturbationKind("ports", "ports", _parse_ports, value_words("ports"), hindrance=_hindrance_ports)


_LEAST = 4096
"""A page of memory, to which smaller sizes are rounded up."""
_MOST_TEMP_SPACE = 1 << 40


def _parse_temp_space(given: Any) -> int:
    found = parse_size(str(given))
    if not _LEAST <= found <= _MOST_TEMP_SPACE:
        raise ValueError(f"{given} is not between {size(_LEAST)} and {size(_MOST_TEMP_SPACE)}")
    return found


def _hindrance_temp_space(value: int, target: Target) -> Hindrance | None:
    return hindered("mount")


def _words(value: int) -> list[str]:
    return ["--temp-space", size(value)]


TEMP_SPACE = PerturbationKind("temp-space", "temp_space", _parse_temp_space, _words, hindrance=_hindrance_temp_space)


_NONE = "none"


def _parse_network(given: Any) -> str:
    text = str(given).strip()
    if text != _NONE:
        raise ValueError(f"{shortened(text)!r} is no network; write it like --network {_NONE}")
    return text


def _hindrance_network(network: str, target: Target) -> Hindrance | None:
    if not isinstance(target, CommandTarget):
        return None  # for Python code, functions are replaced, which needs no permission
    return hindered("network")


NETWORK = PerturbationKind("network", "network", _parse_network, value_words("network"), hindrance=_hindrance_network)
