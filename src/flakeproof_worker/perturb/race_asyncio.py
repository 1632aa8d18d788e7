"""Jitter in asyncio's event loops, without breaking an order that asyncio promises.

- Timers come a little late, as they may: never early.
- Of what the operating system reports as ready, some is left for the next turn, and the rest comes in another order.
- Tasks that wait for a future go on a little later than the future is done.

Callbacks that are given to the loop directly (`call_soon`), the first step of a task and `asyncio.sleep(0)` keep their
order. Event loops that are not asyncio's own (uvloop) are not affected.
"""

from asyncio import base_events, events, selector_events
from collections.abc import Callable
from typing import Any

from flakeproof_worker.perturb.wake_ups import task_woken_by
from flakeproof_worker.shared.draws import Quick

_LATE = 0.3
"""Probability that a timer comes late."""
_LATEST = 0.003
"""Seconds."""
_LEFT = 0.2
"""Probability that something ready is left for the next turn."""
_POSTPONED = 0.15
"""Probability that a task goes on later."""


def install(generator: Callable[[Any], Quick | None]) -> None:
    """Have the loops of this process do so; `generator` is that of the trial of a context, None outside of trials."""
    _jitter_timers(generator)
    _jitter_readiness(generator)
    _jitter_wake_ups(generator)


def _jitter_timers(generator: Callable[[Any], Quick | None]) -> None:
    original = base_events.BaseEventLoop.call_at

    def call_at(self: Any, when: float, callback: Any, *arguments: Any, context: Any = None) -> Any:
        draw = generator(context)
        if draw is not None and draw.random() < _LATE:
            when += draw.random() * _LATEST
        return original(self, when, callback, *arguments, context=context)

    loop: Any = base_events.BaseEventLoop
    loop.call_at = call_at


def _jitter_readiness(generator: Callable[[Any], Quick | None]) -> None:
    loop: Any = selector_events.BaseSelectorEventLoop
    original = loop._process_events

    def process_events(self: Any, ready: list[Any]) -> None:
        draw = generator(None)
        if draw is not None and ready:
            # What is left is still ready at the next look: selectors report states, not changes.
            ready = [one for one in ready if draw.random() >= _LEFT]
            ready.sort(key=lambda one: draw.random())
        original(self, ready)

    loop._process_events = process_events


def _jitter_wake_ups(generator: Callable[[Any], Quick | None]) -> None:
    original: Callable[[Any], Any] = events.Handle._run

    def run(handle: Any) -> Any:
        if task_woken_by(handle) is not None:
            draw = generator(handle._context)
            if draw is not None and draw.random() < _POSTPONED:
                handle._loop.call_later(draw.random() * _LATEST, original, handle)
                return None
        return original(handle)

    handles: Any = events.Handle
    handles._run = run
