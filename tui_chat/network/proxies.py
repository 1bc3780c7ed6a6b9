"""Which proxy stands between this machine and a server."""

from __future__ import annotations

import importlib.util
import urllib.request
from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote, urlsplit

from tui_chat.errors import ConfigurationError
from tui_chat.protocol.urls import ServerUrl
from tui_chat.secret import Secret
from tui_chat.text import one_line

__all__ = ["Proxy", "proxy_for"]

_SCHEMES: Final = {"http": 80, "https": 443, "socks5": 1080, "socks5h": 1080}
_SOCKS_MODULES: Final = ("python_socks", "socksio")


@dataclass(frozen=True, slots=True)
class Proxy:
    """A proxy. Its password never shows.

    Attributes:
        url: for the libraries, credentials included if it has any.
        scheme: ``http``, ``https`` or ``socks5h``.
        host: where it listens.
        port: where it listens.
        has_credentials: whether a user name and a password go along.
    """

    url: Secret
    scheme: str
    host: str
    port: int
    has_credentials: bool

    @property
    def is_socks(self) -> bool:
        """Whether it speaks SOCKS rather than HTTP."""
        return self.scheme.startswith("socks")

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}:{self.port}"

    @classmethod
    def parse(cls, text: str) -> Proxy:
        """Read a proxy's URL; ``http://`` may be left out.

        Names are resolved by the proxy, ``socks5`` is read as ``socks5h``: whoever needs a proxy
        often cannot resolve what lies beyond it.

        Raises:
            ConfigurationError: if it cannot be used; without the URL, which may hold a password.
        """
        try:
            parts = urlsplit(text if "://" in text else f"http://{text}")
            scheme, host, port = parts.scheme.lower(), parts.hostname, parts.port
            user, password = parts.username, parts.password
            for value in (user, password):
                unquote(value or "", errors="strict")
        except ValueError:
            raise _unusable("its URL cannot be read") from None
        if scheme not in _SCHEMES:
            known = "http, https and socks5"
            raise _unusable(f"it speaks {one_line(scheme, 20)!r}; what works is {known}")
        if not host or not text.isascii() or not text.isprintable():
            raise _unusable("its URL names no host, or holds characters that must be encoded")
        if parts.path not in ("", "/") or parts.query or parts.fragment:
            raise _unusable("its URL goes on after the host")
        if user is not None and password is None:
            # One library would send an empty password, the other refuses.
            password = ""
        scheme = "socks5h" if scheme == "socks5" else scheme
        port = port or _SCHEMES[scheme]
        shown = f"[{host}]" if ":" in host else host
        login = f"{user}:{password}@" if user is not None else ""
        return cls(Secret(f"{scheme}://{login}{shown}:{port}"), scheme, host, port, bool(login))


def proxy_for(server: ServerUrl) -> Proxy | None:
    """Return the proxy that the environment (or the system) names for ``server``.

    ``HTTPS_PROXY`` or ``HTTP_PROXY`` by the server's scheme, else ``ALL_PROXY``, in upper or lower
    case; ``NO_PROXY`` makes exceptions, and loopback always is one.

    Raises:
        ConfigurationError: if that proxy cannot be used.
    """
    if server.is_loopback:
        return None
    # A secret from here on: what is raised below keeps this function's variables.
    named = _named_for(server)
    if not named or urllib.request.proxy_bypass(f"{server.host}:{server.port}"):
        return None
    try:
        proxy = Proxy.parse(named.reveal())
    except ConfigurationError as error:
        raise ConfigurationError(
            f"{error} Correct HTTPS_PROXY or ALL_PROXY in the environment, or add {server.host} to "
            "NO_PROXY.",
            code="PROXY",
        ) from None
    if proxy.is_socks and not all(map(importlib.util.find_spec, _SOCKS_MODULES)):
        raise ConfigurationError(
            f"The environment names a SOCKS proxy ({proxy}), which needs python-socks and socksio: "
            f"pip install 'tui-chat[socks]'. Or add {server.host} to NO_PROXY.",
            code="PROXY",
        )
    return proxy


def _named_for(server: ServerUrl) -> Secret:
    proxies = urllib.request.getproxies()
    return Secret(proxies.get("https" if server.secure else "http") or proxies.get("all") or "")


def _unusable(why: str) -> ConfigurationError:
    return ConfigurationError(f"The proxy cannot be used: {why}.", code="PROXY")
