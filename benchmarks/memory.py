"""Memory of the coordinator: 10 million trials that do nothing, 1 million that all fail. Usage: memory.py [SHARE]"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.measuring import HERE

CASES = [("nothing", 10_000_000), ("failing", 1_000_000)]
BAR_MIB = 150


def measure(target: str, count: int) -> tuple[float, float, int]:
    """Peak memory (MiB) and seconds of the coordinator, and bytes of its record."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "flakeproof", "run", f"benchmarks.targets:{target}", "-c", str(count)]
        process = subprocess.Popen(
            [*command, "--store", folder],
            cwd=HERE.parent,
            env={**os.environ, "CI": "true"},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        # The peak of this child alone; its own worker processes are not counted.
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        record = sum(path.stat().st_size for path in Path(folder).rglob("*") if path.is_file())
    return usage.ru_maxrss / 1024, usage.ru_utime + usage.ru_stime, record


def main() -> None:
    """Measure and print."""
    share = float(sys.argv[1]) if len(sys.argv) > 1 else 1.0
    for target, count in CASES:
        for part in (count // 10, count):
            trials = int(part * share)
            peak, seconds, record = measure(target, trials)
            print(
                f"{trials:>12,} x {target:<8} coordinator: {peak:.0f} MiB at most (bar {BAR_MIB}), "
                f"{seconds:.1f} s of processor time; record {record / 2**20:.1f} MiB",
                flush=True,
            )


if __name__ == "__main__":
    main()
