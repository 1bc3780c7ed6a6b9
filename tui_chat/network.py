"""How this machine reaches a server: proxy and TLS, decided once and given to both libraries.

httpx and websockets read the environment differently (one sends loopback traffic to a proxy, the
other does not; one knows ``ALL_PROXY``, the other does not). So neither is asked.
"""

from __future__ import annotations

import errno
import socket
import ssl
import urllib.request
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from tui_chat.errors import ConfigurationError, NetworkError
from tui_chat.protocol.urls import ServerUrl
from tui_chat.text import one_line

__all__ = ["TLS_FAILED", "Network", "network_error", "resolve_network"]

TLS_FAILED: Final = "TLS"
"""Code of a :class:`NetworkError` for a server that was reached and failed the TLS handshake."""


@dataclass(frozen=True, slots=True)
class Network:
    """The way to one server.

    Attributes:
        ssl_context: for TLS, None for a plain connection.
        proxy: the proxy's URL, credentials included if it has any, so never shown; None for a
            direct connection.
    """

    ssl_context: ssl.SSLContext | None
    proxy: str | None

    def __repr__(self) -> str:
        return f"Network(tls={self.ssl_context is not None}, proxied={self.proxy is not None})"


def resolve_network(
    server: ServerUrl,
    *,
    ssl_context: ssl.SSLContext | None = None,
    allow_plaintext: bool = False,
) -> Network:
    """Decide proxy and TLS for ``server``.

    Args:
        server: where to go.
        ssl_context: used for TLS instead of the system's trust store (which honours
            ``SSL_CERT_FILE``).
        allow_plaintext: permits a plain connection to another machine, over which anybody on the
            way can read tickets and tokens.

    Raises:
        ConfigurationError: for a plain connection that is not allowed, or a proxy that cannot be
            used.
    """
    if not server.secure and not server.is_loopback and not allow_plaintext:
        raise ConfigurationError(
            f"{server} is not encrypted: anybody on the way could read the token and the ticket. "
            "Use https:// or wss://, or allow plain connections explicitly.",
            code="PLAINTEXT",
        )
    context = (ssl_context or ssl.create_default_context()) if server.secure else None
    return Network(context, _proxy_for(server))


def _proxy_for(server: ServerUrl) -> str | None:
    if server.is_loopback:
        return None
    proxies = urllib.request.getproxies()
    bypassed = urllib.request.proxy_bypass(f"{server.host}:{server.port}")
    proxy = proxies.get("https" if server.secure else "http") or proxies.get("all")
    if not proxy or bypassed:
        return None
    if "://" not in proxy:
        proxy = f"http://{proxy}"
    scheme = urlsplit(proxy).scheme.lower()
    if scheme not in ("http", "https"):
        raise ConfigurationError(
            f"The proxy set in the environment speaks {scheme!r}, which is not supported. Use an "
            f"HTTP proxy, or add {server.host} to NO_PROXY.",
            code="PROXY",
        )
    return proxy


def network_error(error: BaseException, server: ServerUrl) -> NetworkError:
    """Return the sentence for a connection that could not be made.

    Args:
        error: what a library raised; its causes are searched for the system's own error.
        server: where the connection was to go.
    """
    where = f"{server.host}:{server.port}"
    match _system_error(error):
        case ssl.SSLCertVerificationError() as cause:
            check = one_line(getattr(cause, "verify_message", "") or "it was not verified", 100)
            return NetworkError(
                f"The certificate of {where} cannot be trusted: {check}. If it comes "
                "from a private authority, point SSL_CERT_FILE at its certificate.",
                code=TLS_FAILED,
            )
        case ssl.SSLError():
            return NetworkError(
                f"No encrypted connection to {where} could be made: the TLS handshake failed. "
                "Check that the URL's scheme fits the server.",
                code=TLS_FAILED,
            )
        case socket.gaierror():
            return NetworkError(
                f"The name {server.host} cannot be resolved. Check the server URL and the network.",
                code="DNS",
            )
        case ConnectionRefusedError():
            return NetworkError(
                f"Nothing answers at {where}: connection refused. Is the server running?",
                code="REFUSED",
            )
        case OSError(errno=errno.ENETUNREACH | errno.EHOSTUNREACH | errno.ENETDOWN):
            return NetworkError(
                f"{where} cannot be reached from here. Check the network.", code="UNREACHABLE"
            )
        case _:
            return NetworkError(f"The connection to {where} broke off.", code="BROKEN")


def _system_error(error: BaseException) -> BaseException | None:
    """Find the operating system's error among the causes of a library's error."""
    seen: BaseException | None = error
    for _ in range(8):
        if seen is None or (isinstance(seen, OSError) and seen.errno is not None):
            break
        if isinstance(seen, OSError | ExceptionGroup) and not seen.__cause__:
            inner = getattr(seen, "exceptions", None)
            if not inner:
                break
            seen = inner[0]
            continue
        seen = seen.__cause__ or seen.__context__
    return seen
