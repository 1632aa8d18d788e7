"""The steps to the end of a process."""

from functools import partial
from operator import ge

import pytest

from flakeproof_worker.shared.process_exit import Step, following


@pytest.mark.parametrize(
    ("writes_stacks", "writes_after", "steps"),
    [
        (True, 1, [Step.DUMPING, Step.TERMINATING, Step.KILLED, Step.KILLED]),
        (True, 2, [Step.DUMPING, Step.INSISTING, Step.TERMINATING, Step.KILLED]),
        (True, 9, [Step.DUMPING, Step.INSISTING, Step.TERMINATING, Step.KILLED]),
        (False, 9, [Step.TERMINATING, Step.KILLED, Step.KILLED]),
    ],
)
def test_stacks_first_then_a_request_then_the_end(writes_stacks: bool, writes_after: int, steps: list[Step]) -> None:
    """For one that writes its stacks after so many requests."""
    step, seen = Step.RUNNING, []
    for number in range(len(steps)):
        step = following(step, writes_stacks=writes_stacks, has_written=partial(ge, number, writes_after))
        seen.append(step)
    assert seen == steps
