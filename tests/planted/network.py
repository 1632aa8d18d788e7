"""The known flakes of `python_network` as data: under which faults each fails, and what the wire shows then.

Each is a module with two functions, `flaky` and its twin `fixed`. In a network of its own, and without faults, neither
fails.
"""

from dataclasses import dataclass
from pathlib import Path

NETWORK = Path(__file__).parent / "python_network"
_ENDS = r"127\.0\.0\.1:\d+ to 127\.0\.0\.1:\d+"
_TIME = r"[\d.]+ m?s"


@dataclass(frozen=True)
class NetworkFlake:
    """One that a network with faults shows."""

    module: str
    network: str
    """What `--network` is given."""
    message: str
    """A part of its failure's."""
    evidence: str
    """A pattern for a line that tells what the wire has shown: the side, and the moment."""


NETWORK_FLAKES = (
    NetworkFlake(
        "early_answer",
        "delay=50ms",
        "reset by peer",
        rf"9 bytes back.*the server sent RST {_TIME} after .*not read",
    ),
    NetworkFlake(
        "late_fin",
        "delay=100ms,jitter=100ms",
        "closed",
        rf"8 bytes there, 4 bytes back.*the server sent FIN {_TIME} after the client's 4 bytes",
    ),
    NetworkFlake(
        "port_again",
        "delay=100ms",
        "Address already in use",
        rf"4 bytes there, 4 bytes back.*the (client|server) sent FIN {_TIME} after",
    ),
    NetworkFlake(
        "one_query",
        "loss=10%",
        "could not be looked up",
        rf"(28|44) bytes from {_ENDS} \(UDP\) was lost after {_TIME}",
    ),
    NetworkFlake("half_open", "loss=15%", "timed out", rf"ACK from {_ENDS} \(TCP\) was lost after {_TIME}"),
    NetworkFlake("impatient", "loss=5%", "timed out", rf"4 bytes from {_ENDS} \(TCP\) was lost after {_TIME}"),
)
