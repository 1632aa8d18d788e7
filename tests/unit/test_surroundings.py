"""What has changed around a test, in words that tell two things apart."""

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from flakeproof_worker.pytest_driver.state import Surroundings


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder with modules that can be imported, and are forgotten afterwards."""
    monkeypatch.syspath_prepend(str(tmp_path))
    before = set(sys.modules)
    yield tmp_path
    for name in set(sys.modules) - before:
        del sys.modules[name]


def test_a_module_that_was_imported_again(project: Path) -> None:
    """Both are a module of the same name and file: when each was imported, and which object it is, tells them apart."""
    (project / "surrounded_checks.py").write_text("")
    (project / "surrounded_shop.py").write_text("import surrounded_checks as checks\n")
    shop: Any = importlib.import_module("surrounded_shop")
    first = shop.checks
    around = Surroundings(str(project), set())
    del sys.modules["surrounded_checks"]
    shop.checks = importlib.import_module("surrounded_checks")
    (told,) = [change.told() for change in around.changes() if change.name == "surrounded_shop.checks"]
    file = project / "surrounded_checks.py"
    assert told["before"] == told["after"] == "module surrounded_checks"
    assert told["before_is"] == f"at {id(first):#x}, from {file}, imported before the tests"
    assert told["after_is"] == f"at {id(shop.checks):#x}, from {file}, imported during the tests"


def test_two_objects_of_a_class(project: Path) -> None:
    """They read the same, and are not the same."""
    (project / "surrounded_shop.py").write_text("class Till: pass\nTILL = Till()\n")
    shop: Any = importlib.import_module("surrounded_shop")
    around = Surroundings(str(project), set())
    before, shop.TILL = shop.TILL, shop.Till()
    (told,) = [change.told() for change in around.changes() if change.name == "surrounded_shop.TILL"]
    assert told["before"] == told["after"] == "surrounded_shop.Till object"
    assert (told["before_is"], told["after_is"]) == (f"at {id(before):#x}", f"at {id(shop.TILL):#x}")
