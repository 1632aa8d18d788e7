import math
from pathlib import Path

from takings import total

AMOUNTS = [812.35, 1044.9, 96.1, 233.45]


def test_total_of_all_shops(tmp_path: Path) -> None:
    paths = []
    for number, amount in enumerate(AMOUNTS):
        paths.append(tmp_path / f"shop{number}")
        paths[-1].write_text(f"{amount}\n")
    assert total(paths) == math.fsum(AMOUNTS)
