"""`--hash-seed` and `--random-seed`: what order sets have, and what global generators start from."""

from collections.abc import Callable
from typing import Any

from flakeproof.errors import UsageError
from flakeproof.model import CommandTarget, Target
from flakeproof.perturbations.perturbation import Kind, refuse_variables, value_words
from flakeproof.text import parse_whole
from flakeproof_worker.shared.seeds import LIMIT
from flakeproof_worker.shared.variables import DRAWN, HASH_SEED

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
        f"{source} {wanted}: several tests at once in one process share its generators, so none has numbers of its own",
        "have one test at a time in a process: --processes as many as --workers, or --isolation fork",
    )


HASH_PERTURBATION = Kind(
    "hash-seed",
    "hash_seed",
    _number_or(DRAWN),
    value_words("hash-seed"),
    check=_check_hash_seed,
)
RANDOM_PERTURBATION = Kind(
    "random-seed",
    "random_seed",
    _number_or(_EACH),
    value_words("random-seed"),
    only_python=True,
    check_shared=_check_alone,
)
