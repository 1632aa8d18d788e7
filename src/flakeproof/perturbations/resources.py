"""`--max-fds`, `--ports` and `--temp-space`: few descriptors, ports and little disk space."""

import resource
from functools import cache
from typing import Any

from flakeproof.errors import UsageError
from flakeproof.model import Target
from flakeproof.perturbations.perturbation import Hindrance, PerturbationKind, value_words
from flakeproof.text import parse_size, parse_whole, size
from flakeproof_worker.system.namespace import possible

_RIGHTS = {
    "packets": "--cap-add SYS_ADMIN --cap-add NET_RAW",
    "faults": "--cap-add SYS_ADMIN --cap-add NET_ADMIN --device /dev/net/tun",
}
"""What a container needs, where that is more than SYS_ADMIN."""


@cache
def hindered(what: str) -> Hindrance | None:
    """Why a namespace for `what` (see `possible`) is impossible here, None if it is possible; tried once."""
    why = possible(what)
    if why is None:
        return None
    return Hindrance(why, f"permit it (in a container: {_RIGHTS.get(what, '--cap-add SYS_ADMIN')}), or run as root")


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
