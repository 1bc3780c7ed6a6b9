"""What a conversation has handed over and is not kept yet."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from tui_chat.conversation.model import Message
from tui_chat.delivery.item import OutboxItem

__all__ = ["Batch"]


@dataclass
class Batch:
    """Changes of one conversation that are written together; of each thing the newest state.

    Bounded by the conversation itself: nothing is in here twice.
    """

    messages: dict[int, Message] = field(default_factory=dict)
    items: dict[str, OutboxItem] = field(default_factory=dict)
    thread_id: str | None = None
    draft: str | None = None

    def __bool__(self) -> bool:
        return bool(
            self.messages or self.items or self.thread_id is not None or self.draft is not None
        )

    def add(self, newer: Batch) -> None:
        """Take in what was handed over later."""
        self.messages.update(newer.messages)
        self.items.update(newer.items)
        if newer.thread_id is not None:
            self.thread_id = newer.thread_id
        if newer.draft is not None:
            self.draft = newer.draft

    def with_items(self, items: dict[str, OutboxItem]) -> Batch:
        """Return a copy that holds these items, which are newer, as well."""
        return Batch(dict(self.messages), {**self.items, **items}, self.thread_id, self.draft)

    def kinds(self) -> Iterator[str]:
        """Yield the kinds of what is in it, as the write points name them."""
        if self.messages:
            yield "messages"
        if self.thread_id is not None:
            yield "thread"
        if self.draft is not None:
            yield "draft"
        if self.items:
            yield "items"
