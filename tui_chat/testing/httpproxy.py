"""An HTTP proxy on loopback: CONNECT and absolute-form requests, logins and refusals.

Names lead to ports of this machine, so that ``https://chat.example`` reaches a server in a test::

    async with HttpProxy.running(names={"chat.example": server_port}) as proxy:
        os.environ["HTTPS_PROXY"] = proxy.url
"""

from __future__ import annotations

import asyncio
import base64
import hmac
import http
import socket
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote, urlsplit

from tui_chat.errors import ConfigurationError
from tui_chat.secret import Secret
from tui_chat.testing.listener import Listener
from tui_chat.testing.names import NameTable
from tui_chat.testing.wire import Wire, splice

__all__ = ["HttpProxy", "ProxyRequest"]

MAX_HEAD: Final = 64 * 1024
"""Bytes of request line and headers; the stream's own limit."""


@dataclass(frozen=True, slots=True)
class ProxyRequest:
    """What a client asked for. Query strings, which may hold tickets, are left out.

    Attributes:
        method: ``CONNECT``, ``GET``, ...
        host: the host it wanted to reach.
        port: the port it wanted to reach.
        status: what the proxy answered; 200 also where it passed on the server's own answer.
    """

    method: str
    host: str
    port: int
    status: int


class _Head:
    """The request line and the headers."""

    def __init__(self, data: bytes) -> None:
        first, *lines = data.decode("latin-1").rstrip("\r\n").split("\r\n")
        self.method, self.target, self.version = first.split(" ")  # ValueError: not HTTP
        self.headers = [tuple(line.split(":", 1)) for line in lines if ":" in line]
        parts = urlsplit(f"//{self.target}" if self.method == "CONNECT" else self.target)
        if not parts.hostname or parts.scheme not in ("", "http"):
            raise ValueError("the target names no host that can be reached without CONNECT")
        self.host, self.port = parts.hostname, parts.port or 80
        self._path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")

    def login(self) -> str:
        """Return the value of ``Proxy-Authorization``, empty without one."""
        for name, value in self.headers:
            if name.lower() == "proxy-authorization":
                return value.strip()
        return ""

    def for_server(self) -> bytes:
        """Return the request in origin-form, one per connection, without the proxy's headers."""
        upgrade = any(name.lower() == "upgrade" for name, _ in self.headers)
        lines = [f"{self.method} {self._path} {self.version}"]
        for name, value in self.headers:
            hop = name.lower() == "connection" and not upgrade
            if not hop and not name.lower().startswith("proxy-"):
                lines.append(f"{name}:{value}")
        if not upgrade:
            lines.append("Connection: close")
        return "\r\n".join([*lines, "", ""]).encode("latin-1")


class HttpProxy:
    """An HTTP proxy. Made by :meth:`running`.

    Attributes:
        connect_status: answers every CONNECT with this status instead; None does what was asked.
        requests: what was asked for, the oldest first.
    """

    def __init__(
        self,
        *,
        names: Mapping[str, int] | None = None,
        credentials: tuple[str, str] | None = None,
        ssl_context: ssl.SSLContext | None = None,
        port: int = 0,
    ) -> None:
        if credentials and ":" in credentials[0]:
            raise ConfigurationError("A user name for HTTP must not hold a colon (RFC 7617).")
        self.connect_status: int | None = None
        self.requests: list[ProxyRequest] = []
        self._names = NameTable(names)
        self._credentials = credentials and tuple(map(Secret, credentials))
        self._ssl_context = ssl_context
        self._listener = Listener(self._serve, port=port)

    @classmethod
    @asynccontextmanager
    async def running(
        cls,
        *,
        names: Mapping[str, int] | None = None,
        credentials: tuple[str, str] | None = None,
        ssl_context: ssl.SSLContext | None = None,
        port: int = 0,
    ) -> AsyncIterator[HttpProxy]:
        """Listen for the length of the block.

        Args:
            names: which loopback port stands for which name; see :class:`NameTable`.
            credentials: user name and password that clients must give (Basic); None asks for none.
            ssl_context: makes it an ``https://`` proxy, to which clients speak TLS first.
            port: 0 takes any free one.

        Raises:
            ConfigurationError: if something cannot be used as given.
        """
        proxy = cls(names=names, credentials=credentials, ssl_context=ssl_context, port=port)
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
        """``http://127.0.0.1:port`` (or ``https``), credentials included where they are needed."""
        login = ""
        if self._credentials:
            login = ":".join(quote(each.reveal(), safe="") for each in self._credentials) + "@"
        scheme = "http" if self._ssl_context is None else "https"
        return f"{scheme}://{login}{self._listener.authority}"

    async def _serve(self, sock: socket.socket) -> None:
        client = await Wire.accept(sock, self._ssl_context)
        try:
            await self._answer(client)
        finally:
            await client.closed()

    async def _answer(self, client: Wire) -> None:
        try:
            head = _Head(await client.reader.readuntil(b"\r\n\r\n"))
        except (ValueError, asyncio.LimitOverrunError):
            await self._refuse(client, 400)
            return
        status, upstream = await self._decide(head)
        try:
            self.requests.append(ProxyRequest(head.method, head.host, head.port, status))
            if upstream is None:
                await self._refuse(client, status)
                return
            if head.method == "CONNECT":
                await client.send(b"HTTP/1.1 200 Connection established\r\n\r\n")
            else:
                await upstream.send(head.for_server())
            await splice(client, upstream)
        finally:
            if upstream is not None:
                await upstream.closed()

    async def _decide(self, head: _Head) -> tuple[int, Wire | None]:
        if not self._may_pass(head.login()):
            return 407, None
        if head.method == "CONNECT" and self.connect_status is not None:
            return self.connect_status, None
        target = self._names.find(head.host, head.port)
        if target is None:
            return 502, None
        try:
            return 200, await Wire.connect(*target)
        except TimeoutError:
            return 504, None
        except OSError:
            return 502, None

    def _may_pass(self, login: str) -> bool:
        if not self._credentials:
            return True
        user, password = (each.reveal() for each in self._credentials)
        expected = "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()
        return hmac.compare_digest(login.encode(), expected.encode())

    @staticmethod
    async def _refuse(client: Wire, status: int) -> None:
        try:
            phrase = http.HTTPStatus(status).phrase
        except ValueError:
            phrase = "Unknown"
        lines = [f"HTTP/1.1 {status} {phrase}", "Content-Length: 0", "Connection: close"]
        if status == 407:
            lines.append('Proxy-Authenticate: Basic realm="test"')
        await client.send("\r\n".join([*lines, "", ""]).encode("latin-1"))
        await client.finish()
