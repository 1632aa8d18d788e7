"""`flakeproof fdtrace`: mishandled descriptors of real programs in Go and C, and none in healthy ones."""

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import psutil
import pytest
from tests.e2e.conftest import Flakeproof
from tests.tools import missing, needed

PLANTED = Path(__file__).parent.parent / "planted"
SCHEMA = Path(__file__).parent.parent.parent / "docs" / "fdtrace.schema.json"
GO = {"GOFLAGS": "-mod=mod", "GOTOOLCHAIN": "local", "GOPROXY": "off", "GOWORK": "off"}

_HEALTHY = """
#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

static int queue[2];

static void *worker(void *unused) {  /* closes what main has opened, and files of its own */
    int fd, own = open("/dev/null", O_RDWR);
    close(own);
    while (read(queue[0], &fd, sizeof fd) == sizeof fd && fd >= 0) {
        if (write(fd, "x", 1) != 1) return 0;
        close(fd);
    }
    return unused;
}

int main(void) {
    pthread_t thread;
    char text[100];
    int end = -1, copy;
    if (pipe(queue)) return 1;
    pthread_create(&thread, 0, worker, 0);
    for (int i = 0; i < 50; i++) {
        int fd = open("/dev/null", O_RDWR);
        if (write(queue[1], &fd, sizeof fd) != sizeof fd) return 1;
    }
    if (write(queue[1], &end, sizeof end) != sizeof end) return 1;
    pthread_join(thread, 0);
    FILE *file = fopen("/proc/self/status", "r");
    if (!fgets(text, sizeof text, file)) return 1;
    fclose(file);
    DIR *folder = opendir("/");
    readdir(folder);
    closedir(folder);
    copy = dup(1);
    dup2(copy, 20);
    close(copy);
    close(20);
    FILE *other = popen("echo hi", "r");
    if (!fgets(text, sizeof text, other)) return 1;
    pclose(other);
    if (!fork()) {
        for (int fd = 3; fd < 256; fd++) close(fd);
        execlp("true", "true", (char *)0);
        _exit(1);
    }
    wait(0);
    for (int fd = 3; fd < 256; fd++) close(fd);
    return 0;
}
"""
_SICK = """
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

static pthread_barrier_t turn;

static void *victim(void *unused) {
    char read_here;
    pthread_barrier_wait(&turn);
    int fd = open("/dev/zero", O_RDONLY);
    pthread_barrier_wait(&turn);
    pthread_barrier_wait(&turn);
    if (read(fd, &read_here, 1) == 1) exit(3);
    return unused;
}

static void *culprit(void *unused) {
    int fd = open("/dev/null", O_RDWR);
    close(fd);
    pthread_barrier_wait(&turn);
    pthread_barrier_wait(&turn);
    close(fd);
    pthread_barrier_wait(&turn);
    return unused;
}

int main(int count, char **words) {
    pthread_t threads[2];
    if (count > 1 && fork()) pause();  /* its child goes on, and nobody ends either */
    if (count > 1) { setsid(); pause(); }
    pthread_barrier_init(&turn, 0, 2);
    pthread_create(&threads[0], 0, victim, 0);
    pthread_create(&threads[1], 0, culprit, 0);
    pthread_join(threads[0], 0);
    pthread_join(threads[1], 0);
    return 7;
}
"""
_PYTHON = """
import asyncio, os, socket, subprocess, threading

ends = socket.socketpair()
received, sent = os.pipe()
socket.send_fds(ends[0], [b"x"], [received])
for fd in socket.recv_fds(ends[1], 10, 4)[1] + [received, sent]:
    os.close(fd)
for end in ends:
    end.close()
subprocess.run(["true"], stdout=subprocess.PIPE, check=True)
subprocess.run(["sh", "-c", "echo $(true | true)"], close_fds=False, check=True)

async def main():
    server = await asyncio.start_server(lambda reader, writer: writer.close(), "127.0.0.1", 0)
    for _ in range(3):
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        await reader.read()
        writer.close()
        await writer.wait_closed()
    server.close()

asyncio.run(main())
"""
_TWICE = """
import os
received, sent = os.pipe()
os.close(sent)
try:
    os.close(sent)
except OSError:
    pass
"""

Trace = Callable[..., dict[str, Any]]


@pytest.fixture(scope="session")
def strace() -> None:
    """Skip the test where strace is missing, or not permitted."""
    done = subprocess.run([needed("strace"), "-o", "/dev/null", "true"], capture_output=True, text=True, check=False)
    if done.returncode:
        missing(f"strace cannot be used here: {done.stderr.strip()}")


@pytest.fixture
def trace(strace: None, flakeproof: Flakeproof) -> Trace:
    """`flakeproof fdtrace OPTIONS -- COMMAND`; its document, which keeps to the schema, and its exit code."""

    def trace(*command: str, options: tuple[str, ...] = (), env: dict[str, str] | None = None) -> dict[str, Any]:
        done = flakeproof("fdtrace", "--json", "-", *options, "--", *command, env=env)
        assert done.stdout, done.stderr
        document: dict[str, Any] = json.loads(done.stdout)
        jsonschema.validate(document, json.loads(SCHEMA.read_bytes()))
        return {**document, "code": done.returncode, "printed": done.stderr}

    return trace


@pytest.fixture(scope="session")
def go_tests(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The test binary of the planted Go module."""
    folder = Path(shutil.copytree(PLANTED / "go", tmp_path_factory.mktemp("traced") / "go"))
    command = [needed("go"), "test", "-c", "-o", "planted.test", "."]
    done = subprocess.run(
        command, cwd=folder, env={**os.environ, **GO}, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return str(folder / "planted.test")


def compiled(folder: Path, name: str, text: str) -> str:
    """Path of a program in C."""
    (folder / f"{name}.c").write_text(text)
    command = [needed("gcc"), "-g", "-O1", "-pthread", "-o", name, f"{name}.c"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return str(folder / name)


def lines_of(site: dict[str, Any]) -> tuple[str, str | None]:
    """Function, and name of the file if the debugging information is understood."""
    return site["function"], Path(site["file"]).name if site["file"] else None


def test_the_triple_close_is_found_in_one_run(trace: Trace, go_tests: str) -> None:
    """Nobody fails, and all three owners are named: deferred, explicit, and the os.File made around the number."""
    found = trace(go_tests, "-test.run", "^TestShortWrite$")

    assert (found["code"], found["exit_status"]) == (1, 0)
    (finding,) = found["findings"]
    assert (finding["count"], finding["certainty"], finding["what"]) == (1, "certain", "Unix socket")
    assert finding["opened"]["call"] == "socketpair"
    closes = [finding["closed"], *(late["site"] for late in finding["late"] if late["site"]["error"] == "EBADF")]
    own = {site["function"] for site in (finding["opened"], finding["wrapped"], *closes) if site["own"]}
    assert own == {"flakeproof/planted.TestShortWrite", "flakeproof/planted.TestShortWrite.deferwrap2"}
    assert len(closes) >= 2
    wrapped = [late for late in finding["late"] if late["deed"] == "close past the owner"]
    assert len(wrapped) == 1 or any(site["finaliser"] for site in closes)
    if shutil.which("go"):
        assert {Path(site["file"]).name for site in closes if site["own"]} == {"tcp_test.go"}


@pytest.mark.long
def test_beside_its_victim_the_culprit_is_still_the_one_that_is_named(trace: Trace, go_tests: str) -> None:
    """Whomever the late closes hit: each finding is about TestShortWrite's descriptor, and names the other side."""
    found = trace(go_tests, "-test.run", "^(TestShortWrite|TestTCPRTT)$", options=("--no-uses",), env={"GOGC": "1"})

    assert found["code"] == 1
    about = [one for one in found["findings"] if one["opened"] and one["opened"]["function"].endswith("TestShortWrite")]
    assert len(about) == 1
    for late in about[0]["late"]:
        if late["victim"] is not None:
            assert late["deed"] == "close of a stranger's descriptor"
            assert late["victim"]["opened"]["function"].startswith("flakeproof/planted.")
            assert "TestShortWrite" not in late["victim"]["opened"]["function"]


@pytest.mark.long
def test_the_victim_alone_is_healthy(trace: Trace, go_tests: str) -> None:
    """Although its server leaks: a leaked goroutine mishandles nothing."""
    found = trace(go_tests, "-test.run", "^TestTCPRTT$", options=("--no-uses",))
    assert (found["code"], found["findings"]) == (0, [])


@pytest.mark.long
def test_a_close_that_hits_another_thread_s_file(trace: Trace, project: Path) -> None:
    """Both sides are named, by function and line; the command's own exit status is told and does not count."""
    found = trace(compiled(project, "sick", _SICK), options=("--keep-trace", "kept.txt"))

    assert (found["code"], found["exit_status"]) == (1, 7)
    (finding,) = found["findings"]
    assert (finding["deed"], finding["certainty"]) == ("close of a stranger's descriptor", "certain")
    (late,) = finding["late"]
    assert lines_of(finding["opened"])[0] == lines_of(finding["closed"])[0] == lines_of(late["site"])[0] == "culprit"
    assert late["victim"]["what"] == "/dev/zero"
    assert late["victim"]["opened"]["function"] == "victim"
    assert [site["call"] for site in late["victim"]["noticed"]] == ["read"]
    if shutil.which("addr2line"):
        lines = _SICK.splitlines()
        for site, text in ((finding["opened"], "/dev/null"), (late["victim"]["opened"], "/dev/zero")):
            assert Path(site["file"]).name == "sick.c"
            assert text in lines[site["line"] - 1]
    assert "FINDING #1: close of a stranger's descriptor (certain): descriptor" in found["printed"]
    assert "close" in (project / "kept.txt").read_text()


@pytest.mark.long
def test_healthy_programs_give_no_findings(trace: Trace, project: Path) -> None:
    """Handed over, copied, inherited, swept away before exec: all of that is normal."""
    repository = ["-c", "user.email=a@b", "-c", "user.name=a"]
    subprocess.run([needed("git"), "init", "-q", "."], cwd=project, check=True, timeout=30)
    healthy = compiled(project, "healthy", _HEALTHY)
    for command, options in (
        ([healthy], ()),
        ([healthy], ("--no-uses",)),
        (["git", *repository, "commit", "-q", "--allow-empty", "-m", "first"], ()),
    ):
        found = trace(*command, options=options)
        assert (found["code"], found["exit_status"], found["findings"]) == (0, 0, []), command


@pytest.mark.long
@pytest.mark.parametrize(("program", "code"), [(_PYTHON, 0), (_TWICE, 1)])
def test_python_programs_without_stacks(trace: Trace, program: str, code: int) -> None:
    """Sockets, children, a shell's habits: no findings; a double close is one, with its number if not its line."""
    found = trace(sys.executable, "-c", program, options=("--no-stacks",))

    assert (found["code"], found["exit_status"]) == (code, 0)
    assert [finding["deed"] for finding in found["findings"]] == ["double close"] * code


@pytest.mark.long
def test_python_s_own_functions_are_hidden(trace: Trace, project: Path) -> None:
    """It says so, and what to do instead; also in Markdown, which is the summary of a job in GitHub Actions."""
    job = {"GITHUB_ACTIONS": "true", "GITHUB_STEP_SUMMARY": str(project / "job.md")}
    found = trace(sys.executable, "-S", "-c", _TWICE, options=("--markdown", "found.md"), env=job)

    (finding,) = found["findings"]
    assert (finding["deed"], finding["what"]) == ("double close", "pipe")
    assert any("--sanitize descriptors" in remark for remark in found["remarks"])
    markdown = (project / "found.md").read_text()
    assert markdown.startswith("### flakeproof: the descriptors of ")
    assert "\n1 descriptor was mishandled\n" in markdown
    assert (project / "job.md").read_text() == f"{markdown}\n"


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        ((), 2, "there is no command"),
        (("--",), 2, "there is no command"),
        (("--timeout", "soon", "--", "true"), 2, "'soon' is not a duration"),
        (("--env", "X", "--", "true"), 2, "--env X: the environment has no such variable"),
        (("--cwd", "nowhere", "--", "true"), 2, "no such folder"),
        (("--keep-trace", "-", "--", "true"), 2, "name one"),
        (("--json", "/proc/x/y.json", "--", "true"), 2, "--json /proc/x/y.json"),
        (("--", "./nothing"), 3, "cannot run './nothing': no such file"),
        (("--", "./targets.py"), 3, "is not executable"),
    ],
)
def test_what_cannot_be_traced(
    strace: None, flakeproof: Flakeproof, project: Path, arguments: tuple[str, ...], code: int, message: str
) -> None:
    """The message tells why, and nothing is left."""
    before = sorted(project.rglob("*"))
    done = flakeproof("fdtrace", *arguments)
    assert (done.returncode, done.stdout) == (code, ""), done.stderr
    assert message in done.stderr
    assert sorted(project.rglob("*")) == before


def test_without_strace(flakeproof: Flakeproof) -> None:
    """It tells how to get it."""
    done = flakeproof("fdtrace", "--", sys.executable, "-V", env={"PATH": "/nowhere"})
    assert (done.returncode, done.stdout) == (3, "")
    assert "strace is not installed" in done.stderr
    assert "apt-get install strace" in done.stderr


def test_where_tracing_is_not_permitted(strace: None, flakeproof: Flakeproof, tmp_path: Path) -> None:
    """Inside of another strace, for one: it is found out before the command is started."""
    command = [sys.executable, "-m", "flakeproof", "fdtrace", "--", "touch", str(tmp_path / "made")]
    done = subprocess.run(
        ["strace", "-f", "-o", "/dev/null", "-e", "trace=none", *command], capture_output=True, text=True, check=False
    )
    assert done.returncode == 3
    assert "ptrace is not permitted" in done.stderr
    assert "--cap-add=SYS_PTRACE" in done.stderr
    assert not (tmp_path / "made").exists()


@pytest.mark.long
def test_a_command_that_hangs_is_ended_with_all_that_it_has_started(trace: Trace, project: Path) -> None:
    """Also what has left its process group; without a finding nothing is proven."""
    sick = compiled(project, "sick", _SICK)
    found = trace(sick, "hang", options=("--timeout", "1s", "--grace", "100ms", "--no-stacks"))

    assert (found["code"], found["timed_out"], found["exit_status"]) == (4, True, None)
    assert [process for process in psutil.process_iter() if sick in _words(process)] == []


@pytest.mark.long
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_the_trace_with_what_is_known(
    strace: None, project: Path, environment: dict[str, str], number: signal.Signals, code: int
) -> None:
    """The command is ended, the document is written."""
    sick = compiled(project, "sick", _SICK)
    script = f"echo ready; exec {sick} hang"
    process = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "flakeproof",
            "fdtrace",
            "--no-stacks",
            "--grace",
            "100ms",
            "--json",
            "out.json",
            "--",
            "sh",
            "-c",
            script,
        ],
        cwd=project,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    process.send_signal(number)
    _, told = process.communicate(timeout=30)
    assert process.returncode == code, told
    document = json.loads((project / "out.json").read_bytes())
    assert (document["stopped_by"], document["findings"]) == (code, [])
    assert [running for running in psutil.process_iter() if sick in _words(running)] == []


def _words(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.Error:
        return []
