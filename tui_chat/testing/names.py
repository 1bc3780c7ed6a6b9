"""Host names that lead to ports of this machine, for proxies that resolve names."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping

from tui_chat.errors import ConfigurationError
from tui_chat.text import one_line

__all__ = ["NameTable"]


class NameTable:
    """Knows which port stands for which name; leads nowhere else.

    Args:
        names: ``{"chat.example": 8765}``, or ``"chat.example:443"`` for one port of that name only.

    Raises:
        ConfigurationError: for a port that cannot be one.
    """

    def __init__(self, names: Mapping[str, int] | None = None) -> None:
        self._ports: dict[str, int] = {}
        for name, port in (names or {}).items():
            if not 0 < port < 65536:
                raise ConfigurationError(f"{one_line(name, 80)} leads to {port}, which is no port.")
            self._ports[name.lower()] = port

    def find(self, host: str, port: int) -> tuple[str, int] | None:
        """Return where to connect; None for what is neither in the table nor on this machine."""
        host = host.lower().strip("[]")
        mapped = self._ports.get(f"{host}:{port}", self._ports.get(host))
        if mapped is not None:
            return "127.0.0.1", mapped
        try:
            local = host == "localhost" or ipaddress.ip_address(host).is_loopback
        except ValueError:
            local = False
        return (host, port) if local else None
