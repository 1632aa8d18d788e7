"""Print what flakeproof's statistics claim, and what is measured of it, for docs/statistics.md.

In the folder of the project: .venv/bin/python -m scripts.statistics_table
"""

import time

from tests.quality.claims import GROUPS


def main() -> None:
    """Each group of claims as a table."""
    started = time.perf_counter()
    for heading, group in GROUPS.items():
        print(f"### {heading}\n\n| claim | how | must be | measured |\n|---|---|---|---|")
        for row in group():
            print(f"| {row.claim} | {row.how} | {row.nominal} | {row.measured}{'' if row.holds else ' (FAILS)'} |")
        print(flush=True)
    print(f"In {time.perf_counter() - started:.0f} s.")


if __name__ == "__main__":
    main()
