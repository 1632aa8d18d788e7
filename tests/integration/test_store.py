"""The folder of records and the log in it."""

import os
from pathlib import Path

import msgspec
import pytest

from flakeproof.errors import UsageError
from flakeproof.events import AnyEvent, RunEnded, RunStarted, TrialFailed, TrialSkipped, TrialsPassed
from flakeproof.model import CallableTarget, Failure, Outcome, RunSpec
from flakeproof.results.history import History
from flakeproof.store.folder import RunFolder, Store, is_being_written
from flakeproof.store.log import LogWriter, read_events

_SPEC = RunSpec(
    target=CallableTarget(name="t", module="m", attribute="a", python="p", folder="f"),
    count=10,
    workers=1,
    processes=1,
    seed=1,
)


def _ended(store: Store, *, becomes_latest: bool = True) -> Path:
    folder = store.new_run(becomes_latest=becomes_latest)
    (folder.path / "spec.json").write_bytes(msgspec.json.encode(_SPEC))
    folder.close()
    return folder.path


def _failed(number: int, signature: str = "s", output: str = "", trial: int | None = None) -> TrialFailed:
    failure = Failure(
        trial=number if trial is None else trial,
        seed=1,
        outcome=Outcome.FAILED,
        message="m",
        signature=signature,
        duration=0.1,
        process=0,
        output=output,
    )
    return TrialFailed(number=number, failure=failure)


def test_a_run_that_never_ran_leaves_nothing(tmp_path: Path) -> None:
    """Not the folders above it either; and `latest` is what it was."""
    store = Store(tmp_path / "a" / "b" / ".flakeproof")
    store.discard(store.new_run())
    assert list(tmp_path.iterdir()) == []

    first = _ended(store)
    store.discard(store.new_run())
    assert first == store.latest()
    assert [first] == store.all_runs()


def test_a_store_in_a_folder_of_somebody_else(tmp_path: Path) -> None:
    """Nothing but the runs is put there, nothing but the runs is removed."""
    (tmp_path / "thesis.txt").write_text("years of work")
    store = Store(tmp_path)

    store.discard(store.new_run())
    assert [tmp_path / "thesis.txt"] == list(tmp_path.iterdir())
    _ended(store)
    assert not (tmp_path / ".gitignore").exists()
    assert store.remove_runs(0) == []
    assert [tmp_path / "thesis.txt"] == list(tmp_path.iterdir())


def test_an_empty_folder_that_was_given_stays(tmp_path: Path) -> None:
    """It was there before."""
    store = Store(tmp_path / "given")
    store.root.mkdir()
    store.discard(store.new_run())

    assert list(store.root.iterdir()) == []


def test_links_and_strange_names_are_not_runs(tmp_path: Path) -> None:
    """What we have not made is neither found nor removed."""
    precious = tmp_path / "precious"
    precious.mkdir()
    (precious / "spec.json").write_text("{}")
    store = Store(tmp_path / ".flakeproof")
    run = _ended(store)
    (store.runs / "20200101-000000-1").symlink_to(precious)
    (store.runs / "mine").mkdir()

    assert [run] == store.all_runs()
    store.remove_runs(0)
    assert (precious / "spec.json").exists()
    assert {"20200101-000000-1", "mine"} == {path.name for path in store.runs.iterdir()}


def test_a_claim_ends_with_its_process(tmp_path: Path) -> None:
    """A run is being written while somebody lives who writes it, whatever is left in its folder."""
    store = Store(tmp_path / ".flakeproof")
    folder = store.new_run()
    assert is_being_written(folder.path)
    assert store.removable(0) == []

    child = os.fork()
    if child == 0:
        RunFolder(store.runs / "20200101-000000-1")
        os._exit(0)
    os.waitpid(child, 0)

    died = store.runs / "20200101-000000-1"
    assert (died / "running").exists()
    assert [died] == store.removable(0)
    folder.close()
    assert [died, folder.path] == store.removable(0)


def test_replays_do_not_push_out_what_they_replay(tmp_path: Path) -> None:
    """`latest` stays, and stays the last to be removed."""
    store = Store(tmp_path / ".flakeproof")
    run = _ended(store)
    for _ in range(4):
        _ended(store, becomes_latest=False)

    store.prune(2)

    assert run == store.latest()
    assert len(store.all_runs()) == 2
    assert run in store.all_runs()


def test_when_latest_is_removed_it_means_the_newest(tmp_path: Path) -> None:
    """It never points nowhere."""
    store = Store(tmp_path / ".flakeproof")
    runs = [_ended(store) for _ in range(3)]
    (store.root / "latest").unlink()
    (store.root / "latest").symlink_to("runs/gone")

    assert max(runs) == store.find("latest")
    store.remove_runs(1)
    assert [max(runs)] == [(store.root / "latest").resolve()]


def test_a_run_is_found_by_the_start_of_its_id(tmp_path: Path) -> None:
    """As long as it is the only one."""
    store = Store(tmp_path / ".flakeproof")
    first, second = _ended(store), _ended(store)

    assert first == store.find(first.name)
    assert second == store.find(str(second))
    with pytest.raises(UsageError, match="beginning of several"):
        store.find("2")
    with pytest.raises(UsageError, match="not known"):
        store.find("absent")


def test_a_thousand_runs_have_a_thousand_folders(tmp_path: Path) -> None:
    """However many begin in the same millisecond."""
    store = Store(tmp_path / ".flakeproof")

    assert len({_ended(store) for _ in range(300)}) == 300


def _logged(folder: Path, events: list[AnyEvent], size_limit: int) -> list[str]:
    warnings: list[str] = []
    log = LogWriter(folder, warnings.append, size_limit=size_limit)
    for event in events:
        log(event)
    log.close()
    return warnings


@pytest.mark.parametrize("size_limit", [0, 2_000, 10**9])
def test_a_log_is_capped_and_counts_on(tmp_path: Path, size_limit: int) -> None:
    """What is not written one by one is counted: the history out of the log has the same numbers."""
    events: list[AnyEvent] = [RunStarted(run_id="r", at="", version="", spec=_SPEC)]
    for number in range(1, 3001):
        events.append(_failed(number, signature=f"kind {number % 3}", output="x" * 50))
        events.append(TrialSkipped(trial=number, reason="y" * 50))
        events.append(TrialsPassed(process=number % 2, count=3, durations=[(5, 3)]))
    events.append(RunEnded(elapsed=1.5, stopped=None))

    assert _logged(tmp_path, events, size_limit) == []

    live, read = History(), History()
    for event in events:
        live.add(event)
    for record in read_events(tmp_path):
        read.add(record)
    assert live.outcomes == read.outcomes
    assert live.durations == read.durations
    assert {key: group.count for key, group in live.groups.items()} == {
        key: group.count for key, group in read.groups.items()
    }
    if size_limit < 10**9:
        assert (tmp_path / "events.jsonl").stat().st_size < size_limit + 200_000


@pytest.mark.parametrize("size_limit", [0, 10**9])
def test_a_log_has_the_examples_of_its_run(tmp_path: Path, size_limit: int) -> None:
    """Whatever the order of arrival the first trial is the example of its kind, with all that is known about it."""
    events = [
        _failed(number, signature=f"kind {number % 3 + number // 1500}", output="x", trial=number * 1234 % 3001)
        for number in range(1, 3001)
    ]
    assert _logged(tmp_path, list(events), size_limit) == []

    live, backwards, read = History(), History(), History()
    for event, last in zip(events, reversed(events), strict=True):
        live.add(event)
        backwards.add(last)
    for record in read_events(tmp_path):
        read.add(record)

    for key, group in live.groups.items():
        assert group.example.trial == min(event.failure.trial for event in events if event.failure.signature == key)
    for other in (backwards, read):
        assert {key: group.example for key, group in live.groups.items()} == {
            key: group.example for key, group in other.groups.items()
        }


def test_an_example_with_details_is_better_than_one_without() -> None:
    """A log of many kinds has some later failures with nothing but the message."""
    history = History()
    for event in (_failed(1, trial=3), _failed(2, trial=9, output="x"), _failed(3, trial=2), _failed(4, trial=8)):
        history.add(event)

    assert history.groups["s"].example.trial == 9


def test_a_log_that_cannot_be_written_says_so_once(tmp_path: Path) -> None:
    """The run goes on; nothing is raised, at the end neither."""
    (tmp_path / "events.jsonl").symlink_to("/dev/full")

    warnings = _logged(tmp_path, [_failed(number) for number in range(5)], 10**9)

    assert len(warnings) == 1
    assert "No space left on device" in warnings[0]


def test_a_line_that_was_cut_off_is_left_out(tmp_path: Path) -> None:
    """A crash in the middle of a line costs that line."""
    _logged(tmp_path, [_failed(1), _failed(2)], 10**9)
    with (tmp_path / "events.jsonl").open("ab") as file:
        file.write(b'{"event":"trial-fai')

    assert list(read_events(tmp_path)) == [_failed(1), _failed(2)]


def test_schedules_go_as_runs_go(tmp_path: Path) -> None:
    """The newest stay, with whatever else somebody has put there; git is told to ignore them."""
    store = Store(tmp_path / ".flakeproof")
    folders = [store.new_schedule() for _ in range(3)]
    for folder in sorted(folders):
        folder.mkdir(parents=True)
        for name in ("schedule.json", "flakeproof_ci_schedule.py"):
            (folder / name).write_text("")
    oldest, *rest = sorted(folders)
    (rest[0] / "mine.txt").write_text("")
    assert (tmp_path / ".flakeproof" / ".gitignore").read_text().endswith("*\n")

    store.remove_runs(2)
    assert [folder.exists() for folder in (oldest, *rest)] == [False, True, True]
    store.remove_runs(0)
    assert sorted(path.name for path in (tmp_path / ".flakeproof" / "ci").rglob("*")) == [rest[0].name, "mine.txt"]
    (rest[0] / "mine.txt").unlink()
    store.remove_runs(0)
    assert not (tmp_path / ".flakeproof").exists()


def test_a_copy_that_followed_the_link_to_the_newest_run_is_named(tmp_path: Path) -> None:
    """As `cp -rL` makes it; nothing is left of the run that was to begin."""
    store = Store(tmp_path / ".flakeproof")
    store.new_run().close()
    latest = store.root / "latest"
    latest.unlink()
    latest.mkdir()
    before = sorted(store.root.rglob("*"))
    with pytest.raises(UsageError, match="latest is a folder, and a link to the newest run has to be there"):
        store.new_run()
    assert sorted(store.root.rglob("*")) == before
