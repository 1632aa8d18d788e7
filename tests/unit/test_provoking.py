"""Each perturbation can be asked for in the same words everywhere."""

from collections.abc import Callable

import pytest

from flakeproof.cli.cause_commands import amplify, diagnose, isolate
from flakeproof.cli.compare_commands import compare, verify
from flakeproof.cli.record_commands import config
from flakeproof.cli.run_commands import gate, run
from flakeproof.cli.signature import parameters
from flakeproof.model import Perturbations
from flakeproof.perturbations.registry import KINDS
from flakeproof.settings.keywords import RunKeywords
from flakeproof.settings.table import PROVOKE, settings

_NAMES = {*(name.replace("-", "_") for name in KINDS), "best_effort"}


@pytest.mark.parametrize("command", [run, gate, verify, compare, diagnose, amplify, isolate, config])
def test_as_an_option(command: Callable[..., None]) -> None:
    """Of every command that runs a target under the settings that it is given."""
    assert {parameter.name for parameter in parameters(command)} >= _NAMES


def test_in_a_program() -> None:
    """As an argument of `flakeproof.run`."""
    assert {row.argument_name for row in settings().values() if row.panel == PROVOKE} == _NAMES
    assert RunKeywords.__annotations__.keys() >= _NAMES


def test_each_has_a_field() -> None:
    """And each field is somebody's, but for what flakeproof uses by itself."""
    own = {"records_places", "stopwatch", "patience", "awaits"}
    assert {kind.field for kind in KINDS.values()} == set(Perturbations.__struct_fields__) - own
