"""Plugins that are imported in the order of a set."""

import importlib

ORDER = []
for name in {"colorsys", "wave", "fileinput", "sched"}:
    importlib.import_module(name)
    ORDER.append(name)


def test_last():
    """The last one wins, and one of the four must not."""
    assert ORDER[-1] != "sched"
