"""`flakeproof isolate`, as a user runs it: small suites in which one test depends on others in every known way."""

import json
import shlex
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from tests.e2e.conftest import Flakeproof
from tests.tools import missing, mostly_long

from flakeproof_worker.system.private_files import refusal

pytestmark = pytest.mark.usefixtures("few_plugins")
SCHEMA = Path(__file__).parent.parent.parent / "docs" / "isolation.schema.json"
FILLERS = "\n".join(f"def test_filler_{number}(): pass" for number in range(6))
STATE = "FLAG = False\nCOUNT = []\n"


@pytest.fixture
def suite(project: Path) -> Path:
    """A folder for tests, and a module whose globals they share."""
    (project / "pyproject.toml").write_text('[tool.pytest.ini_options]\npythonpath = ["."]\ntestpaths = ["tests"]\n')
    (project / "state.py").write_text(STATE)
    (project / "tests").mkdir()
    return project


def write(suite: Path, **files: str) -> None:
    """Test modules by name."""
    for name, text in files.items():
        (suite / "tests" / f"{name}.py").write_text(
            f"import os, random, sys, unittest\nimport pytest\nimport state\n{text}"
        )


def isolated(flakeproof: Flakeproof, victim: str, *arguments: str, code: int = 1) -> dict[str, Any]:
    """The JSON of an isolation, which keeps to its schema."""
    ended = flakeproof("isolate", victim, "--seed", "1", "-w", "2", *arguments, "--json", "-")
    assert ended.returncode == code, ended.stderr
    found: dict[str, Any] = json.loads(ended.stdout)
    jsonschema.validate(found, json.loads(SCHEMA.read_bytes()))
    return found


def names(found: dict[str, Any]) -> list[list[str]]:
    """The sets of culprits, without the files."""
    return [[member["test"].partition("::")[2] for member in one["members"]] for one in found["culprits"]]


VICTIM = "def test_victim():\n    assert not state.FLAG\n"
POLLUTER = "def test_polluter():\n    state.FLAG = True\n"


def test_a_polluter_is_found_explained_and_its_command_shows_it(
    flakeproof: Flakeproof, suite: Path, environment: dict[str, str]
) -> None:
    """From the first line to a command that a shell runs."""
    write(suite, test_a=f"{FILLERS}\n{POLLUTER}", test_b=f"{FILLERS}\n{VICTIM}")

    reports = ("--json", "found.json", "--markdown", "found.md")
    job = {"GITHUB_ACTIONS": "true", "GITHUB_STEP_SUMMARY": str(suite / "job.md")}
    ended = flakeproof("isolate", "tests/test_b.py::test_victim", *reports, "-v", env=job)

    found = json.loads((suite / "found.json").read_text())
    assert (ended.returncode, found["kind"], names(found)) == (1, "polluted", [["test_polluter"]])
    assert found["is_complete"]
    assert found["confirmed"] is True
    assert "Polluter: tests/test_a.py::test_polluter (tests/test_a.py:10)" in ended.stdout
    assert (
        "Left behind: state.FLAG (state.py:1) was False, is True, changed at tests/test_a.py:11 (test_polluter); "
        "putting it back makes the victim pass again" in ended.stdout
    )
    assert "12 tests, then the victim: failed" not in ended.stderr
    assert "13 tests, then the victim: failed" in ended.stderr
    shown = subprocess.run(
        shlex.split(found["command"]), cwd=suite, env=environment, capture_output=True, text=True, check=False
    )
    assert "1 failed, 1 passed" in shown.stdout
    markdown = (suite / "found.md").read_text()
    assert markdown.startswith("### flakeproof: what `tests/test_b.py::test_victim` depends on\n")
    assert f"```sh\n{found['command']}\n```" in markdown
    assert (suite / "job.md").read_text() == f"{markdown}\n"
    assert not (suite / ".flakeproof").exists()
    assert not (suite / ".pytest_cache").exists()


@pytest.mark.long
def test_two_polluters_are_both_found(flakeproof: Flakeproof, suite: Path) -> None:
    """One of them fails itself, and stays a candidate for that."""
    loud = "def test_loud():\n    state.FLAG = True\n    assert False\n"
    write(suite, test_a=f"{POLLUTER}\n{FILLERS}\n{loud}", test_b=VICTIM)

    found = isolated(flakeproof, "tests/test_b.py::test_victim")

    assert sorted(names(found)) == [["test_loud"], ["test_polluter"]]
    assert {member["test"]: member["fails"] for one in found["culprits"] for member in one["members"]} == {
        "tests/test_a.py::test_polluter": False,
        "tests/test_a.py::test_loud": True,
    }


@pytest.mark.long
def test_two_that_only_work_together_in_one_order(flakeproof: Flakeproof, suite: Path) -> None:
    """Neither alone, nor the other way round."""
    first = "def test_first():\n    state.COUNT.append(1)\n"
    second = "def test_second():\n    state.FLAG = bool(state.COUNT)\n"
    write(suite, test_a=f"{first}\n{FILLERS}\n{second}", test_b=VICTIM)

    found = isolated(flakeproof, "tests/test_b.py::test_victim")

    assert names(found) == [["test_first", "test_second"]]
    assert found["culprits"][0]["only_in_this_order"] is True
    assert [carrier["name"] for carrier in found["culprits"][0]["carriers"]] == ["state.FLAG"]


@pytest.mark.long
def test_a_brittle_needs_another_test(flakeproof: Flakeproof, suite: Path) -> None:
    """It fails alone; what it needs is named, and the command with it passes."""
    setter = "def test_setter():\n    os.environ['SHOP_READY'] = 'yes'\n"
    brittle = "def test_victim():\n    assert os.environ.get('SHOP_READY') == 'yes'\n"
    write(suite, test_a=f"{FILLERS}\n{setter}", test_b=brittle)

    found = isolated(flakeproof, "tests/test_b.py::test_victim")

    assert (found["kind"], names(found), found["confirmed"]) == ("brittle", [["test_setter"]], True)
    (carrier,) = found["culprits"][0]["carriers"]
    assert (carrier["name"], carrier["before"], carrier["after"]) == ("os.environ['SHOP_READY']", "not there", "'yes'")
    assert carrier["decides"] is True


@pytest.mark.long
def test_a_setter_that_helps_behind_the_victim(flakeproof: Flakeproof, suite: Path) -> None:
    """The teardown of the class needs what a later test of it does."""
    text = (
        "class TestShop:\n"
        "    @classmethod\n    def teardown_class(cls):\n        assert cls.opened\n"
        "    def test_victim(self): pass\n"
        "    def test_filler(self): pass\n"
        "    def test_open(self): type(self).opened = True\n"
    )
    write(suite, test_a=FILLERS, test_b=text)

    found = isolated(flakeproof, "tests/test_b.py::TestShop::test_victim")

    assert (found["kind"], names(found), found["confirmed"]) == ("brittle", [["TestShop::test_open"]], True)
    assert found["culprits"][0]["members"][0]["comes_after"] is True


@pytest.mark.long
def test_a_cleaner_hides_the_polluter_in_the_default_order(flakeproof: Flakeproof, suite: Path) -> None:
    """Another order shows it."""
    cleaner = "def test_cleaner():\n    state.FLAG = False\n"
    write(suite, test_a=f"{POLLUTER}\n{cleaner}", test_b=VICTIM)

    found = isolated(flakeproof, "tests/test_b.py::test_victim")

    assert (found["kind"], names(found)) == ("polluted", [["test_polluter"]])
    assert found["in_order"]["failed"] == 0


@pytest.mark.long
def test_a_polluter_that_runs_behind_the_victim_and_one_that_is_hidden(flakeproof: Flakeproof, suite: Path) -> None:
    """Each other test is tried by itself: in no order would all of them show. What is the same is one group."""
    cleaner = "def test_cleaner():\n    state.FLAG = False\n"
    behind = "def test_behind():\n    state.FLAG = True\n"
    write(suite, test_a=f"{POLLUTER}\n{cleaner}\n{FILLERS}", test_b=f"{VICTIM}\n{behind}")

    found = isolated(flakeproof, "tests/test_b.py::test_victim")

    assert sorted(names(found)) == [["test_behind"], ["test_polluter"]]
    assert (found["tried_alone"], found["left_untried"], found["unproven"]) == (7, 0, [])
    assert {carrier["name"] for one in found["culprits"] for carrier in one["carriers"]} == {"state.FLAG"}


@pytest.mark.long
def test_what_tests_leave_in_files_is_named(flakeproof: Flakeproof, suite: Path) -> None:
    """In the home folder: a setter, which is no polluter of the next probe, and nothing of it stays."""
    home = suite / "home"
    home.mkdir()
    (room := suite / "room").mkdir()
    if (why := refusal([str(home)], str(room))) is not None:
        missing(why)
    text = "import pathlib\nMADE = pathlib.Path.home() / '.made'\n"
    text += "def test_makes(): MADE.write_text('x')\ndef test_needs(): assert MADE.exists()\n"
    write(suite, test_a=f"{text}{FILLERS}")

    ended = flakeproof("isolate", "tests/test_a.py::test_needs", "--json", "-", env={"HOME": str(home)})

    found = json.loads(ended.stdout)
    assert (ended.returncode, found["kind"], names(found)) == (1, "brittle", [["test_makes"]]), ended.stderr
    assert found["confirmed"] is True
    assert [carrier["name"] for carrier in found["culprits"][0]["carriers"]] == [f"file {home / '.made'}"]
    assert list(home.iterdir()) == []
    assert found["notes"] == []
    assert "Needs: tests/test_a.py::test_makes: in fresh interpreters it passed in 1 of 1 run" in ended.stderr


@pytest.mark.long
def test_a_module_that_only_has_to_be_imported(flakeproof: Flakeproof, suite: Path) -> None:
    """Nothing of it runs: the setter that undoes what it has done is not the answer."""
    write(suite, test_a="state.FLAG = True\ndef test_one(): pass\n", test_b=f"{VICTIM}\ndef test_two(): pass\n")
    write(suite, test_c="def test_setter():\n    state.FLAG = False\n")

    found = isolated(flakeproof, "tests/test_b.py::test_victim")

    assert (found["kind"], found["confirmed"]) == ("imports", True)
    (member,) = found["culprits"][0]["members"]
    assert (member["test"], member["is_imported"]) == ("tests/test_a.py", True)
    assert found["command"].endswith("--deselect tests/test_a.py")


@pytest.mark.long
def test_a_test_that_cannot_run_twice_in_one_process(flakeproof: Flakeproof, suite: Path) -> None:
    """The state that it leaves behind is named, and who tests skip has its reason beside others."""
    victim = "def test_victim():\n    assert not state.COUNT\n    state.COUNT.append(1)\n"
    skipped = "@pytest.mark.skipif(True, reason='not here')\ndef test_skipped(): pass\n"
    write(suite, test_a=f"{victim}\n{skipped}")

    found = isolated(flakeproof, "tests/test_a.py::test_victim")
    reason = isolated(flakeproof, "tests/test_a.py::test_skipped", code=5)

    assert (found["kind"], names(found), found["confirmed"]) == ("repeated", [["test_victim"]], True)
    assert [carrier["name"] for carrier in found["culprits"][0]["carriers"]] == ["state.COUNT"]
    assert found["command"] == "flakeproof run --isolation shared -w 1 -c 2 tests/test_a.py::test_victim"
    assert reason["notes"] == ["it is skipped: not here"]


@pytest.mark.long
def test_unittest_classes_and_a_fixture_of_the_session(flakeproof: Flakeproof, suite: Path) -> None:
    """What a class leaves in the class of the test, which a fixture of the session has made."""
    (suite / "tests" / "conftest.py").write_text(
        "import pytest\nBASKET = []\n@pytest.fixture(scope='session')\ndef basket():\n    return BASKET\n"
    )
    polluter = "@pytest.mark.usefixtures('basket')\ndef test_puts(basket):\n    basket.append(1)\n"
    other = "class TestOld(unittest.TestCase):\n    def test_old(self):\n        state.FLAG = False\n"
    victim = "def test_victim(basket):\n    assert not basket\n"
    write(suite, test_a=f"{FILLERS}\n{polluter}", test_b=f"{other}\n{victim}")

    found = isolated(flakeproof, "tests/test_b.py::test_victim", "--in", "tests/test_a.py")

    assert names(found) == [["test_puts"]]
    assert [carrier["name"] for carrier in found["culprits"][0]["carriers"]] == ["conftest.BASKET"]


@pytest.mark.long
def test_it_fails_alone(flakeproof: Flakeproof, suite: Path) -> None:
    """Then nobody is accused, and its rate has an interval."""
    write(suite, test_a=FILLERS, test_b="def test_victim():\n    assert False, 'always'\n")

    found = isolated(flakeproof, "tests/test_b.py::test_victim")

    assert (found["kind"], found["culprits"], found["confirmed"]) == ("fails alone", [], True)
    assert found["alone"]["failed"] == found["alone"]["runs"] >= 20
    assert found["alone"]["interval"]["low"] > 0.5


@pytest.mark.long
def test_what_fails_now_and_then_alone_accuses_nobody(flakeproof: Flakeproof, suite: Path) -> None:
    """Half of the time, whoever ran before."""
    write(suite, test_a=FILLERS, test_b="def test_victim():\n    assert int(os.environ['FLAKEPROOF_SEED']) % 2\n")

    found = isolated(flakeproof, "tests/test_b.py::test_victim", "-w", "1")

    assert (found["kind"], found["culprits"]) == ("fails alone", [])
    assert 0 < found["alone"]["failed"] < found["alone"]["runs"]


@pytest.mark.long
def test_what_cannot_be_reproduced_has_a_bound(flakeproof: Flakeproof, suite: Path) -> None:
    """Below 17 % in the order of collection, which is not the same as never; each other test was tried by itself."""
    write(suite, test_a="def test_one(): pass\n", test_b=f"def test_two(): pass\n{VICTIM}")

    found = isolated(flakeproof, "tests/test_b.py::test_victim", code=4)

    assert found["kind"] == "not reproduced"
    assert found["in_order"]["failed"] == 0
    assert found["in_order"]["interval"]["high"] < 0.17
    assert found["probes"] < 100
    assert found["tried_alone"] == 2


@pytest.mark.long
def test_pollution_by_chance(flakeproof: Flakeproof, suite: Path) -> None:
    """In four of ten runs, by the seed of each."""
    polluter = "def test_polluter():\n    state.FLAG = int(os.environ['FLAKEPROOF_SEED']) % 10 < 4\n"
    write(suite, test_a=f"{FILLERS}\n{polluter}", test_b=VICTIM)

    found = isolated(flakeproof, "tests/test_b.py::test_victim", "-w", "1")

    assert names(found) == [["test_polluter"]]
    assert 0 < found["culprits"][0]["with_them"]["failed"] < found["culprits"][0]["with_them"]["runs"]
    assert [carrier["name"] for carrier in found["culprits"][0]["carriers"]] == ["state.FLAG"]


@pytest.mark.long
def test_what_ends_the_process_is_told_and_left_out(flakeproof: Flakeproof, suite: Path) -> None:
    """The polluter beside it is found nevertheless."""
    write(suite, test_a=f"def test_dies():\n    os._exit(3)\n{FILLERS}\n{POLLUTER}", test_b=VICTIM)

    found = isolated(flakeproof, "tests/test_b.py::test_victim")

    assert names(found) == [["test_polluter"]]
    (ender,) = found["ended_the_process"]
    assert ender["test"] == "tests/test_a.py::test_dies"
    assert "exited with status 3" in ender["message"]


@pytest.mark.long
def test_what_runs_out_of_time_is_told_and_left_out(flakeproof: Flakeproof, suite: Path) -> None:
    """With the limit of a probe."""
    hangs = "def test_hangs():\n    import time\n    time.sleep(60)\n"
    write(suite, test_a=f"{hangs}\n{POLLUTER}", test_b=VICTIM)

    found = isolated(flakeproof, "tests/test_b.py::test_victim", "--timeout", "6s")

    assert names(found) == [["test_polluter"]]
    assert [ender["test"] for ender in found["ended_the_process"]] == ["tests/test_a.py::test_hangs"]


@pytest.mark.long
def test_a_recorded_order_is_where_it_starts(flakeproof: Flakeproof, suite: Path) -> None:
    """A shuffled run has failed; its order shows it at once."""
    cleaner = "def test_cleaner():\n    state.FLAG = False\n"
    write(suite, test_a=f"{POLLUTER}\n{cleaner}\n{FILLERS}", test_b=VICTIM)
    run = flakeproof(
        "run", "tests", "tests/test_b.py", "--shuffle", "-c", "200", "-x", "-w", "1", "--seed", "3", "--json", "-"
    )
    failed = json.loads(run.stdout)
    trial = failed["signatures"][0]["example"]["trial"]

    found = isolated(flakeproof, "tests/test_b.py::test_victim", "--from", "latest", str(trial))

    assert (names(found), found["order"]) == ([["test_polluter"]], f"the order of test {trial}")
    assert found["in_order"]["failed"] == found["in_order"]["runs"]


@pytest.mark.long
@pytest.mark.parametrize("more", [(), ("--hash-seed", "3")])
def test_a_reversed_run_has_an_order(flakeproof: Flakeproof, suite: Path, more: tuple[str, ...]) -> None:
    """That of the tests from the last to the first; the commands that confirm it run their words in order."""
    write(suite, test_a=VICTIM, test_b="def test_other():\n    pass\n", test_c=POLLUTER)
    run = flakeproof("run", "tests", "--reverse", "-c", "1", "-w", "1", "--seed", "3", *more)
    assert run.returncode == 1, run.stderr

    found = isolated(flakeproof, "tests/test_a.py::test_victim", "--from", "latest", "1")

    assert names(found) == [["test_polluter"]]
    assert found["in_order"]["failed"] == found["in_order"]["runs"]
    assert found["culprits"][0]["confirmed"] is True


@pytest.mark.long
def test_a_file_has_the_order(flakeproof: Flakeproof, suite: Path) -> None:
    """Ids, one a line."""
    cleaner = "def test_cleaner():\n    state.FLAG = False\n"
    write(suite, test_a=f"{POLLUTER}\n{cleaner}", test_b=VICTIM)
    (suite / "order.txt").write_text(
        "# it failed like this\ntests/test_a.py::test_cleaner\ntests/test_a.py::test_polluter\n"
        "tests/test_b.py::test_victim\n"
    )

    found = isolated(flakeproof, "tests/test_b.py::test_victim", "--order", "order.txt")

    assert (names(found), found["order"]) == ([["test_polluter"]], "the order given")


@mostly_long(
    ("arguments", "message"),
    [
        (["tests/test_b.py::test_victum"], "did you mean tests/test_b.py::test_victim"),
        (
            ["tests/test_b.py::test_many"],
            "is 2 tests: tests/test_b.py::test_many[0], tests/test_b.py::test_many[1]",
        ),
        (["tests/test_b.py"], "is 3 tests"),
        (["tests/test_b.py::test_victim", "--in", "nowhere"], "--in nowhere: there is no such file or folder"),
        (["tests/test_b.py::test_victim", "--order", "none.txt"], "--order none.txt: it cannot be read"),
        (["tests/test_b.py::test_victim", "--error", "2"], "--error: '2' is more than 1"),
    ],
    first=2,
)
def test_mistakes_are_named(flakeproof: Flakeproof, suite: Path, arguments: list[str], message: str) -> None:
    """With what to do about them."""
    many = "@pytest.mark.parametrize('n', [0, 1])\ndef test_many(n): pass\n"
    write(suite, test_b=f"{many}\n{VICTIM}")

    ended = flakeproof("isolate", *arguments)

    assert ended.returncode == 2
    assert message in ended.stderr


@pytest.mark.long
def test_a_skipped_victim_has_no_outcome(flakeproof: Flakeproof, suite: Path) -> None:
    """There is nothing to find out."""
    write(suite, test_b="@pytest.mark.skip(reason='not today')\ndef test_victim(): pass\n")

    found = isolated(flakeproof, "tests/test_b.py::test_victim", code=5)

    assert found["kind"] == "no outcome"
    assert "it is skipped: not today" in found["notes"]


@pytest.mark.long
def test_an_interrupted_search_has_its_first_answer(suite: Path, environment: dict[str, str]) -> None:
    """The command that shows it was run and printed before others were looked for."""
    write(suite, test_a=POLLUTER, test_b=VICTIM, test_c="def test_slow():\n    import time\n    time.sleep(600)\n")
    words = ["isolate", "tests/test_b.py::test_victim", "--json", "found.json"]
    with subprocess.Popen(
        [sys.executable, "-m", "flakeproof", *words],
        cwd=suite,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stderr is not None
        said = []
        for line in process.stderr:
            said.append(line)
            if "now looking for others" in line:
                process.send_signal(signal.SIGINT)
                break
        output, _ = process.communicate(timeout=60)

    found = json.loads((suite / "found.json").read_text())
    assert said[1].startswith("Polluter: tests/test_a.py::test_polluter: in fresh interpreters it failed in 1 of 1 run")
    assert (process.returncode, found["stopped"], found["kind"]) == (128 + signal.SIGINT, "interrupted", "polluted")
    assert (names(found), found["confirmed"]) == ([["test_polluter"]], True)
    assert found["command"] in said[2]
    assert "Ended early: interrupted" in output
    assert f"Reproduce: {found['command']}" in output


@pytest.mark.long
def test_what_provokes_is_in_the_probes_and_in_the_command(flakeproof: Flakeproof, suite: Path) -> None:
    """The victim is hurt only where memory is collected as often as was asked for: no other probe shows it."""
    victim = "def test_victim():\n    assert not (state.FLAG and gc.get_threshold()[0] < 400)\n"
    write(suite, test_a=f"{FILLERS}\n{POLLUTER}", test_b=f"import gc\n{victim}")

    found = isolated(flakeproof, "tests/test_b.py::test_victim", "--gc", "200")

    assert (found["kind"], names(found), found["confirmed"]) == ("polluted", [["test_polluter"]], True)
    assert found["command"].startswith("flakeproof run --isolation fresh -c ")
    assert " --gc 200 " in found["command"]
    assert flakeproof(*shlex.split(found["command"])[1:]).returncode == 1


@pytest.mark.long
def test_a_report_that_cannot_be_written_is_told(flakeproof: Flakeproof, suite: Path) -> None:
    """It is a warning, the others are written, and what was found decides about the exit code."""
    write(suite, test_a="def test_victim(): assert False\n")
    reports = ("--json", "/dev/full", "--markdown", "found.md")
    ended = flakeproof("isolate", "tests/test_a.py::test_victim", *reports)

    assert ended.returncode == 1, ended.stderr
    assert "warning: the JSON report was not written: No space left on device" in ended.stderr
    assert "No polluter: it fails alone" in (suite / "found.md").read_text()
