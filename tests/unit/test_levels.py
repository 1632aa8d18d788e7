"""What is tried for which kind of target, and what it is typed like."""

import os
import sys
from pathlib import Path

import pytest
from tests.planted.amplifiable import CASES

from flakeproof.features.amplify.levels import FACTORS, FactorLevel, factors_of, levels_for, values_of, words_of
from flakeproof.features.amplify.records import PLAIN, AmplifySetting
from flakeproof.model import RunSpec
from flakeproof.settings import build_spec, load
from flakeproof.targets.command import CommandLine
from flakeproof.targets.tests import PytestLine

CORES = len(os.sched_getaffinity(0))


def spec_of(wanted: str | CommandLine | PytestLine, **asked: str) -> RunSpec:
    """How it would be run."""
    return build_spec.build(wanted, load.load(asked, {}, Path.cwd()), {}, Path.cwd())


def factors(spec: RunSpec, items: int = 0) -> dict[str, tuple[str, ...]]:
    """Levels by factor."""
    return {factor.name: factor.levels for factor in factors_of(list(levels_for(spec, items)))}


def test_a_command() -> None:
    """Nothing that is for code in worker processes."""
    found = factors(spec_of(CommandLine([sys.executable, "-c", "pass"])))
    assert {"noise", "cpus", "cpu-quota", "freeze", "workers", "max-fds", "network"} <= found.keys()
    assert not {"delay", "race", "gc", "order", "isolation"} & found.keys()


def test_one_test_has_no_order() -> None:
    """Several have."""
    tests = spec_of(PytestLine(["tests/unit/test_levels.py"]))
    assert "order" not in factors(tests, 1)
    assert factors(tests, 2)["order"] == ("shuffled", "reversed")
    assert factors(tests, 2)["isolation"] == ("shared",)
    assert "isolation" not in factors(spec_of(PytestLine(["tests/unit/test_levels.py"]), isolation="shared"), 2)


def test_a_scenario_has_settings_of_its_own() -> None:
    """And more tests in flight than it has otherwise, or but one."""
    found = factors(spec_of("tcprtt"))
    assert found["settle"] == ("0ms", "20ms")
    most = max(4, CORES)
    assert found["workers"] == ("1", str(2 * most), str(8 * most), str(25 * most))


def test_in_flight() -> None:
    """As many as there are already are no level."""
    tests = factors(spec_of(PytestLine(["tests/unit/test_levels.py"]), workers="1"))
    assert tests["workers"] == (str(2 * CORES), str(8 * CORES))


LEVELS = [
    FactorLevel("noise", "mild", {"noise": "mild"}),
    FactorLevel("race", "yes", {"race": "yes"}),
    FactorLevel("workers", "1", {"workers": "1"}),
    FactorLevel("workers", "8", {"workers": "8"}),
    FactorLevel("isolation", "shared", {"isolation": "shared"}),
]


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        (PLAIN, []),
        (PLAIN.plus("race", "yes").plus("noise", "mild"), ["--noise", "mild", "--race"]),
        (PLAIN.plus("workers", "8"), ["-w", "8"]),
        (PLAIN.plus("workers", "8").plus("isolation", "shared"), ["--isolation", "shared"]),
    ],
)
def test_as_it_is_typed(setting: AmplifySetting, words: list[str]) -> None:
    """In shared processes without a crowd: each would start pytest."""
    assert words_of(values_of(setting, LEVELS)) == words


def test_what_drives_known_flakes_is_tried() -> None:
    """By the names that are tried here."""
    for case in CASES:
        assert set(case.drivers) <= set(FACTORS), case.name
