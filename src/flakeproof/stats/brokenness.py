"""Flaky or broken: whether a test fails by chance at any commit, or always from one commit to another.

A hidden Markov model of two states along the commits (Rabiner, Proceedings of the IEEE 77 (1989) 257-286). Sound: each
run fails with the test's flaky rate. Broken: each run fails, but for one in a hundred. A commit breaks a sound test
with probability 1/1000, and mends a broken one with 1/10. The flaky rate is fitted by Baum-Welch. Whether the test is
flaky at all is the posterior probability, with even odds beforehand, of a rate between 0.03 % and 50 % against one of
0.01 %, the rate at which machines make any test fail.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

BROKEN_PASSES = 0.01
BREAKS, MENDS = 1e-3, 0.1
BACKGROUND = 1e-4
_RATES = tuple(0.0003 * (0.5 / 0.0003) ** (step / 6) for step in range(7))
_STARTS_BROKEN = BREAKS / (BREAKS + MENDS)
_ITERATIONS = 6
_SETTLED = 0.01
_TINY = 1e-300


@dataclass(frozen=True)
class CommitRuns:
    """Commits in their order, one with failures and the ones without before it."""

    passed_commits: int
    """Commits before it at which all passed …"""
    passed_runs: int
    """… and the runs of the test at those."""
    failures: int
    """At the commit itself; 0 for what comes behind the last one that failed …"""
    runs: int
    """… as are its runs then."""


@dataclass(frozen=True)
class FlakyOrBroken:
    """What the runs tell."""

    flaky: float
    """Posterior probability that it is flaky, whatever else it was."""
    rate: float
    """Of failures while it was sound, as the model has fitted it."""
    broken: list[float]
    """For each step that was given, the probability that the test was broken at its commit."""


def flaky_or_broken(steps: Sequence[CommitRuns]) -> FlakyOrBroken:
    """What `steps`, a test's whole history, tell of it. Raises ValueError for more failures than runs."""
    for step in steps:
        if not 0 <= step.failures <= step.runs:
            raise ValueError(f"failures must be between 0 and the {step.runs} runs, got {step.failures}")
    failures = sum(step.failures for step in steps)
    runs = sum(step.runs + step.passed_runs for step in steps)
    if not failures:
        return FlakyOrBroken(0.0, 0.0, [0.0] * len(steps))
    rate = failures / runs
    broken: list[float] = []
    for _ in range(_ITERATIONS):
        rate = min(max(rate, BACKGROUND), 0.5)
        broken, _ = _smoothed(steps, rate)
        sound = [1 - one for one in broken]
        weighed = sum(weight * step.failures for weight, step in zip(sound, steps, strict=True))
        tried = sum(weight * step.runs + step.passed_runs for weight, step in zip(sound, steps, strict=True))
        before, rate = rate, weighed / tried if tried else 0.0
        if abs(rate - before) <= _SETTLED * before:
            break
    logs = [_smoothed(steps, one)[1] for one in _RATES]
    none = _smoothed(steps, BACKGROUND)[1]
    highest = max(*logs, none)
    is_flaky = sum(math.exp(one - highest) for one in logs) / len(logs)
    return FlakyOrBroken(is_flaky / (is_flaky + math.exp(none - highest)), rate, broken)


def _smoothed(steps: Sequence[CommitRuns], rate: float) -> tuple[list[float], float]:
    """For each step the probability of being broken at its commit, and the log-likelihood of all: forward, backward."""
    log_fail, log_pass = math.log(rate), math.log1p(-rate)
    log_broken_fail, log_broken_pass = math.log1p(-BROKEN_PASSES), math.log(BROKEN_PASSES)
    sound, broken, log_likelihood = 1 - _STARTS_BROKEN, _STARTS_BROKEN, 0.0
    tables: list[tuple[float, float, float, float]] = []
    forward: list[tuple[float, float]] = []
    for step in steps:
        passed = step.runs - step.failures
        log_sound = step.failures * log_fail + passed * log_pass + step.passed_runs * log_pass
        log_ill = step.failures * log_broken_fail + passed * log_broken_pass
        # Through commits where all passed: sound all the way, or broken at once on leaving or up to entering; that a
        # test is broken and passes in between is left out of account but for a single such commit.
        stay, enter = (1 - BREAKS) ** (step.passed_commits + 1), BREAKS
        leave = MENDS * (1 - BREAKS) ** step.passed_commits
        last = 1 - MENDS if not step.passed_commits else 0.0
        if step.passed_commits == 1:
            last = (1 - MENDS) ** 2 * math.exp(step.passed_runs * (log_broken_pass - log_pass)) + MENDS * BREAKS
        elif step.passed_commits > 1:
            last = MENDS * BREAKS
        shift = max(log_sound, log_ill + step.passed_runs * log_pass)
        of_sound = math.exp(log_sound - shift)
        of_broken = math.exp(log_ill + step.passed_runs * log_pass - shift)
        table = (stay * of_sound, enter * of_broken, leave * of_sound, last * of_broken)
        tables.append(table)
        sound, broken = sound * table[0] + broken * table[2], sound * table[1] + broken * table[3]
        whole = max(sound + broken, _TINY)
        sound, broken = sound / whole, broken / whole
        log_likelihood += math.log(whole) + shift
        forward.append((sound, broken))
    found = [0.0] * len(steps)
    behind_sound, behind_broken = 1.0, 1.0
    for place in range(len(steps) - 1, -1, -1):
        sound, broken = forward[place]
        weight_sound, weight_broken = sound * behind_sound, broken * behind_broken
        found[place] = weight_broken / max(weight_sound + weight_broken, _TINY)
        table = tables[place]
        behind_sound, behind_broken = (
            table[0] * behind_sound + table[1] * behind_broken,
            table[2] * behind_sound + table[3] * behind_broken,
        )
        whole = max(behind_sound + behind_broken, _TINY)
        behind_sound, behind_broken = behind_sound / whole, behind_broken / whole
    return found, log_likelihood
