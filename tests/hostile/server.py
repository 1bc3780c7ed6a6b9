"""A chat server that says what a play tells it to, byte by byte, over a real socket."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, Final

__all__ = ["HostileServer"]

_WEBSOCKET: Final = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # RFC 6455, 1.3


class HostileServer:
    """Gives out tickets, accepts sockets, and answers every message with the next of its runs.

    Args:
        greeting: the frames that follow ``session_established``.
        runs: the frames that answer the first message, the second, and so on.
        refusal: once set, tickets are refused with this reason phrase and this body.
        close_reason: what the last run is followed by, as a close with code 4401.
    """

    def __init__(
        self,
        greeting: list[dict[str, Any]],
        runs: list[list[dict[str, Any]]],
        refusal: tuple[str, Any],
        close_reason: str,
    ) -> None:
        self._greeting = greeting
        self._runs = list(runs)
        self._refusal = refusal
        self._close_reason = close_reason
        self.refusing = False
        self.received: list[dict[str, Any]] = []
        self.url = ""

    @asynccontextmanager
    async def running(self) -> AsyncIterator[HostileServer]:
        """Listen on a free port for the length of the block."""
        tasks: set[asyncio.Task[None]] = set()

        def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            tasks.add(asyncio.create_task(self._serve(reader, writer)))

        server = await asyncio.start_server(accept, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        try:
            yield self
        finally:
            server.close()
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            request, *lines = head.split("\r\n")
            headers = {
                name.lower(): value.strip()
                for name, _, value in (line.partition(":") for line in lines if line)
            }
            if "sec-websocket-key" in headers:
                await self._talk(reader, writer, headers["sec-websocket-key"])
            else:
                await reader.readexactly(int(headers.get("content-length", "0")))
                self._answer(request, writer)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass  # the program may leave whenever it likes
        finally:
            writer.close()

    def _answer(self, request: str, writer: asyncio.StreamWriter) -> None:
        status = "200 OK"
        body: dict[str, Any] = {"messages": []}
        if "/api/v1/tickets" in request:
            expires = datetime.now(UTC) + timedelta(hours=1)
            at = expires.isoformat(timespec="milliseconds").replace("+00:00", "Z")
            body = {"success": True, "ticket": "a-ticket", "expiresAt": at}
            if self.refusing:
                status, body = f"401 {self._refusal[0]}", self._refusal[1]
        data = json.dumps(body).encode()
        head = (
            f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(data)}\r\nConnection: close\r\n\r\n"
        )
        writer.write(head.encode("utf-8", "replace") + data)

    async def _talk(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, key: str
    ) -> None:
        digest = hashlib.sha1((key + _WEBSOCKET).encode()).digest()  # noqa: S324 - RFC 6455
        accept = base64.b64encode(digest).decode()
        writer.write(
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Accept: " + accept.encode() + b"\r\n\r\n"
        )
        for frame in self._greeting:
            self._send(writer, frame)
        while True:
            opcode, payload = await self._receive(reader)
            if opcode == 8:
                return
            if opcode == 9:
                self._frame(writer, 10, payload)
                continue
            if opcode != 1:
                continue
            message = json.loads(payload)
            self.received.append(message)
            if message["type"] == "configure_tools":
                self._send(writer, {"type": "tools_configured", "data": {}})
            elif message["type"] == "chat_message" and self._runs:
                for frame in self._runs.pop(0):
                    self._send(writer, frame)
                if not self._runs:
                    self.refusing = True
                    reason = self._close_reason.encode("utf-8", "replace")[:120]
                    reason = reason.decode("utf-8", "ignore").encode()
                    self._frame(writer, 8, (4401).to_bytes(2, "big") + reason)
            await writer.drain()

    @staticmethod
    async def _receive(reader: asyncio.StreamReader) -> tuple[int, bytes]:
        first, second = await reader.readexactly(2)
        length = second & 127
        if length >= 126:
            length = int.from_bytes(await reader.readexactly(2 if length == 126 else 8), "big")
        mask = await reader.readexactly(4)
        data = await reader.readexactly(length)
        return first & 15, bytes(byte ^ mask[at % 4] for at, byte in enumerate(data))

    def _send(self, writer: asyncio.StreamWriter, frame: dict[str, Any]) -> None:
        # ASCII, so that lone surrogates travel as the escapes that JSON has for them.
        self._frame(writer, 1, json.dumps(frame).encode("ascii"))

    @staticmethod
    def _frame(writer: asyncio.StreamWriter, opcode: int, data: bytes) -> None:
        size = len(data)
        if size < 126:
            length = bytes([size])
        elif size < 65_536:
            length = b"\x7e" + size.to_bytes(2, "big")
        else:
            length = b"\x7f" + size.to_bytes(8, "big")
        writer.write(bytes([0x80 | opcode]) + length + data)
