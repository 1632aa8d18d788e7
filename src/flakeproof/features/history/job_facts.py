"""Of which commit, branch and job results are, and when they were made: by options, the file, or CI's variables."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from flakeproof.errors import UsageError

FROM_OPTION, FROM_FILE, FROM_ENVIRONMENT = "an option", "the file", "the environment"
_DAY = 86_400.0

_PROPERTIES: Mapping[str, tuple[str, ...]] = {
    "commit": (
        *("commit", "git.commit", "git.commit.id", "git_commit", "ci.commit", "vcs.revision", "build.vcs.number"),
        *("GITHUB_SHA", "CI_COMMIT_SHA", "GIT_COMMIT", "BUILDKITE_COMMIT", "CIRCLE_SHA1", "BUILD_SOURCEVERSION"),
    ),
    "branch": (
        *("branch", "git.branch", "git_branch", "ci.branch", "vcs.branch"),
        *("GITHUB_HEAD_REF", "GITHUB_REF_NAME", "CI_COMMIT_REF_NAME", "GIT_BRANCH", "BRANCH_NAME", "BUILDKITE_BRANCH"),
        *("CIRCLE_BRANCH", "BUILD_SOURCEBRANCHNAME"),
    ),
    "job": (
        *("job", "ci.job", "job.name", "ci_job", "GITHUB_JOB", "CI_JOB_NAME", "JOB_NAME", "BUILDKITE_LABEL"),
        *("CIRCLE_JOB", "AGENT_JOBNAME"),
    ),
    "build": (
        *("build", "ci.build", "build.id", "build.number", "CI_JOB_ID", "BUILD_TAG", "BUILDKITE_JOB_ID"),
        *("CIRCLE_WORKFLOW_JOB_ID", "BUILD_BUILDID", "GITHUB_RUN_ID"),
    ),
}
"""By fact, the names of properties of a JUnit file that tell it; those in capitals are CI's variables, too."""
_COMMIT = re.compile(r"[0-9a-fA-F]{7,64}")
_LONGEST = 200


@dataclass(frozen=True)
class JobFacts:
    """What is known of a job; "" for what is not."""

    commit: str = ""
    branch: str = ""
    job: str = ""
    build: str = ""
    machine: str = ""
    started: float = 0.0
    """Seconds since 1970, UTC."""
    sources: tuple[tuple[str, str], ...] = ()
    """Where commit, branch, job and build come from, by their name."""

    def named(self, fact: str) -> str:
        """The value of the fact with this name."""
        return str(getattr(self, fact))


class FactFinder:
    """Finds them for each file."""

    def __init__(self, asked: Mapping[str, str | None], environment: Mapping[str, str], at: float) -> None:
        """`asked` are options by name, `environment` that of this process, `at` the time now. Raises UsageError."""
        self._asked = {name: text for name, text in asked.items() if text is not None}
        for name, text in self._asked.items():
            if name == "commit" and text and not _COMMIT.fullmatch(text):
                raise UsageError(f"--commit {text!r} is no commit", "write the hash: git rev-parse HEAD")
        self._environment = environment
        self._at = at

    def find(
        self, properties: Mapping[str, str], *, started: float, machine: str = "", is_recent: bool = True
    ) -> JobFacts:
        """The facts about a file with these `properties` that was `started` then.

        CI's variables are of the job that runs now: they say nothing of what is older than a day, or not `is_recent`,
        as what was in an archive.
        """
        found, sources = JobFacts(machine=machine[:_LONGEST], started=started), []
        lowered = {name.lower().removeprefix("flakeproof."): value for name, value in properties.items()}
        applies = is_recent and abs(self._at - started) < _DAY
        for fact, names in _PROPERTIES.items():
            value, source = self._asked.get(fact), FROM_OPTION
            if value is None:
                value = next((lowered[name.lower()] for name in names if lowered.get(name.lower())), None)
                source = FROM_FILE
            if value is None and applies:
                value = next((self._environment[name] for name in names if self._environment.get(name)), None)
                source = FROM_ENVIRONMENT
            if value is None or (fact == "commit" and not _COMMIT.fullmatch(value)):
                continue
            value = value.lower() if fact == "commit" else value[:_LONGEST]
            found = replace(found, **{fact: value})  # type: ignore[arg-type]
            sources.append((fact, source))
        return replace(found, sources=tuple(sources))


def moment(text: str) -> float | None:
    """Seconds since 1970 of a time in ISO 8601, one without a zone as UTC; None for what is none."""
    try:
        at = datetime.fromisoformat(text.strip())
    except ValueError:
        return None
    at = at.replace(tzinfo=UTC) if at.tzinfo is None else at
    seconds = at.timestamp()
    return seconds if 0 < seconds < 1e11 else None
