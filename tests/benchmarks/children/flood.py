"""The project's own server with an agent that talks faster than anybody reads.

``flood`` is answered with 1,000 deltas of four characters a second, for a minute. Commands:
``options`` (for a client).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from tests.benchmarks.documents import in_deltas, mixed
from tests.benchmarks.processes import serve_commands
from tui_chat.server.agent import AgentEvent, Text, Turn
from tui_chat.testing.serving import running_server

RATE = 1_000
"""Deltas a second."""
TICK = 0.01


class Flood:
    """An agent that talks and talks."""

    async def run(self, _turn: Turn) -> AsyncIterator[AgentEvent]:
        """Say a mixed document, at the rate."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        for number, delta in enumerate(in_deltas(mixed(RATE * 4 * 60))):
            if not number % int(RATE * TICK):
                await asyncio.sleep(max(began + number / RATE - loop.time(), 0))
            yield Text(delta)


async def main() -> None:
    """Serve until standard input ends."""
    async with running_server(agent=Flood()) as server:

        async def answer(_: dict[str, Any]) -> dict[str, Any]:
            return {
                "chat_server_url": server.url,
                "user_mp_auth_token": server.token,
                "chat_server_key": server.key,
            }

        await serve_commands(answer)


if __name__ == "__main__":
    asyncio.run(main())
