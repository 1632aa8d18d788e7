"""Where a line of the bad end stands in another commit: a pause there follows its line, not its number."""

import difflib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from flakeproof.model import Delay
from flakeproof.perturbations.pauses import delays_in, parse_delays, written_delay
from flakeproof.revisions.git import Git
from flakeproof_worker.shared import user_code


@dataclass(frozen=True)
class Followed:
    """The delays of a commit."""

    delays: list[str] = field(default_factory=list)
    """As one would type them there."""
    gone: list[str] = field(default_factory=list)
    """As they were typed: those whose line the commit does not have."""


def line_in(number: int, old: Sequence[str], new: Sequence[str]) -> int | None:
    """Number, from 1, of the line in `new` that line `number` of `old` is; None if that one does not exist.

    A line that was rewritten is the one that stands in its place.
    """
    matcher = difflib.SequenceMatcher(None, old, new, autojunk=False)
    for what, start, end, new_start, new_end in matcher.get_opcodes():
        if not start < number <= end:
            continue
        if what == "equal":
            return new_start + number - start
        if what == "replace":
            return min(new_start + number - start, new_end)
    return None


def follow(typed: Sequence[str], origin: str, commit: str, top: Path) -> Followed:
    """The delays in `typed`, which name lines of the commit `origin`, for `commit`, which is checked out at `top`.

    Delays at functions, and in files that git does not know or of which it knows several, stay as they are.
    """
    found = Followed()
    git = Git(top)
    for delay in delays_in(parse_delays(typed)):
        number = user_code.line_of(delay.where)
        path = _path_of(delay.file, origin, git) if number is not None else None
        if number is None or path is None:
            found.delays.append(written_delay(delay))
        elif (moved := _moved(delay, number, path, origin, commit, git)) is not None:
            found.delays.append(written_delay(moved))
        else:
            found.gone.append(written_delay(delay))
    return found


def _moved(delay: Delay, number: int, path: str, origin: str, commit: str, git: Git) -> Delay | None:
    old = git.ask("show", f"{origin}:{path}")
    file = delay.file
    if not (git.folder / path).exists():
        renamed = _renamed(path, origin, commit, git)
        if renamed is None:
            return None
        path = file = renamed
    new = (git.folder / path).read_text(errors="surrogateescape")
    line = line_in(number, old.output.splitlines(), new.splitlines())
    return msgspec.structs.replace(delay, file=file, where=str(line)) if line is not None else None


def _path_of(file: str, origin: str, git: Git) -> str | None:
    """The file of the commit that a delay means, from the top of the repository; None unless it is one."""
    names = git.ask("ls-tree", "-r", "-z", "--full-tree", "--name-only", origin).fields
    fitting = [name for name in names if name == file or name.endswith(f"/{file}")]
    return fitting[0] if len(fitting) == 1 else None


def _renamed(path: str, origin: str, commit: str, git: Git) -> str | None:
    """What the file is called in the commit, if git finds it there under another name."""
    fields = git.ask("diff", "--find-renames", "--diff-filter=R", "--name-status", "-z", origin, commit).fields
    names = dict(zip(fields[1::3], fields[2::3], strict=False))  # "R100", old, new, …
    return names.get(path)
