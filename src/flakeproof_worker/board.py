"""A page of shared memory in which a process shows what it has in hand, so that its death costs no knowledge.

The coordinator reads it while trials run (for time limits and progress) and after a process died (which trials were
in flight, which had ended). Writing a word costs some 30 ns, a message costs microseconds: that is why it exists.

Layout, in unsigned 64-bit words: STOP (written by the coordinator: take no more trials), TAKEN (how many trials the
process has taken in all), then from FIRST_LANE on two words for each lane: the number of the trial in flight (0: none)
and the monotonic time at which it started, in nanoseconds. A lane writes its number before TAKEN grows, and reports a
trial that did not pass before it takes the next: what is taken, not in flight and not reported has passed.
"""

import mmap

STOP = 0
TAKEN = 1
FIRST_LANE = 4
WORDS_PER_LANE = 2
WORD_BYTES = 8


def size_of(lanes: int) -> int:
    """Bytes of a board with room for `lanes` lanes."""
    return (FIRST_LANE + WORDS_PER_LANE * lanes) * WORD_BYTES


def words_of(descriptor: int, lanes: int) -> memoryview:
    """Map the board behind `descriptor` and return its words; the mapping lives as long as the view."""
    return memoryview(mmap.mmap(descriptor, size_of(lanes))).cast("Q")


def lane_offset(lane: int) -> int:
    """Index of the first word of `lane`."""
    return FIRST_LANE + WORDS_PER_LANE * lane


def in_flight(words: memoryview, lanes: int) -> dict[int, int]:
    """Trials in flight, with the monotonic time (nanoseconds) at which each started."""
    found: dict[int, int] = {}
    for lane in range(lanes):
        offset = lane_offset(lane)
        if trial := words[offset]:
            found[trial] = words[offset + 1]
    return found
