"""The same bug has one signature however its message differs each time, and distinct bugs have distinct ones."""

import pytest

from flakeproof.engine.failure_records import timed_out
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


_HANG = """Thread 0x00007f0{number} (most recent call first):
  File "/project/server.py", line {line} in serve_{number}
  File "/usr/lib/python3.11/threading.py", line 1045 in _bootstrap_inner

Current thread 0x00007f5 (most recent call first):
  File "/usr/lib/python3.11/selectors.py", line {line} in select
  File "/project/test_it.py", line {line} in wait_until_{place}
  File "/project/test_it.py", line 30 in test_it
"""


def test_time_outs_at_one_place_are_one_kind() -> None:
    """However other threads and the library stand at that moment; hanging elsewhere is another kind."""
    kinds = {
        timed_out(1, 1, 0, 5.0, "", _HANG.format(number=number, line=number, place="ready")).signature
        for number in range(10)
    }
    assert kinds == {"time limit at test_it:wait_until_ready"}
    assert timed_out(1, 1, 0, 5.0, "", _HANG.format(number=1, line=1, place="gone")).signature not in kinds
