"""Whether a network, or mounts, of one's own are permitted on this machine."""

from functools import cache

from flakeproof.perturbations.perturbation import Hindrance
from flakeproof_worker.system.namespace import possible


@cache
def hindered(what: str) -> Hindrance | None:
    """Why there cannot be a namespace for `what` (network, mount); it is tried, once."""
    why = possible(what)
    if why is None:
        return None
    return Hindrance(why, "permit it (in a container: --cap-add SYS_ADMIN), or run as root")
