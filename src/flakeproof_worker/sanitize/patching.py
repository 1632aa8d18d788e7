"""Put a function of ours in the place of one that user code calls, so that it does not notice."""

import functools
from collections.abc import Callable
from typing import Any


def replace(owner: Any, name: str, make: Callable[[Any], Callable[..., Any]], *, module: str = "") -> None:
    """Let `make` wrap the function `name` of a module or class; the wrapper has the name, signature and pickle of it.

    Where `owner` does not have it (another version of Python, another platform), nothing happens. `module` is where
    pickle finds it, if that is not where it was defined.
    """
    real = getattr(owner, name, None)
    if real is None:
        return
    wrapper = functools.update_wrapper(make(real), real)
    if isinstance(owner, type) and name not in vars(owner):  # inherited: the base class keeps its own
        wrapper.__module__, wrapper.__qualname__ = owner.__module__, f"{owner.__qualname__}.{name}"
    if module:
        wrapper.__module__ = module
    setattr(owner, name, wrapper)
