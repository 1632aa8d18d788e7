"""Do claims made from forks hold in new processes? `python -m benchmarks.claims_of_forks [NAME…]`

For each test of `tests/planted/imports.py`, whose chance is fixed at import: how many of the runs in default settings
leave its rate in new processes possible, and how many gates at `--max-rate` let it pass: none may, but those for the
one that never fails. `--python` is an interpreter with numpy, Faker and factory_boy; without them their tests are left
out.
"""

import argparse
import sys
from pathlib import Path

from tests.planted.imports import IMPORT_PLANTS, Fixed, import_plant
from tests.quality.of_forks import claim, gate


def main() -> int:
    """Print a line for each test."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME")
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--count", type=int, default=200, help="tests in each run")
    parser.add_argument("--gates", type=int, default=20)
    parser.add_argument("--max-rate", default="1%")
    parser.add_argument("--python", default=sys.executable)
    asked = parser.parse_args()
    own = Path(asked.python).resolve() == Path(sys.executable).resolve() and asked.python == sys.executable
    plants = [import_plant(name) for name in asked.names] or list(IMPORT_PLANTS)
    held = made = passed = 0
    for plant in plants:
        if own and not plant.is_possible:
            print(f"{plant.name:26} left out: {plant.needs} is not installed")
            continue
        claims = [claim(plant, seed, asked.count, asked.python) for seed in range(1, asked.seeds + 1)]
        good = sum(one.holds(plant.rate) for one in claims)
        failed, total = sum(one.failed for one in claims), sum(one.total for one in claims)
        gates = [gate(plant, seed, asked.max_rate, asked.python)[0] for seed in range(1, asked.gates + 1)]
        through = gates.count(0)
        if plant.fixed is not Fixed.NOTHING:
            held, made, passed = held + good, made + len(claims), passed + through
        print(
            f"{plant.name:26} rate {plant.rate:6.1%}  seen {failed / max(1, total):6.1%}  "
            f"claims that hold {good}/{len(claims)}  gates passed {through}/{len(gates)}",
            flush=True,
        )
    print(f"claims that hold: {held} of {made}; gates that let a flaky test pass: {passed}")
    return 1 if passed else 0


if __name__ == "__main__":
    sys.exit(main())
