"""One trial after the other, in the main thread: the leanest lane, and the closest to a plain call."""

from time import perf_counter_ns

from flakeproof_worker import board
from flakeproof_worker.current import RUNNING
from flakeproof_worker.duty import Duty, reject_coroutine
from flakeproof_worker.environment import TrialEnvironment
from flakeproof_worker.randomness import GlobalRandom
from flakeproof_worker.reporter import FLUSH_NANOSECONDS

_SILENT_NANOSECONDS = 1_000
"""A trial that took less has made no system call, so it has written nothing (the streams are unbuffered)."""


def run(duty: Duty) -> None:
    """Run trials until there are no more."""
    duty.watch_forks()
    environment = TrialEnvironment()
    randomness = GlobalRandom()
    while not duty.leases.no_more():
        block = duty.leases.next_block()
        if block is not None:
            _run_block(duty, environment, randomness, *block)
            duty.reporter.lease_done()
            duty.reporter.flush()
        elif (message := duty.channel.receive()) is not None:
            duty.leases.hear([message])


def _run_block(
    duty: Duty, environment: TrialEnvironment, randomness: GlobalRandom, first: int, seeds: list[int]
) -> None:
    # Everything that the loop touches is a local: a trial that does nothing costs about a microsecond here.
    function, clock, words, reporter = duty.function, perf_counter_ns, duty.words, duty.reporter
    show, announce = environment.set, RUNNING.set
    stop, taken_word, lane, lane_start = (
        board.STOP,
        board.TAKEN,
        board.lane_offset(0),
        board.lane_offset(0) + 1,
    )
    taken = words[taken_word]
    add = reporter.passed.append
    last_flush = clock()
    for trial, seed in enumerate(seeds, first):
        if words[stop]:
            break
        words[lane] = trial
        taken += 1
        words[taken_word] = taken
        announce((trial, seed))
        show(trial, seed)
        randomness.seed(seed)
        words[lane_start] = start = clock()
        try:
            result = function()
            if result is not None:
                reject_coroutine(result)
        except BaseException as error:
            end = clock()
            duty.leave_if_copied()
            duty.report_exception(trial, error, end - start, duty.output.take())
        else:
            end = clock()
            add(end - start)
            if end - start > _SILENT_NANOSECONDS:
                duty.leave_if_copied()
                duty.output.discard()
        if end - last_flush > FLUSH_NANOSECONDS:
            reporter.flush()
            add = reporter.passed.append
            last_flush = end
    words[lane] = 0
