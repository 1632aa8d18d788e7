"""Which failures are shown one by one."""

from hypothesis import given
from hypothesis import strategies as st

from flakeproof.reports.selection import Selection


@given(st.lists(st.sampled_from("abc"), max_size=400))
def test_the_first_of_each_kind_is_shown_and_all_are_counted(signatures: list[str]) -> None:
    """Ten of each kind, then the round numbers; the rest is counted."""
    selection = Selection()
    shown = [signature for signature in signatures if selection.shows(signature)]

    for kind in set(signatures):
        assert shown.count(kind) >= min(10, signatures.count(kind))
        assert shown.count(kind) <= 10 + 2 + 3 * max(0, len(str(signatures.count(kind))) - 2)
    assert len(signatures) == len(shown) + selection.hidden


def test_ever_new_kinds_do_not_fill_the_screen() -> None:
    """A message that is never the same twice is one kind after a while."""
    selection = Selection()

    assert sum(selection.shows(f"kind {number}") for number in range(100_000)) < 100
