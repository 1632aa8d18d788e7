"""A shop that answers on a socket in the folder that it is given. A program: `server.py FOLDER`."""

import asyncio
import sys
from pathlib import Path


async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Tell what a thing costs."""
    wish = await reader.readline()
    writer.write(b"5 cents\n" if wish == b"pencil\n" else b"sold out\n")
    await writer.drain()
    writer.close()


async def serve(folder: Path) -> None:
    """Open."""
    async with await asyncio.start_unix_server(answer, folder / "door") as server:
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve(Path(sys.argv[1])))
