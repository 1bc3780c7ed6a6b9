"""A TCP proxy on loopback that does to connections what networks do.

::

    async with FaultProxy.running("127.0.0.1", server_port) as proxy:
        client = connect_to(proxy.url)
        proxy.faults = Faults(latency=0.1, down=Flow(cut_after=2000))
        proxy.half_open()
        await proxy.refuse()

Everything can be changed while it runs. By hand::

    python -m tui_chat.testing.faultproxy --upstream 127.0.0.1:8765
"""

from __future__ import annotations

import random
import socket
import ssl
import sys
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, Final, cast

from tui_chat.protocol.urls import ServerUrl
from tui_chat.testing.certificates import CertificateKind, Certificates, require_trustme
from tui_chat.testing.faults import Counters, Faults, TlsMode
from tui_chat.testing.listener import Listener
from tui_chat.testing.relay import Relay
from tui_chat.testing.wire import Wire, reset_socket

__all__ = ["FaultProxy"]

PLAIN_ANSWER: Final = b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


class FaultProxy:
    """Stands between clients and one server. Made by :meth:`running`.

    Attributes:
        counters: what it has seen and done.
    """

    def __init__(
        self,
        upstream_host: str,
        upstream_port: int,
        *,
        faults: Faults | None = None,
        host: str = "127.0.0.1",
        port: int = 0,
        certificates: Certificates | None = None,
        rng: random.Random | None = None,
    ) -> None:
        self.counters = Counters()
        self._upstream = (upstream_host, upstream_port)
        self._certificates = certificates
        self._rng = rng or random.Random(0)  # noqa: S311 - jitter, and the same in every run
        self._relays: set[Relay] = set()
        self._wires: set[Wire] = set()
        self._listener = Listener(self._serve, host=host, port=port)
        self.faults = faults or Faults()

    @classmethod
    @asynccontextmanager
    async def running(
        cls,
        upstream_host: str,
        upstream_port: int,
        *,
        faults: Faults | None = None,
        host: str = "127.0.0.1",
        port: int = 0,
        certificates: Certificates | None = None,
        rng: random.Random | None = None,
    ) -> AsyncIterator[FaultProxy]:
        """Stand in front of a server for the length of the block.

        Args:
            upstream_host: where the server is.
            upstream_port: where the server is.
            faults: what goes wrong at first; nothing by default.
            host: a loopback address to listen on.
            port: 0 takes any free one.
            certificates: what to answer TLS with; made on first use, for loopback's names, if it
                is left out.
            rng: draws the jitter; seeded with 0 by default.

        Raises:
            ConfigurationError: if something cannot be used as given.
        """
        proxy = cls(
            upstream_host,
            upstream_port,
            faults=faults,
            host=host,
            port=port,
            certificates=certificates,
            rng=rng,
        )
        proxy._listener.open()
        try:
            yield proxy
        finally:
            await proxy._listener.aclose()

    @classmethod
    def in_front_of(cls, url: str, **options: Any) -> AbstractAsyncContextManager[FaultProxy]:
        """Like :meth:`running`, for the server at a URL such as ``http://127.0.0.1:8765``.

        Raises:
            ConfigurationError: for a URL that names no host and port.
        """
        server = ServerUrl.parse(url)
        return cls.running(server.host, server.port, **options)

    # -- where it is, and what goes through --------------------------------------------------------

    @property
    def port(self) -> int:
        """Where it listens; stays the same while connections are refused."""
        return self._listener.port

    @property
    def url(self) -> str:
        """``http://127.0.0.1:port``, or ``https`` while the faults say that TLS is spoken."""
        scheme = "http" if self._faults.tls is None else "https"
        return f"{scheme}://{self._listener.authority}"

    @property
    def is_listening(self) -> bool:
        """Whether connections are accepted, not refused."""
        return self._listener.is_open

    @property
    def open_connections(self) -> int:
        """Clients that are connected at the moment."""
        return len(self._wires)

    @property
    def certificates(self) -> Certificates:
        """What signs its certificates; a client has to trust it. Made on first use.

        Raises:
            ConfigurationError: if trustme is not installed.
        """
        if self._certificates is None:
            self._certificates = Certificates()
        return self._certificates

    # -- making things go wrong --------------------------------------------------------------------

    @property
    def faults(self) -> Faults:
        """What goes wrong at the moment. Assign to change it.

        Raises:
            ConfigurationError: for certificates where trustme is not installed.
        """
        return self._faults

    @faults.setter
    def faults(self, faults: Faults) -> None:
        if faults.tls is not None and faults.tls not in _HANDSHAKE_ENDS:
            require_trustme()
        self._faults = faults

    def reset_all(self) -> int:
        """End every open connection with RST, to both sides; return how many clients there were.

        Those in the middle of a TLS handshake are not open yet.
        """
        for relay in self._relays:
            relay.reset()
        for wire in self._wires:
            wire.reset()
        self.counters.count("reset", len(self._wires))
        return len(self._wires)

    def half_open(self) -> int:
        """Pass on nothing more on the connections that are open, and close none; return how many.

        Connections made later work.
        """
        for relay in self._relays:
            relay.stop_flow()
        self.counters.count("half_open", len(self._relays))
        return len(self._relays)

    def resume(self) -> None:
        """Let half-open connections live again, as when the cable is back."""
        for relay in self._relays:
            relay.resume_flow()

    async def refuse(self) -> None:
        """Refuse new connections; those that are open stay."""
        await self._listener.refuse()
        self.counters.count("refuse")

    async def accept(self) -> None:
        """Accept connections again, on the same port."""
        self._listener.open()

    # -- one connection ----------------------------------------------------------------------------

    async def _serve(self, sock: socket.socket) -> None:
        faults = self._faults
        self.counters.accepted += 1
        if faults.mode == "accept_reset":
            self.counters.count("accept_reset")
            reset_socket(sock)
            return
        client = await Wire.accept(sock, self._context(faults))
        self._wires.add(client)
        try:
            if faults.mode == "accept_close":
                self.counters.count("accept_close")
                await client.finish()
            elif faults.mode == "black_hole":
                self.counters.count("black_hole")
                await client.swallow()
            elif faults.tls in _HANDSHAKE_ENDS:
                await self._spoil_handshake(client, faults.tls)
            else:
                await self._relay(client)
        finally:
            await client.closed()
            self._wires.discard(client)

    def _context(self, faults: Faults) -> ssl.SSLContext | None:
        if faults.mode != "relay" or faults.tls is None or faults.tls in _HANDSHAKE_ENDS:
            return None
        self.counters.count(f"tls_{faults.tls}")
        return self.certificates.server_context(cast("CertificateKind", faults.tls))

    async def _spoil_handshake(self, client: Wire, how: TlsMode) -> None:
        """Let the client say hello, and answer with something that is not TLS."""
        # A record: type, version (two bytes), length (two bytes), content (RFC 8446 section 5.1).
        header = await client.reader.readexactly(5)
        await client.reader.readexactly(int.from_bytes(header[3:], "big"))
        self.counters.count(f"tls_{how}")
        if how == "reset":
            client.reset()
            return
        if how == "plain":
            await client.send(PLAIN_ANSWER)
        await client.finish()

    async def _relay(self, client: Wire) -> None:
        try:
            server = await Wire.connect(*self._upstream)
        except (OSError, TimeoutError):
            self.counters.count("upstream_unreachable")
            return  # the client has been accepted already, so all it can see is an end
        relay = Relay(
            client, server, faults=lambda: self._faults, counters=self.counters, rng=self._rng
        )
        self._relays.add(relay)
        try:
            await relay.run()
        finally:
            self._relays.discard(relay)
            await server.closed()


_HANDSHAKE_ENDS: Final = frozenset({"plain", "close", "reset"})


if __name__ == "__main__":
    from tui_chat.testing.command import main

    sys.exit(main())
