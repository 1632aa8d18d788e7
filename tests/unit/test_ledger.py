"""Every trial number is accounted for exactly once."""

from hypothesis import given, settings
from hypothesis import strategies as st

from flakeproof.engine.leases import Account, Pool


@settings(deadline=None)
@given(first=st.integers(1, 1000), count=st.integers(1, 500), sizes=st.lists(st.integers(1, 60), min_size=1))
def test_a_pool_gives_out_every_trial_once(first: int, count: int, sizes: list[int]) -> None:
    """Blocks of any size cover the plan without gap or overlap."""
    pool = Pool(first, count)
    given_out: list[int] = []
    turn = 0
    while (block := pool.take(0, sizes[turn % len(sizes)])) is not None:
        given_out += range(block[0], block[0] + block[1])
        assert pool.left == count - len(given_out)
        turn += 1
    assert given_out == list(range(first, first + count))


@settings(deadline=None)
@given(data=st.data())
def test_what_comes_back_goes_out_again_first(data: st.DataObject) -> None:
    """Returned blocks are given out before new trials, each once."""
    pool = Pool(1, 100)
    block = pool.take(0, data.draw(st.integers(2, 50)))
    assert block is not None
    keep = data.draw(st.integers(0, block[1] - 1))
    back = (block[0] + keep, block[1] - keep)
    pool.put_back(0, [back])
    assert pool.left == 100 - keep
    again = pool.take(0, 1000)
    assert again == back


def test_a_pool_without_a_count_never_runs_dry() -> None:
    """When only the duration ends the run, there is always another trial."""
    pool = Pool(5, None)
    assert [pool.take(0, 3), pool.take(0, 2), pool.left] == [(5, 3), (8, 2), None]


@settings(deadline=None)
@given(data=st.data())
def test_a_dead_process_leaves_every_trial_with_one_fate(data: st.DataObject) -> None:
    """Whenever a process dies, what it was given is reported, passed unreported, in flight, or unstarted."""
    lanes = data.draw(st.integers(1, 4))
    account = Account(lanes)
    blocks = data.draw(st.lists(st.integers(1, 20), min_size=1, max_size=4))
    numbers: list[int] = []
    for size in blocks:
        first = 1 + len(numbers) + 100 * (len(numbers) % 3)
        account.give((first, size))
        numbers += range(first, first + size)
    flying: list[int] = []
    passed_unreported = 0
    reported = taken = 0
    for number in numbers[: data.draw(st.integers(0, len(numbers)))]:
        if len(flying) == lanes:
            ended = flying.pop(data.draw(st.integers(0, lanes - 1)))
            if data.draw(st.sampled_from([0, 1])):
                account.ended(ended)
                reported += 1
            else:
                passed_unreported += 1
        flying.append(number)
        taken += 1
        sends_batch = data.draw(st.booleans())
        if sends_batch and passed_unreported:
            account.passed(passed_unreported)
            reported += passed_unreported
            passed_unreported = 0
    # A lane shows its trial just before it counts it as taken.
    died_between = data.draw(st.booleans())
    counted = taken - (1 if flying and died_between else 0)
    remains = account.at_death(counted, set(flying))
    unstarted = [trial for first, count in remains.unstarted for trial in range(first, first + count)]
    assert remains.in_flight == sorted(flying)
    assert remains.passed == passed_unreported
    assert sorted(unstarted) == sorted(numbers[taken:])
    assert reported + remains.passed + len(remains.in_flight) + len(unstarted) == len(numbers)


def test_a_reported_trial_that_is_still_on_the_board_is_not_in_flight() -> None:
    """A process may die between the report of a trial and the next one."""
    account = Account(1)
    account.give((1, 10))
    account.ended(3)
    account.passed(2)
    remains = account.at_death(3, {3})
    assert (remains.in_flight, remains.passed, remains.unstarted) == ([], 0, [(4, 7)])


def test_chosen_trials_go_out_one_by_one_in_their_order() -> None:
    """In place of those from the first on, whatever their count."""
    pool = Pool(1, 3, [7, 3, 9])
    assert pool.left == 3
    assert [pool.take(0, 10) for _ in range(4)] == [(7, 1), (3, 1), (9, 1), None]


@given(data=st.data())
def test_which_trials_have_passed_is_known(data: st.DataObject) -> None:
    """Told by number, or by their order; whatever was told of others before, and of the rest when the process dies."""
    account = Account(3)
    numbers: list[int] = []
    for size in data.draw(st.lists(st.integers(1, 9), min_size=1, max_size=4)):
        first = 1 + len(numbers) + 50 * (len(numbers) % 2)
        account.give((first, size))
        numbers += range(first, first + size)
    taken = numbers[: data.draw(st.integers(0, len(numbers)))]
    failed = [number for number in taken if data.draw(st.booleans())]
    passed = [number for number in taken if number not in failed]
    in_flight = set(passed[-data.draw(st.integers(0, 3)) :]) if passed else set()
    passed = [number for number in passed if number not in in_flight]
    for number in failed:
        account.ended(number)
    by_number = data.draw(st.booleans())
    told = passed[: data.draw(st.integers(0, len(passed)))]
    found = account.passed(len(told), [(number, 1) for number in told] if by_number else (), in_flight)
    assert [number for first, count in found for number in range(first, first + count)] == told
    rest = account.passed(len(passed) - len(told), (), in_flight)
    assert [number for first, count in rest for number in range(first, first + count)] == passed[len(told) :]
