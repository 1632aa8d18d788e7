"""What `amplify` is tried on is sound, and the bench judges its answers as it says."""

import sys
from collections.abc import Sequence

import pytest
from benchmarks.amplify_judging import Named, driving, is_false, judge
from benchmarks.amplify_peers import Tally, once
from scipy import stats as scipy_stats  # type: ignore[import-untyped]
from tests.planted.amplifiable import CASES, Case, case
from tests.planted.catalogue import MARK
from tests.planted.rare import RARE, Rare

from flakeproof.features.amplify.records import (
    AmplifyFindings,
    AmplifyRate,
    AmplifySetting,
    Best,
    Effect,
    EffectCounts,
    EffectKind,
    Ratio,
    SearchEnd,
    Source,
)

HARDLY = EffectCounts(failures=0, trials=0)


def _rate(failures: int, trials: int, high: float = 0.5) -> AmplifyRate:
    return AmplifyRate(failures=failures, trials=trials, low=0.0, high=high, per_second=1.0)


def _effect(factor: str, kind: EffectKind = EffectKind.RAISES) -> Effect:
    return Effect(
        factor=factor,
        level="yes",
        kind=kind,
        odds_ratio=9.0,
        low=2.0,
        high=None,
        chance=0.001,
        with_it=HARDLY,
        without=HARDLY,
    )


def _found(
    plain: AmplifyRate, best: AmplifyRate | None, factors: Sequence[str] = (), effects: Sequence[Effect] = ()
) -> AmplifyFindings:
    setting, ratio = (
        AmplifySetting(levels=tuple((factor, "yes") for factor in factors)),
        Ratio(value=None, low=1.0, high=None),
    )
    return AmplifyFindings(
        stop=SearchEnd.FOUND if best else SearchEnd.NOTHING,
        reason="",
        out_of_time=False,
        signatures=["AssertionError"],
        source=Source.PLAIN,
        plain=plain,
        best=Best(setting=setting, rate=best, ratio=ratio, chance=0.01) if best else None,
        effects=list(effects),
        pairs=[],
        retired=[],
        others=[],
        everything=plain,
        confirmation_chance=None,
        trials=100,
        seconds=1.0,
    )


@pytest.mark.parametrize(
    ("plain", "best", "ratio", "at_least", "amplified"),
    [
        ((2, 100, 0.1), (30, 100), 15.0, False, True),
        ((2, 100, 0.1), (20, 100), 10.0, False, True),
        ((2, 100, 0.1), (19, 100), 9.5, False, False),
        ((20, 100, 0.3), (51, 100), 2.55, False, True),
        ((20, 100, 0.3), (50, 100), 2.5, False, False),
        ((0, 400, 0.01), (12, 100), 12.0, True, True),
        ((0, 40, 0.1), (12, 100), 1.2, True, False),
        ((0, 40, 0.1), (60, 100), 6.0, True, True),
    ],
)
def test_the_ratio(
    plain: tuple[int, int, float], best: tuple[int, int], ratio: float, at_least: bool, amplified: bool
) -> None:
    """To the plain rate, or to its upper end where no plain test failed; ten times, or more than half, is enough."""
    judgement = judge(_found(_rate(*plain), _rate(*best), ["race"]), ["race"])
    assert judgement.ratio == pytest.approx(ratio)
    assert (judgement.at_least, judgement.amplified) == (at_least, amplified)


def test_without_a_setting_there_is_no_ratio() -> None:
    """However often the plain target fails."""
    judgement = judge(_found(_rate(90, 100), None), ["race"])
    assert (judgement.ratio, judgement.amplified, judgement.named) == (None, False, Named.NONE)


@pytest.mark.parametrize(
    ("chosen", "effects", "factor"),
    [
        ([], [], ""),
        (["race"], [], "race"),
        (["gc", "race"], [], ""),
        (["gc", "race"], [_effect("race"), _effect("gc")], "race"),
        (["race"], [_effect("gc"), _effect("race")], "race"),
        (["race"], [_effect("gc")], "gc"),
        (["gc", "race"], [_effect("gc", EffectKind.LOWERS), _effect("race", EffectKind.NONE_SEEN)], ""),
    ],
)
def test_the_factor_that_is_named(chosen: list[str], effects: list[Effect], factor: str) -> None:
    """The first effect that raises the rate, of what was found before others; or the only factor of what was found."""
    assert driving(_found(_rate(1, 100), _rate(50, 100), chosen, effects)) == factor


@pytest.mark.parametrize(("driver", "named"), [("race", Named.RIGHT), ("gc", Named.WRONG)])
def test_it_is_right_if_it_is_a_driver(driver: str, named: Named) -> None:
    """Of that flake."""
    assert judge(_found(_rate(1, 100), _rate(50, 100), ["race"]), [driver]).named is named


def test_what_is_false_in_a_twin() -> None:
    """A setting, or an effect that raises the rate; one that lowers it is none."""
    plain = _rate(0, 100)
    assert is_false(_found(plain, _rate(9, 100), ["gc", "race"]))
    assert is_false(_found(plain, None, (), [_effect("gc")]))
    assert not is_false(
        _found(plain, None, (), [_effect("gc", EffectKind.LOWERS), _effect("race", EffectKind.NONE_SEEN)])
    )


@pytest.mark.parametrize("each", CASES, ids=lambda each: each.name)
def test_each_case_has_what_it_needs(each: Case) -> None:
    """Drivers that are not held, and two sides that are there."""
    assert each.drivers
    assert not {word.lstrip("-") for word in each.held} & set(each.drivers)
    for side in (each.flaky, each.twin):
        assert side.project.is_dir()
    assert each.flaky != each.twin
    assert case(each.name) == each


@pytest.mark.parametrize("each", RARE, ids=lambda each: each.name)
def test_each_rare_flake_has_a_guilty_line_and_a_twin_without(each: Rare) -> None:
    """And what it is started by."""
    for side, guilty in ((each.flaky, True), (each.fixed, False)):
        assert (side / each.target).is_file()
        assert any(MARK in path.read_text() for path in side.rglob("*.py")) is guilty


def test_what_other_tools_can_run() -> None:
    """Tests of pytest and programs, but no functions."""
    assert once(case("lost_update").flaky)[-1] == "test_account.py"
    assert once(case("order_environment").flaky)[-1].startswith("test_greeting.py::")
    assert once(case("lost_lease").flaky) == (sys.executable, "harvest.py")
    assert once(case("pidfile:racy").flaky) == ()


def test_what_a_tool_came_to() -> None:
    """The interval is Clopper and Pearson's."""
    low, high = scipy_stats.binomtest(1, 41).proportion_ci(0.95, "exact")
    assert str(Tally(41, 1, 30.0)) == f"1/41 = 2.439% ({100 * low:.5f}% to {100 * high:.2f}%), 2.0 a minute"
