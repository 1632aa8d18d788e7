"""What pytest has collected, the same in all processes of a run, and what of it is not run any more."""

from collections.abc import Iterable, Sequence

from flakeproof.errors import CannotRunError


class Collected:
    """The items of a run; none where the target is no test of pytest."""

    def __init__(self) -> None:
        self.items: list[str] = []
        self._dropped: set[str] = set()

    def hear(self, items: Sequence[str]) -> bool:
        """A process has collected `items`; whether it is the first.

        Raises CannotRunError if it has others than those before: then they cannot be counted together.
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
        """What is not run any more."""
        return self._dropped

    def drop(self, items: Iterable[str]) -> list[str]:
        """Run these no more; those of them that were run until now."""
        failed = {item for item in items if item in self.items} - self._dropped
        self._dropped |= failed
        return sorted(failed)

    @property
    def is_used_up(self) -> bool:
        """Whether nothing of it is run any more."""
        return bool(self.items) and len(self._dropped) == len(self.items)
