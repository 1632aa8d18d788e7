"""Every perturbation that there is."""

from collections.abc import Mapping

from flakeproof.perturbing.clock import CLOCK
from flakeproof.perturbing.cpu_quota import CPU_QUOTA
from flakeproof.perturbing.cpus import CPUS
from flakeproof.perturbing.delays import DELAY
from flakeproof.perturbing.freeze import FREEZE
from flakeproof.perturbing.garbage import GC
from flakeproof.perturbing.kind import Kind
from flakeproof.perturbing.max_fds import MAX_FDS
from flakeproof.perturbing.nice import NICE
from flakeproof.perturbing.noise import NOISE
from flakeproof.perturbing.ports import PORTS
from flakeproof.perturbing.race import RACE
from flakeproof.perturbing.temp_space import TEMP_SPACE

KINDS: Mapping[str, Kind] = {
    kind.setting: kind
    for kind in (
        DELAY,
        RACE,
        NOISE,
        CPUS,
        CPU_QUOTA,
        NICE,
        FREEZE,
        CLOCK,
        GC,
        MAX_FDS,
        PORTS,
        TEMP_SPACE,
    )
}
"""By the names of their settings."""
