"""Compare a revision with a fix as `flakeproof verify` does."""

import os
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import msgspec

from flakeproof.engine.temporary_folders import temporary_root
from flakeproof.errors import UsageError, about
from flakeproof.features.compare.command import arm_spec, plain_spec, run_comparison, unprovoked, whole_config
from flakeproof.features.compare.records import ComparisonArm
from flakeproof.model import RunSpec
from flakeproof.revisions import imports
from flakeproof.revisions.checkout import build, checked_out
from flakeproof.revisions.git import without_repository
from flakeproof.revisions.repository import Repository, find
from flakeproof.settings.build_spec import seed_of
from flakeproof.settings.from_options import wanted_by
from flakeproof.settings.load import Config
from flakeproof.targets import interpreter
from flakeproof.targets.command import CommandLine
from flakeproof.targets.interpreter import Interpreter
from flakeproof.targets.resolve import scenario_of
from flakeproof.targets.tests import PytestLine
from flakeproof.text import plural
from flakeproof_worker.shared.seeds import trial_seed

_NAMED = 3
_PYTHON_PATH = "PYTHONPATH"


def verify_fix(given: Mapping[str, Any]) -> int:
    """Compare the base with the fix; return the exit code. Raises FlakeproofError."""
    wanted = wanted_by(given, given["context"].obj)
    if isinstance(wanted, str) and scenario_of(wanted) is not None:
        raise UsageError(
            f"{wanted} ships with flakeproof and is in no repository", "compare two settings of it: flakeproof compare"
        )
    home = Path.cwd()
    repository = find(home)
    refuse_absolute(wanted, given, repository)
    base = repository.resolve(given["base"] or "HEAD")
    fix = repository.resolve(given["fix"]) if given["fix"] is not None else None
    if repository.is_same(base, fix):
        what = f"revision {fix[:12]}" if fix is not None else "the working tree"
        raise UsageError(
            f"{what} has the same content as the base {base[:12]}",
            "name the revision before the fix: --base HEAD~1",
        )
    whole = whole_config(given)
    seed = seed_of(whole)
    for name in os.environ.keys() - without_repository(os.environ).keys():
        del os.environ[name]  # set by a git hook; a run in a checkout must not find the user's repository
    with ExitStack() as stack:
        parent = Path(stack.enter_context(temporary_root()))
        with about("base"):
            base_folder = stack.enter_context(checked_out(repository, base, parent))
        fix_folder = home
        if fix is not None:
            with about("fix"):
                fix_folder = stack.enter_context(checked_out(repository, fix, parent))
        python = interpreter.choose(given["python"], home, os.environ, for_tests=isinstance(wanted, PytestLine))
        remarks = _remarks(repository, fix, python.path)  # before a build makes files
        sides = ((base_folder, base), (fix_folder, fix))
        arms = [
            arm_at(name, wanted, given, repository, folder, commit, trial_seed(seed, number), python)
            for number, (name, (folder, commit)) in enumerate(zip(("base", "fix"), sides, strict=True), 1)
        ]
        content = repository.fingerprint() if fix is None else ""
        pair = arms[0], msgspec.structs.replace(arms[1], content=content)
        plain = _plain(wanted, given, pair[1], fix_folder, whole, python.path)
        return run_comparison(pair, given, whole, seed, plain, remarks)


def arm_at(
    name: str,
    wanted: str | CommandLine | PytestLine,
    given: Mapping[str, Any],
    repository: Repository,
    folder: Path,
    commit: str | None,
    seed: int,
    python: Interpreter,
    limit: float | None = None,
) -> ComparisonArm:
    """The arm in `folder`, built within `limit` seconds; `commit` is None for the working tree.

    Raises UsageError or CannotRunError.
    """
    if given["build"] is not None:
        build(name, given["build"], folder, {}, limit=limit)
    with about(name):
        environment = {} if commit is None else _environment(repository, folder, python.path)
        own = given if isinstance(wanted, CommandLine) else {**given, "python": python.path}
        spec = arm_spec(wanted, own, folder, seed)
    target = msgspec.structs.replace(
        spec.target,
        environment={**spec.target.environment, **environment},
        python_from=python.why if spec.target.python_from else "",
    )
    return ComparisonArm(name=name, spec=msgspec.structs.replace(spec, target=target), revision=commit or "")


def _plain(
    wanted: str | CommandLine | PytestLine,
    given: Mapping[str, Any],
    fix: ComparisonArm,
    folder: Path,
    whole: Config,
    python: str,
) -> RunSpec | None:
    """The unprovoked run that confirms the fix; None without --confirm."""
    own = unprovoked(given) if isinstance(wanted, CommandLine) else {**unprovoked(given), "python": python}
    with about(fix.name):
        spec = plain_spec(wanted, own, folder, given["confirm"], whole)
    if spec is None:
        return None
    target = msgspec.structs.replace(spec.target, environment=fix.spec.target.environment)
    return msgspec.structs.replace(spec, target=target)


def _environment(repository: Repository, folder: Path, python: str) -> dict[str, str]:
    """Variables that make `python` import from the checkout around `folder` in place of the working tree."""
    here = repository.root / repository.folder
    paths = imports.paths_for(python, repository.root, repository.top(folder), here)
    return {_PYTHON_PATH: imports.first_on(paths, os.environ)} if paths else {}


def refuse_absolute(wanted: str | CommandLine | PytestLine, given: Mapping[str, Any], repository: Repository) -> None:
    """Raise UsageError for an absolute path, which would lead to the working tree in both arms."""
    words = (
        wanted.arguments if isinstance(wanted, PytestLine) else wanted.words if isinstance(wanted, CommandLine) else ()
    )
    for word in (*words, *([given["cwd"]] if given["cwd"] else ())):
        path = Path(word.partition("::")[0])
        # The path as given and with links resolved: an interpreter in a .venv of the tree links to elsewhere.
        places = path, Path(os.path.realpath(path.parent), path.name), Path(os.path.realpath(path))
        if path.is_absolute() and any(place.is_relative_to(repository.root) for place in places):
            raise UsageError(
                f"{word} leads to the working tree in both arms", "write it as a path relative to the current folder"
            )


def _remarks(repository: Repository, fix: str | None, python: str) -> list[str]:
    """What the user should know before the comparison."""
    remarks = []
    if fix is None and (untracked := repository.untracked()):
        named = ", ".join(untracked[:_NAMED]) + (", …" if len(untracked) > _NAMED else "")
        remarks.append(f"{plural(len(untracked), 'file')} unknown to git: in the fix only ({named})")
    if fix is None and (dirty := repository.dirty_submodules()):
        remarks.append(f"changes in {plural(len(dirty), 'submodule')} are in the fix only: {', '.join(dirty[:_NAMED])}")
    if copies := imports.copies_of(python, repository.root):
        remarks.append(
            f"warning: {', '.join(copies[:_NAMED])} is installed as a copy: both arms import that copy and not their "
            "own code, unless it is installed in place (pip install -e .)"
        )
    return remarks
