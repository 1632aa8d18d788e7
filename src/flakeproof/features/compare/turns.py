"""Whose turn it is in a comparison: arms alternate in each place, in pairs of a random order.

A place is a pair of sibling processes, one of each arm, of which one runs while the other waits. Nothing of an arm can
reach the other but through the machine. The order inside of a pair is a coin of the comparison's seed, because what
comes first may have an advantage: in a fixed order that would look like an effect.

A turn is one trial where a process runs one at a time. Where trials run side by side, a failure may need the company
of others, also of those just before it: there a turn is a block, some rounds of as many trials as run at once. It gets
longer while nothing fails, before a pair begins and for both arms alike, so that the coin stays a fair one.

After a pair in which one arm failed more often, or in other ways, both processes are replaced. What has gone wrong in
a process may go on to fail there, trial after trial: that is one coin, not many. So each pair of processes decides at
most one pair of turns, for all failures and for each kind, and which of two alike fails first is a fair coin whatever
state they carry from trial to trial. Processes in which nothing comes to a decision are replaced, too, after ever more
pairs: some never fail, by their hash seed, and others only after long.
"""

from collections import Counter, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from flakeproof.engine.leases import Block
from flakeproof.events import AnyEvent, TrialFailed, TrialLeaked, TrialLost, TrialSkipped, TrialsPassed
from flakeproof.features.compare.records import PairEnded, Side
from flakeproof_worker.shared.seeds import trial_seed

_BASE, _FIX = 0, 1
_ROUNDS = 4
"""Trials of a block at first: a quarter of them have no trial before them in their process."""
_MOST_ROUNDS = 64
_PATIENCE = 200
"""Pairs that processes have at first to come to one that disagrees; then twice as many, and so on."""
_CLEAN_PAIRS = 12
"""After so many pairs in a row without a failure blocks become twice as long."""


@dataclass
class _Tally:
    """What an arm has done in its turn."""

    passed: int = 0
    failed: int = 0
    other: int = 0
    signatures: Counter[str] = field(default_factory=Counter)

    @property
    def total(self) -> int:
        return self.passed + self.failed + self.other

    def side(self) -> Side:
        return Side(passed=self.passed, failed=self.failed, other=self.other, signatures=dict(self.signatures))


@dataclass
class _Place:
    """A pair of processes and the pair of turns that they are at."""

    lanes: int
    size: int = 0
    """Trials of a turn."""
    pair: int = 0
    left: int = _PATIENCE
    """Pairs after which its processes are replaced in any case."""
    patience: int = _PATIENCE
    fix_first: bool = False
    turn: int = 0
    """0 for the first of the two, 1 for the second."""
    waiting: deque[Block] = field(default_factory=deque)
    """Trials of this turn that no process has."""
    tallies: tuple[_Tally, _Tally] = field(default_factory=lambda: (_Tally(), _Tally()))

    @property
    def arm(self) -> int:
        """Whose turn it is."""
        return (_FIX, _BASE)[self.turn] if self.fix_first else (_BASE, _FIX)[self.turn]


class Turns:
    """Deals out the trials of both arms; tells of each pair that has ended."""

    def __init__(
        self,
        places: Sequence[int],
        firsts: tuple[int, int],
        first_pair: int,
        seed: int,
        ended: Callable[[PairEnded], bool],
    ) -> None:
        """`places` has the trials that run at once in each place, `firsts` the first trial of each arm.

        `ended` hears of each pair and returns whether there is to be another one.
        """
        self._places = [_Place(lanes) for lanes in places]
        self._rounds = _ROUNDS
        self._clean = 0
        self._next_trial = list(firsts)
        self._next_pair = first_pair
        self._seed = seed
        self._ended = ended
        self.is_over = False
        self.arms = _ArmTurns(self, _BASE), _ArmTurns(self, _FIX)
        self.wake: Callable[[int, int], None] = lambda arm, place: None
        """Told an arm and a place where there is work now."""
        self.renew: Callable[[int], None] = lambda place: None
        """Told a place whose processes are to be replaced."""
        for place in self._places:
            self._begin_pair(place)

    def take(self, arm: int, place: int, wanted: int) -> Block | None:
        """Trials for the process of `arm` at `place`, if it is its turn and they are not given out."""
        waiting = self._places[place].waiting
        if self.is_over or self._places[place].arm != arm or not waiting:
            return None
        first, count = waiting.popleft()
        if count > wanted:
            waiting.appendleft((first + wanted, count - wanted))
        return first, min(count, wanted)

    def put_back(self, place: int, blocks: list[Block]) -> None:
        """Return trials that were not started."""
        self._places[place].waiting.extend(blocks)

    def hear(self, arm: int, index: int, event: AnyEvent) -> None:
        """Count what has ended in the process of `arm`; the next turn begins when this one has ended."""
        place = self._places[index]
        tally = place.tallies[arm]
        match event:
            case TrialsPassed():
                tally.passed += event.count
            case TrialLeaked():
                tally.passed += 1
            case TrialFailed():
                tally.failed += 1
                tally.signatures.update({failure.signature for failure in (event.failure, *event.further)})
            case TrialSkipped() | TrialLost():
                tally.other += 1
        if self.is_over or arm != place.arm or tally.total < place.size:
            return
        if place.turn == 0:
            self._begin_turn(place, 1)
        else:
            base, fix = place.tallies
            pair = PairEnded(pair=place.pair, place=index, fix_first=place.fix_first, base=base.side(), fix=fix.side())
            self._adapt(pair)
            if not self._ended(pair):
                self.is_over = True
                return
            self._begin_pair(place)
            if self._is_worn_out(place, pair):
                self.renew(index)
                return
        self.wake(place.arm, index)

    def _is_worn_out(self, place: _Place, pair: PairEnded) -> bool:
        """Whether the processes of `place` are to be replaced after `pair`."""
        place.left -= 1
        if pair.disagrees:
            place.left = place.patience
            return True
        if place.left > 0:
            return False
        place.patience *= 2
        place.left = place.patience
        return True

    def _adapt(self, pair: PairEnded) -> None:
        """Have the pairs to come be longer if nothing has failed for long."""
        self._clean = self._clean + 1 if pair.is_clean else 0
        if self._clean >= _CLEAN_PAIRS:
            self._clean = 0
            self._rounds = min(2 * self._rounds, _MOST_ROUNDS)

    def _begin_pair(self, place: _Place) -> None:
        place.size = place.lanes * self._rounds if place.lanes > 1 else 1
        place.pair = self._next_pair
        self._next_pair += 1
        place.fix_first = bool(trial_seed(self._seed, place.pair) & 1)
        place.tallies = _Tally(), _Tally()
        self._begin_turn(place, 0)

    def _begin_turn(self, place: _Place, turn: int) -> None:
        place.turn = turn
        arm = place.arm
        place.waiting.append((self._next_trial[arm], place.size))
        self._next_trial[arm] += place.size


class _ArmTurns:
    """The trials of one arm, as its dispatcher sees them (`Work`)."""

    left = None
    """There is no end to them."""

    def __init__(self, turns: Turns, arm: int) -> None:
        self._turns = turns
        self._arm = arm

    @property
    def is_over(self) -> bool:
        return self._turns.is_over

    def take(self, place: int, wanted: int) -> Block | None:
        return self._turns.take(self._arm, place, wanted)

    def put_back(self, place: int, blocks: list[Block]) -> None:
        self._turns.put_back(place, blocks)

    def ended(self, place: int, event: AnyEvent) -> None:
        self._turns.hear(self._arm, place, event)
