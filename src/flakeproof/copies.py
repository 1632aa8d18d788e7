"""Whether tests fail only because several run at once: the decision, a pure function of what was counted.

Trials alone and trials in company are run in turns. For each test that failed:

| failed alone | company fails more often (exact test, with its share of the error) | conclusion |
|---|---|---|
| never | yes | copies of it collide |
| at least once | any | it fails alone, too |
| never | no | could not tell |

Where failures name what copies share, "more often" is any more. Otherwise company must make the odds of failing more
than several times as large (`ODDS_SHOWN`, `ODDS`): other processes also change who runs when, and a race may show more
often beside them.

The run: all collide: it collides; one fails alone: that decides; else it could not be told. Looks follow each other:
the one numbered j has 1 / (j (j + 1)) of the error, which adds up to all of it; several tests share that equally.
"""

from collections.abc import Mapping
from enum import StrEnum

from flakeproof.model import Record
from flakeproof.stats.tables import fisher_noncentral

ERROR = 0.01
"""Probability of calling what company does not change at all a collision."""
ODDS_NAMED = 1.0
"""Company must make the odds of failing more than so many times as large, if failures name what copies share …"""
ODDS_SHOWN = 3.0
"""… if they do not, and the first test has shown a file or port that copies share …"""
ODDS = 10.0
"""… if nothing is known that they share."""
COMPANY_SHARE = 2
"""Trials in company for each one alone: they run side by side, so that they cost less time."""
_MOST_ALONE = 100_000


class Conclusion(StrEnum):
    """What came of it."""

    COLLIDE = "copies collide"
    FAILS_ALONE = "fails alone, too"
    UNKNOWN = "could not tell"


class CopyCounts(Record, frozen=True, kw_only=True):
    """Trials of one way of running, those that told something."""

    failed: int = 0
    passed: int = 0

    @property
    def total(self) -> int:
        """Of both."""
        return self.failed + self.passed


class ItemCopies(Record, frozen=True, kw_only=True):
    """One test that failed in company."""

    item: str
    """"" for a target that is but one thing."""
    conclusion: Conclusion
    failed_alone: int
    failed_in_company: int


class Copies(Record, frozen=True, kw_only=True):
    """Trials alone, in turns with trials in company, of a run in which tests failed with several at once."""

    conclusion: Conclusion
    alone: CopyCounts
    company: CopyCounts
    """In turns with those."""
    at_once: int
    """How many made the company."""
    was_busy: bool
    """Whether the machine was kept as busy during trials alone as the company would have done."""
    error: float
    what: str = ""
    """The thing that they collide over, where a failure names it or the first test has shown it."""
    place: str = ""
    """`file:line` that reaches for it."""
    remedy: str = ""
    """How to keep copies apart."""
    reason: str = ""
    """Why it could not be told."""
    items: list[ItemCopies] = []  # noqa: RUF012 - a record copies it

    @property
    def decides(self) -> bool:
        """Whether the trials alone are what the run is judged by."""
        return self.conclusion is Conclusion.COLLIDE

    def of(self, item: str) -> tuple[CopyCounts, CopyCounts]:
        """How often that test failed alone, and in company."""
        one = next(one for one in self.items if one.item == item)
        ways = ((self.alone, one.failed_alone), (self.company, one.failed_in_company))
        alone, company = (CopyCounts(failed=failed, passed=way.total - failed) for way, failed in ways)
        return alone, company

    def acquits(self, item: str) -> bool:
        """Whether failures of `item` are those of copies alone."""
        return any(one.item == item and one.conclusion is Conclusion.COLLIDE for one in self.items)


def conclude(alone: CopyCounts, company: CopyCounts, tests: int, look: int, odds: float) -> Conclusion:
    """The conclusion about one of so many `tests` at the `look` with this number, from 1.

    Company must make the odds of failing more than `odds` times as large.
    """
    if alone.failed:
        return Conclusion.FAILS_ALONE
    if not (alone.total and company.failed):
        return Conclusion.UNKNOWN
    p = _p_value(company.failed, company.total, alone.total, odds)
    return Conclusion.COLLIDE if p <= threshold(tests, look) else Conclusion.UNKNOWN


def threshold(tests: int, look: int) -> float:
    """The p-value that decides about one of `tests` at this look."""
    return ERROR / (tests * look * (look + 1))


def _p_value(failed: int, company: int, alone: int, odds: float) -> float:
    """Of so many failures in company, and none alone."""
    table = ((failed, company - failed), (0, alone))
    return fisher_noncentral(table, odds)


def of_all(items: Mapping[str, Conclusion]) -> Conclusion:
    """The conclusion about a run, from those about its tests."""
    found = set(items.values())
    if Conclusion.FAILS_ALONE in found:
        return Conclusion.FAILS_ALONE
    return Conclusion.COLLIDE if found == {Conclusion.COLLIDE} else Conclusion.UNKNOWN


def trials_alone(rate: float, tests: int, look: int, alone: int, company: int, failed: int, odds: float) -> int | None:
    """How many further trials alone, none of which fails, would decide if company fails at `rate`; None for too many.

    So many have been run before: `alone`, and `company`, of which `failed`.
    """
    wanted = threshold(tests, look)

    def decides(more: int) -> bool:
        beside = COMPANY_SHARE * more
        # A little less than is to be expected: half of the time there will be fewer.
        expected = failed + int(0.8 * rate * beside)
        return expected > 0 and _p_value(expected, company + beside, alone + more, odds) <= wanted

    more = 2
    while not decides(more):
        more = more * 11 // 10 + 1
        if more > _MOST_ALONE:
            return None
    return more
