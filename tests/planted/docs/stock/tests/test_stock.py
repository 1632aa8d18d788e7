import asyncio
import random


class Stock:
    """Counts what is left; who sells looks first, and writes it down before the count changes."""

    def __init__(self, count):
        self.count = count

    async def sell(self):
        left = self.count
        await steps(random.randint(1, 2))
        self.count = left - 1


async def steps(count):
    for _ in range(count):
        await asyncio.sleep(0)


async def sold(stock):
    await steps(random.randint(0, 7))
    await stock.sell()


def test_new_stock():
    assert Stock(10).count == 10


def test_sold_one_by_one():
    stock = Stock(10)
    asyncio.run(stock.sell())
    asyncio.run(stock.sell())
    assert stock.count == 8


def test_none_left():
    stock = Stock(1)
    asyncio.run(stock.sell())
    assert stock.count == 0


def test_sold_at_once():
    stock = Stock(10)

    async def both():
        await asyncio.gather(sold(stock), sold(stock))

    asyncio.run(both())
    assert stock.count == 8
