"""Other tools that look for the cause of a flake, each used on a known flake as its own documentation advises."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.planted.catalogue import Plant

from benchmarks.planted_judging import Answer, Claim, place_of
from flakeproof.features.diagnose.records import CauseId as Cause

REQUIREMENTS = (
    "pytest==9.2.0",
    "detect-test-pollution==1.2.0",
    "pytest-flakedoctor==0.1.2",
    "hermetic-sandbox==0.1.0",
    "whyflaky==0.1.0",
)
BUDGET = 60.0
"""Seconds for one plant. Two of the tools count runs instead: they get as many as fit."""
PATIENCE = 3.0
"""A tool that takes so many times its budget is ended."""


@dataclass(frozen=True)
class Refusal:
    """Why a tool is not asked."""

    reason: str


class Peers:
    """An environment with the tools. Making it needs the network once."""

    def __init__(self, folder: Path) -> None:
        self._bin = folder / "bin"
        if not (self._bin / "whyflaky").exists():
            subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
            pip = [str(self._bin / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
            subprocess.run([*pip, *REQUIREMENTS], check=True)

    def run(self, project: Path, *words: str) -> tuple[str, float]:
        """What a tool prints, and the seconds that it takes. Ended if it takes too long."""
        path = os.pathsep.join([str(self._bin), os.environ["PATH"]])
        start = time.perf_counter()
        try:
            done = subprocess.run(
                [str(self._bin / words[0]), *words[1:]],
                cwd=project,
                env={**os.environ, "PATH": path},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                timeout=BUDGET * PATIENCE,
                check=False,
            )
            printed = done.stdout
        except subprocess.TimeoutExpired as error:
            printed = (error.stdout or b"").decode() if isinstance(error.stdout, bytes) else ""
            printed += f"\nended after {BUDGET * PATIENCE:.0f} s"
        return printed, time.perf_counter() - start


Peer = Callable[[Peers, Plant, Path], Answer | Refusal]


def detect_test_pollution(peers: Peers, plant: Plant, project: Path) -> Answer | Refusal:
    """Bisects the tests before the victim; names the polluting test, deterministic pollution only."""
    if _is_alone(peers, project):
        return Refusal("looks for another test, and there is none")
    printed, seconds = peers.run(project, "detect-test-pollution", "--failing-test", plant.victim, "--tests", ".")
    last = (printed.strip().splitlines() or [""])[-1]
    _, found, polluter = last.partition("the polluting test is: ")
    claims = (Claim(Cause.ORDER_POLLUTER, place_of(polluter)),) if found else ()
    return Answer(claims, seconds, last.removeprefix("-> "))


def _is_alone(peers: Peers, project: Path) -> bool:
    """Whether the victim is the only test."""
    collected, _ = peers.run(project, "pytest", "-q", "--collect-only", "-p", "no:cacheprovider")
    return sum("::" in line for line in collected.splitlines()) < 2


_DOCTORS = {
    "flaky-order": Cause.ORDER_POLLUTER,
    "flaky-hashseed": Cause.HASH_ORDER,
    "flaky-rng": Cause.RANDOMNESS,
    "flaky-time": Cause.CLOCK,
    "flaky-interleave": Cause.THREAD_RACE,
    "flaky-fs": Cause.CONTENTION,
}


def flakedoctor(peers: Peers, plant: Plant, project: Path) -> Answer | Refusal:
    """With all tests of the project first, for those that fail in company; else with the victim alone.

    Its own budget is cautious (it ends long before), so it gets its default. The victim gets three times the runs of
    the default, which fit.
    """
    options = ("--doctor", "--doctor-allow-side-effects", "--doctor-json=doctor.json", "-p", "no:cacheprovider")
    report = project / "doctor.json"
    found, seconds = None, 0.0
    if not _is_alone(peers, project):
        printed, seconds = peers.run(project, "pytest", "-q", *options)
        found = _read(report)
    if found is None or found["verdict"] not in _DOCTORS:
        report.unlink(missing_ok=True)
        printed, more = peers.run(project, "pytest", "-q", plant.victim, "--doctor-runs=30", *options)
        seconds += more
        found = _read(report)
    if found is None:
        return Answer((), seconds, (printed.strip().splitlines() or ["no report"])[-1])
    return Answer(_doctors_claims(found), seconds, f"{found['verdict']}: {found['headline']}")


def _read(report: Path) -> dict[str, Any] | None:
    """A report in JSON; None if there is none, or it is empty: it was opened, and there was nothing to tell."""
    text = report.read_text() if report.exists() else ""
    return dict(json.loads(text)) if text.strip() else None


def _doctors_claims(found: dict[str, Any]) -> tuple[Claim, ...]:
    cause = _DOCTORS.get(found["verdict"])
    if cause is None:
        return ()
    polluters = (found.get("repro") or {}).get("polluters") or []
    place = place_of(polluters[0].rpartition("/")[2]) if len(polluters) == 1 else None
    return (Claim(cause, place),)


_WHYS = {"hashseed": Cause.HASH_ORDER, "rngseed": Cause.RANDOMNESS}


def whyflaky(peers: Peers, plant: Plant, project: Path) -> Answer | Refusal:
    """As many rounds and trials as fit the budget, by the time that one pytest takes: a third to see the flake."""
    _, once = peers.run(project, "pytest", "-q", "-p", "no:cacheprovider")
    trials = max(40, int(BUDGET / once))
    budget = ("--rounds", str(trials // 3), "--budget", str(trials))
    printed, seconds = peers.run(project, "whyflaky", "scan", ".", *budget, "--json", "why.json", "-q")
    found = _read(project / "why.json")
    if found is None:
        return Answer((), seconds, (printed.strip().splitlines() or ["no report"])[-1])
    flakes = [flake for flake in found["flakes"] if flake["test_id"] == plant.victim]
    if not flakes:
        return Answer((), seconds, f"not flaky in {trials // 3} rounds")
    diagnosis = flakes[0].get("diagnosis") or {}
    said = f"{flakes[0]['kind']}: {diagnosis.get('cause')}"
    return Answer(_whys_claims(flakes[0]["kind"], diagnosis), seconds, said)


def _whys_claims(kind: str, diagnosis: dict[str, Any]) -> tuple[Claim, ...]:
    claims = [Claim(Cause.ORDER_POLLUTER, place_of(test)) for test in diagnosis.get("polluters", [])]
    claims += [Claim(_WHYS[dimension]) for dimension in diagnosis.get("implicated", [])]
    if kind.startswith("always failing (brittle"):
        claims.append(Claim(Cause.ORDER_BRITTLE))
    return tuple(claims)


PEERS: dict[str, Peer] = {
    "detect-test-pollution": detect_test_pollution,
    "pytest-flakedoctor": flakedoctor,
    "whyflaky": whyflaky,
}
