"""An id, drawn at import."""

import uuid

INSTANCE = uuid.uuid4()


def test_id():
    """One instance in eight belongs to a shard that does not exist."""
    assert INSTANCE.int % 8 != 7
