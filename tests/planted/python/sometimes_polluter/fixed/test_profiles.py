from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import profiles
import pytest


def test_profiles_load_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = []
    for name, separator in (("excel", ";"), ("plain", ",")):
        (tmp_path / name).write_text(f"separator={separator}\nname={name}\n")
        expected.append({"separator": separator, "name": name})
    monkeypatch.setattr(profiles, "active", dict(profiles.active))
    with ThreadPoolExecutor(2) as pool:
        loaded = pool.map(profiles.load, [tmp_path / "excel", tmp_path / "plain"])
    assert list(loaded) == expected


def test_one_cell_needs_no_separator() -> None:
    assert profiles.row("a") == "a"
