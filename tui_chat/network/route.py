"""The way to one server."""

from __future__ import annotations

import asyncio
import ssl

from tui_chat.daemon_thread import call_in_daemon_thread
from tui_chat.errors import ConfigurationError
from tui_chat.network.proxies import Proxy, proxy_for
from tui_chat.network.tls import ClientCertificate, Path, make_context
from tui_chat.protocol.urls import ServerUrl

__all__ = ["Network", "resolve_network"]


class Network:
    """Proxy and TLS on the way to one server. Made by :func:`resolve_network`.

    Attributes:
        proxy: None for a direct connection.
    """

    def __init__(
        self,
        *,
        secure: bool,
        proxy: Proxy | None = None,
        ssl_context: ssl.SSLContext | None = None,
        ca_file: Path | None = None,
        client_certificate: ClientCertificate | None = None,
    ) -> None:
        self.proxy = proxy
        self._needed = secure or (proxy is not None and proxy.scheme == "https")
        self._context = ssl_context
        self._ca_file = ca_file
        self._client_certificate = client_certificate
        self._making: asyncio.Lock | None = None

    async def ssl_context(self) -> ssl.SSLContext | None:
        """Return the TLS context, the same one each time; None where no TLS is spoken.

        Raises:
            ConfigurationError: if a file it is to be made from cannot be used.
        """
        if not self._needed or self._context is not None:
            return self._context if self._needed else None
        if self._making is None:
            self._making = asyncio.Lock()
        async with self._making:
            if self._context is None:
                # Reads hundreds of certificates: too long for an event loop to stand still.
                self._context = await call_in_daemon_thread(
                    lambda: make_context(self._ca_file, self._client_certificate),
                    name="tui-chat certificates",
                )
        return self._context

    def __repr__(self) -> str:
        return f"Network(tls={self._needed}, proxy={str(self.proxy) if self.proxy else None!r})"


def resolve_network(
    server: ServerUrl,
    *,
    ssl_context: ssl.SSLContext | None = None,
    ca_file: Path | None = None,
    client_certificate: ClientCertificate | None = None,
    allow_plaintext: bool = False,
) -> Network:
    """Decide proxy and TLS for ``server``. Reads the environment, no files.

    Args:
        server: where to go.
        ssl_context: used as it is, in place of one made from the system's trust store.
        ca_file: a PEM file with certificate authorities to trust besides the system's.
        client_certificate: shown to a server that asks for one.
        allow_plaintext: permits a plain connection to another machine, over which anybody on the
            way can read tickets and tokens.

    Raises:
        ConfigurationError: for a plain connection that is not allowed, a proxy that cannot be
            used, or settings that contradict each other.
    """
    if not server.secure and not server.is_loopback and not allow_plaintext:
        raise ConfigurationError(
            f"{server} is not encrypted: anybody on the way could read the token and the ticket. "
            "Use https:// or wss://, or allow plain connections explicitly.",
            code="PLAINTEXT",
        )
    if ssl_context is not None and (ca_file is not None or client_certificate is not None):
        raise ConfigurationError(
            "An SSL context is given, and a CA file or client certificate as well: put them into "
            "the context, or leave the context out.",
            code="TLS_SETTINGS",
        )
    return Network(
        secure=server.secure,
        proxy=proxy_for(server),
        ssl_context=ssl_context,
        ca_file=ca_file,
        client_certificate=client_certificate,
    )
