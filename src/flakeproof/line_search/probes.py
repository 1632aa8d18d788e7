"""Probes of the search for a line as real runs: the pauses of each trial follow from its seed, known to both sides."""

import ast
import json
import math
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import msgspec

from flakeproof.clock import monotonic_ns
from flakeproof.engine.endings import TrialCounts
from flakeproof.engine.execute import execute
from flakeproof.engine.temporary_folders import temporary_root
from flakeproof.engine.time_limits import hang_limit
from flakeproof.errors import CannotRunError, Stop, StoppedError, is_signal
from flakeproof.failures.signature import Alike
from flakeproof.line_search.strategy import MOST_CANDIDATES, LinePause, Probed, TracedLine
from flakeproof.line_search.synchronisation import meeting_lines
from flakeproof.model import Delay, Isolation, Perturbations, RunSpec
from flakeproof_worker.perturb.places import NAME
from flakeproof_worker.shared.draws import active
from flakeproof_worker.shared.seeds import trial_seed

Function = ast.FunctionDef | ast.AsyncFunctionDef


def writes_from(file: str, line: int) -> bool:
    """Whether the function around `line` writes to an attribute or an item on it or below; False where unknown."""
    inner: Function | None = None
    for function in _functions(file):
        if function.lineno <= line <= (function.end_lineno or 0) and (inner is None or function.lineno > inner.lineno):
            inner = function
    return inner is not None and any(
        isinstance(node, ast.Attribute | ast.Subscript) and isinstance(node.ctx, ast.Store) and node.lineno >= line
        for node in ast.walk(inner)
    )


@lru_cache(maxsize=64)
def _functions(file: str) -> list[Function]:
    try:
        tree = ast.parse(Path(file).read_bytes())
    except (OSError, SyntaxError, ValueError, RecursionError):
        return []
    return [node for node in ast.walk(tree) if isinstance(node, Function)]


_TRACED = 6
"""Trials whose lines are written down."""
_START = 0.4
"""Seconds that it takes to start processes, as long as nobody has measured it."""
_LEAST_SECONDS = 1.0
"""That a probe may take, however little is left."""
_TIMES = 20.0
"""A trial may take so many times what one without pauses takes, plus its pauses."""


class Probes:
    """Runs trials of `spec`, with its own perturbations and the pauses of the search."""

    def __init__(self, spec: RunSpec, budget: float, alike: Alike) -> None:
        """`budget` is in seconds; failures are called as they are `alike`."""
        self._alike = alike
        self._started = monotonic_ns()
        self._budget = budget
        self._next = spec.first
        self._number = 0
        self._start = _START
        self._trial = 0.0
        """Seconds of a trial without pauses."""
        self._slower = 1.0
        """So many times as long as was foreseen the last probe with pauses took: to watch for lines costs time, too."""
        self.trials = 0
        """That have been run."""
        self.seen: dict[str, int] = {}
        """How often each signature was seen."""
        alone = spec.isolation is Isolation.SHARED
        self._spec = spec.bare(workers=spec.processes if alone else spec.workers)

    @property
    def seconds_left(self) -> float:
        """Of the budget."""
        return self._budget - self.seconds

    @property
    def seconds(self) -> float:
        """Since the beginning."""
        return (monotonic_ns() - self._started) / 1e9

    def seconds_for(self, count: int, each: float) -> float:
        """How long a probe will take whose trials are paused for `each` seconds on average."""
        if count == 1:
            return self._trial + each
        return self._slower * self._foreseen(count, each)

    def _foreseen(self, count: int, each: float) -> float:
        """Seconds for several trials, as if watching for lines cost nothing."""
        return self._start + count * (self._trial + each) / self._spec.workers

    def places(self) -> list[TracedLine]:
        """The lines of the project's own code that a few trials execute."""
        with temporary_root() as folder:
            began = monotonic_ns()
            ended = self._run(
                Perturbations(**_kept(self._spec.perturbations), records_places=True), _TRACED, Path(folder)
            )
            elapsed = (monotonic_ns() - began) / 1e9
            self._start = max(0.05, elapsed - ended.elapsed)
            path = Path(folder, NAME)
            lines = path.read_text(errors="replace").splitlines() if path.exists() else []
        return _places(lines, ended.trials)

    def __call__(self, pauses: Sequence[LinePause], count: int) -> list[Probed]:
        """Run `count` trials, each with pauses of its own choice among these; without time for all none counts."""
        first = self._next
        own = self._spec.perturbations
        delays = [*own.delays, *(_delay(pause) for pause in pauses)]
        each = math.fsum(one.share * one.place.hits * one.probability * one.seconds for one in pauses)
        began = self.seconds
        with temporary_root() as folder:
            ended = self._run(Perturbations(**_kept(own), delays=delays), count, Path(folder))
        if ended.trials + len(ended.without_result) < count:
            return []
        if pauses:
            self._slower = max(1.0, (self.seconds - began) / self._foreseen(count, each))
        else:
            self._trial = ended.duration
        shares = [delay.share for delay in delays]
        found = []
        for trial in range(first, first + count):
            if trial in ended.without_result:
                continue
            chosen = active(trial_seed(self._spec.seed, trial), shares)[len(own.delays) :]
            found.append(Probed(chosen, self._alike.names(ended.failed.get(trial, ()))))
        return found

    def _run(self, perturbations: Perturbations, count: int, folder: Path) -> TrialCounts:
        self._number += 1
        paused = sum(delay.share * delay.most for delay in perturbations.delays)
        asked = self._spec.timeout
        spec = msgspec.structs.replace(
            self._spec,
            count=count,
            first=self._next,
            perturbations=perturbations,
            duration=max(_LEAST_SECONDS, self.seconds_left),
            patience=0.0,  # start included: what is in flight when the budget is used up counts for nothing
            timeout=hang_limit(self._trial + paused, asked, _TIMES) if self._trial else asked,
            adapts_timeout=False,
        )
        self._next += count
        ended = TrialCounts()
        execute(spec, f"search-{self._number}", folder, [ended.add], None)
        if is_signal(ended.stopped):
            raise StoppedError(ended.stopped)
        if ended.stopped not in (None, Stop.DURATION):
            raise CannotRunError(f"the search for a line cannot go on: {ended.stopped}")
        self.trials += count
        for names in ended.failed.values():
            for name in self._alike.names(names):
                self.seen[name] = self.seen.get(name, 0) + 1
        return ended


def _kept(own: Perturbations) -> dict[str, Any]:
    """The perturbations that the user asked for, but for delays."""
    return {
        name: getattr(own, name) for name in Perturbations.__struct_fields__ if name not in ("delays", "records_places")
    }


def _delay(pause: LinePause) -> Delay:
    return Delay(
        file=pause.place.file,
        where=str(pause.place.line),
        least=pause.seconds,
        most=pause.seconds,
        probability=pause.probability,
        share=pause.share,
    )


def _places(lines: Sequence[str], trials: int) -> list[TracedLine]:
    """From what the workers have written down; what several threads execute comes first if there are too many.

    A comprehension is on the line of a function around it, which is the one that comes there first.
    """
    hits: dict[tuple[str, int], dict[tuple[int, str], int]] = {}
    functions: dict[tuple[str, int], str] = {}
    for text in lines:
        try:
            trial, unit, file, line, function, count = json.loads(text)
        except ValueError:
            continue  # a process was killed while it wrote
        functions.setdefault((file, line), function)
        seen = hits.setdefault((file, line), {})
        seen[trial, unit] = max(count, seen.get((trial, unit), 0))
    found = []
    for (file, line), seen in hits.items():
        units: dict[int, int] = {}
        for trial, _ in seen:
            units[trial] = units.get(trial, 0) + 1
        hits_each = sum(seen.values()) / max(1, trials)
        function = functions[file, line]
        meets = line in meeting_lines(file)
        found.append(TracedLine(file, line, function, hits_each, max(units.values()), writes_from(file, line), meets))
    found.sort(key=lambda place: (-place.units, place.hits))
    return sorted(found[:MOST_CANDIDATES], key=lambda place: (place.file, place.line))
