"""The load perturbations as they are written, the plan of pauses, trees of processes, and control groups."""

import os
import subprocess
import sys
import time
from itertools import islice
from pathlib import Path

import pytest

from flakeproof.model import Freeze, Load
from flakeproof.perturbations.registry import KINDS
from flakeproof_worker.perturb.freeze import Standstill, pauses
from flakeproof_worker.system import cgroups, process_tree


@pytest.mark.parametrize(
    ("name", "given", "value", "words"),
    [
        ("noise", "cpu=2@30%", {"cpu": Load(count=2, share=0.3)}, ["--noise", "cpu=2@30%"]),
        ("cpus", "2", 2, ["--cpus", "2"]),
        ("cpu-quota", "30%", 0.3, ["--cpu-quota", "30%"]),
        ("cpu-quota", 0.5, 0.5, ["--cpu-quota", "50%"]),
        ("nice", "7", 7, ["--nice", "7"]),
        ("freeze", "1ms..50ms", Freeze(least=0.001, most=0.05, share=0.25), ["--freeze", "1ms..50ms@p=0.25"]),
        ("freeze", "20ms@p=10%", Freeze(least=0.02, most=0.02, share=0.1), ["--freeze", "20ms@p=0.1"]),
    ],
)
def test_what_is_written(name: str, given: object, value: object, words: list[str]) -> None:
    """Is read, and can be written again."""
    kind = KINDS[name]
    assert kind.read(kind.parse(given)) == value
    assert kind.words(value) == words
    assert kind.read(kind.parse(words[1])) == value


@pytest.mark.parametrize(
    ("name", "given", "named"),
    [
        ("cpus", "0", "not between"),
        ("cpu-quota", "0.1%", "tests make no progress"),
        ("cpu-quota", "150%", "not a rate between"),
        ("nice", "-5", "not between 0 and 19"),
        ("nice", "20", "not between 0 and 19"),
        ("freeze", "2s", "more than a second"),
        ("freeze", "50ms..1ms", "longest pause is shorter"),
        ("freeze", "1ms@p=1", "make no progress"),
        ("freeze", "1ms@0.5", "not a probability"),
    ],
)
def test_what_can_mean_nothing(name: str, given: str, named: str) -> None:
    """The value is named, and what is wrong with it."""
    with pytest.raises(ValueError, match=named):
        KINDS[name].parse(given)


@pytest.mark.parametrize("preset", ["mild", "strong"])
def test_presets_are_mixtures(preset: str) -> None:
    """Of which the record says what they were: it holds on other machines, too."""
    written = KINDS["noise"].parse(preset)
    noise = KINDS["noise"].read(written)
    assert {"cpu", "memory"} <= noise.keys()
    assert KINDS["noise"].parse(written) == written


def test_a_plan_of_pauses() -> None:
    """It is that of the seed, as long as asked for, and takes up its share; some are for part of the tree only."""
    asked = {"least": 0.001, "most": 0.05, "share": 0.25}
    found, again, other = (list(islice(pauses(asked, seed), 2000)) for seed in (1, 1, 2))

    def told(plan: list[Standstill]) -> list[tuple[int, int, bool]]:
        return [(one.after, one.length, one.whole) for one in plan]

    assert told(found) == told(again)
    assert [one.coins.random() for one in found] == [one.coins.random() for one in again]
    assert [one.after for one in found[:3]] != [one.after for one in other[:3]]
    assert all(1_000_000 <= one.length <= 50_000_000 for one in found)
    paused = sum(one.length for one in found)
    assert 0.22 < paused / (paused + sum(one.after for one in found)) < 0.28
    assert 800 < sum(one.whole for one in found) < 1200
    assert list(pauses({**asked, "share": 0.0}, 1)) == []


def test_a_tree_of_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its members are found in either way, with what they compute; they stand still until they are let go."""
    code = "import subprocess, sys; subprocess.run([sys.executable, '-c', 'print(flush=True)\\nwhile True: pass'])"
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None
            process.stdout.readline()
            (child,) = process_tree.below(process.pid)
            assert process.pid in process_tree.children(os.getpid())
            assert process_tree._children_by_parent(process.pid) == [child]
            before = process_tree.used_ns(child)
            _until(lambda: process_tree.used_ns(child) > before)

            stopped = process_tree.Stopped()
            for pid in (process.pid, child):
                stopped.stop(pid)
            _until(lambda: process_tree.is_stopped(child))
            others = process_tree.Stopped()
            others.stop(child)
            assert not others  # it stood still before: that is not ours to undo
            stopped.let_go_on()
            _until(lambda: not process_tree.is_stopped(child))
        finally:
            for pid in (*process_tree.below(process.pid), process.pid):
                os.kill(pid, 9)
    assert process_tree.children(process.pid) == []
    assert process_tree.used_ns(process.pid) == 0


def _until(condition: object, seconds: float = 20.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():  # type: ignore[operator]
        assert time.monotonic() < deadline, "it takes too long"


def test_a_control_group_is_made_where_it_may_be(tmp_path: Path) -> None:
    """As far up as has the controller; with a limit, and a process in it. What a killed run has left goes."""
    for name, controllers in {"": "cpu memory", "slice": "cpu memory", "slice/shell": "memory"}.items():
        folder = tmp_path / name
        folder.mkdir(exist_ok=True)
        (folder / "cgroup.controllers").write_text(f"{controllers}\n")
        (folder / "cgroup.subtree_control").write_text("memory\n")
    (tmp_path / "slice" / "flakeproof-left").mkdir()
    places = (str(tmp_path), str(tmp_path / "slice" / "shell"))

    made = cgroups.make(places, "7", 0.3)

    assert made == str(tmp_path / "slice" / "flakeproof-7")
    assert (tmp_path / "slice" / "cgroup.subtree_control").read_text() == "+cpu"
    assert Path(made, "cpu.max").read_text() == "30000 100000"
    assert not (tmp_path / "slice" / "flakeproof-left").exists()
    assert cgroups.enter(made, 42)
    assert Path(made, "cgroup.procs").read_text() == "42"
    cgroups.lift(made)
    assert Path(made, "cpu.max").read_text() == "max"
    assert not cgroups.remove(made)  # somebody is in there
    for file in Path(made).iterdir():
        file.unlink()
    assert cgroups.remove(made)
    assert not cgroups.enter(made, 42)


def test_where_control_groups_are(tmp_path: Path) -> None:
    """As the kernel tells it; none where only the first version has controllers, or there are none."""
    mounts, own = tmp_path / "mountinfo", tmp_path / "cgroup"
    mounts.write_text(
        "22 1 8:1 / / rw - ext4 /dev/sda1 rw\n30 22 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw\n"
    )
    own.write_text("0::/user.slice/app.scope\n")
    assert cgroups.own_folder(str(mounts), str(own)) == ("/sys/fs/cgroup", "/sys/fs/cgroup/user.slice/app.scope")
    own.write_text("3:cpu:/\n")
    assert cgroups.own_folder(str(mounts), str(own)) is None
    mounts.write_text("22 1 8:1 / / rw - ext4 /dev/sda1 rw\n")
    assert cgroups.own_folder(str(mounts), str(own)) is None
    (tmp_path / "cgroup.controllers").write_text("\n")
    assert cgroups.make((str(tmp_path), str(tmp_path)), "7", 0.3) is None
