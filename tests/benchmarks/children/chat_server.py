"""The project's own server. Commands: ``options`` (for a client), ``counts``, ``usage``."""

from __future__ import annotations

import asyncio
from typing import Any

from tests.benchmarks.processes import serve_commands
from tui_chat.server.config import ServerConfig
from tui_chat.testing.serving import running_server

# As it comes, but with room for all the clients of a benchmark, which connect at once.
_CONFIG = ServerConfig(max_sessions_per_user=256, ticket_rate=0)


async def main() -> None:
    """Serve until standard input ends."""
    async with running_server(_CONFIG) as server:

        async def answer(request: dict[str, Any]) -> dict[str, Any]:
            if request["command"] == "options":
                return {
                    "chat_server_url": server.url,
                    "user_mp_auth_token": server.token,
                    "chat_server_key": server.key,
                }
            return {
                "tickets": server.ticket_requests,
                "sockets": len(server.sessions),
            }

        await serve_commands(answer)


if __name__ == "__main__":
    asyncio.run(main())
