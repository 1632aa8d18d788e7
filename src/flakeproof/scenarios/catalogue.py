"""The scenarios that ship with flakeproof, and the settings that each one takes."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from flakeproof.errors import UsageError
from flakeproof.text import parse_duration, whole_duration

Value = str | float | bool


@dataclass(frozen=True)
class Choice:
    """A setting with a few values."""

    values: tuple[str, ...]
    default: str

    def parse(self, text: str) -> str:
        """Return `text` if it is one of the values; raises ValueError."""
        if text not in self.values:
            raise ValueError(f"{text!r} is not one of {', '.join(self.values)}")
        return text


@dataclass(frozen=True)
class Seconds:
    """A setting that is a time."""

    default: float
    limit: float

    def parse(self, text: str) -> float:
        """Seconds in `text`; raises ValueError."""
        seconds = parse_duration(text)
        if seconds > self.limit:
            raise ValueError(f"{text!r} is more than {whole_duration(self.limit)}")
        return seconds


@dataclass(frozen=True)
class Scenario:
    """A target that ships with flakeproof."""

    name: str
    title: str
    module: str
    trials: Mapping[str, str]
    """Name of the function for each value of the setting `io`."""
    settings: Mapping[str, Choice | Seconds]
    workers: int
    workers_per_process: int
    """How many a process needs for the flake to show: it lives among trials that share a process."""
    provoking_workers: int
    """How many make it show often: for comparisons, which want failures and no rate."""
    ci_rate: float
    """Failure rate that its flake was first seen with."""
    descriptors_per_trial: int
    ports_per_trial: int
    provoking: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Values of settings that may make its flake show more often."""
    faces: tuple[str, ...] = ()
    """Signatures with which its flake shows, as patterns (`flakeproof.failures.signature`)."""
    loops: Mapping[str, str] = field(default_factory=dict)
    """Event loop factory for each value of `io`, where not asyncio's own."""

    def arguments(self, given: Mapping[str, str]) -> dict[str, Value]:
        """Values of all settings: those `given`, and the defaults.

        Raises UsageError for an unknown name or a bad value.
        """
        for name in given:
            if name not in self.settings:
                known = ", ".join(self.settings)
                raise UsageError(f"{self.name} has no setting {name!r}", f"its settings: {known}")
        values: dict[str, Value] = {}
        for name, setting in self.settings.items():
            try:
                values[name] = setting.parse(given[name]) if name in given else setting.default
            except ValueError as error:
                raise UsageError(f"--{name} of {self.name}: {error}") from None
        return values


TCPRTT = Scenario(
    name="tcprtt",
    title="TCP round-trip time through a test server: the flake of the original stress kit",
    module="flakeproof.scenarios.tcprtt",
    trials={"asyncio": "trial_asyncio", "threads": "trial_threads"},
    loops={"asyncio": "flakeproof.net.edge_loop:new_event_loop"},
    settings={
        "server": Choice(("fixed", "leaky"), "fixed"),
        "settle": Seconds(default=0.005, limit=60.0),
        "io": Choice(("asyncio", "threads"), "asyncio"),
        "monitor": Choice(("none", "packets"), "none"),
    },
    provoking={"settle": ("0ms", "20ms")},
    # A guard closes a descriptor by its number: it may be that of this end of a connection, or of the other one.
    faces=("StepError[EBADF] *", "StepError[EPIPE] write failed *", "StepError[ECONNRESET] write failed *"),
    workers=4,
    workers_per_process=2,
    provoking_workers=20,
    ci_rate=0.02,
    descriptors_per_trial=8,
    ports_per_trial=2,
)

SCENARIOS: Mapping[str, Scenario] = {TCPRTT.name: TCPRTT}
