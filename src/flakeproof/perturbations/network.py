"""`--network`: none at all, or one that delays, loses, reorders and resets; and whether this machine permits it."""

from collections.abc import Callable, Mapping
from typing import Any

from flakeproof.model import CommandTarget, Target
from flakeproof.perturbations.perturbation import Hindrance, PerturbationKind
from flakeproof.perturbations.resources import hindered
from flakeproof.text import parse_duration, parse_rate, rate, shortened
from flakeproof_worker.shared.network_faults import NO_NETWORK, Faults, has_packet_faults, read_faults

_FORM = "write it like delay=20ms,jitter=10ms,loss=1%,reorder=5%,rst=0.1%,bandwidth=1mbit,dns=fail, or none"
_LONGEST = 60.0
_UNITS = {"gbit": 1e9, "mbit": 1e6, "kbit": 1e3, "bit": 1.0}
"""Powers of 1000, as in tc(8)."""
_SLOWEST, _FASTEST = 1e3, 1e10


def _duration(text: str) -> float:
    found = parse_duration(text)
    if not 0 < found <= _LONGEST:
        raise ValueError(f"{shortened(text)!r} is not between nothing and a minute")
    return found


def _share(text: str) -> float:
    found = parse_rate(text)
    if not found:
        raise ValueError(f"{shortened(text)!r} is no fault at all")
    return found


def _names(text: str) -> float:
    return 1.0 if text == "fail" else _share(text)


def _bandwidth(text: str) -> float:
    for unit, factor in _UNITS.items():
        if text.endswith(unit):
            try:
                found = float(text.removesuffix(unit)) * factor
            except ValueError:
                break
            if _SLOWEST <= found <= _FASTEST:
                return found
            raise ValueError(f"{shortened(text)!r} is not between 1kbit and 10gbit")
    raise ValueError(f"{shortened(text)!r} is no bandwidth; write it like 1mbit or 64kbit, in a second")


_READERS: Mapping[str, Callable[[str], float]] = {
    "delay": _duration,
    "jitter": _duration,
    "loss": _share,
    "reorder": _share,
    "rst": _share,
    "bandwidth": _bandwidth,
    "dns": _names,
}


def parse_network(given: Any) -> str:
    """`none`, or the faults in the worker's form. Raises ValueError."""
    text = str(given).strip()
    if text == NO_NETWORK:
        return text
    found: dict[str, float] = {}
    for part in (part.strip() for part in text.split(",")):
        name, equals, amount = part.partition("=")
        if name not in _READERS or not equals:
            raise ValueError(f"{shortened(part)!r} is no fault of a network; {_FORM}")
        if name in found:
            raise ValueError(f"{name} is given twice; give it once")
        try:
            found[name] = _READERS[name](amount)
        except ValueError as error:
            raise ValueError(f"{name}: {error}") from None
    faults = Faults(**found)
    if faults.jitter > faults.delay:
        raise ValueError(
            f"jitter={amount_of('jitter', faults.jitter)} is more than the delay that it varies; "
            f"add delay={amount_of('jitter', faults.jitter)} or more"
        )
    if faults.reorder and not faults.delay:
        raise ValueError("reorder lets packets pass others that are delayed, and none is; add delay=20ms")
    return faults.written()


def amount_of(name: str, value: float) -> str:
    """One fault as a user would type it: `20ms`, `1%`, `1mbit`, `fail`."""
    if name in ("delay", "jitter"):
        return f"{value:.9g}s" if value >= 1 else f"{value * 1000:.9g}ms"
    if name == "bandwidth":
        unit, factor = next((unit, factor) for unit, factor in _UNITS.items() if value >= factor)
        return f"{value / factor:g}{unit}"
    return "fail" if name == "dns" and value == 1 else rate(value)


def written_network(text: str) -> str:
    """What `parse_network` made, as a user would type it."""
    faults = read_faults(text)
    if faults is None:
        return text
    return ",".join(f"{name}={amount_of(name, value)}" for name in _READERS if (value := getattr(faults, name)))


def _hindrance(text: str, target: Target) -> Hindrance | None:
    faults = read_faults(text)
    is_command = isinstance(target, CommandTarget)
    if faults is None:
        return hindered("network") if is_command else None  # for Python code, functions are replaced
    if faults.dns and is_command:
        return Hindrance(
            "dns makes Python's own functions fail, and this target is a command",
            "leave dns out: in a network with other faults no name is known but those in /etc/hosts",
        )
    return hindered("faults") if faults.of_packets else None


def _words(text: str) -> list[str]:
    return ["--network", written_network(text)]


NETWORK = PerturbationKind(
    "network", "network", parse_network, _words, own_process=has_packet_faults, hindrance=_hindrance
)
