"""Interventions into what the file system and the interpreter decide: what is run, and what is run first."""

from dataclasses import replace

import pytest
from tests.unit.diagnosing.test_decision import LINE, flake, sighting
from tests.unit.diagnosing.test_laboratory import failures, laboratory

from flakeproof.features.diagnose import observed_calls, promising
from flakeproof.features.diagnose.evidence import (
    ALONE,
    AWAITED,
    COLLECTED,
    LISTED_OLDEST,
    LISTED_SHUFFLED,
    LISTED_SORTED,
    PATIENT,
    UNCOLLECTED,
    awaitable,
    control_of,
)
from flakeproof.features.diagnose.experiment_runner import Arm, Laboratory
from flakeproof.features.diagnose.experiments.surroundings import run_awaited, run_collected, run_listed
from flakeproof.features.diagnose.failure_under_study import Flake
from flakeproof.features.diagnose.observed_calls import Witnessed
from flakeproof.features.diagnose.outcomes import Tally
from flakeproof.features.diagnose.study import Study


@pytest.mark.parametrize(
    ("name", "order"), [(LISTED_SORTED, "sorted"), (LISTED_OLDEST, "oldest"), (LISTED_SHUFFLED, "shuffled")]
)
def test_folders_are_listed_in_another_order_in_turns_with_a_control(name: str, order: str) -> None:
    """And nothing else is changed."""
    bench, made = laboratory()
    run_listed(bench, name)
    assert [spec.perturbations.directory_order for spec in made] == [order, None, order, None]
    assert bench.arms[name].against == control_of(name)
    assert len({replace_order(spec.perturbations) for spec in made}) == 1


def replace_order(perturbations: object) -> str:
    """All other perturbations."""
    import msgspec

    return str(msgspec.structs.replace(perturbations, directory_order=None, gc=None))  # type: ignore[type-var]


@pytest.mark.parametrize(("name", "allocations"), [(UNCOLLECTED, 0), (COLLECTED, 1)])
def test_garbage_is_collected_never_or_always(name: str, allocations: int) -> None:
    """In turns with a control as well."""
    bench, made = laboratory()
    run_collected(bench, name)
    assert [spec.perturbations.gc for spec in made] == [allocations, None] * 2


def test_what_every_failure_leaves_behind_is_waited_for_where_it_starts() -> None:
    """Children before threads; nothing of what some failures do not leave, or too few have shown."""
    children, threads = sighting("children", "20/20", "5/20"), sighting("threads", "20/20", "20/20")
    assert awaitable([threads, children]) == [children]
    assert awaitable([threads]) == [threads]
    assert awaitable([sighting("children", "19/20", "0/20"), sighting("threads", "4/4", "0/20")]) == []
    bench, made = laboratory()
    run_awaited(bench, [threads, children])
    assert [spec.perturbations.awaits for spec in made] == [["/project/shop.py:3"], []] * 2
    assert AWAITED in bench.arms
    bench, made = laboratory()
    run_awaited(bench, [])
    assert made == []


def test_children_of_one_line_that_end_sooner_or_later_are_one() -> None:
    """In some failures they still run, in others they have ended: in all of them they were left behind."""
    import msgspec

    seen = sighting("children", "12/20", "5/20")
    others = msgspec.structs.replace(seen, kind="child process not waited for", in_failures=8)
    assert awaitable([seen, others]) == [seen, others]


def study(bench: Laboratory, **seen: object) -> Study:
    """A diagnosis in which a trial was looked at."""
    found = Study(bench, [], uses_given=True, keeps_timeout=True)
    found.witnessed = replace(Witnessed(looked=True), **seen)  # type: ignore[arg-type]
    return found


def test_what_waits_in_vain_is_raced_first() -> None:
    """Where it has threads or tasks, and fails by far longer limits, too."""
    bench, _ = laboratory()
    bench.flake = Flake(failures("TimeoutError", 1)[0].failure)
    tasks = study(bench, coroutines={(LINE.file, LINE.function)})
    assert not promising.waits_in_vain(tasks)
    bench.arms[ALONE] = Arm(ALONE, "alone", "", Tally(passed=60))
    bench.arms[PATIENT] = Arm(PATIENT, "longer", "", Tally(passed=60, seen=failures("TimeoutError", 3)))
    assert promising.waits_in_vain(tasks)
    assert not promising.waits_in_vain(study(bench))


def test_a_folder_that_is_listed_comes_before_seeds() -> None:
    """They decide about names that are drawn, and so about the order of most file systems."""
    bench, _ = laboratory()
    bench.flake = flake("wrong")
    assert promising.lists(study(bench, places={observed_calls.LISTING: LINE}))
    assert not promising.finalises(study(bench, places={observed_calls.FINALISED: LINE}))
