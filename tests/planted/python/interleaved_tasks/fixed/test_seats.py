import asyncio
import hashlib

from seats import Box, Clerk, office


async def sell_after_signing_in(clerk: Clerk) -> None:
    await asyncio.to_thread(hashlib.pbkdf2_hmac, "sha256", b"secret", b"clerk", 2500)
    await clerk.sell()


async def sell_two() -> int:
    box = Box(100)
    async with office(box) as address:
        desk = asyncio.Lock()
        await asyncio.gather(Clerk(address, desk).sell(), sell_after_signing_in(Clerk(address, desk)))
    return box.seats


def test_two_seats_are_sold() -> None:
    assert asyncio.run(sell_two()) == 98
