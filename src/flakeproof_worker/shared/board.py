"""A page of shared memory in which a process notes its trials in flight, so that its death loses no knowledge.

The coordinator reads it while trials run (for time limits and progress) and after a process died (which trials were
in flight, which had ended). It exists because writing a word costs some 30 ns, but a message costs microseconds.

Layout, in unsigned 64-bit words: STOP (written by the coordinator; 1: take no more trials; CONDEMNED: report no more
either, because the process is being ended for a trial that exceeded its time limit), TAKEN (how many trials the process
has taken in all), HOLDER (the trial whose code holds the event loop right now, 0: none), ITEM (one more than the index
of the item that a pass has reached, 0: none), FAILURES (written by the coordinator: the number of failures after which
the process takes no further trial, 0: no limit), CULPRIT (the trial that is ending the process by a call, 0: none).
From FIRST_LANE on, each lane has three words: the number of the trial in flight (0: none), the monotonic time at which
it started, in nanoseconds, and the thread of the lane (0: unknown).

A lane writes the time, then the number, then TAKEN: a reader never sees a trial with the start of an older one. A lane
reports a trial that did not pass before it takes the next trial. It reports a batch of passed trials only when none of
them is on the board any more. So a trial that was taken, is not in flight and was not reported has passed.
"""

import fcntl
import mmap
from contextlib import suppress

from flakeproof_worker.shared.private import os

STOP = 0
CONDEMNED = 2
TAKEN = 1
HOLDER = 2
ITEM = 3
FAILURES = 4
CULPRIT = 5
FIRST_LANE = 6
WORDS_PER_LANE = 3
WORD_BYTES = 8
_F_SEAL_FUTURE_WRITE = 0x10  # include/uapi/linux/fcntl.h
_SEALS = fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | _F_SEAL_FUTURE_WRITE


def size_of(lanes: int) -> int:
    """Bytes of a board with room for `lanes` lanes."""
    return (FIRST_LANE + WORDS_PER_LANE * lanes) * WORD_BYTES


def words_of(descriptor: int, lanes: int) -> memoryview:
    """Map the board behind `descriptor` and return its words; the mapping lives as long as the view."""
    return memoryview(mmap.mmap(descriptor, size_of(lanes))).cast("Q")


def create(lanes: int) -> int:
    """A descriptor of memory for a board; both sides map it, then it is sealed."""
    descriptor = os.memfd_create("flakeproof-board", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    os.ftruncate(descriptor, size_of(lanes))
    return descriptor


def seal(descriptor: int) -> None:
    """Allow writes only through existing mappings: Python keeps the descriptor open, and a trial could write to it."""
    with suppress(OSError):  # Linux before 5.1
        fcntl.fcntl(descriptor, fcntl.F_ADD_SEALS, _SEALS)


def lane_offset(lane: int) -> int:
    """Index of the first word of `lane`."""
    return FIRST_LANE + WORDS_PER_LANE * lane


def begin(words: memoryview, lane: int, trial: int, now: int) -> None:
    """Show that `lane` has taken `trial` at the monotonic time `now`."""
    offset = lane_offset(lane)
    words[offset + 1] = now
    words[offset] = trial
    words[TAKEN] += 1


def clear(words: memoryview, lane: int) -> None:
    """Show that `lane` has no trial in flight."""
    words[lane_offset(lane)] = 0


def show_thread(words: memoryview, lane: int, thread: int) -> None:
    """Show the thread in which `lane` runs."""
    words[lane_offset(lane) + 2] = thread


def threads(words: memoryview, lanes: int) -> dict[int, int]:
    """Trials in flight, with the thread of each."""
    offsets = (lane_offset(lane) for lane in range(lanes))
    return {words[offset]: words[offset + 2] for offset in offsets if words[offset]}


def in_flight(words: memoryview, lanes: int) -> dict[int, int]:
    """Trials in flight, with the monotonic time (nanoseconds) at which each started."""
    found: dict[int, int] = {}
    for lane in range(lanes):
        offset = lane_offset(lane)
        if trial := words[offset]:
            found[trial] = words[offset + 1]
    return found
