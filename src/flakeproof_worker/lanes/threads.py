"""Several trials run at once, each lane in a thread; the main thread listens to the coordinator."""

import threading

from flakeproof_worker import culprit, environment
from flakeproof_worker.current import RUNNING
from flakeproof_worker.outcome import check_result
from flakeproof_worker.shared import board
from flakeproof_worker.shared.private import time
from flakeproof_worker.shared.process_exit import end_at_once
from flakeproof_worker.trial_context import Duty


def run(duty: Duty) -> None:
    """Run trials until there are no more."""
    environment.clear()
    duty.watch_forks()
    culprit.show_on(duty.words)
    _Lanes(duty).run()


class _Lanes:
    def __init__(self, duty: Duty) -> None:
        self._duty = duty
        self._changed = threading.Condition()
        self._running = 0
        self._busy = 0
        """Lanes with a trial in flight."""

    def run(self) -> None:
        threads = [
            threading.Thread(target=self._lane, args=(lane,), name=f"flakeproof-lane-{lane}", daemon=True)
            for lane in range(self._duty.lanes)
        ]
        self._running = len(threads)
        for thread in threads:
            thread.start()
        # The coordinator closes the channel, or sends "finish", only after the last lane has ended.
        while self._running:
            message = self._duty.channel.receive()
            with self._changed:
                self._duty.leases.hear([message] if message is not None else [])
                self._changed.notify_all()
            if message is None or message["type"] == "finish":
                break
        for thread in threads:
            thread.join()
        self._duty.reporter.flush()

    def _lane(self, lane: int) -> None:
        board.show_thread(self._duty.words, lane, threading.get_ident())
        try:
            while (trial := self._next(lane)) is not None:
                self._run(lane, *trial)
        except BaseException as error:
            end_at_once(error)  # the other lanes and the main thread would wait for this lane for ever

    def _next(self, lane: int) -> tuple[int, int] | None:
        """Take a trial and put it on the board in one step, so that no other lane counts past it."""
        duty = self._duty
        with self._changed:
            while True:
                trial = duty.leases.take()
                now = time.perf_counter_ns()
                if trial is not None:
                    self._busy += 1
                    board.begin(duty.words, lane, trial[0], now)
                duty.report_batch(now, idle=not self._busy)
                if trial is not None:
                    return trial
                if duty.leases.no_more():
                    self._running -= 1
                    self._changed.notify_all()
                    return None
                self._changed.wait()

    def _run(self, lane: int, trial: int, seed: int) -> None:
        duty = self._duty
        RUNNING.set((trial, seed))
        start = time.perf_counter_ns()
        try:
            check_result(duty.loaded.function())
        except BaseException as error:
            end = time.perf_counter_ns()
            duty.leave_if_unwanted(error)
            with self._changed:
                self._busy -= 1
                duty.report_exception(trial, error, end - start)
                board.clear(duty.words, lane)
        else:
            end = time.perf_counter_ns()
            duty.leave_if_unwanted()
            # Under the lock: another lane may be sending the batch.
            with self._changed:
                self._busy -= 1
                if end - start <= duty.limit_ns:
                    duty.reporter.passed.append(end - start)
                    duty.reporter.numbers.append(trial)
                else:
                    duty.report_late(trial, end - start)
                board.clear(duty.words, lane)
