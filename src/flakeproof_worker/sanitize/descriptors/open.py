"""A descriptor that outlives the trial that has opened it."""

from flakeproof_worker.sanitize.descriptors.owners import Owner
from flakeproof_worker.sanitize.descriptors.table import Table
from flakeproof_worker.sanitize.leaks.leftover import Creation, Description, Leftover
from flakeproof_worker.sanitize.trace import places, user_place


class LeftOpen(Leftover):
    """A descriptor that nobody has closed."""

    __slots__ = ("_owner", "_table", "creation", "lingered_ns", "seen")

    def __init__(self, table: Table, owner: Owner) -> None:
        self._table = table
        self._owner = owner
        self.creation = Creation(owner.who, owner.made)
        self.lingered_ns = 0
        self.seen: Description | None = None

    def is_gone(self) -> bool:
        """Whether it has been closed meanwhile."""
        return not self._table.has(self._owner)

    def describe(self) -> Description:
        """What it is."""
        owner = self._owner
        noun = "listener" if owner.listens() else owner.kind
        made = user_place(places(owner.made))
        what = f"{noun} opened in {made.function}" if made is not None else f"{noun} "
        return Description(noun, what, f"descriptor {owner.number} ({owner.described()})", "left open")
