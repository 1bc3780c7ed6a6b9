"""Clients that mean harm, over real sockets: nothing they do is without an end or a bound."""

from __future__ import annotations

import asyncio
import base64
import os
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from tests.serving import PLAIN, Peer, RunningServer, get_ticket, http_client, running_server
from tests.serving import socket_url as url_of
from tui_chat.server import connections, listening
from tui_chat.server.config import ServerConfig

TEXT, CONTINUATION, CLOSE, PING, PONG = 0x1, 0x0, 0x8, 0x9, 0xA
FINAL, COMPRESSED = 0x80, 0x40
LARGE = 14_000_000
IMPATIENT = ServerConfig(request_timeout=0.2)


class Raw:
    """A TCP connection that says what no library would."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    @classmethod
    @asynccontextmanager
    async def connected(cls, server: RunningServer) -> AsyncIterator[Raw]:
        port = int(server.url.rpartition(":")[2])
        reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1024)
        try:
            yield cls(reader, writer)
        finally:
            writer.transport.abort()

    async def ended(self) -> bytes:
        """Return what comes until the server ends the connection; fail if it does not."""
        data = b""
        async with asyncio.timeout(5):
            try:
                while part := await self.reader.read(65536):
                    data += part
            except ConnectionError:
                pass  # cut off, and not closed
        return data

    async def upgrade(self, server: RunningServer, *headers: str, ticket: str = "") -> bytes:
        """Ask for a WebSocket and return the head of the answer."""
        ticket = ticket or await get_ticket(server)
        key = base64.b64encode(os.urandom(16)).decode()
        lines = [
            f"GET /ws?ticket={ticket} HTTP/1.1",
            "Host: localhost",
            "Upgrade: websocket",
            "Connection: Upgrade",
            f"Sec-WebSocket-Key: {key}",
            "Sec-WebSocket-Version: 13",
            *headers,
        ]
        self.writer.write("\r\n".join([*lines, "", ""]).encode())
        async with asyncio.timeout(5):
            return await self.reader.readuntil(b"\r\n\r\n")

    def frame(self, first: int, payload: bytes = b"") -> None:
        """Send a frame, masked with zeros; ``first`` is its first byte."""
        size = len(payload)
        head = bytes([0x80 | size]) if size < 126 else b"\xfe" + struct.pack("!H", size)
        self.writer.write(bytes([first]) + head + bytes(4) + payload)

    async def close_code(self) -> int:
        """Return the code of the close frame the server sends, among whatever else it sends."""
        data = await self.ended()
        while data:
            opcode, size = data[0] & 0x0F, data[1] & 0x7F
            start = 2 + {126: 2, 127: 8}.get(size, 0)
            if size >= 126:
                size = int.from_bytes(data[2:start], "big")
            if opcode == CLOSE:
                return int.from_bytes(data[start : start + 2], "big")
            data = data[start + size :]
        raise AssertionError("no close frame came")


async def gone(server: RunningServer) -> None:
    """Wait until the server has noticed that nobody is there."""
    async with asyncio.timeout(5):
        while server.sessions:
            await asyncio.sleep(0.005)


# -- HTTP -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("head", [b"", b"G", b"GET / HTTP/1.1\r\nHost: localhost\r\nX: "])
async def test_headers_that_do_not_come_end_the_connection(head: bytes) -> None:
    async with running_server(IMPATIENT) as server, Raw.connected(server) as raw:
        raw.writer.write(head)
        assert await raw.ended() == b""


async def test_headers_that_trickle_end_the_connection() -> None:
    async with running_server(IMPATIENT) as server, Raw.connected(server) as raw:
        # On a connection that had a request already, too.
        raw.writer.write(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert (await raw.reader.read(65536)).startswith(b"HTTP/1.1 404 ")

        async def trickle() -> None:
            raw.writer.write(b"GET / HTTP/1.1\r\nX: ")
            while True:
                raw.writer.write(b"x")
                await asyncio.sleep(0.02)

        trickling = asyncio.create_task(trickle())
        await raw.ended()
        trickling.cancel()
        await asyncio.wait({trickling})


async def test_a_body_nobody_waits_for_ends_the_connection() -> None:
    async with running_server(IMPATIENT) as server, Raw.connected(server) as raw:
        # Answered with 401 before the body is read, and then the body never comes.
        raw.writer.write(b"POST /api/v1/upload HTTP/1.1\r\nHost: localhost\r\n")
        raw.writer.write(b"Content-Length: 100\r\n\r\n{")
        answer = await raw.reader.read(65536)
        assert answer.startswith(b"HTTP/1.1 401 ")
        raw.writer.write(b"{")
        await raw.ended()


async def test_a_connection_that_rests_between_two_requests_is_left_alone() -> None:
    async with running_server(IMPATIENT) as server, Raw.connected(server) as raw:
        for _ in range(2):
            raw.writer.write(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert (await raw.reader.read(65536)).startswith(b"HTTP/1.1 404 ")
            await asyncio.sleep(2 * IMPATIENT.request_timeout)


@pytest.mark.parametrize("end", [b"\r\n\r\n", b""])
async def test_headers_are_bounded(end: bytes) -> None:
    """Those that came in one piece, and those that are still coming."""
    config = ServerConfig(max_header_bytes=4096)
    async with running_server(config) as server, Raw.connected(server) as raw:
        raw.writer.write(b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nX: ")
        raw.writer.write(b"x" * 5000 + end)
        answer = await raw.ended()
        assert answer.startswith(b"HTTP/1.1 431 ")
        assert b'"HEADERS_TOO_LARGE"' in answer


@pytest.mark.parametrize(
    "header", ["X: " + "x" * 10_000, "\r\n".join(f"X-{number}: y" for number in range(200))]
)
async def test_the_headers_of_a_handshake_are_bounded(header: str) -> None:
    async with running_server() as server, Raw.connected(server) as raw:
        assert (await raw.upgrade(server, header)).startswith(b"HTTP/1.1 431 ")
        await raw.ended()
        assert server.handshakes == 0


async def test_what_is_not_http_is_answered_in_json() -> None:
    async with running_server() as server, Raw.connected(server) as raw:
        raw.writer.write(b"\x16\x03\x01\x02\x00\x01\r\n\r\n")
        answer = await raw.ended()
        assert answer.startswith(b"HTTP/1.1 400 ")
        assert b'"success":false' in answer


async def test_connections_are_bounded() -> None:
    async with running_server(ServerConfig(max_connections=3)) as server:
        async with Raw.connected(server) as one, Raw.connected(server), Raw.connected(server):
            async with Raw.connected(server) as fourth:
                assert await fourth.ended() == b""
            one.writer.write(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert (await one.reader.read(65536)).startswith(b"HTTP/1.1 404 ")


async def large_file(server: RunningServer) -> str:
    """Upload a file that no socket's buffer holds, and return its path."""
    async with http_client(server) as http:
        files = {"file": ("a", b"x" * LARGE, "text/plain")}
        answer = await http.post("/api/v1/upload", files=files)
    return str(answer.json()["url"]).removeprefix(server.url)


async def test_an_answer_nobody_reads_does_not_stay(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(listening, "STALL_TIMEOUT", 0.1)
    caplog.set_level("INFO", "tui_chat.server")
    async with running_server() as server, Raw.connected(server) as raw:
        path = await large_file(server)
        raw.writer.transport.pause_reading()  # type: ignore[attr-defined] # it can
        raw.writer.write(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        async with asyncio.timeout(5):
            while "does not read its answer" not in caplog.text:
                await asyncio.sleep(0.01)
        raw.writer.transport.resume_reading()  # type: ignore[attr-defined]
        assert len(await raw.ended()) < LARGE


async def test_an_answer_that_is_read_slowly_is_read_to_its_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(listening, "STALL_TIMEOUT", 1.0)
    async with running_server() as server, http_client(server) as http:
        async with http.stream("GET", await large_file(server)) as slow:
            size = 0
            async for part in slow.aiter_raw(1_000_000):
                size += len(part)
                await asyncio.sleep(0.1)
        assert size == LARGE


# -- WebSocket ------------------------------------------------------------------------------------


async def test_a_message_of_endless_empty_fragments_is_ended() -> None:
    async with running_server() as server, Raw.connected(server) as raw:
        assert b" 101 " in await raw.upgrade(server)
        raw.frame(TEXT, b"{")
        for _ in range(connections.MAX_FRAGMENTS + 10):
            raw.frame(CONTINUATION)
        assert await raw.close_code() == 1009


async def test_a_message_of_fragments_is_bounded_as_a_whole() -> None:
    config = ServerConfig(max_frame_bytes=1000)
    async with running_server(config) as server, Raw.connected(server) as raw:
        await raw.upgrade(server)
        raw.frame(TEXT, b"x" * 400)
        raw.frame(CONTINUATION, b"x" * 400)
        raw.frame(CONTINUATION, b"x" * 400)
        assert await raw.close_code() == 1009


async def test_nothing_is_ever_unpacked() -> None:
    async with running_server() as server, Raw.connected(server) as raw:
        offer = "Sec-WebSocket-Extensions: permessage-deflate"
        answer = await raw.upgrade(server, offer)
        assert b"permessage-deflate" not in answer
        raw.frame(FINAL | COMPRESSED | TEXT, b"\xaa\x06")
        assert await raw.close_code() == 1002


@pytest.mark.parametrize("opcode", [PING, PONG])
async def test_pings_come_at_a_bounded_rate(opcode: int) -> None:
    async with running_server() as server, Raw.connected(server) as raw:
        await raw.upgrade(server)
        for _ in range(connections.PING_BURST + 50):
            raw.frame(FINAL | opcode, b"?")
        assert await raw.close_code() == 1008
        await gone(server)


async def test_pongs_do_not_pile_up_for_a_client_that_does_not_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(connections, "PING_BURST", 1_000_000)
    async with running_server() as server, Raw.connected(server) as raw:
        await raw.upgrade(server)
        raw.writer.transport.pause_reading()  # type: ignore[attr-defined] # it can
        (session,) = server.sessions
        flood = asyncio.create_task(session.send_text("x" * 20_000_000))
        try:
            async with asyncio.timeout(5):
                while server.sessions:
                    raw.frame(FINAL | PING, b"?" * 125)
                    await asyncio.sleep(0)
        finally:
            await asyncio.wait({flood}, timeout=5)


async def test_a_client_that_reads_nothing_cannot_keep_its_connection(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It misses its pings; the close that follows would wait for ever for the buffer to empty."""
    monkeypatch.setattr(listening, "PING_INTERVAL", 0.1)
    monkeypatch.setattr(connections, "LINGER", 0.1)
    async with running_server() as server, Raw.connected(server) as raw:
        await raw.upgrade(server)
        raw.writer.transport.pause_reading()  # type: ignore[attr-defined] # it can
        (session,) = server.sessions
        sending = asyncio.create_task(session.send_text("x" * 20_000_000))
        await gone(server)
        await asyncio.wait({sending}, timeout=5)


async def test_one_ticket_opens_so_many_sessions_and_no_more() -> None:
    config = ServerConfig(max_sessions_per_user=5, max_sessions=8)
    async with running_server(config) as server:
        ticket = await get_ticket(server)
        opened = []
        statuses = []

        async def attempt() -> None:
            try:
                opened.append(await connect(url_of(server, ticket), **PLAIN))
            except InvalidStatus as refused:
                statuses.append(refused.response.status_code)

        await asyncio.gather(*(attempt() for _ in range(100)))
        assert len(opened) == 5
        assert statuses == [429] * 95
        assert len(server.sessions) == 5
        await asyncio.gather(*(socket.close() for socket in opened))
        await gone(server)
        # All of them are counted out again.
        async with Peer.ready(server, ticket=ticket):
            assert len(server.sessions) == 1


# -- messages -------------------------------------------------------------------------------------


async def test_messages_that_come_too_fast_are_refused_and_then_the_connection_is_closed() -> None:
    config = ServerConfig(message_rate=60, message_burst=3)
    async with running_server(config) as server, Peer.ready(server) as peer:
        for _ in range(3):
            await peer.send("heartbeat_ping", timestamp="t", pingTime=1)
            assert (await peer.receive())["type"] == "heartbeat_ack"
        await peer.send("chat_message", content="hello", media=[], clientMessageId="m-1")
        error = await peer.receive()
        assert error["type"] == "error"
        assert error["data"] == {
            "errorCode": "RATE_LIMITED",
            "details": {"retryAfter": 1, "clientMessageId": "m-1"},
        }
        # A moment later it is taken, and was not before.
        await asyncio.sleep(1)
        frames = await peer.ask("hello", clientMessageId="m-1")
        assert [frame["type"] for frame in frames].count("thread_created") == 1
        for _ in range(60):
            await peer.send("heartbeat_pong", timestamp="t")
        for _ in range(50):
            assert (await peer.receive())["data"]["errorCode"] == "RATE_LIMITED"
        with pytest.raises(ConnectionClosed):
            await peer.receive()
        assert await peer.closed() == 1008


async def test_no_rate_means_no_limit() -> None:
    config = ServerConfig(message_rate=0, message_burst=1)
    async with running_server(config) as server, Peer.ready(server) as peer:
        for _ in range(100):
            await peer.send("heartbeat_ping", timestamp="t", pingTime=1)
        for _ in range(100):
            assert (await peer.receive())["type"] == "heartbeat_ack"


async def test_what_a_session_keeps_of_its_client_is_bounded() -> None:
    async with running_server() as server, Peer.ready(server) as peer:
        padding = "x" * 1_100_000
        await peer.send("configure_tools", toolSchemas=[], contextHelpers={"a": padding})
        error = await peer.receive()
        assert (error["type"], error["data"]["errorCode"]) == ("error", "TOO_LARGE")
        assert server.sessions[0].context == {}
        await peer.send("configure_tools", toolSchemas=[], contextHelpers={"a": "b"})
        assert (await peer.receive())["type"] == "tools_configured"
