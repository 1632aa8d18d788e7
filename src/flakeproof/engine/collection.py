"""The tests that pytest has collected, the same in all processes of a run, and those that no longer run."""

from collections.abc import Iterable, Sequence

from flakeproof.engine.messages import SessionFixtures
from flakeproof.errors import CannotRunError
from flakeproof.text import short_duration


class Collected:
    """The collected tests of a run; none if pytest does not run the target."""

    def __init__(self) -> None:
        self.items: list[str] = []
        self._dropped: set[str] = set()

    def hear(self, items: Sequence[str]) -> bool:
        """A process has collected `items`; return whether it is the first.

        Raises CannotRunError if earlier processes collected other items: then they cannot be counted together.
        """
        if not self.items:
            self.items = list(items)
            return bool(items)
        if set(items) != set(self.items):
            first, second = (sorted(set(one) - set(other)) for one, other in ((self.items, items), (items, self.items)))
            example = next(iter(first or second))
            raise CannotRunError(
                f"two processes have collected different tests: {example} is in one of them only",
                "ids that depend on the order of a set differ from process to process: sort it, give the parameters "
                "ids of their own, or set PYTHONHASHSEED=0",
            )
        return False

    @property
    def dropped(self) -> set[str]:
        """Tests that no longer run."""
        return self._dropped

    def drop(self, items: Iterable[str]) -> list[str]:
        """Stop running these tests; return those that were not stopped before."""
        failed = {item for item in items if item in self.items} - self._dropped
        self._dropped |= failed
        return sorted(failed)

    @property
    def is_used_up(self) -> bool:
        """Whether no test is left to run."""
        return bool(self.items) and len(self._dropped) == len(self.items)


_MUCH = 0.5
"""Share of a pass that fixtures must take to be mentioned."""
_NAMED = 3


def session_note(message: SessionFixtures) -> str | None:
    """A note that names the fixtures, the most expensive first; None if they take little of the pass."""
    spent = sum(message.spent.values())
    if spent < _MUCH * message.ns:
        return None
    names = sorted(message.spent, key=lambda name: -message.spent[name])[:_NAMED]
    part, whole = short_duration(spent / 1e9), short_duration(message.ns / 1e9)
    return (
        f"Session fixtures take {part} of the {whole} of a pass ({', '.join(names)}), because each fork sets them up: "
        "--session-fixtures once sets them up once in each process, before its forks; do not use it for fixtures that "
        "hold a thread or a connection, which forks cannot share"
    )
