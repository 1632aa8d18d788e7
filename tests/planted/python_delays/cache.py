"""Two tasks ask a cache for the same thing; while the first one waits for it, the second does not find it there."""

import asyncio

_LATER = 0.012
"""Seconds after which the second one asks."""


class Cache:
    """Loads each thing once, as long as loading does not take long."""

    def __init__(self) -> None:
        self.entries: dict[str, str] = {}
        self.loading: dict[str, asyncio.Lock] = {}
        self.loads = 0

    async def get(self, key: str) -> str:
        """Not safe."""
        if key not in self.entries:
            value = await self.load(key)  # RACE
            self.entries[key] = value
        return self.entries[key]

    async def get_locked(self, key: str) -> str:
        """Safe."""
        async with self.loading.setdefault(key, asyncio.Lock()):
            if key not in self.entries:
                value = await self.load(key)
                self.entries[key] = value
        return self.entries[key]

    async def load(self, key: str) -> str:
        """Takes next to no time, as a rule."""
        self.loads += 1
        await asyncio.sleep(0.0002)
        return key.upper()


async def racy() -> None:
    """Fails when both have loaded it."""
    cache = Cache()
    await asyncio.gather(_ask(cache.get, 0), _ask(cache.get, _LATER))
    assert cache.loads == 1, f"loaded {cache.loads} times"


async def fixed() -> None:
    """Never fails."""
    cache = Cache()
    await asyncio.gather(_ask(cache.get_locked, 0), _ask(cache.get_locked, _LATER))
    assert cache.loads == 1, f"loaded {cache.loads} times"


async def _ask(get, after: float) -> None:  # type: ignore[no-untyped-def]  # a coroutine function
    await asyncio.sleep(after)
    answer = await get("name")
    await asyncio.sleep(0.0001)
    assert answer == "NAME"
