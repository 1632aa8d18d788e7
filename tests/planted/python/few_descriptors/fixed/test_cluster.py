import socket
from pathlib import Path

from cluster import at_once

NODES = [f"node {number}" for number in range(300)]


def test_every_node_is_there(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "door"))
        listener.listen(len(NODES))
        assert len(at_once(NODES, str(tmp_path / "door"))) == len(NODES)
