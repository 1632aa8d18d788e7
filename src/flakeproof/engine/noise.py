"""Keep the machine busy beside the tests: processes of our own, which end with the run, however that ends."""

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import flakeproof_worker
from flakeproof.engine.leftovers import marker_of
from flakeproof.errors import CannotRunError
from flakeproof_worker.environment import RUN

_PROGRAM = Path(flakeproof_worker.__file__).parent / "perturb" / "load.py"


@contextmanager
def noise(wanted: Mapping[str, int], temporary: str, run_id: str) -> Iterator[None]:
    """Run so many processes of each kind while inside; `temporary` is where those that write files do so.

    They end with us, even if we are killed: the kernel sees to that. Raises CannotRunError if one cannot be started.
    """
    processes: list[subprocess.Popen[bytes]] = []
    environment = {**os.environ, RUN: marker_of(run_id)}
    try:
        for kind, count in wanted.items():
            for _ in range(count):
                words = [sys.executable, "-I", "-S", str(_PROGRAM), kind, str(os.getpid()), temporary]
                try:
                    process = subprocess.Popen(words, stdin=subprocess.DEVNULL, env=environment, start_new_session=True)
                except OSError as error:
                    raise CannotRunError(
                        f"a process for --noise {kind}={count} cannot be started: {error}", "ask for less"
                    ) from error
                processes.append(process)
        yield
    finally:
        for process in processes:
            process.kill()
        for process in processes:
            process.wait()
