"""A real server on a real port, in the running event loop."""

from __future__ import annotations

import asyncio
import json
import logging
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any
from urllib.parse import quote

import httpx
from websockets.asyncio.client import ClientConnection, connect

from tui_chat.clock import Clock
from tui_chat.secret import Secret
from tui_chat.server.agent import Agent
from tui_chat.server.config import ServerConfig
from tui_chat.server.users import User
from tui_chat.testing import serving
from tui_chat.testing.serving import Credentials, RunningServer

__all__ = [
    "KEY",
    "PLAIN",
    "TOKEN",
    "Credentials",
    "Peer",
    "RunningServer",
    "get_ticket",
    "http_client",
    "running_server",
    "socket_url",
    "spoken",
]

TOKEN = "token-for-tests"
KEY = "key-for-tests"


@asynccontextmanager
async def running_server(
    config: ServerConfig | None = None,
    *,
    agent: Agent | None = None,
    clock: Clock | None = None,
) -> AsyncIterator[RunningServer]:
    """Serve for the length of the block, on a free port unless the configuration names one.

    Without users in the configuration there is one, with ``TOKEN`` and ``KEY``. The agent is the
    built-in one, as fast as it goes.
    """
    config = config or ServerConfig()
    if not config.users:
        config = replace(config, users=(User(Secret(TOKEN), Secret(KEY)),))
    async with serving.running_server(config, agent=agent, clock=clock) as server:
        yield server


# The websockets library's own log would show what the server's must not.
_silent = logging.getLogger("tests.silent")
_silent.disabled = True


class Peer:
    """A client without any cleverness, for tests of the server."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket

    @classmethod
    @asynccontextmanager
    async def connected(
        cls, server: RunningServer, ticket: str | None = None, **options: Any
    ) -> AsyncIterator[Peer]:
        """Open a WebSocket with a ticket, a new one unless it is given."""
        if ticket is None:
            ticket = await get_ticket(server)
        async with connect(socket_url(server, ticket), **PLAIN, **options) as socket:
            yield cls(socket)

    @classmethod
    @asynccontextmanager
    async def ready(cls, server: RunningServer, **options: Any) -> AsyncIterator[Peer]:
        """Open a WebSocket and take in the greeting."""
        async with cls.connected(server, **options) as peer:
            assert (await peer.receive())["type"] == "session_established"
            yield peer

    async def receive(self) -> dict[str, Any]:
        async with asyncio.timeout(5):
            frame = json.loads(await self.socket.recv())
        assert isinstance(frame, dict)
        return frame

    async def receive_until(self, *types: str) -> list[dict[str, Any]]:
        """Return all frames up to the first of one of these types."""
        frames = [await self.receive()]
        while frames[-1]["type"] not in types:
            frames.append(await self.receive())
        return frames

    async def send(self, kind: str, **fields: Any) -> None:
        await self.socket.send(json.dumps({"type": kind, **fields}))

    async def ask(self, content: str, **fields: Any) -> list[dict[str, Any]]:
        """Send a chat message and return all frames until its run is stored."""
        await self.send("chat_message", content=content, media=[], **fields)
        return await self.receive_until("messages_persisted")

    async def closed(self) -> int:
        """Wait for the end and return the close code."""
        async with asyncio.timeout(5):
            await self.socket.wait_closed()
        assert self.socket.close_code is not None
        return self.socket.close_code


PLAIN: dict[str, Any] = {
    "compression": None,
    "proxy": None,
    "ping_interval": None,
    "logger": _silent,
}


def socket_url(server: RunningServer, ticket: str) -> str:
    return f"ws{server.url.removeprefix('http')}/ws?ticket={quote(ticket, safe='')}"


def http_client(server: RunningServer, auth: Credentials | None = None) -> httpx.AsyncClient:
    """Return an HTTP client that shows its credentials, the server's first user's by default."""
    token, key = auth or server.auth
    return httpx.AsyncClient(
        base_url=server.url,
        headers={"x-oddle-mp-auth-token": token, "x-oddle-chat-server-key": key},
        trust_env=False,
        # Without TLS anyway, and reading the system's certificates takes longer than the request.
        verify=ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT),
        timeout=5,
    )


async def get_ticket(server: RunningServer, auth: Credentials | None = None) -> str:
    async with http_client(server, auth) as http:
        response = await http.post("/api/v1/tickets", json={})
        assert response.status_code == 200, response.text
        return str(response.json()["ticket"])


def spoken(frames: list[dict[str, Any]]) -> str:
    """Return the text in these frames, in whichever shape it came."""
    return "".join(
        frame["data"].get("delta", frame["data"].get("textDelta", ""))
        for frame in frames
        if frame["type"] == "chat_event"
    )
