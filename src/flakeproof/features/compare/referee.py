"""Says, while a comparison goes on, whether it is decided."""

from collections.abc import Callable, Sequence

from flakeproof.features.compare.events import AnyComparisonEvent, PairEnded
from flakeproof.features.compare.history import ComparisonHistory
from flakeproof.features.compare.verdict import decide

Listener = Callable[[AnyComparisonEvent], None]


class Referee:
    """Counts what happens and passes it on."""

    def __init__(self, listeners: Sequence[Listener]) -> None:
        """Each of `listeners` hears every event, after it has been counted in `history`."""
        self._listeners = listeners
        self._over = False
        self.history = ComparisonHistory()

    def hear(self, event: AnyComparisonEvent) -> None:
        """Take in `event`."""
        self.history.add(event)
        for listener in self._listeners:
            listener(event)
        # Nothing is decided by a pair that does not disagree, and most do not.
        if isinstance(event, PairEnded) and not event.is_clean and self.history.spec is not None:
            self._over = decide(self.history.spec, self.history).over

    def is_over(self) -> bool:
        """Whether there is a verdict."""
        return self._over

    def is_spent(self) -> bool:
        """Whether the trials that may be spent have been."""
        spec = self.history.spec
        return spec is not None and spec.most_trials is not None and self.history.trials >= spec.most_trials
