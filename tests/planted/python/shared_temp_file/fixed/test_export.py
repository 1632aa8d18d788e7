from export import export


def test_every_row_is_printed() -> None:
    rows = [f"row {number}" for number in range(2000)]
    assert export(rows).splitlines() == rows
