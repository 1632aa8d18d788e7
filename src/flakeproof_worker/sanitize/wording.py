"""How a line of code and whom it ran for are written."""

from collections.abc import Sequence

from flakeproof_worker.sanitize import trace
from flakeproof_worker.sanitize.sighting import Place
from flakeproof_worker.shared.private import os


def line(places: Sequence[Place]) -> str:
    """`server.py:88`: the user's own line, where there is one; `places` has the innermost first."""
    place = trace.user_place(tuple(places)) or (places[0] if places else None)
    return f"{os.path.basename(place.file)}:{place.line}" if place is not None else "an unknown place"


def at(places: Sequence[Place], who: tuple[int, str]) -> str:
    """`at server.py:88 in test_x.py::test_y (test 12)`, as far as `who` tells."""
    trial, item = who
    if not trial:
        return f"at {line(places)}"
    return f"at {line(places)} in {item} (test {trial})" if item else f"at {line(places)} in test {trial}"
