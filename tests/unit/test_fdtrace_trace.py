"""From a record in a file to findings, lines and exit code."""

from pathlib import Path

import pytest

from flakeproof.errors import CannotRunError, ExitCode
from flakeproof.features.fdtrace import report
from flakeproof.features.fdtrace.command import exit_code
from flakeproof.features.fdtrace.traced_command import judge
from flakeproof.features.fdtrace.tracer import Recording

START = '1  execve("./p", ["p"], 0x7ff /* 3 vars */) = 0\n'
TWICE = (
    '1  openat(AT_FDCWD</>, "/a", O_RDONLY) = 3</a>\n > /p(opener+0x1) [0x1]\n'
    "1  close(3</a>) = 0\n > /p(first+0x1) [0x2]\n"
    "1  close(3) = -1 EBADF (Bad file descriptor)\n > /p(second+0x1) [0x3]\n"
)
END = "1  +++ exited with 0 +++\n"
DONE = Recording(status=0, timed_out=False, stopped_by=None, elapsed=0.5)


def written(folder: Path, text: str) -> Path:
    """A record."""
    path = folder / "record"
    path.write_text(text)
    return path


def test_a_record_that_is_cut_off_proves_nothing(tmp_path: Path) -> None:
    """Strace may end before the command does: that is not a good result, and what was found stays found."""
    whole = judge(written(tmp_path, START + END), "p", DONE)
    cut_off = judge(written(tmp_path, START), "p", Recording(1, False, None, 0.5))
    found = judge(written(tmp_path, START + TWICE), "p", Recording(1, False, None, 0.5))

    assert (whole.complete, whole.exit_status, exit_code(whole)) == (True, 0, ExitCode.GOOD)
    assert (cut_off.complete, cut_off.exit_status, exit_code(cut_off)) == (False, None, ExitCode.INCONCLUSIVE)
    assert "not complete" in cut_off.remarks[0]
    assert "not to the end" in report.closing(cut_off)
    assert exit_code(found) == ExitCode.FAILURES


def test_like_findings_are_counted(tmp_path: Path) -> None:
    """Ten descriptors mishandled in one place are one finding."""
    trace = judge(written(tmp_path, START + TWICE * 10 + END), "p", DONE)

    assert [finding.count for finding in trace.findings] == [10]
    assert report.closing(trace) == "10 descriptors were mishandled in 1 place"
    told = list(report.results(trace))
    assert "FINDING #1: double close (certain, 10 times): descriptor 3 (/a)" in told
    assert "    closed again:   close in second [/p]: EBADF, nobody was hurt this time" in told


def test_a_program_that_could_not_be_started(tmp_path: Path) -> None:
    """Strace records why."""
    failed = '1  execve("./p", ["p"], 0x7ff /* 3 vars */) = -1 ENOEXEC (Exec format error)\n1  +++ exited with 1 +++\n'
    for text in (failed, ""):
        with pytest.raises(CannotRunError, match=r"cannot run p: (ENOEXEC|strace has recorded nothing)"):
            judge(written(tmp_path, text), "p", Recording(1, False, None, 0.5))
