"""Several trials at once, each lane a thread; the main thread listens to the coordinator."""

import threading
from time import perf_counter_ns

from flakeproof_worker import board, environment
from flakeproof_worker.current import RUNNING
from flakeproof_worker.duty import Duty, reject_coroutine


def run(duty: Duty) -> None:
    """Run trials until there are no more."""
    environment.clear()
    duty.watch_forks()
    _Lanes(duty).run()


class _Lanes:
    def __init__(self, duty: Duty) -> None:
        self._duty = duty
        self._changed = threading.Condition()
        self._running = 0

    def run(self) -> None:
        threads = [
            threading.Thread(target=self._lane, args=(lane,), name=f"flakeproof-lane-{lane}", daemon=True)
            for lane in range(self._duty.lanes)
        ]
        self._running = len(threads)
        for thread in threads:
            thread.start()
        # The coordinator closes the conversation, or stops asking for an answer, only after the last lane has ended.
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
        duty = self._duty
        offset = board.lane_offset(lane)
        while (trial := self._next(offset)) is not None:
            number, seed = trial
            RUNNING.set((number, seed))
            duty.words[offset + 1] = start = perf_counter_ns()
            try:
                reject_coroutine(duty.function())
            except BaseException as error:
                end = perf_counter_ns()
                duty.leave_if_copied()
                with self._changed:
                    duty.report_exception(number, error, end - start)
            else:
                duty.leave_if_copied()
                duty.reporter.passed.append(perf_counter_ns() - start)
        duty.words[offset] = 0

    def _next(self, offset: int) -> tuple[int, int] | None:
        """Take a trial and put it on the board in one step, so that no other lane counts past it."""
        duty = self._duty
        with self._changed:
            duty.words[offset] = 0
            while True:
                trial = duty.leases.take()
                if trial is not None:
                    duty.words[offset] = trial[0]
                    duty.words[board.TAKEN] += 1
                self._send_batch()
                if trial is not None:
                    return trial
                if duty.leases.no_more():
                    self._running -= 1
                    self._changed.notify_all()
                    return None
                self._changed.wait()

    def _send_batch(self) -> None:
        duty = self._duty
        if duty.leases.exhausted or duty.reporter.due():
            for _ in range(duty.leases.exhausted):
                duty.reporter.lease_done()
            duty.leases.exhausted = 0
            duty.reporter.flush()
