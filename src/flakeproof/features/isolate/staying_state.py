"""What stays of one test in its process: for a run that has seen it pass the first time only."""

import os

from flakeproof.errors import FlakeproofError, Stop, is_signal
from flakeproof.events import StateLookedFor
from flakeproof.features.isolate.leftover_state import Carriers
from flakeproof.features.isolate.probes import PartOverError, ProbingStoppedError, probing
from flakeproof.features.isolate.victim_runs import Arrangement, Company
from flakeproof.model import Carrier, Isolation, RunSpec
from flakeproof.store.folder import new_run_id

_SECONDS = 60.0
"""Where the run has no duration: usually it is a matter of two or three."""
_ERROR = 0.01


def what_stays(spec: RunSpec, item: str, seconds: float | None) -> tuple[StateLookedFor, Stop | None]:
    """Run `item` of the tests of `spec` behind itself, for so many `seconds` at most, and look at what it leaves.

    With the signal that has ended this, if one has. Raises nothing: what has hindered it is told.
    """
    limit = _SECONDS if seconds is None else seconds
    own = spec.bare(
        isolation=Isolation.FORK,
        workers=len(os.sched_getaffinity(0)),
        processes=1,
        duration=limit,
        chosen=[],
    )
    try:
        state, unknown = _looked(own, item)
    except ProbingStoppedError as stopped:
        if is_signal(stopped.reason):
            return StateLookedFor(item=item, state=[], unknown="it was not found before the end"), stopped.reason
        state, unknown = [], f"it was not found within {limit:.3g}s"
    except PartOverError:
        state, unknown = [], f"it was not found within {limit:.3g}s"
    except FlakeproofError as error:
        state, unknown = [], f"it could not be looked for: {error.message}"
    return StateLookedFor(item=item, state=state, unknown=unknown), None


def _looked(spec: RunSpec, item: str) -> tuple[list[Carrier], str]:
    with probing(spec, new_run_id()) as probes:
        probes.collect()
        company = Company(probes, item, lambda line: None)
        behind_itself = Arrangement((item,))
        (once,) = company.run([Arrangement()])
        (twice,) = company.run([behind_itself])
        if once.failed is not False or twice.failed is None:
            return [], "it was looked for, but in a process of its own the test did not end as in the run"
        if not twice.failed:
            return [], "it was looked for, and the test bears what it leaves itself: another one leaves it"
        found = Carriers(company, behind_itself, Arrangement(), 1.0, _ERROR, failing=True).find()
        probes.finish()
    return found, "" if found else "it was looked for, and nothing was seen that stays"
