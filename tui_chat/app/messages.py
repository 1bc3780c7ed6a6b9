"""What the client's thread tells the application.

Textual's ``post_message`` may be called from any thread, and these are all it is called with.
They carry immutable values (or copies that belong to the receiver) and no secrets; their texts
have been cleaned. Moments are on the boot clock of :mod:`tui_chat.clock`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from textual.message import Message

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tui_chat.app.settings import ChatSettings
    from tui_chat.connection.status import ConnectionStatus
    from tui_chat.conversation import model
    from tui_chat.debug_info import ClientDebugInfo
    from tui_chat.delivery.item import OutboxItem
    from tui_chat.storage import ConversationSummary, SearchHit
    from tui_chat.ticket.events import TicketView

__all__ = [
    "BatchDelivered",
    "ClientFailed",
    "CommandFailed",
    "ConnectionChanged",
    "ConversationChanged",
    "ConversationReset",
    "ConversationsListed",
    "DebugInfoArrived",
    "DemoFailed",
    "DemoStarted",
    "DraftRestored",
    "FrameIgnored",
    "OutboxChanged",
    "PromptsLoaded",
    "SendAccepted",
    "SendRefused",
    "ServerNotice",
    "StorageNoticed",
    "TicketExpired",
    "TicketGone",
    "TicketRenewalFailed",
    "TicketRenewed",
    "TicketRenewing",
    "ToolsAccepted",
]


class ClientMessage(Message, bubble=False):
    """Base of all messages from the client's thread."""


# -- the ticket -----------------------------------------------------------------------------------


@dataclass
class TicketRenewing(ClientMessage):
    """A ticket is being asked for; ``attempt`` counts from 1."""

    attempt: int
    max_attempts: int


@dataclass
class TicketRenewed(ClientMessage):
    """A fresh ticket has arrived, after ``duration`` seconds."""

    ticket: TicketView
    duration: float


@dataclass
class TicketRenewalFailed(ClientMessage):
    """A try, or (``final``) the whole renewal, has failed; ``sentence`` says why."""

    sentence: str
    retry_at: float | None
    final: bool


@dataclass
class TicketExpired(ClientMessage):
    """The ticket has run out and there is no other."""

    serial: int


@dataclass
class TicketGone(ClientMessage):
    """A ticket is no longer held; fields as in :class:`tui_chat.ticket.events.TicketDropped`."""

    reason: str
    serial: int | None


# -- the connection and what comes over it --------------------------------------------------------


@dataclass
class ConnectionChanged(ClientMessage):
    """The connection's state, its cause or its next attempt changed."""

    status: ConnectionStatus


@dataclass
class ConversationChanged(ClientMessage):
    """Changes to the conversation, in order; deltas of one message are merged."""

    changes: tuple[model.Change, ...]


@dataclass
class ConversationReset(ClientMessage):
    """The screen fell too far behind: here is the whole conversation, forget the old view."""

    messages: tuple[model.Message, ...]


@dataclass
class ServerNotice(ClientMessage):
    """The server reported an error that ended nothing; ``more`` further ones were left out."""

    text: str
    code: str
    more: int = 0


@dataclass
class FrameIgnored(ClientMessage):
    """``count`` frames could not be used since the last such message."""

    count: int


@dataclass
class ToolsAccepted(ClientMessage):
    """The server knows these client tools now."""

    names: tuple[str, ...]


# -- the outbox and what is kept ------------------------------------------------------------------


@dataclass
class OutboxChanged(ClientMessage):
    """Every message that is not certain to have arrived, failed ones among them, in order."""

    items: tuple[OutboxItem, ...]


@dataclass
class DraftRestored(ClientMessage):
    """What stood in the prompt when the program ended the last time."""

    text: str


@dataclass
class PromptsLoaded(ClientMessage):
    """What was typed before, the latest last."""

    prompts: tuple[str, ...]


@dataclass
class StorageNoticed(ClientMessage):
    """Something has to be said about what is kept on this machine."""

    sentence: str
    code: str


@dataclass
class BatchDelivered(ClientMessage):
    """The end of a batch. Whoever handles it acknowledges it, and only then the next one comes."""


# -- the demo -------------------------------------------------------------------------------------


@dataclass
class DemoStarted(ClientMessage):
    """The demo server runs; this is how to reach it."""

    settings: ChatSettings


@dataclass
class DemoFailed(ClientMessage):
    """The demo server did not start; the sentence says why."""

    sentence: str


# -- answers to what the screen asked for ---------------------------------------------------------


@dataclass
class SendAccepted(ClientMessage):
    """The message with this number is safely on its way."""

    number: int


@dataclass
class SendRefused(ClientMessage):
    """The message with this number was not sent; the sentence says why."""

    number: int
    sentence: str


@dataclass
class CommandFailed(ClientMessage):
    """Something the user asked for did not work; the sentence says why."""

    sentence: str


@dataclass
class DebugInfoArrived(ClientMessage):
    """A snapshot for the debug overlay; None while there is no client."""

    info: ClientDebugInfo | None


@dataclass
class ConversationsListed(ClientMessage):
    """The conversations that are kept, and where in them some words are.

    Attributes:
        words: what was looked for; empty for nothing.
        current: the id of the one that is open.
        conversations: the latest first.
        hits: the messages that hold the words.
        problem: why there is nothing to show; empty if there is.
    """

    words: str
    current: str
    conversations: Sequence[ConversationSummary] = ()
    hits: Sequence[SearchHit] = ()
    problem: str = ""


@dataclass
class ClientFailed(ClientMessage):
    """The client's thread has ended; nothing connects any more. The sentence says why."""

    sentence: str
