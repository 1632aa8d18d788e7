"""Reproduce a flaky test, explain it, prove the fix.

The public interface is resolved on first use, so that code in a worker process can import `flakeproof.net` or ask
for `flakeproof.current_trial` with nothing but the standard library around it.

There are no assertions here for pytest to rewrite (see `flakeproof_worker`): PYTEST_DONT_REWRITE
"""

from typing import TYPE_CHECKING, Any

from flakeproof.version import __version__

if TYPE_CHECKING:
    from flakeproof.api import plan, pytest_nodes, run
    from flakeproof.errors import FlakeproofError
    from flakeproof.features.run.plan import Plan
    from flakeproof.model import Outcome, RunSpec
    from flakeproof.results.summary import Summary
    from flakeproof_worker.current import Trial, current_trial

_HOMES = {
    "FlakeproofError": "flakeproof.errors",
    "Outcome": "flakeproof.model",
    "Plan": "flakeproof.features.run.plan",
    "RunSpec": "flakeproof.model",
    "Summary": "flakeproof.results.summary",
    "Trial": "flakeproof_worker.current",
    "current_trial": "flakeproof_worker.current",
    "plan": "flakeproof.api",
    "pytest_nodes": "flakeproof.api",
    "run": "flakeproof.api",
}

__all__ = [
    "FlakeproofError",
    "Outcome",
    "Plan",
    "RunSpec",
    "Summary",
    "Trial",
    "__version__",
    "current_trial",
    "plan",
    "pytest_nodes",
    "run",
]


def __getattr__(name: str) -> Any:
    import importlib

    if name in _HOMES:
        return getattr(importlib.import_module(_HOMES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
