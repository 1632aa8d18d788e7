"""Tests of pytest that a change adds or touches: what differs from a commit, held against functions of its files."""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePath

from flakeproof.errors import UsageError
from flakeproof.revisions.repository import Repository, find

_HUNK = re.compile(r"@@ -\d+(?:,\d+)? \+(\d+)(?:,(\d+))? @@")
_TEST_FILE = re.compile(r"(?:test_.*|.*_test)\.py$")
"""What pytest collects where `python_files` is not set."""
Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class ChangedTests:
    """What a change has to do with tests."""

    base: str
    """The commit that the change starts from: where its branch left the one asked about."""
    tests: list[str] = field(default_factory=list)
    """Node ids and files, from the folder asked from, sorted."""
    fixtures: list[str] = field(default_factory=list)
    """Files `conftest.py` that differ: which tests they touch is not known."""


def changed_tests(folder: Path, base: str) -> ChangedTests:
    """Tests below `folder` that differ from where the branch left `base`, committed or not.

    A test function that has a changed line is one of them; where a line outside of them has changed, all tests of the
    file are.
    Raises UsageError for what is no revision or no repository.
    """
    repository = find(folder)
    commit = repository.resolve(base)
    shared = repository.git.ask("merge-base", commit, "HEAD")
    if not shared.is_good:
        raise UsageError(f"{base} and HEAD have no commit in common", "fetch more history: git fetch --unshallow")
    start = shared.line
    options = ("--name-only", "-z", "--no-renames", "--diff-filter=d")
    listed = repository.git.do("list what differs", "diff", *options, start)
    untracked = set(repository.untracked())
    names = sorted({*listed.output.split("\0"), *untracked} - {""})
    tests: list[str] = []
    fixtures: list[str] = []
    for name in names:
        inside = _below(repository, name)
        if inside is None:
            continue
        if PurePath(name).name == "conftest.py":
            fixtures.append(inside)
        elif _TEST_FILE.match(PurePath(name).name):
            lines = None if name in untracked else _changed_lines(repository, start, name)
            tests += _touched(repository.root / name, inside, lines)
    return ChangedTests(start, tests, fixtures)


def _below(repository: Repository, name: str) -> str | None:
    """A path from the top of the repository as one from the folder of the user; None if it is not below that."""
    path = PurePath(name)
    return str(path.relative_to(repository.folder)) if path.is_relative_to(repository.folder) else None


def _changed_lines(repository: Repository, start: str, name: str) -> set[int]:
    """Numbers of lines of the file as it is that are new, or beside which some were taken out."""
    options = ("--unified=0", "--no-renames", "--no-ext-diff", "--no-textconv")
    words = ("diff", *options, start, "--", f":(top,literal){name}")
    found: set[int] = set()
    for line in repository.git.do("read what differs", *words).output.splitlines():
        if (hunk := _HUNK.match(line)) is not None:
            first, count = int(hunk[1]), int(hunk[2] or 1)
            found |= set(range(first, first + count)) if count else {first, first + 1}
    return found


def _touched(file: Path, name: str, lines: set[int] | None) -> list[str]:
    """Ids of the tests in a file that have one of the `lines`; the file itself where others have, or None are given."""
    try:
        source = file.read_bytes()
        functions = dict(_functions(ast.parse(source), ()))
    except (OSError, SyntaxError, ValueError):
        return [name]  # pytest says what is wrong with it
    if lines is None:
        return [name] if functions else []
    told = source.decode(errors="replace").splitlines()
    rest = {line for line in lines if 0 < line <= len(told) and told[line - 1].split("#")[0].strip()}
    found = []
    for path, function in functions.items():
        begin = min([function.lineno, *(one.lineno for one in function.decorator_list)])
        own = set(range(begin, (function.end_lineno or begin) + 1))
        if own & lines:
            found.append("::".join((name, *path)))
        rest -= own
    return ([name] if functions else []) if rest else found


def _holds_tests(found: ast.ClassDef) -> bool:
    """Whether pytest collects a class, by its name or because it is one of unittest."""
    return found.name.startswith("Test") or any(ast.unparse(base).endswith("TestCase") for base in found.bases)


def _functions(node: ast.AST, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Function]]:
    """Test functions by the names of their classes and their own."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, Function) and child.name.startswith("test"):
            yield (*path, child.name), child
        elif isinstance(child, ast.ClassDef) and _holds_tests(child):
            yield from _functions(child, (*path, child.name))
        elif isinstance(child, ast.If | ast.Try):
            yield from _functions(child, path)
