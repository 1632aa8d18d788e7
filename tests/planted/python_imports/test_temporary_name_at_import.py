"""A temporary name, drawn at import."""

import tempfile

NAME = next(tempfile._get_candidate_names())


def test_name():
    """Names begin with one of 37 characters; four of them are taken for something else."""
    assert NAME[0] not in "abcd"
