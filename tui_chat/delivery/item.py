"""One message of the user in the outbox."""

from __future__ import annotations

import uuid
from typing import Final

from msgspec import Struct

from tui_chat.conversation.model import DeliveryState

__all__ = ["FINAL", "OPEN", "TRANSITIONS", "OutboxItem", "SecretReference", "new_id"]

TRANSITIONS: Final[dict[DeliveryState, frozenset[DeliveryState]]] = {
    DeliveryState.QUEUED: frozenset(
        {DeliveryState.WRITTEN, DeliveryState.FAILED, DeliveryState.DISCARDED}
    ),
    # Back to QUEUED only where it certainly was not taken: never handed over, or refused by name.
    DeliveryState.WRITTEN: frozenset(
        {
            DeliveryState.QUEUED,
            DeliveryState.RECEIVED,
            DeliveryState.PERSISTED,
            DeliveryState.UNKNOWN,
            DeliveryState.FAILED,
        }
    ),
    DeliveryState.RECEIVED: frozenset({DeliveryState.PERSISTED}),
    # To QUEUED and DISCARDED by the user; to WRITTEN where the server tells repeats apart.
    DeliveryState.UNKNOWN: frozenset(
        {
            DeliveryState.QUEUED,
            DeliveryState.WRITTEN,
            DeliveryState.RECEIVED,
            DeliveryState.PERSISTED,
            DeliveryState.DISCARDED,
        }
    ),
    DeliveryState.FAILED: frozenset({DeliveryState.QUEUED, DeliveryState.DISCARDED}),
    DeliveryState.PERSISTED: frozenset(),
    DeliveryState.DISCARDED: frozenset(),
}
"""From each state to those that may follow it."""

OPEN: Final = frozenset({DeliveryState.QUEUED, DeliveryState.WRITTEN, DeliveryState.UNKNOWN})
"""States of a message of which it is not certain yet that it arrived, or never will."""

FINAL: Final = frozenset({DeliveryState.PERSISTED, DeliveryState.DISCARDED})
"""States that nothing follows."""


class SecretReference(Struct, frozen=True):
    """The name of a secret, in place of its value; resolved when a message is sent."""

    name: str


class OutboxItem(Struct, frozen=True, kw_only=True):
    """A message of the user; every change makes a new item.

    Attributes:
        id: unique; also the ``clientMessageId`` where the server tells repeats apart by it.
        position: its place in the order the messages were typed in; rises within a conversation.
        text: what was typed.
        created: when, epoch seconds by this machine's wall clock; for showing only.
        media: URLs of uploads that go with it.
        thread_id: the thread it was addressed to; None for the conversation's own.
        mcp_headers: per MCP server and header, the name of the secret that is its value.
        state: where it stands.
        note: why it stands there, for people, cleaned; empty if there is nothing to say.
        writes: how often it has been written to a connection, or was about to be.
        identified: whether the last write carried its id to a server that tells repeats apart.
        memory: which memory of ids that server had (``receiptsId``); empty where it did not say.
        message_id: its message in the conversation, None before the first write.
        held: left over from an earlier run of the program; waits until the user says so.
        ended: whether the run that answers it has come to its end.
    """

    id: str
    position: int
    text: str
    created: float
    media: tuple[str, ...] = ()
    thread_id: str | None = None
    mcp_headers: dict[str, dict[str, SecretReference]] = {}
    state: DeliveryState = DeliveryState.QUEUED
    note: str = ""
    writes: int = 0
    identified: bool = False
    memory: str = ""
    message_id: int | None = None
    held: bool = False
    ended: bool = False

    @property
    def settled(self) -> bool:
        """Whether nothing will be done about it any more, unless the user wants to."""
        return self.state not in OPEN


def new_id() -> str:
    """Return an id for a message: 32 hexadecimal digits, at random."""
    return uuid.uuid4().hex
