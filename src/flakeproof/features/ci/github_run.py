"""A run of GitHub Actions by its address: what failed in it, fetched by the user's own `gh`, which has the right to."""

import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from flakeproof.errors import CannotRunError, UsageError

_ADDRESS = re.compile(
    r"https://(?P<host>[\w.-]+)/(?P<owner>\w[\w.-]*)/(?P<name>\w[\w.-]*)/actions/runs/(?P<run>\d{1,20})"
    r"(?:/attempts/(?P<attempt>\d{1,4}))?(?:/job/(?P<job>\d{1,20}))?/?(?:[?#].*)?"
)
_SECONDS = 600


@dataclass(frozen=True)
class GithubRun:
    """Which one is meant."""

    repository: str
    """As `gh --repo` takes it, with the host."""
    run: str
    attempt: str = ""
    job: str = ""


def run_at(address: str) -> GithubRun | None:
    """The run that an address is of; None for anything that is no address. Raises UsageError for another address."""
    if not address.startswith(("https://", "http://")):
        return None
    found = _ADDRESS.fullmatch(address)
    if found is None:
        raise UsageError(
            f"{address[:200]} is not the address of a run of GitHub Actions",
            "write https://github.com/OWNER/NAME/actions/runs/NUMBER; of other CI systems name the files",
        )
    repository = f"{found['host']}/{found['owner']}/{found['name']}"
    return GithubRun(repository, found["run"], found["attempt"] or "", found["job"] or "")


def fetch(run: GithubRun, folder: Path) -> Path:
    """Put the log of what failed, and the artifacts, into a new folder below `folder`; the path of that.

    Raises CannotRunError where `gh` is not installed or does not give the log. A run without artifacts has none.
    """
    program = shutil.which("gh")
    if program is None:
        raise CannotRunError(
            "gh, the command line of GitHub, fetches a run by its address, and is not installed",
            "install it and type gh auth login; or fetch the log elsewhere, and name the file",
        )
    target = folder / f"run-{run.run}"
    target.mkdir(parents=True)
    chosen = ["--job", run.job] if run.job else [run.run, *(["--attempt", run.attempt] if run.attempt else [])]
    log = target / "job.log"
    with log.open("wb") as file:
        done = subprocess.run(
            [program, "run", "view", *chosen, "--repo", run.repository, "--log-failed"],
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.PIPE,
            timeout=_SECONDS,
            check=False,
        )
    if done.returncode:
        told = done.stderr.decode(errors="replace").strip().splitlines()
        raise CannotRunError(
            f"gh run view ended with {done.returncode}: {told[-1][:500] if told else 'it wrote nothing'}",
            "gh auth status tells whether it may read that repository",
        )
    artifacts = target / "artifacts"
    done = subprocess.run(
        [program, "run", "download", run.run, "--repo", run.repository, "--dir", str(artifacts)],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=_SECONDS,
        check=False,
    )
    if done.returncode:
        shutil.rmtree(artifacts, ignore_errors=True)
    return target
