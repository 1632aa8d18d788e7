"""Apply the perturbations of a run to what a trial executes; without perturbations nothing is changed."""

from collections.abc import Callable, Mapping
from functools import wraps
from typing import TYPE_CHECKING, Any, Protocol

from flakeproof_worker.current import current_trial
from flakeproof_worker.loaded_target import Loaded
from flakeproof_worker.shared.network_faults import NO_NETWORK, read_faults

if TYPE_CHECKING:
    from flakeproof_worker.perturb.faketime import Faketime
    from flakeproof_worker.pytest_driver.selection import Selection


class Perturbation(Protocol):
    """One kind of perturbation."""

    def prepare(self) -> None:
        """Get ready, before any code of the user is imported."""

    def begin(self, trial: int, seed: int) -> None:
        """A trial begins in this thread."""

    def end(self, trial: int) -> None:
        """The trial has ended."""


def prepare(
    asked: Mapping[str, Any], target: Mapping[str, Any], scratch: str, together: int = 1
) -> Callable[[Loaded], Loaded]:
    """Prepare the perturbations `asked`; return a function that applies them to the loaded target.

    `scratch` is the folder of the run, which receives what the perturbations record; `together` is how many trials a
    process runs at once.
    """
    if target["kind"] == "command":
        return lambda loaded: loaded
    perturbations = _made(asked, target, scratch, together)
    if not perturbations and not _of_a_pass(asked):
        return lambda loaded: loaded
    for perturbation in perturbations:
        perturbation.prepare()
    return _Around(perturbations, asked).put


def variables_for(asked: Mapping[str, Any], target: Mapping[str, Any]) -> Callable[[int], dict[str, str]]:
    """Map the seed of a trial to the variables that are added to the environment of the trial's program."""
    if not any(asked.get(name) for name in ("hash_seed", "timezones", "locales")):
        return lambda seed: {}
    from flakeproof_worker.shared.variables import of_trial

    own = target["environment"]  # set by the user or by an experiment, so it takes precedence
    return lambda seed: {name: value for name, value in of_trial(asked, seed).items() if name not in own}


def clock_for(asked: Mapping[str, Any], environment: Mapping[str, str]) -> "Faketime | None":
    """The clocks of trials that are commands with this environment; None where they use the machine's clock."""
    if not asked.get("clock"):
        return None
    from flakeproof_worker.perturb.faketime import Faketime

    return Faketime(asked, environment)


def _of_a_pass(asked: Mapping[str, Any]) -> bool:
    """Whether a perturbation changes how pytest's pass itself runs."""
    return bool(asked.get("reverse") or asked.get("random_seed"))


def _made(asked: Mapping[str, Any], target: Mapping[str, Any], scratch: str, together: int) -> list[Perturbation]:
    found: list[Perturbation] = []
    if asked.get("delays") or asked.get("records_places"):
        from flakeproof_worker.shared.user_code import OwnCode, folders_of

        own = OwnCode(folders_of(target))
        if asked["records_places"]:
            from flakeproof_worker.perturb.places import NAME, PlaceRecorder

            found.append(PlaceRecorder(own, f"{scratch}/{NAME}"))
        if asked["delays"]:
            from flakeproof_worker.perturb.delay import Delays
            from flakeproof_worker.shared.user_code import DELAY_MARK

            found.append(Delays(asked["delays"], own, f"{scratch}/{DELAY_MARK}"))
    if asked.get("race"):
        from flakeproof_worker.perturb.race import Race

        found.append(Race())
    if len(asked.get("timezones") or ()) > 1:  # before the clock, whose midnight depends on the zone
        from flakeproof_worker.perturb.process_state import Zone

        found.append(Zone(asked))
    if asked.get("clock"):
        from flakeproof_worker.perturb.clock import Clock

        found.append(Clock(asked["clock"]))
    if asked.get("stopwatch"):
        from flakeproof_worker.perturb.stopwatch import Stopwatch

        found.append(Stopwatch(asked["stopwatch"]))
    if asked.get("patience"):
        from flakeproof_worker.perturb.patience import Patience

        found.append(Patience(asked["patience"]))
    if asked.get("awaits"):
        from flakeproof_worker.perturb.awaiting import Awaiting

        found.append(Awaiting(asked["awaits"]))
    if asked.get("gc") is not None:
        from flakeproof_worker.perturb.process_state import Garbage

        found.append(Garbage(asked["gc"]))
    if asked.get("directory_order"):
        from flakeproof_worker.perturb.listings import Listings

        found.append(Listings(asked["directory_order"]))
    if wanted := asked.get("random_seed"):
        from flakeproof_worker.generators import start_of
        from flakeproof_worker.perturb.entropy import Entropy

        found.append(Entropy(start_of(wanted) or (lambda seed: seed)))
    if asked.get("max_fds"):
        from flakeproof_worker.perturb.process_state import FewDescriptors

        found.append(FewDescriptors(asked["max_fds"] * together))
    if asked.get("network") == NO_NETWORK:
        from flakeproof_worker.perturb.network import Offline

        found.append(Offline())
    elif (faults := read_faults(asked.get("network"))) is not None and faults.dns:
        from flakeproof_worker.perturb.network import FailingNames

        found.append(FailingNames(faults.dns))
    return found


class _Around:
    def __init__(self, perturbations: list[Perturbation], asked: Mapping[str, Any]) -> None:
        self._perturbations = perturbations
        self._asked = asked

    def put(self, loaded: Loaded) -> Loaded:
        """Apply the perturbations to a function, or to pytest's passes."""
        if loaded.selection is not None:
            if _of_a_pass(self._asked):
                loaded.selection.perturb(self._asked)
            self._around_selection(loaded.selection)
        elif loaded.is_async:
            loaded.function = self._around_coroutine(loaded.function)
        else:
            loaded.function = self._around_function(loaded.function)
        return loaded

    def begin(self, trial: int, seed: int) -> None:
        for perturbation in self._perturbations:
            perturbation.begin(trial, seed)

    def end(self, trial: int) -> None:
        for perturbation in reversed(self._perturbations):
            perturbation.end(trial)

    def _around_function(self, function: Callable[[], Any]) -> Callable[[], Any]:
        def perturbed() -> Any:
            trial, seed = current_trial()
            self.begin(trial, seed)
            try:
                return function()
            finally:
                self.end(trial)

        return perturbed

    def _around_coroutine(self, function: Callable[[], Any]) -> Callable[[], Any]:
        async def perturbed() -> Any:
            trial, seed = current_trial()
            self.begin(trial, seed)
            try:
                return await function()
            finally:
                self.end(trial)

        return perturbed

    def _around_selection(self, selection: "Selection") -> None:
        run = selection.run

        @wraps(run)
        def perturbed(trial: int, seed: int, *arguments: Any, **order: Any) -> dict[str, Any]:
            self.begin(trial, seed)
            try:
                return run(trial, seed, *arguments, **order)
            finally:
                self.end(trial)

        selection.run = perturbed  # type: ignore[method-assign]
