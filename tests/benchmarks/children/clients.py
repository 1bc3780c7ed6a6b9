"""Clients that connect and then do nothing.

Commands: ``open`` (``count`` of them; ``kind`` ``"ours"``, ``"pool"`` or ``"bare"``; ``options`` as
a client takes them; ``ticket`` for bare ones) and ``usage``. With the argument ``trace`` Python's
allocations are traced.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
import tracemalloc
from typing import Any
from urllib.parse import quote

from tests.benchmarks.processes import serve_commands

Opening = dict[str, Any]


async def _open_ours(stack: contextlib.AsyncExitStack, request: Opening) -> None:
    from tui_chat import WebSocketChatClient

    for _ in range(request["count"]):
        client = WebSocketChatClient()
        await client.on_init(**request["options"])
        stack.push_async_callback(client.disconnect)


async def _open_pool(stack: contextlib.AsyncExitStack, request: Opening) -> None:
    from tui_chat import ConnectionPool

    pool = await stack.enter_async_context(ConnectionPool(**request["options"]))
    for _ in range(request["count"]):
        await pool.open()


async def _open_bare(stack: contextlib.AsyncExitStack, request: Opening) -> None:
    from websockets.asyncio.client import connect

    base = request["options"]["chat_server_url"].removeprefix("http")
    for _ in range(request["count"]):
        socket = await stack.enter_async_context(
            connect(f"ws{base}/ws?ticket={quote(request['ticket'], safe='')}", proxy=None)
        )
        await socket.recv()


_OPEN = {"ours": _open_ours, "pool": _open_pool, "bare": _open_bare}


async def main() -> None:
    """Obey until standard input ends."""
    async with contextlib.AsyncExitStack() as stack:

        async def answer(request: Opening) -> dict[str, Any]:
            # Imports wait until they are needed: a bare client's process is to hold no other.
            await _OPEN[request["kind"]](stack, request)
            return {}

        await serve_commands(answer)


if __name__ == "__main__":
    if "trace" in sys.argv:
        tracemalloc.start()
    asyncio.run(main())
