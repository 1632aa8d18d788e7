"""Every perturbation that there is."""

from collections.abc import Mapping

from flakeproof.perturbing.clock import CLOCK
from flakeproof.perturbing.delays import DELAY
from flakeproof.perturbing.garbage import GC
from flakeproof.perturbing.kind import Kind
from flakeproof.perturbing.noise import NOISE
from flakeproof.perturbing.race import RACE

KINDS: Mapping[str, Kind] = {
    kind.setting: kind
    for kind in (
        DELAY,
        RACE,
        NOISE,
        CLOCK,
        GC,
    )
}
"""By the names of their settings."""
