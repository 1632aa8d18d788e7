"""The same bug has one signature however its message differs each time, and distinct bugs have distinct ones."""

import pytest

from flakeproof.failures.signature import normalised

_ASSERTED = """assert '20261123-112405-9' == '20261123-112406-0'

  - 20261123-112406-0
  ?               ^ ^
  + 20261123-112405-9
  ?               ^ ^"""


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("took 12.5 s", "took 7 s"),
        ("at 127.0.0.1:4711", "at 127.0.0.1:80"),
        ("<object at 0x7f00>", "<object at 0xabc>"),
        ("no /tmp/a/file", "no /tmp/b/other"),
        (_ASSERTED, _ASSERTED.replace("^ ^", "  ^").replace("5-9", "6-9")),
        (_ASSERTED, _ASSERTED.replace("^ ^", "--+")),
    ],
)
def test_what_differs_by_chance(one: str, other: str) -> None:
    """Numbers, addresses, times, folders, and the marks that pytest puts below what differs."""
    assert one != other
    assert normalised(one) == normalised(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("[Errno 9] Bad file descriptor", "[Errno 32] Broken pipe"),
        ("assert 'a' == 'b'", "assert 'a' == 'c'"),
        ("really?", "really"),
        ("- ?", "+ ?"),
    ],
)
def test_what_does_not(one: str, other: str) -> None:
    """Words and error numbers stay."""
    assert normalised(one) != normalised(other)
