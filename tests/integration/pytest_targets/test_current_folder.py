"""What `python -m pytest` can import from the current folder is importable, and told of where a bare pytest fails."""

from pathlib import Path

import pytest
from tests.integration.pytest_targets.conftest import Suite, every_isolation

LOOKS = "from the current folder, where `python -m pytest` looks and a bare `pytest` does not"


@every_isolation
def test_a_package_beside_the_tests(suite: Suite, isolation: str) -> None:
    """Nothing puts it on the path but the way in which pytest is started."""
    suite.write(pkg____init__="", tests__test_it="import pkg\ndef test_it(): pass\n")
    seen = suite.run("tests", isolation=isolation)
    assert seen.summary.passed == 1
    assert [note for note in seen.notes if "folder" in note] == [f"pkg comes {LOOKS}"]


@pytest.mark.parametrize("told_by", ["conftest", "pythonpath", "environment", "test file"])
def test_nothing_is_told_where_a_bare_pytest_finds_it_too(
    suite: Suite, monkeypatch: pytest.MonkeyPatch, told_by: str
) -> None:
    """Others put the folder on the path as well."""
    suite.write(pkg____init__="", tests__test_it="import pkg\ndef test_it(): pass\n")
    if told_by == "conftest":
        suite.write(conftest="")
    elif told_by == "pythonpath":
        (suite.folder / "pyproject.toml").write_text('[tool.pytest.ini_options]\npythonpath = "."\n')
    elif told_by == "environment":
        monkeypatch.setenv("PYTHONPATH", str(suite.folder))
    else:
        suite.write(test_beside="def test_it(): pass\n")
    arguments = ["tests", "test_beside.py"] if told_by == "test file" else ["tests"]
    seen = suite.run(*arguments)
    assert seen.summary.passed == 1
    assert not [note for note in seen.notes if "folder" in note]


def test_plugins_find_it_while_they_load(suite: Suite, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A plugin imports what is here, and not what is installed under the same name."""
    installed = tmp_path / "installed"
    installed.mkdir()
    (installed / "thing.py").write_text("WHERE = 'installed'\n")
    (installed / "early_plugin.py").write_text("import thing\n")
    monkeypatch.setenv("PYTHONPATH", str(installed))
    suite.write(thing="WHERE = 'here'\n", tests__test_it="import thing\ndef test_it(): assert thing.WHERE == 'here'\n")
    seen = suite.run("tests", options=("-p", "early_plugin"))
    assert seen.summary.passed == 1
    assert f"thing (not {installed / 'thing.py'}) comes {LOOKS}" in seen.notes


def test_a_stand_in_for_a_module_may_raise_anything(suite: Suite) -> None:
    """What the user's code has put into `sys.modules` is asked where it comes from, and need not answer."""
    suite.write(
        tests__test_it="""
            import sys
            class Shim:
                def __getattr__(self, name): raise NotImplementedError(name)
            sys.modules["shim"] = Shim()
            def test_it(): pass
        """
    )
    seen = suite.run("tests")
    assert seen.summary.passed == 1


def test_python_that_leaves_the_folder_out(suite: Suite, monkeypatch: pytest.MonkeyPatch) -> None:
    """PYTHONSAFEPATH holds here as well."""
    monkeypatch.setenv("PYTHONSAFEPATH", "1")
    suite.write(
        pkg____init__="",
        tests__test_it="""
            import importlib.util
            def test_it(): assert importlib.util.find_spec("pkg") is None
        """,
    )
    assert suite.run("tests").summary.passed == 1


def test_modules_of_ours_hide_none_of_the_users(suite: Suite) -> None:
    """The folder of the worker is not one to import from."""
    suite.write(
        channel="MINE = True\n",
        process="MINE = True\n",
        tests__test_it="import channel, process\ndef test_it(): assert channel.MINE and process.MINE\n",
    )
    assert suite.run("tests").summary.passed == 1
