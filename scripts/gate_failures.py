"""Ask flakeproof about the tests that have just failed: gate_failures.py, after a run of pytest with its cache.

A test of this project that fails once in a long run is a defect, of the project or of the test, and nobody knows
which. So each is repeated by itself until it is known whether it fails in less than a fifth of its runs. If so, it is
named as flaky at the end, to be mended first of all, and does not hold up the change. If one fails more often, if that
cannot be told in time, or if more than three have failed, the exit status is 1.
"""

import json
import subprocess
import sys
from pathlib import Path

_ROOT = Path(__file__).parent.parent
_LAST_FAILED = _ROOT / ".pytest_cache" / "v" / "cache" / "lastfailed"
_MOST = 3
_RATE = "20%"
_PATIENCE = "8m"


def main() -> int:
    """The exit status."""
    failed = list(json.loads(_LAST_FAILED.read_text()))
    if not 0 < len(failed) <= _MOST:
        print(f"{len(failed)} tests have failed", file=sys.stderr)
        return 1
    for test in failed:
        if not _is_rare(test):
            return 1
    print("\nFLAKY, to be mended first of all (each failed once, and then in less than a fifth of its runs):")
    print("\n".join(f"  {test}" for test in failed))
    return 0


def _is_rare(test: str) -> bool:
    """Whether `test` is known to fail in less than a fifth of its runs by itself."""
    gate = [sys.executable, "-m", "flakeproof", "gate", "--max-rate", _RATE, "-w", "1", "--duration", _PATIENCE]
    command = [sys.executable, "-m", "pytest", "-n", "0", "-q", "-p", "no:cacheprovider", "--long", test]
    return subprocess.run([*gate, "--timeout", "5m", "--", *command], cwd=_ROOT, check=False).returncode == 0


if __name__ == "__main__":
    sys.exit(main())
