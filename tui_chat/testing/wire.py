"""One open TCP connection, with the ways a test wants to end it, and copying between two."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import ssl
import struct
from typing import Final

from tui_chat.testing.alerts import ACCEPTED

__all__ = ["CHUNK", "Wire", "reset_socket", "splice"]

CHUNK: Final = 64 * 1024
"""Bytes read at a time."""

CONNECT_TIMEOUT: Final = 10.0
"""Seconds a connection to the upstream may take."""

TLS_TIMEOUT: Final = 10.0
"""Seconds a TLS handshake may take."""

LINGER: Final = 1.0
"""Seconds the other side has to read the last bytes and close as well."""

# struct linger {l_onoff, l_linger}: two ints, on Windows two shorts (winsock.h).
_NO_LINGER: Final = struct.pack("hh" if os.name == "nt" else "ii", 1, 0)


def reset_socket(sock: socket.socket) -> None:
    """Close a socket with RST instead of FIN (SO_LINGER with a time of zero)."""
    with contextlib.suppress(OSError):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
    sock.close()


class _Protocol(asyncio.StreamReaderProtocol):
    """Tells when the connection is gone, to any number of waiters, whatever becomes of them."""

    def __init__(self) -> None:
        loop = asyncio.get_running_loop()
        self.stream = asyncio.StreamReader(limit=CHUNK, loop=loop)
        self.lost: asyncio.Future[None] = loop.create_future()
        super().__init__(self.stream, loop=loop)

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        if not self.lost.done():
            self.lost.set_result(None)


class Wire:
    """An open connection, TLS on it or not.

    Attributes:
        reader: what comes in.
        writer: what goes out; ``drain()`` waits until the system has taken all of it.
    """

    def __init__(self, transport: asyncio.Transport, protocol: _Protocol) -> None:
        loop = asyncio.get_running_loop()
        self.reader = protocol.stream
        self.writer = asyncio.StreamWriter(transport, protocol, protocol.stream, loop)
        self._lost = protocol.lost
        # Without this "sent N bytes, then reset" would throw away what asyncio still holds.
        # One byte for TLS: with none, asyncio's TLS pauses when its buffer is empty, for ever.
        tls = transport.get_extra_info("ssl_object") is not None
        transport.set_write_buffer_limits(high=int(tls), low=0)

    @classmethod
    async def accept(cls, sock: socket.socket, context: ssl.SSLContext | None = None) -> Wire:
        """Take over an accepted socket, after the TLS handshake if there is a context.

        Raises:
            OSError: if the handshake fails; the socket is closed then.
        """
        ACCEPTED.set(sock)
        tls = None if context is None else TLS_TIMEOUT
        transport, protocol = await asyncio.get_running_loop().connect_accepted_socket(
            _Protocol, sock, ssl=context, ssl_handshake_timeout=tls, ssl_shutdown_timeout=tls
        )
        return cls(transport, protocol)

    @classmethod
    async def connect(cls, host: str, port: int) -> Wire:
        """Open a connection.

        Raises:
            OSError: if there is no way.
            TimeoutError: if it takes longer than ten seconds.
        """
        async with asyncio.timeout(CONNECT_TIMEOUT):
            loop = asyncio.get_running_loop()
            return cls(*await loop.create_connection(_Protocol, host, port))

    async def send(self, data: bytes) -> None:
        """Write and wait until the system has taken it."""
        self.writer.write(data)
        await self.writer.drain()

    def send_eof(self) -> bool:
        """Close the sending half; False where TLS knows no such thing."""
        if not self.writer.can_write_eof():
            return False
        self.writer.write_eof()
        return True

    async def swallow(self) -> None:
        """Read until the other side closes, and forget what it says."""
        while await self.reader.read(CHUNK):
            pass

    def close(self) -> None:
        """Begin to close; once, because after a second time asyncio's TLS cannot be aborted."""
        if not self.writer.is_closing():
            self.writer.close()

    async def finish(self) -> None:
        """Close politely: FIN, then let the other side close first, for a second at most.

        A socket closed with unread bytes in it sends RST, which may overtake the last words.
        """
        with contextlib.suppress(TimeoutError, OSError):
            async with asyncio.timeout(LINGER):
                if self.send_eof():
                    await self.swallow()
                else:
                    self.close()  # TLS says goodbye, and waits for the answer
                    await asyncio.wait({self._lost})
        self.close()

    def reset(self) -> None:
        """End with RST, at once; what was not sent is lost."""
        sock = self.writer.get_extra_info("socket")
        if sock is not None:
            with contextlib.suppress(OSError):  # closed already
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
        self.writer.transport.abort()

    async def closed(self) -> None:
        """End the connection if it has not ended yet, and wait until its socket is gone."""
        self.writer.transport.abort()
        await asyncio.wait({self._lost})


async def splice(left: Wire, right: Wire) -> None:
    """Copy both ways until both sides have said all; an error ends it at once."""

    async def copy(source: Wire, sink: Wire) -> None:
        while data := await source.reader.read(CHUNK):
            await sink.send(data)
        if not sink.send_eof():
            sink.close()

    copies = [asyncio.create_task(copy(left, right)), asyncio.create_task(copy(right, left))]
    try:
        await asyncio.wait(copies, return_when=asyncio.FIRST_EXCEPTION)
    finally:
        for each in copies:
            each.cancel()
        await asyncio.gather(*copies, return_exceptions=True)
