"""A client for chat servers that authenticate WebSockets with short-lived tickets.

The public names are loaded on first use, so that ``import tui_chat`` costs nothing and a program
that only wants the :class:`TicketManager` does not pay for the rest. Nothing here imports Textual.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from tui_chat.chat_client import WebSocketChatClient
    from tui_chat.connection.status import ConnectionStatus, WebSocketState
    from tui_chat.errors import (
        AuthLoop,
        ClientClosed,
        ConfigurationError,
        ConnectionClosed,
        ConversationBusy,
        CredentialsRejected,
        DeliveryUnknown,
        HandshakeRejected,
        MessageRefused,
        NetworkError,
        NoSuchMessage,
        NotConnected,
        OutboxFull,
        PoolFull,
        ProtocolError,
        RateLimited,
        RequestRejected,
        RequestTimeout,
        ServerError,
        SessionTimeout,
        StorageError,
        TicketCleared,
        TicketRejected,
        TicketUnusable,
        TransientError,
        TuiChatError,
    )
    from tui_chat.network import ClientCertificate
    from tui_chat.pool import ConnectionPool
    from tui_chat.secret import Secret
    from tui_chat.ticket import (
        AuthData,
        TicketDebugInfo,
        TicketGrant,
        TicketManager,
        TicketManagerConfig,
        TicketSource,
    )
    from tui_chat.tools import ClientTool

__version__ = "0.1.0"

_HOMES: Final[dict[str, tuple[str, ...]]] = {
    "tui_chat.chat_client": ("WebSocketChatClient",),
    "tui_chat.connection.status": ("ConnectionStatus", "WebSocketState"),
    "tui_chat.errors": (
        "AuthLoop",
        "ClientClosed",
        "ConfigurationError",
        "ConnectionClosed",
        "ConversationBusy",
        "CredentialsRejected",
        "DeliveryUnknown",
        "HandshakeRejected",
        "MessageRefused",
        "NetworkError",
        "NoSuchMessage",
        "NotConnected",
        "OutboxFull",
        "PoolFull",
        "ProtocolError",
        "RateLimited",
        "RequestRejected",
        "RequestTimeout",
        "ServerError",
        "SessionTimeout",
        "StorageError",
        "TicketCleared",
        "TicketRejected",
        "TicketUnusable",
        "TransientError",
        "TuiChatError",
    ),
    "tui_chat.network": ("ClientCertificate",),
    "tui_chat.pool": ("ConnectionPool",),
    "tui_chat.secret": ("Secret",),
    "tui_chat.ticket": (
        "AuthData",
        "TicketDebugInfo",
        "TicketGrant",
        "TicketManager",
        "TicketManagerConfig",
        "TicketSource",
    ),
    "tui_chat.tools": ("ClientTool",),
}
_HOME_OF: Final = {name: module for module, names in _HOMES.items() for name in names}

__all__ = [
    "AuthData",
    "AuthLoop",
    "ClientCertificate",
    "ClientClosed",
    "ClientTool",
    "ConfigurationError",
    "ConnectionClosed",
    "ConnectionPool",
    "ConnectionStatus",
    "ConversationBusy",
    "CredentialsRejected",
    "DeliveryUnknown",
    "HandshakeRejected",
    "MessageRefused",
    "NetworkError",
    "NoSuchMessage",
    "NotConnected",
    "OutboxFull",
    "PoolFull",
    "ProtocolError",
    "RateLimited",
    "RequestRejected",
    "RequestTimeout",
    "Secret",
    "ServerError",
    "SessionTimeout",
    "StorageError",
    "TicketCleared",
    "TicketDebugInfo",
    "TicketGrant",
    "TicketManager",
    "TicketManagerConfig",
    "TicketRejected",
    "TicketSource",
    "TicketUnusable",
    "TransientError",
    "TuiChatError",
    "WebSocketChatClient",
    "WebSocketState",
    "__version__",
]


def __getattr__(name: str) -> Any:
    home = _HOME_OF.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(home), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
