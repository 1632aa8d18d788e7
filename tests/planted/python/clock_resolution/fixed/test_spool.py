from pathlib import Path

from spool import Spool


def test_no_message_is_lost(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    spool.put("first")
    spool.put("second")
    assert sorted(path.read_text() for path in tmp_path.iterdir()) == ["first", "second"]
