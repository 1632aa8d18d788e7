"""What --directory-order does."""

from collections.abc import Callable

import pytest
from tests.integration.perturb.conftest import Runner

LISTS = """
import glob, os, pathlib, shutil, tempfile

NAMES = [f"{number:02}" for number in range(12)]

def listed():
    with tempfile.TemporaryDirectory() as folder:
        for age, name in enumerate(reversed(NAMES)):
            pathlib.Path(folder, name).touch()
            os.utime(os.path.join(folder, name), ns=(age, age))
        with os.scandir(folder) as entries:
            scanned = [entry.name for entry in entries]
        found = [
            os.listdir(folder),
            [os.fsdecode(name) for name in os.listdir(os.fsencode(folder))],
            scanned,
            [path.name for path in pathlib.Path(folder).iterdir()],
            [path.name for path in pathlib.Path(folder).glob("*")],
            [os.path.basename(path) for path in glob.glob(f"{folder}/*")],
            next(os.walk(folder))[2],
        ]
        shutil.copytree(folder, f"{folder}/copy")
        assert sorted(os.listdir(f"{folder}/copy")) == NAMES
    assert all(one == found[0] for one in found), found
    assert sorted(found[0]) == NAMES
    return found[0]

def is_sorted():
    assert listed() == NAMES
    try:
        os.listdir("/not/there")
    except FileNotFoundError as error:
        assert error.filename == "/not/there"

def is_by_age():
    assert listed() == NAMES[::-1]

def tells():
    raise AssertionError(" ".join(listed()))
"""


def test_sorted(run: Runner) -> None:
    """Whoever lists, and however."""
    assert run(LISTS, "is_sorted", count=3, directory_order="sorted").passed == 3


def test_the_oldest_first(run: Runner) -> None:
    """By when they were written."""
    assert run(LISTS, "is_by_age", count=3, directory_order="oldest").passed == 3


def test_shuffled_by_the_seed_of_the_trial(messages: Callable[..., dict[int, str]]) -> None:
    """Another order in each, and the same when it is run again."""
    orders = messages(LISTS, "tells", count=6, directory_order="shuffled")
    assert len(set(orders.values())) == 6
    assert messages(LISTS, "tells", count=6, directory_order="shuffled") == orders


def test_what_is_no_order(run: Runner) -> None:
    """It is named, with what may be written."""
    from flakeproof.errors import UsageError

    with pytest.raises(UsageError) as raised:
        run(LISTS, "tells", directory_order="random")
    assert (
        "'random' is no order of folders; write sorted, oldest or shuffled" in f"{raised.value} {raised.value.remedy}"
    )
