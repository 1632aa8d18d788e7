"""Whose code a file is, from its path."""

import os
from pathlib import Path

import pytest

from flakeproof_worker import loader
from flakeproof_worker.shared.user_code import is_installed, is_library


@pytest.mark.parametrize(
    ("file", "installed", "library"),
    [
        ("/app/tests/test_a.py", False, False),
        ("/app/lib/python/mine.py", False, False),
        ("/usr/lib/python3.11/threading.py", True, True),
        ("/app/.venv/lib/python3.11/site-packages/foo/a.py", True, True),
        ("/usr/lib/python3/dist-packages/foo.py", True, True),
        ("<frozen importlib._bootstrap>", False, True),
        ("<string>", False, False),
        (os.path.realpath(loader.__file__), False, True),
        (str(Path(__file__)), False, False),
    ],
)
def test_the_users_code_is_told_from_libraries(file: str, installed: bool, library: bool) -> None:
    """Of whichever interpreter; text that was executed may be the user's."""
    assert (is_installed(file), is_library(file)) == (installed, library)
