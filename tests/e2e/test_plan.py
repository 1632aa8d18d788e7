"""`flakeproof plan`: how many tests, and what they show."""

import json
import subprocess
from collections.abc import Callable

Flakeproof = Callable[..., subprocess.CompletedProcess[str]]


def test_the_table_of_the_kit_follows_from_the_formula(flakeproof: Flakeproof) -> None:
    """Four presets, a flake of 2 %; nothing is certain, so nothing is 100 %."""
    ended = flakeproof("plan")

    rows = [line.split() for line in ended.stdout.splitlines()]
    assert ["ci", "2,000", ">99.9999%", "2.8e-18", "40", "rate", "at", "most", "0.15%"] in rows
    assert ["fast", "1,000", ">99.9999%", "1.7e-09", "20", "rate", "at", "most", "0.30%"] in rows
    assert ["parallel", "250,000", ">99.9999%", "<1e-300", "5,000", "rate", "at", "most", "0.0012%"] in rows
    assert ["full", "100,000", ">99.9999%", "<1e-300", "2,000", "rate", "at", "most", "0.0030%"] in rows
    assert "100%" not in ended.stdout


def test_the_number_for_a_rate_and_a_confidence(flakeproof: Flakeproof) -> None:
    """2 % and 99.99 % take 456 tests."""
    ended = flakeproof("plan", "--rate", "2%", "--confidence", "99.99%")

    assert ended.returncode == 0
    assert ended.stdout.startswith(
        "456 tests show a flake that fails 2% of the time with a probability of at least 99.99%.\n"
    )
    assert "If none of 456 fails, the rate is at most 0.66% (95% confidence, exact).\n" in ended.stdout


def test_what_a_number_of_tests_shows(flakeproof: Flakeproof) -> None:
    """The probability of seeing it, and what zero failures prove then."""
    ended = flakeproof("plan", "--count", "2000")

    assert ended.stdout.splitlines() == [
        "2,000 tests show a flake that fails 2% of the time with a probability of more than 99.9999%.",
        "The probability that none fails is 2.8e-18; about 40 failures are to be expected.",
        "If none of 2,000 fails, the rate is at most 0.15% (95% confidence, exact).",
    ]


def test_an_estimated_rate_takes_more_tests_than_a_known_one(flakeproof: Flakeproof) -> None:
    """The predictive form, as JSON, with the value of the theory."""
    plan = json.loads(flakeproof("plan", "--seen", "3/200", "--count", "228", "--json").stdout)

    assert plan["schema_version"] == 1
    assert abs(plan["detection"] - 0.9310628221) < 1e-9
