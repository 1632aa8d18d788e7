"""What a record keeps to itself, and whose records are run again."""

import json
import os
import pty
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from tests.e2e.conftest import Flakeproof
from tests.tools import mostly_long

from flakeproof.store.spec_file import SPEC_NAME

_TOKEN = "s3cr3t-value"
_TELLS = ("--", "sh", "-c", 'test "$TOKEN" = "s3cr3t""-value" && exit 1; exit 2')


def run_folder(project: Path) -> Path:
    """The folder of the newest run that is no replay."""
    return (project / ".flakeproof" / "latest").resolve()


def everything(project: Path) -> bytes:
    """What is in the store and in the reports."""
    return b"".join(path.read_bytes() for path in project.rglob("*") if path.is_file() and not path.is_symlink())


@pytest.mark.long
def test_values_of_variables_are_not_recorded(flakeproof: Flakeproof, project: Path) -> None:
    """Neither in the record nor in a report; a replay is given them again, or finds them in the environment."""
    reports = ("--json", "r.json", "--junit-xml", "r.xml", "--markdown", "r.md")
    flakeproof("run", "-c", "2", "--env", f"TOKEN={_TOKEN}", *reports, *_TELLS)

    assert _TOKEN not in everything(project).decode(errors="replace")
    missing = flakeproof("replay", "latest", "1")
    assert missing.returncode == 2
    assert "the run was given TOKEN with --env, and its record does not have the value" in missing.stderr
    given = flakeproof("replay", "latest", "1", "--env", f"TOKEN={_TOKEN}")
    found = flakeproof("replay", "latest", "1", env={"TOKEN": _TOKEN})
    other = flakeproof("replay", "latest", "1", env={"TOKEN": "other"})
    for again in (given, found):
        assert "Test 1 failed again, in the same way" in again.stdout
        assert "another value" not in again.stderr
    assert "warning: TOKEN has another value than in the run that is replayed" in other.stderr
    assert "but not in the same way" in other.stdout
    assert "was not given that variable" in flakeproof("replay", "latest", "1", "--env", "X=1").stderr


def test_values_of_variables_are_in_no_command_that_is_printed(flakeproof: Flakeproof, project: Path) -> None:
    """A command to type again names the variable; its value comes from the environment then."""
    environment = {"TOKEN": _TOKEN}
    words = ("-c", "2", "--env", "TOKEN", *_TELLS)

    assert flakeproof("run", *words, env=environment).returncode == 1
    assert "--env TOKEN: the environment has no such variable" in flakeproof("run", *words).stderr
    assert _TOKEN not in everything(project).decode(errors="replace")


def test_a_comparison_keeps_them_too(flakeproof: Flakeproof, project: Path) -> None:
    """Its own record has the specifications of both arms."""
    flakeproof(
        *("compare", "--count", "4", "--arm", f"base:--env TOKEN={_TOKEN} -- false", "--arm", "fix:-- true"),
        limit=120,
    )

    assert len(list(project.rglob("pairs.jsonl"))) == 1
    assert _TOKEN.encode() not in everything(project)


def test_nobody_else_can_read_a_record(flakeproof: Flakeproof, project: Path) -> None:
    """Whatever the umask says."""
    flakeproof("run", "targets:flaky", "-c", "20", "--isolation", "fork")
    folder = run_folder(project)

    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o600}


def _from_elsewhere(project: Path) -> None:
    """The record as it comes with a checkout: the user's key has not made its mark."""
    spec = json.loads((run_folder(project) / SPEC_NAME).read_text())
    spec["target"]["argv"] = ["sh", "-c", "echo ran > ran; exit 1"]
    (run_folder(project) / SPEC_NAME).write_text(json.dumps(spec))


@pytest.mark.long
def test_a_record_of_others_is_not_run_unasked(flakeproof: Flakeproof, project: Path) -> None:
    """It names what would be run; --trust runs it. A record of our own, copied elsewhere, stays ours."""
    flakeproof("run", "-c", "2", "--", "sh", "-c", "exit 1")
    shutil.copytree(run_folder(project), project / "copied")
    assert "failed again" in flakeproof("replay", "./copied", "1").stdout
    _from_elsewhere(project)

    refused = flakeproof("replay", "latest", "1")
    assert refused.returncode == 2
    assert "was not written by you on this machine, or has been changed; it would run" in refused.stderr
    assert "-c 'echo ran > ran; exit 1'" in refused.stderr
    assert "if you trust it, add --trust" in refused.stderr
    assert not (project / "ran").exists()
    stranger = flakeproof("replay", "./copied", "1", env={"XDG_STATE_HOME": str(project / "state")})
    assert stranger.returncode == 2
    assert flakeproof("replay", "latest", "1", "--trust").returncode == 1
    assert (project / "ran").exists()


@pytest.mark.long
def test_the_order_of_a_record_of_others_is_not_run_unasked(flakeproof: Flakeproof, project: Path) -> None:
    """`isolate --from` takes interpreter and options from the record, too."""
    (project / "test_it.py").write_text("def test_it(): pass\n")
    flakeproof("run", "test_it.py", "-c", "2")
    (run_folder(project) / "spec.mark").unlink()

    assert "add --trust" in flakeproof("isolate", "test_it.py::test_it", "--from", "latest", "1").stderr


@mostly_long(("answer", "code"), [(b"y\n", 1), (b"\n", 2)], first=1)
def test_on_a_terminal_it_asks(
    flakeproof: Flakeproof, project: Path, environment: dict[str, str], answer: bytes, code: int
) -> None:
    """No answer means no."""
    flakeproof("run", "-c", "2", "--", "sh", "-c", "exit 1")
    _from_elsewhere(project)
    ours, theirs = pty.openpty()
    os.write(ours, answer)
    asked = subprocess.Popen(
        [sys.executable, "-m", "flakeproof", "replay", "latest", "1"],
        stdin=theirs,
        stdout=subprocess.DEVNULL,
        stderr=theirs,
        cwd=project,
        env=environment,
    )
    os.close(theirs)
    try:
        assert asked.wait(60) == code
    finally:
        os.close(ours)
    assert (project / "ran").exists() == (code == 1)


@mostly_long(
    ("change", "message"),
    [
        ({"timeout": 1e300}, "timeout is 1e+300"),
        ({"grace": -1e300}, "grace is -1e+300"),
        ({"workers": 10**9}, "workers is 1,000,000,000"),
        ({"processes": 0}, "processes is 0"),
        ({"first": 2**65}, "first is 36,893"),
        ({"left_out": ["a\0b"]}, "left_out has a null character"),
        ({"nested": [[]]}, "nested"),
    ],
    first=1,
)
def test_a_record_that_makes_no_sense_is_refused(
    flakeproof: Flakeproof, project: Path, change: dict[str, object], message: str
) -> None:
    """Named with the file, and no fault of flakeproof, whoever has written it."""
    flakeproof("run", "targets:passes", "-c", "2")
    place = run_folder(project) / SPEC_NAME
    place.write_text(json.dumps({**json.loads(place.read_text()), **change}))

    ended = flakeproof("replay", "latest", "1", "--trust")
    assert ended.returncode == 2, ended.stderr
    assert f"{SPEC_NAME} cannot be used" in ended.stderr
    assert message in ended.stderr


def test_a_record_that_is_nested_too_deeply_is_refused(flakeproof: Flakeproof, project: Path) -> None:
    """No recursion goes down as far as a file wants it to."""
    flakeproof("run", "targets:passes", "-c", "2")
    place = run_folder(project) / SPEC_NAME
    place.write_text('{"target": ' + "[" * 100_000 + "]" * 100_000 + "}")

    for ended in (flakeproof("replay", "latest", "1"), flakeproof("isolate", "x.py::y", "--from", "latest", "1")):
        assert ended.returncode == 2, ended.stderr
        assert "cannot be used" in ended.stderr
