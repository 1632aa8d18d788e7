"""What is patched behaves, and looks, as it did."""

from pathlib import Path

from tests.unit.sanitize.running import run


def test_names_signatures_and_pickles_stay(tmp_path: Path) -> None:
    """Every function that is replaced has its name, its signature and its pickle, before and after."""
    found = run(
        tmp_path,
        """
        import _posixsubprocess, _thread, asyncio, concurrent.futures.thread, inspect, multiprocessing.pool, os, pickle
        import tempfile, threading
        owners = {
            "_thread": [_thread, "start_new_thread"], "fork": [os, "fork"], "spawn": [os, "posix_spawn"],
            "exec": [_posixsubprocess, "fork_exec"], "mkdtemp": [tempfile, "mkdtemp"],
            "submit": [concurrent.futures.thread.ThreadPoolExecutor, "submit"],
            "create_task": [asyncio.BaseEventLoop, "create_task"],
            "run_in_executor": [asyncio.BaseEventLoop, "run_in_executor"],
            "imap": [multiprocessing.pool.ThreadPool, "imap"],
        }
        odd = []
        for label, (owner, name) in owners.items():
            ours = getattr(owner, name)
            real = inspect.unwrap(ours)
            try:
                signature = inspect.signature(real)
            except ValueError:
                signature = None
            same = (
                ours is not real and ours.__name__ == real.__name__ == name and ours.__doc__ == real.__doc__
                and ours.__qualname__ in (real.__qualname__, "ThreadPool.imap")
                and pickle.loads(pickle.dumps(ours)) is ours
                and (signature is None or inspect.signature(ours) == signature)
            )
            if not same:
                odd.append(label)
        tell(odd)
        """,
    )
    assert found == []


def test_wrong_uses_fail_as_ever(tmp_path: Path) -> None:
    """Exceptions come through with their types, and leave nothing in the books."""
    found = run(
        tmp_path,
        """
        import _thread, asyncio, concurrent.futures, os, subprocess, tempfile, threading
        begin(1)

        class Careless(threading.Thread):
            def __init__(self):
                pass

        def raised(do):
            try:
                do()
            except BaseException as error:
                return type(error).__name__
            return "nothing"

        def twice():
            thread = threading.Thread(target=int); thread.start(); thread.join(); thread.start()

        def closed_pool():
            pool = concurrent.futures.ThreadPoolExecutor(); pool.shutdown(); pool.submit(int)

        def closed_loop():
            loop = asyncio.new_event_loop(); loop.close(); loop.create_task(None)

        def failing_work():
            with concurrent.futures.ThreadPoolExecutor() as pool:
                pool.submit(int, "x").result()

        tell([
            [raised(do) for do in (
                lambda: Careless().start(), twice, closed_pool, closed_loop, failing_work,
                lambda: _thread.start_new_thread(1, ()), lambda: _thread.start_new_thread(int),
                lambda: subprocess.run(["/no/such/program"]), lambda: os.posix_spawn("/no/such", ["x"], {}),
                lambda: tempfile.mkdtemp(dir="/no/such"), lambda: tempfile.mkstemp(dir="/no/such"),
                lambda: os.fork(1),
            )],
            what(1),
        ])
        """,
    )
    assert found == [
        [
            "RuntimeError",
            "RuntimeError",
            "RuntimeError",
            "RuntimeError",
            "ValueError",
            "TypeError",
            "TypeError",
            "FileNotFoundError",
            "FileNotFoundError",
            "FileNotFoundError",
            "FileNotFoundError",
            "TypeError",
        ],
        [],
    ]


def test_children_are_never_reaped(tmp_path: Path) -> None:
    """The user's code gets the exit status, however often somebody has looked; where nobody may wait, none is left."""
    found = run(
        tmp_path,
        """
        import os, signal, subprocess
        begin(1)
        child = subprocess.Popen(["/bin/sh", "-c", "exit 3"])
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
        looks = [what(1) for _ in range(3)]
        code = child.wait()
        after = what(1)
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)
        reading, writing = os.pipe()
        pid = os.fork()
        if not pid:
            os.close(writing)
            os.read(reading, 1)
            os._exit(0)
        running = what(1)
        os.close(writing)
        gone, there = settle(leaks.leftovers(1), 50_000_000_000)
        tell([looks, code, after, running, [left.sighting().kind for left in gone], len(there)])
        """,
    )
    left = ["process sh -c exit 3"]
    running = ["process forked in <module>"]
    assert found == [[left] * 3, 3, [], running, ["child process outlived its test"], 0]


def test_processes_started_with_spawn(tmp_path: Path) -> None:
    """A Process object is pickled for a new interpreter as ever, and multiprocessing's own helper is nobody's leak."""
    found = run(
        tmp_path,
        """
        import multiprocessing, os
        from flakeproof_worker.sanitize.allowlist import Allowed
        if __name__ == "__main__":
            begin(1)
            context = multiprocessing.get_context("spawn")
            process = context.Process(target=os.getpid)
            process.start()
            process.join()
            left = [left.sighting() for left in leaks.leftovers(1)]
            tell([process.exitcode, len(left), [each.what for each in left if not Allowed().allows(each)]])
            sys.stdout.flush()
        """,
    )
    assert found == [0, 1, []]
