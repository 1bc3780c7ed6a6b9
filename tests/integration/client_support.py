"""What the client's integration tests share: waiting, and a script instead of a server."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import websockets
from websockets.asyncio.server import Server, ServerConnection, serve

from tui_chat import WebSocketChatClient
from tui_chat.clock import Clock, SystemClock
from tui_chat.secret import Secret
from tui_chat.ticket import AuthData, TicketGrant

Handler = Callable[[ServerConnection], Awaitable[None]]

SESSION = '{"type":"session_established"}'


async def until(condition: Callable[[], Any], *, seconds: float = 10) -> None:
    """Wait until ``condition()`` is true; the test fails after ``seconds``."""
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.002)


def texts(client: WebSocketChatClient) -> list[tuple[str, str, str]]:
    return [(m.kind.value, m.text, m.state.value) for m in client.snapshot()]


class Tickets:
    """A ticket source that never fails: ``t1``, ``t2``, ... each good for an hour."""

    def __init__(self, clock: Clock | None = None, lifetime: float = 3600) -> None:
        self._clock = clock or SystemClock()
        self._lifetime = lifetime
        self.fetched = 0

    async def fetch(self, auth: AuthData) -> TicketGrant:
        self.fetched += 1
        now = self._clock.wall()
        return TicketGrant(Secret(f"t{self.fetched}"), now + self._lifetime, now)


class Script:
    """A WebSocket server whose connections are handled by a test's own coroutine.

    Attributes:
        connections: every connection accepted, the oldest first.
        most_open: how many were open at the same time at most.
        tickets: the ticket of each handshake.
    """

    def __init__(self, handler: Handler) -> None:
        self._handler = handler
        self._server: Server | None = None
        self.connections: list[ServerConnection] = []
        self.open = 0
        self.most_open = 0
        self.tickets: list[str] = []

    @property
    def url(self) -> str:
        assert self._server is not None
        port = next(iter(self._server.sockets)).getsockname()[1]
        return f"http://127.0.0.1:{port}"

    async def _handle(self, connection: ServerConnection) -> None:
        self.connections.append(connection)
        self.open += 1
        self.most_open = max(self.most_open, self.open)
        try:
            assert connection.request is not None
            self.tickets.append(connection.request.path.partition("ticket=")[2])
            await self._handler(connection)
        except websockets.ConnectionClosed:
            pass
        finally:
            self.open -= 1

    @contextlib.asynccontextmanager
    async def running(self, **options: Any) -> AsyncIterator[Script]:
        options.setdefault("host", "127.0.0.1")
        options.setdefault("port", 0)
        options.setdefault("close_timeout", 0.2)
        async with serve(self._handle, ping_interval=None, **options) as self._server:
            yield self


async def establish(connection: ServerConnection) -> None:
    """Greet, then listen until the client goes."""
    await connection.send(SESSION)
    await connection.wait_closed()
