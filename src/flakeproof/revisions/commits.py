"""The commits between two revisions: what could have changed something, in an order in which parents come first."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from flakeproof.errors import UsageError
from flakeproof.revisions.repository import Repository
from flakeproof.text import one_line, shortened

_DEEPEN = "git fetch --unshallow, or git fetch --deepen=1000, gets more of it"


@dataclass(frozen=True)
class Range:
    """The commits that `bad` has and `good` has not; the last one is `bad`."""

    repository: Repository
    good: str
    bad: str
    commits: Sequence[str]
    """Full ids, parents before children."""
    parents: Sequence[Sequence[int]]
    """Of each commit those that are in the range, by their place in `commits`."""
    good_is_ancestor: bool

    @cached_property
    def places(self) -> dict[str, int]:
        """The place of each commit."""
        return {commit: place for place, commit in enumerate(self.commits)}

    def first_parent(self, commit: str) -> str:
        """The first parent, in the range or before it; empty for a commit without parents."""
        return self.repository.git.ask("rev-parse", "--verify", "--quiet", f"{commit}^1").line

    def is_merge(self, commit: str) -> bool:
        """Whether it has several parents."""
        return self.repository.git.ask("rev-parse", "--verify", "--quiet", f"{commit}^2").is_good

    def title(self, commit: str) -> str:
        """What the commit says it does."""
        return self._say(commit, "%s")

    def signed(self, commit: str) -> str:
        """Who made it, and when."""
        return self._say(commit, "%an, %as")

    def touching(self, paths: Sequence[str]) -> list[int]:
        """Places of the commits that change something in `paths`, which are relative to the user's folder."""
        if not paths:
            return []
        git = self.repository.git
        top = [str(self.repository.folder / path) for path in paths]
        words = ("rev-list", self.bad, f"^{self.good}", "--", *(f":(top,literal){path}" for path in top))
        found = git.ask(*words)
        places = self.places
        return sorted(places[commit] for commit in found.output.split() if commit in places) if found.is_good else []

    def lacking(self, paths: Sequence[str]) -> list[str]:
        """The commits, maybe the good end, in which one of `paths`, relative to the user's folder, is not there."""
        if not paths:
            return []
        asked = [(commit, self.repository.folder / path) for commit in (self.good, *self.commits) for path in paths]
        told = self.repository.git.ask(
            "cat-file", "--batch-check", lines=(f"{commit}:{path}" for commit, path in asked)
        )
        lines = told.output.splitlines()
        if len(lines) != len(asked):
            return []  # nothing is known, as where a name has a line break in it
        missing = (commit for (commit, _), line in zip(asked, lines, strict=True) if line.endswith(" missing"))
        return list(dict.fromkeys(missing))

    def _say(self, commit: str, form: str) -> str:
        return one_line(self.repository.git.ask("show", "--no-patch", f"--format={form}", commit).line)


def commits_between(repository: Repository, good: str, bad: str) -> Range:
    """The commits between the revisions with these names. Raises UsageError where there is nothing between."""
    first, last = repository.resolve(good), repository.resolve(bad)
    named_good, named_bad = (f"{shortened(name)} ({full[:12]})" for name, full in ((good, first), (bad, last)))
    if first == last:
        raise UsageError(f"--good and --bad are the same commit {named_bad}", "name two that differ")
    git = repository.git
    listed = git.do("list the commits", "rev-list", "--topo-order", "--reverse", "--parents", last, f"^{first}")
    rows = [line.split() for line in listed.output.splitlines()]
    if not rows:
        raise UsageError(
            f"--bad {named_bad} is an ancestor of --good {named_good}",
            "swap them; to find the commit that mended a flake, keep the older one as --good and add --fixed",
        )
    places = {row[0]: place for place, row in enumerate(rows)}
    parents = [[places[parent] for parent in row[1:] if parent in places] for row in rows]
    is_shallow = git.ask("rev-parse", "--is-shallow-repository").line == "true"
    is_ancestor = git.ask("merge-base", "--is-ancestor", first, last).is_good
    if is_shallow and (cut := [row[0] for row in rows if len(row) == 1]):
        raise UsageError(
            f"the history between {named_good} and {named_bad} is cut off at {cut[0][:12]} (a shallow clone)", _DEEPEN
        )
    if not is_ancestor and not git.ask("merge-base", first, last).is_good:
        raise UsageError(f"{named_good} and {named_bad} have no history in common", "name an older commit as --good")
    return Range(repository, first, last, [row[0] for row in rows], parents, is_ancestor)
