"""The outbox in memory: where each message stands, kept in step with record and conversation.

Nothing here waits for the network, and nothing decides when to send. Every change of an item goes
through :meth:`Ledger.move` or :meth:`Ledger.commit`, which refuse what the table of transitions
does not allow.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final

import msgspec

from tui_chat.clock import Clock
from tui_chat.conversation.conversation import Conversation
from tui_chat.conversation.model import Change, DeliveryChanged, DeliveryState
from tui_chat.conversation.reducer import user_sent
from tui_chat.delivery.item import FINAL, TRANSITIONS, OutboxItem, SecretReference, new_id
from tui_chat.delivery.record import ConversationRecord
from tui_chat.errors import NoSuchMessage, OutboxFull, StorageError
from tui_chat.telemetry import Telemetry, table

__all__ = ["Ledger"]

MAX_WAITING: Final = 1_000
"""Messages that may wait in one conversation."""
MAX_WAITING_CHARS: Final = 64 * 1024 * 1024
"""Characters they may hold together."""
MAX_REMEMBERED: Final = 100
"""Messages that arrived and of which the server did not say that they are stored."""


class Ledger:
    """The items of one conversation, in the order they were typed in.

    Args:
        record: where they are kept.
        conversation: where they are shown once they have been written.
        clock: for times that are shown, and for durations.
        telemetry: counts where messages go.
        apply: carries out changes of the conversation.
        changed: told whenever an item has changed.
    """

    def __init__(
        self,
        record: ConversationRecord,
        conversation: Conversation,
        *,
        clock: Clock,
        telemetry: Telemetry,
        apply: Callable[[Iterable[Change]], None],
        changed: Callable[[], object],
    ) -> None:
        self._record = record
        self._conversation = conversation
        self._clock = clock
        self._telemetry = telemetry
        self._apply = apply
        self._changed = changed
        self._items: dict[str, OutboxItem] = {}
        self._accepted_at: dict[str, float] = {}
        self._departed: dict[str, OutboxItem] = {}
        self._editing: Counter[str] = Counter()
        self._last_position = 0
        for item in sorted(record.items, key=lambda item: item.position):
            self._last_position = max(self._last_position, item.position)
            if item.state not in FINAL:
                self._items[item.id] = item

    def __iter__(self) -> Iterator[OutboxItem]:
        """Iterate over a copy: items may change meanwhile."""
        return iter(tuple(self._items.values()))

    def get(self, item_id: str) -> OutboxItem | None:
        """Return an item, None if it is not known or in a final state."""
        return self._items.get(item_id)

    def last_known(self, item_id: str) -> OutboxItem | None:
        """Return an item as it is, or as it was in its final state, while that is remembered."""
        return self._items.get(item_id) or self._departed.get(item_id)

    @property
    def repeated(self) -> frozenset[str]:
        """Ids of messages that were written more than once, as far as that is remembered."""
        known = (*self._items.values(), *self._departed.values())
        return frozenset(item.id for item in known if item.writes > 1)

    def __getitem__(self, item_id: str) -> OutboxItem:
        """Return an item.

        Raises:
            NoSuchMessage: if it is not known, or in a final state.
        """
        item = self._items.get(item_id)
        if item is None:
            raise NoSuchMessage("This message is not in the queue any more.")
        return item

    def in_state(self, *states: DeliveryState) -> Iterator[OutboxItem]:
        """Yield the items in any of these states, in order."""
        return (item for item in self if item.state in states)

    # -- changes ----------------------------------------------------------------------------------

    async def accept(
        self,
        text: str,
        media: Iterable[str],
        thread_id: str | None,
        mcp_headers: Mapping[str, Mapping[str, SecretReference]],
    ) -> OutboxItem:
        """Take a message in; it is committed when this returns.

        Raises:
            OutboxFull: if too much is waiting already.
            StorageError: if it could not be kept. Nothing was taken in then.
        """
        waiting = [item for item in self if not item.settled]
        chars = sum(len(item.text) for item in waiting)
        if len(waiting) >= MAX_WAITING or chars + len(text) > MAX_WAITING_CHARS:
            raise OutboxFull(
                f"{len(waiting)} messages are waiting to be sent already; no more fit.",
                advice="Wait until some have left, or drop some from the queue.",
            )
        self._last_position += 1
        item = OutboxItem(
            id=new_id(),
            position=self._last_position,
            text=text,
            created=self._clock.wall(),
            media=tuple(media),
            thread_id=thread_id,
            mcp_headers={server: dict(headers) for server, headers in mcp_headers.items()},
        )
        await self._record.save_items([item])
        self._items[item.id] = item
        if item.position != self._last_position:  # something moved behind it meanwhile
            self._sort()
        self._accepted_at[item.id] = self._clock.boot()
        self._telemetry.count(table.OUTBOX_MESSAGE_COUNT, state=item.state.value)
        self._changed()
        return item

    def move(
        self, item_id: str, state: DeliveryState, note: str = "", **fields: Any
    ) -> OutboxItem | None:
        """Change where an item stands, and record that soon.

        Args:
            item_id: which one; nothing happens if it is not known, or stands there already.
            state: where it stands from now on.
            note: why, for people.
            fields: other fields of the item that change along.

        Returns:
            The item as it is now, None if there is none.

        Raises:
            ValueError: if there is no such transition: a defect of the caller.
        """
        before = self._items.get(item_id)
        if before is None:
            return None
        item = self._changed_item(before, state, note, fields)
        if item == before:
            return item
        self._record.record_items([item])
        self._enter(before, item)
        return item

    async def commit(
        self, item_id: str, state: DeliveryState, note: str = "", **fields: Any
    ) -> OutboxItem:
        """Change where an item stands; committed when this returns.

        In memory it stands there at once, so that nobody else takes hold of it meanwhile.

        Raises:
            NoSuchMessage: if it is not known.
            StorageError: if it could not be kept; the item stands where it stood before.
            ValueError: if there is no such transition.
        """
        before = self[item_id]
        item = self._changed_item(before, state, note, fields)
        self._items[item_id] = item
        try:
            await self._record.save_items([item])
        except StorageError:
            if self._items.get(item_id) is item:
                self._items[item_id] = before
            raise
        now = self._items.get(item_id)
        if now is not None and now.state is state:  # another place or text at most
            self._enter(before, now)
        # Else a frame, or the loss of the connection, has moved it on: that came later.
        return item

    def show(self, item_id: str) -> OutboxItem:
        """Let a written item appear in the conversation, as a new message if it is not there yet.

        Raises:
            NoSuchMessage: if it is not known.
        """
        item = self[item_id]
        # The program may have ended when the message was kept already, and its number was not.
        message_id = item.message_id or self._standing(item_id)
        if message_id is not None:
            message = self._conversation.get(message_id)
            if message is not None and message.delivery is not item.state:
                now = self._clock.wall()
                self._apply([DeliveryChanged(message_id, item.state, now, item.note)])
            return item if item.message_id else self._shown(item, message_id)
        changes = user_sent(self._conversation, item.text, self._clock.wall(), outbox_id=item.id)
        message_id = self._conversation.next_id
        if item.state is not DeliveryState.WRITTEN:
            changes[1] = DeliveryChanged(message_id, item.state, self._clock.wall(), item.note)
            self._apply(changes)
        else:
            self._apply(changes[:1])  # whether a run begins with it is not decided here
        return self._shown(item, message_id)

    async def edit(self, item_id: str, text: str) -> OutboxItem:
        """Give an item another text; committed when this returns. It does not leave meanwhile.

        Raises:
            NoSuchMessage: if it is not known, or was given up meanwhile.
            StorageError: if it could not be kept; the item is as it was.
        """
        before = self[item_id]
        self._editing[item_id] += 1
        try:
            await self._record.save_items([msgspec.structs.replace(before, text=text)])
        finally:
            self._editing[item_id] -= 1
            self._editing += Counter()  # forgets those at zero
        now = self[item_id]
        if now.state is not DeliveryState.QUEUED:
            raise NoSuchMessage("This message was given up meanwhile.")
        item = self._items[item_id] = msgspec.structs.replace(now, text=text)
        if now is not before:  # changed meanwhile: what was kept then had the old text
            self._record.record_items([item])
        self._changed()
        return item

    def being_edited(self, item_id: str) -> bool:
        """Whether an item is about to have another text."""
        return item_id in self._editing

    def reorder(self, item_id: str, *, last: bool = False) -> None:
        """Move an item behind all others, or before them. Recorded soon.

        Raises:
            NoSuchMessage: if it is not known.
        """
        item = self[item_id]
        if last:
            self._last_position += 1
            position = self._last_position
        else:
            position = min((other.position for other in self), default=1) - 1
        moved = msgspec.structs.replace(item, position=position)
        self._items[item_id] = moved
        self._sort()
        self._record.record_items([moved])
        self._changed()

    # -- inside -----------------------------------------------------------------------------------

    def _sort(self) -> None:
        self._items = dict(sorted(self._items.items(), key=lambda pair: pair[1].position))

    def _standing(self, item_id: str) -> int | None:
        """Return the id of the message that shows an item, None if there is none."""
        found = (m.id for m in reversed(tuple(self._conversation)) if m.outbox_id == item_id)
        return next(found, None)

    def _shown(self, item: OutboxItem, message_id: int) -> OutboxItem:
        shown = self._items[item.id] = msgspec.structs.replace(item, message_id=message_id)
        self._record.record_items([shown])
        return shown

    def _changed_item(
        self, before: OutboxItem, state: DeliveryState, note: str, fields: dict[str, Any]
    ) -> OutboxItem:
        if state is not before.state and state not in TRANSITIONS[before.state]:
            raise ValueError(f"a message that is {before.state.value} cannot become {state.value}")
        return msgspec.structs.replace(before, state=state, note=note, **fields)

    def _enter(self, before: OutboxItem, item: OutboxItem) -> None:
        if item.state in FINAL:
            del self._items[item.id]
            self._departed[item.id] = item
            if len(self._departed) > MAX_REMEMBERED:
                del self._departed[next(iter(self._departed))]
        else:
            self._items[item.id] = item
        if item.message_id is not None and (
            item.state is not before.state or item.note != before.note
        ):
            self._apply(
                [DeliveryChanged(item.message_id, item.state, self._clock.wall(), item.note)]
            )
        if item.state is not before.state:
            self._measure(item)
        self._forget_old()
        self._changed()

    def _measure(self, item: OutboxItem) -> None:
        self._telemetry.count(table.OUTBOX_MESSAGE_COUNT, state=item.state.value)
        if item.state is DeliveryState.UNKNOWN:
            self._telemetry.event(table.OUTBOX_UNKNOWN)
        if item.settled and (accepted := self._accepted_at.pop(item.id, None)) is not None:
            self._telemetry.record(
                table.OUTBOX_DELIVERY_DURATION, self._clock.boot() - accepted, outcome=item.state
            )

    def _forget_old(self) -> None:
        """Bound what is remembered of messages whose server never says that they are stored."""
        arrived = [item for item in self._items.values() if item.state is DeliveryState.RECEIVED]
        for item in arrived[:-MAX_REMEMBERED] if len(arrived) > MAX_REMEMBERED else ():
            del self._items[item.id]
