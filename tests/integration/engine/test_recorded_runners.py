"""Outputs that real runners wrote, recorded (runners/recorded/README.md): each test that failed has its own name."""

from pathlib import Path

import pytest

from flakeproof.failures.command_output import read

RECORDED = Path(__file__).parent / "runners" / "recorded"
JAVA = [
    ("till.BillTest.adds", "org.opentest4j.AssertionFailedError: the sum ==> expected: <1> but was: <2>"),
    ("shop.BillTest.breaks", "java.lang.IllegalStateException: closed"),
    (
        "shop.BillTest.expects",
        "org.opentest4j.AssertionFailedError: Expected java.lang.IllegalStateException to be thrown, "
        "but nothing was thrown.",
    ),
    ("shop.BillTest.odd(int)[2]", "org.opentest4j.AssertionFailedError: expected: <1> but was: <0>"),
    ("shop.BillTest.adds", "org.opentest4j.AssertionFailedError: the sum ==> expected: <1> but was: <2>"),
    ("shop.BillTest$WithRebate.adds", "org.opentest4j.AssertionFailedError: expected: <3> but was: <4>"),
    ("shop.OldTest.breaks", "java.lang.IllegalStateException: closed"),
    ("shop.OldTest.adds", "java.lang.AssertionError: the sum expected:<1> but was:<2>"),
]
LAUNCHER = {
    "shop.BillTest.odd(int)[2]": "shop.BillTest:odd(int):[2] 2",
    "shop.BillTest$WithRebate.adds": "shop.BillTest:WithRebate:adds()",
    "shop.OldTest.breaks": "shop.OldTest:breaks",
    "shop.OldTest.adds": "shop.OldTest:adds",
}
JEST = [
    ("sums › adds", "expect(received).toBe(expected) // Object.is equality"),
    ("sums › rejects", "TypeError: x is not y"),
]


def launched(name: str) -> str:
    """The name that the console launcher gives to the test which Surefire calls `name`."""
    return LAUNCHER.get(name) or ":".join(name.rsplit(".", 1)) + "()"


@pytest.mark.parametrize(
    ("file", "expected"),
    [
        ("jest-verbose.txt", JEST),
        (
            "jest.txt",
            [
                *((f"t/sums.test.js › {name}", message) for name, message in JEST),
                ("t/shop.test.js › sums › adds", "expect(received).toEqual(expected) // deep equality"),
                (
                    "t/broken.test.js",
                    "Test suite failed to run: Cannot find module './not-there' from 't/broken.test.js'",
                ),
            ],
        ),
        (
            "vitest.txt",
            [
                (
                    "v/broken.test.mjs",
                    "Error: Cannot find module './not-there' imported from /home/me/shop/v/broken.test.mjs",
                ),
                ("v/shop.test.mjs > sums > adds", "AssertionError: expected { a: 1 } to deeply equal { a: 2 }"),
                ("v/sums.test.mjs > sums > adds", "AssertionError: expected 2 to be 3 // Object.is equality"),
                ("v/sums.test.mjs > sums > rejects", "TypeError: x is not y"),
                ("v/sums.test.mjs > the same error 1", "Error: same"),
                ("v/sums.test.mjs > the same error 2", "Error: same"),
            ],
        ),
        (
            "mocha.txt",
            [
                ("sums adds", "AssertionError [ERR_ASSERTION]: Expected values to be strictly equal: 2 !== 3"),
                (
                    "sums takes too long",
                    'Error: Timeout of 20ms exceeded. For async tests and hooks, ensure "done()" is called; if '
                    "returning a Promise, ensure it resolves. (/home/me/shop/m/sums.cjs)",
                ),
                ('sums with a hook "before each" hook for "counts"', "Error: no database"),
                ("shop adds", "TypeError: x is not y"),
            ],
        ),
        ("surefire-3.5.2.txt", JAVA),
        ("surefire-2.22.2.txt", [(name.replace("(int)", "{int}"), message) for name, message in JAVA]),
        ("junit-launcher.txt", [(launched(name), message) for name, message in JAVA]),
        ("junit4.txt", [one for one in JAVA if one[0].startswith("shop.OldTest")]),
        (
            "django.txt",
            [
                ("till.tests.PageTest.test_shows", "AttributeError: 'Settings' object has no attribute 'ROOT_URLCONF'"),
                ("till.tests.TillTest.test_adds", "AssertionError: 2 != 3"),
                ("till.tests.TillTest.test_counts", "AssertionError: 0 != 1 : 0 queries executed, 1 expected"),
            ],
        ),
    ],
)
def test_every_test_that_failed_is_read(file: str, expected: list[tuple[str, str]]) -> None:
    """By its own name, with its own message, once; and a place wherever the runner tells one of the user's."""
    report = read((RECORDED / file).read_text())
    assert report is not None
    assert [(one.name, one.message) for one in report.failed] == expected
    for one in report.failed:
        assert one.place or "takes too long" in one.name
        assert "node_modules" not in one.place
        assert "site-packages" not in one.place
