"""The tables of the history, as SQLAlchemy Core has them; `migrations` makes them.

What passed has no row: a job points at the roster of the tests that ran in it, which most jobs share, and each test
that did not simply pass has a row. So ten million results of two thousand tests are 5,000 rows and the failures.
"""

import hashlib
import zlib
from array import array
from collections.abc import Iterable

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    ForeignKey,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
)

METADATA = MetaData()
_ID = BigInteger().with_variant(Integer, "sqlite")

TEST = Table(
    "test",
    METADATA,
    Column("id", _ID, primary_key=True),
    Column("digest", String(40), nullable=False, unique=True),
    Column("name", Text, nullable=False),
)
SIGNATURE = Table(
    "signature",
    METADATA,
    Column("id", _ID, primary_key=True),
    Column("digest", String(40), nullable=False, unique=True),
    Column("text", Text, nullable=False),
)
ROSTER = Table(
    "roster",
    METADATA,
    Column("id", _ID, primary_key=True),
    Column("digest", String(40), nullable=False, unique=True),
    Column("size", Integer, nullable=False),
    Column("tests", LargeBinary, nullable=False),
)
JOB = Table(
    "job",
    METADATA,
    Column("id", _ID, primary_key=True),
    Column("digest", String(64), nullable=False, unique=True),
    Column("source", String(16), nullable=False),  # `junit`, or `run` for one of flakeproof's own
    Column("path", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("build", Text, nullable=False),
    Column("machine", Text, nullable=False),
    Column("branch", Text, nullable=False),
    Column("commit", Text, nullable=False),
    Column("started", Float, nullable=False, index=True),  # seconds since 1970, UTC
    Column("seconds", Float, nullable=False),
    Column("roster_id", _ID, ForeignKey("roster.id"), nullable=False),
    Column("trials", Integer, nullable=False),  # how often each test of the roster ran
    Column("skipped", Integer, nullable=False),
    Column("provoked", Boolean, nullable=False),  # a run under perturbations, whose rates are not those of CI
)
FAILURE = Table(
    "failure",
    METADATA,
    Column("job_id", _ID, ForeignKey("job.id", ondelete="CASCADE"), primary_key=True),
    Column("test_id", _ID, ForeignKey("test.id"), primary_key=True),
    Column("failures", Integer, nullable=False),
    Column("trials", Integer, nullable=False),  # where they differ from those of the job
    Column("passed_later", Boolean, nullable=False),
    Column("seconds", Float, nullable=False),
    Column("signature_id", _ID, ForeignKey("signature.id"), nullable=True),
)
DOCUMENT = Table(
    "document",
    METADATA,
    Column("digest", String(64), primary_key=True),
    Column("job_id", _ID, ForeignKey("job.id", ondelete="CASCADE"), nullable=False, index=True),
)


def digest_of(text: str) -> str:
    """What tells texts of any length apart in an index."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:40]


def packed(tests: Iterable[int]) -> bytes:
    """Ids of tests as they are kept; the same ones always give the same bytes."""
    ids = array("I", sorted(tests))
    gaps = array("I", (one - before for before, one in zip([0, *ids], ids, strict=False)))
    return zlib.compress(gaps.tobytes(), 6)


def unpacked(data: bytes) -> list[int]:
    """The ids in `packed` data, in ascending order."""
    gaps = array("I")
    gaps.frombytes(zlib.decompress(data))
    found, last = [], 0
    for gap in gaps:
        last += gap
        found.append(last)
    return found
