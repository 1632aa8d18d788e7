"""The command that shows it in a shell, and that it does so."""

import os
import shlex
from collections.abc import Callable, Sequence
from typing import Any

from flakeproof.features.isolate.plain_pytest import run_side_by_side
from flakeproof.features.isolate.victim_runs import Arrangement
from flakeproof.model import PytestTarget
from flakeproof.text import plural, shown_path
from flakeproof_worker.system.folders import shared_folders

_AT_ONCE = 2


class Shell:
    """Makes such commands and runs them."""

    def __init__(
        self,
        target: PytestTarget,
        test: str,
        found: dict[str, Any],
        hash_seed: str,
        run_id: str,
        limit: float | None,
        check: Callable[[], None],
        *,
        apart: bool,
    ) -> None:
        """`found` is what a probe has told of pytest; `hash_seed` is the PYTHONHASHSEED of the probes.

        `limit` is the time limit of one run in seconds, `check` is called all the time and may raise. Runs that are to
        be `apart` each have the files of the project, the home folder and /tmp to themselves.
        """
        self._target = target
        self._test = test
        self._root = found.get("root", target.folder)
        self._flags = _flags(found)
        self._hash_seed = hash_seed
        self._run = run_id
        self._limit = limit
        self._check = check
        self._apart = shared_folders(target.folder, self._root) if apart else []

    def words(self, arrangement: Arrangement) -> list[str]:
        """The command for the test in this company."""
        return [self._target.python, "-m", "pytest", *self._target.options, *self.tests(arrangement), *self._flags]

    def tests(self, arrangement: Arrangement) -> list[str]:
        """The test in this company, as one types them in the folder of the target."""
        return [self._typed(one) for one in (*arrangement.before, self._test, *arrangement.after)]

    def confirm(self, arrangement: Arrangement, times: int, *, failing: bool) -> tuple[str, bool | None, str]:
        """The command for a shell, whether it does what it should, and what was seen.

        It is run in fresh interpreters, at most so many `times` until the test fails (or passes, if not `failing`);
        beside it the test alone, which should not.
        """
        for prefix in ([], ["env", f"PYTHONHASHSEED={self._hash_seed}"]):
            with_them, alone = [*prefix, *self.words(arrangement)], [*prefix, *self.words(Arrangement())]
            shown = runs = alone_shown = alone_runs = 0
            while runs < times and not shown:
                commands = [with_them] if not arrangement.others else [with_them, alone]
                outcomes = self.outcomes(commands)
                if outcomes[0] is None:
                    break
                runs += 1
                shown += outcomes[0] is failing
                if len(outcomes) > 1 and outcomes[1] is not None:
                    alone_runs += 1
                    alone_shown += outcomes[1] is failing
            if shown:
                break
        line = shlex.join([*prefix, shown_path(self._target.python), *with_them[len(prefix) + 1 :]])
        if not runs:
            return line, None, "it could not be run to an end in a fresh interpreter"
        how = "failed" if failing else "passed"
        said = f"in fresh interpreters it {how} in {shown} of {plural(runs, 'run')}"
        if alone_runs:
            said += f", alone in {alone_shown} of {alone_runs}"
        return line, bool(shown) and (not alone_runs or alone_shown < alone_runs), said

    def outcomes(self, commands: Sequence[Sequence[str]]) -> list[bool | None]:
        """Run them side by side; for each whether the test failed, None if that is not known."""
        return run_side_by_side(
            commands, self._test, self._target.folder, self._run, self._limit, self._check, self._apart
        )

    def with_imports(self, files: Sequence[str]) -> list[str]:
        """The command for the test alone, while pytest imports `files` (as in node ids) as well."""
        others = [self._typed(one) for one in files]
        left_out = [word for one in files for word in ("--deselect", one)]
        python, *words = self.words(Arrangement())
        split = len(words) - len(self._flags) - 1
        return [python, *words[:split], *others, *words[split:], *left_out]

    def shown(self, command: Sequence[str]) -> str:
        """A command of this one as a line for a shell in the folder of the target."""
        return shlex.join([shown_path(self._target.python), *command[1:]])

    def _typed(self, test: str) -> str:
        """The node id as one types it in the folder of the target."""
        file, colons, rest = test.partition("::")
        return os.path.relpath(os.path.join(self._root, file), self._target.folder) + colons + rest  # noqa: PTH118


def _flags(found: dict[str, Any]) -> Sequence[str]:
    """Options that keep plugins from changing what the command says."""
    plugins = found.get("plugins", ())
    flags = [f"-pno:{name}" for name in ("randomly", "random_order") if name in plugins]
    words = [word for flag in flags for word in ("-p", flag[2:])]
    if "xdist" in plugins:
        words.append("-n0")
    if "cacheprovider" in plugins and not found.get("remembers"):
        words += ["-p", "no:cacheprovider"]
    return words
