"""Messages of the user for tests of the screen: in the outbox, and in the conversation."""

from __future__ import annotations

from typing import Any

from tests.app_support import NOW
from tui_chat.conversation.model import DeliveryState, Message, MessageAdded, MessageKind
from tui_chat.delivery.item import OutboxItem

LOST = "The connection was lost before the server gave any sign of it."


def name(number: int) -> str:
    """Return the id of the message with this number."""
    return f"{number:032x}"


def waiting(
    number: int, text: str, state: DeliveryState = DeliveryState.QUEUED, **fields: Any
) -> OutboxItem:
    """Return a message of the outbox, ``number`` minutes old."""
    fields.setdefault("created", NOW - 60 * number)
    return OutboxItem(id=name(number), position=number, text=text, state=state, **fields)


def mine(number: int, text: str, delivery: DeliveryState, note: str = "") -> MessageAdded:
    """Return a message of the user joining the conversation."""
    return MessageAdded(
        Message(
            number,
            MessageKind.USER,
            NOW,
            [text],
            delivery=delivery,
            note=note,
            outbox_id=name(number),
        )
    )
