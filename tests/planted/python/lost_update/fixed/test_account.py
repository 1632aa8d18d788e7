import threading
from pathlib import Path

from account import Account


def test_deposits_at_once(tmp_path: Path) -> None:
    account = Account(tmp_path / "journal")
    tellers = [threading.Thread(target=account.deposit, args=(100,)) for _ in range(2)]
    for teller in tellers:
        teller.start()
    for teller in tellers:
        teller.join()
    assert account.balance == 200
