"""Where the order of a set gets out."""

import pytest

from flakeproof.features.diagnose.code_hints import Leak, leaks


@pytest.mark.parametrize(
    ("line", "gets_out"),
    [
        ("for name in {'a', 'b'}: pass", True),
        ("names = set(given); first = list(names)[0]", True),
        ("names = {one for one in given}; text = ', '.join(names)", True),
        ("names = frozenset(given); text = ', '.join(str(name) for name in names)", True),
        ("names = set(given) | {'c'}; found = [name for name in names]", True),
        ("names = set(given); one = names.pop()", True),
        ("names = set(given); one = next(iter(names))", True),
        ("names = set(given); print(*names)", True),
        ("total = sum(set(given))", True),
        ("names = set(given); found = sorted(names)", False),
        ("names = set(given); found = len(names), max(names), 'a' in names", False),
        ("names = list(given); found = list(names)", False),
        ("names = {'a': 1}; found = list(names)", False),
        ("names = set(given); other = {name for name in names}", False),
    ],
)
def test_what_gives_the_order_away(line: str, gets_out: bool) -> None:
    """And what does not."""
    found = leaks(f"def look(given):\n    {line}\n")
    assert found == ([Leak(2, "look")] if gets_out else [])


def test_what_was_seen_at_run_time_counts() -> None:
    """A parameter that holds a set, and a function that returns one, look like anything else in the source."""
    source = "def join(names):\n    return ','.join(names)\n\ndef look():\n    return list(made())\n"
    assert leaks(source) == []
    assert leaks(source, [("join", "names")]) == [Leak(2, "join")]
    assert leaks(source, giving=["made"]) == [Leak(5, "look")]
    assert leaks(source, [("look", "names")]) == []


def test_source_that_cannot_be_read() -> None:
    assert leaks("def f(:") == []
