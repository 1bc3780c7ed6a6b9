"""What this project is tested with, for the tests of programs that build on it.

* :func:`running_server`, :class:`ServerThread`: the embedded chat server;
* :class:`FaultProxy`: a network that fails as told, ``python -m tui_chat.testing.faultproxy`` by
  hand; :class:`HttpProxy`, :class:`SocksProxy`: proxies to go through;
* :class:`ScriptedTicketSource`: tickets without a server;
* :class:`MemoryKeyring`: a keyring that can be locked, fail and hang;
* :mod:`tui_chat.testing.fixtures`: all of these as fixtures for pytest.

The names are loaded on first use. pytest and trustme, which only parts of it need, come with
``pip install 'tui-chat[testing]'``.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from tui_chat.testing.certificates import Certificates
    from tui_chat.testing.faultproxy import FaultProxy
    from tui_chat.testing.faults import Counters, Faults, Flow, SlowStart
    from tui_chat.testing.httpproxy import HttpProxy, ProxyRequest
    from tui_chat.testing.keyring import KeyringCall, MemoryKeyring
    from tui_chat.testing.proxythread import FaultProxyThread
    from tui_chat.testing.serving import Credentials, RunningServer, ServerThread, running_server
    from tui_chat.testing.socksproxy import SocksProxy, SocksRequest
    from tui_chat.testing.tickets import ScriptedTicketSource, TicketReply, TicketRequest

_HOMES: Final[dict[str, tuple[str, ...]]] = {
    "certificates": ("Certificates",),
    "faultproxy": ("FaultProxy",),
    "faults": ("Counters", "Faults", "Flow", "SlowStart"),
    "httpproxy": ("HttpProxy", "ProxyRequest"),
    "keyring": ("KeyringCall", "MemoryKeyring"),
    "proxythread": ("FaultProxyThread",),
    "serving": ("Credentials", "RunningServer", "ServerThread", "running_server"),
    "socksproxy": ("SocksProxy", "SocksRequest"),
    "tickets": ("ScriptedTicketSource", "TicketReply", "TicketRequest"),
}
_HOME_OF: Final = {name: module for module, names in _HOMES.items() for name in names}

__all__ = [
    "Certificates",
    "Counters",
    "Credentials",
    "FaultProxy",
    "FaultProxyThread",
    "Faults",
    "Flow",
    "HttpProxy",
    "KeyringCall",
    "MemoryKeyring",
    "ProxyRequest",
    "RunningServer",
    "ScriptedTicketSource",
    "ServerThread",
    "SlowStart",
    "SocksProxy",
    "SocksRequest",
    "TicketReply",
    "TicketRequest",
    "running_server",
]


def __getattr__(name: str) -> Any:
    home = _HOME_OF.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f"{__name__}.{home}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
