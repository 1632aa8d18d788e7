"""Known flakes of networks (tests/planted/python_network): faults show each, the wire tells why, and no twin fails."""

import re
from typing import Any

import pytest
from tests.planted.network import NETWORK, NETWORK_FLAKES, NetworkFlake
from tests.tools import missing

import flakeproof
from flakeproof.events import AnyEvent, TrialFailed
from flakeproof.results.summary import Summary
from flakeproof_worker.system.namespace import possible

COUNT = 12
pytestmark = pytest.mark.long


def run(flake: NetworkFlake, function: str, failures: list[TrialFailed], **settings: Any) -> Summary:
    """Some tests, always of the same seed; what fails is noted."""

    def listen(event: AnyEvent) -> None:
        if isinstance(event, TrialFailed):
            failures.append(event)

    return flakeproof.run(
        f"{flake.module}:{function}",
        count=COUNT,
        workers=4,
        processes=1,
        seed=1,
        timeout="300s",
        on_event=listen,
        **settings,
    )


@pytest.mark.parametrize("flake", NETWORK_FLAKES, ids=lambda flake: flake.module)
def test_faults_show_it_and_not_its_twin(flake: NetworkFlake, monkeypatch: pytest.MonkeyPatch) -> None:
    """On the wire, that is: the side and the moment."""
    for what in ("faults", "packets"):
        if (why := possible(what)) is not None:
            missing(why)
    monkeypatch.chdir(NETWORK)
    failures: list[TrialFailed] = []
    run(flake, "flaky", failures, network=flake.network, watch="packets")
    told = [(event.failure.message, event.failure.details["wire"]["lines"]) for event in failures]
    assert any(
        flake.message in message and any(re.search(flake.evidence, line) for line in lines) for message, lines in told
    ), told

    twin: list[TrialFailed] = []
    assert run(flake, "fixed", twin, network=flake.network).passed == COUNT, twin
