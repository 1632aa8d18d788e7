"""Values that a record does not have: a variable given with `--env` may be a password.

A record says that there was such a variable, and has a digest of its value that is worth nothing without the user's
key: by it a replay can tell whether it is given the same value again.
"""

import hmac
import secrets
from collections.abc import Mapping

import msgspec

from flakeproof.errors import UsageError
from flakeproof.model import CommandTarget, RunSpec, Target
from flakeproof.store.user_key import signed

_MARK = "withheld:hmac-sha256:"
_PURPOSE = "value of a variable"


def without_values(spec: RunSpec) -> RunSpec:
    """`spec` as it may be recorded."""
    return msgspec.structs.replace(spec, target=_without_values(spec.target))


def with_values(spec: RunSpec, given: Mapping[str, str], around: Mapping[str, str]) -> tuple[RunSpec, list[str]]:
    """A recorded `spec` as it can run: with the values that are `given`, else with those of the environment `around`.

    Also the names of those that have another value than then, as far as that can be told. Raises UsageError for one
    that nobody gives, and for one that the run did not have.
    """
    target = spec.target
    names = target.private if isinstance(target, CommandTarget) else []
    for name in given:
        if name not in names:
            raise UsageError(f"--env {name}: the run was not given that variable", "leave it out")
    values = {name: given.get(name, around.get(name)) for name in names}
    if missing := [name for name, value in values.items() if value is None]:
        raise UsageError(
            f"the run was given {' and '.join(missing)} with --env, and its record does not have the value",
            f"give it again: --env {missing[0]}=VALUE, or let the environment have it",
        )
    found = {name: value for name, value in values.items() if value is not None}
    differing = [name for name, value in found.items() if _is_other(value, target.environment.get(name, ""))]
    again = msgspec.structs.replace(target, environment={**target.environment, **found})
    return msgspec.structs.replace(spec, target=again), differing


def _without_values(target: Target) -> Target:
    if not isinstance(target, CommandTarget) or not target.private:
        return target
    digests = {name: _digest(target.environment[name]) for name in target.private}
    return msgspec.structs.replace(target, environment={**target.environment, **digests})


def _digest(value: str) -> str:
    # Without a key of the user's a digest could be tried out: one that fits nothing tells nothing.
    return _MARK + (signed(value.encode(errors="surrogateescape"), _PURPOSE, make=True) or secrets.token_hex(32))


def _is_other(value: str, recorded: str) -> bool:
    mark = signed(value.encode(errors="surrogateescape"), _PURPOSE)
    return mark is not None and not hmac.compare_digest(recorded.encode(), (_MARK + mark).encode())
