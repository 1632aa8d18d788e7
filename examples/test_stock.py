"""A flaky test to try flakeproof on."""

import threading
from pathlib import Path

from stock import Stock


def test_sold_one_by_one(tmp_path: Path) -> None:
    stock = Stock(10, tmp_path / "journal")
    stock.sell("ann")
    stock.sell("bob")
    assert stock.count == 8


def test_sold_at_once(tmp_path: Path) -> None:
    stock = Stock(10, tmp_path / "journal")
    buyers = [threading.Thread(target=stock.sell, args=(name,)) for name in ("ann", "bob")]
    for buyer in buyers:
        buyer.start()
    for buyer in buyers:
        buyer.join()
    assert stock.count == 8
