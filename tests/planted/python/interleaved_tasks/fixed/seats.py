"""Seats of a theatre, kept by a server."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class Box:
    """The office: answers `left` with the number of seats, and takes a new number."""

    def __init__(self, seats: int) -> None:
        self.seats = seats

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one client."""
        while line := await reader.readline():
            if line != b"left\n":
                self.seats = int(line)
            writer.write(b"%d\n" % self.seats)
            await writer.drain()
        writer.close()


class Clerk:
    """Sells seats over a connection to the office."""

    def __init__(self, address: tuple[str, int], desk: asyncio.Lock) -> None:
        self._address = address
        self._desk = desk

    async def sell(self) -> None:
        """Take one seat away."""
        reader, writer = await asyncio.open_connection(*self._address)
        async with self._desk:
            left = await self._ask(reader, writer, b"left\n")
            await self._ask(reader, writer, b"%d\n" % (left - 1))
        writer.close()
        await writer.wait_closed()

    @staticmethod
    async def _ask(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, line: bytes) -> int:
        writer.write(line)
        await writer.drain()
        return int(await reader.readline())


@asynccontextmanager
async def office(box: Box) -> AsyncIterator[tuple[str, int]]:
    """Where the office is reached."""
    server = await asyncio.start_server(box.serve, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()
