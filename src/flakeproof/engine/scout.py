"""Run the first test of a run alone, to see what copies of it would collide over before any copy starts.

If it binds a fixed port, each later test gets a network of its own, if that is permitted and the test uses no other
network. The second test also runs alone, to show that tests work in such a network; if not, it is switched off again.
"""

from collections.abc import Callable
from enum import Enum

from flakeproof.engine.messages import Used
from flakeproof.model import CommandTarget, Isolation, RunSpec
from flakeproof.text import shown_path

_PATIENCE_NS = 30_000_000_000
"""Other tests wait at most this long for the first one."""


class _Step(Enum):
    FIRST = 1
    """The first test must be leased."""
    LOOKING = 2
    SECOND = 3
    """Private networks have been switched on: the test that tries one must be leased."""
    TRYING = 4
    OVER = 5


class Scout:
    """Decides which tests may run at the beginning of a run, and whether each gets a private network."""

    def __init__(
        self,
        hindrance: Callable[[], str | None],
        note: Callable[[str], None],
        *,
        may_switch: bool = True,
        may_slow: bool = False,
    ) -> None:
        """`hindrance` returns why private networks are not permitted, None if they are; `note` informs the user.

        Without `may_switch`, the scout only observes. With `may_slow`, tests run one at a time if nothing else helps.
        """
        self._may_switch = may_switch
        self._may_slow = may_slow
        self._hindrance = hindrance
        self._note = note
        self._step = _Step.FIRST
        self._since = 0
        self.trial = 0
        """The test that runs alone, or was the last to do so."""
        self.used: Used | None = None
        """What the first test used."""
        self.private_network = False
        """Whether each test that begins now has a private network."""
        self.one_at_a_time = False
        """Whether no test may start while another one runs."""

    @property
    def is_over(self) -> bool:
        """Whether all tests may run."""
        return self._step is _Step.OVER

    @property
    def permits_more(self) -> bool:
        """Whether more tests than planned may run at once: the first one used nothing that copies collide over."""
        used = self.used
        collides = used is not None and (used.files or (used.ports and not self.private_network))
        return self.is_over and not self.one_at_a_time and not collides

    @property
    def wants_trial(self) -> bool:
        """Whether one test must be leased, and no other."""
        return self._step in (_Step.FIRST, _Step.SECOND)

    @property
    def looks(self) -> bool:
        """Whether the next test's use of ports, files and network is observed."""
        return self._step is _Step.FIRST

    def started(self, trial: int, now: int) -> None:
        """Note that `trial` has been leased, at the monotonic time `now` (ns)."""
        self.trial, self._since = trial, now
        self._step = _Step.LOOKING if self._step is _Step.FIRST else _Step.TRYING

    def is_trying(self, trial: int) -> bool:
        """Whether `trial` is the one that tries a private network: if it fails, flakeproof may be the cause."""
        return self._step is _Step.TRYING and trial == self.trial

    def ended(self, *, passed: bool) -> None:
        """Take in how the test that ran alone ended, and decide."""
        if self._step is _Step.LOOKING:
            self._step = _Step.SECOND if self._decide() and passed else _Step.OVER
        elif self._step is _Step.TRYING:
            self._step = _Step.OVER
            if not passed:
                self.private_network = False
                self._slow_down(f"test {self.trial} failed in a network of its own and runs again without one")

    def came_back(self) -> None:
        """Note that the process ended before it had started the test: another process must run it."""
        if self._step is _Step.LOOKING:
            self._step = _Step.FIRST
        elif self._step is _Step.TRYING:
            self._step = _Step.SECOND

    def look(self, now: int) -> None:
        """Let the other tests run if the one that runs alone takes too long."""
        if self._step in (_Step.LOOKING, _Step.TRYING) and now - self._since > _PATIENCE_NS:
            self._step = _Step.OVER

    def _decide(self) -> bool:
        """Switch private networks on if they help; return whether they are on."""
        used = self.used
        if used is None or not used.ports or not self._may_switch:
            return False
        port, file, line = used.ports[0]
        binds = f"test {self.trial} binds port {port}" + (f" (at {shown_path(file)}:{line})" if file else "")
        if used.elsewhere:
            self._slow_down(f"{binds} and uses {used.elsewhere}, so it gets no network of its own")
            return False
        if (why := self._hindrance()) is not None:
            self._slow_down(f"{binds}, and a network of its own is not possible here ({why})")
            return False
        self.private_network = True
        self._note(f"{binds}: each test has a network of its own from now on (to prevent this: --no-private-network)")
        return True

    def _slow_down(self, why: str) -> None:
        """Make tests run one at a time if the user has left that to flakeproof, and note why."""
        self.one_at_a_time = self._may_slow
        if self._may_slow:
            self._note(f"{why}: tests run one at a time, so as not to collide (-w 2 for two at once)")
        else:
            self._note(f"{why}: tests that run at once may collide; one at a time: -w 1")


def suits(spec: RunSpec) -> bool:
    """Whether tests of this run may collide, and no setting gives them private networks."""
    several = spec.workers > 1 and (spec.count is None or spec.count > 1)
    own_process = spec.isolation is not Isolation.SHARED and not isinstance(spec.target, CommandTarget)
    changed = spec.perturbations.ports or spec.perturbations.network
    return several and own_process and not changed and not spec.private_network
