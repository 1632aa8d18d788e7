"""`flakeproof diagnose`, as a user runs it, on small flakes of known causes."""

import json
import re
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from tests.e2e.conftest import Flakeproof
from tests.e2e.enough_time import BUDGETS, with_enough_time

FLAKES = {
    "dice.py": """
import random
def roll():
    return random.randint(1, 6)
def check():
    assert roll() + roll() > 4
""",
    "names.py": """
def check():
    names = {"anna", "bert"}
    assert list(names)[0] != "anna"
""",
    "test_order.py": """
import os
def test_first():
    os.environ["SHOP"] = "closed"
def test_second():
    assert "SHOP" not in os.environ
""",
    "test_fine.py": """
import random
def test_fine():
    assert sorted({"a", "b"}) == ["a", "b"]
    assert 0 <= random.random() < 1
""",
    "counter.py": """
import os, time
from pathlib import Path
def check():
    place = Path(__file__).with_name("held")
    with place.open("x"):
        time.sleep(0.002)
    place.unlink()
def dies():
    os._exit(3)
""",
    "rules.py": """
class Rule:
    def __init__(self, number):
        self.number = number
def check():
    rules = {Rule(number) for number in range(2000)}
    assert next(iter(rules)).number % 2
""",
    "test_twice.py": """
class Register:
    __slots__ = ("count",)
REGISTER = Register()
REGISTER.count = 0
def test_twice():
    REGISTER.count += 2
    assert REGISTER.count == 2
""",
    "test_token.py": """
import uuid
def test_token():
    assert uuid.uuid4().int % 4 != 1
""",
    "full.py": """
import os
def check():
    opened = []
    try:
        for _ in range(100):
            opened.append(os.open("/dev/null", os.O_RDONLY))
    finally:
        for number in opened:
            os.close(number)
""",
}


@pytest.fixture(autouse=True)
def flakes(project: Path) -> None:
    """Known flakes, as files of the project."""
    for name, text in FLAKES.items():
        (project / name).write_text(text.lstrip("\n"))


def diagnosed(flakeproof: Flakeproof, *words: str, budget: str) -> dict[str, Any]:
    """The diagnosis."""
    words = ("diagnose", *words, "--budget", budget, "--seed", "3", "--json", "-")
    done = flakeproof(*words, limit=60 + 3 * float(budget.removesuffix("s")))
    found: dict[str, Any] = json.loads(done.stdout)
    assert found["exit_code"] == done.returncode, done.stderr
    return found


def explained(
    flakeproof: Flakeproof, *words: str, cause: str, is_proven: bool = True, budgets: Sequence[str] = BUDGETS
) -> dict[str, Any]:
    """The diagnosis of what has that cause, with as much time as it takes to prove it and to find its line.

    With less time there may be no answer, but never a wrong one. Without `is_proven` it need only be supported.
    """

    def ask(budget: str) -> dict[str, Any]:
        found = diagnosed(flakeproof, *words, budget=budget)
        assert supported(found)[:1] in ([], [cause])
        return found

    def suffices(found: dict[str, Any]) -> bool:
        best = next(iter(found["causes"]), {"status": "", "place": None})
        return best["place"] is not None and best["status"] in (("proven",) if is_proven else ("proven", "supported"))

    found = with_enough_time(ask, suffices, budgets)
    assert suffices(found), found
    return found


def line_of(name: str, text: str) -> int:
    """The number of the line of a flake that holds `text`."""
    return 1 + next(index for index, line in enumerate(FLAKES[name].lstrip("\n").splitlines()) if text in line)


def supported(found: dict[str, Any]) -> list[str]:
    """Causes, best first."""
    return [cause["cause"] for cause in found["causes"] if cause["status"] in ("proven", "supported")]


@pytest.mark.parametrize(
    ("name", "cause", "line"),
    [("dice", "randomness", "randint"), pytest.param("names", "hash-order", "list(", marks=pytest.mark.long)],
)
def test_what_hangs_on_a_seed(flakeproof: Flakeproof, name: str, cause: str, line: str) -> None:
    """The cause, its line, and what was ruled out."""
    found = explained(flakeproof, f"{name}:check", cause=cause, is_proven=False)
    assert (found["verdict"], found["exit_code"], supported(found)) == ("flaky", 1, [cause])
    best = found["causes"][0]
    assert (Path(best["place"]["file"]).name, best["place"]["line"]) == (f"{name}.py", line_of(f"{name}.py", line))
    other = "hash-order" if cause == "randomness" else "randomness"
    assert {one["cause"]: one["status"] for one in found["causes"]}[other] == "refuted"


@pytest.mark.long
def test_what_no_seed_reaches(flakeproof: Flakeproof) -> None:
    """Is drawn from the seed of the trial as well, and proven by that."""
    best = explained(flakeproof, "test_token.py", cause="randomness")["causes"][0]
    assert best["place"]["line"] == line_of("test_token.py", "uuid4")
    assert "--random-seed each" in best["next"]


@pytest.mark.long
def test_where_objects_lie(flakeproof: Flakeproof) -> None:
    """Is proven by new interpreters in which all lie at the same addresses, where the kernel permits that."""
    if subprocess.run(["setarch", "-R", "true"], capture_output=True, check=False).returncode:
        pytest.skip("this machine does not permit to switch address space randomisation off")
    best = explained(flakeproof, "rules:check", cause="addresses")["causes"][0]
    assert best["place"]["line"] == line_of("rules.py", "next(iter(")


@pytest.mark.long
def test_the_next_command_shows_it(flakeproof: Flakeproof) -> None:
    """What is printed can be pasted; the line of code and the numbers are there."""
    done = flakeproof("diagnose", "dice:check", "--budget", "300s", "--seed", "3", "--markdown", "why.md")
    assert done.returncode == 1
    assert "return random.randint(1, 6)" in done.stdout
    assert re.search(r"^alone, one at a time, each in a fork: \d+ of \d+ failed \(.+% to .+%\)$", done.stderr, re.M)
    command = re.search(r"next: .*flakeproof (replay \S+ \d+)$", done.stdout, re.M)
    assert command is not None
    assert flakeproof(*command[1].split()).returncode == 1


@pytest.mark.long
def test_another_test_that_pollutes(flakeproof: Flakeproof) -> None:
    """Of a file with several tests, the one that fails is found, and the other one that makes it fail."""
    found = explained(flakeproof, "test_order.py", cause="order-polluter", is_proven=False)
    assert found["target"] == "test_order.py::test_second"
    place = found["causes"][0]["place"]
    assert (Path(place["file"]).name, place["line"]) == ("test_order.py", line_of("test_order.py", "closed"))


@pytest.mark.long
def test_what_does_itself_harm(flakeproof: Flakeproof) -> None:
    """A test that cannot run twice in one process, with the state that stays and the line that changes it."""
    found = explained(flakeproof, "test_twice.py", "--in", "test_twice.py", cause="self-pollution")
    best = found["causes"][0]
    assert "test_twice.REGISTER.count stays" in best["statement"]
    place = best["place"]
    assert (Path(place["file"]).name, place["line"]) == ("test_twice.py", line_of("test_twice.py", "+="))
    assert {one["name"]: one["failed"] for one in found["experiments"]}["alone"] == 0


@pytest.mark.long
def test_copies_that_compete(flakeproof: Flakeproof) -> None:
    """For a file of the same name: alone it never fails, beside copies it does, and the file is named."""
    found = explained(flakeproof, "counter:check", cause="contention", is_proven=False)
    assert "held" in found["causes"][0]["statement"]
    assert found["rate"] > 0.1  # as it was given, which is with copies
    assert {one["name"]: one["failed"] for one in found["experiments"]}["alone"] == 0


@pytest.mark.long
def test_what_runs_out(flakeproof: Flakeproof) -> None:
    """What never fails by itself is searched for what makes it fail; the command that is printed does so."""
    found = explained(flakeproof, "full:check", cause="scarcity", is_proven=False, budgets=("90s", "400s"))
    assert supported(found) == ["scarcity"]
    assert found["rate"] == 0
    best = found["causes"][0]
    assert "--max-fds" in best["next"]
    assert (Path(best["place"]["file"]).name, best["place"]["line"]) == ("full.py", line_of("full.py", "os.open"))
    again = flakeproof(*best["next"].split()[1:], "-c", "20")
    assert again.returncode == 1


@pytest.mark.long
def test_nothing_is_wrong(flakeproof: Flakeproof) -> None:
    """Then nothing is claimed, and the bound says what that is worth."""

    def ask(budget: str) -> dict[str, Any]:
        found = diagnosed(flakeproof, "test_fine.py", budget=budget)
        assert (found["verdict"], found["exit_code"], found["causes"]) == ("stable", 0, [])
        return found

    found = with_enough_time(ask, lambda found: found["interval"]["high"] < 0.1, ("10s", "40s", "160s"))
    assert 0 < found["interval"]["high"] < 0.1


@pytest.mark.long
def test_what_there_was_no_time_for(flakeproof: Flakeproof) -> None:
    """Each experiment is told once, though some have two turns."""

    def missed(budget: str) -> list[str]:
        notes = diagnosed(flakeproof, "counter:check", budget=budget)["notes"]
        return [note for note in notes if note.startswith("the time was over before: ")]

    # On a busy machine it may not even be known after two seconds how often it fails.
    (told,) = with_enough_time(missed, bool, ("2s", "4s", "8s", "16s"))
    names = told.partition(": ")[2].split(", ")
    assert len(names) == len(set(names)) > 1


@pytest.mark.long
def test_what_always_fails(flakeproof: Flakeproof) -> None:
    """It is broken; no cause of flakiness is claimed, and a process that dies is a failure like others."""
    found = with_enough_time(
        lambda budget: diagnosed(flakeproof, "counter:dies", budget=budget),
        lambda found: found["verdict"] == "broken",
        ("2s", "8s", "32s"),
    )
    assert (found["verdict"], found["exit_code"], supported(found)) == ("broken", 4, [])


@pytest.mark.long
def test_a_command(flakeproof: Flakeproof) -> None:
    """It has rates, and no seeds."""
    found = with_enough_time(
        lambda budget: json.loads(
            flakeproof("diagnose", "--budget", budget, "--json", "-", "--", "sh", "-c", "exit 1").stdout
        ),
        lambda found: found["verdict"] == "broken",
        ("2s", "8s", "32s"),
    )
    assert (found["exit_code"], found["verdict"]) == (4, "broken")
    assert {one["name"].partition(",")[0] for one in found["experiments"]} <= {"as given", "alone", "parallel", "busy"}


@pytest.mark.long
def test_interrupted(project: Path, environment: dict[str, str]) -> None:
    """What is known by then is told."""
    words = [sys.executable, "-m", "flakeproof", "diagnose", "targets:naps", "--budget", "30s", "--json", "-"]
    with subprocess.Popen(
        words, cwd=project, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as running:
        assert running.stdout is not None
        assert running.stderr is not None
        while not running.stderr.readline().startswith("alone, one at a time"):
            assert running.poll() is None
        running.send_signal(signal.SIGINT)
        found = json.loads(running.stdout.read())
        running.stderr.read()
    assert (running.returncode, found["stopped"], found["exit_code"]) == (130, "interrupted", 130)
    assert found["experiments"][0]["trials"] >= 1


@pytest.mark.long
@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["targets:fails", "--budget", "soon"], "--budget: 'soon' is not a duration"),
        (["targets:fails", "--budget", "1ms"], "--budget 1ms is too short"),
        (["targets:fails", "--in", "."], "--in is for tests of pytest"),
        (["test_fine.py", "--in", "nowhere"], "--in nowhere: there is no such file or folder"),
        ([], "there is no target"),
    ],
)
def test_wrong_usage(flakeproof: Flakeproof, project: Path, words: list[str], message: str) -> None:
    """The value is named, and nothing is left behind."""
    done = flakeproof("diagnose", *words, "--json", "new/out.json")
    assert done.returncode == 2
    assert message in done.stderr
    assert not (project / "new").exists()
    assert not (project / ".flakeproof").exists()
