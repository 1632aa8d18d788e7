"""What a setting is where nobody has set it, in words; `runspec` and the modules that use the others decide so."""

from collections.abc import Mapping

DEFAULTS: Mapping[str, str] = {
    "preset": "ci",
    "count": "the preset's; no limit with a duration",
    "duration": "no limit",
    "workers": "the preset's, the scenario's, or one per core",
    "processes": "at most one per core",
    "isolation": "shared; fresh for commands",
    "timeout": "5m",
    "grace": "2s",
    "failfast": "no",
    "max-failures": "no limit",
    "seed": "drawn for each run",
    "ci-rate": "the scenario's, else none",
    "python": "the active environment's, .venv's, or our own",
    "loop": "the scenario's, else asyncio's",
    "store": ".flakeproof beside pyproject.toml",
    "keep-runs": "50",
    "cwd": "the current folder",
    "skip-code": "none",
    "failure": "none",
    "ignore": "none",
    "junit-xml": "not written",
    "json": "not written",
    "markdown": "not written",
    "server": "fixed",
    "settle": "5ms",
    "io": "asyncio",
}
