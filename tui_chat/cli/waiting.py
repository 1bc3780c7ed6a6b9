"""The messages that wait, of all conversations: reading, finding and showing them."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Any, Final

from tui_chat.app.wording import age, open_in, plural
from tui_chat.cli.listing import cut, timestamp, width
from tui_chat.conversation.model import DeliveryState
from tui_chat.errors import ConversationBusy, NoSuchMessage
from tui_chat.text import one_line

if TYPE_CHECKING:
    from tui_chat.chat_client import WebSocketChatClient
    from tui_chat.delivery.item import OutboxItem
    from tui_chat.storage import ConversationSummary, Store

__all__ = [
    "Waiting",
    "as_document",
    "by_conversation",
    "claimed",
    "find",
    "lines",
    "read_waiting",
    "refuse_open_elsewhere",
    "short_ids",
]

SHORTEST: Final = 6
"""Characters of a short id; more where these would not tell two messages apart."""

WORDS: Final = {
    DeliveryState.QUEUED: "waiting",
    DeliveryState.WRITTEN: "being sent",
    DeliveryState.UNKNOWN: "may have arrived",
    DeliveryState.FAILED: "refused",
}


@dataclass(frozen=True, slots=True)
class Waiting:
    """A message that is not certain to have arrived, or was refused.

    Attributes:
        conversation: where it belongs.
        item: the message.
    """

    conversation: ConversationSummary
    item: OutboxItem

    @property
    def state(self) -> str:
        """Where it stands, in words."""
        return WORDS.get(self.item.state, self.item.state.value)


async def read_waiting(store: Store) -> list[Waiting]:
    """Return all of them, conversation by conversation, each in the order of typing."""
    return [
        Waiting(conversation, item)
        for conversation, items in await store.outbox()
        for item in sorted(items, key=lambda item: item.position)
    ]


def short_ids(found: Sequence[Waiting]) -> dict[str, str]:
    """Return each message's shortest prefix that tells it apart, all of the same length."""
    ids = {waiting.item.id for waiting in found}
    length = SHORTEST
    while len({each[:length] for each in ids}) < len(ids):
        length += 1
    return {each: each[:length] for each in ids}


def find(found: Sequence[Waiting], prefixes: Iterable[str]) -> list[Waiting]:
    """Return the messages whose ids begin like that, each once, in the order of ``found``.

    Raises:
        NoSuchMessage: if one of them is nobody's, or more than one message's beginning.
    """
    wanted: set[str] = set()
    for prefix in prefixes:
        start = prefix.strip().lower()
        hits = [w.item.id for w in found if start and w.item.id.startswith(start)]
        if not hits:
            raise NoSuchMessage(
                f"There is no message {one_line(prefix, 40)!r} in the queue.",
                advice="`tui-chat queue` lists what is there.",
            )
        if len(hits) > 1:
            raise NoSuchMessage(
                f"{plural(len(hits), 'message')} have an id that begins with {start!r}: "
                f"{', '.join(hit[: len(start) + 4] for hit in hits[:5])}.",
                advice="Give one more character.",
            )
        wanted.add(hits[0])
    return [waiting for waiting in found if waiting.item.id in wanted]


def by_conversation(found: Iterable[Waiting]) -> list[tuple[ConversationSummary, list[Waiting]]]:
    """Return the messages of each conversation together; those of one follow one another."""
    groups = groupby(found, key=lambda waiting: waiting.conversation.id)
    return [(group[0].conversation, group) for group in (list(each) for _, each in groups)]


def lines(found: Sequence[Waiting]) -> list[str]:
    """Return the list as people read it, as wide as the terminal is."""
    now, columns, short = time.time(), width(), short_ids(found)
    widest = max((len(waiting.state) for waiting in found), default=0)
    shown: list[str] = []
    for conversation, group in by_conversation(found):
        process = conversation.open_in
        where = "" if process is None else f"  ({open_in(process)})"
        shown.append(cut(conversation.scope.server, columns - len(where)) + where)
        for waiting in group:
            item = waiting.item
            head = f"  {short[item.id]}  {waiting.state:<{widest}}  {age(now - item.created):>6}  "
            first = next((line for line in item.text.splitlines() if line.strip()), "")
            shown.append(head + cut(first, max(columns - len(head), 10)))
            if item.note:
                shown.append(" " * 10 + cut(item.note, max(columns - 10, 10)))
    return shown


def as_document(found: Sequence[Waiting]) -> list[dict[str, Any]]:
    """Return the list as programs read it: full ids, full texts."""
    return [
        {
            "id": waiting.item.id,
            "state": waiting.item.state.value,
            "note": waiting.item.note,
            "created": timestamp(waiting.item.created),
            "server": waiting.conversation.scope.server,
            "conversation": waiting.conversation.id,
            "openIn": waiting.conversation.open_in,
            "text": waiting.item.text,
            "media": list(waiting.item.media),
        }
        for waiting in found
    ]


def refuse_open_elsewhere(conversation: ConversationSummary) -> None:
    """Refuse to touch what another running program has open.

    Raises:
        ConversationBusy: with that program's process id.
    """
    if conversation.open_in is not None:
        raise _busy(conversation.open_in)


@asynccontextmanager
async def claimed(
    store: Store, conversation: ConversationSummary
) -> AsyncIterator[WebSocketChatClient]:
    """Have a conversation, and a client for it that is not started.

    At the end the client is disconnected, everything is kept, and the conversation given up.

    Raises:
        ConversationBusy: if another running program has it open.
    """
    from tui_chat.chat_client import WebSocketChatClient  # noqa: PLC0415 - not for listing

    try:
        record = await store.claim(conversation.id)
    except ConversationBusy as error:
        raise _busy(error.pid) from error
    try:
        client = WebSocketChatClient(record=record)
        try:
            yield client
        finally:
            await client.disconnect()
            await client.delivery.close()  # also where it was never started
    finally:
        await record.release()


def _busy(pid: int | None) -> ConversationBusy:
    process = f" (process {pid})" if pid else ""
    return ConversationBusy(
        f"The conversation is open in another tui-chat{process}.", advice="Edit it there.", pid=pid
    )
