"""Failures found in what programs have written: copied from real runs of Go 1.26, Rust, node 20 and Python."""

import pytest

from flakeproof.diagnose import signature
from flakeproof.diagnose.output import find, last_line

GO = """\
starting the server
--- FAIL: TestPlain (0.00s)
    a_test.go:3: starting
    a_test.go:3: got 3, want 4
    a_test.go:3: write failed (local=127.0.0.1:52568): bad file descriptor
FAIL
"""
GO_VERBOSE = """\
=== RUN   TestSub
=== RUN   TestSub/inner_case
    a_test.go:4: boom
--- FAIL: TestSub (0.00s)
    --- FAIL: TestSub/inner_case (0.00s)
FAIL
"""
GO_PANIC = """\
--- FAIL: TestPanic (0.00s)
panic: assignment to entry in nil map [recovered, repanicked]

goroutine 18 [running]:
testing.tRunner.func1.2({0x55b7e0, 0x6cce50})
\t/usr/local/go/src/testing/testing.go:1974 +0x232
panic({0x55b7e0?, 0x6cce50?})
\t/usr/local/go/src/runtime/panic.go:860 +0x13a
sample.TestPanic(0x1d5d2bba6488?)
\t/home/me/sample/a_test.go:5 +0x28
"""
GO_TIMEOUT = """\
panic: test timed out after 3s
\trunning tests:
\t\tTestDeadlock (3s)

goroutine 5 [running]:
testing.(*M).startAlarm.func1()
\t/usr/local/go/src/testing/testing.go:2802 +0x354
"""
GO_RACE = """\
==================
WARNING: DATA RACE
Read at 0x00c0000941d8 by goroutine 8:
  sample.TestRace.func1()
      /home/me/sample/a_test.go:6 +0x33

Previous write at 0x00c0000941d8 by goroutine 9:
  sample.reset()
      /home/me/sample/a.go:16 +0x45
==================
--- FAIL: TestRace (0.00s)
    testing.go:1712: race detected during execution of test
FAIL
"""
RUST = """\
test it_panics ... FAILED

failures:

---- it_panics stdout ----

thread 'it_panics' (7743) panicked at src/lib.rs:1:26:
assertion `left == right` failed: sums of 7
  left: 2
 right: 3
stack backtrace:
   0: __rustc::rust_begin_unwind

test result: FAILED. 1 passed; 2 failed; 0 ignored
"""
RUST_OLD = "thread 'main' panicked at 'index out of bounds: the len is 3', src/main.rs:4:5\nnote: run with …\n"
TAP = """\
TAP version 13
# Subtest: suite
    # Subtest: adds
    not ok 1 - adds
      ---
      duration_ms: 1.839851
      location: '/home/me/a.test.js:2:27'
      error: |-
        Expected values to be strictly equal:

        2 !== 3

      code: 'ERR_ASSERTION'
      ...
not ok 1 - suite
  ---
  error: '1 subtest failed'
  ...
"""
JEST = """\
\x1b[31mFAIL\x1b[39m ./sum.test.js
  ✕ adds (5 ms)

  ● suite › adds

    expect(received).toBe(expected) // Object.is equality

    Expected: 3
    Received: 2

      at Object.toBe (node_modules/expect/build/index.js:1:2)
      at Object.toBe (sum.test.js:4:21)
"""
NODE = """\
/home/me/a.js:1
throw new TypeError("x is not y")
^

TypeError: x is not y
    at run (/home/me/a.js:1:7)
    at node:internal/process/execution:118:14
"""
GRADLE = """\
> Task :test FAILED

FooTest > bar() FAILED
    org.opentest4j.AssertionFailedError: expected: <1> but was: <2>
        at org.junit.jupiter.api.AssertionUtils.fail(AssertionUtils.java:55)

1 test completed, 1 failed
"""
MAVEN = "[INFO] Results:\n[ERROR] Failures: \n[ERROR]   FooTest.bar:42 expected: <1> but was: <2>\n[INFO] \n"
JAVA = 'Exception in thread "main" java.lang.IllegalStateException: closed\n\tat com.x.Main.run(Main.java:12)\n'
PYTEST = """\
    def test_it():
>       assert 1 == 2
E       assert 1 == 2

test_it.py:2: AssertionError
=========================== short test summary info ============================
FAILED test_it.py::test_it - assert 1 == 2
============================== 1 failed in 0.01s ===============================
"""
PYTHON = """\
Traceback (most recent call last):
  File "/home/me/a.py", line 3, in <module>
    run()
  File "/home/me/a.py", line 2, in run
    raise OSError(9, "Bad file descriptor")
OSError: [Errno 9] Bad file descriptor
"""
ASAN = """\
=================================================================
==12==ERROR: AddressSanitizer: heap-use-after-free on address 0x602000000010 at pc 0x1
READ of size 1 at 0x602000000010 thread T0
SUMMARY: AddressSanitizer: heap-use-after-free /home/me/a.c:5 in main
"""
ASSERT = "a.out: a.c:5: main: Assertion `x == 1' failed.\n"


@pytest.mark.parametrize(
    ("output", "title", "place"),
    [
        (GO, "TestPlain: write failed (local=127.0.0.1:52568): bad file descriptor", "a_test.go:3"),
        (GO_VERBOSE, "TestSub/inner_case: boom", "a_test.go:4"),
        (GO_PANIC, "TestPanic: panic: assignment to entry in nil map", "/home/me/sample/a_test.go:5"),
        (GO_TIMEOUT, "TestDeadlock: test timed out after 3s", ""),
        (
            GO_RACE,
            "DATA RACE: read in sample.TestRace.func1() against write in sample.reset()",
            "/home/me/sample/a_test.go:6",
        ),
        (RUST, "it_panics: assertion `left == right` failed: sums of 7", "src/lib.rs:1"),
        (RUST_OLD, "main: index out of bounds: the len is 3", "src/main.rs:4"),
        (TAP, "adds: Expected values to be strictly equal: 2 !== 3", "/home/me/a.test.js:2"),
        (JEST, "suite › adds: expect(received).toBe(expected) // Object.is equality", "sum.test.js:4"),
        (NODE, "TypeError: x is not y", "/home/me/a.js:1"),
        (GRADLE, "FooTest > bar(): org.opentest4j.AssertionFailedError: expected: <1> but was: <2>", None),
        (MAVEN, "FooTest.bar: expected: <1> but was: <2>", "line 42"),
        (JAVA, "java.lang.IllegalStateException: closed", "Main.java:12"),
        (PYTEST, "test_it.py::test_it: assert 1 == 2", "test_it.py:2"),
        (PYTHON, "OSError: [Errno 9] Bad file descriptor", "/home/me/a.py:2"),
        (ASAN, "AddressSanitizer: heap-use-after-free /home/me/a.c:5 in main", ""),
        (ASSERT, "main: Assertion `x == 1' failed.", "a.c:5"),
    ],
)
def test_failure_is_found(output: str, title: str, place: str | None) -> None:
    """Its title, the place in the user's code, and a preview that shows it; also among other output."""
    for text in (output, f"banner of a program\n\n{output}\ncleaning up\n"):
        found = find(text)
        assert found is not None
        assert found.title == title
        assert place is None or found.place == place
        assert found.preview
        assert len(found.preview) <= 12
        assert "banner" not in "".join(found.preview)


@pytest.mark.parametrize("output", ["", "all is well\n", "0 errors\nError count: 0\n", "ok 1 - fine\n", "\x1b[0m\n"])
def test_nothing_is_found_where_nothing_is(output: str) -> None:
    """Then the last line that is not empty has to do."""
    assert find(output) is None
    assert last_line(output) == ([line for line in output.splitlines() if line.strip("\x1b[0m")] or [""])[-1]


def test_the_same_bug_has_one_signature() -> None:
    """What differs between two occurrences of a failure does not make it another."""
    again = GO.replace("52568", "41000").replace("0.00s", "1.25s").replace("starting the server", "hello")
    first, second = find(GO), find(again)
    assert first is not None
    assert second is not None
    assert first.title != second.title
    assert signature.normalised(first.title) == signature.normalised(second.title)
