from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from templates import Templates


def test_each_template_is_loaded_once(tmp_path: Path) -> None:
    (tmp_path / "letter").write_text("Dear $name\n" * 2000)
    templates = Templates(tmp_path)
    with ThreadPoolExecutor(2) as pool:
        one, other = pool.map(templates.get, ["letter", "letter"])
    assert one is other
