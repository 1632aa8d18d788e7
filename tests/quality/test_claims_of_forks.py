"""What is claimed from forks holds in new processes: of tests whose chance is fixed at import.

`python -m benchmarks.claims_of_forks` does the same with twenty seeds for each of them.
"""

import pytest
from tests.planted.imports import FOLDER, IMPORT_PLANTS, Fixed, import_plant
from tests.quality.of_forks import claim, gate

POSSIBLE = [plant for plant in IMPORT_PLANTS if plant.is_possible]
MISSES = 5
"""Of intervals of 95 % for sixteen tests or more: so many miss with a probability of less than 0.001."""


def test_each_plant_has_a_module() -> None:
    """And each module is a plant."""
    assert {plant.file for plant in IMPORT_PLANTS} == {path.name for path in FOLDER.glob("*.py")}
    assert len(IMPORT_PLANTS) == 21


@pytest.mark.long
def test_the_rate_in_new_processes_is_among_those_that_a_run_leaves_possible() -> None:
    """In default settings, for a run of few tests, in which few processes have a say."""
    claims = {plant.name: claim(plant, 1, 24) for plant in POSSIBLE if plant.fixed is not Fixed.NOTHING}
    missed = {name: found for name, found in claims.items() if not found.holds(import_plant(name).rate)}
    assert len(missed) <= MISSES, missed
    never = claim(import_plant("named_seed"), 1, 24)
    assert (never.failed, never.low) == (0, 0.0)


@pytest.mark.long
@pytest.mark.parametrize("name", ["own_generator", "hash", "uuid_at_import"])
def test_no_gate_lets_it_pass(name: str) -> None:
    """Its rate is far above the one that is allowed, in new processes; a gate of 5 % takes sixty of them."""
    status, finding = gate(import_plant(name), 1, "5%")
    assert status in (1, 4), finding
