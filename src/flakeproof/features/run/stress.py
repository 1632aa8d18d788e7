"""The modes of the original stress kit."""

import difflib
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from flakeproof.errors import ExitCode, UsageError
from flakeproof.features.run.plain_console import Shown
from flakeproof.features.run.session import KeeperOf, RunSession
from flakeproof.model import RunSpec
from flakeproof.reports.files import NAMES, ReportFiles, report_files
from flakeproof.reports.writer import Detail
from flakeproof.settings.build_spec import build
from flakeproof.settings.from_options import options_in, pairs, settings
from flakeproof.settings.load import Config
from flakeproof.settings.presets import PRESETS
from flakeproof.text import expected, rate

_SCENARIO = "tcprtt"
_NUMBERS = {"0": "ci", "1": "fast", "2": "parallel", "3": "full"}
_SEED_PREFIX = "TestTracerSuite/eBPFless/"
_SEED_NAMES = {
    "TestTCPRTTStressCI": "ci",
    "TestTCPRTTStressFast": "fast",
    "TestTCPRTTStressParallel": "parallel",
    "TestTCPRTTStress": "full",
}
_ALL = "all"
_IN_ORDER = ("ci", "fast", "parallel", "full")
_WORST_FIRST = (
    ExitCode.INTERRUPTED,
    ExitCode.TERMINATED,
    ExitCode.BROKEN,
    ExitCode.FAILURES,
    ExitCode.INCONCLUSIVE,
    ExitCode.NOTHING,
    ExitCode.GOOD,
)


def stress_mode(mode: str, given: Mapping[str, Any], recorder_of: KeeperOf) -> int:
    """Run `mode` and return its exit code, for `all` the worst one. Raises UsageError."""
    targets = _targets(mode)
    own = options_in(given)
    if mode.startswith(_SEED_PREFIX) and own.get("monitor") is None:  # the suite of a tracer that reads packets
        own["monitor"] = "packets"
    detail = Detail.of(quiet=given["quiet"], verbose=given["verbose"])
    runs: list[tuple[str | None, RunSpec, Config, ReportFiles]] = []
    for target, preset in targets:  # all of them first: a wrong option is found before anything runs
        config = settings({**own, "preset": preset} if preset else own, [target])
        if len(targets) > 1:
            _refuse_reports(config, mode, len(targets))
        spec = build(target, config, pairs("--set", given["set_"]), Path.cwd())
        runs.append((preset, spec, config, report_files(config)))
    recorders = [recorder_of(config) for _, _, config, _ in runs]
    ended: list[tuple[str, int]] = []
    for (preset, spec, config, files), recorder in zip(runs, recorders, strict=True):
        title = f"--- {preset}: {PRESETS[preset].title} ---\n" if preset and len(runs) > 1 else ""
        session = RunSession(spec, config, files, detail=detail, shown=Shown.SEVERAL, recorder=recorder)
        summary = session.run(heading=title + server_in_place(spec))
        session.print_results(summary)
        ended.append((preset or spec.target.name, session.finish(summary)))
        if summary.exit_code in (ExitCode.INTERRUPTED, ExitCode.TERMINATED):
            break
        if len(ended) < len(runs) and detail is not Detail.QUIET:
            print(file=sys.stderr)
    if len(runs) > 1:
        words = [f"{name} {'passed' if code == ExitCode.GOOD else f'ended with {code}'}" for name, code in ended]
        words += [f"{preset} has not run" for preset, *_ in runs[len(ended) :]]
        print(f"\nAll modes: {', '.join(words)}", file=sys.stderr)
    return next(int(code) for code in _WORST_FIRST if code in {code for _, code in ended})


def _refuse_reports(config: Config, mode: str, runs: int) -> None:
    for name in NAMES:
        if config.get(name) is not None:
            raise UsageError(
                f"{config.source(name)} {config.get(name)} holds one run, `{mode}` makes {runs}",
                "name one mode, or leave the report out",
            )


def server_in_place(spec: RunSpec) -> str:
    """What is to be expected of a run, by the server that it uses; said before it starts."""
    server = spec.target.settings.get("server")
    if server == "fixed":
        return "The fix is applied (--server fixed): no failure is expected."
    if server == "leaky":
        if spec.count is None or spec.ci_rate is None:
            return "The fix is not applied (--server leaky): expect failures."
        return (
            f"The fix is not applied (--server leaky): expect about {expected(spec.count * spec.ci_rate)} failures "
            f"at the {rate(spec.ci_rate)} seen in CI, more under stress."
        )
    return f"Stress test of {spec.target.name}."


def _targets(mode: str) -> list[tuple[str, str | None]]:
    """Targets with their presets."""
    if mode == _ALL:
        return [(_SCENARIO, preset) for preset in _IN_ORDER]
    name = _NUMBERS.get(mode, _SEED_NAMES.get(mode.removeprefix(_SEED_PREFIX), mode))
    if name in PRESETS:
        return [(_SCENARIO, name)]
    if name == _SCENARIO or ":" in name.removeprefix(":"):
        return [(name, None)]
    known = [*PRESETS, _ALL, _SCENARIO, *_SEED_NAMES]
    close = difflib.get_close_matches(mode.removeprefix(_SEED_PREFIX), known, n=1)
    hint = f"; did you mean {close[0]}?" if close else ""
    numbered = ", ".join(f"{name} ({number})" for number, name in _NUMBERS.items())
    raise UsageError(
        f"there is no mode or test {mode!r}{hint}",
        f"modes: {numbered}, {_ALL}; tests: {', '.join(_SEED_NAMES)}; or any target, written pkg.module:function",
    )
