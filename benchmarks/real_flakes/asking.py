"""Ask flakeproof about one case, within a budget, as somebody would who has only the test and the time."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter
from typing import Any

from benchmarks.real_flakes.cases import Checkout
from benchmarks.real_flakes.judging import Judgement, claims_of_diagnosis, claims_of_isolation, judge

FLAKEPROOF = Path(sys.executable).with_name("flakeproof")
RUN, AMPLIFY, WHY, VERIFY = 0.1, 0.5, 0.4, 0.4
"""Shares of the budget. The first two are for reproducing: 6 of 10 minutes; `verify` comes on top."""
_LATE = 0.1
"""Of its budget that a command may be late."""
_HANGS = 2.0
"""Times its budget, and a minute, after which a command is ended."""


@dataclass(frozen=True)
class Said:
    """How one command ended."""

    status: int | None
    """None if it was ended because it went on and on."""
    seconds: float
    budget: float
    answer: Mapping[str, Any]
    """What it wrote as JSON; empty if nothing."""

    @property
    def is_late(self) -> bool:
        """Whether it has taken longer than it was allowed."""
        return self.seconds > self.budget * (1 + _LATE)


@dataclass
class Result:
    """What came of a case."""

    reproduced: str = ""
    """The command that showed the failure that is known, with its rate; empty if none did."""
    reproduced_in: float = 0.0
    explained: dict[str, Judgement] = field(default_factory=dict)
    """By command."""
    first: dict[str, str] = field(default_factory=dict)
    """The best claim of each command, in its words."""
    verified: str = "-"
    seconds: float = 0.0
    late: list[str] = field(default_factory=list)
    """Commands that took more than their time."""
    broke: list[str] = field(default_factory=list)
    """Commands that could not run, or hung."""

    @property
    def judgement(self) -> Judgement:
        """The best of all commands, but wrong if any is wrong and none is exactly right."""
        all_of_them = self.explained.values()
        order = (Judgement.EXACTLY, Judgement.WRONG, Judgement.PARTLY)
        return next((one for one in order if one in all_of_them), Judgement.NONE)


class Asker:
    """Runs the commands about a case, each in a store of its own, and keeps what they print."""

    def __init__(self, checkout: Checkout, logs: Path, budget: float, *, explains_only: bool = False) -> None:
        self.checkout = checkout
        self._explains_only = explains_only
        self.logs = logs / checkout.case.name
        self.logs.mkdir(parents=True, exist_ok=True)
        self.budget = budget
        self.result = Result()

    def ask(self) -> Result:
        """Everything about the case."""
        case = self.checkout.case
        before = perf_counter()
        if not case.order and not self._explains_only:
            self._reproduce()
        self._explain()
        if case.order:
            self._isolate()
        if not self._explains_only and case.fix and self.result.reproduced and not case.order:
            self._verify()
        self.result.seconds = perf_counter() - before
        return self.result

    def _reproduce(self) -> None:
        begun = perf_counter()
        words = ["-w", "2", "--max-failures", "3"]
        run = self._call("run", RUN, [*words, "--duration", f"{self.budget * RUN:.0f}s"])
        if not self._shown(run.answer.get("signatures", []), run, "run", begun):
            amplify = self._call("amplify", AMPLIFY, ["-w", "2"])
            found = amplify.answer.get("found") or {}
            failing = found.get("everything", {}).get("failures", 0)
            kinds = [{"signature": one, "example": {"message": one}} for one in found.get("signatures", [])]
            self._shown(kinds if failing else [], amplify, "amplify", begun)

    def _explain(self) -> None:
        begun = perf_counter()
        said = self._call("diagnose", WHY, [])
        self._judge("diagnose", claims_of_diagnosis(said.answer))
        if not self.result.reproduced and said.answer.get("failure"):
            kind = {"signature": said.answer["signature"], "example": {"message": said.answer["failure"]}}
            self._shown([kind], said, "diagnose", begun)

    def _isolate(self) -> None:
        begun = perf_counter()
        among = [word for path in self.checkout.case.among for word in ("--in", path)]
        said = self._call("isolate", WHY, among)
        self._judge("isolate", claims_of_isolation(said.answer))
        if said.answer.get("culprits"):
            kind = {"signature": "", "example": {"message": said.answer["message"]}}
            self._shown([kind], said, "isolate", begun)

    def _verify(self) -> None:
        case = self.checkout.case
        said = self._call("verify", VERIFY, ["--base", case.commit, "--fix", case.fix])
        self.result.verified = str(said.answer.get("verdict", "?"))

    def _judge(self, command: str, claims: list[str]) -> None:
        self.result.explained[command] = judge(claims, self.checkout.case.truth)
        self.result.first[command] = claims[0].splitlines()[0] if claims else ""

    def _shown(self, kinds: list[dict[str, Any]], said: Said, command: str, begun: float) -> bool:
        """Whether one of the kinds of failures is the one that is known; notes that."""
        pattern = re.compile(self.checkout.case.signature)
        for kind in kinds:
            if pattern.search(kind["signature"]) or pattern.search(kind["example"]["message"]):
                self.result.reproduced = command
                self.result.reproduced_in = perf_counter() - begun
                return True
        return False

    def _call(self, command: str, share: float, more: list[str]) -> Said:
        budget = self.budget * share
        file = self.logs / f"{command}.json"
        file.unlink(missing_ok=True)
        words = [str(FLAKEPROOF), command, self.checkout.case.test, "--json", str(file), *more]
        words += ["--python", str(self.checkout.python), "--store", str(self.logs / "store")]
        if command != "run":
            words += ["--duration" if command in ("isolate", "verify") else "--budget", f"{budget:.0f}s"]
        around = {**os.environ, "NO_COLOR": "1", "COLUMNS": "150"}
        begun = perf_counter()
        status: int | None = None
        with (self.logs / f"{command}.log").open("w") as log:
            process = subprocess.Popen(
                words, cwd=self.checkout.source, env=around, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
            try:
                status = process.wait(budget * _HANGS + 60)
            except subprocess.TimeoutExpired:
                process.terminate()
                process.wait(30)
        seconds = perf_counter() - begun
        answer = json.loads(file.read_text()) if file.exists() else {}
        said = Said(status, seconds, budget, answer)
        if status is None or status not in (0, 1, 4):
            self.result.broke.append(command)
        if said.is_late and command != "run":  # its time begins once the tests are loaded
            self.result.late.append(f"{command} {seconds:.0f} of {budget:.0f} s")
        return said
