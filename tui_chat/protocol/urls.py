"""From the URL a person types to the addresses of the API.

``https://h``, ``https://h/``, ``wss://h/ws`` and ``https://h/chat/`` all mean what a person would
expect: the scheme says only whether TLS is used, a trailing slash or ``/ws`` is dropped, and a
query string is kept and appended where it belongs.
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from urllib.parse import SplitResult, quote, urlsplit

from tui_chat.errors import ConfigurationError
from tui_chat.protocol.addresses import WEBSOCKET_PATH
from tui_chat.text import is_clean, one_line

__all__ = ["ServerUrl"]

_HOST_NAME = re.compile(r"[a-z0-9_-]+(\.[a-z0-9_-]+)*\.?", re.IGNORECASE)
_SCHEMES = {"http": False, "ws": False, "https": True, "wss": True}
_EXAMPLE = "Use something like https://chat.example.com."


@dataclass(frozen=True, slots=True)
class ServerUrl:
    """The address of a chat server.

    Attributes:
        secure: whether TLS is used.
        host: the host name or address, an IPv6 address without brackets.
        port: the port, the scheme's default when none was given.
        path: the base path, empty or starting with a slash, never ending with one.
        query: the query string without its question mark, empty if there was none.
    """

    secure: bool
    host: str
    port: int
    path: str = ""
    query: str = ""

    @classmethod
    def parse(cls, text: str) -> ServerUrl:
        """Read what the user gave.

        Raises:
            ConfigurationError: if it is not a usable URL; the message says what is wrong and
                never repeats a password that was in it.
        """
        text = text.strip()
        if not text:
            raise ConfigurationError(f"The server URL is empty. {_EXAMPLE}")
        if not is_clean(text) or any(ch.isspace() for ch in text) or "\\" in text:
            raise ConfigurationError(
                f"The server URL holds blanks or control characters. {_EXAMPLE}"
            )
        try:
            parts = urlsplit(text)
            host, port = parts.hostname, parts.port
            username, password = parts.username, parts.password
        except ValueError as error:
            raise ConfigurationError(
                f"The server URL cannot be read: {one_line(str(error), 80)}. {_EXAMPLE}"
            ) from None
        if parts.scheme not in _SCHEMES or not parts.netloc:
            raise ConfigurationError(
                f"The server URL must start with https://, http://, wss:// or ws://. {_EXAMPLE}"
            )
        if username is not None or password is not None:
            raise ConfigurationError(
                "The server URL holds a user name or password. Credentials do not belong in a URL; "
                "leave them out and give the token separately."
            )
        if not host:
            raise ConfigurationError(f"The server URL names no host. {_EXAMPLE}")
        try:
            host = _ascii_host(host)
        except ValueError:  # UnicodeError and AddressValueError are kinds of it
            raise ConfigurationError(
                f"The server URL's host name is not valid. {_EXAMPLE}"
            ) from None
        if port == 0:
            raise ConfigurationError(f"The server URL's port must be from 1 to 65535. {_EXAMPLE}")
        secure = _SCHEMES[parts.scheme]
        return cls(
            secure=secure,
            host=host,
            port=port or (443 if secure else 80),
            path=_base_path(parts),
            query=parts.query,
        )

    @property
    def origin(self) -> str:
        """Scheme, host and port as HTTP writes them, the default port left out."""
        return f"{'https' if self.secure else 'http'}://{self._netloc}"

    @property
    def is_loopback(self) -> bool:
        """Whether the host is this machine by name or number."""
        if self.host == "localhost" or self.host.endswith(".localhost"):
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False

    def http(self, path: str) -> str:
        """Return the URL of an HTTP endpoint; ``path`` starts with a slash and is encoded."""
        return self._join("https" if self.secure else "http", path, "")

    def websocket(self, ticket: str | None = None, *, parameter: str = "ticket") -> str:
        """Return the WebSocket URL, with the percent-encoded ticket if one is given.

        The result holds the ticket: it goes to the WebSocket library and is never shown.
        """
        extra = "" if ticket is None else f"{quote(parameter, safe='')}={quote(ticket, safe='')}"
        return self._join("wss" if self.secure else "ws", WEBSOCKET_PATH, extra)

    def __str__(self) -> str:
        """The base URL, without the query, which may hold something private."""
        return f"{self.origin}{self.path}"

    @property
    def _netloc(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == (443 if self.secure else 80) else f"{host}:{self.port}"

    def _join(self, scheme: str, path: str, extra: str) -> str:
        query = "&".join(part for part in (self.query, extra) if part)
        return f"{scheme}://{self._netloc}{self.path}{path}" + (f"?{query}" if query else "")


def _base_path(parts: SplitResult) -> str:
    path = parts.path.rstrip("/")
    if path == WEBSOCKET_PATH or path.endswith(WEBSOCKET_PATH):
        path = path[: -len(WEBSOCKET_PATH)].rstrip("/")
    # Already-encoded octets stay as they are; anything else that a URL cannot hold is encoded.
    return quote(path, safe="/%:@!$&'()*+,;=~-._")


def _ascii_host(host: str) -> str:
    # IDNA folds compatibility characters, so what it returns can hold a blank that was not typed.
    name = host if host.isascii() else host.encode("idna").decode("ascii")
    if ":" in name:
        ipaddress.IPv6Address(name)
    elif not _HOST_NAME.fullmatch(name):
        raise ValueError("not a host name")
    return name
