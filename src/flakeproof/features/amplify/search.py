"""The search for the setting under which a target fails most, and for what matters in it: what to run next."""

import random
from collections.abc import Callable, Collection, Sequence

from flakeproof.features.amplify.budgeted_runs import Bench, OutOfTime, Purpose, Run, tell
from flakeproof.features.amplify.conclusions import FOR_BEST, SearchOutcome, result
from flakeproof.features.amplify.confirmation import Confirmation, confirm, least_seconds
from flakeproof.features.amplify.design import Design, Level, by_name
from flakeproof.features.amplify.masking import Clearing, FlakeFilter
from flakeproof.features.amplify.race import MOST, SettingsRace, candidates
from flakeproof.features.amplify.rate_model import Model, fit, leanings, units
from flakeproof.features.amplify.records import PLAIN, AmplifyFactor, AmplifyFindings, AmplifySetting
from flakeproof.stats.intervals import clopper_pearson

_PILOT = 0.1
"""Shares of the budget: what has been used when the plain trials at the beginning end, at the latest …"""
_FIRST_STAGE, _SCREENING = 0.32, 0.55
"""… the two stages of the screening …"""
_SCREENING_WITHOUT_FAILURE = 0.9
_RACE, _PRUNING = 0.25, 0.22
"""… and, of what remains then, the race, and that of the winner against itself with one factor less. The rest is for
the confirmation."""
_ROUNDS, _FEWEST = 3, 3
"""Batches of each setting in the race for which there has to be time, else fewer settings race; but so many do."""
_PILOT_FAILURES = 3
_PILOT_BATCHES = 2
_SWEEP, _LONG_SWEEP = 0.4, 0.8
"""Share of the budget that is used when what is common stops being tried by itself; the second where starts take so
long that there is no time for many batches: a few of them with settings that are drawn would tell next to nothing."""
_MANY_BATCHES = 40
_PLAINLY = 0.5
"""Share of the trials from which on a common level needs no screening: the race and the confirmation come at once."""
_PLAIN_SHARE = 0.12
"""Of the batches of the screening."""
_BATCHES, _FEWEST_BATCHES = 100, 40
"""In the screening, if a start costs nothing, and if trials are slow."""
_ENOUGH_TRIALS, _PLENTY = 8, 100
"""In a batch: with fewer, most of the time goes into starts; and a number beyond which more batches tell more."""
_LEAST_BY_START, _RACED_BY_START = 1.2, 2.0
"""Seconds of trials in a batch for each second that its start takes: in the screening, and in the race."""
_KEPT, _KEPT_FROM = 5, 0.75
"""Levels that stay for the second stage whatever they lean to, and how far others have to lean towards failing."""
_ALWAYS_FAILS = 0.7
"""Lower end of the plain rate from which on there is nothing to amplify."""
_LEANS, _LEADING = 1.0, 3
"""How far factors lean towards failing, and how many of them do at most, by which it is judged what it is about."""

Look = Callable[[Collection[str], Collection[str] | None], Level | None]
"""Looks for one level more by means of its own, for failures with certain signatures; the factors that seem to matter
are told once the screening is over, and are None before. None if there is no such level."""


def search(
    factors: Sequence[AmplifyFactor],
    run: Run,
    *,
    seconds: float,
    left: Callable[[], float],
    seed: int,
    signatures: Collection[str] = (),
    error: float = 0.05,
    common: Sequence[Level] = (),
    look: Look = lambda *_: None,
    say: Callable[[str], None] = lambda _: None,
) -> AmplifyFindings:
    """Find what makes the target fail more often, within `seconds`, of which `left` tells what remains.

    `signatures` are the failures that count; without any, those that plain trials fail with. `error` is the probability
    with which anything at all may be claimed (a setting, a level, a pair) where nothing matters. What `look` finds
    takes the place of all levels of its factor; it is asked once, as soon as it is known which failures count. Where
    plain trials never fail, the levels in `common` are tried first, each by itself, until one makes it fail. Raises
    ValueError.
    """
    if not 0 < error < 1 or not seconds > 0:
        raise ValueError(f"an error between 0 and 1 and seconds above 0 are needed, got {error} and {seconds}")
    bench = Bench(run, seconds, left)
    return _Search(list(factors), bench, seed, FlakeFilter(signatures), error, common, look, say).find()


class _Search:
    def __init__(
        self,
        factors: list[AmplifyFactor],
        bench: Bench,
        seed: int,
        flake: FlakeFilter,
        error: float,
        common: Sequence[Level],
        look: Look,
        say: Callable[[str], None],
    ) -> None:
        self._levels = by_name(factors)
        self._bench, self._flake, self._error, self._look, self._say = bench, flake, error, look, say
        self._common = common
        self._swept: Level | None = None
        """The common level under which it has failed first; it races like the one that is looked for."""
        self._looked: float | None = None
        """Seconds that it took to look for a level; None as long as that was not done."""
        self._known: Level | None = None
        """The level that was found so: it races whatever the screening says of it, in which it may hardly take part."""
        self._seed = seed
        self._chance = random.Random(seed)
        self._clearing = Clearing(bench, flake)
        self._design = Design.of(self._levels)
        self._outcome = SearchOutcome()

    def find(self) -> AmplifyFindings:
        """Run it all."""
        try:
            self._phases()
        except OutOfTime:
            self._outcome.out_of_time = True
        self._flake.settle(self._bench)
        return result(self._bench, self._flake, self._clearing, self._outcome, self._tried(), self._error, self._seed)

    def _tried(self) -> list[Level]:
        return [level for level in Design.of(self._levels).levels if level not in self._clearing.retired]

    def _phases(self) -> None:
        if not self._pilot():
            return
        fails_plainly = not self._plain()[0] and self._sweep()
        if self._flake.signatures:
            self._look_for_one_more(None if self._swept is None else [self._swept[0]])
            if self._known is not None:
                factor, level = self._known
                self._levels[factor] = (level,)
                self._enter(self._levels)
        if not fails_plainly:
            self._screen()
        winner, per_second = self._race()
        if winner is not None:
            self._say(f"confirming with fresh tests: {winner}")
            self._outcome.confirmation = Confirmation(winner, [])
            self._outcome.confirmation = confirm(self._bench, winner, per_second, self._chance, FOR_BEST * self._error)
            self._outcome.out_of_time |= self._outcome.confirmation.cut_short

    # plain trials

    def _pilot(self) -> bool:
        """Plain trials first; whether there is anything to look for."""
        bench = self._bench
        until, count, length = _PILOT * bench.seconds, 0, bench.seconds / 200
        while count < _PILOT_BATCHES or (bench.used < until and self._plain()[0] < _PILOT_FAILURES):
            batch = bench.run(PLAIN, length, Purpose.PLAIN)
            if batch.broke:
                self._outcome.broken = batch.broke
                return False
            count += 1
            length = min(self._length(), max(bench.start, until - bench.used - bench.start))
        self._flake.settle(bench)
        self._flake.look_at_plain(bench)
        failures, trials = self._plain()
        self._say(f"unperturbed, {failures} of {trials} tests failed")
        self._outcome.fails_plain = bool(trials) and clopper_pearson(failures, trials).low > _ALWAYS_FAILS
        return not self._outcome.fails_plain

    def _plain(self) -> tuple[int, int]:
        """Failures and trials; any failure counts as long as it is not known which one is wanted."""
        failures = trials = 0
        for batch in self._bench.batches(Purpose.PLAIN):
            failures += tell(batch, self._flake.signatures or batch.failed).failures
            trials += batch.trials
        return failures, trials

    def _sweep(self) -> bool:
        """Try what is common, one after the other, until it fails; whether it fails so often that this is enough."""
        bench, flake = self._bench, self._flake
        batches = bench.remaining / (bench.start + self._length())
        until = (_SWEEP if batches >= _MANY_BATCHES else _LONG_SWEEP) * bench.seconds
        for level in self._common:
            length = self._length()
            if level in self._tried() and bench.used + bench.start + length <= until:
                batch = bench.run(PLAIN.plus(*level), length, Purpose.SWEEP)
                failures = tell(batch, flake.signatures or batch.failed).failures
                if failures:
                    flake.settle(bench)
                    flake.look_at_plain(bench)
                    self._swept = level
                    self._say(f"with {batch.setting}, {failures} of {batch.trials} tests failed")
                    return failures >= _PLAINLY * batch.trials
        return False

    def _look_for_one_more(self, leading: Collection[str] | None) -> None:
        """Let others look; the time that this takes is not that of the screening."""
        before = self._bench.used
        self._known = self._look(self._flake.signatures, leading)
        self._looked = self._bench.used - before

    # the screening

    def _length(self) -> float:
        """Seconds of trials in a batch."""
        bench = self._bench
        share = (_SCREENING - _PILOT) * (bench.seconds - (self._looked or 0.0))
        slow = min(_ENOUGH_TRIALS * bench.trial(), share / _FEWEST_BATCHES - bench.start)
        fast = min(_LEAST_BY_START * bench.start, _PLENTY * bench.trial())
        return max(share / _BATCHES - bench.start, fast, slow, 1e-3)

    def _screen(self) -> None:
        self._draw(_FIRST_STAGE)
        self._settle()
        leaning = leanings(units(self._bench.ran, self._flake.signatures), self._tried())
        kept = sorted(leaning, key=lambda one: -leaning[one])
        stay = {one for place, one in enumerate(kept) if place < _KEPT or leaning[one] > _KEPT_FROM}
        self._enter(
            {name: tuple(one for one in levels if (name, one) in stay) for name, levels in self._levels.items()}
        )
        self._draw(_SCREENING)
        self._settle()
        if not self._has_failed() and not self._clearing.aside:
            self._enter(self._levels)
            self._draw(_SCREENING_WITHOUT_FAILURE, until_failure=True)
            self._settle()

    def _has_failed(self) -> bool:
        """Whether the flake was ever seen."""
        return any(tell(batch, self._flake.signatures).failures for batch in self._bench.batches())

    def _settle(self) -> None:
        """Decide which failures count, if that is not known yet."""
        if self._flake.signatures:
            return
        self._flake.settle(self._bench, self._clearing.aside)
        back = self._clearing.reinstate()
        if self._flake.signatures:
            self._say(f"counted as the flake: {', '.join(sorted(self._flake.signatures))}")
            self._flake.look_at_plain(self._bench)
        if back:
            self._enter(self._levels)

    def _enter(self, levels: dict[str, tuple[str, ...]]) -> None:
        """Go on with these, but for those that were given up."""
        gone = self._clearing.retired
        self._design = Design.of(
            {name: tuple(one for one in some if (name, one) not in gone) for name, some in levels.items()}
        )

    def _draw(self, share: float, *, until_failure: bool = False) -> None:
        """Run batches with settings that are drawn, until so much of the budget is used."""
        bench, looked = self._bench, self._looked or 0.0
        while bench.used - looked < share * (bench.seconds - looked) and self._design.factors:
            length = self._length()
            if not until_failure and self._left_to_race() < _FEWEST * (bench.start + length):
                break
            if self._chance.random() < _PLAIN_SHARE:
                batch = bench.run(PLAIN, length, Purpose.PLAIN)
            else:
                batch = bench.run(self._design.draw(self._chance), length, Purpose.DRAWN, self._design)
                if self._clearing.look(batch, length):
                    given_up = list(self._clearing.retired.values())[-1]
                    self._say(f"given up: {given_up.setting} ({given_up.why})")
                    self._enter(dict(self._design.factors))
            if until_failure and tell(batch, self._flake.signatures or batch.failed).failures:
                break

    # the race

    def _left_to_race(self) -> float:
        """Seconds until a last batch may begin: what a confirmation needs in any case is for nothing else."""
        bench = self._bench
        return bench.remaining - least_seconds(bench, FOR_BEST * self._error) - bench.start - self._length()

    def _settings(self) -> tuple[list[AmplifySetting], Model | None]:
        """What may race, the most promising first, and what the screening lets expect of it."""
        if not self._flake.signatures:
            # Nothing else ever failed: then what makes every trial fail is what there is to be found.
            self._flake.settle(self._bench)
            return [PLAIN.plus(*level) for level in self._clearing.reinstate()][:MOST], None
        if not self._has_failed():
            return [], None
        data = units(self._bench.ran, self._flake.signatures)
        first = [PLAIN.plus(*level) for level in (self._known, self._swept) if level is not None]
        if not data:
            return list(dict.fromkeys(first)), None
        model, _ = fit(data)
        leaning = leanings(data, self._tried())
        if self._looked is None:
            up = sorted((one for one in leaning if leaning[one] > _LEANS), key=lambda one: -leaning[one])
            self._look_for_one_more([factor for factor, _ in up[:_LEADING]])
        known = self._known or self._swept
        return candidates(model, leaning, data, known if known not in self._clearing.retired else None), model

    def _race(self) -> tuple[AmplifySetting | None, float]:
        """The setting to confirm, and how often it may be expected to fail in a second; None if there is none."""
        settings, model = self._settings()
        if not settings:
            return None, 0.0
        bench = self._bench
        length = max(self._length(), min(_RACED_BY_START * bench.start, _PLENTY * bench.trial()))
        begin, remaining = bench.used, max(0.0, min(bench.remaining, self._left_to_race() / (_RACE + _PRUNING)))
        room = _RACE * remaining / (_ROUNDS * (bench.start + length))
        entered = settings[: max(_FEWEST, int(room))]
        self._say(f"racing {len(entered)} settings")
        race = SettingsRace(bench, self._flake, model, length, self._chance)
        race.run(entered, begin + _RACE * remaining)
        leader = race.preferred(entered)
        if leader is None and not race.broken:
            return entered[0], 0.0  # there was no time to race; what is left is enough to confirm the most promising
        until = min(bench.used + _PRUNING * remaining, begin + (_RACE + _PRUNING) * remaining)
        while leader is not None and len(leader.levels) > 1 and bench.used < until:
            less = [leader.without(factor) for factor, _ in leader.levels]
            entered = list(dict.fromkeys([*entered, *less]))
            race.run([leader, *less], (bench.used + until) / 2, to_the_end=True)
            if (preferred := race.preferred([leader, *less])) == leader:
                break
            leader = preferred
        self._outcome.raced = race.ranked(entered)
        self._outcome.broken_in_race = race.broken
        return leader, race.per_second(leader) if leader is not None else 0.0
