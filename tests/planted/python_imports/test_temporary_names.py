"""The generator of temporary names, got at import."""

import tempfile

NAMES = tempfile._get_candidate_names()


def test_name():
    """Names begin with one of 37 characters; four of them are taken for something else."""
    assert next(NAMES)[0] not in "abcd"
