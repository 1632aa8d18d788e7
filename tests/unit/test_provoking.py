"""Each perturbation can be asked for in the same words everywhere."""

import inspect

import pytest

from flakeproof.api import Provoking
from flakeproof.cli.amplify import amplify
from flakeproof.cli.compare import compare
from flakeproof.cli.config import config
from flakeproof.cli.diagnose import diagnose
from flakeproof.cli.gate import gate
from flakeproof.cli.isolate import isolate
from flakeproof.cli.perturbation_options import PROVOKING
from flakeproof.cli.run import run
from flakeproof.cli.verify import verify
from flakeproof.model import Perturbations
from flakeproof.perturbations.registry import KINDS

_NAMES = {*(name.replace("-", "_") for name in KINDS), "best_effort"}


@pytest.mark.parametrize("command", [run, gate, verify, compare, diagnose, amplify, isolate, config])
def test_as_an_option(command: object) -> None:
    """Of every command that runs a target under the settings that it is given."""
    assert inspect.signature(command).parameters.keys() >= _NAMES  # type: ignore[arg-type]


def test_in_a_program() -> None:
    """As an argument of `flakeproof.run`."""
    assert set(Provoking.__annotations__) == set(PROVOKING) == _NAMES


def test_each_has_a_field() -> None:
    """And each field is somebody's."""
    assert {kind.field for kind in KINDS.values()} == set(Perturbations.__struct_fields__) - {"records_places"}
