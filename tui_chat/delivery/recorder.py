"""Keeps the record of a conversation in step with it while it changes."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Final

from tui_chat.conversation.conversation import Conversation
from tui_chat.conversation.model import (
    Change,
    MessageAdded,
    Persisted,
    RunChanged,
    StopRequested,
    TextAppended,
    ThreadChanged,
)
from tui_chat.delivery.record import ConversationRecord

__all__ = ["Recorder"]

INTERVAL: Final = 1.0
"""Seconds of a growing reply that a crash may cost."""


class Recorder:
    """Hands what has changed to the record: at once, or once a second while a text grows.

    Args:
        conversation: the conversation, changed already when :meth:`follow` is called.
        record: where it is kept.
    """

    def __init__(self, conversation: Conversation, record: ConversationRecord) -> None:
        self._conversation = conversation
        self._record = record
        self._growing: set[int] = set()
        self._persisted = max((m.id for m in conversation if m.persisted), default=0)
        self._timer: asyncio.TimerHandle | None = None

    def follow(self, changes: Iterable[Change]) -> None:
        """Take note of changes that have been carried out."""
        touched: dict[int, None] = {}
        for change in changes:
            match change:
                case TextAppended(message_id):
                    self._growing.add(message_id)
                case MessageAdded(message):
                    touched[message.id] = None
                case ThreadChanged(thread_id):
                    self._record.record_thread(thread_id)
                case RunChanged() | StopRequested():
                    pass
                case Persisted(up_to):
                    touched.update(dict.fromkeys(range(self._persisted + 1, up_to + 1)))
                    self._persisted = max(self._persisted, up_to)
                case _:
                    touched[change.message_id] = None
        self._keep(touched)
        if self._growing and self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(INTERVAL, self._due)

    def close(self) -> None:
        """Keep what has grown since the last time."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._keep(self._growing)

    def _due(self) -> None:
        self._timer = None
        self._keep(tuple(self._growing))

    def _keep(self, message_ids: Iterable[int]) -> None:
        known = (self._conversation.get(message_id) for message_id in message_ids)
        if messages := [message for message in known if message is not None]:
            self._record.record_messages(messages)
            self._growing.difference_update(message.id for message in messages)
