"""A target that can be loaded only sometimes is flaky: no run hides it behind processes that could load it."""

import json
from pathlib import Path
from xml.etree.ElementTree import parse

import pytest
from tests.e2e.conftest import Flakeproof
from tests.tools import mostly_long

HALF = """
import ctypes, os, time

try:
    os.close(os.open(os.environ["FLAG"], os.O_CREAT | os.O_EXCL))
except FileExistsError:
    pass
else:
    how = os.environ["HOW"]
    if how == "raises":
        raise RuntimeError("not today")
    if how == "exits":
        os._exit(9)
    if how == "dies":
        ctypes.string_at(0)
    if how == "hangs":
        time.sleep(1e6)

def passes():
    time.sleep(0.01)
"""
EVERY_SECOND = """
import os, time

def next_number():
    number = 0
    while True:
        try:
            os.close(os.open(f"{os.environ['FLAG']}.{number}", os.O_CREAT | os.O_EXCL))
            return number
        except FileExistsError:
            number += 1

if next_number() % 2 == 0:
    raise RuntimeError("every second time")

def passes():
    time.sleep(0.01)
"""


@pytest.fixture
def half(project: Path, environment: dict[str, str], tmp_path: Path) -> Path:
    """The project with modules whose import fails sometimes."""
    (project / "half.py").write_text(HALF)
    (project / "every_second.py").write_text(EVERY_SECOND)
    environment["FLAG"] = str(tmp_path / "flag")
    return project


@mostly_long(
    ("how", "message"),
    [
        ("raises", "importing half failed: RuntimeError: not today"),
        ("exits", "the process ended (exit status 9) while it was loading"),
        ("dies", "the process ended (SIGSEGV) while it was loading, at "),
        pytest.param("hangs", "still loading after ", marks=pytest.mark.long),
    ],
    first=1,
)
@pytest.mark.parametrize("processes", ["1", "2"])
def test_one_that_cannot_load_is_told_of(
    how: str, message: str, processes: str, flakeproof: Flakeproof, half: Path
) -> None:
    """In the counts, the text, JSON and JUnit, and by the exit code, whichever way it fails."""
    if how == "hangs" and processes == "1":
        pytest.skip("then all that there is hangs")
    options = ["-c", "20", "-w", processes, "--processes", processes, "--json", "run.json", "--junit-xml", "run.xml"]
    ended = flakeproof("run", "half:passes", *options, env={"HOW": how})
    document = json.loads((half / "run.json").read_bytes())
    loads = document["loads"]
    assert (loads["failed"], [one["count"] for one in loads["signatures"]]) == (1, [1])
    assert loads["signatures"][0]["example"]["message"].startswith(message)
    assert loads["signatures"][0]["example"]["outcome"] == "not loaded"
    assert (document["total"], document["outcomes"], document["verdict"]) == (20, {"passed": 20}, "flaky")
    assert ended.returncode == document["exit_code"] == 1
    assert f"LOAD FAILURE in process {loads['signatures'][0]['example']['process']}: {message}" in ended.stdout
    assert f"Not loaded: 1 of {loads['loaded'] + 1} processes: " in ended.stdout
    assert ended.stdout.splitlines()[-1].startswith("All 20 tests passed, but 1 of ")
    case = parse(half / "run.xml").getroot()[0].find("testcase[@name='(loading)']/failure")
    assert case is not None
    assert case.get("type") == "not loaded"


def test_many_processes_of_which_every_second_cannot_load(flakeproof: Flakeproof, half: Path) -> None:
    """Those that fail first do not end the run while others may still load: no test ends before all have tried."""
    waits = "while not os.path.exists(f\"{os.environ['FLAG']}.7\"): time.sleep(0.01)"
    (half / "every_second.py").write_text(EVERY_SECOND.replace("time.sleep(0.01)", waits))
    options = ["-c", "40", "-w", "8", "--processes", "8", "--json", "-"]
    document = json.loads(flakeproof("run", "every_second:passes", *options).stdout)
    assert document["outcomes"] == {"passed": 40}
    assert document["loads"]["failed"] >= 4
    assert document["exit_code"] == 1


FIRST_ONLY = """
import os, time

def failed():
    return [name for name in os.listdir(os.environ["FLAG"]) if name.startswith("failed")]

try:
    os.close(os.open(os.path.join(os.environ["FLAG"], "first"), os.O_CREAT | os.O_EXCL))
except FileExistsError:
    if len(failed()) < 4:
        open(os.path.join(os.environ["FLAG"], f"failed-{os.getpid()}"), "w").close()
        raise RuntimeError("not yet")

def waits_for_them():
    until = time.monotonic() + 60
    while len(failed()) < 4 and time.monotonic() < until:
        time.sleep(0.01)
"""


def test_many_that_cannot_load_while_the_first_test_runs(flakeproof: Flakeproof, half: Path, tmp_path: Path) -> None:
    """They end no run: the process that could load has a test in flight, and goes on."""
    (half / "first_only.py").write_text(FIRST_ONLY)
    (tmp_path / "flags").mkdir()
    options = ["-c", "10", "-w", "5", "--processes", "5", "--json", "-"]
    ended = flakeproof("run", "first_only:waits_for_them", *options, env={"FLAG": str(tmp_path / "flags")})
    document = json.loads(ended.stdout)
    assert (document["outcomes"], document["loads"]["failed"], document["stopped"]) == ({"passed": 10}, 4, None)


def test_it_can_be_tolerated(flakeproof: Flakeproof, half: Path) -> None:
    """Then it is still told, and counts for nothing."""
    options = ["-c", "20", "-w", "2", "--processes", "2", "--tolerate-load-failures", "--junit-xml", "run.xml"]
    ended = flakeproof("run", "half:passes", *options, env={"HOW": "raises"})
    assert ended.returncode == 0
    assert "could not load the target, which is tolerated: importing half failed" in ended.stdout.splitlines()[-1]
    assert parse(half / "run.xml").getroot().get("failures") == "0"


def test_a_gate_does_not_tolerate_it(flakeproof: Flakeproof, half: Path) -> None:
    """The rate that it allows is one of tests."""
    options = ["-w", "2", "--processes", "2", "--max-rate", "20%"]
    ended = flakeproof("gate", "half:passes", *options, env={"HOW": "raises"})
    assert ended.returncode == 1
    assert "could not load the target" in ended.stdout.splitlines()[-1]


def test_tests_of_pytest(flakeproof: Flakeproof, half: Path) -> None:
    """A test file whose import fails is a load that fails as well."""
    (half / "test_half.py").write_text("import half\ndef test_passes():\n    pass\n")
    options = ["-c", "6", "-w", "2", "--processes", "2", "--json", "-"]
    document = json.loads(flakeproof("run", "test_half.py", *options, env={"HOW": "raises"}).stdout)
    assert document["loads"]["failed"] == 1
    assert (document["outcomes"], document["exit_code"]) == ({"passed": 6}, 1)


@pytest.mark.long
def test_diagnose_looks_into_it(flakeproof: Flakeproof, half: Path) -> None:
    """From the first one on each test loads the target, so that its failure is one of tests."""
    (half / "rare.py").write_text(EVERY_SECOND.replace("% 2 == 0", "% 3 == 1").replace("sleep(0.01)", "sleep(0)"))
    ended = flakeproof("diagnose", "rare:passes", "--budget", "8s", "--json", "out.json")
    document = json.loads((half / "out.json").read_bytes())
    assert "importing rare failed" in ended.stdout
    assert any("each test has loaded it anew" in note for note in document["notes"])


def test_a_comparison_counts_loads_of_each_arm(flakeproof: Flakeproof, half: Path) -> None:
    """Nothing is proven fixed by a side that cannot always be loaded."""
    (half / "mended.py").write_text("from arms_of_loading import seldom_passes as passes\n")
    (half / "arms_of_loading.py").write_text(
        "import os\ndef seldom_passes():\n    assert int(os.environ['FLAKEPROOF_SEED']) % 2\ndef passes(): pass\n"
    )
    (half / "every_second.py").write_text(EVERY_SECOND.replace("time.sleep(0.01)", "pass"))
    arms = ["--arm", "old:arms_of_loading:seldom_passes", "--arm", "new:every_second:passes"]
    done = flakeproof("compare", *arms, "--processes", "4", "-w", "4", "--json", "found.json", "--markdown", "found.md")
    found = json.loads((half / "found.json").read_text())
    assert found["verdict"] == "fixed"
    assert found["fix"]["loads"]["failed"] >= 1
    assert found["base"]["loads"]["failed"] == 0
    assert done.returncode == found["exit_code"] == 1
    verdict = next(line for line in done.stdout.splitlines() if line.startswith("Fixed where it could be loaded: "))
    assert "; new: " in verdict
    assert "could not load the target: importing every_second failed: RuntimeError: every second time" in verdict
    assert "Not loaded: " in done.stdout
    assert "`new`: Not loaded: " in (half / "found.md").read_text()
