"""Faults of a network, as text that both halves read: `delay=0.02,loss=0.01`, in seconds, shares, bits a second."""

from dataclasses import dataclass, fields


@dataclass(frozen=True)
class Faults:
    """What a network does to the packets of a trial; 0 where nothing."""

    delay: float = 0.0
    """Seconds that each packet takes."""
    jitter: float = 0.0
    """Seconds by which that varies, up and down, evenly; the order of packets stays."""
    loss: float = 0.0
    """Share of packets that are lost."""
    reorder: float = 0.0
    """Share of packets that are not delayed, and so come before earlier ones."""
    rst: float = 0.0
    """Share of TCP packets in whose place both ends get an RST."""
    bandwidth: float = 0.0
    """Bits that pass in a second, each way."""
    dns: float = 0.0
    """Share of look-ups of names that fail."""

    @property
    def of_packets(self) -> bool:
        """Whether anything happens to packets, so that they have to pass a relay."""
        return any(getattr(self, name) for name in _NAMES if name != "dns")

    def written(self) -> str:
        """As `read_faults` reads it."""
        return ",".join(f"{name}={value:.9g}" for name in _NAMES if (value := getattr(self, name)))


_NAMES = tuple(field.name for field in fields(Faults))
NO_NETWORK = "none"
"""In place of faults: nothing but loopback can be reached."""


def has_packet_faults(text: str | None) -> bool:
    """Whether packets are to have faults, so that each trial needs a process and a network of its own."""
    faults = read_faults(text)
    return faults is not None and faults.of_packets


def read_faults(text: str | None) -> Faults | None:
    """The faults in a `text` that `Faults.written` made; None where there are none."""
    if not text or text == NO_NETWORK:
        return None
    return Faults(**{name: float(value) for name, _, value in (part.partition("=") for part in text.split(","))})
