"""The git repository that the user works in: its revisions, and what in the working tree is in none of them."""

import hashlib
import os
import re
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path, PurePath

from flakeproof.errors import CannotRunError, UsageError
from flakeproof.revisions.git import Git
from flakeproof.text import one_line, shortened

_COMMIT = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")
LINK = "160000"
"""Mode of an entry that is a submodule."""


@dataclass(frozen=True)
class Repository:
    """A repository with a working tree."""

    root: Path
    """The top of the working tree."""
    folder: PurePath = field(default_factory=PurePath)
    """Where the user is in it; `.` at the top."""

    @property
    def git(self) -> Git:
        """Git at the top of the working tree."""
        return Git(self.root)

    def top(self, folder: Path) -> Path:
        """The top of the checkout in which `folder` is what `self.folder` is here."""
        return folder.parents[len(self.folder.parts) - 1] if self.folder.parts else folder

    def resolve(self, name: str) -> str:
        """The full id of the commit that `name` stands for. Raises UsageError if it stands for none."""
        if not name.strip() or name.startswith(("-", "^")) or "\0" in name:
            raise UsageError(f"{shortened(name)!r} is not a revision", "write a commit, a branch or a tag, like HEAD~1")
        # In two steps, because what follows :/ is a pattern up to the very end.
        named = self.git.ask("rev-parse", "--verify", "--quiet", name)
        if named.is_good and _COMMIT.fullmatch(named.line):
            commit = self.git.ask("rev-parse", "--verify", "--quiet", f"{named.line}^{{commit}}")
            if commit.is_good:
                return commit.line
            if self.git.ask("cat-file", "-e", named.line).is_good:
                raise UsageError(f"revision {shortened(name)!r} is not a commit", "name a commit, a branch or a tag")
        raise UsageError(f"there is no revision {shortened(name)!r} in {self.root}", self._remedy(name))

    def is_same(self, base: str, fix: str | None) -> bool:
        """Whether the commits `base` and `fix` have the same content; None is the working tree as it is.

        That is with all that is changed, staged, or new and not ignored, in submodules, too. Raises CannotRunError.
        """
        if fix is not None:
            return self._tree(base) == self._tree(fix)
        return (
            self._has_index_of(base)
            and not self._changed()
            and not self.untracked()
            and not any(self._submodule_changed(path) for path in self._submodules())
        )

    def fingerprint(self) -> str:
        """A digest of what the working tree adds to HEAD: another one when any of it changes. Raises CannotRunError."""
        digest = hashlib.sha256()
        difference = ("diff", "HEAD", "--binary", "--submodule=diff", "--no-ext-diff", "--no-textconv")
        for words in (("rev-parse", "HEAD"), difference):
            digest.update(os.fsencode(self.git.do("read what has changed", *words).output))
        for path in self.untracked():
            digest.update(os.fsencode(f"\0{path}\0"))
            with suppress(OSError):
                digest.update((self.root / path).read_bytes())
        return digest.hexdigest()[:16]

    def untracked(self) -> list[str]:
        """Files, relative to the top, that git does not know and is not told to ignore; no bytecode of Python's.

        Raises CannotRunError.
        """
        words = ("ls-files", "-z", "--others", "--exclude-standard", "--exclude=__pycache__/")
        return self.git.do("list untracked files", *words).fields

    def dirty_submodules(self) -> list[str]:
        """Submodules, relative to the top, whose files are not those of the commit that is recorded for them.

        Raises CannotRunError.
        """
        return [path for path, commit in self._submodules().items() if self._submodule_changed(path, commit)]

    def _remedy(self, name: str) -> str:
        if self.git.ask("rev-parse", "--is-shallow-repository").line == "true":
            return (
                "the history is cut off here (a shallow clone): git fetch --unshallow, or --deepen=100, gets more of it"
            )
        known = self.git.ask("for-each-ref", "--format=%(refname:short)", "refs/remotes").output.splitlines()
        close = [remote for remote in known if remote.partition("/")[2] == name]
        return f"did you mean {close[0]}?" if close else "git log --oneline shows those that there are"

    def _tree(self, commit: str) -> str:
        return self.git.do(f"read {commit}", "rev-parse", "--verify", f"{commit}^{{tree}}").line

    def _has_index_of(self, base: str) -> bool:
        """Whether the index has the content of `base`; of submodules, the commit that is recorded."""
        words = ("diff-index", "--cached", "--quiet", "--ignore-submodules=none", base, "--")
        answer = self.git.ask(*words)
        if answer.status not in (0, 1):
            raise CannotRunError(f"git cannot compare {base} with the index: {one_line(answer.errors)}")
        return answer.is_good

    def _changed(self) -> list[str]:
        """Files that are not as in the index, and submodules in which another commit is checked out."""
        words = ("status", "--porcelain", "-z", "--no-renames", "--untracked-files=no", "--ignore-submodules=dirty")
        entries = self.git.do("compare the working tree with the index", *words).fields
        return [entry[3:] for entry in entries if entry[1] != " "]

    def _submodules(self) -> dict[str, str]:
        """The recorded commits of the submodules whose files are here, by path."""
        entries = (entry.partition("\t") for entry in self.git.do("read the index", "ls-files", "-z", "--stage").fields)
        links = {path: words.split()[1] for words, _, path in entries if words.startswith(LINK)}
        return {path: commit for path, commit in links.items() if (self.root / path / ".git").exists()}

    def _submodule_changed(self, path: str, commit: str = "HEAD") -> bool:
        inner = Repository(self.root / path)
        # A commit that nobody has is the content of nothing.
        return not inner.git.ask("cat-file", "-e", f"{commit}^{{commit}}").is_good or not inner.is_same(commit, None)


def find(folder: Path) -> Repository:
    """The repository that `folder` is in.

    Raises UsageError if there is none, or one without a working tree or a commit; or there is no git.
    """
    git = Git(folder)
    found = git.ask("rev-parse", "--is-inside-work-tree", "--is-bare-repository")
    if not found.is_good:
        if "not a git repository" in found.errors:
            raise UsageError(f"{folder} is in no git repository", "run it from the folder of a clone, or git init")
        raise UsageError(f"git cannot read the repository of {folder}: {one_line(found.errors)}")
    inside, bare = found.output.split()
    if inside != "true":
        what = "a bare repository" if bare == "true" else "the insides of a git repository"
        raise UsageError(f"{folder} is in {what}, without the files themselves", "run it from a clone or a worktree")
    root = Path(git.do("find the repository", "rev-parse", "--show-toplevel").line)
    repository = Repository(root, PurePath(folder.resolve().relative_to(root.resolve())))
    has_head = git.ask("rev-parse", "--verify", "--quiet", "HEAD^{commit}").is_good
    if not has_head and not git.ask("rev-list", "--all", "--max-count=1").line:  # a branch may have none yet
        raise UsageError(f"the repository {root} has no commits", "there is nothing to compare with: git commit")
    return repository
