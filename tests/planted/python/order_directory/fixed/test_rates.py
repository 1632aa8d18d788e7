from pathlib import Path

import pytest
from rates import rate


def test_relative_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "own.csv").write_text("CHF,0.95\n")
    monkeypatch.chdir(tmp_path)
    assert rate("CHF", Path("own.csv")) == 0.95


def test_absolute_path(tmp_path: Path) -> None:
    (tmp_path / "own.csv").write_text("SEK,11.2\n")
    assert rate("SEK", tmp_path / "own.csv") == 11.2


def test_unknown_currency(tmp_path: Path) -> None:
    (tmp_path / "own.csv").write_text("SEK,11.2\n")
    with pytest.raises(KeyError):
        rate("XXX", tmp_path / "own.csv")


def test_rates_that_ship() -> None:
    assert rate("GBP") == 0.85
