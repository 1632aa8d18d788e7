"""Print what flakeproof's statistics claim, and what is measured of it, for docs/statistics.md.

In the folder of the project: .venv/bin/python -m scripts.statistics_table, and with --real what real processes show.
"""

import sys
import time
from collections.abc import Iterable

from tests.quality.claims import GROUPS, Row
from tests.quality.real import REAL


def show(heading: str, rows: Iterable[Row]) -> None:
    """One table."""
    print(f"### {heading}\n\n| claim | how | must be | measured |\n|---|---|---|---|")
    for row in rows:
        print(
            f"| {row.claim} | {row.how} | {row.nominal} | {row.measured}{'' if row.holds else ' (FAILS)'} |", flush=True
        )
    print()


def main() -> None:
    """Each group of claims as a table; or those of real processes."""
    started = time.perf_counter()
    if "--real" in sys.argv[1:]:
        show("Real processes", (measure() for measure in REAL.values()))
    else:
        for heading, group in GROUPS.items():
            show(heading, group())
    print(f"In {time.perf_counter() - started:.0f} s.")


if __name__ == "__main__":
    main()
