"""The page of shared memory."""

import os

import pytest

from flakeproof_worker.shared import board


def test_both_sides_see_what_is_in_flight() -> None:
    """What one mapping shows, the other reads."""
    descriptor = board.create(3)
    ours, theirs = board.words_of(descriptor, 3), board.words_of(descriptor, 3)
    os.close(descriptor)
    board.begin(theirs, 0, 7, 100)
    board.begin(theirs, 2, 8, 200)
    assert (board.in_flight(ours, 3), ours[board.TAKEN]) == ({7: 100, 8: 200}, 2)
    board.clear(theirs, 0)
    assert (board.in_flight(ours, 3), ours[board.TAKEN]) == ({8: 200}, 2)


def test_a_sealed_board_is_written_only_where_it_is_mapped() -> None:
    """A trial that writes to every descriptor, or cuts files short, does not change the books."""
    descriptor = board.create(1)
    words = board.words_of(descriptor, 1)
    board.seal(descriptor)
    with pytest.raises(PermissionError):
        os.write(descriptor, b"nonsense")
    with pytest.raises(PermissionError):
        os.ftruncate(descriptor, 0)
    os.close(descriptor)
    board.begin(words, 0, 5, 1)
    assert board.in_flight(words, 1) == {5: 1}
