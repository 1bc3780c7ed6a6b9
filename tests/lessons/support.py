"""What the lessons' tests share: options, a server that talks, and a raw HTTP server."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from typing import Any

from websockets.asyncio.server import ServerConnection
from websockets.http11 import Request, Response

from tests.integration.client_support import SESSION
from tests.integration.test_connection_time import Line
from tests.virtual import VirtualClock
from tui_chat import ClientTool, TicketManager, TicketManagerConfig, WebSocketChatClient
from tui_chat.events import ChatEvent
from tui_chat.ticket import AuthData

__all__ = [
    "AUTH",
    "EXPIRED",
    "Answer",
    "Events",
    "Process",
    "RawHttp",
    "Talker",
    "accept_and_close",
    "delta",
    "echo",
    "grant",
    "make_tickets",
    "options",
    "refusing",
    "silent",
    "slowly",
]

AUTH = AuthData("token-for-tests", "key-for-tests")

EXPIRED = '{"type":"authentication_error","error":"too late","code":"TICKET_EXPIRED"}'
CONFIGURED = '{"type":"tools_configured","data":{"toolCount":0,"toolNames":[]}}'

Frame = dict[str, Any]
Process = Callable[[ServerConnection, Request], Any]
Answer = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def options(url: str = "http://127.0.0.1:80", **changes: Any) -> Any:
    """What a client is started with; the default is the virtual network's server."""
    return {
        "chat_server_url": url,
        "user_mp_auth_token": "token-for-tests",
        "chat_server_key": "key-for-tests",
        **changes,
    }


def delta(text: str) -> str:
    """A frame with a piece of the reply."""
    return json.dumps({"type": "chat_event", "event": "content-delta", "data": {"delta": text}})


def echo() -> ClientTool:
    """A tool that returns its argument, without a thread, so that it works in virtual time."""

    async def say(word: str = "pong") -> str:
        """Say a word."""
        return word

    return ClientTool(say, name="echo")


async def accept_and_close(connection: ServerConnection) -> None:
    """Set up a session and end it."""
    await connection.send(SESSION)
    await connection.close(1000)


async def silent(connection: ServerConnection) -> None:
    """Open, and say nothing."""
    await connection.wait_closed()


def slowly(line: Line, seconds: float) -> Process:
    """Let every handshake take its time; it is counted when it begins."""

    async def process(connection: ServerConnection, request: Request) -> Response | None:
        line.at.append(line.clock.boot())
        await asyncio.sleep(seconds)
        return None

    return process


def refusing(line: Line, status: int) -> Process:
    """Answer every handshake with a status."""

    def process(connection: ServerConnection, request: Request) -> Response:
        line.at.append(line.clock.boot())
        return connection.respond(status, "")

    return process


def make_tickets(
    clock: VirtualClock, source: Any, config: TicketManagerConfig | None = None
) -> TicketManager:
    """A ticket manager in virtual time."""
    return TicketManager(
        AUTH, "http://localhost", config, source=source, clock=clock, rng=random.Random(1)
    )


class Talker:
    """Handles connections: greets, confirms the configuration, keeps what comes in.

    Attributes:
        heard: each connection's frames, the oldest connection first.
        confirms: whether ``configure_tools`` is answered.
    """

    def __init__(self, *, confirms: bool = True) -> None:
        self.heard: list[list[Frame]] = []
        self.confirms = confirms

    async def __call__(self, connection: ServerConnection) -> None:
        frames: list[Frame] = []
        self.heard.append(frames)
        await connection.send(SESSION)
        async for text in connection:
            frames.append(json.loads(text))
            if frames[-1]["type"] == "configure_tools" and self.confirms:
                await connection.send(CONFIGURED)

    def all(self, *types: str) -> list[Frame]:
        """The frames of these types, on whichever connection they came."""
        return [frame for frames in self.heard for frame in frames if frame["type"] in types]


class Events:
    """Collects the events of a client, from its making to its disconnect."""

    def __init__(self, client: WebSocketChatClient) -> None:
        self.seen: list[ChatEvent] = []
        self._events = client.events()
        self._task = asyncio.create_task(self._listen())

    async def _listen(self) -> None:
        async for event in self._events:
            self.seen.append(event)

    def __iter__(self) -> Iterator[ChatEvent]:
        return iter(self.seen)

    async def done(self) -> None:
        """Wait for the end of the stream."""
        async with asyncio.timeout(5):
            await self._task


class RawHttp:
    """An HTTP server that is no such thing: after each request it does what a test says.

    Attributes:
        answer: writes what it likes; the connection is closed after it.
        requests: the request line of each request.
        url: where it listens.
    """

    def __init__(self, answer: Answer) -> None:
        self.answer = answer
        self.requests: list[str] = []
        self.url = ""

    async def _handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            self.requests.append(head.decode().partition("\r\n")[0])
            await self.answer(reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[RawHttp]:
        async with await asyncio.start_server(self._handle, "127.0.0.1", 0) as server:
            self.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
            yield self


def grant(ticket: str) -> Answer:
    """Answer with a ticket for a long time, whatever was asked."""
    body = json.dumps({"success": True, "ticket": ticket, "expiresAt": "2999-01-01T00:00:00.000Z"})

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = f"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: {len(body)}\r\n\r\n"
        writer.write(f"{head}{body}".encode())
        await writer.drain()

    return answer
