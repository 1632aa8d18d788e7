"""Each run goes into the history when it has ended, where that is configured."""

import os
from pathlib import Path

from flakeproof.clock import now
from flakeproof.errors import FlakeproofError
from flakeproof.features.history.database import HistoryDatabase, place_of
from flakeproof.revisions.git import Git
from flakeproof.settings.load import Config


class HistoryRecorder:
    """Adds one run to the history that `config` names."""

    def __init__(self, config: Config) -> None:
        """Raises UsageError where that history cannot be opened: before a run, not behind it."""
        self._place = place_of(config)
        HistoryDatabase(self._place).close()

    def record(self, folder: Path) -> str | None:
        """Add the run whose record is in `folder`; why not, where that is not possible."""
        from flakeproof.features.history.importing import Importer
        from flakeproof.features.history.job_facts import FactFinder
        from flakeproof.features.history.run_records import of_run

        try:
            finder = FactFinder(_checked_out(), os.environ, now().timestamp())
            found = of_run(folder, finder)
            if isinstance(found, str):
                return None  # nothing came to its end: the run itself has said so
            database = HistoryDatabase(self._place)
            try:
                importer = Importer(database)
                importer.add(found)
                importer.finish()
            finally:
                database.close()
        except FlakeproofError as error:
            return f"the run was not added to the history: {error.message}"
        return None


def _checked_out() -> dict[str, str | None]:
    """Commit and branch of the current folder, if it is one of git's and no file that git knows has been changed."""
    git = Git(Path.cwd())
    try:
        head, changed = git.ask("rev-parse", "HEAD"), git.ask("status", "--porcelain", "--untracked-files=no")
        branch = git.ask("symbolic-ref", "--short", "-q", "HEAD")
    except FlakeproofError:
        return {}
    if not head.is_good:
        return {}
    # What was run with changes is of no commit, whatever the variables of CI say.
    commit = "" if not changed.is_good or changed.line else head.line
    return {"commit": commit, "branch": branch.line if branch.is_good else None}
