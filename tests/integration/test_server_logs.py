"""Nothing the server or its libraries log holds a ticket, a token or a key."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Iterator

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus
from websockets.typing import Origin

from tests.serving import PLAIN, Peer, get_ticket, http_client, running_server, socket_url
from tui_chat.secret import Secret
from tui_chat.server.config import ServerConfig
from tui_chat.server.users import User

CANARY_TOKEN, CANARY_KEY = "canary-token-8d1f", "canary-key-2b7c"
CANARY_HEADER = "canary-mcp-header-91ab"


class Everything(logging.Handler):
    """Keeps every record, formatted, with arguments and traceback."""

    def __init__(self) -> None:
        super().__init__(level=1)
        self.setFormatter(logging.Formatter("%(name)s %(levelname)s %(message)s"))
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(f"{self.format(record)} {record.args!r}")

    def of(self, *loggers: str) -> str:
        return "\n".join(line for line in self.lines if line.startswith(loggers))


@pytest.fixture
def logged() -> Iterator[Everything]:
    """Log everything there is: the root and all loggers that exist, at the lowest level."""
    handler = Everything()
    named = [
        logger
        for logger in logging.Logger.manager.loggerDict.values()
        if isinstance(logger, logging.Logger)
    ]
    levels = {logger: logger.level for logger in [logging.root, *named]}
    for logger in levels:
        logger.setLevel(1)
    logging.root.addHandler(handler)
    yield handler
    logging.root.removeHandler(handler)
    for logger, level in levels.items():
        logger.setLevel(level)


async def test_no_log_line_holds_a_secret(logged: Everything) -> None:
    user = User(Secret(CANARY_TOKEN), Secret(CANARY_KEY))
    async with running_server(ServerConfig(users=(user,))) as server:
        ticket = await get_ticket(server)
        assert len(ticket) == 43
        async with Peer.ready(server, ticket=ticket) as peer:
            await peer.ask("thanks", mcpHeaders={"server": {"auth": CANARY_HEADER}})
            await peer.send("chat_message", content=5)
            await peer.receive_until("error")
        for query in (
            f"ticket={ticket}",
            f"a=1&ticket={ticket}&ticket={ticket}2",
            f"%74icket={ticket}",
            f"Ticket={ticket}",
        ):
            async with http_client(server) as http:
                assert (await http.get(f"/ws?{query}")).status_code == 404
            with contextlib.suppress(InvalidStatus):
                url = f"ws{server.url.removeprefix('http')}/ws?{query}"
                async with connect(url, **PLAIN):
                    pass
        server.expire_tickets()
        with pytest.raises(InvalidStatus):
            await connect(socket_url(server, ticket), **PLAIN)
        with pytest.raises(InvalidStatus):
            await connect(
                socket_url(server, ticket), **PLAIN, origin=Origin("https://evil.example")
            )
        async with http_client(server) as http:
            body = {"ticket": ticket, "entityId": 5}
            await http.post("/api/v1/tickets/validate", json=body)
        # What is not HTTP at all, or only nearly.
        upgrade = "Host: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        for raw in (
            f"GET /ws?ticket={ticket} HTTP/9.9\r\n\r\n",
            f"GET /ws?ticket={ticket} HTTP/1.1\r\n{upgrade}Sec-WebSocket-Key: short\r\n\r\n",
            f"GET /ws?ticket={ticket}\x00 HTTP/1.1\r\n{upgrade}\r\n",
        ):
            port = int(server.url.rpartition(":")[2])
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(raw.encode())
            async with asyncio.timeout(5):
                await reader.read()
            writer.close()
            await writer.wait_closed()

    ours = logged.of("tui_chat", "uvicorn", "websockets", "asyncio")
    # The lines are there, the server's own and uvicorn's; what they must not hold is not.
    assert "ticket for local, good for 300 s" in ours
    assert "session_" in ours
    assert "handshake refused: TICKET_EXPIRED" in ours
    assert '"WebSocket /ws?ticket=********" [accepted]' in ours
    assert '"GET /ws?a=1&ticket=********&ticket=******** HTTP/1.1" 404' in ours
    for secret in (ticket, CANARY_TOKEN, CANARY_KEY, CANARY_HEADER):
        assert secret not in ours
    # uvicorn calls a refused handshake an error of the application, unless it is told better.
    assert "ERROR" not in ours


async def test_an_exception_in_the_server_shows_no_secret(logged: Everything) -> None:
    async with running_server() as server, http_client(server) as http:
        ticket = await get_ticket(server)
        server._state.tickets = None  # type: ignore[assignment]  # something is badly wrong
        response = await http.post("/api/v1/tickets/validate", json={"ticket": ticket})
        assert (response.status_code, response.json()["code"]) == (500, "INTERNAL")
        with pytest.raises(InvalidStatus) as caught:
            await connect(socket_url(server, ticket), **PLAIN)
        assert caught.value.response.status_code == 500
    ours = logged.of("tui_chat", "uvicorn")
    assert ours.count("AttributeError") >= 2
    assert ticket not in ours
    assert server.token not in ours
