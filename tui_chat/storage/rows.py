"""From messages and items to rows of the database, and back."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

import msgspec

from tui_chat.conversation.conversation import Conversation
from tui_chat.conversation.model import (
    DeliveryChanged,
    DeliveryState,
    Message,
    MessageKind,
    MessageState,
    ToolCall,
)
from tui_chat.delivery.item import OutboxItem
from tui_chat.storage.text import decode_json, encode_json, finite, whole

__all__ = [
    "LEFT_WRITTEN",
    "MESSAGE_COLUMNS",
    "as_left_behind",
    "item_row",
    "message_of",
    "message_row",
    "read_item",
    "read_messages",
    "state_for",
]

MESSAGE_COLUMNS: Final = (
    "id, kind, state, created, finished, block, code, persisted, outbox_id, delivery, note, text, "
    "tool"
)

LEFT_WRITTEN: Final = "The program ended while this message was being sent."

_MOST: Final = (1 << 63) - 1
_kinds: Final = {kind.value: kind for kind in MessageKind}
_states: Final = {state.value: state for state in MessageState}
_deliveries: Final = {state.value: state for state in DeliveryState}
_items: Final = msgspec.json.Decoder(OutboxItem)


def _state_for(delivery: DeliveryState) -> MessageState:
    # The conversation knows how the one follows from the other.
    message = Message(1, MessageKind.USER, 0.0, delivery=delivery)
    Conversation(messages=[message]).apply(DeliveryChanged(1, delivery, 0.0))
    return message.state


_by_delivery: Final = {delivery: _state_for(delivery) for delivery in DeliveryState}


def state_for(delivery: DeliveryState) -> MessageState:
    """Return the state of a message of the user that follows from where it stands."""
    return _by_delivery[delivery]


# -- messages -------------------------------------------------------------------------------------


def message_row(message: Message) -> tuple[Any, ...]:
    """Return a message as its columns. Never raises."""
    return (
        message.id,
        message.kind.value,
        message.state.value,
        finite(message.created),
        None if message.finished is None else finite(message.finished),
        whole(message.block),
        whole(message.code),
        message.persisted,
        whole(message.outbox_id),
        None if message.delivery is None else message.delivery.value,
        whole(message.note),
        whole(message.text),
        None if message.tool is None else _tool_json(message.tool),
    )


def message_of(item: OutboxItem) -> Message:
    """Return the message that an item has in the conversation, made anew from the item."""
    return Message(
        item.message_id or 0,
        MessageKind.USER,
        item.created,
        [item.text],
        state=state_for(item.state),
        persisted=item.state is DeliveryState.PERSISTED,
        outbox_id=item.id,
        delivery=item.state,
        note=item.note,
    )


def read_messages(
    rows: Iterable[tuple[Any, ...]], items: Mapping[str, OutboxItem]
) -> list[Message]:
    """Return the messages of a conversation that nobody has open, as they were left.

    What was still growing was cut off. Where a message of the user stands, its item says.

    Args:
        rows: in order.
        items: those of the conversation by their id, as :func:`as_left_behind` returns them.
    """
    messages = []
    for row in rows:
        message = _read_message(row)
        if message.kind is MessageKind.USER:
            _follow(message, items.get(message.outbox_id))
        elif message.state is MessageState.STREAMING:
            message.state = MessageState.INTERRUPTED
        messages.append(message)
    present = {message.id for message in messages}
    missing = [
        message_of(item)
        for item in items.values()
        if item.message_id is not None and item.message_id not in present
    ]
    if missing:
        messages = sorted([*messages, *missing], key=lambda message: message.id)
    return messages


def _read_message(row: tuple[Any, ...]) -> Message:
    number, kind, state, created, finished, block, code, *rest = row
    persisted, outbox_id, delivery, note, text, tool = rest
    return Message(
        number,
        _kinds.get(kind, MessageKind.SYSTEM),
        created,
        [text],
        _states.get(state, MessageState.COMPLETE),
        finished,
        block,
        None if tool is None else _read_tool(tool),
        code,
        bool(persisted),
        outbox_id,
        None if delivery is None else _deliveries.get(delivery),
        note,
    )


def _follow(message: Message, item: OutboxItem | None) -> None:
    """Let a message of the user stand where its item does."""
    if item is not None:
        message.delivery, message.note = item.state, item.note
    elif message.delivery in (DeliveryState.QUEUED, DeliveryState.WRITTEN):
        message.delivery, message.note = DeliveryState.UNKNOWN, LEFT_WRITTEN
    if message.delivery is not None:
        message.state = state_for(message.delivery)
        message.persisted = message.delivery is DeliveryState.PERSISTED
    elif message.state is MessageState.STREAMING:
        message.state = MessageState.INTERRUPTED


def _tool_json(tool: ToolCall) -> bytes:
    return encode_json(
        [tool.call_id, tool.name, tool.side, tool.arguments, tool.result, tool.error]
    )


def _read_tool(data: bytes) -> ToolCall | None:
    fields = decode_json(data)
    if not isinstance(fields, list) or len(fields) != 6:
        return None
    call_id, name, side, arguments, result, error = fields
    return ToolCall(
        str(call_id),
        str(name),
        "client" if side == "client" else "server",
        arguments,
        result,
        None if error is None else str(error),
    )


# -- items ----------------------------------------------------------------------------------------


def item_row(item: OutboxItem) -> tuple[Any, ...]:
    """Return an item as its columns. Never raises."""
    position = max(min(item.position, _MOST), -_MOST)
    return whole(item.id), position, item.state.value, encode_json(item)


def read_item(body: bytes) -> OutboxItem | None:
    """Return the item of a row, None if it cannot be read."""
    try:
        return _items.decode(body)
    except (msgspec.DecodeError, RecursionError, UnicodeError):
        return None


def as_left_behind(item: OutboxItem) -> OutboxItem:
    """Return an item as it stands once the program that had it open has gone.

    What was being sent may have arrived or not. What waited goes on waiting, until the user says
    that it may leave.
    """
    if item.state is DeliveryState.WRITTEN:
        return msgspec.structs.replace(item, state=DeliveryState.UNKNOWN, note=LEFT_WRITTEN)
    if item.state is DeliveryState.QUEUED:
        return msgspec.structs.replace(item, held=True)
    return item
