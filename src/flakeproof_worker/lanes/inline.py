"""Trials run one after the other in the main thread: the leanest lane, and the closest to a plain call."""

from collections.abc import Iterator

from flakeproof_worker.current import ALONE
from flakeproof_worker.environment import Exporter
from flakeproof_worker.generators import GlobalRandom, randomness_for
from flakeproof_worker.outcome import check_result
from flakeproof_worker.reporter import FLUSH_NANOSECONDS
from flakeproof_worker.shared import board
from flakeproof_worker.shared.private import time
from flakeproof_worker.trial_context import Duty

_SILENT_NANOSECONDS = 1_000
"""A trial that took less time has made no system call, so it has written nothing (the streams are unbuffered)."""


def run(duty: Duty) -> None:
    """Run trials until there are no more."""
    duty.watch_forks()
    exporter = Exporter()
    randomness = randomness_for(duty.perturbations)
    while not duty.leases.no_more():
        block = duty.leases.next_block()
        if block is not None:
            _run_block(duty, exporter.each(*block), randomness)
            duty.reporter.lease_done()
            duty.reporter.flush()
        elif (message := duty.channel.receive()) is not None:
            duty.leases.hear([message])


def _run_block(duty: Duty, trials: Iterator[tuple[int, int]], randomness: GlobalRandom) -> None:
    # The loop uses local variables only: a trial that does nothing costs about a microsecond here. The board is
    # written as `board.begin` does it, but the end of one trial serves as the start of the next.
    function, clock, words, reporter = duty.loaded.function, time.perf_counter_ns, duty.words, duty.reporter
    stop, taken_word, lane = board.STOP, board.TAKEN, board.lane_offset(0)
    lane_start = lane + 1
    taken = words[taken_word]
    add = reporter.passed.append
    end = clock()
    flush_at = end + FLUSH_NANOSECONDS
    limit = duty.limit_ns
    for running in trials:
        if words[stop]:
            break
        trial, seed = running
        words[lane_start] = end
        words[lane] = trial
        taken += 1
        words[taken_word] = taken
        ALONE[0] = running
        randomness.seed(seed)
        start = clock()
        try:
            if (result := function()) is not None:
                check_result(result)
                result = None
        except BaseException as error:
            end = clock()
            duty.leave_if_unwanted(error)
            duty.report_exception(trial, error, end - start, duty.output.take())
            add = reporter.passed.append  # the report may have sent the batch
        else:
            end = clock()
            if (took := end - start) <= _SILENT_NANOSECONDS:
                add(took)
            else:
                duty.leave_if_unwanted()
                if took <= limit:
                    add(took)
                    duty.output.discard()
                else:
                    duty.report_late(trial, took, duty.output.take())
        if end > flush_at:
            words[lane] = 0
            reporter.flush()
            add = reporter.passed.append
            flush_at = end + FLUSH_NANOSECONDS
    words[lane] = 0
