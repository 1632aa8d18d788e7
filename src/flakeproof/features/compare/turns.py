"""Decide whose turn it is in a comparison: in each place the arms alternate, in pairs of a random order.

A place is a pair of sibling processes, one for each arm; one runs while the other waits. The arms can affect each other
only through the machine. The order within a pair is a coin toss from the comparison's seed, because the first of two
may have an advantage, which in a fixed order would look like an effect.

If a process runs one trial at a time, a turn is one trial. If trials run at once, a failure may need the company of
other trials, even of earlier ones; so a turn is a block: several rounds of as many trials as run at once. Blocks get
longer while nothing fails, but only before a pair begins and for both arms alike, so that the coin stays fair.

After a pair in which one arm failed more often, or in other ways, both processes are replaced. A process in a bad state
may fail trial after trial: that is one coin toss, not many. So each pair of processes decides at most one pair of
turns, for all failures and for each kind. If the arms are alike, which of them fails first is a fair coin, whatever
state they carry from trial to trial. Processes without a decision are replaced, too, after more and more pairs: some
processes never fail, because of their hash seed, and others only after a long time.
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
"""Rounds of a block at first: a quarter of its trials have no trial before them in their block."""
_MOST_ROUNDS = 64
_PATIENCE = 200
"""Pairs without a difference after which processes are first replaced; then twice as many, and so on."""
_CLEAN_PAIRS = 12
"""After so many pairs in a row without a failure, blocks become twice as long."""


@dataclass
class _Tally:
    """The results of an arm in its turn."""

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
    """A pair of processes, and its current pair of turns."""

    lanes: int
    size: int = 0
    """Number of trials in a turn."""
    pair: int = 0
    left: int = _PATIENCE
    """Pairs left until the processes are replaced in any case."""
    patience: int = _PATIENCE
    fix_first: bool = False
    turn: int = 0
    """0 for the first turn of the pair, 1 for the second."""
    waiting: deque[Block] = field(default_factory=deque)
    """Trials of this turn that are not leased."""
    tallies: tuple[_Tally, _Tally] = field(default_factory=lambda: (_Tally(), _Tally()))

    @property
    def arm(self) -> int:
        """The arm whose turn it is."""
        return (_FIX, _BASE)[self.turn] if self.fix_first else (_BASE, _FIX)[self.turn]


class Turns:
    """Hands out the trials of both arms, and reports each pair that has ended."""

    def __init__(
        self,
        places: Sequence[int],
        firsts: tuple[int, int],
        first_pair: int,
        seed: int,
        ended: Callable[[PairEnded], bool],
    ) -> None:
        """`places` has how many trials run at once in each place, `firsts` the first trial of each arm.

        `ended` is called with each pair and returns whether another pair is wanted.
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
        """Called with an arm and a place that have work now."""
        self.renew: Callable[[int], None] = lambda place: None
        """Called with a place whose processes must be replaced."""
        for place in self._places:
            self._begin_pair(place)

    def take(self, arm: int, place: int, wanted: int) -> Block | None:
        """Trials for the process of `arm` at `place`, if it is the arm's turn and some are not leased."""
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
        """Count the trials that have ended in the process of `arm`; begin the next turn if this one has ended."""
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
        """Whether the processes of `place` must be replaced after `pair`."""
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
        """Make later blocks longer if nothing has failed for several pairs."""
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
    """The number of trials has no limit here."""

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
