"""The temporary folder of a run goes with it, or with the next run, and takes nothing of anybody else's along."""

import fcntl
import os
import stat
import tempfile
from pathlib import Path

import pytest
from tests.integration.engine.conftest import Lane, Runner
from tests.tools import in_own_mounts

from flakeproof.engine import temporary_folders
from flakeproof.engine.temporary_folders import remove_deserted, temporary_root
from flakeproof.events import AnyEvent, Noted

COMMAND = Lane("commands", "", {"workers": 1, "processes": 1})


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder for temporary files that everybody may write to."""
    folder = tmp_path / "tmp"
    folder.mkdir()
    folder.chmod(0o1777)
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


def test_links_and_folders_of_others_are_left_alone(temporary: Path, tmp_path: Path) -> None:
    """A name in a folder that is everybody's may be a link, and a folder that others can write to is not ours."""
    victim = tmp_path / "victim"
    victim.mkdir(0o700)
    (victim / ".running").write_text("")
    (victim / "data").write_text("precious")
    (temporary / "flakeproof-x").symlink_to(victim)
    for name, mode in (("flakeproof-open", 0o777), ("flakeproof-mine", 0o755)):
        (temporary / name).mkdir()
        (temporary / name).chmod(mode)
        (temporary / name / ".running").write_text("")
    linked = temporary / "flakeproof-linked"
    linked.mkdir(0o700)
    (linked / ".running").symlink_to(victim / "data")
    with temporary_root() as root:
        assert Path(root).parent == temporary
    assert (victim / "data").read_text() == "precious"
    assert stat.S_IMODE(temporary.stat().st_mode) == 0o1777
    left = sorted(path.name for path in temporary.iterdir())
    assert left == ["flakeproof-linked", "flakeproof-mine", "flakeproof-open", "flakeproof-x"]


@pytest.mark.parametrize("when", ["before the claim", "before the lock"])
def test_a_run_that_starts_meanwhile_takes_no_folder_away(
    when: str, temporary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the making of a folder and its lock another run may look at it, and may take it for a deserted one."""
    module, name = (fcntl, "flock") if when == "before the lock" else (os, "open")
    real = getattr(module, name)
    others: list[str] = []

    def meanwhile(*arguments: object, **options: object) -> object:
        if not others and (name == "flock" or str(arguments[0]).endswith(".running")):
            others.append("another run starts")
            remove_deserted(others.append)
        return real(*arguments, **options)

    monkeypatch.setattr(module, name, meanwhile)
    with temporary_root() as root:
        assert others == ["another run starts"]
        assert Path(root, temporary_folders._CLAIM).is_file()
        remove_deserted(others.append)
        assert Path(root).is_dir()
    assert list(temporary.iterdir()) == []


def test_a_folder_of_a_run_that_was_killed_at_its_start_goes(temporary: Path) -> None:
    """It has no claim yet, and nothing in it."""
    (temporary / "flakeproof-early").mkdir(0o700)
    remove_deserted(pytest.fail)
    assert list(temporary.iterdir()) == []


@pytest.mark.long
def test_what_is_mounted_is_named_with_the_command_that_ends_it(tmp_path: Path) -> None:
    """Nothing in it is touched, the run says so once, and the next run takes the rest when it is gone."""
    script = """
        import os, pathlib, subprocess, sys
        here = pathlib.Path.cwd()
        temporary, victim = here / "tmp", here / "victim"
        temporary.mkdir(); temporary.chmod(0o1777); victim.mkdir(); victim.chmod(0o755)
        (victim / "data").write_text("precious")
        (here / "test_m.py").write_text(
            "import os, subprocess\\n"
            "def test_m(tmp_path):\\n"
            "    (tmp_path / 'm').mkdir()\\n"
            "    subprocess.run(['mount', '--bind', os.environ['VICTIM'], str(tmp_path / 'm')], check=True)\\n"
        )
        environment = {**os.environ, "TMPDIR": str(temporary), "VICTIM": str(victim), "CI": "1"}
        def run(*words):
            command = [sys.executable, "-m", "flakeproof", "run", "-c", "1", *words]
            return subprocess.run(command, env=environment, capture_output=True, text=True)
        done = run("--isolation", "fork", "test_m.py")
        (mounted,) = [line.split()[4] for line in open("/proc/self/mountinfo") if line.split()[4].endswith("/m")]
        told = [line for line in done.stderr.splitlines() if "still mounted" in line]
        print(done.returncode, len(told), f"umount {mounted} " in told[0])
        print((victim / "data").read_text(), oct(victim.stat().st_mode), oct(temporary.stat().st_mode))
        subprocess.run(["umount", mounted], check=True)
        again = run("--", "true")
        print(again.returncode, "still mounted" in again.stderr, list(temporary.glob("flakeproof-*")))
    """
    lines = in_own_mounts(script, tmp_path).splitlines()
    assert lines == ["0 1 True", "precious 0o40755 0o41777", "0 False []"]


def test_what_may_not_be_removed_is_named(temporary: Path, run: Runner) -> None:
    """A file with the immutable flag stays; the warning has the command that permits its removal."""
    noted: list[str] = []

    def listen(event: AnyEvent) -> None:
        if isinstance(event, Noted):
            noted.append(event.message)

    command = 'cd "$TMPDIR" && echo x > stays && chattr +i stays'
    seen = run(["sh", "-c", command], COMMAND, count=1, listen=listen)
    if not seen.summary.passed:
        pytest.skip("this file system, or this user, knows no such flag")
    (stays,) = temporary.glob("flakeproof-*/*/stays")
    assert stays.is_file()
    assert len(noted) == 1
    assert f"chattr -R -i -a {stays.parent} " in noted[0]
    assert stat.S_IMODE(temporary.stat().st_mode) == 0o1777
    assert os.system(f"chattr -i {stays}") == 0
    remove_deserted(pytest.fail)
    assert list(temporary.iterdir()) == []
