"""Which of the collected tests somebody means."""

import difflib
import os
from collections.abc import Sequence

from flakeproof.errors import UsageError

_SHOWN = 5


def named(name: str, items: Sequence[str], folder: str, what: str = "the victim") -> str:
    """The id of the test that is called `name`, as pytest shows it or as one types it in `folder`.

    Raises UsageError for none and for several.
    """
    if name in items:
        return name
    path, colons, rest = name.partition("::")
    typed = os.path.normpath(path) + colons + rest
    fitting = [item for item in items if item == typed or typed.endswith(f"/{item}") or item.endswith(f"/{typed}")]
    if len(fitting) == 1:
        return fitting[0]
    versions = [item for item in items if item.startswith((f"{name}[", f"{typed}["))]
    inside = versions or fitting or [item for item in items if item.startswith((f"{name}::", f"{typed}::"))]
    if inside:
        more = f" and {len(inside) - _SHOWN} more" if len(inside) > _SHOWN else ""
        raise UsageError(
            f"{what} {name!r} is {len(inside)} tests: {', '.join(inside[:_SHOWN])}{more}", "name one of them"
        )
    near = difflib.get_close_matches(name, items, n=3, cutoff=0.5)
    raise UsageError(
        f"{what} {name!r} is not among the {len(items)} tests that pytest has collected",
        f"did you mean {' or '.join(near)}?" if near else f"the first of them is {items[0]}" if items else "",
    )
