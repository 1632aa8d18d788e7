"""The records of an amplification: what may be switched on, what batches of trials came to, and what it found."""

from enum import StrEnum

import msgspec

from flakeproof.errors import ExitCode, exit_code_of_signal
from flakeproof.line_search.find_line import DelayFinding
from flakeproof.model import Record


class AmplifyFactor(Record, frozen=True, kw_only=True):
    """Something that may be switched on, at one of its levels; off is always possible."""

    name: str
    levels: tuple[str, ...]


class AmplifySetting(Record, frozen=True, kw_only=True, order=True):
    """Which factors are on, and at which level; without any, the target runs unperturbed ("plain"). Hashable."""

    levels: tuple[tuple[str, str], ...] = ()
    """(factor, level), sorted by factor; made by `plus`."""

    @property
    def is_plain(self) -> bool:
        """Whether nothing is on."""
        return not self.levels

    def level(self, factor: str) -> str | None:
        """The level of the factor; None where it is off."""
        return next((level for name, level in self.levels if name == factor), None)

    def has(self, factor: str, level: str) -> bool:
        """Whether the factor is on at this level."""
        return (factor, level) in self.levels

    def without(self, factor: str) -> "AmplifySetting":
        """This setting with the factor off."""
        return AmplifySetting(levels=tuple(one for one in self.levels if one[0] != factor))

    def plus(self, factor: str, level: str) -> "AmplifySetting":
        """This setting with the factor at this level instead of any other."""
        return AmplifySetting(levels=tuple(sorted((*self.without(factor).levels, (factor, level)))))

    def __str__(self) -> str:
        """In words."""
        return ", ".join(f"{factor} {level}" for factor, level in self.levels) or "plain"


PLAIN = AmplifySetting()


class Batch(Record, frozen=True, kw_only=True):
    """What a run of a few trials under one setting came to."""

    setting: AmplifySetting
    trials: int
    """Passed or failed; what was skipped or lost is not among them."""
    failed: dict[str, int]
    """Failed trials by signature; a trial counts once for each of its signatures."""
    seconds: float
    """That the trials took, without the start and the end of the run."""
    broke: str = ""
    """Why the target could not be run at all under the setting; empty if it could."""


class EffectKind(StrEnum):
    """What a level does to the failure rate."""

    RAISES = "raises"
    LOWERS = "lowers"
    NONE_SEEN = "none seen"


class Source(StrEnum):
    """Where it is known from which failures are the flake."""

    GIVEN = "given"
    PLAIN = "plain"
    """Plain trials failed so."""
    PERTURBED = "perturbed"
    """Plain trials never failed; this is what perturbations brought about most often, and may be their own doing."""
    NONE = "none"
    """Nothing ever failed."""


class SearchEnd(StrEnum):
    """Why the search ended."""

    FOUND = "found"
    """A setting was confirmed."""
    NOT_CONFIRMED = "not confirmed"
    """The most promising setting did not raise the rate in fresh trials."""
    NOTHING = "nothing"
    """Nothing was promising, or nothing ever failed."""
    FAILS_PLAIN = "fails plain"
    """It fails nearly always without perturbations: there is nothing to amplify."""
    BROKEN = "broken"
    """The plain target could not be run."""
    OUT_OF_TIME = "out of time"
    """The budget was used up before there was a setting to confirm."""


class AmplifyRate(Record, frozen=True, kw_only=True):
    """How often trials failed in the way that counts."""

    failures: int
    trials: int
    low: float
    """Of the interval, 95 %, for batches that may differ from each other more than by chance."""
    high: float
    per_second: float
    """Failures per second of trials."""


class Ratio(Record, frozen=True, kw_only=True):
    """So many times as often."""

    value: float | None
    """None if the rate below never showed."""
    low: float
    high: float | None
    """None if there is no upper end."""


class EffectCounts(Record, frozen=True, kw_only=True):
    """Failures among trials; what failed otherwise is not among the trials, as it tells nothing."""

    failures: int
    trials: int


class Effect(Record, frozen=True, kw_only=True):
    """What one level of one factor does."""

    factor: str
    level: str
    kind: EffectKind
    odds_ratio: float
    """Of failing with it against without it (Mantel and Haenszel), stratified by the other factors that matter."""
    low: float
    """Of its interval, 95 %."""
    high: float | None
    """None if there is no upper end, because nothing failed without it."""
    chance: float
    """Probability of so clear a difference if it did not matter, corrected for all levels tried (Holm)."""
    with_it: EffectCounts
    without: EffectCounts
    """While the factor was off."""
    beside: AmplifySetting | None = None
    """What else was on all the time, if it is known from the confirmation; None if it is known from the screening, with
    the other factors on or off at random."""


class Pair(Record, frozen=True, kw_only=True):
    """Two levels that act together: both raise the rate by more than the sum of what each of them does alone."""

    first: tuple[str, str]
    """(factor, level)."""
    second: tuple[str, str]
    chance: float
    """Corrected for all pairs tried."""
    odds_ratio: float
    """Of both against neither."""
    low: float
    high: float | None
    both: EffectCounts
    only_first: EffectCounts
    only_second: EffectCounts
    neither: EffectCounts


class Retired(Record, frozen=True, kw_only=True):
    """A setting that was given up; nothing is claimed about it."""

    setting: AmplifySetting
    """One level, or several that do not go together."""
    why: str
    trials: int
    hidden: int
    """Of these trials, those that failed otherwise and so hid whether they would have failed like the flake."""


class OtherSignature(Record, frozen=True, kw_only=True):
    """A way to fail that is not what is looked for."""

    signature: str
    failures: int
    trials: int
    """Of all batches."""
    mostly: AmplifySetting
    """The level under which it was most frequent (plain if it came without any)."""
    mostly_failures: int
    mostly_trials: int


class Best(Record, frozen=True, kw_only=True):
    """The setting with the most failures per second, confirmed by trials that were not used to find it."""

    setting: AmplifySetting
    rate: AmplifyRate
    ratio: Ratio
    """Of its failure rate to the plain one."""
    chance: float
    """Probability of so clear a difference in these trials if the setting did not matter."""


class AmplifyFindings(Record, frozen=True, kw_only=True):
    """What came of a search."""

    stop: SearchEnd
    reason: str
    """Why the search ended, in words for the user, with the numbers that decided it."""
    out_of_time: bool
    """Whether something was cut short by the budget."""
    signatures: list[str]
    """Failures that count."""
    source: Source
    plain: AmplifyRate
    """Of the fresh trials if there was a confirmation, else of all plain ones."""
    best: Best | None
    effects: list[Effect]
    """Of every level that was tried to the end: what matters first."""
    pairs: list[Pair]
    retired: list[Retired]
    others: list[OtherSignature]
    everything: AmplifyRate
    """Of all trials under settings that were not given up, plain ones too."""
    confirmation_chance: float | None
    """Of the setting that came out of the race, confirmed or not; None if there was no confirmation."""
    raced: list[AmplifySetting] = msgspec.field(default_factory=list)
    """What came into the race, the best first."""
    trials: int
    seconds: float
    """Of the budget, that were used."""


SCHEMA_VERSION = 1


class Tried(Record, frozen=True, kw_only=True):
    """A level that was tried, and how it is typed."""

    factor: str
    level: str
    options: list[str]


class Amplification(Record, frozen=True, kw_only=True):
    """All of it."""

    schema_version: int = SCHEMA_VERSION
    target: str
    seed: int
    exit_code: int
    found: AmplifyFindings | None
    """None where it ended before anything could be said."""
    levels: list[Tried]
    left_out: list[str]
    """Levels that are not possible here, and why."""
    options: list[str]
    """Options that switch on the setting that was found; empty if none was."""
    command: str
    """The command that reproduces the failure fastest; empty if none was found."""
    settings: dict[str, str]
    """Of a preset that has the setting switched on."""
    preset: str
    """Name under which it was saved; empty if it was not."""
    line: DelayFinding | None
    """Where a pause matters, if that was looked for."""
    batches: list[Batch]
    """Every batch of the search, in its order."""
    stopped: str | None
    """Why it ended early; None if it did not."""
    elapsed: float
    """Seconds."""


def exit_code(found: AmplifyFindings | None, stopped: str | None) -> ExitCode:
    """1 if it was made to fail, or fails anyway; 0 if nothing ever failed; 4 if there was no time to tell."""
    if (code := exit_code_of_signal(stopped)) is not None:
        return code
    if found is None or found.stop is SearchEnd.BROKEN:
        return ExitCode.BROKEN
    if found.everything.failures or found.best is not None:
        return ExitCode.FAILURES
    return ExitCode.INCONCLUSIVE if found.stop is SearchEnd.OUT_OF_TIME else ExitCode.GOOD
