"""Which part of a run a job has."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flakeproof.errors import UsageError
from flakeproof.settings.shards import Shard, parse_shard, part_of, seed_of_job, shard_here


@given(st.integers(1, 10**12), st.integers(1, 1000))
def test_parts_cover_the_run_once(count: int, total: int) -> None:
    """One after the other, without a gap, and none has more than one test more than another."""
    following = 1
    sizes = set()
    for number in range(1, total + 1):
        first, size = part_of(count, Shard(number, total))
        assert first == following
        following += size
        sizes.add(size)
    assert following == count + 1
    assert max(sizes) - min(sizes) <= 1


@pytest.mark.parametrize(
    ("environment", "shard"),
    [
        ({"CI_NODE_INDEX": "3", "CI_NODE_TOTAL": "20", "CI_PIPELINE_ID": "7"}, (3, 20)),
        ({"BUILDKITE_PARALLEL_JOB": "0", "BUILDKITE_PARALLEL_JOB_COUNT": "4", "BUILDKITE_BUILD_ID": "x"}, (1, 4)),
        ({"CIRCLE_NODE_INDEX": "3", "CIRCLE_NODE_TOTAL": "4", "CIRCLE_WORKFLOW_ID": "x"}, (4, 4)),
        ({"JOB_COMPLETION_INDEX": "9", "JOB_COMPLETIONS": "10", "JOB_NAME": "x"}, (10, 10)),
        (
            {
                "SLURM_ARRAY_TASK_ID": "12", "SLURM_ARRAY_TASK_COUNT": "8", "SLURM_ARRAY_TASK_MIN": "10",
                "SLURM_ARRAY_JOB_ID": "5",
            },
            (3, 8),
        ),
    ],
)  # fmt: skip
def test_the_job_says_which_part_it_is(environment: dict[str, str], shard: tuple[int, int]) -> None:
    """By the variables of each system, with a seed that all of its parts share."""
    assert shard_here(environment) == shard
    assert isinstance(seed_of_job(environment), int)


def test_runs_have_seeds_of_their_own() -> None:
    """The same in each job of a run, another one in another run or attempt, none where nobody knows the run."""
    assert seed_of_job({"GITHUB_RUN_ID": "1", "GITHUB_RUN_ATTEMPT": "1"}) == seed_of_job(
        {"GITHUB_RUN_ID": "1", "GITHUB_RUN_ATTEMPT": "1", "GITHUB_JOB": "x"}
    )
    assert seed_of_job({"GITHUB_RUN_ID": "1", "GITHUB_RUN_ATTEMPT": "2"}) != seed_of_job(
        {"GITHUB_RUN_ID": "1", "GITHUB_RUN_ATTEMPT": "1"}
    )
    assert seed_of_job({}) is None


@pytest.mark.parametrize(
    ("environment", "message"),
    [
        ({}, "nothing here says which of several jobs this is"),
        ({"JOB_COMPLETION_INDEX": "4"}, "JOB_COMPLETIONS, the number of jobs, is not set"),
        ({"CI_NODE_INDEX": "5", "CI_NODE_TOTAL": "4"}, "CI_NODE_INDEX=5, CI_NODE_TOTAL=4"),
    ],
)
def test_a_job_that_is_no_part(environment: dict[str, str], message: str) -> None:
    """What is missing is named."""
    with pytest.raises(UsageError, match=message):
        shard_here(environment)


@pytest.mark.parametrize("written", ["3", "0/4", "5/4", "a/b", "1/2000", "", "1/0", (3, 2), [], [1], [1, 2, 3]])
def test_not_a_part(written: object) -> None:
    """A clear error in place of a run of nothing."""
    with pytest.raises(ValueError, match="part"):
        parse_shard(written)
