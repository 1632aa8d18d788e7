"""Removing a folder takes all that is in it, and touches nothing else."""

import os
import resource
import stat
import subprocess
from pathlib import Path

import pytest
from tests.tools import as_nobody, in_own_mounts

from flakeproof_worker.system import removal


def deep(folder: Path, levels: int) -> None:
    """Make `levels` folders in each other below `folder`, with a file at the bottom."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    for _ in range(levels):
        os.mkdir("d", dir_fd=descriptor)
        below = os.open("d", os.O_RDONLY | os.O_DIRECTORY, dir_fd=descriptor)
        os.close(descriptor)
        descriptor = below
    os.close(os.open("file", os.O_WRONLY | os.O_CREAT, dir_fd=descriptor))
    os.close(descriptor)


@pytest.mark.parametrize("levels", [10, 1_000, pytest.param(5_000, marks=pytest.mark.long)])
def test_depth_is_no_limit(levels: int, tmp_path: Path) -> None:
    """Neither the stack of the interpreter nor the number of open files is used up by a deep tree."""
    top = tmp_path / "top"
    top.mkdir()
    deep(top, levels)
    open_now = len(list(Path("/proc/self/fd").iterdir()))
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (open_now + 30, hard))
    try:
        assert removal.remove(str(top)) == []
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        subprocess.run(["rm", "-rf", top / "d"], check=True)  # pytest could not
    assert list(tmp_path.iterdir()) == []
    assert len(list(Path("/proc/self/fd").iterdir())) == open_now


def test_what_links_lead_to_stays(tmp_path: Path) -> None:
    """A link goes, its target stays as it is, with its permissions; a link in place of the folder is refused."""
    target = tmp_path / "target"
    target.mkdir(0o755)
    (target / "data").write_text("precious")
    (target / "data").chmod(0o444)
    top = tmp_path / "top"
    top.mkdir()
    (top / "folder").symlink_to(target)
    (top / "file").symlink_to(target / "data")
    assert removal.remove(str(top)) == []
    (tmp_path / "link").symlink_to(target)
    assert [left.path for left in removal.remove(str(tmp_path / "link"))] == [str(tmp_path / "link")]
    assert (target / "data").read_text() == "precious"
    assert stat.S_IMODE((target / "data").stat().st_mode) == 0o444
    assert stat.S_IMODE(target.stat().st_mode) == 0o755


def test_nothing_above_the_folder_is_changed(tmp_path: Path) -> None:
    """Permissions that are in the way are changed within the folder only: TMPDIR stays everybody's."""
    above = tmp_path / "tmp"
    above.mkdir()
    above.chmod(0o1777)

    def remove_without_permission() -> None:
        top = Path("top")
        (top / "a" / "b").mkdir(parents=True)
        (top / "a" / "b" / "file").write_text("x")
        (top / "shut").mkdir()
        (top / "shut" / "file").write_text("x")
        for folder in ("a/b", "a", "shut", ""):
            (top / folder).chmod(0)
        assert removal.remove("top") == []
        assert not top.exists()

    as_nobody(remove_without_permission, above)
    assert stat.S_IMODE(above.stat().st_mode) == 0o1777


def test_other_file_systems_stay(tmp_path: Path) -> None:
    """Neither a bind mount, which has the same device, nor a tmpfs, nor a mounted file is entered or changed."""
    script = """
        import os, pathlib, subprocess
        from flakeproof_worker.system import removal
        here = pathlib.Path.cwd()
        victim, top = here / "victim", here / "top"
        victim.mkdir(0o755)
        (victim / "data").write_text("precious")
        for name in ("deep/bind", "other"):
            (top / name).mkdir(parents=True)
        (top / "one").write_text("")
        (top / "goes").write_text("")
        subprocess.run(["mount", "--bind", victim, top / "deep/bind"], check=True)
        subprocess.run(["mount", "-t", "tmpfs", "tmpfs", top / "other"], check=True)
        subprocess.run(["mount", "--bind", victim / "data", top / "one"], check=True)
        left = removal.remove(str(top))
        print(*sorted(f"{os.path.relpath(found.path)} {found.is_mount}" for found in left), sep="\\n")
        print(victim.stat().st_mode & 0o777 == 0o755, (victim / "data").read_text(), (top / "goes").exists())
        for found in left:
            subprocess.run(["umount", found.path], check=True)
        print(removal.remove(str(top)), top.exists())
    """
    lines = in_own_mounts(script, tmp_path).splitlines()
    assert lines == ["top/deep/bind True", "top/one True", "top/other True", "True precious False", "[] False"]
