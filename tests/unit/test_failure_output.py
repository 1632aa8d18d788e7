"""Failures found in what programs have written: copied from real runs, shortened."""

import time

import pytest

from flakeproof.failures import signature
from flakeproof.failures.command_output import last_line, read
from flakeproof.failures.runners.report import FailedTest

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
GO_AT_ONCE = """\
=== RUN   TestA
=== PAUSE TestA
=== RUN   TestB
=== PAUSE TestB
=== CONT  TestA
    a_test.go:7: a first
=== CONT  TestB
    a_test.go:8: b says
=== NAME  TestA
    a_test.go:7: boom
        over two lines
=== NAME  TestB
    a_test.go:8: b goes on
--- FAIL: TestA (0.00s)
--- PASS: TestB (0.00s)
FAIL
"""
TESTIFY = """\
--- FAIL: TestSuite (0.00s)
    --- FAIL: TestSuite/TestWrite (0.00s)
        a_test.go:4:\x20
            \tError Trace:\t/home/me/sample/a_test.go:4
            \tError:      \tReceived unexpected error:
            \t            \twrite tcp 127.0.0.1:1->127.0.0.1:2: write: bad file descriptor
            \tTest:       \tTestSuite/TestWrite
            \tMessages:   \tthe write of 3
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
GO_RACE_ON_MAP = """\
==================
WARNING: DATA RACE
Write at 0x00c00011e540 by goroutine 8:
  runtime.mapassign_fast64()
      /usr/local/go/src/internal/runtime/maps/runtime_fast64.go:91 +0x0
  sample.(*Registry).add()
      /home/me/sample/a.go:12 +0x47

Previous read at 0x00c00011e540 by goroutine 7:
  sample.(*Registry).size()
      /home/me/sample/a.go:20 +0x30
==================
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
RUST_THREAD = """\
---- counts_in_background stdout ----

thread '<unnamed>' (1203) panicked at src/lib.rs:7:9:
attempt to add with overflow
note: run with `RUST_BACKTRACE=1` environment variable to display a backtrace

thread 'counts_in_background' (1202) panicked at tests/a.rs:9:23:
called `Result::unwrap()` on an `Err` value: Any { .. }
"""
RUST_OLD = "thread 'main' panicked at 'index out of bounds: the len is 3', src/main.rs:4:5\nnote: run with …\n"
RUST_OLD_LINES = """\
---- it_adds stdout ----
thread 'it_adds' panicked at 'assertion failed: `(left == right)`
  left: `2`,
 right: `3`: sums', tests/a.rs:4:5
note: run with `RUST_BACKTRACE=1` environment variable to display a backtrace
"""
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
TAP_STACK = """\
not ok 1 - files arrive in order
  ---
  duration_ms: 7.1
  location: '/home/me/order.test.js:8:1'
  error: |-
    Expected values to be strictly equal:
    + 'second, first'
    - 'first, second'
  code: 'ERR_ASSERTION'
  stack: |-
    TestContext.<anonymous> (file:///home/me/order.test.js:12:12)
    async Test.run (node:internal/test_runner/test:797:9)
  ...
"""
BATS = """\
1..3
ok 1 starts
not ok 2 is ready # TODO not yet
not ok 3 stops in time
# (in test file service.bats, line 12)
#   `[ "$status" -eq 0 ]' failed
"""
SPEC = """\
▶ suite
  ✔ fine (0.739468ms)
  ✖ adds (1.682907ms)
    AssertionError [ERR_ASSERTION]: Expected values to be strictly equal:

    2 !== 3

        at TestContext.<anonymous> (file:///home/me/a.test.mjs:6:53)
        at Test.runInAsyncScope (node:async_hooks:206:9) {
      generatedMessage: true,
      code: 'ERR_ASSERTION'
    }

✖ suite (5.852915ms)
ℹ tests 2
ℹ fail 1

✖ failing tests:

test at a.test.mjs:6:3
✖ adds (1.682907ms)
  AssertionError [ERR_ASSERTION]: Expected values to be strictly equal:

  2 !== 3

      at TestContext.<anonymous> (file:///home/me/a.test.mjs:6:53)
      at Test.runInAsyncScope (node:async_hooks:206:9) {
    generatedMessage: true,
    code: 'ERR_ASSERTION'
  }
"""
SPEC_TIMEOUT = "✖ slow (31.324973ms)\n  'test timed out after 30ms'\n\nℹ tests 1\n\n" + (
    "✖ failing tests:\n\ntest at a.test.mjs:11:1\n✖ slow (31.324973ms)\n  'test timed out after 30ms'\n"
)
MOCHA = """\
  suite
    1) adds
    ✔ fine


  1 passing (4ms)
  1 failing

  1) suite
       adds:

      AssertionError [ERR_ASSERTION]: Expected values to be strictly equal:

2 !== 3

      + expected - actual

      -2
      +3

      at Context.<anonymous> (test/a.cjs:2:51)
      at process.processImmediate (node:internal/timers:483:21)
"""
VITEST = """\
 ❯ sum.test.mjs (4 tests | 1 failed) 61ms
     × adds 7ms

 FAIL  sum.test.mjs > suite > adds
AssertionError: expected 2 to be 3 // Object.is equality

- Expected
+ Received

 ❯ sum.test.mjs:3:56
"""
JEST = """\
\x1b[31mFAIL\x1b[39m ./sum.test.js
  ✕ adds (5 ms)

  ● Console

    console.log
      hello

      at Object.log (sum.test.js:2:32)

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
SUREFIRE = """\
[ERROR] Tests run: 2, Failures: 1, Errors: 1, Skipped: 0, Time elapsed: 0.1 s <<< FAILURE! -- in shop.BillTest
[ERROR] shop.BillTest.adds -- Time elapsed: 0.081 s <<< FAILURE!
org.opentest4j.AssertionFailedError: the sum ==> expected: <1> but was: <2>
\tat org.junit.jupiter.api.AssertEquals.assertEquals(AssertEquals.java:150)
\tat shop.BillTest.adds(BillTest.java:5)
\tat java.base/java.util.ArrayList.forEach(ArrayList.java:1511)

[INFO] Results:
[ERROR] Failures:
[ERROR]   BillTest.adds:5 the sum ==> expected: <1> but was: <2>
[ERROR] Errors:
[ERROR]   BillTest.throwsIt:7->helper:8 IllegalState closed on port 41234
"""
JUNIT_4 = """\
JUnit version 4.13.2
.E
Time: 0.013
There was 1 failure:
1) adds(shop.OldTest)
java.lang.AssertionError: the sum expected:<1> but was:<2>
\tat org.junit.Assert.fail(Assert.java:89)
\tat shop.OldTest.adds(OldTest.java:4)

FAILURES!!!
"""
JUNIT_5 = """\
Thanks for using JUnit! Support its development at https://junit.org/sponsoring

╷
├─ JUnit Jupiter ✔
│  └─ BillTest ✔
│     └─ adds() ✘ the sum ==> expected: <1> but was: <2>

Failures (1):
  JUnit Jupiter:BillTest:adds()
    MethodSource [className = 'shop.BillTest', methodName = 'adds', methodParameterTypes = '']
    => org.opentest4j.AssertionFailedError: the sum ==> expected: <1> but was: <2>
       org.junit.jupiter.api.AssertEquals.assertEquals(AssertEquals.java:150)
       shop.BillTest.adds(BillTest.java:5)
       java.base/java.util.ArrayList.forEach(ArrayList.java:1511)

Test run finished after 241 ms
"""
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


def found_in(output: str) -> FailedTest:
    """The first failure that is found there."""
    found = read(output)
    assert found is not None
    return found.failed[0]


@pytest.mark.parametrize(
    ("output", "title", "place"),
    [
        (GO, "TestPlain: write failed (local=127.0.0.1:52568): bad file descriptor", "a_test.go:3"),
        (GO_VERBOSE, "TestSub/inner_case: boom", "a_test.go:4"),
        (GO_AT_ONCE, "TestA: boom over two lines", "a_test.go:7"),
        (
            TESTIFY,
            "TestSuite/TestWrite: the write of 3: Received unexpected error: "
            "write tcp 127.0.0.1:1->127.0.0.1:2: write: bad file descriptor",
            "a_test.go:4",
        ),
        (GO_PANIC, "TestPanic: panic: assignment to entry in nil map", "/home/me/sample/a_test.go:5"),
        (GO_TIMEOUT, "TestDeadlock: test timed out after 3s", ""),
        (
            GO_RACE,
            "TestRace: DATA RACE: read in sample.TestRace.func1() against write in sample.reset()",
            "/home/me/sample/a_test.go:6",
        ),
        (
            GO_RACE_ON_MAP,
            "DATA RACE: read in sample.(*Registry).size() against write in sample.(*Registry).add()",
            "/home/me/sample/a.go:12",
        ),
        (RUST_THREAD, "counts_in_background: attempt to add with overflow", "src/lib.rs:7"),
        (RUST, "it_panics: assertion `left == right` failed: sums of 7", "src/lib.rs:1"),
        (RUST_OLD, "main: index out of bounds: the len is 3", "src/main.rs:4"),
        (
            RUST_OLD_LINES,
            "it_adds: assertion failed: `(left == right)` left: `2`, right: `3`: sums",
            "tests/a.rs:4",
        ),
        (TAP, "suite > adds: Expected values to be strictly equal: 2 !== 3", "/home/me/a.test.js:2"),
        (
            TAP_STACK,
            "files arrive in order: Expected values to be strictly equal: + 'second, first' - 'first, second'",
            "/home/me/order.test.js:12",
        ),
        (BATS, 'stops in time: (in test file service.bats, line 12) `[ "$status" -eq 0 ]\' failed', ""),
        (
            SPEC,
            "suite > adds: AssertionError [ERR_ASSERTION]: Expected values to be strictly equal: 2 !== 3",
            "/home/me/a.test.mjs:6",
        ),
        (SPEC_TIMEOUT, "slow: test timed out after 30ms", "a.test.mjs:11"),
        (
            MOCHA,
            "suite adds: AssertionError [ERR_ASSERTION]: Expected values to be strictly equal: 2 !== 3",
            "test/a.cjs:2",
        ),
        (
            VITEST,
            "sum.test.mjs > suite > adds: AssertionError: expected 2 to be 3 // Object.is equality",
            "sum.test.mjs:3",
        ),
        (JEST, "suite › adds: expect(received).toBe(expected) // Object.is equality", "sum.test.js:4"),
        (NODE, "TypeError: x is not y", "/home/me/a.js:1"),
        (GRADLE, "FooTest > bar(): org.opentest4j.AssertionFailedError: expected: <1> but was: <2>", None),
        (MAVEN, "FooTest.bar: expected: <1> but was: <2>", "line 42"),
        (
            SUREFIRE,
            "shop.BillTest.adds: org.opentest4j.AssertionFailedError: the sum ==> expected: <1> but was: <2>",
            "BillTest.java:5",
        ),
        (JUNIT_4, "shop.OldTest.adds: java.lang.AssertionError: the sum expected:<1> but was:<2>", "OldTest.java:4"),
        (
            JUNIT_5,
            "shop.BillTest:adds(): org.opentest4j.AssertionFailedError: the sum ==> expected: <1> but was: <2>",
            "BillTest.java:5",
        ),
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
        found = found_in(text)
        assert found.title == title
        assert place is None or found.place == place
        assert found.preview
        assert len(found.preview) <= 12
        assert "banner" not in "".join(found.preview)


NODE_TWICE = """\
# Subtest: adds
not ok 1 - adds
  ---
  location: '/home/me/bill.test.js:2:1'
  error: 'the bill is wrong'
  ...
# Subtest: adds
ok 2 - adds
  ---
  duration_ms: 0.2
  ...
"""
GO_EXAMPLE = """\
--- FAIL: ExampleSum (0.00s)
got:
3
want:
4
--- FAIL: TestAfter (0.00s)
    a_test.go:9: boom
FAIL
"""


@pytest.mark.parametrize(
    ("output", "titles"),
    [
        (NODE_TWICE, ["bill.test.js: adds: the bill is wrong"]),
        (GO_EXAMPLE, ["ExampleSum: got: 3 want: 4", "TestAfter: boom"]),
        (
            GO_TIMEOUT.replace("TestDeadlock (3s)", "TestA (3s)\n\t\tTestA/part (3s)\n\t\tTestB (1s)"),
            ["TestA/part", "TestB"],
        ),
    ],
)
def test_several_failures_in_one_output(output: str, titles: list[str]) -> None:
    """Tests of one name in two files, an example of Go, tests that were running when the time was over."""
    found = read(output)
    assert found is not None
    assert [one.title for one in found.failed] == [
        title if ": " in title else f"{title}: test timed out after 3s" for title in titles
    ]


def test_what_only_the_summary_of_maven_names_counts_too() -> None:
    """A test whose details are not in the output, beside one whose are."""
    told = read(SUREFIRE)
    assert told is not None
    assert [(one.name, one.place) for one in told.failed] == [
        ("shop.BillTest.adds", "BillTest.java:5"),
        ("BillTest.throwsIt", "line 7"),
    ]


@pytest.mark.parametrize("output", ["", "all is well\n", "0 errors\nError count: 0\n", "ok 1 - fine\n", "\x1b[0m\n"])
def test_nothing_is_found_where_nothing_is(output: str) -> None:
    """Then the last line that is not empty has to do."""
    assert read(output) is None
    assert last_line(output) == ([line for line in output.splitlines() if line.strip("\x1b[0m")] or [""])[-1]


def test_the_same_bug_has_one_signature() -> None:
    """What differs between two occurrences of a failure does not make it another."""
    again = GO.replace("52568", "41000").replace("0.00s", "1.25s").replace("starting the server", "hello")
    first, second = found_in(GO).title, found_in(again).title
    assert first != second
    assert signature.normalised(first) == signature.normalised(second)


def test_a_race_has_one_signature() -> None:
    """Whichever of the two accesses is reported as the first."""
    first, second = GO_RACE_ON_MAP.split("\n\n")
    head, write = first.split("Write at")
    read, end = second.removeprefix("Previous read at").split("=====", 1)
    found = found_in(f"{head}Read at{read}\nPrevious write at{write}\n====={end}")
    assert found.title == "DATA RACE: read in sample.(*Registry).size() against write in sample.(*Registry).add()"
    assert found.place == "/home/me/sample/a.go:20"


def test_the_preview_of_tap_begins_with_the_error() -> None:
    """How long the test took, and where it begins, are no part of the failure."""
    assert found_in(TAP_STACK).preview[:3] == [
        "not ok 1 - files arrive in order",
        "  error: |-",
        "    Expected values to be strictly equal:",
    ]


@pytest.mark.parametrize(
    "start",
    [
        "",
        "    ",
        "    at ",
        "not ok 1 x\n  ---\n  stack: |-\n    ",
        "  1 failing\n  1) ",
        "Failures (1):\n x\n y\n    => ",
        "--- FAIL: TestA (0s)\n    ",
        "panic: x\n\ngoroutine 1 [running]:\n",
        "---- a stdout ----\nnote: ",
        "=" * 70 + "\nFAIL: test_a (",
        "FAIL a.test.js\n  ● ",
        "✖ a (1ms)\n  ",
        "[ RUN      ] A.b\n",
        "[ERROR] Tests run: 1 <<< FAILURE! - in a.B\n[ERROR] ",
        " 1/1 Test #1: ***",
    ],
)
def test_a_long_line_takes_no_time(start: str) -> None:
    """No pattern looks at a line again and again: it is a matter of milliseconds, and not of half a minute."""
    before = time.process_time()
    for unit in (" ", "a", "(", "/a", " /a:1", "/a:1:1 ", "a.b.", "1) a(b", "': "):
        read(start + unit * (32_000 // len(unit)) + "!\n")
    assert time.process_time() - before < 10
