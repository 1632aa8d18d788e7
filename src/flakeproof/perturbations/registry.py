"""The registry of all perturbations; those that are a flag, a number or a seed are declared here."""

from collections.abc import Callable, Mapping
from typing import Any

from flakeproof.errors import UsageError
from flakeproof.model import CommandTarget, Target
from flakeproof.perturbations.clock import CLOCK
from flakeproof.perturbations.cpu import CPU_QUOTA, CPUS, NICE, NOISE
from flakeproof.perturbations.network import NETWORK
from flakeproof.perturbations.pauses import DELAY, FREEZE
from flakeproof.perturbations.perturbation import PerturbationKind, flag_words, refuse_variables, value_words
from flakeproof.perturbations.regions import LOCALES, TIMEZONE
from flakeproof.perturbations.resources import MAX_FDS, PORTS, TEMP_SPACE
from flakeproof.text import parse_flag, parse_whole, shortened
from flakeproof_worker.perturb.listings import ORDERS
from flakeproof_worker.shared.seeds import LIMIT
from flakeproof_worker.shared.variables import DRAWN, HASH_SEED

RACE = PerturbationKind("race", "race", parse_flag, flag_words("race"), only_python=True)


REVERSE = PerturbationKind("reverse", "reverse", parse_flag, flag_words("reverse"), only_tests=True, excludes="shuffle")


_MOST = 1_000_000


_OFF = "off"


def _parse(given: Any) -> int:
    text = str(given).strip()
    if text == _OFF:
        return 0
    try:
        return parse_whole(text, 1, _MOST)
    except ValueError as error:
        raise ValueError(f"{error}; or write {_OFF}") from None


def _gc_words(value: int) -> list[str]:
    return ["--gc", str(value or _OFF)]


GC = PerturbationKind("gc", "gc", _parse, _gc_words, only_python=True)


def _parse_order(given: Any) -> str:
    text = str(given).strip()
    if text not in ORDERS:
        raise ValueError(f"{shortened(text)!r} is no order of folders; write {', '.join(ORDERS[:-1])} or {ORDERS[-1]}")
    return text


DIRECTORY_ORDER = PerturbationKind(
    "directory-order", "directory_order", _parse_order, value_words("directory-order"), only_python=True
)


_EACH = "each"


def _number_or(word: str) -> Callable[[Any], str]:
    def parse(given: Any) -> str:
        text = str(given).strip()
        if text == word:
            return text
        try:
            return str(parse_whole(text, 0, LIMIT - 1))
        except ValueError as error:
            raise ValueError(f"{error}; or write {word}") from None

    return parse


def _check_hash_seed(wanted: str, source: str, target: Target) -> None:
    if isinstance(target, CommandTarget):
        refuse_variables([HASH_SEED], f"{source} {wanted}", target)


def _check_alone(wanted: str, source: str) -> None:
    raise UsageError(
        f"{source} {wanted}: tests that run at once in one process share its generators, so none has its own numbers",
        "run one test at a time in each process: as many --processes as --workers, or --isolation fork",
    )


HASH_PERTURBATION = PerturbationKind(
    "hash-seed",
    "hash_seed",
    _number_or(DRAWN),
    value_words("hash-seed"),
    check=_check_hash_seed,
)
RANDOM_PERTURBATION = PerturbationKind(
    "random-seed",
    "random_seed",
    _number_or(_EACH),
    value_words("random-seed"),
    only_python=True,
    check_shared=_check_alone,
)


KINDS: Mapping[str, PerturbationKind] = {
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
        DIRECTORY_ORDER,
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
"""Every perturbation, by the name of its setting."""
