"""The watch for files that tests leave in the project."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from flakeproof.engine import leftovers


@pytest.fixture
def deep_folder(tmp_path: Path) -> Iterator[None]:
    """Removes what pytest could not."""
    yield
    subprocess.run(["rm", "-rf", tmp_path / "d"], check=True)


def test_depth_is_no_limit(tmp_path: Path, deep_folder: None) -> None:
    """A folder a thousand levels deep, and deeper than a path can be long, ends nothing; what can be seen is seen."""
    (tmp_path / "kept").write_text("")
    before = leftovers.snapshot(str(tmp_path))
    descriptor = os.open(tmp_path, os.O_RDONLY | os.O_DIRECTORY)
    for level in range(2_100):  # 2,048 of them fill a path
        if level == 1_200:
            os.close(os.open("left", os.O_WRONLY | os.O_CREAT, dir_fd=descriptor))
        os.mkdir("d", dir_fd=descriptor)
        below = os.open("d", os.O_RDONLY | os.O_DIRECTORY, dir_fd=descriptor)
        os.close(descriptor)
        descriptor = below
    os.close(descriptor)
    after = leftovers.snapshot(str(tmp_path))
    assert after is not None
    assert set(after) == {"kept", "d/" * 1_200 + "left"}
    assert "made d/" in leftovers.difference(before, after)


def test_folders_count_as_well(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A project of very many folders is looked through for no longer than one of very many files."""
    monkeypatch.setattr(leftovers, "_MOST", 10)
    for number in range(11):
        (tmp_path / str(number)).mkdir()
    assert leftovers.snapshot(str(tmp_path)) is None
