"""Named bundles of settings."""

from collections.abc import Mapping

from flakeproof.model import Record


class Preset(Record, frozen=True, kw_only=True):
    """How many trials, and how many at once (None: what suits the target)."""

    title: str
    count: int
    workers: int | None


PRESETS: Mapping[str, Preset] = {
    "ci": Preset(title="quick enough for every CI run", count=2_000, workers=None),
    "fast": Preset(title="a first look while developing", count=1_000, workers=None),
    "parallel": Preset(title="many trials at once", count=250_000, workers=50),
    "full": Preset(title="the most thorough, before a merge", count=100_000, workers=20),
}
DEFAULT = "ci"
