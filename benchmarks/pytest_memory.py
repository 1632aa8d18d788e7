"""Memory of every process while one pytest test is repeated a million times. Usage: pytest_memory.py [COUNT]

The Python that runs this has to have pytest.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

import psutil

BAR_MIB = 150
_LOOK_SECONDS = 0.2


def main() -> None:
    """Measure and print, for a tenth of the repeats and for all."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    for repeats in (count // 10, count):
        with tempfile.TemporaryDirectory() as name:
            peaks = measure(Path(name), repeats)
        shown = ", ".join(f"{peak:.0f}" for peak in sorted(peaks, reverse=True))
        print(f"{repeats:,} repeats: at most {shown} MiB in each process (bar {BAR_MIB})", flush=True)


def measure(folder: Path, repeats: int) -> list[float]:
    """Peak memory (MiB) of the coordinator and of each worker process."""
    (folder / "pyproject.toml").write_text("")
    (folder / "test_it.py").write_text("def test_nothing():\n    pass\n")
    words = ["run", "test_it.py::test_nothing", "-c", str(repeats), "-w", "2", "--isolation", "shared"]
    process = psutil.Popen(
        [sys.executable, "-m", "flakeproof", *words, "--python", sys.executable],
        cwd=folder,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    peaks: dict[int, float] = {}
    while True:
        for pid in [process.pid, *(child.pid for child in process.children(recursive=True))]:
            peaks[pid] = max(peaks.get(pid, 0.0), _peak(pid))
        try:
            process.wait(_LOOK_SECONDS)
        except psutil.TimeoutExpired:
            continue
        return list(peaks.values())


def _peak(pid: int) -> float:
    """The greatest resident size (MiB) that a process has had so far; 0 when it has gone."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0.0
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM:")), 0.0)


if __name__ == "__main__":
    main()
