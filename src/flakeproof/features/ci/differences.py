"""In what attempts on this machine are not as the job was, and could matter."""

import os
import platform
from collections.abc import Iterator

from flakeproof.features.ci.case import Case
from flakeproof.features.ci.known import Known
from flakeproof.features.ci.place import Place
from flakeproof.text import plural


def differences(case: Case, known: Known | None, place: Place) -> list[str]:
    """One line for each."""
    return list(_found(case, known, place))


def _found(case: Case, known: Known | None, place: Place) -> Iterator[str]:
    yield from place.notes
    here = known.python if known is not None else ""
    if (python := case.value("python")) is not None and here and python != here:
        yield f"Python {python} in CI, {here} here"
    if (machine := case.value("machine")) is not None and machine != platform.system().lower():
        yield f"{machine} in CI, {platform.system().lower()} here"
    cores = len(os.sched_getaffinity(0))
    if known is not None and known.cores is not None and known.cores > cores:
        yield f"{plural(known.cores, 'core')} in CI, {cores} here: more ran at the same time"
    if known is not None and known.workers and not known.own_worker:
        yield "what each worker ran is not in the artifacts (pytest -v tells)"
    for name in ("cores", "hash seed", "time zone"):
        if case.value(name) is None:
            yield (
                f"the {name} of the job is not in the artifacts"
                if name != "cores"
                else "the cores of the job are not in the artifacts"
            )
