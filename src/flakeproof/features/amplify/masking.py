"""Which failures are the flake, and which settings hide it behind failures of their own."""

from collections import Counter
from collections.abc import Collection

from flakeproof.features.amplify.budgeted_runs import Bench, Purpose, tell
from flakeproof.features.amplify.design import Level
from flakeproof.features.amplify.records import PLAIN, AmplifySetting, Batch, Retired, Source

_CERTAIN = 0.9
"""Share of trials from which on failing is a property of the setting rather than flaky."""
_HIDDEN = 0.5
_ENOUGH = 4
"""Trials by which a level is judged."""


class FlakeFilter:
    """The signatures that count, as far as they are known."""

    def __init__(self, signatures: Collection[str]) -> None:
        """The signatures that the user gave, if any."""
        self.signatures = frozenset(signatures)
        self.source = Source.GIVEN if self.signatures else Source.NONE
        self.plain_hidden = 0.0
        """Share of the plain trials that fail otherwise."""

    def settle(self, bench: Bench, ignored: Collection[Level] = ()) -> None:
        """Go by what plain trials failed with, else by what is most frequent where none of the `ignored` is on."""
        if self.signatures:
            return
        plain: Counter[str] = Counter()
        perturbed: Counter[str] = Counter()
        for batch in bench.batches():
            if batch.setting.is_plain:
                plain.update(batch.failed)
            elif not set(batch.setting.levels) & set(ignored):
                perturbed.update(batch.failed)
        if +plain:
            self.signatures, self.source = frozenset(+plain), Source.PLAIN
        elif +perturbed:
            most = max(perturbed, key=lambda name: (perturbed[name], name))
            self.signatures, self.source = frozenset({most}), Source.PERTURBED

    def look_at_plain(self, bench: Bench) -> None:
        """Note how much of the plain trials is hidden anyway."""
        told = [tell(batch, self.signatures) for batch in bench.batches() if batch.setting.is_plain]
        trials = sum(one.all_trials for one in told)
        self.plain_hidden = sum(one.hidden for one in told) / trials if trials and self.signatures else 0.0

    def is_spoiled(self, batch: Batch) -> bool:
        """Whether the batch cannot show the flake: it did not run, or nearly always failed otherwise.

        As long as no failure is known to be the flake, one that (nearly) every trial has is taken for the setting's.
        """
        if batch.broke:
            return True
        if self.signatures:
            return tell(batch, self.signatures).hidden > max(_HIDDEN, 2 * self.plain_hidden) * batch.trials
        return any(count >= _CERTAIN * batch.trials for count in batch.failed.values())


class Clearing:
    """Finds out which level it is that spoils a batch."""

    def __init__(self, bench: Bench, flake: FlakeFilter) -> None:
        """Nothing is known of any level."""
        self._bench, self._flake = bench, flake
        self._cleared: set[Level] = set()
        self.retired: dict[Level, Retired] = {}
        self.aside: dict[Level, str] = {}
        """Levels under which (nearly) every trial fails in one way, while it is not known which failure is wanted."""

    def look(self, batch: Batch, seconds: float) -> bool:
        """Judge a drawn batch; whether a level was given up. Raises OutOfTime."""
        suspects = [one for one in batch.setting.levels if one not in self._cleared and one not in self.retired]
        if not self._flake.is_spoiled(batch):
            self._cleared |= set(suspects)
            return False
        while len(suspects) > 1:
            half = suspects[: len(suspects) // 2]
            if self._spoils(half, seconds)[0]:
                suspects = half
            else:
                self._cleared |= set(half)
                suspects = suspects[len(half) :]
        if not suspects:
            return False
        spoiled, alone = self._spoils(suspects, seconds)
        if spoiled:
            self._retire(suspects[0], alone)
        else:
            self._cleared.add(suspects[0])
        return spoiled

    def reinstate(self) -> list[Level]:
        """The levels that bring about, every time, what has turned out to be the flake: they are not given up."""
        back = [level for level, name in self.aside.items() if name in self._flake.signatures]
        for level in back:
            del self.aside[level], self.retired[level]
            self._cleared.add(level)
        return back

    def _spoils(self, levels: list[Level], seconds: float) -> tuple[bool, Batch]:
        setting = AmplifySetting(levels=tuple(sorted(levels)))
        length = max(seconds, _ENOUGH * self._bench.trial())
        batch = self._bench.run(setting, length, Purpose.CLEARING)
        return self._flake.is_spoiled(batch), batch

    def _retire(self, level: Level, batch: Batch) -> None:
        hidden = tell(batch, self._flake.signatures).hidden
        if batch.broke:
            why = f"could not be run: {batch.broke}"
        else:
            most = max(batch.failed, key=lambda name: (batch.failed[name], name))
            why = f"other failures hide the flake, most of all: {most}"
            if not self._flake.signatures:
                why = f"(nearly) every trial fails: {most}"
                self.aside[level] = most
        setting = PLAIN.plus(*level)
        self.retired[level] = Retired(setting=setting, why=why, trials=batch.trials, hidden=hidden)
