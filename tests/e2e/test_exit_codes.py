"""Each exit code, by a run that ends with it."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.tools import mostly_long

Flakeproof = Callable[..., subprocess.CompletedProcess[str]]


@pytest.mark.parametrize(
    ("target", "options", "code", "closing"),
    [
        ("targets:passes", [], 0, "All 40 tests passed!"),
        ("targets:passes_async", [], 0, "All 40 tests passed!"),
        ("targets:Group.passes", [], 0, "All 40 tests passed!"),
        ("targets:fails", [], 1, "Stress test detected 40 failures out of 40 runs (100.00% failure rate)"),
        ("targets:fails_at_17", [], 1, "Stress test detected 1 failure out of 40 runs (2.50% failure rate)"),
        ("targets:skips_half", [], 1, "Stress test detected 1 failure out of 20 runs (5.00% failure rate)"),
        ("targets:dies", ["-c", "1"], 1, "Stress test detected 1 failure out of 1 run (100.00% failure rate)"),
        ("targets:skips", [], 5, "All 40 tests were skipped: this run proves nothing"),
        ("targets:interrupts", ["-w", "1", "--grace", "100ms"], 130, "All 2 tests that ran passed, of 40 planned"),
        ("targets:terminates", ["-w", "1", "--grace", "100ms"], 143, "All 2 tests that ran passed, of 40 planned"),
    ],
)
def test_a_run_ends_with_its_verdict(
    flakeproof: Flakeproof, target: str, options: list[str], code: int, closing: str
) -> None:
    """The exit status and the closing line follow from what was seen, also after a signal."""
    ended = flakeproof("run", target, "-c", "40", *options)

    assert code == ended.returncode, ended.stderr
    assert closing == ended.stdout.splitlines()[-1]


@mostly_long(
    ("target", "code", "message"),
    [
        ("broken:f", 3, "No module named 'no_such_module_anywhere'"),
        ("exits:f", 3, "SystemExit"),
        ("stops:f", 3, "KeyboardInterrupt"),
        ("unwritten:f", 3, "SyntaxError"),
        ("dies:f", 3, "exit status 7"),
        ("absent:f", 2, "'absent'"),
        ("targets:pases", 2, "did you mean 'passes'"),
        ("targets:wants", 2, "argument"),
        ("targets:VALUE", 2, "is no function"),
        ("./targets.py::passes", 2, "not found"),
    ],
    first=5,
)
def test_a_target_that_cannot_run_leaves_nothing(
    flakeproof: Flakeproof, project: Path, target: str, code: int, message: str
) -> None:
    """A wrong name is the user's (2), a failing import is a broken target (3); the message tells, nothing is left."""
    before = sorted(path for path in project.iterdir() if path.name != "__pycache__")

    ended = flakeproof("run", target, "-c", "3", "--json", "reports/deep/run.json")

    assert code == ended.returncode, ended.stderr
    assert message in ended.stderr
    assert ended.stdout == ""
    assert before == sorted(path for path in project.iterdir() if path.name != "__pycache__")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["run"], "there is no target"),
        (["absent"], "No such command 'absent'"),
        (["run", "targets:passes", "--absent"], "No such option"),
        (["run", "targets:passes", "-c"], "requires an argument"),
        (["run", "targets:passes", "-c", "2k"], "--count: '2k' is not a whole number"),
        (["run", "targets:passes", "--server", "leaky"], "server=leaky cannot apply"),
        (["run", "targets:passes", "--json", "/proc/none/x"], "--json /proc/none/x"),
        (["run", "targets:passes", "--store", "pyproject.toml/x"], "--store DIR"),
        (["run", "tcprtt", "--server", "leaks"], "--server: 'leaks' is not one of fixed, leaky"),
        (["run", "tcprtt", "--set", "io"], "--set 'io' is not NAME=VALUE"),
        (["stress", "cii"], "did you mean ci?"),
        (["stress", "all", "--json", "x"], "name one mode"),
        (["clean", "--keep", "some"], "--keep: 'some' is not a whole number"),
    ],
)
def test_bad_usage_is_named_and_leaves_nothing(
    flakeproof: Flakeproof, project: Path, arguments: list[str], message: str
) -> None:
    """The value and what is wrong with it stand in the message, the status is 2, nothing is left behind."""
    before = sorted(project.iterdir())

    ended = flakeproof(*arguments)

    assert ended.returncode == 2, ended.stderr
    assert message in ended.stderr
    assert "Traceback" not in ended.stderr
    assert before == sorted(project.iterdir())


def test_too_few_descriptors_are_found_before_the_run(project: Path, environment: dict[str, str]) -> None:
    """The message names the number needed and how to raise the limit."""
    ended = subprocess.run(
        ["bash", "-c", f"ulimit -n 64 && exec {sys.executable} -m flakeproof run tcprtt -w 50 --processes 1"],
        cwd=project,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert ended.returncode == 2, ended.stderr
    assert "file descriptors" in ended.stderr
    assert "ulimit -n" in ended.stderr
    assert not (project / ".flakeproof").exists()


def test_too_few_ports_are_found_before_the_run(project: Path, environment: dict[str, str]) -> None:
    """The message names the number needed and what to do."""
    narrow = "echo 32768 32800 > /proc/sys/net/ipv4/ip_local_port_range"
    if subprocess.run(["unshare", "-n", "sh", "-c", narrow], capture_output=True, check=False).returncode:
        pytest.skip("a network namespace of our own is not permitted here")

    ended = subprocess.run(
        ["unshare", "-n", "sh", "-c", f"{narrow} && exec {sys.executable} -m flakeproof run tcprtt -w 50"],
        cwd=project,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert ended.returncode == 2, ended.stderr
    assert "100 ephemeral ports, the system has 33" in ended.stderr
    assert not (project / ".flakeproof").exists()


def test_replay_without_runs_has_nothing_to_run(flakeproof: Flakeproof) -> None:
    """There is no run to look at: 5, and how to make one."""
    ended = flakeproof("replay", "latest", "1")

    assert ended.returncode == 5
    assert "flakeproof run TARGET" in ended.stderr


def test_a_fault_of_ours_is_no_failure_of_the_target(flakeproof: Flakeproof, project: Path) -> None:
    """What nobody has foreseen ends with 3 and never looks like failures found."""
    (project / "sitecustomize.py").write_text(
        "import sys\n"
        "class Fault:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name == 'flakeproof.settings.build_spec': raise RuntimeError('planted')\n"
        "sys.meta_path.insert(0, Fault())\n"
    )

    ended = flakeproof("run", "targets:passes", env={"PYTHONPATH": str(project)})

    assert ended.returncode == 3
    assert "planted" in ended.stderr
    assert "fault of flakeproof" in ended.stderr


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], *([c, "-h"] for c in ("run", "stress", "plan"))])
def test_help_and_version_answer(flakeproof: Flakeproof, arguments: list[str]) -> None:
    """They print to stdout and succeed."""
    ended = flakeproof(*arguments)

    assert ended.returncode == 0
    assert "flakeproof" in ended.stdout
    assert ended.stderr == ""


def test_no_markup_is_lost_in_help(flakeproof: Flakeproof) -> None:
    """Defaults in brackets are text, not markup."""
    assert "[drawn and printed]" in flakeproof("run", "--help").stdout


def test_a_run_imports_what_it_needs(project: Path, environment: dict[str, str]) -> None:
    """A run that passes: nothing of features that it does not use, and nothing for sockets."""
    code = (
        "import sys, os\n"
        "from flakeproof.cli.app import main\n"
        "def leave(code):\n"
        "    heavy = {'rich', 'psutil', 'asyncio', 'ssl', 'lxml', 'sqlalchemy', 'flakeproof.net'} & set(sys.modules)\n"
        "    heavy |= {'starlette', 'uvicorn', 'jinja2', 'vl_convert'} & set(sys.modules)\n"
        "    features = {name.split('.')[2] for name in sys.modules if name.startswith('flakeproof.features.')}\n"
        "    print(f'imported: {heavy | (features - {\"run\"})}', file=sys.stderr)\n"
        "    sys.stderr.flush()\n"
        "    os.kill(os.getpid(), 9)\n"
        "os._exit = leave\n"
        "sys.argv = ['flakeproof', 'run', '-c', '2', 'targets:passes']\n"
        "main()\n"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code], cwd=project, env=environment, capture_output=True, text=True, check=False
    )
    assert ended.stderr.endswith("imported: set()\n"), ended.stderr


def test_start_imports_nothing_heavy(project: Path, environment: dict[str, str]) -> None:
    """What only a run needs is not imported to print help: that is what makes it quick."""
    code = (
        "import sys\n"
        "from flakeproof.cli.app import make_app, typer\n"
        "typer.main.get_command(make_app()).main(['--help'], standalone_mode=False)\n"
        "heavy = {'rich', 'msgspec', 'psutil', 'asyncio', 'pygments'} & set(sys.modules)\n"
        "sys.exit(f'imported: {heavy}' if heavy else 0)\n"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code], cwd=project, env=environment, capture_output=True, text=True, check=False
    )

    assert ended.returncode == 0, ended.stderr
