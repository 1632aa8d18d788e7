from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import profiles
import pytest


def test_profiles_load_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = []
    for name, separator in (("excel", ";"), ("plain", ",")):
        settings = {f"column{number}": "10" for number in range(40)} | {"separator": separator, "name": name}
        (tmp_path / name).write_text("".join(f"{key}={value}\n" for key, value in settings.items()))
        expected.append(settings)
    monkeypatch.setattr(profiles, "active", dict(profiles.active))
    with ThreadPoolExecutor(2) as pool:
        loaded = pool.map(profiles.load, [tmp_path / "excel", tmp_path / "plain"])
    assert list(loaded) == expected


def test_one_cell_needs_no_separator() -> None:
    assert profiles.row("a") == "a"
