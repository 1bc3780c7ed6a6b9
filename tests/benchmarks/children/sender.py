"""A bare ``websockets`` server that sends a whole reply in one write.

``python -m tests.benchmarks.children.sender FRAMES``: every message it gets is answered with that
many text deltas and the frames that end a reply, framed beforehand. Commands: ``port``.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
from typing import Any

import websockets
from websockets.asyncio.server import ServerConnection, serve

from tests.benchmarks.processes import serve_commands
from tests.benchmarks.wire import ENDING, GREETING, deltas, framed


async def main(frames: int) -> None:
    """Serve until standard input ends."""
    reply = framed([*deltas(frames), *ENDING])

    async def handle(connection: ServerConnection) -> None:
        with contextlib.suppress(websockets.ConnectionClosed):
            await connection.send(GREETING, text=True)
            async for _ in connection:
                connection.transport.write(reply)

    async with serve(
        handle, "127.0.0.1", 0, compression=None, ping_interval=None, close_timeout=0.2
    ) as server:
        port = next(iter(server.sockets)).getsockname()[1]

        async def answer(_: dict[str, Any]) -> dict[str, Any]:
            return {"port": port}

        await serve_commands(answer)


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1])))
