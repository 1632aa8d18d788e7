import queue
import threading

from shop import Shop

WISHES = [f"pencil no. {number}" for number in range(40)]


def test_each_sale_is_in_the_ledger() -> None:
    wishes: queue.Queue[str | None] = queue.Queue()
    shop = Shop()
    customer = threading.Thread(target=lambda: [wishes.put(wish) for wish in [*WISHES, None]])
    customer.start()
    shop.serve(wishes)
    customer.join()
    assert len(shop.entries) == len(WISHES)
