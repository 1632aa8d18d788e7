"""A part of a run for one of several machines: which trials it has, and where CI systems say which part a job is.

The trials of a run have numbers, and a number and the seed of the run decide about a trial. So part K of N takes the
K-th of N stretches of those numbers: no trial is run twice, and it makes no difference how many machines there are.
"""

import hashlib
import os
import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from flakeproof.errors import UsageError
from flakeproof.model import PROCESSES_PER_SHARD

MOST_SHARDS = 1000
TRIALS_EACH = 10**9
"""Trial numbers of a shard that only a time ends; all of them stay below those that look into copies (2^40)."""
AUTO = "auto"
_FORM = re.compile(r"(\d{1,6})/(\d{1,6})")


class Shard(NamedTuple):
    """Part `number` (from 1) of `total`."""

    number: int
    total: int


def parse_shard(value: object) -> Shard | str:
    """`3/20`, or `auto`. Raises ValueError."""
    if value == AUTO:
        return AUTO
    found = _FORM.fullmatch("/".join(map(str, value)) if isinstance(value, tuple | list) else str(value))
    if found is None:
        raise ValueError(f"{value!r} is not a part of a whole; write it like 3/20, or auto in a CI job")
    number, total = map(int, found.groups())
    if not 1 <= number <= total <= MOST_SHARDS:
        raise ValueError(f"{value!r}: parts are numbered from 1 to at most {MOST_SHARDS}")
    return Shard(number, total)


class _System(NamedTuple):
    """How a CI system or a scheduler tells a job which part it is."""

    name: str
    number: str
    total: str
    first: int
    """The lowest number that it gives."""
    run: tuple[str, ...]
    """Variables that are the same in all parts of a run and in no other run."""
    least: str = ""
    """The variable with the lowest number, where the user chooses it."""


_SYSTEMS = (
    _System("GitLab CI", "CI_NODE_INDEX", "CI_NODE_TOTAL", 1, ("CI_PIPELINE_ID", "CI_JOB_NAME_SLUG")),
    _System("Buildkite", "BUILDKITE_PARALLEL_JOB", "BUILDKITE_PARALLEL_JOB_COUNT", 0, ("BUILDKITE_BUILD_ID",)),
    _System("CircleCI", "CIRCLE_NODE_INDEX", "CIRCLE_NODE_TOTAL", 0, ("CIRCLE_WORKFLOW_ID",)),
    _System(
        "Slurm", "SLURM_ARRAY_TASK_ID", "SLURM_ARRAY_TASK_COUNT", 0, ("SLURM_ARRAY_JOB_ID",), "SLURM_ARRAY_TASK_MIN"
    ),
    _System("a Kubernetes indexed Job", "JOB_COMPLETION_INDEX", "JOB_COMPLETIONS", 0, ("JOB_NAME", "JOB_UID")),
)
_GITHUB_RUN = ("GITHUB_RUN_ID", "GITHUB_RUN_ATTEMPT")


def shard_here(environment: Mapping[str, str] = os.environ) -> Shard:
    """The part that this job is, as the system says that runs it. Raises UsageError where none does."""
    for system in _SYSTEMS:
        number, total = environment.get(system.number, ""), environment.get(system.total, "")
        if not number.isdecimal():
            continue
        if not total.isdecimal():
            raise UsageError(
                f"--shard auto: {system.name} says that this is job {number} ({system.number}), and {system.total}, "
                "the number of jobs, is not set",
                f"set {system.total}, or write --shard {int(number) - system.first + 1}/N",
            )
        least = environment.get(system.least, "") if system.least else ""
        first = int(least) if least.isdecimal() else system.first
        try:
            found = parse_shard(f"{int(number) - first + 1}/{int(total)}")
        except ValueError as error:
            raise UsageError(f"--shard auto: {system.number}={number}, {system.total}={total}: {error}") from None
        assert isinstance(found, Shard)
        return found
    raise UsageError(
        "--shard auto: nothing here says which of several jobs this is",
        "write --shard K/N, e.g. --shard ${{ matrix.shard }}/20 in GitHub Actions; known variables: "
        + ", ".join(system.number for system in _SYSTEMS),
    )


def seed_of_job(environment: Mapping[str, str] = os.environ) -> int | None:
    """A seed that all parts of this CI run share, and no other run; None where no system tells of one."""
    for names in (*(system.run for system in _SYSTEMS), _GITHUB_RUN):
        if found := [environment[name] for name in names if environment.get(name)]:
            return int.from_bytes(hashlib.sha256("\0".join(found).encode()).digest()[:4])
    return None


def numbers_of(shard: Shard) -> dict[str, Any]:
    """Fields of a RunSpec for a part that only a time ends: numbers of trials and processes that no other part has."""
    before = shard.number - 1
    return {
        "first": 1 + before * TRIALS_EACH,
        "first_process": before * PROCESSES_PER_SHARD,
        "shard": tuple(shard),
    }


def part_of(count: int, shard: Shard) -> tuple[int, int]:
    """Number of the first of `count` trials that the shard has, from 1, and how many it has."""
    before = (shard.number - 1) * count // shard.total
    return before + 1, shard.number * count // shard.total - before
