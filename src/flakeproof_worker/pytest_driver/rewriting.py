"""Keep pytest from rewriting the assertions of flakeproof itself, which has none.

pytest rewrites every module of a distribution that brings a plugin, as flakeproof does where it is installed and not
run from its sources. Each of our modules would be compiled again for every version of pytest, and at each start
where nothing can be written beside the package.
"""

from contextlib import suppress
from typing import Any

_OURS = frozenset({"flakeproof", "flakeproof_worker"})


def leave_ours_alone(config: Any) -> None:
    """Have pytest's import hook pass over our modules from now on."""
    hook: Any = getattr(config.pluginmanager, "rewrite_hook", None)
    with suppress(AttributeError):  # then they are rewritten, which only takes time
        hook._must_rewrite.difference_update(_OURS)
        hook._marked_for_rewrite_cache.clear()
