"""What runs for a trial is known as the trial's, wherever it runs."""

from pathlib import Path
from typing import Any

import pytest
from tests.unit.sanitize.running import run


def test_fifty_trials_in_one_loop(tmp_path: Path) -> None:
    """Tasks, threads, pools, callbacks and children that 50 concurrent trials make are each trial's own."""
    found = run(
        tmp_path,
        """
        import asyncio, concurrent.futures, contextvars, threading
        from flakeproof_worker.current import current_trial
        pool = concurrent.futures.ThreadPoolExecutor(3)
        stop = threading.Event()
        wrong, found = [], {}

        def check(trial, way):
            if attribution.current() != (trial, "") or current_trial().number != trial:
                wrong.append((trial, way, attribution.current()))

        def in_thread(trial, checked):
            check(trial, "thread")
            inner = threading.Thread(target=check, args=(trial, "thread of a thread")); inner.start(); inner.join()
            checked.set()
            stop.wait()

        async def never():
            await asyncio.Event().wait()

        async def trial(number, gate):
            RUNNING.set((number, 0))
            await gate.wait()
            loop = asyncio.get_running_loop()
            checked = threading.Event()
            threading.Thread(target=in_thread, args=(number, checked)).start()
            await asyncio.to_thread(check, number, "to_thread")
            await loop.run_in_executor(None, check, number, "default executor")
            await loop.run_in_executor(pool, check, number, "executor")
            await asyncio.wrap_future(pool.submit(check, number, "submit"))
            called = asyncio.Event()
            loop.call_soon(lambda: (check(number, "call_soon"), called.set()))
            loop.call_later(0.001, lambda: check(number, "call_later"))
            timer = threading.Timer(0, check, (number, "timer")); timer.start()
            await called.wait()
            async with asyncio.TaskGroup() as group:
                group.create_task(asyncio.to_thread(check, number, "group"))
            left = [asyncio.create_task(never()) for _ in range(number % 3)]
            while timer.is_alive() or not checked.is_set():
                await asyncio.sleep(0.001)
            check(number, "trial")
            found[number] = what(number)
            for task in left:
                task.cancel()

        async def main():
            gate = asyncio.Event()
            context = contextvars.copy_context()
            trials = [asyncio.Task(trial(number, gate), context=context.copy()) for number in range(1, 51)]
            await asyncio.sleep(0)
            gate.set()
            await asyncio.gather(*trials)

        asyncio.run(main())
        stop.set()
        pool.shutdown()
        expected = {n: ["task never"] * (n % 3) + ["thread in_thread"] for n in range(1, 51)}
        tell([wrong, found == expected, found[5]])
        """,
    )
    assert found == [[], True, ["task never", "task never", "thread in_thread"]]


def test_fifty_trials_in_threads(tmp_path: Path) -> None:
    """The same for lanes that are threads, with pools that all of them use."""
    found = run(
        tmp_path,
        """
        import concurrent.futures, multiprocessing.pool, threading
        pool = concurrent.futures.ThreadPoolExecutor(3)
        other = multiprocessing.pool.ThreadPool(3)
        stop, barrier = threading.Event(), threading.Barrier(10)
        wrong, found = [], {}

        def check(trial):
            if attribution.current() != (trial, ""):
                wrong.append((trial, attribution.current()))
            return trial

        def lane(number):
            for trial in range(number, number + 50, 10):
                RUNNING.set((trial, 0))
                barrier.wait()
                pool.submit(check, trial).add_done_callback(lambda done, trial=trial: check(trial))
                list(pool.map(check, [trial] * 5))
                other.map(check, [trial] * 5)
                other.apply(check, (trial,))
                list(other.imap_unordered(check, [trial] * 5))
                other.starmap(check, [(trial,)] * 5)
                threading.Thread(target=stop.wait, name=f"left by {trial}").start()
                barrier.wait()
                found[trial] = [left.sighting().text.split(",")[0] for left in leaks.leftovers(trial)]

        lanes = [threading.Thread(target=lane, args=(number,)) for number in range(1, 11)]
        for thread in lanes: thread.start()
        for thread in lanes: thread.join()
        stop.set()
        pool.shutdown(); other.close(); other.join()
        tell([wrong, [found[trial] for trial in range(1, 51)]])
        """,
    )
    assert found == [[], [[f"thread Event.wait ('left by {trial}')"] for trial in range(1, 51)]]


def test_one_trial_at_a_time_in_the_main_thread(tmp_path: Path) -> None:
    """A thread and a task of trial 7 are still trial 7's in trial 9, and what was there before is nobody's."""
    found = run(
        tmp_path,
        """
        import asyncio, concurrent.futures, queue, threading
        from flakeproof_worker.current import current_trial

        class Teller(threading.Thread):
            "Says whom it runs for, whenever it is asked."
            def __init__(self):
                super().__init__()
                self.asked, self.said = queue.Queue(), queue.Queue()
            def run(self):
                while self.asked.get():
                    self.said.put(attribution.current())
            def ask(self):
                self.asked.put(True)
                return self.said.get()

        before = Teller(); before.start()
        loop = asyncio.new_event_loop()
        pool = concurrent.futures.ThreadPoolExecutor(1)
        said = []

        async def later(gate):
            await gate.wait()
            said.append(attribution.current())

        async def give(gate):
            gate.set()

        begin(7)
        attribution.ITEM[0] = "test_a.py::test_x"
        of_seven = Teller(); of_seven.start()
        pool.submit(int).result()
        with attribution.outside():
            of_session = Teller(); of_session.start()
            outside = attribution.current()
        async def start():
            gate = asyncio.Event()
            return gate, asyncio.create_task(later(gate))
        gate, task = loop.run_until_complete(start())
        begin(9)
        attribution.ITEM[0] = "test_a.py::test_y"
        loop.run_until_complete(give(gate))
        loop.run_until_complete(task)
        tell({
            "main": attribution.current(), "thread of 7": of_seven.ask(), "task of 7": said,
            "before": before.ask(), "outside": outside, "session": of_session.ask(),
            "pool": pool.submit(attribution.current).result(),
            "number in the pool": pool.submit(current_trial).result().number,
            "left": [what(7), what(9)],
        })
        loop.close(); pool.shutdown()
        for teller in (before, of_seven, of_session): teller.asked.put(False)
        """,
    )
    assert found == {
        "main": [9, "test_a.py::test_y"],
        "thread of 7": [7, "test_a.py::test_x"],
        "task of 7": [[7, "test_a.py::test_x"]],
        "before": [0, ""],
        "outside": [0, ""],
        "session": [0, ""],
        "pool": [9, "test_a.py::test_y"],
        "number in the pool": 9,
        "left": [["thread Teller.run"], []],
    }


def test_nothing_else_of_the_context_follows(tmp_path: Path) -> None:
    """A new thread and work in a pool see an empty context, as they do without a sanitizer."""
    found = run(
        tmp_path,
        """
        import concurrent.futures, contextvars, threading
        mine = contextvars.ContextVar("mine", default="empty")
        mine.set("set")
        begin(1)
        seen = []
        thread = threading.Thread(target=lambda: seen.append(mine.get())); thread.start(); thread.join()
        with concurrent.futures.ThreadPoolExecutor() as pool:
            seen.append(pool.submit(mine.get).result())
            pool.submit(mine.set, "by another").result()
        tell(seen)
        """,
    )
    assert found == ["empty", "empty"]


@pytest.mark.parametrize(
    ("snippet", "expected"),
    [
        ("import threading\nbegin(1)\nt = threading.Thread(target=int); t.start(); t.join()", []),
        ("import asyncio\nbegin(1)\nasync def main(): await asyncio.sleep(0)\nasyncio.run(main())", []),
        ("begin(1)\nimport tempfile\ntempfile.mkdtemp()", ["temporary folder tmp*"]),
        ("import _thread\nbegin(1)\n_thread.start_new_thread(_thread.exit, ())", []),
    ],
)
def test_imports_before_and_after(tmp_path: Path, snippet: str, expected: list[Any]) -> None:
    """It does not matter whether a module comes in before the trial or in it."""
    ending = "\nsettle(leaks.leftovers(1), 50_000_000_000) if 'tempfile' not in sys.modules else 0\ntell(what(1))\n"
    assert run(tmp_path, snippet + ending) == expected
