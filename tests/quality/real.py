"""What `flakeproof compare` answers about real processes whose truth is known: rows like those of `claims.py`."""

import multiprocessing
import os
import shutil
import statistics
import tempfile
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from scipy import stats as scipy_stats  # type: ignore[import-untyped]
from tests.quality import alike
from tests.quality.claims import Row, percent

from flakeproof.engine.limits import lanes_per_process
from flakeproof.features.compare.command import arm_spec
from flakeproof.features.compare.recorded_comparison import conduct_comparison
from flakeproof.features.compare.records import ComparisonArm, ComparisonSpec
from flakeproof.features.compare.summary import ComparisonSummary
from flakeproof.features.compare.verdict import FixVerdict
from flakeproof.store.folder import Store

ERROR = 0.05
SURE = 0.999
"""That so many false answers or fewer come of a rule that keeps its error."""
MOST_TRIALS = 400
AT_ONCE = 2
ARMS = "import alike\n\ndef one():\n    alike.{0}()\n\ndef two():\n    alike.{0}()\n"


Side = tuple[str, dict[str, Any]]
"""A target, and settings of its own."""


class Question(NamedTuple):
    """One comparison; `options` are for both arms."""

    base: Side
    fix: Side
    error: float
    most_trials: int | None
    seed: int
    options: tuple[tuple[str, Any], ...] = ()
    behaves: str = ""
    """The function of `alike` that both arms call, as `arms:one` and `arms:two`."""


def ask(question: Question) -> ComparisonSummary:
    """Compare in a folder of its own; every trial is a real one."""
    os.environ.pop("PYTHONHASHSEED", None)  # each process is to have its own
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary, str(question.seed))
        folder.mkdir()
        if question.behaves:
            shutil.copy(alike.__file__, folder)
            (folder / "arms.py").write_text(ARMS.format(question.behaves))
        base, fix = (
            ComparisonArm(
                name=name, spec=arm_spec(target, {"set_": None, **dict(question.options), **own}, folder, seed)
            )
            for name, (target, own), seed in (
                ("base", question.base, 2 * question.seed),
                ("fix", question.fix, 2 * question.seed + 1),
            )
        )
        lanes = lanes_per_process(base.spec)
        spec = ComparisonSpec(
            arms=(base, fix),
            error=question.error,
            reduction=10.0,
            most_trials=question.most_trials,
            duration=None,
            company=max(lanes),
            places=len(lanes),
            seed=question.seed,
        )
        return conduct_comparison(spec, Store(folder / "store"), lambda *_: [], lambda _: [], print, 3)


def answers(questions: Sequence[Question]) -> list[ComparisonSummary]:
    """What comes out of each, a few at a time."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(AT_ONCE, mp_context=context) as pool:
        return list(pool.map(ask, questions))


def trials(summary: ComparisonSummary) -> int:
    """Trials of both arms."""
    return sum(arm.passed + arm.failed + arm.other for arm in (summary.base, summary.fix))


def fixed_against_fixed(comparisons: int = 200) -> Row:
    """The fixed server of the kit, waiting a microsecond longer in one arm."""
    arms: tuple[Side, Side] = ("tcprtt", {"settle": "5ms"}), ("tcprtt", {"settle": "5.001ms"})
    found = answers([Question(*arms, ERROR, 160, number) for number in range(comparisons)])
    called = sum(one.verdict in (FixVerdict.FIXED, FixVerdict.REDUCED) for one in found)
    return Row(
        "the fixed server is called better than itself",
        f"{comparisons} comparisons",
        "never",
        f"{called} of {comparisons}, {sum(map(trials, found)):,} trials",
        not called,
    )


def leaky_against_fixed(comparisons: int = 20) -> Row:
    """The server of the kit before its fix and after it; the rate at which the leaky one fails is the machine's."""
    leaky: Side = ("tcprtt", {"server": "leaky"})
    found = answers([Question(leaky, ("tcprtt", {}), 1e-6, None, n) for n in range(comparisons)])
    called = sum(one.verdict is FixVerdict.FIXED for one in found)
    spent = sorted(map(trials, found))
    median, longest = statistics.median(spent), max(one.elapsed for one in found)
    return Row(
        "the fixed server is called a fix of the leaky one, error 1e-6",
        f"{comparisons} comparisons",
        "all of them",
        f"{called} of {comparisons}, median {median:,.0f}, at most {spent[-1]:,} trials and {longest:.0f} s",
        called == len(found),
    )


def one_at_a_time(behaves: str) -> Callable[[int], list[Question]]:
    """Arms that are alike, in one place."""
    return partial(alike_in, behaves, workers=1, processes=1)


def side_by_side(behaves: str) -> Callable[[int], list[Question]]:
    """The same in blocks: two trials at once in each of two places."""
    return partial(alike_in, behaves, workers=4, processes=2)


def alike_in(behaves: str, comparisons: int, **options: int) -> list[Question]:
    """So many comparisons of a test with itself, under another name."""
    shared = ("isolation", "shared"), *options.items()
    return [
        Question(("arms:one", {}), ("arms:two", {}), ERROR, MOST_TRIALS, n, shared, behaves) for n in range(comparisons)
    ]


WORLDS: dict[str, Callable[[int], list[Question]]] = {
    "processes turn bad": one_at_a_time("turning_bad"),
    "processes turn bad, in blocks": side_by_side("turning_bad"),
    "20 trials of a process fail in a row": one_at_a_time("bursts_of_a_process"),
    "20 trials of the machine fail in a row": one_at_a_time("bursts_of_the_machine"),
    "the rate falls from 20% to 2%": one_at_a_time("drifting"),
    "the first trials of a process fail more often": one_at_a_time("warming_up"),
    "hash order: half of the processes fail": one_at_a_time("hash_order"),
    "each process fails in a way of its own": side_by_side("kinds_of_a_process"),
    "failures have other names in the other arm": one_at_a_time("other_names"),
}
"""Arms that are alike, whose trials are not independent."""


def called_better(found: Sequence[ComparisonSummary]) -> int:
    """In how many a test is called better than itself."""
    return sum(one.verdict in (FixVerdict.FIXED, FixVerdict.REDUCED) for one in found)


def disagreeing(found: Sequence[ComparisonSummary]) -> int:
    """Pairs of all comparisons whose trials ended differently: without any there is nothing to be wrong about."""
    return sum(one.base_lost + one.fix_lost for one in found)


def alike_in_world(world: str, comparisons: int = 25) -> Row:
    """How often a test is called better than itself."""
    found = answers(WORLDS[world](comparisons))
    called, disagree = called_better(found), disagreeing(found)
    tolerated = int(scipy_stats.binom.ppf(SURE, comparisons, ERROR))
    return Row(
        f"{world}: called fixed or reduced",
        f"{comparisons} comparisons",
        f"≤ {percent(ERROR)}, so ≤ {tolerated} of {comparisons}",
        f"{called} of {comparisons}, {disagree:,} pairs disagreed in {sum(map(trials, found)):,} trials",
        called <= tolerated and disagree >= comparisons,
    )


REAL: dict[str, Callable[..., Row]] = {
    **{world: partial(alike_in_world, world) for world in WORLDS},
    "the fixed server against itself": fixed_against_fixed,
    "the leaky server against the fixed one": leaky_against_fixed,
}
"""What makes each row, by a name for its test; it takes the number of comparisons."""
