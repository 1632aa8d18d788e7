"""What has to be put back before an item runs again in the same process, because pytest means to run it once."""

from collections.abc import Callable
from contextlib import suppress
from typing import Any


def renewal_of(item: Any) -> Callable[[], None]:
    """A function that makes `item` as it was after collection."""
    markers = list(item.own_markers)
    properties = list(item.user_properties)
    # Markers added while it runs (`request.node.add_marker`) are kept here as well.
    keywords: dict[str, Any] | None = getattr(item.keywords, "_markers", None)
    kept_keywords = dict(keywords) if isinstance(keywords, dict) else None
    doctest = getattr(item, "dtest", None)
    names = dict(doctest.globs) if doctest is not None else None

    def renew() -> None:
        if len(item.own_markers) != len(markers):
            item.own_markers[:] = markers
            if keywords is not None and kept_keywords is not None:
                keywords.clear()
                keywords.update(kept_keywords)
        if len(item.user_properties) != len(properties):
            item.user_properties[:] = properties
        with suppress(AttributeError):
            item._report_sections.clear()
        if names is not None:
            item.dtest.globs = dict(names)  # a doctest forgets its names when it has run

    return renew
