"""Commands: any program, its exit status, its output, and everything that it starts."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
from tests.integration.engine.conftest import Runner

import flakeproof
from flakeproof.errors import CannotRunError, UsageError
from flakeproof_worker.shared.seeds import trial_seed


def sh(script: str) -> list[str]:
    """A command that runs `script`."""
    return ["sh", "-c", script]


def marked(mark: str) -> list[psutil.Process]:
    """Living processes with `mark` in their environment."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.status() != psutil.STATUS_ZOMBIE and process.environ().get("COMMAND_MARK") == mark:
                found.append(process)
        except psutil.Error:
            continue
    return [process for process in found if process.pid != os.getpid()]


@pytest.fixture
def mark(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A text that only the processes of this test have."""
    monkeypatch.setenv("COMMAND_MARK", str(tmp_path))
    return str(tmp_path)


def test_exit_status_is_the_verdict(run: Runner) -> None:
    """0 passes, a signal is a crash, everything else fails; each trial knows its number, and they add up."""
    script = "case $FLAKEPROOF_TRIAL in 3) exit 1;; 5) exit 255;; 7) kill -SEGV $$;; 9) exit 9;; esac"
    seen = run(sh(script), count=20, workers=4, skip_code=9)
    assert seen.summary.outcomes == {"passed": 16, "failed": 2, "crashed": 1, "skipped": 1}
    assert (seen.trials("failed"), seen.trials("crashed")) == ([3, 5], [7])
    assert {f.trial: f.message for f in seen.failures} == {
        3: "exit status 1",
        5: "exit status 255",
        7: "killed by SIGSEGV",
    }
    assert [event.trial for event in seen.skipped] == [9]
    assert len(seen.summary.signatures) == 3


def test_a_trial_knows_its_number_and_seed(run: Runner, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the environment and in the arguments; hash order follows the seed, unless it has been set."""
    monkeypatch.delenv("PYTHONHASHSEED", raising=False)
    script = "echo $0 $1 $FLAKEPROOF_TRIAL $FLAKEPROOF_SEED $PYTHONHASHSEED; exit 1"
    for env, hashing in (({}, None), ({"PYTHONHASHSEED": "5"}, "5")):
        seen = run([*sh(script), "t{trial}", "{seed}-{trial}"], count=3, seed=7, env=env)
        for found in seen.failures:
            seed = trial_seed(7, found.trial)
            own = hashing or str(seed)
            assert found.output.split() == [
                f"t{found.trial}",
                f"{seed}-{found.trial}",
                str(found.trial),
                str(seed),
                own,
            ]


def test_folder_environment_and_input(run: Runner, tmp_path: Path) -> None:
    """--cwd and --env apply; standard input is empty; signals have their usual effect."""
    script = 'pwd; echo "$GREETING"; cat; cat /proc/self/status | grep SigIgn; exit 1'
    seen = run(sh(script), count=1, cwd=tmp_path, env={"GREETING": "hello there"})
    folder, greeting, ignored = seen.failures[0].output.splitlines()
    assert (folder, greeting) == (str(tmp_path), "hello there")
    assert not int(ignored.split()[1], 16) & 1 << (signal.SIGPIPE - 1)  # Python ignores it


def test_only_some_failures_count(run: Runner) -> None:
    """--failure keeps what matches, --ignore leaves out what matches, wherever in a long output it stands."""
    script = 'seq 20000; [ $FLAKEPROOF_TRIAL = 2 ] && echo "bad file descriptor"; seq 20000; exit 1'
    seen = run(sh(script), count=4, failure="^bad .*descriptor$")
    assert (seen.trials("failed"), seen.summary.outcomes) == ([2], {"failed": 1, "skipped": 3})
    seen = run(sh(script), count=4, ignore="bad file")
    assert (seen.trials("failed"), [event.trial for event in seen.skipped]) == ([1, 3, 4], [2])


def test_output_is_kept_for_failures_head_and_tail(run: Runner) -> None:
    """The middle of a long output is left out; output and errors keep their order."""
    seen = run(sh("echo first; seq 100000; echo last >&2; exit 2"), count=2)
    for found in seen.failures:
        assert found.output.startswith("first\n1\n2\n")
        assert found.output.endswith("99999\n100000\nlast\n")
        assert "bytes left out" in found.output
        assert len(found.output) < 40_000
        assert found.message == "exit status 2: last"


def test_the_report_of_a_test_framework_is_recognised(run: Runner) -> None:
    """What a failure says of itself is its message and its signature, without what differs from trial to trial."""
    script = (
        'echo "=== RUN   TestDial"; echo "--- FAIL: TestDial (0.$FLAKEPROOF_TRIAL s)"; '
        'echo "    dial_test.go:57: write failed (local=127.0.0.1:4$FLAKEPROOF_TRIAL): bad file descriptor"; exit 1'
    )
    seen = run(sh(script), count=5)
    assert len(seen.summary.signatures) == 1
    example = seen.summary.signatures[0].example
    assert example.message.startswith("TestDial: write failed (local=127.0.0.1:4")
    assert example.details["place"] == "dial_test.go:57"
    assert example.details["preview"][0].startswith("--- FAIL: TestDial")


GO_TRIAL = """
case $FLAKEPROOF_TRIAL in
  1|4) echo "--- FAIL: TestA (0.00s)"; echo "    a_test.go:3: a is wrong";;
esac
case $FLAKEPROOF_TRIAL in
  2|4) seq 30000; echo "--- FAIL: TestB (0.00s)"; echo "    a_test.go:9: b is wrong"; seq 30000; exit 1;;
  5) echo "=== RUN   TestA"; echo "--- PASS: TestA (0.00s)"; echo "=== RUN   TestB"; kill -SEGV $$;;
  6) echo "no space left"; exit 1;;
  1) exit 1;;
esac
"""


def test_each_test_of_a_command_has_its_own_count(run: Runner) -> None:
    """All that one trial tells of, wherever it stands in a long output; what is not told of a test is no pass."""
    seen = run(sh(GO_TRIAL), count=10, workers=2)
    counts = {item.item: (item.failed, item.passed) for item in seen.summary.items}
    # In trials 5 and 6 no test is named that failed: nothing is known of any.
    assert counts == {"TestA": (2, 6), "TestB": (2, 6)}
    assert (seen.summary.failed, seen.summary.passed) == (5, 5)
    assert {found.signature: found.count for found in seen.summary.signatures} == {
        "TestA: a is wrong": 2,
        "TestB: b is wrong": 2,
        "killed by SIGSEGV === RUN TestB": 1,
        "exit status 1 no space left": 1,
    }
    assert all(len(failure.output) < 40_000 for failure in seen.failures)


def test_the_question_of_a_command_is_about_the_whole(run: Runner) -> None:
    """Failures in which no test is named count as well, and tests that are heard of late do not change it."""
    seen = run(sh(GO_TRIAL), count=10, workers=1, until_confident=True, rate="1%")
    assert seen.summary.finding is not None
    assert seen.summary.finding.item == ""


DATA_RACE = """\
==========
WARNING: DATA RACE
Write at 0x00c00011e540 by goroutine 8:
  sample.%s()
      /home/me/sample/a.go:12 +0x47

Previous read at 0x00c00011e540 by main goroutine:
  sample.(*Server).size()
      /home/me/sample/a.go:20 +0x30
==========
"""


def test_a_data_race_is_a_failure_however_the_program_ends(run: Runner) -> None:
    """Go's race detector lets a program go on; of several races the same one is told whichever comes first."""
    script = "[ $FLAKEPROOF_TRIAL = 1 ] && exit; [ $FLAKEPROOF_TRIAL = 2 ] && echo 'WARNING: DATA RACE' && exit; "
    script += '[ $FLAKEPROOF_TRIAL = 3 ] && names="add close" || names="close add"; '
    script += f"for name in $names; do printf '{DATA_RACE}' $name; done; echo to the end"
    seen = run(sh(script), count=4)
    assert (seen.trials("failed"), seen.summary.passed) == ([3, 4], 2)
    (signature,) = seen.summary.signatures
    assert signature.signature == "DATA RACE: read in sample.(*Server).size() against write in sample.add()"
    assert signature.example.message == signature.signature
    assert run(sh(script), count=4, ignore="DATA RACE").summary.failed == 0


def test_time_limit_ends_the_whole_tree(run: Runner, mark: str) -> None:
    """TERM first, KILL for those that ignore it; children go too, and those that have left the group."""
    polite = "echo begun; trap 'echo asked; exit 0' TERM; sleep 600 & setsid sleep 600 & wait"
    seen = run(sh(polite), count=3, workers=3, timeout=2)
    assert seen.summary.outcomes == {"timed out": 3}
    assert all(found.output == "begun\nasked\n" for found in seen.failures)
    assert [found.signature for found in seen.summary.signatures] == ["time limit asked"]
    assert all(found.message.endswith("its last output: asked") for found in seen.failures)
    assert marked(mark) == []
    seen = run(sh("trap '' TERM; sleep 600; sleep 600"), count=2, workers=2, timeout=0.3, grace=0.2)
    assert seen.summary.outcomes == {"timed out": 2}
    assert marked(mark) == []


def test_what_a_trial_cuts_loose_ends_with_it(run: Runner, mark: str, tmp_path: Path) -> None:
    """A daemon that has left session and parent is gone before the next trial of its lane begins."""
    daemon = tmp_path / "daemon"
    script = (
        f"[ -e {daemon} ] && kill -0 $(cat {daemon}) 2>/dev/null && exit 1; rm -f {daemon}; "
        f"(setsid sh -c 'echo $$ > {daemon}; exec sleep 600' &) ; while [ ! -s {daemon} ]; do :; done"
    )
    seen = run(sh(script), count=10, workers=1)
    assert seen.summary.outcomes == {"passed": 10}
    assert marked(mark) == []


def test_failfast_ends_what_still_runs(run: Runner, mark: str, tmp_path: Path) -> None:
    """The other trials in flight are given up, with all that they have started, and counted as such."""
    all_there = f"until [ $(ls {tmp_path}/in-* | wc -l) = 4 ]; do sleep 0.01; done"
    script = f"touch {tmp_path}/in-$FLAKEPROOF_TRIAL; [ $FLAKEPROOF_TRIAL = 1 ] && {{ {all_there}; exit 1; }}; "
    script += "[ $FLAKEPROOF_TRIAL -gt 100 ] && exit 1; sleep 600 & wait"  # it fails alone, too: that is looked into
    seen = run(sh(script), count=100, workers=4, failfast=True, grace=0.3)
    assert seen.summary.failed == 1
    assert seen.summary.total + seen.summary.dropped == 4
    assert marked(mark) == []


def test_nothing_survives_the_death_of_flakeproof(mark: str, tmp_path: Path) -> None:
    """Commands end also when flakeproof itself is killed and has no time to end them."""
    started = tmp_path / "started"
    command = [
        sys.executable,
        "-m",
        "flakeproof",
        "run",
        "-c",
        "4",
        "-w",
        "4",
        "--store",
        str(tmp_path / "store"),
        "--",
    ]
    script = f"echo >> {started}; setsid sleep 600 & sleep 600"
    with subprocess.Popen([*command, *sh(script)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as running:
        wait_until(lambda: started.exists() and started.stat().st_size == 4)
        os.kill(running.pid, signal.SIGKILL)
    wait_until(lambda: not marked(mark))


def wait_until(condition: Callable[[], object]) -> None:
    """Until it holds; fails when that takes far too long."""
    limit = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < limit, "the condition did not come true"
        psutil.cpu_percent(interval=0.02)


@pytest.mark.parametrize(
    ("make", "name", "message"),
    [
        (None, "no-such-program", "there is no such program"),
        (None, "./no/such/file", "no such file"),
        ("echo", "./plain", "it is not executable"),
        ("folder", "./folder", "it is a folder"),
        ("no shebang", "./text", "neither a program nor a script"),
        ("#!/no/such/interpreter\n", "./script", "its first line names '/no/such/interpreter', which does not exist"),
    ],
)
def test_what_cannot_be_started_fails_once(make: str | None, name: str, message: str, tmp_path: Path) -> None:
    """It is said before the run, with the reason, and there is no record of a run."""
    if make == "folder":
        (tmp_path / name).mkdir()
    elif make is not None:
        (tmp_path / name).write_text(make)
        if make != "echo":
            (tmp_path / name).chmod(0o755)
    with pytest.raises(CannotRunError, match=message):
        flakeproof.run([name], cwd=tmp_path, count=2000, store=tmp_path / "store")
    assert not (tmp_path / "store").exists()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"cwd": "/no/such/folder"}, "no such folder"),
        ({"env": {"WORD": "a\udcff"}}, "is not UTF-8"),
        ({"env": {"WORD": "a\0b"}}, "null character"),
        ({"failure": "\\u1234"}, "not a regular expression"),
        ({"failure": "("}, "not a regular expression"),
        ({"skip_code": 256}, "256 is not between 1 and 255"),
        ({"isolation": "fork"}, "a command is always started anew"),
        ({"loop": "a:b"}, "loop= is for Python functions"),
    ],
)
def test_settings_that_do_not_fit(options: dict[str, object], message: str, tmp_path: Path) -> None:
    """Bad values, and what is for functions only, are refused by name."""
    with pytest.raises(UsageError, match=message):
        flakeproof.run(["true"], store=tmp_path / "store", **options)  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="is for commands"):
        flakeproof.run("tcprtt", skip_code=1, store=tmp_path / "store")


def test_every_worker_gets_a_trial_however_long_they_take(run: Runner, tmp_path: Path) -> None:
    """No trial waits behind a slow one in one process while a worker of another process has nothing to do."""
    started = tmp_path / "started"
    everybody = f"echo >> {started}; while [ $(wc -c < {started}) -lt 6 ]; do sleep 0.01; done"
    seen = run(sh(everybody), count=6, workers=6, processes=2, timeout=20)
    assert seen.summary.outcomes == {"passed": 6}
