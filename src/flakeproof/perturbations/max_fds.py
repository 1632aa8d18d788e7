"""`--max-fds`: few descriptors for the tests."""

import resource
from typing import Any

from flakeproof.errors import UsageError
from flakeproof.model import Target
from flakeproof.perturbations.perturbation import Kind, value_words
from flakeproof.text import parse_whole

_MOST = 1_000_000


def _parse(given: Any) -> int:
    return parse_whole(str(given), 1, _MOST)


def _check(value: int, source: str, target: Target) -> None:
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and value >= soft:
        raise UsageError(f"{source} limits nothing: a process may have {soft} descriptors here", "ask for fewer")


MAX_FDS = Kind("max-fds", "max_fds", _parse, value_words("max-fds"), check=_check)
