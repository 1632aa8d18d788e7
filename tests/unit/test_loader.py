"""Finding the target."""

import functools
from pathlib import Path

import pytest

from flakeproof_worker.loader import UnloadableError, load


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A module with all kinds of targets."""
    (tmp_path / "loader_target.py").write_text(
        "class Case:\n    def method(self): pass\n    @staticmethod\n    def check(): return 'static'\n"
        "async def waits(): pass\n"
        "def takes(value): return value\n"
        "number = 3\n"
    )
    (tmp_path / "loader_broken.py").write_text("import no_such_module_anywhere\n")
    (tmp_path / "loader_exits.py").write_text("import sys\nsys.exit(3)\n")
    monkeypatch.syspath_prepend(tmp_path)
    return "loader_target"


def test_functions_are_found_bound_and_told_apart(module: str) -> None:
    """Dotted names, arguments by name, coroutine functions."""
    function, is_async = load(module, "Case.check", {})
    assert (function(), is_async) == ("static", False)
    assert load(module, "waits", {})[1] is True
    assert load(module, "takes", {"value": 5})[0]() == 5
    assert isinstance(load(module, "takes", {"value": 5})[0], functools.partial)


@pytest.mark.parametrize(
    ("name", "attribute", "kind", "text"),
    [
        ("loader_target", "wait", "unknown", "did you mean 'waits'?"),
        ("loader_target", "number", "unknown", "is no function, but of type int"),
        ("loader_target", "takes", "unknown", "missing a required argument: 'value'"),
        ("loader_target", "Case.method", "unknown", "missing a required argument: 'self'"),
        ("loader_nowhere", "x", "unknown", "there is no module 'loader_nowhere'"),
        ("loader_broken", "x", "broken", "no_such_module_anywhere"),
        ("loader_exits", "x", "broken", "SystemExit: 3"),
    ],
)
def test_what_cannot_be_run_is_explained(module: str, name: str, attribute: str, kind: str, text: str) -> None:
    """The message tells a wrong name from a broken module."""
    with pytest.raises(UnloadableError) as caught:
        load(name, attribute, {})
    assert caught.value.kind == kind
    assert text in caught.value.message
