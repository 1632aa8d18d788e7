"""Which failures are shown one by one."""

from hypothesis import given
from hypothesis import strategies as st

from flakeproof.features.run.plain_console import FailureSelection, Shown

_KINDS = st.lists(st.sampled_from("abc"), max_size=400)


@given(_KINDS)
def test_the_first_of_each_kind_is_shown(kinds: list[str]) -> None:
    """Where nobody asks for more."""
    selection = FailureSelection()

    assert [kind for kind in kinds if selection.shows(kind)] == list(dict.fromkeys(kinds))


@given(_KINDS)
def test_of_several_the_first_ten_and_round_numbers(kinds: list[str]) -> None:
    """Of each kind, so that the lines do not grow with the failures."""
    selection = FailureSelection(Shown.SEVERAL)
    shown = [kind for kind in kinds if selection.shows(kind)]

    for kind in set(kinds):
        assert shown.count(kind) >= min(10, kinds.count(kind))
        assert shown.count(kind) <= 10 + 2 + 3 * max(0, len(str(kinds.count(kind))) - 2)


@given(_KINDS)
def test_all_are_shown_on_request(kinds: list[str]) -> None:
    """Every one."""
    selection = FailureSelection(Shown.ALL)

    assert all(selection.shows(kind) for kind in kinds)


def test_ever_new_kinds_do_not_fill_the_screen() -> None:
    """A message that is never the same twice is one kind after a while."""
    for shown in (Shown.FIRST, Shown.SEVERAL):
        selection = FailureSelection(shown)
        assert sum(selection.shows(f"kind {number}") for number in range(100_000)) < 100
