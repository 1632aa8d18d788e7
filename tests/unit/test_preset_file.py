"""A preset is added to pyproject.toml, and nothing else changes there."""

from pathlib import Path

import pytest

from flakeproof.errors import UsageError
from flakeproof.settings import load, pyproject

_VALUES = {"race": "yes", "workers": "8", "delay": '*.py:*:1ms@p=0.1,"odd\\name".py:f:2ms', "noise": "cpu=2"}


@pytest.mark.parametrize("before", [None, "", "[project]\nname = 'x'", "[tool.flakeproof]\ncount = 3\r\n# end\n"])
def test_what_is_saved_is_read_again(tmp_path: Path, before: str | None) -> None:
    """As the same settings; what stood there stays, letter for letter."""
    path = tmp_path / "pyproject.toml"
    if before is not None:
        path.write_bytes(before.encode())
        path.chmod(0o640)
    assert pyproject.save(tmp_path, "found", _VALUES) == path

    assert path.read_bytes().startswith((before or "").encode())
    assert [one.name for one in tmp_path.iterdir()] == ["pyproject.toml"]
    if before is not None:
        assert path.stat().st_mode & 0o777 == 0o640
    loaded = load.load({"preset": "found"}, {}, tmp_path)
    assert (loaded.get("race"), loaded.get("workers"), loaded.get("delay")) == (True, 8, _VALUES["delay"])


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    """What it leads to is changed."""
    (tmp_path / "real.toml").write_text("")
    (tmp_path / "pyproject.toml").symlink_to("real.toml")
    pyproject.save(tmp_path, "found", {"race": "yes"})
    assert (tmp_path / "pyproject.toml").is_symlink()
    assert "found" in (tmp_path / "real.toml").read_text()


@pytest.mark.parametrize(
    ("name", "named"),
    [
        ("ci", "there is such a preset"),
        ("mine", "there is such a preset"),
        ("a b", "is not a name"),
        ("", "not a name"),
    ],
)
def test_a_name_that_cannot_be(tmp_path: Path, name: str, named: str) -> None:
    """The file stays as it was."""
    text = "[tool.flakeproof.presets.mine]\ncount = 1\n"
    (tmp_path / "pyproject.toml").write_text(text)
    with pytest.raises(UsageError, match=named):
        pyproject.save(tmp_path, name, {"race": "yes"})
    assert (tmp_path / "pyproject.toml").read_text() == text


def test_a_table_that_cannot_take_more(tmp_path: Path) -> None:
    """TOML has no way to add to an inline table: the text is shown, to be written by hand."""
    text = "tool.flakeproof.presets = {}\n"
    (tmp_path / "pyproject.toml").write_text(text)
    with pytest.raises(UsageError, match="cannot take the preset") as raised:
        pyproject.save(tmp_path, "found", {"race": "yes"})
    assert 'race = "yes"' in raised.value.remedy
    assert (tmp_path / "pyproject.toml").read_text() == text
