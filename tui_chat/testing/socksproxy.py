"""A SOCKS5 proxy on loopback (RFC 1928), with user name and password if wanted (RFC 1929).

Names lead to ports of this machine, so that ``https://chat.example`` reaches a server in a test::

    async with SocksProxy.running(names={"chat.example": server_port}) as proxy:
        os.environ["ALL_PROXY"] = proxy.url
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import struct
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote

from tui_chat.errors import ConfigurationError
from tui_chat.secret import Secret
from tui_chat.testing.listener import Listener
from tui_chat.testing.names import NameTable
from tui_chat.testing.wire import Wire, splice

__all__ = ["SocksProxy", "SocksRequest"]

_VERSION: Final = 5
_NO_LOGIN, _LOGIN, _NO_METHOD = 0, 2, 0xFF
_LOGIN_VERSION: Final = 1
_CONNECT: Final = 1
_IPV4, _NAME, _IPV6 = 1, 3, 4
# Replies, RFC 1928 section 6.
_GRANTED, _HOST_UNREACHABLE, _REFUSED, _NO_SUCH_COMMAND = 0, 4, 5, 7


@dataclass(frozen=True, slots=True)
class SocksRequest:
    """What a client asked for.

    Attributes:
        host: a name as the client sent it (then the proxy resolves), or an address.
        port: the port.
        reply: the number it was answered with, 0 for success (RFC 1928 section 6).
    """

    host: str
    port: int
    reply: int


class SocksProxy:
    """A SOCKS5 proxy; knows CONNECT only. Made by :meth:`running`.

    Attributes:
        reply: answers every request with this number instead (RFC 1928 section 6: 1 failure, 2 not
            allowed, 4 host unreachable, 5 refused); None does what was asked.
        requests: what was asked for, the oldest first.
        logins_refused: how often a login was missing or wrong.
    """

    def __init__(
        self,
        *,
        names: Mapping[str, int] | None = None,
        credentials: tuple[str, str] | None = None,
        port: int = 0,
    ) -> None:
        if credentials and not all(0 < len(each.encode()) < 256 for each in credentials):
            raise ConfigurationError("SOCKS5 takes a user name and password of 1 to 255 bytes.")
        self.reply: int | None = None
        self.requests: list[SocksRequest] = []
        self.logins_refused = 0
        self._names = NameTable(names)
        self._credentials = credentials and tuple(map(Secret, credentials))
        self._listener = Listener(self._serve, port=port)

    @classmethod
    @asynccontextmanager
    async def running(
        cls,
        *,
        names: Mapping[str, int] | None = None,
        credentials: tuple[str, str] | None = None,
        port: int = 0,
    ) -> AsyncIterator[SocksProxy]:
        """Listen for the length of the block.

        Args:
            names: which loopback port stands for which name; see :class:`NameTable`.
            credentials: user name and password that clients must give; None asks for none.
            port: 0 takes any free one.

        Raises:
            ConfigurationError: if something cannot be used as given.
        """
        proxy = cls(names=names, credentials=credentials, port=port)
        proxy._listener.open()
        try:
            yield proxy
        finally:
            await proxy._listener.aclose()

    @property
    def port(self) -> int:
        """Where it listens, on 127.0.0.1."""
        return self._listener.port

    @property
    def url(self) -> str:
        """``socks5h://127.0.0.1:port``, credentials included where they are asked for."""
        login = ""
        if self._credentials:
            login = ":".join(quote(each.reveal(), safe="") for each in self._credentials) + "@"
        return f"socks5h://{login}{self._listener.authority}"

    async def _serve(self, sock: socket.socket) -> None:
        client = await Wire.accept(sock)
        try:
            if await self._greet(client):
                await self._connect(client)
        finally:
            await client.closed()

    async def _greet(self, client: Wire) -> bool:
        """Agree on a way to log in, and log in; say whether the client may go on."""
        version, count = await client.reader.readexactly(2)
        if version != _VERSION:
            return False  # not SOCKS5, so there is nothing it would understand
        offered = await client.reader.readexactly(count)
        wanted = _LOGIN if self._credentials else _NO_LOGIN
        if wanted not in offered:
            self.logins_refused += wanted == _LOGIN
            await client.send(bytes([_VERSION, _NO_METHOD]))
            await client.finish()
            return False
        await client.send(bytes([_VERSION, wanted]))
        return wanted == _NO_LOGIN or await self._log_in(client)

    async def _log_in(self, client: Wire) -> bool:
        await client.reader.readexactly(1)
        given = []
        for _ in range(2):
            (length,) = await client.reader.readexactly(1)
            given.append(Secret((await client.reader.readexactly(length)).decode("latin-1")))
        expected = [
            Secret(each.reveal().encode().decode("latin-1")) for each in self._credentials or ()
        ]
        accepted = given == expected
        self.logins_refused += not accepted
        await client.send(bytes([_LOGIN_VERSION, 0 if accepted else 1]))
        if not accepted:
            await client.finish()
        return accepted

    async def _connect(self, client: Wire) -> None:
        _, command, _, kind = await client.reader.readexactly(4)
        host = await self._read_host(client, kind)
        (port,) = struct.unpack("!H", await client.reader.readexactly(2))
        reply, upstream = self.reply, None
        if reply is None:
            reply, upstream = await self._reach(command, host, port)
        try:
            self.requests.append(SocksRequest(host, port, reply))
            # The address the proxy connects from; clients ignore it.
            await client.send(bytes([_VERSION, reply, 0, _IPV4, 0, 0, 0, 0, 0, 0]))
            if upstream is None:
                await client.finish()
            else:
                await splice(client, upstream)
        finally:
            if upstream is not None:
                await upstream.closed()

    async def _reach(self, command: int, host: str, port: int) -> tuple[int, Wire | None]:
        if command != _CONNECT:
            return _NO_SUCH_COMMAND, None
        target = self._names.find(host, port)
        if target is None:
            return _HOST_UNREACHABLE, None
        try:
            return _GRANTED, await Wire.connect(*target)
        except (OSError, TimeoutError):
            return _REFUSED, None

    @staticmethod
    async def _read_host(client: Wire, kind: int) -> str:
        match kind:
            case 1:
                return str(ipaddress.IPv4Address(await client.reader.readexactly(4)))
            case 4:
                return str(ipaddress.IPv6Address(await client.reader.readexactly(16)))
            case 3:
                (length,) = await client.reader.readexactly(1)
                return (await client.reader.readexactly(length)).decode("latin-1")
            case _:
                raise asyncio.IncompleteReadError(b"", None)
