"""Twelve faults, each made for real: the sentence says which one it is, and what to do."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from tests.integration.client_support import Script, Tickets, establish, until
from tests.serving import KEY, TOKEN, running_server
from tui_chat import TicketManagerConfig, WebSocketChatClient
from tui_chat.clock import SystemClock
from tui_chat.connection import socket as sockets
from tui_chat.diagnosis import Diagnosis, Trouble
from tui_chat.server.config import ServerConfig
from tui_chat.testing.certificates import Certificates
from tui_chat.testing.faultproxy import FaultProxy
from tui_chat.testing.faults import Faults
from tui_chat.testing.httpproxy import HttpProxy


@contextlib.asynccontextmanager
async def started(url: str, **options: Any) -> AsyncIterator[WebSocketChatClient]:
    """A client that keeps trying."""
    around = {name: options.pop(name) for name in ("clock", "source") if name in options}
    context = options.pop("ssl_context", None)
    client = WebSocketChatClient(ssl_context=context, **around)
    options.setdefault("ticket_config", TicketManagerConfig(max_attempts=1))
    client.start(
        **{
            "chat_server_url": url,
            "user_mp_auth_token": TOKEN,
            "chat_server_key": KEY,
            **options,
        }
    )
    try:
        yield client
    finally:
        await client.disconnect()


async def diagnosis(
    client: WebSocketChatClient, wanted: Callable[[Diagnosis], bool] = lambda _: True
) -> Diagnosis:
    """Wait for a diagnosis."""
    found: list[Diagnosis] = []

    def look() -> bool:
        now = client.get_connection_status().diagnosis
        if now is not None and wanted(now):
            found.append(now)
        return bool(found)

    await until(look)
    return found[0]


async def connected(client: WebSocketChatClient) -> None:
    await until(lambda: client.get_connection_status().connected)


@contextlib.asynccontextmanager
async def http_answer(head: str, body: str = "") -> AsyncIterator[str]:
    """A server that gives one answer to everything."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(f"HTTP/1.1 {head}\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode())
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


# 1
async def test_a_name_that_does_not_exist() -> None:
    async with started("https://no-such-server.invalid") as client:
        found = await diagnosis(client)
    assert found.trouble is Trouble.DNS
    assert str(found) == (
        "The name no-such-server.invalid cannot be resolved. Check the server URL, and whether "
        "this machine is online."
    )


# 2
async def test_nobody_listens() -> None:
    async with http_answer("200 OK") as url:
        pass
    async with started(url) as client:
        found = await diagnosis(client)
    assert found.trouble is Trouble.REFUSED
    assert found.sentence == f"Nothing answers at {url[7:]}: the connection is refused."


# 3
@pytest.mark.parametrize(
    ("tls", "words", "advice"),
    [
        ("expired", "it has expired", "renew"),
        ("not_yet_valid", "not valid yet", "clock (it says 20"),
        ("wrong_host", "another", "Use the name"),
        ("self_signed", "self-signed", "SSL_CERT_FILE"),
        ("unknown_authority", "not a trusted one", "SSL_CERT_FILE"),
        ("plain", "does not speak TLS", "http://"),
    ],
)
async def test_tls_and_which_check_failed(tls: Any, words: str, advice: str) -> None:
    certificates = Certificates()
    async with FaultProxy.running(
        "127.0.0.1", 1, faults=Faults(tls=tls), certificates=certificates
    ) as front:
        async with started(front.url, ssl_context=certificates.client_context()) as client:
            found = await diagnosis(client)
    assert found.trouble is Trouble.TLS
    assert words in found.sentence
    assert advice in found.advice


# 4
@pytest.mark.parametrize(("status", "words"), [(407, "wants a user name"), (503, "HTTP 503")])
async def test_a_proxy_and_its_status(
    status: int, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with HttpProxy.running() as proxy:
        proxy.connect_status = status
        monkeypatch.setenv("HTTPS_PROXY", proxy.url)
        async with started("https://chat.example") as client:
            found = await diagnosis(client)
    assert found.trouble is Trouble.PROXY
    assert words in found.sentence
    assert str(proxy.port) in found.sentence
    assert "HTTPS_PROXY" in found.advice


# 5
@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("TICKET_EXPIRED", "has expired"),
        ("TICKET_USED", "was already used"),
        ("TICKET_INVALID", "is not valid"),
    ],
)
async def test_a_ticket_that_is_refused_and_why(code: str, words: str) -> None:
    async def refuse(connection: Any) -> None:
        await connection.send(f'{{"type":"authentication_error","code":"{code}"}}')
        await connection.close(1008)

    async with Script(refuse).running() as server:
        async with started(server.url, source=Tickets()) as client:
            first = await diagnosis(client, lambda d: words in d.sentence)
            loop = await diagnosis(client, lambda d: "refuses each" in d.sentence)
    assert first.trouble is loop.trouble is Trouble.TICKET
    assert "until " in loop.sentence
    assert words in loop.sentence
    assert "operator" in loop.advice


# 6
@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"user_mp_auth_token": "wrong"}, "does not accept the token"),
        ({"chat_server_key": "wrong"}, "does not accept the server key"),
    ],
)
async def test_credentials_that_are_refused(options: dict[str, str], words: str) -> None:
    async with running_server() as server:
        async with started(server.url, **options) as client:
            found = await diagnosis(client)
    assert found.trouble is Trouble.CREDENTIALS
    assert words in found.sentence
    assert found.advice == "Give new credentials."


# 7
async def test_a_clock_that_is_off_and_by_how_much() -> None:
    expires = "2026-11-23T12:00:00.000Z"

    class Clock(SystemClock):
        def wall(self) -> float:
            return 1_795_438_800.0 + 6900  # 2026-11-23T11:00:00Z, and 1 h 55 min

    answer = f'{{"success":true,"ticket":"t","expiresAt":"{expires}"}}'
    async with http_answer("200 OK", answer) as url:
        async with started(url, clock=Clock()) as client:
            found = await diagnosis(client)
    assert found.trouble is Trouble.CLOCK
    assert "55 min before it arrived" in found.sentence
    assert "off by at least that much" in found.sentence
    assert found.advice.startswith("Set this machine's clock")


# 8
async def test_a_server_that_restarts() -> None:
    async with Script(establish).running() as server:
        async with started(server.url, source=Tickets()) as client:
            await connected(client)
            await server.connections[0].close(1012, "new version")
            found = await diagnosis(client)
    assert found.trouble is Trouble.RESTARTING
    assert found.sentence == "The server is restarting (1012: new version)."
    assert not found.advice


async def test_a_server_in_maintenance() -> None:
    async with http_answer("503 Service Unavailable\r\nRetry-After: 120") as url:
        async with started(url) as client:
            found = await diagnosis(client, lambda d: "until" in d.sentence)
    assert found.trouble is Trouble.RESTARTING
    assert "503" in found.sentence
    assert "left alone until " in found.sentence


# 9
async def test_a_limit_and_until_when() -> None:
    async with http_answer("429 Too Many Requests\r\nRetry-After: 300") as url:
        async with started(url) as client:
            found = await diagnosis(client, lambda d: "until" in d.sentence)
    assert found.trouble is Trouble.RATE_LIMITED
    assert found.sentence.startswith("The server limits how often one may ask")
    assert "until " in found.sentence


# 10
async def test_a_connection_that_is_half_open(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sockets, "IDLE_BEFORE_PING", 0.2)
    monkeypatch.setattr(sockets, "PONG_TIMEOUT", 0.2)
    async with running_server() as server, FaultProxy.in_front_of(server.url) as front:
        async with started(front.url) as client:
            await connected(client)
            front.half_open()
            found = await diagnosis(client)
    assert found.trouble is Trouble.HALF_OPEN
    assert "dead although it seemed open" in found.sentence


# 11
async def test_a_message_that_is_too_big() -> None:
    async with running_server(ServerConfig(max_frame_bytes=20_000)) as server:
        async with started(server.url) as client:
            await connected(client)
            await client.on_trigger_message("x" * 30_000)
            found = await diagnosis(client)
    assert found.trouble is Trouble.TOO_BIG
    assert found.advice == "Send it in smaller parts."


# 12
@pytest.mark.parametrize(
    "head",
    [
        "200 OK\r\nContent-Type: text/html",
        "404 Not Found\r\nContent-Type: text/html",
        "301 Moved Permanently\r\nLocation: https://login.example/?next=x",
    ],
)
async def test_a_wrong_address(head: str) -> None:
    async with http_answer(head, "<html>welcome</html>") as url:
        async with started(url) as client:
            found = await diagnosis(client)
    assert found.trouble is Trouble.WRONG_ADDRESS
    assert "URL" in found.advice
    assert "no ticket API" in found.sentence or "https://login.example" in found.sentence
