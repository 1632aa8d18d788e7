"""Memory stays flat over many trials, whatever they make, and a thing is never kept by being known."""

from pathlib import Path

import pytest
from tests.unit.sanitize.running import run

MEASURE = """
import asyncio, gc, threading, tracemalloc

def memory_after(trial, first, last):
    for number in range(first, last):
        begin(number)
        trial(number)
        leaks.leftovers(number)
        leaks.forget(number)
    gc.collect()
    return tracemalloc.get_traced_memory()[0]

def grown(trial, count):
    "Bytes by which `count` more trials make it grow."
    tracemalloc.start()
    memory_after(lambda number: None, 1, 4_500)  # as many trials gone by as are remembered
    before = memory_after(trial, 4_500, 5_000)
    grown = memory_after(trial, 5_000, 5_000 + count) - before
    tracemalloc.stop()
    return grown
"""


@pytest.mark.parametrize("count", [1_000, pytest.param(12_000, marks=pytest.mark.long)])
def test_trials_with_a_thread_and_a_task(tmp_path: Path, count: int) -> None:
    """Nothing remains of a trial: of its thread and task, of those that others keep, or of its having been."""
    found = run(
        tmp_path,
        MEASURE
        + f"""
kept = [None]
loop = asyncio.new_event_loop()

async def nothing():
    pass

def trial(number):
    thread = kept[0] = threading.Thread(target=int)
    thread.start()
    thread.join()
    loop.run_until_complete(nothing())

tell([grown(trial, {count}), len(leaks.stragglers()), grown(lambda number: None, {count})])
loop.close()
""",
    )
    grown, stragglers, empty = found
    # The set of trials gone by may be made larger once (half a megabyte); 12,000 of 90 bytes each would take more.
    most = 40_000 if count < 10_000 else 1_000_000
    assert grown < most
    assert stragglers == 0
    assert empty < most


def test_one_trial_with_many_things(tmp_path: Path) -> None:
    """A trial that goes on and on is known only by what it has not put away."""
    found = run(
        tmp_path,
        MEASURE
        + """
import tempfile

async def nothing():
    pass

async def many(count):
    for _ in range(count):
        await asyncio.create_task(nothing())
        with tempfile.TemporaryDirectory():
            pass

begin(1)
loop = asyncio.new_event_loop()
tracemalloc.start()
loop.run_until_complete(many(300))
before = tracemalloc.get_traced_memory()[0]
loop.run_until_complete(many(1_000))
tell([tracemalloc.get_traced_memory()[0] - before, what(1)])
loop.close()
""",
    )
    assert found[0] < 250_000
    assert found[1] == []


def test_what_is_known_is_not_kept(tmp_path: Path) -> None:
    """Threads, tasks, pools and what they refer to go when the last user of them goes."""
    found = run(
        tmp_path,
        """
        import asyncio, concurrent.futures, gc, threading, weakref
        gc.disable()
        gone = []

        class Big:
            def run(self):
                pass
            async def arun(self):
                pass

        begin(1)
        big = Big()
        weakref.finalize(big, gone.append, "thread's")
        thread = threading.Thread(target=big.run); thread.start(); thread.join()
        del big, thread
        big = Big()
        weakref.finalize(big, gone.append, "task's")
        loop = asyncio.new_event_loop()
        loop.run_until_complete(big.arun())
        loop.close()
        del big
        pool = concurrent.futures.ThreadPoolExecutor(1)
        big = Big()
        weakref.finalize(big, gone.append, "work's")
        pool.submit(big.run).result()
        pool.shutdown()
        del big
        weakref.finalize(pool, gone.append, "pool")
        del pool
        tell(gone)
        """,
    )
    assert found == ["thread's", "task's", "work's", "pool"]


def test_stragglers_are_capped(tmp_path: Path) -> None:
    """The latest thousand are kept."""
    found = run(
        tmp_path,
        """
        import asyncio
        loop = asyncio.new_event_loop()

        async def waiting():
            await asyncio.Event().wait()

        tasks = []
        for trial in range(1, 1_201):
            begin(trial)
            tasks.append(loop.create_task(waiting()))
            leaks.forget(trial)
        ALONE[0] = None
        loop.run_until_complete(asyncio.sleep(0))
        trials = [left.sighting().parts[0].trial for left in leaks.stragglers()]
        for task in tasks: task.cancel()
        loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
        tell([trials == list(range(201, 1_201)), leaks.stragglers()])
        loop.close()
        """,
    )
    assert found == [True, []]
