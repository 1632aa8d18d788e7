"""What is built, and what the end-to-end tests say of it once it is installed."""

import os
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Callable
from email.parser import Parser
from pathlib import Path

import pytest
from tests.package.conftest import ROOT

import flakeproof

pytestmark = pytest.mark.long  # it is built, and pip has to fetch what it needs

CHECKED = [f"tests/e2e/test_{name}.py" for name in ("pytest_plugin", "run_command", "isolate")]
NEEDED = ("pytest", "pytest-xdist", "hypothesis", "jsonschema", "--constraint", str(ROOT / "constraints.txt"))


def test_the_wheel_has_what_it_should(wheel: str) -> None:
    """The two packages, the plugin and the metadata, with the version that the code has."""
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        (metadata,) = [name for name in names if name.endswith(".dist-info/METADATA")]
        told = Parser().parsestr(archive.read(metadata).decode())
    tops = {name.partition("/")[0] for name in names}
    assert {name for name in tops if "dist-info" not in name} == {
        "flakeproof",
        "flakeproof_worker",
        "flakeproof_pytest.py",
    }
    assert (told["Version"], told["License-Expression"]) == (flakeproof.__version__, "Apache-2.0")
    assert (told["Author"], told["License-File"]) == ("flakeproof developers", "LICENSE")
    sources = {str(path.relative_to(ROOT / "src")) for path in (ROOT / "src").rglob("*.py")}
    assert sources <= set(names)


def test_the_source_distribution_can_be_tested(sdist: str) -> None:
    """It has the tests and what they need beside the code."""
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    for file in (
        "LICENSE",
        "CHANGELOG.md",
        "constraints.txt",
        "run_tests.sh",
        "tests/tools.py",
        "scripts/environment.sh",
    ):
        assert file in names


def test_the_end_to_end_tests_pass_with_the_wheel(wheel: str, environment_with: Callable[..., str]) -> None:
    """In an environment of its own, in which the sources of this folder cannot be imported."""
    python = environment_with(wheel, *NEEDED, name="wheel")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "FLAKEPROOF_"))}
    where = subprocess.run(
        [python, "-c", "import flakeproof, flakeproof_worker as w; print(flakeproof.__file__, w.__file__, sep='\\n')"],
        cwd=ROOT,
        env=kept,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    for file in where.stdout.splitlines():
        assert Path(python).parents[1] in Path(file).parents
    done = subprocess.run(
        [python, "-m", "pytest", "-q", "-n", "2", "-p", "no:cacheprovider", *CHECKED],
        cwd=ROOT,
        env=kept,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=1800,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert sys.executable not in done.stdout
