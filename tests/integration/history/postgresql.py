"""A PostgreSQL server of our own, for as long as a test needs it."""

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.tools import missing

_USERS = ("postgres", "nobody")
"""Under whose name a server is run by root, which PostgreSQL refuses."""


@contextmanager
def postgresql() -> Iterator[str]:
    """The URL of its database; it listens in a folder alone, which goes with it."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb")) or [Path(shutil.which("initdb") or "")]
    programs = found[-1].parent
    if not (programs / "pg_ctl").exists():
        missing("PostgreSQL is not installed")
    user = next((name for name in _USERS if os.geteuid() == 0 and _is_user(name)), "")
    before = ["setpriv", f"--reuid={user}", "--clear-groups", "--"] if user else []
    # The path of a socket may have 107 characters, and pytest's folders are for root alone.
    with tempfile.TemporaryDirectory(prefix="fp-pg-", dir="/tmp") as name:
        folder = Path(name)
        if user:
            shutil.chown(folder, user)
        data = folder / "data"
        environment = {**os.environ, "LC_ALL": "C", "HOME": name}

        def run(*words: str) -> None:
            # Into a file: the server keeps a pipe open for as long as it lives.
            with (folder / "output").open("ab") as output:
                done = subprocess.run(
                    [*before, *words],
                    cwd=name,
                    env=environment,
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    timeout=300,
                    check=False,
                )
            assert done.returncode == 0, (words, (folder / "output").read_text(errors="replace"))

        run(str(programs / "initdb"), "-D", str(data), "-U", "tests", "-A", "trust", "-N", "-E", "UTF8")
        options = f"-c listen_addresses= -c unix_socket_directories={name} -c fsync=off -c shared_buffers=16MB"
        run(str(programs / "pg_ctl"), "-D", str(data), "-o", options, "-w", "-t", "300", "-l", f"{name}/log", "start")
        try:
            yield f"postgresql://tests@/postgres?host={name}"
        finally:
            run(str(programs / "pg_ctl"), "-D", str(data), "-w", "-t", "300", "-m", "immediate", "stop")


def _is_user(name: str) -> bool:
    try:
        pwd.getpwnam(name)
    except KeyError:
        return False
    return True
