"""Every perturbation that there is."""

from collections.abc import Mapping

from flakeproof.perturbing.clock import CLOCK
from flakeproof.perturbing.cpu_quota import CPU_QUOTA
from flakeproof.perturbing.cpus import CPUS
from flakeproof.perturbing.delays import DELAY
from flakeproof.perturbing.freeze import FREEZE
from flakeproof.perturbing.garbage import GC
from flakeproof.perturbing.kind import Kind
from flakeproof.perturbing.locales import LOCALES
from flakeproof.perturbing.max_fds import MAX_FDS
from flakeproof.perturbing.network import NETWORK
from flakeproof.perturbing.nice import NICE
from flakeproof.perturbing.noise import NOISE
from flakeproof.perturbing.ports import PORTS
from flakeproof.perturbing.race import RACE
from flakeproof.perturbing.reverse import REVERSE
from flakeproof.perturbing.seeds import HASH_PERTURBATION, RANDOM_PERTURBATION
from flakeproof.perturbing.temp_space import TEMP_SPACE
from flakeproof.perturbing.zones import TIMEZONE

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
        REVERSE,
        HASH_PERTURBATION,
        RANDOM_PERTURBATION,
        TIMEZONE,
        LOCALES,
        NETWORK,
    )
}
"""By the names of their settings."""
