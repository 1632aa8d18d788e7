"""The catalogue of flaky tests of public projects, and their checkouts."""

import hashlib
import subprocess
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import msgspec

HERE = Path(__file__).parent
_INSTALLING = 900.0


class Half(StrEnum):
    """A half of the projects."""

    LOOKED_AT = "looked-at"
    """What is printed about its cases is read, and faults that show there are mended."""
    SCORED = "scored"
    """Nobody looks at more than its score."""


class Truth(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where the cause lies; an answer is right if it names any one of these."""

    lines: tuple[str, ...] = ()
    """FILE:FIRST-LAST or FILE:LINE."""
    state: str = ""
    """A regular expression for the state, or for the limit that is too narrow."""
    culprits: tuple[str, ...] = ()
    """Ids of tests that leave the state behind, or that the test needs."""
    causes: tuple[str, ...] = ()
    """Kinds of causes of `flakeproof diagnose` that are right; that alone is right in part."""


class Case(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A flaky test, and what is known about it."""

    name: Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9-]+$")]
    project: Annotated[str, msgspec.Meta(pattern=r"^[^/]+/[^/]+$")]
    """On GitHub."""
    commit: Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{40}$")]
    """It shows the flake."""
    test: str
    kind: str
    """Of the cause, in words."""
    truth: Truth
    source: str
    """Who says that it is flaky, and why."""
    requires: tuple[str, ...]
    fix: Annotated[str, msgspec.Meta(pattern=r"^([0-9a-f]{40})?$")] = ""
    """The commit that mends it; empty where none is known."""
    install: str = ""
    """What of the checkout is installed, with extras: `.[test]`; empty for nothing."""
    python: str = "3.11"
    signature: str = ""
    """A regular expression that the signature or the message of the failure matches."""
    order: bool = False
    """Whether the outcome depends on other tests, so that `isolate` is asked."""
    among: tuple[str, ...] = ()
    """The tests among which `isolate` searches; the folder of the test if there are none."""
    shows: str = ""
    """How often it was seen to fail, and under what; by hand, on one machine."""
    prepared: bool = True
    """Whether it was installed and run on a machine of ours; a case that was not is known from its source only."""

    @property
    def half(self) -> Half:
        """Projects are split by the last bit of a hash of their name."""
        even = hashlib.sha256(self.project.encode()).digest()[-1] % 2 == 0
        return Half.LOOKED_AT if even else Half.SCORED


def catalogue() -> list[Case]:
    """All cases.

    Raises:
        msgspec.ValidationError: If the catalogue is not written as it must be.
        ValueError: If two cases have the same name.
    """

    class Catalogue(msgspec.Struct, forbid_unknown_fields=True):
        case: list[Case]

    cases = msgspec.toml.decode((HERE / "catalogue.toml").read_bytes(), type=Catalogue).case
    names = [case.name for case in cases]
    if len(set(names)) < len(names):
        raise ValueError(f"two cases have the same name: {sorted(name for name in names if names.count(name) > 1)[0]}")
    return cases


class Checkout:
    """A case in a folder: the project at the commit, and an environment of its own."""

    def __init__(self, case: Case, folder: Path) -> None:
        self.case = case
        self.source = folder / case.name
        self.python = folder / "venvs" / case.name / "bin" / "python"

    @property
    def is_ready(self) -> bool:
        """Whether it can be run."""
        return self.python.exists() and self.source.exists()

    def prepare(self, repositories: Path) -> None:
        """Check out and install.

        Args:
            repositories: Holds a git repository of the project, as OWNER+NAME.

        Raises:
            subprocess.CalledProcessError: If that does not work.
        """
        if not self.source.exists():
            found = repositories / self.case.project.replace("/", "+")
            _call("git", "clone", "-q", "--shared", "--no-checkout", str(found), str(self.source))
            _call("git", "-C", str(self.source), "checkout", "-q", self.case.commit)
        if not self.python.exists():
            _call(f"python{self.case.python}", "-m", "venv", str(self.python.parents[1]))
            own = [f"{self.source}{self.case.install[1:]}"] if self.case.install else []
            _call(str(self.python), "-m", "pip", "install", "-q", *own, *self.case.requires)


def _call(*words: str) -> None:
    subprocess.run(words, stdin=subprocess.DEVNULL, timeout=_INSTALLING, check=True)
