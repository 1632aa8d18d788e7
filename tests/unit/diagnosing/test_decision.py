"""The decision table of docs/diagnose.md, row by row: its examples are the evidence, its last column the answer."""

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from flakeproof.features.diagnose import observed_calls
from flakeproof.features.diagnose.decision import decide, is_settled
from flakeproof.features.diagnose.differences.explain import Explanation
from flakeproof.features.diagnose.evidence import (
    ALONE,
    Counts,
    Evidence,
    Factor,
    Level,
    Line,
    Polluters,
    Provocation,
    Repeated,
)
from flakeproof.features.diagnose.failure_under_study import Flake
from flakeproof.features.diagnose.observed_calls import Witnessed
from flakeproof.features.diagnose.records import FOUND, Cause, CauseId, Place, Status
from flakeproof.features.diagnose.rules.common import Next
from flakeproof.model import Failure, Outcome, SourceLocation
from flakeproof.results.sanitizer_findings import SightingSummary
from flakeproof.stats.tables import fisher_greater

PAGE = Path(__file__).parent.parent.parent.parent / "docs" / "diagnose.md"
LINE = Place(file="/project/shop.py", line=7, function="sell")
FOLLOWING = Next(
    run=lambda options: f"flakeproof run {options} TARGET",
    run_all=lambda options: f"flakeproof run {options} TARGETS",
    words=lambda words: f"flakeproof {words}",
    longer="flakeproof diagnose --budget 10m TARGET",
    replay="flakeproof replay RUN 17",
    isolate="flakeproof isolate TARGET",
    hash_seed="5",
)
ARMS = (
    "alone",
    "again",
    "as given",
    "company",
    "shuffled",
    "shared",
    "parallel",
    "busy",
    "race",
    "clock",
    "sanitized",
    "provoked",
    "clock standing",
    "longer limits",
    "measured time",
    "more measured time",
    "addresses",
    "folders by name",
    "folders by age",
    "folders shuffled",
    "no garbage collected",
    "garbage collected",
    "awaited",
)
KINDS = {
    "descriptors": ("descriptors", "closed twice"),
    "threads": ("leaks", "thread outlived its test"),
    "children": ("leaks", "child process outlived its test"),
}
OBSERVED = {
    "lists a folder": observed_calls.LISTING,
    "holds a weak reference": observed_calls.FINALISED,
    "opens a file": observed_calls.OUTSIDE,
}
MESSAGES = {
    "EBADF": ("OSError", "[Errno 9] Bad file descriptor"),
    "EADDRINUSE": ("OSError", "[Errno 98] Address already in use"),
    "TimeoutError": ("TimeoutError", "no answer"),
}


def rows() -> Iterator[tuple[str, str, str]]:
    """Cause, example and standing of each row."""
    for line in PAGE.read_text().splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if len(cells) == 4 and cells[0] in set(CauseId):
            yield cells[0], cells[2], cells[3]


def flake(failed_with: str) -> Flake:
    """A failure of that kind, at `LINE`."""
    kind, message = MESSAGES.get(failed_with, ("AssertionError", failed_with))
    exception = {"type": kind, "message": message, "frames": [[LINE.file, LINE.line, LINE.function]]}
    if failed_with.startswith("E"):
        exception["errno"] = failed_with
    return Flake(
        Failure(
            trial=1,
            seed=2,
            outcome=Outcome.FAILED,
            message=message,
            signature=message,
            duration=0.1,
            process=0,
            details={"exception": exception},
        )
    )


def factor(again: str, others: str, *, of_processes: bool = False) -> Factor:
    """Seeds of three trials each, or of three processes with a trial each."""
    levels: list[Level] = []
    for text, had_failed in ((again, True), (others, False)):
        failed, trials = map(int, text.split("/"))
        for _ in range(trials // 3):
            here = min(3, failed)
            processes = [(int(number < here), 1) for number in range(3)] if of_processes else []
            levels.append(Level(had_failed=had_failed, failed=here, trials=3, processes=processes))
            failed -= here
    return Factor(levels)


def sighting(name: str, failures: str, passes: str) -> SightingSummary:
    """Something that a sanitizer has seen so often."""
    (in_failures, all_failures), (in_passes, all_passes) = (map(int, text.split("/")) for text in (failures, passes))
    p = fisher_greater(((in_failures, all_failures - in_failures), (in_passes, all_passes - in_passes)))
    sanitizer, kind = KINDS[name]
    return SightingSummary(
        sanitizer=sanitizer,
        kind=kind,
        what="it",
        place=SourceLocation(file=LINE.file, line=3, function="open_up"),
        times=in_failures + in_passes,
        in_failures=in_failures,
        failures=all_failures,
        in_passes=in_passes,
        passes=all_passes,
        p=p,
        goes_with_failures=p < 0.01,
        examples=[],
    )


def evidence(example: str) -> Evidence:
    """What an example of the table says. Fails for words that it does not know."""
    found = Evidence(flake=flake("wrong"))
    arms: dict[str, Counts] = {}
    for part in (part.strip() for part in example.split(",")):
        seen = found.witnessed
        if counts := re.fullmatch(rf"({'|'.join(ARMS)}) (\d+)/(\d+)", part):
            name, failed, trials = counts[1], int(counts[2]), int(counts[3])
            arms[name] = Counts(setting=name, failed=failed, trials=trials, against="" if name == ALONE else ALONE)
            if name == "sanitized":
                found = replace(found, sanitized=True, failed_watched=failed)
        elif seeds := re.fullmatch(r"(hash seeds|seeds) (\d+/\d+) (\d+/\d+)", part):
            levels = factor(seeds[2], seeds[3], of_processes=seeds[1] != "seeds")
            found = replace(found, hash_seeds=levels) if seeds[1] != "seeds" else replace(found, seeds=levels)
        elif part.startswith("failed with "):
            found = replace(found, flake=flake(part.removeprefix("failed with ")))
        elif saw := re.fullmatch(r"seen (\w+) (\d+/\d+) (\d+/\d+)", part):
            found = replace(found, sightings=[sighting(*saw.groups())], sanitized=True, failed_watched=20)
        elif part in ("line in a thread", "line in a coroutine"):
            line = Line(place=LINE, text="a pause decides", in_coroutine="coroutine" in part, option="--delay x")
            found = replace(found, line=line)
        elif part.startswith("by "):
            factors = part.removeprefix("by ").split(" and ")
            found = replace(found, provocation=Provocation(text="found", factors=factors, options="--some"))
        elif repeated := re.fullmatch(r"first (\d+)/(\d+) later (\d+)/(\d+)", part):
            first, firsts, later, laters = map(int, repeated.groups())
            found = replace(found, repeated=Repeated((first, firsts), (later, laters)))
        elif part == "does itself harm":
            itself = Polluters(
                text="found",
                names=["shop.seen"],
                carriers=[],
                place=LINE,
                is_brittle=False,
                is_explained=True,
                leaves_work=False,
                confirmed=True,
                command="isolate a",
            )
            found = replace(found, itself=itself)
        elif part.startswith("polluter found"):
            leaves_work = part.endswith("a thread")
            polluters = Polluters(
                text="found",
                names=["test_other"],
                carriers=[],
                place=LINE,
                is_brittle=False,
                is_explained=leaves_work,
                leaves_work=leaves_work,
                confirmed=True,
                command="isolate a",
            )
            found = replace(found, polluters=polluters)
        elif part == "watched":
            found = replace(found, witnessed=Witnessed(looked=True))
        elif part == "threads":
            found = replace(found, witnessed=replace(seen, looked=True, several_threads=True))
        elif part == "tasks":
            seen = replace(seen, looked=True, coroutines={(LINE.file, LINE.function)})
            found = replace(found, witnessed=seen)
        elif part == "measures time":
            found = replace(found, witnessed=replace(seen, looked=True, timed=True))
        elif part == "entropy":
            found = replace(found, witnessed=replace(seen, looked=True, places={observed_calls.ENTROPY: LINE}))
        elif part in OBSERVED:
            kind = OBSERVED[part]
            found = replace(found, witnessed=replace(seen, looked=True, places={**seen.places, kind: LINE}))
        elif part == "reads the clock":
            found = replace(found, witnessed=replace(seen, looked=True, places={observed_calls.CLOCK: LINE}))
        elif part.startswith("differs ") or part == "another came between":
            between = "another one came between" if part == "another came between" else ""
            is_symptom = part == "differs at the failure"
            here = Explanation("it differs", LINE.file, LINE.line, LINE.function, is_symptom, between)
            found = replace(found, differences=[here])
        elif part == "a line takes longer":
            here = Explanation("it takes longer", LINE.file, LINE.line, LINE.function, False, takes_longer=True)
            found = replace(found, differences=[here])
        elif part == "a pause decides":
            paused = Line(place=LINE, text="a pause decides", in_coroutine=False, option="--delay x")
            found = replace(found, paused=paused)
        elif part == "reseeded":
            found = replace(found, reseeded=True)
        else:
            pytest.fail(f"the table says {part!r}")
    return replace(found, arms=arms)


def standing(example: str, cause: str) -> Cause:
    """What the code says of that cause."""
    return next(one for one in decide(evidence(example), FOLLOWING) if one.cause == cause)


@pytest.mark.parametrize(("cause", "example", "status"), list(rows()))
def test_the_code_keeps_to_the_table(cause: str, example: str, status: str) -> None:
    """And who is told of a supported cause is told why, where, and what to do next."""
    found = standing(example, cause)

    assert found.status == status, found
    if status in FOUND:
        assert found.evidence
        assert found.next
    if status == Status.REFUTED:
        assert found.evidence


def test_the_table_is_complete() -> None:
    """Each cause has a row in which it is supported, and one in which it is not."""
    told = {(cause, status in FOUND) for cause, _, status in rows()}
    assert told == {(cause.value, supported) for cause in CauseId for supported in (True, False)}


def test_nothing_is_claimed_of_nothing() -> None:
    """Without experiments and without a failure there is no cause, and none is ruled out by what was not tried."""
    assert decide(Evidence(), FOLLOWING) == []
    causes = decide(Evidence(flake=flake("wrong")), FOLLOWING)
    assert {cause.status for cause in causes if cause.cause is not CauseId.FLOAT_ORDER} == {Status.UNKNOWN}
    assert len(causes) == len(CauseId)


def test_more_comparisons_take_more_evidence() -> None:
    """A difference that is told from chance by itself is not, where many were looked at."""
    few = evidence("alone 0/200, parallel 8/200")
    assert few.comparisons == 2
    assert few.p("parallel", "rises") == pytest.approx(0.00369 * 2, rel=0.02)
    assert few.is_significant("parallel", "rises")
    many = evidence("alone 0/200, parallel 8/200, busy 1/200, shared 1/200, race 1/200")
    assert many.comparisons == 9
    assert not many.is_significant("parallel", "rises")


def test_the_best_comes_first() -> None:
    """Supported before unknown before refuted; what is made of another cause before that one."""
    causes = decide(
        evidence("alone 20/200, hash seeds 15/15 0/15, failed with assert 0.6 == 0.6000000000000001"), FOLLOWING
    )
    assert [cause.cause for cause in causes[:2]] == [CauseId.FLOAT_ORDER, CauseId.HASH_ORDER]
    ranks = [("proven", "supported", "unknown", "refuted").index(cause.status) for cause in causes]
    assert ranks == sorted(ranks)


@pytest.mark.parametrize(
    ("example", "settled"),
    [
        ("seeds 15/15 0/15", True),
        ("seeds 14/15 0/15", False),
        ("hash seeds 15/15 0/15", True),
        ("alone 0/200, company 40/40", False),
        ("alone 0/200, company 40/40, polluter found", True),
        ("alone 0/200, parallel 60/200", False),
        ("alone 60/200, folders by name 0/200, lists a folder", True),
        ("alone 60/200, no garbage collected 0/200", True),
        ("alone 60/200, awaited 0/200, seen children 20/20 20/20", True),
        ("alone 0/200, first 0/2 later 98/98, does itself harm", False),
        ("alone 0/200, company 0/40, first 0/2 later 98/98, does itself harm", True),
    ],
)
def test_when_it_is_settled(example: str, settled: bool) -> None:
    """Only what decides about each single trial ends the experiments."""
    found = evidence(example)
    assert is_settled(decide(found, FOLLOWING), found) is settled


def test_without_company_what_does_itself_harm_is_settled() -> None:
    """Where there are other tests, whether they do it harm as well is asked first."""
    found = evidence("alone 0/200, first 0/2 later 98/98, does itself harm")
    assert is_settled(decide(found, FOLLOWING), replace(found, has_company=False))


def test_the_line_of_contention() -> None:
    """Where the failure shows nothing, the line that opens what all of them use."""
    found = evidence("alone 0/200, parallel 60/200, busy 0/200")
    seen = Witnessed(
        looked=True, places={observed_calls.OUTSIDE: replace_line(3)}, uses={observed_calls.OUTSIDE: "/tmp/x"}
    )
    causes = decide(replace(found, witnessed=seen), FOLLOWING)
    assert causes[0].cause is CauseId.CONTENTION
    assert causes[0].place == replace_line(3)
    assert "/tmp/x" in causes[0].statement


def test_the_file_that_copies_compete_for() -> None:
    """Is the one that the error names, whatever else is opened."""
    found = evidence("alone 0/200, parallel 60/200, busy 0/200, failed with EADDRINUSE")
    taken = flake("EADDRINUSE").example
    taken = msgspec.structs.replace(taken, message="[Errno 17] File exists: 'temporary'")
    causes = decide(replace(found, flake=Flake(taken)), FOLLOWING)
    assert causes[0].statement.endswith(": temporary")


def replace_line(line: int) -> Place:
    """Another line of that file."""
    return Place(file=LINE.file, line=line, function=LINE.function)


@pytest.mark.parametrize(
    ("processes", "status"),
    [
        # One process of each hash seed: what else it fixed once is no less to blame.
        ([[(5, 5)], [(5, 5)], [(5, 5)], [(0, 5)], [(0, 5)], [(0, 5)]], Status.UNKNOWN),
        # Several that do not agree: 13 of 30 against 10 of 30, clustered by process.
        (
            [
                [(5, 5), (0, 5), (3, 5), (0, 5)],
                [(0, 5), (5, 5), (0, 5), (0, 5)],
                [(0, 5), (0, 5), (5, 5), (0, 5)],
                [(5, 5), (0, 5), (0, 5), (0, 5)],
            ],
            Status.UNKNOWN,
        ),
        ([[(5, 5)] * 4, [(5, 5)] * 4, [(5, 5)] * 4, [(0, 5)] * 4, [(0, 5)] * 4, [(0, 5)] * 4], Status.PROVEN),
        ([[(5, 5)] * 6, [(0, 5)] * 6, [(0, 5)] * 6, [(0, 5)] * 6], Status.PROVEN),
    ],
)
def test_a_hash_seed_has_to_be_the_same_in_several_processes(
    processes: list[list[tuple[int, int]]], status: Status
) -> None:
    """Trials of one process are alike for other reasons as well: it counts once, however many trials it has had."""
    half = len(processes) // 2
    levels = [
        Level(
            had_failed=index < half,
            failed=sum(failed for failed, _ in of_one),
            trials=sum(trials for _, trials in of_one),
            processes=of_one,
        )
        for index, of_one in enumerate(processes)
    ]
    found = decide(Evidence(flake=flake("wrong"), hash_seeds=Factor(levels)), FOLLOWING)
    assert {cause.cause: cause.status for cause in found}[CauseId.HASH_ORDER] is status
