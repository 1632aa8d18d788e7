"""Which lines of a file are those at which threads and tasks may meet."""

from pathlib import Path

import pytest

from flakeproof.line_search.synchronisation import meeting_lines

SOURCE = """
import threading
def test(box):
    total = 0
    thread = threading.Thread(target=box.fill)
    thread.start()  # here
    count = len(box.items)
    total += count
    for item in box.items:
        total += item
    if box.done.wait(1):
        total += 1
    assert total
async def ask(queue):
    letter = queue.letter
    await queue.take()
    queue.letter = letter
    async with queue.lock:
        return letter
"""


@pytest.mark.parametrize(
    ("text", "meets"),
    [
        ("total = 0", False),
        ("thread = ", True),
        ("thread.start()", True),
        ("count = len", True),  # behind it
        ("total += count", False),
        ("for item", False),
        ("if box.done.wait", True),
        ("total += 1", True),
        ("assert total", True),
        ("letter = queue", False),
        ("await queue", True),
        ("queue.letter = letter", True),
        ("async with", True),
        ("return letter", True),
    ],
)
def test_what_meets(tmp_path: Path, text: str, meets: bool) -> None:
    """A statement that starts, waits or hands over, and the one behind it: after a pause the other side was first."""
    file = tmp_path / "box.py"
    file.write_text(SOURCE)
    line = 1 + next(place for place, one in enumerate(SOURCE.splitlines()) if text in one)
    assert (line in meeting_lines(str(file))) is meets


def test_what_cannot_be_read(tmp_path: Path) -> None:
    """Has none."""
    (tmp_path / "broken.py").write_text("def (")
    assert not meeting_lines(str(tmp_path / "broken.py"))
    assert not meeting_lines(str(tmp_path / "nowhere.py"))
