import profiles


def test_empty_row() -> None:
    assert profiles.row() == ""


def test_cells_are_separated_by_commas() -> None:
    assert profiles.row("a", "b") == "a,b"
