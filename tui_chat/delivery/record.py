"""Where a conversation and its outbox are kept, as far as the client cares."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol

from tui_chat.conversation.model import Message
from tui_chat.delivery.item import OutboxItem

__all__ = ["ConversationRecord", "MemoryRecord"]


class ConversationRecord(Protocol):
    """One conversation's place in a store. One client writes to it at a time.

    What is handed over is carried out in the order of the calls.
    """

    @property
    def thread_id(self) -> str | None:
        """The server's name for the thread as it was when the record was opened."""
        ...

    @property
    def messages(self) -> Sequence[Message]:
        """The messages as they were when the record was opened, oldest first; copies."""
        ...

    @property
    def items(self) -> Sequence[OutboxItem]:
        """The outbox as it was at that moment, in order; settled items may be missing."""
        ...

    async def save_items(self, items: Sequence[OutboxItem]) -> None:
        """Keep these items, new or changed, all or none; return when they are committed.

        Cancelling the call does not undo what it began: it is carried out, or has failed, as a
        whole.

        Raises:
            StorageError: if they could not be kept. Nothing has changed then.
        """
        ...

    def record_items(self, items: Sequence[OutboxItem]) -> None:
        """Keep these items soon; nobody waits. A failure is tried again and made known."""
        ...

    def record_messages(self, messages: Iterable[Message]) -> None:
        """Keep these messages, new or changed, soon. They are copied at once. Never blocks."""
        ...

    def record_thread(self, thread_id: str) -> None:
        """Keep the server's name for the thread, soon."""
        ...

    async def flush(self) -> None:
        """Return when everything handed over before is kept, or has failed."""
        ...


class MemoryRecord:
    """Keeps nothing beyond the client's own memory; the default."""

    thread_id: str | None = None
    messages: Sequence[Message] = ()
    items: Sequence[OutboxItem] = ()

    async def save_items(self, items: Sequence[OutboxItem]) -> None:
        """Nothing to do: the client holds them."""

    def record_items(self, items: Sequence[OutboxItem]) -> None:
        """Nothing to do."""

    def record_messages(self, messages: Iterable[Message]) -> None:
        """Nothing to do."""

    def record_thread(self, thread_id: str) -> None:
        """Nothing to do."""

    async def flush(self) -> None:
        """Nothing to do."""
