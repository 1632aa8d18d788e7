"""What makes a folder a project whose tests pytest finds by itself."""

import configparser
import tomllib
from contextlib import suppress
from pathlib import Path

_INI = {"tox.ini": ("pytest",), "setup.cfg": ("tool:pytest",)}
_OWN = ("pytest.ini", ".pytest.ini", "pytest.toml", ".pytest.toml")
_FOLDERS = ("tests", "test")


def has_tests(folder: Path) -> bool:
    """Whether pytest is configured for `folder`, there or above in its repository, or there is a folder of tests."""
    if any((folder / name).is_dir() for name in _FOLDERS):
        return True
    for place in (folder, *folder.resolve().parents):
        if any((place / name).is_file() for name in _OWN) or _in_pyproject(place) or _in_ini(place):
            return True
        if (place / ".git").exists():
            break
    return False


def _in_pyproject(folder: Path) -> bool:
    with suppress(OSError, ValueError):
        tools = tomllib.loads((folder / "pyproject.toml").read_text(encoding="utf-8")).get("tool", {})
        return "pytest" in tools
    return False


def _in_ini(folder: Path) -> bool:
    for name, sections in _INI.items():
        found = configparser.ConfigParser(interpolation=None, strict=False)
        with suppress(OSError, UnicodeDecodeError, configparser.Error):
            found.read_string((folder / name).read_text(encoding="utf-8"))
            if any(found.has_section(section) for section in sections):
                return True
    return False
