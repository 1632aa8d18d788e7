"""The modes of the original stress kit."""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from flakeproof.cli.session import pairs, perform, settings
from flakeproof.config import Config
from flakeproof.errors import ExitCode, UsageError
from flakeproof.model import RunSpec
from flakeproof.presets import PRESETS
from flakeproof.runspec import build
from flakeproof.text import share

_SCENARIO = "tcprtt"
_NUMBERS = {"0": "ci", "1": "fast", "2": "parallel", "3": "full"}
_SEED_PREFIX = "TestTracerSuite/eBPFless/"
_SEED_NAMES = {
    "TestTCPRTTStressCI": "ci",
    "TestTCPRTTStressFast": "fast",
    "TestTCPRTTStressParallel": "parallel",
    "TestTCPRTTStress": "full",
}
_IN_ORDER = ("ci", "fast", "parallel", "full")
_WORST_FIRST = (
    ExitCode.INTERRUPTED,
    ExitCode.TERMINATED,
    ExitCode.BROKEN,
    ExitCode.FAILURES,
    ExitCode.NOTHING,
    ExitCode.INCONCLUSIVE,
    ExitCode.GOOD,
)


def stress_mode(mode: str, given: Mapping[str, Any], set_: list[str] | None, json_to: str | None) -> int:
    """Run `mode` and return its exit code, for `all` the worst one. Raises UsageError."""
    targets = _targets(mode)
    if len(targets) > 1 and json_to is not None:
        raise UsageError(f"--json {json_to} holds one summary, `{mode}` makes {len(targets)}", "name one mode")
    codes: list[int] = []
    for target, preset in targets:
        config = settings({**given, "preset": preset} if preset else given)
        spec = build(target, config, pairs(set_), Path.cwd())
        if preset and len(targets) > 1:
            print(f"--- {preset}: {PRESETS[preset].title} ---", file=sys.stderr)
        code = _one(spec, config, json_to)
        codes.append(code)
        if code in (ExitCode.INTERRUPTED, ExitCode.TERMINATED):
            break
    return next(int(code) for code in _WORST_FIRST if code in codes)


def _one(spec: RunSpec, config: Config, json_to: str | None) -> int:
    print(_server_in_place(spec), file=sys.stderr)
    return perform(spec, config, json_to=json_to).exit_code


def _targets(mode: str) -> list[tuple[str, str | None]]:
    """Targets with their presets."""
    if mode == "all":
        return [(_SCENARIO, preset) for preset in _IN_ORDER]
    name = _NUMBERS.get(mode, _SEED_NAMES.get(mode.removeprefix(_SEED_PREFIX), mode))
    if name in PRESETS:
        return [(_SCENARIO, name)]
    if name.startswith("Test") or not (name == _SCENARIO or ":" in name):
        known = ", ".join([*PRESETS, *_NUMBERS, "all"])
        raise UsageError(
            f"{mode!r} is neither a mode ({known}), nor a test of the original kit, nor a target",
            f"tests of the kit: {', '.join(_SEED_PREFIX + test for test in _SEED_NAMES)}; "
            "a target is written pkg.module:function",
        )
    return [(name, None)]


def _server_in_place(spec: RunSpec) -> str:
    server = spec.target.arguments.get("server")
    if server == "fixed":
        return "The fix is applied (server: fixed): no failure is expected."
    if server == "leaky":
        expected = ""
        if spec.count is not None and spec.ci_rate is not None:
            expected = f": expect about {spec.count * spec.ci_rate:.0f} failures ({share(spec.ci_rate)} as in CI)"
        return f"The fix is not applied (server: leaky){expected}."
    return f"Stress test of {spec.target.name}."
