"""What makes a folder a project of pytest."""

from pathlib import Path

import pytest

from flakeproof.targets.tests import has_tests


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("pytest.ini", ""),
        (".pytest.ini", ""),
        ("pyproject.toml", '[tool.pytest.ini_options]\ntestpaths = ["checks"]\n'),
        ("pyproject.toml", "[tool.pytest]\n"),
        ("tox.ini", "[tox]\nenvlist = py\n[pytest]\naddopts = %(x)s\n"),
        ("setup.cfg", "[metadata]\n[tool:pytest]\n"),
        ("tests/test_it.py", ""),
    ],
)
def test_configuration_or_a_folder_of_tests(file: str, text: str, tmp_path: Path) -> None:
    """Also above, within the repository, but for the folder."""
    (tmp_path / ".git").mkdir()
    inner = tmp_path / "src" / "shop"
    inner.mkdir(parents=True)
    assert not has_tests(tmp_path)
    (tmp_path / file).parent.mkdir(exist_ok=True)
    (tmp_path / file).write_text(text)
    assert has_tests(tmp_path)
    assert has_tests(inner) == (file != "tests/test_it.py")


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("pyproject.toml", "[tool.ruff]\n"),
        ("pyproject.toml", "[tool"),
        ("tox.ini", "[tox]\n"),
        ("setup.cfg", "[pytest]\n"),
        ("setup.cfg", "no section"),
        ("tests", "a file"),
    ],
)
def test_what_is_no_configuration_of_pytest(file: str, text: str, tmp_path: Path) -> None:
    """Files of other tools, and what cannot be read."""
    (tmp_path / ".git").mkdir()
    (tmp_path / file).write_text(text)
    assert not has_tests(tmp_path)
