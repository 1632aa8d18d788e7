"""The parts of the search for what makes a target fail more often: settings, designs, batches, evidence."""

import random
from typing import Any

import msgspec
import pytest

from flakeproof.features.amplify.budgeted_runs import BatchRun, Bench, OutOfTime, Purpose, Told, tell
from flakeproof.features.amplify.confirmation import confirm
from flakeproof.features.amplify.design import Design, by_name
from flakeproof.features.amplify.effects import effects
from flakeproof.features.amplify.masking import FlakeFilter
from flakeproof.features.amplify.race import SettingsRace
from flakeproof.features.amplify.rate_model import Model, fit, units
from flakeproof.features.amplify.records import (
    PLAIN,
    Amplification,
    AmplifyFactor,
    AmplifyFindings,
    AmplifySetting,
    Batch,
    EffectKind,
)
from flakeproof.features.amplify.report import closing, results
from flakeproof.features.amplify.search import search

LEVELS = {"a": ("on",), "b": ("mild", "strong"), "c": ("on",)}


def batch(
    setting: AmplifySetting = PLAIN, trials: int = 10, seconds: float = 1.0, broke: str = "", **failed: int
) -> Batch:
    """A batch; failures by name."""
    return Batch(setting=setting, trials=trials, failed=failed, seconds=seconds, broke=broke)


def test_settings() -> None:
    """A factor has one level; the order in which they were switched on does not matter; they go to JSON and back."""
    setting = PLAIN.plus("b", "mild").plus("a", "on")

    assert setting == PLAIN.plus("a", "on").plus("b", "strong").plus("b", "mild")
    assert {setting: 1}[PLAIN.plus("a", "on").plus("b", "mild")] == 1
    assert (setting.level("b"), setting.level("c"), setting.has("b", "strong")) == ("mild", None, False)
    assert setting.without("a") == PLAIN.plus("b", "mild")
    assert (str(setting), str(PLAIN), PLAIN.is_plain, setting.is_plain) == ("a on, b mild", "plain", True, False)
    assert msgspec.json.decode(msgspec.json.encode(setting), type=AmplifySetting) == setting


def test_a_design_draws_as_it_says() -> None:
    """Each level as often as its probability tells, given that its factor is off or there."""
    design, chance = Design.of(LEVELS), random.Random(1)
    drawn = [design.draw(chance) for _ in range(20_000)]

    for level in design.levels:
        alike = [one for one in drawn if one.level(level[0]) in (None, level[1])]
        share = sum(one.has(*level) for one in alike) / len(alike)
        assert share == pytest.approx(design.chance_of(level), abs=0.015)
    assert design.chance_of(("b", "none")) == design.chance_of(("d", "on")) == 0


@pytest.mark.parametrize(("count", "chance"), [(1, 0.5), (8, 0.5), (12, 1 / 3), (40, 0.25)])
def test_few_factors_are_on_at_once(count: int, chance: float) -> None:
    """About four of them."""
    assert Design.of({str(number): ("on",) for number in range(count)}).chance == pytest.approx(chance)


@pytest.mark.parametrize(
    "factors",
    [
        [AmplifyFactor(name="", levels=("on",))],
        [AmplifyFactor(name="a", levels=("on",)), AmplifyFactor(name="a", levels=("off",))],
        [AmplifyFactor(name="a", levels=())],
        [AmplifyFactor(name="a", levels=("on", "on"))],
    ],
)
def test_factors_that_make_no_sense(factors: list[AmplifyFactor]) -> None:
    """They are named."""
    with pytest.raises(ValueError, match="needs"):
        by_name(factors)


def test_what_a_batch_tells() -> None:
    """Other failures hide what would have been; a trial with two signatures is one failure."""
    assert tell(batch(flake=2, other=3), {"flake"}) == Told(2, 7, 3)
    assert tell(batch(flake=8, second=8), {"flake", "second"}) == Told(10, 10, 0)
    assert tell(batch(other=10), {"flake"}) == Told(0, 0, 10)
    assert tell(batch(), {"flake"}).all_trials == 10


def test_a_bench_learns_what_time_things_take() -> None:
    """How long a start takes, and a trial under a setting; slower levels are expected to be slow in other settings."""
    clock = [100.0]
    slow = PLAIN.plus("a", "on")

    def run(setting: AmplifySetting, seconds: float) -> Batch:
        each = 0.5 if setting.has("a", "on") else 0.1
        trials = max(1, round(seconds / each))
        clock[0] -= 0.2 + trials * each
        return batch(setting, trials, trials * each)

    bench = Bench(run, 20, lambda: clock[0])
    bench.run(PLAIN, 1, Purpose.PLAIN)
    bench.run(slow, 1, Purpose.RACE)

    assert bench.start == pytest.approx(0.2)
    assert bench.trial() == pytest.approx(0.1)
    assert bench.trial(slow.plus("b", "mild")) == pytest.approx(0.5)
    assert bench.used == pytest.approx(2.4)
    assert bench.remaining == pytest.approx(17.6)
    assert len(list(bench.batches(Purpose.RACE))) == 1
    clock[0] = 80.5
    with pytest.raises(OutOfTime):
        bench.run(slow, 1, Purpose.RACE)
    assert bench.run(PLAIN, 9, Purpose.PLAIN).trials == 3


def test_fast_trials_that_never_fail_are_not_preferred() -> None:
    """Whatever the screening let expect of them: slow trials that do fail are."""
    fast, slow = PLAIN.plus("a", "on"), PLAIN.plus("b", "strong")
    clock = [100.0]

    def run(setting: AmplifySetting, seconds: float) -> Batch:
        each = 0.0001 if setting == fast else 0.5
        trials = max(1, round(seconds / each))
        clock[0] -= 0.1 + trials * each
        return batch(setting, trials, trials * each, flake=0 if setting == fast else (trials + 1) // 2)

    model = Model(0.01, {("a", "on"): 50.0, ("b", "strong"): 50.0})
    race = SettingsRace(Bench(run, 100, lambda: clock[0]), FlakeFilter({"flake"}), model, 0.2, random.Random(1))
    race.run([fast, slow], 0.8)
    assert race.ranked([fast, slow])[0] == fast  # per second, by what was expected
    assert race.preferred([fast, slow]) == slow
    assert race.preferred([fast]) == fast


def test_a_batch_of_another_setting_is_refused() -> None:
    """A runner that runs something else would make all claims void."""
    bench = Bench(lambda setting, seconds: batch(PLAIN), 20, lambda: 20.0)

    with pytest.raises(ValueError, match="was asked for"):
        bench.run(PLAIN.plus("a", "on"), 1, Purpose.RACE)


def drawn(rates: dict[str, float], count: int, seed: int, trials: int = 50) -> list[BatchRun]:
    """Batches of a design in which levels of these factors fail at so high a rate, and all else at 2 %."""
    design, chance = Design.of(LEVELS), random.Random(seed)
    found = []
    for _ in range(count):
        setting = design.draw(chance)
        rate = max([0.02, *(rates.get(factor, 0.0) for factor, _ in setting.levels)])
        failed = sum(chance.random() < rate for _ in range(trials))
        found.append(BatchRun(batch(setting, trials, flake=failed), Purpose.DRAWN, design))
    return found


def test_the_model_finds_rates() -> None:
    """About those that are true, and the expectations add up to what was seen."""
    data = units(drawn({"a": 0.3}, 200, 1), {"flake"})
    model, expected = fit(data)

    assert model.rate(PLAIN) == pytest.approx(0.02, rel=0.4)
    assert model.rate(PLAIN.plus("a", "on")) == pytest.approx(0.3, rel=0.25)
    assert sum(expected) == pytest.approx(sum(one.failures for one in data), rel=0.1)


def test_the_odds_ratio_of_an_effect() -> None:
    """Its 95 % interval holds the true one in nearly all of 40 screenings, where others matter, too."""
    true = 0.3 / 0.7 / (0.02 / 0.98)
    held = 0
    for seed in range(40):
        data = units(drawn({"a": 0.3}, 60, seed), {"flake"})
        found = {one.factor: one for one in effects(data, [("a", "on"), ("b", "mild"), ("c", "on")], 0.02, seed)}
        assert found["a"].kind is EffectKind.RAISES
        assert found["a"].high is not None
        held += found["a"].low <= true <= found["a"].high

    assert held >= 36


def test_without_factors_or_time() -> None:
    """There is nothing to find, and that is the answer; what makes no sense is refused."""
    clock = [3.0]

    def run(setting: AmplifySetting, seconds: float) -> Batch:
        clock[0] -= 0.5
        return batch(setting, 10, 0.4)

    found = search([], run, seconds=60, left=lambda: clock[0], seed=1)

    assert (found.best, found.effects, found.signatures) == (None, [], [])
    assert msgspec.json.decode(msgspec.json.encode(found), type=AmplifyFindings) == found
    with pytest.raises(ValueError, match="error between 0 and 1"):
        search([], run, seconds=60, left=lambda: 3.0, seed=1, error=0)


def test_the_first_trial_of_a_batch_is_not_all_of_it() -> None:
    """In one process for all, a test that cannot run twice passes at first: batches of one trial would show nothing."""
    clock, setting = [40.0], PLAIN.plus("isolation", "shared")

    def run(asked: AmplifySetting, seconds: float) -> Batch:
        trials = max(1, round(seconds / 0.01))
        clock[0] -= 3 + trials * 0.01
        failed = {} if asked.is_plain or trials == 1 else {"flake": trials - 1}
        return Batch(setting=asked, trials=trials, failed=failed, seconds=trials * 0.01)

    bench = Bench(run, 40, lambda: clock[0])
    bench.run(PLAIN, 1, Purpose.PLAIN)
    bench.run(setting, 1, Purpose.SWEEP)
    found = confirm(bench, setting, 100, random.Random(1), 0.05)

    assert found.blocks
    assert all(tell(block[setting], {"flake"}).failures for block in found.blocks)


def amplification(batches: list[Batch], effects: list[dict[str, Any]] | None = None) -> Amplification:
    """What a search with these batches found, which confirmed nothing."""
    rate = {"failures": 0, "trials": 45, "low": 0, "high": 0.1, "per_second": 0}
    found: dict[str, Any] = {name: [] for name in ("signatures", "effects", "pairs", "retired", "others")}
    found |= {
        "effects": effects or [],
        "stop": "nothing",
        "reason": "",
        "out_of_time": False,
        "source": "none",
        "best": None,
        "trials": 45,
    }
    found |= {"plain": rate, "everything": rate, "confirmation_chance": None, "seconds": 9}
    found |= {"raced": msgspec.to_builtins([PLAIN.plus("c", "on")])}
    levels = [
        {"factor": one, "level": level, "options": [f"--{one}", level]} for one, level in Design.of(LEVELS).levels
    ]
    whole: dict[str, Any] = {name: [] for name in ("left_out", "options")}
    whole |= {"target": "t", "seed": 1, "exit_code": 0, "found": found, "levels": levels, "command": "", "settings": {}}
    whole |= {"batches": msgspec.to_builtins(batches), "preset": "", "line": None, "stopped": None, "elapsed": 9}
    return msgspec.convert(whole, Amplification)


def test_what_was_hardly_tried_is_not_said_to_have_no_effect() -> None:
    """What is said of a setting goes by the tests that ran with it; those that raced are told of elsewhere."""
    batches = [batch(PLAIN.plus("a", "on"), 40), batch(PLAIN.plus("b", "mild").plus("c", "on"), 5)]
    said = [line for line in results(amplification(batches)) if "--" in line]
    assert said == [
        "no effect seen: --a on",
        "hardly tried (fewer than 30 tests): --b mild",
        "not tried: --b strong",
    ]


def test_an_effect_is_told_though_no_setting_was_confirmed() -> None:
    """The last line does not deny what the table shows."""
    counts = {"failures": 8, "trials": 12}
    effect = {"factor": "a", "level": "on", "kind": "raises", "odds_ratio": 9000.0, "low": 300.0, "high": None}
    effect |= {"chance": 0.006, "with_it": counts, "without": {"failures": 0, "trials": 2000}, "beside": None}
    assert closing(amplification([batch()], [effect])) == (
        "--a on raises the rate (by chance: p = 0.0060); no setting was confirmed: give it more: --budget"
    )
    assert closing(amplification([batch()])).startswith("Nothing was seen to raise the rate: ")
