from collections.abc import Iterator
from pathlib import Path

import debounce
import pytest


@pytest.fixture
def editor() -> Iterator[debounce.Editor]:
    debounce.saved.clear()
    made = debounce.Editor()
    yield made
    made.close()


def test_keys_become_text(editor: debounce.Editor) -> None:
    for key in "milk":
        editor.type(key)
    assert editor.text() == "milk"


def test_nothing_typed_nothing_saved(editor: debounce.Editor, tmp_path: Path) -> None:
    (tmp_path / "draft").write_text(editor.text())
    assert debounce.saved == []
