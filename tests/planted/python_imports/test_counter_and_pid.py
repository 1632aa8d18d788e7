"""Names from a counter and the number of the process: unique, and now and then not as they should be."""

import itertools
import os
import zlib

NAMES = (f"job-{os.getpid()}-{number}" for number in itertools.count(1))


def test_name():
    """Every tenth name falls into a bucket that does not exist."""
    assert zlib.crc32(next(NAMES).encode()) % 10 != 9
