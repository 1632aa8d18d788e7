"""Leaks of each kind are seen, and nothing is where all has been put away."""

from pathlib import Path

from tests.unit.sanitize.running import run


def test_each_kind_is_named_with_its_trial_and_line(tmp_path: Path) -> None:
    """One trial leaves one of everything behind; the next leaves nothing."""
    found = run(
        tmp_path,
        """
        import _thread, asyncio, concurrent.futures, os, subprocess, tempfile, threading
        stop, ready = threading.Event(), threading.Event()
        loop = asyncio.new_event_loop()

        class Beater(threading.Thread):
            def run(self):
                stop.wait()

        async def sleeper():
            await asyncio.Event().wait()

        def wait_raw():
            ready.set()
            stop.wait()

        begin(7)
        threading.Thread(target=stop.wait).start()
        Beater(name="beat-12", daemon=True).start()
        timer = threading.Timer(1000, print); timer.start()
        _thread.start_new_thread(wait_raw, ())
        ready.wait()
        pool = concurrent.futures.ThreadPoolExecutor(); pool.submit(int).result()
        task = loop.create_task(sleeper(), name="sleeping 3")
        pipe = os.pipe()
        forked = os.fork()
        if not forked:
            os.close(pipe[1])
            os.read(pipe[0], 1)
            os._exit(0)
        child = subprocess.Popen(["/bin/cat", "-"], stdin=subprocess.PIPE)
        ended = os.posix_spawn("/bin/true", ["true"], {})
        os.waitid(os.P_PID, ended, os.WEXITED | os.WNOWAIT)
        handle, name = tempfile.mkstemp(suffix=".txt")
        folder = tempfile.mkdtemp(prefix="work-")
        begin(8)
        sightings = [left.sighting() for left in leaks.leftovers(7)]
        result = {
            "seen": [[each.kind, each.what] for each in sightings],
            "next": what(8),
            "sides": sorted({(part.role, part.trial) for each in sightings for part in each.parts}),
            "lines": sorted({each.parts[0].stack[-1].file for each in sightings}),
        }
        stop.set(); timer.cancel(); pool.shutdown(); child.stdin.close(); child.wait(); os.close(handle)
        for end in pipe: os.close(end)
        for pid in (forked, ended): os.waitpid(pid, 0)
        os.unlink(name); os.rmdir(folder)
        loop.run_until_complete(asyncio.sleep(0))
        task.cancel()
        loop.run_until_complete(asyncio.gather(task, return_exceptions=True)); loop.close()
        gone, there = settle(leaks.leftovers(7), 50_000_000_000)
        result["afterwards"] = [len(there), what(7)]
        tell(result)
        """,
    )
    assert found["seen"] == [
        ["thread left running", "thread Event.wait"],
        ["thread left running", "thread Beater.run named beat-N"],
        ["thread left running", "thread Timer of print"],
        ["thread left running", "thread wait_raw"],
        ["thread left running", "thread ThreadPoolExecutor worker"],
        ["task left running", "task sleeper named sleeping N"],
        ["child process left running", "process forked in <module>"],
        ["child process left running", "process cat -"],
        ["child process not waited for", "process true"],
        ["temporary file left behind", "temporary file tmp*.txt"],
        ["temporary folder left behind", "temporary folder work-*"],
    ]
    assert found["next"] == []
    assert found["sides"] == [["created", 7], ["running", 7], ["started", 7]]
    assert found["lines"] == [str(tmp_path / "snippet.py")]
    assert found["afterwards"] == [0, []]


def test_nothing_is_found_where_all_was_put_away(tmp_path: Path) -> None:
    """Gathered tasks, pools with `with`, children waited for, servers closed."""
    found = run(
        tmp_path,
        """
        import asyncio, concurrent.futures, http.server, multiprocessing, multiprocessing.pool, os, queue
        import subprocess, tempfile, threading, urllib.request

        async def tasks():
            async def nothing():
                await asyncio.sleep(0)
            await asyncio.gather(*(nothing() for _ in range(5)))
            async with asyncio.TaskGroup() as group:
                group.create_task(nothing())
            await asyncio.wait_for(nothing(), 10)
            await asyncio.to_thread(int)

        async def child():
            process = await asyncio.create_subprocess_exec("/bin/true", stdout=subprocess.PIPE)
            await process.communicate()

        async def server():
            async def answer(reader, writer):
                writer.write(await reader.read(1))
                writer.close()
                await writer.wait_closed()
            served = await asyncio.start_server(answer, "127.0.0.1", 0)
            reader, writer = await asyncio.open_connection(*served.sockets[0].getsockname())
            writer.write(b"x")
            await reader.read()
            writer.close()
            await writer.wait_closed()
            served.close()
            await served.wait_closed()

        def pools():
            with concurrent.futures.ThreadPoolExecutor(3) as pool:
                list(pool.map(int, range(9)))
            with concurrent.futures.ProcessPoolExecutor(1, multiprocessing.get_context("fork")) as pool:
                pool.submit(int).result()
            pool = multiprocessing.pool.ThreadPool(2)
            pool.map(int, range(9)); pool.close(); pool.join()

        def children():
            subprocess.run(["/bin/true"], check=True)
            subprocess.check_output("true", shell=True)
            os.system("true")
            process = multiprocessing.get_context("fork").Process(target=int)
            process.start(); process.join(); process.close()

        def temporaries():
            with tempfile.TemporaryDirectory(), tempfile.NamedTemporaryFile(), tempfile.TemporaryFile():
                pass
            with tempfile.SpooledTemporaryFile() as spooled:
                spooled.write(b"x"); spooled.rollover()

        def serve():
            with http.server.ThreadingHTTPServer(("127.0.0.1", 0), http.server.SimpleHTTPRequestHandler) as server:
                server.RequestHandlerClass.log_message = lambda *arguments: None
                thread = threading.Thread(target=server.serve_forever); thread.start()
                urllib.request.urlopen(f"http://127.0.0.1:{server.server_port}/").read()
                server.shutdown(); thread.join()

        clean = [lambda: asyncio.run(tasks()), lambda: asyncio.run(child()), lambda: asyncio.run(server()),
                 pools, children, temporaries, serve]
        found = []
        for trial, do in enumerate(clean, 1):
            begin(trial)
            do()
            # A server does not wait for the thread of its last answer, nor a loop for that of its last child.
            gone, there = settle(leaks.leftovers(trial), 50_000_000_000)
            found.append([left.sighting().what for left in there])
            leaks.forget(trial)
        tell([found, len(leaks.stragglers())])
        """,
    )
    assert found == [[[]] * 7, 0]


def test_a_pool_of_threads_counts_for_who_made_it(tmp_path: Path) -> None:
    """Not for the trial that happened to start its thread; a loop's own pool belongs to the loop."""
    found = run(
        tmp_path,
        """
        import asyncio, concurrent.futures
        everybodys = concurrent.futures.ThreadPoolExecutor(1)
        loop = asyncio.new_event_loop()
        begin(1)
        everybodys.submit(int).result()
        own = concurrent.futures.ThreadPoolExecutor(2)
        loop.run_until_complete(loop.run_in_executor(None, int))
        begin(2)
        own.submit(int).result()
        tell([what(1), what(2)])
        loop.run_until_complete(loop.shutdown_default_executor()); loop.close()
        everybodys.shutdown(); own.shutdown()
        """,
    )
    assert found == [["thread ThreadPoolExecutor worker"], []]


def test_what_ends_by_itself_has_outlived_its_test(tmp_path: Path) -> None:
    """Settling tells the thread and the task that end from those that do not, and waits no longer than it may."""
    found = run(
        tmp_path,
        """
        import asyncio, threading, time
        stop, go = threading.Event(), threading.Event()
        begin(1)
        threading.Thread(target=stop.wait).start()
        threading.Thread(target=go.wait, name="short").start()
        left = leaks.leftovers(1)
        threading.Timer(0.01, go.set).start()
        start = time.monotonic()
        settled = settle(left, 300_000_000)
        took = time.monotonic() - start
        text = settled[0][0].sighting().text
        threads = [[each.sighting().kind for each in part] for part in settled]

        async def short():
            await asyncio.sleep(0.001)

        async def main():
            tasks = [asyncio.create_task(short()), asyncio.create_task(asyncio.Event().wait())]
            settled = await settle_async(leaks.leftovers(2), 200_000_000)
            tasks[1].cancel()
            return [[each.sighting().kind for each in part] for part in settled]

        begin(2)
        tell([threads, 0.3 <= took, text.partition("outlived")[2], asyncio.run(main()), settle([], 10**12)])
        stop.set()
        """,
    )
    threads, waited, text, tasks, nothing = found
    assert threads == [["thread outlived its test"], ["thread left running"]]
    assert waited
    assert text.startswith(" its test by up to ")
    assert tasks == [["task outlived its test"], ["task left running"]]
    assert nothing == [[], []]


def test_in_a_fork_only_its_own_things_count(tmp_path: Path) -> None:
    """The parent's threads, tasks, children and files are not the fork's; what it makes itself is."""
    found = run(
        tmp_path,
        """
        import os, subprocess, tempfile, threading
        stop = threading.Event()
        begin(1)
        threading.Thread(target=stop.wait, daemon=True).start()
        folder = tempfile.mkdtemp()
        child = subprocess.Popen(["/bin/cat"], stdin=subprocess.PIPE)
        reading, writing = os.pipe()
        pid = os.fork()
        if not pid:
            before = what(1)
            begin(2)
            RUNNING.set((2, 0))
            threading.Thread(target=stop.wait, daemon=True).start()
            os.write(writing, repr([before, what(1), what(2), len(leaks.stragglers())]).encode())
            os._exit(0)
        os.waitpid(pid, 0)
        tell([os.read(reading, 10_000).decode(), len(what(1))])
        stop.set(); child.stdin.close(); child.wait(); os.rmdir(folder)
        """,
    )
    assert found == ["[[], [], ['thread Event.wait'], 0]", 3]


def test_stragglers_stay_known_and_what_they_make_is_theirs(tmp_path: Path) -> None:
    """After its trial has been forgotten, a thread is a straggler until it ends, and so is one that it starts."""
    found = run(
        tmp_path,
        """
        import threading
        go, started, stop = threading.Event(), threading.Event(), threading.Event()

        def child():
            started.set()
            stop.wait()

        def parent():
            go.wait()
            threading.Thread(target=child).start()
            stop.wait()

        begin(1)
        threading.Thread(target=parent).start()
        leaks.forget(1)
        before = [left.sighting().what for left in leaks.stragglers()]
        begin(2)
        go.set(); started.wait()
        for _ in range(1_000_000):  # the starter enters it into the books a moment after the thread has begun
            if len(leaks.stragglers()) == 2:
                break
        after = [(left.sighting().what, left.sighting().parts[0].trial) for left in leaks.stragglers()]
        stop.set()
        for thread in threading.enumerate():
            if thread is not threading.main_thread():
                thread.join()
        tell([before, after, what(2), leaks.stragglers()])
        """,
    )
    assert found == [["thread parent"], [["thread parent", 1], ["thread child", 1]], [], []]
