"""A target that cannot be loaded, in the words of errors."""

from flakeproof.engine.messages import Unloadable
from flakeproof.errors import CannotRunError, FlakeproofError, NothingToRunError, UsageError
from flakeproof.model import PytestTarget, TargetSpec
from flakeproof.targets.near_misses import is_not_found, near_misses


def unloadable(message: Unloadable, target: TargetSpec) -> FlakeproofError:
    """What to tell the user about `target`, of which a worker process says that it cannot load it."""
    if isinstance(target, PytestTarget) and message.kind == "nothing" and is_not_found(message.message):
        return _not_found(message, target)
    if message.kind == "nothing":
        return NothingToRunError(message.message, f"run from {target.folder}, with {target.python}", message.details)
    if message.kind == "missing":
        return CannotRunError(message.message, "install it there, or name another interpreter with --python")
    if message.kind == "old":
        return CannotRunError(message.message, "use a newer one: name its interpreter with --python")
    if message.kind == "hindered":
        return UsageError(f"not possible here: {message.message}", "do without")
    if message.kind != "unknown":
        return CannotRunError(message.message, details=message.details)
    remedy = f"searched from {target.folder}, with {target.python} (another interpreter: --python)"
    return UsageError(message.message, remedy, message.details)


def _not_found(message: Unloadable, target: PytestTarget) -> UsageError:
    """A name that is none, and what may have been meant."""
    where = f"run from {target.folder}, with {target.python}"
    near = near_misses(message.message, target)
    return UsageError(message.message, f"did you mean {' or '.join(near)}? ({where})" if near else where)
