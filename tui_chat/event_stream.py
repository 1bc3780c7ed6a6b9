"""Hands events to any number of readers, each with a bounded queue of its own.

A reader that falls behind loses the oldest events and is told how many by a ``Lagged`` event;
nobody waits for it and nothing grows without bound. Consecutive changes of the conversation that
a reader has not fetched yet are merged into one event.
"""

from __future__ import annotations

import asyncio
import weakref
from collections import deque
from collections.abc import AsyncIterator, Sequence
from typing import Final

from tui_chat.conversation.model import Change, MessageAdded
from tui_chat.events import ChatEvent, ConversationChanged, Lagged

__all__ = ["EventStream"]

QUEUE_SIZE: Final = 1_000
"""Events a reader may be behind."""
BATCH_SIZE: Final = 256
"""Changes merged into one event at most."""

_Pending = ChatEvent | list[Change]


class _Reader:
    """One reader's queue; a list in it is a batch of changes that still grows."""

    def __init__(self) -> None:
        self.queue: deque[_Pending] = deque()
        self.lost = 0
        self.filled = asyncio.Event()

    def put(self, event: _Pending) -> None:
        if len(self.queue) >= QUEUE_SIZE:
            self.queue.popleft()
            self.lost += 1
        self.queue.append(event)
        self.filled.set()

    def put_changes(self, changes: Sequence[Change]) -> None:
        last = self.queue[-1] if self.queue else None
        if isinstance(last, list) and len(last) < BATCH_SIZE:
            last.extend(changes)
        else:
            self.put(list(changes))

    def take(self) -> ChatEvent | None:
        if self.lost:
            lost, self.lost = self.lost, 0
            return Lagged(lost)
        if not self.queue:
            return None
        event = self.queue.popleft()
        return ConversationChanged(tuple(event)) if isinstance(event, list) else event


class EventStream:
    """Publishes to all readers; ends for all of them with :meth:`close`."""

    def __init__(self) -> None:
        # Weak: an iterator that is thrown away before its first step never ends by itself.
        self._readers: weakref.WeakSet[_Reader] = weakref.WeakSet()
        self._closed = False

    def publish(self, event: ChatEvent) -> None:
        """Hand one event to every reader."""
        for reader in self._readers:
            reader.put(event)

    def publish_changes(self, changes: Sequence[Change]) -> None:
        """Hand changes of the conversation to every reader.

        Messages in them are copied: the conversation goes on changing its own.
        """
        if not self._readers or not changes:
            return
        for reader in self._readers:
            reader.put_changes([_detached(change) for change in changes])

    def open(self) -> None:
        """Begin again after :meth:`close`."""
        self._closed = False

    def close(self) -> None:
        """End every reader's iteration once it has read what it has."""
        self._closed = True
        for reader in self._readers:
            reader.filled.set()

    def read(self) -> AsyncIterator[ChatEvent]:
        """Return an iterator over the events from this call on."""
        reader = _Reader()
        self._readers.add(reader)
        return self._iterate(reader)

    async def _iterate(self, reader: _Reader) -> AsyncIterator[ChatEvent]:
        try:
            while True:
                reader.filled.clear()
                while (event := reader.take()) is not None:
                    yield event
                if self._closed:
                    return
                await reader.filled.wait()
        finally:
            self._readers.discard(reader)


def _detached(change: Change) -> Change:
    return MessageAdded(change.message.copy()) if isinstance(change, MessageAdded) else change
