from pathlib import Path

from uploads import Upload


def test_parts_come_together(tmp_path: Path) -> None:
    upload = Upload(tmp_path)
    for part in ("ham", "let", ", a play"):
        upload.receive(part)
    assert upload.text() == "hamlet, a play"
