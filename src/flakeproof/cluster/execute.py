"""Run a specification on a cluster from start to last event, as `engine.execute` does on this machine."""

import os
import sys
from collections.abc import Callable, Sequence

from flakeproof.clock import now
from flakeproof.cluster.coordinator import Coordinator
from flakeproof.cluster.exchange import Links, NodeOrder
from flakeproof.engine.execute import Sink, signals_stop
from flakeproof.engine.leases import Pool
from flakeproof.engine.run_end import Inquiry
from flakeproof.events import AnyEvent, Noted, RunStarted
from flakeproof.model import RunSpec
from flakeproof.version import PACKAGE, __version__

Connect = Callable[[str, str], Links]
"""Connects to the cluster at an address, to which a folder travels. Raises UsageError or CannotRunError."""


def connect_to_ray(address: str, folder: str) -> Links:
    """Connect to a Ray cluster."""
    from flakeproof.cluster.ray_links import RayLinks  # here: nobody else needs Ray

    return RayLinks(address, folder)


def execute_on_cluster(
    spec: RunSpec,
    run_id: str,
    sinks: Sequence[Sink],
    inquiry: Inquiry | None,
    *,
    watches_copies: bool = False,
    connect: Connect = connect_to_ray,
) -> None:
    """Run `spec` at `spec.on`; every event goes to every sink; `inquiry` answers the run's question, if it has one.

    With `watches_copies`, tests that run at once on a node are kept from colliding if possible.

    Raises UsageError or CannotRunError if nothing could be run.
    """
    assert spec.on is not None

    def emit(event: AnyEvent) -> None:
        for sink in sinks:
            sink(event)

    project = spec.target.folder
    links = connect(spec.on, project)
    try:
        order = NodeOrder(
            spec=spec,
            run_id=run_id,
            version=__version__,
            project=project,
            python=sys.executable,
            flakeproof=PACKAGE,
            cpus=0,
            watches_copies=watches_copies,
        )
        pool = Pool(spec.first, spec.count, spec.chosen)
        coordinator = Coordinator(spec, order, links, emit, pool, inquiry)
        emit(
            RunStarted(run_id=run_id, at=now().isoformat(), version=__version__, spec=spec, machine=os.uname().nodename)
        )
        for note in spec.left_out:
            emit(Noted(message=note))
        with signals_stop(coordinator.stop):
            coordinator.run()
    finally:
        links.close()
    emit(coordinator.end())
