"""What :meth:`WebSocketChatClient.events` yields.

Every event is an immutable value, safe to hand to another thread, and none holds a secret.
"""

from __future__ import annotations

from dataclasses import dataclass

from tui_chat.connection.status import ConnectionStatus
from tui_chat.conversation.model import Change
from tui_chat.delivery.item import OutboxItem
from tui_chat.protocol.codec import IgnoredFrame
from tui_chat.ticket.events import TicketEvent

__all__ = [
    "ChatEvent",
    "ConnectionChanged",
    "ConversationChanged",
    "DeliveryTrouble",
    "FrameIgnored",
    "Lagged",
    "OutboxChanged",
    "ServerNotice",
    "TicketChanged",
    "ToolsAccepted",
]


@dataclass(frozen=True, slots=True)
class ConnectionChanged:
    """The connection's state, its cause or its next attempt changed."""

    status: ConnectionStatus


@dataclass(frozen=True, slots=True)
class TicketChanged:
    """Something happened to the ticket."""

    event: TicketEvent


@dataclass(frozen=True, slots=True)
class ConversationChanged:
    """The conversation changed; messages inside are copies that belong to the reader."""

    changes: tuple[Change, ...]


@dataclass(frozen=True, slots=True)
class FrameIgnored:
    """A frame could not be used and was counted; the connection goes on."""

    frame: IgnoredFrame


@dataclass(frozen=True, slots=True)
class ServerNotice:
    """The server reported an error that ended nothing; text is cleaned and bounded."""

    text: str
    code: str


@dataclass(frozen=True, slots=True)
class ToolsAccepted:
    """The server knows these client tools now."""

    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class OutboxChanged:
    """The outbox changed: these are the messages that are not certain to have arrived.

    Those that failed are among them; in the order in which they were typed.
    """

    items: tuple[OutboxItem, ...]


@dataclass(frozen=True, slots=True)
class DeliveryTrouble:
    """Messages cannot be sent, for a reason that is not the connection; they stay in the queue."""

    text: str
    code: str


@dataclass(frozen=True, slots=True)
class Lagged:
    """This reader was too slow: ``count`` events before the next one were dropped.

    A reader that keeps a view of the conversation reads it afresh from ``client.snapshot()``.
    """

    count: int


ChatEvent = (
    ConnectionChanged
    | TicketChanged
    | ConversationChanged
    | FrameIgnored
    | ServerNotice
    | ToolsAccepted
    | OutboxChanged
    | DeliveryTrouble
    | Lagged
)
