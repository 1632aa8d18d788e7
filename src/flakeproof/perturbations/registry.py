"""Every perturbation that there is."""

from collections.abc import Mapping

from flakeproof.perturbations.clock import CLOCK
from flakeproof.perturbations.cpu_quota import CPU_QUOTA
from flakeproof.perturbations.cpus import CPUS
from flakeproof.perturbations.delay import DELAY
from flakeproof.perturbations.freeze import FREEZE
from flakeproof.perturbations.garbage_collection import GC
from flakeproof.perturbations.locales import LOCALES
from flakeproof.perturbations.max_fds import MAX_FDS
from flakeproof.perturbations.network import NETWORK
from flakeproof.perturbations.nice import NICE
from flakeproof.perturbations.noise import NOISE
from flakeproof.perturbations.perturbation import Kind
from flakeproof.perturbations.ports import PORTS
from flakeproof.perturbations.race import RACE
from flakeproof.perturbations.reverse import REVERSE
from flakeproof.perturbations.seeds import HASH_PERTURBATION, RANDOM_PERTURBATION
from flakeproof.perturbations.temp_space import TEMP_SPACE
from flakeproof.perturbations.timezone import TIMEZONE

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
