"""What has happened since the screen last looked, kept small however long it does not look.

When a terminal stops reading (a stalled SSH link, Ctrl+S, a frozen multiplexer) Textual's event
loop stands still, while the network goes on. Everything that can be merged is merged here: deltas
of one message into one, states into the latest one, and a conversation that changed too often
into "read it all again".
"""

from __future__ import annotations

from collections import deque
from typing import Final

from tui_chat.app import messages
from tui_chat.conversation.model import Change, Message, TextAppended

__all__ = ["Mailbox"]

MAX_CHANGES: Final = 5_000
"""Changes kept apart before a snapshot is cheaper; merged deltas count once."""

MAX_NOTICES: Final = 5
"""Server notices kept; a screen that was away for an hour needs no more of them."""


class Mailbox:
    """Collects events for the screen and hands them out as one batch of messages."""

    def __init__(self) -> None:
        self._forget()

    def _forget(self) -> None:
        self._connection: messages.ConnectionChanged | None = None
        self._ticket: dict[type[messages.ClientMessage], messages.ClientMessage] = {}
        self._changes: list[Change] = []
        self._tail_id: int | None = None
        self._tail: list[str] = []
        self._reset = False
        self._notices: deque[messages.ServerNotice] = deque(maxlen=MAX_NOTICES)
        self._lost_notices = 0
        self._ignored = 0
        self._tools: messages.ToolsAccepted | None = None
        self._outbox: messages.OutboxChanged | None = None
        self._storage: dict[str, messages.StorageNoticed] = {}

    def __bool__(self) -> bool:
        return bool(
            self._connection
            or self._ticket
            or self._changes
            or self._tail
            or self._reset
            or self._notices
            or self._ignored
            or self._tools
            or self._outbox
            or self._storage
        )

    @property
    def needs_snapshot(self) -> bool:
        """Whether the next batch has to bring the whole conversation."""
        return self._reset

    def put_connection(self, message: messages.ConnectionChanged) -> None:
        """Keep the latest status."""
        self._connection = message

    def put_ticket(self, message: messages.ClientMessage) -> None:
        """Keep the latest message of each kind, in order; a fresh ticket makes older ones moot."""
        if isinstance(message, messages.TicketRenewed):
            self._ticket.clear()
        self._ticket.pop(type(message), None)
        self._ticket[type(message)] = message

    def put_changes(self, changes: tuple[Change, ...]) -> None:
        """Add changes, merging text that continues the same message."""
        if self._reset:
            return
        for change in changes:
            if isinstance(change, TextAppended):
                if change.message_id != self._tail_id:
                    self._close_tail()
                    self._tail_id = change.message_id
                self._tail.append(change.text)
            else:
                self._close_tail()
                self._changes.append(change)
        if len(self._tail) > MAX_CHANGES:
            self._tail[:] = ["".join(self._tail)]
        if len(self._changes) > MAX_CHANGES:
            self.put_reset()

    def put_reset(self) -> None:
        """Forget single changes: the screen has to read the conversation again."""
        self._reset = True
        self._changes.clear()
        self._tail.clear()
        self._tail_id = None

    def put_notice(self, message: messages.ServerNotice) -> None:
        """Keep the latest few notices and count the others."""
        if len(self._notices) == MAX_NOTICES:
            self._lost_notices += 1
        self._notices.append(message)

    def put_ignored(self) -> None:
        """Count a frame that could not be used."""
        self._ignored += 1

    def put_tools(self, message: messages.ToolsAccepted) -> None:
        """Keep the latest list."""
        self._tools = message

    def put_outbox(self, message: messages.OutboxChanged) -> None:
        """Keep the latest state of the outbox."""
        self._outbox = message

    def put_storage(self, message: messages.StorageNoticed) -> None:
        """Keep the latest notice of each kind about what is kept on this machine."""
        self._storage[message.code] = message

    def take(self, snapshot: tuple[Message, ...] | None = None) -> list[messages.ClientMessage]:
        """Return everything as messages and start afresh.

        Args:
            snapshot: the whole conversation, needed when :attr:`needs_snapshot`.
        """
        batch: list[messages.ClientMessage] = []
        if self._connection is not None:
            batch.append(self._connection)
        batch.extend(self._ticket.values())
        self._close_tail()
        if self._reset and snapshot is not None:
            batch.append(messages.ConversationReset(snapshot))
        elif self._changes:
            batch.append(messages.ConversationChanged(tuple(self._changes)))
        if self._outbox is not None:
            batch.append(self._outbox)
        batch.extend(self._storage.values())
        if self._notices:
            self._notices[-1].more = self._lost_notices
            batch.extend(self._notices)
        if self._ignored:
            batch.append(messages.FrameIgnored(self._ignored))
        if self._tools is not None:
            batch.append(self._tools)
        self._forget()
        return batch

    def _close_tail(self) -> None:
        if self._tail_id is not None and self._tail:
            self._changes.append(TextAppended(self._tail_id, "".join(self._tail)))
        self._tail = []
        self._tail_id = None
