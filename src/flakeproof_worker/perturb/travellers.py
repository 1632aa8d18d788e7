"""Step aside for time-machine, which changes the C code of the clocks that it finds: only the true ones have any."""

from collections.abc import Callable
from types import ModuleType
from typing import Any

from flakeproof_worker.import_hooks import around_import, replace, when_imported

_TRAVELS = "_time_machine"
"""Its part in C, which finds the clocks when it is loaded; the other part is a plugin of pytest."""


def step_aside(away: Callable[[], None], back: Callable[[], None]) -> None:
    """Call `away`, which puts the true clocks in place, while time-machine loads or travels; then `back`.

    Versions before 3 never say that they have come back: with those it stays at `away`.
    """

    def found(module: ModuleType) -> None:
        for name in ("patch", "patch_if_needed"):
            replace(module, name, lambda start: _before(away, start))
        replace(module, "unpatch", lambda stop: _behind(back, stop))

    around_import(_TRAVELS, away, back)
    when_imported(_TRAVELS, found)


def _before(away: Callable[[], None], start: Callable[..., Any]) -> Callable[..., Any]:
    def starts(*arguments: Any, **named: Any) -> Any:
        away()
        return start(*arguments, **named)

    return starts


def _behind(back: Callable[[], None], stop: Callable[..., Any]) -> Callable[..., Any]:
    def stops(*arguments: Any, **named: Any) -> Any:
        result = stop(*arguments, **named)
        back()
        return result

    return stops
