"""Environment variables that perturb a program: the hash seed, the time zone, the locale.

A worker process keeps its own values for its whole life; a program that is started for one trial gets those of the
trial. Both are pure functions of seeds, so the seeds determine the variables.
"""

from collections.abc import Mapping
from typing import Any

from flakeproof_worker.shared import draws
from flakeproof_worker.shared.seeds import trial_seed

HASH_SEED = "PYTHONHASHSEED"
ZONE = "TZ"
LOCALE = ("LC_ALL", "LANG")
DRAWN = "random"
"""The setting for a hash seed that is drawn."""


def of_process(asked: Mapping[str, Any], run_seed: int, number: int) -> dict[str, str]:
    """Variables of the worker process with this number, without a zone that is drawn: each trial has its own."""
    seed = trial_seed(run_seed, number)
    zones: list[str] = asked.get("timezones") or []
    return {
        **_hash_seed(asked, seed),
        **({ZONE: zones[0]} if len(zones) == 1 else {}),
        **_locale(asked, seed),
    }


def of_trial(asked: Mapping[str, Any], seed: int) -> dict[str, str]:
    """Variables of a program that is started for the trial with this seed."""
    zone = zone_of(asked, seed)
    return {**_hash_seed(asked, seed), **({ZONE: zone} if zone else {}), **_locale(asked, seed)}


def zone_of(asked: Mapping[str, Any], seed: int) -> str:
    """The time zone of the trial with this seed; "" without `timezones`."""
    return _one_of(asked.get("timezones") or (), seed, "timezone")


def locale_of(asked: Mapping[str, Any], seed: int) -> str:
    """The locale of the trial or process with this seed; "" without `locales`."""
    return _one_of(asked.get("locales") or (), seed, "locale")


def _hash_seed(asked: Mapping[str, Any], seed: int) -> dict[str, str]:
    wanted = asked.get("hash_seed")
    return {HASH_SEED: str(seed) if wanted == DRAWN else wanted} if wanted else {}


def _locale(asked: Mapping[str, Any], seed: int) -> dict[str, str]:
    name = locale_of(asked, seed)
    return dict.fromkeys(LOCALE, name) if name else {}


def _one_of(names: Any, seed: int, purpose: str) -> str:
    if not names:
        return ""
    found: str = names[0] if len(names) == 1 else draws.generator(seed, purpose).choice(names)
    return found
