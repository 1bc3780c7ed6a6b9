"""A conversation in the store, claimed for this program."""

from __future__ import annotations

import contextlib
import sqlite3
import threading
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tui_chat.conversation.model import Message
from tui_chat.delivery.item import FINAL, OutboxItem
from tui_chat.errors import StorageError
from tui_chat.storage import catalogue
from tui_chat.storage.batch import Batch
from tui_chat.storage.failures import closed

if TYPE_CHECKING:
    from tui_chat.storage.engine import Engine

__all__ = ["StoredConversation"]


@dataclass
class _Save:
    """Items that somebody waits for; ``failure`` says what went wrong."""

    items: dict[str, OutboxItem]
    failure: StorageError | None = None


class StoredConversation:
    """One conversation's place in the store; only this program writes to it.

    Its methods may be called from any thread or event loop, though by one at a time where their
    order matters. What is handed over is carried out in the order of the calls, in the thread of
    the store.

    Attributes:
        id: names it; 32 hexadecimal digits.
        scope: with which server, and on whose behalf.
        thread_id: the server's name for the thread, as it was when the conversation was claimed.
        messages: those there were at that moment, oldest first; they belong to the caller.
        items: the outbox as it was at that moment, in order.
        draft: what stood in the prompt at that moment.
    """

    def __init__(self, engine: Engine, loaded: catalogue.Loaded) -> None:
        self._engine = engine
        self.id = loaded.id
        self.scope = loaded.scope
        self.thread_id = loaded.thread_id
        self.draft = loaded.draft
        self.messages: Sequence[Message] = loaded.messages
        self.items: Sequence[OutboxItem] = tuple(loaded.items.values())
        self._created = loaded.created
        self._released = False
        self._guard = threading.Lock()
        self._handed: deque[Batch | _Save] = deque()
        # From here on in the thread of the store only. What is kept stays in memory as well: a
        # database that turns out to be damaged is written anew from it.
        self._number = loaded.number
        self._dirty = Batch()
        self._rows = loaded.rows
        self._kept = Batch({}, dict(loaded.items), loaded.thread_id, loaded.draft or None)

    # -- the port ---------------------------------------------------------------------------------

    async def save_items(self, items: Sequence[OutboxItem]) -> None:
        """Keep these items, new or changed, all or none; they are on the disk when this returns.

        Cancelling the call stops the waiting; they are kept, or not, as a whole.

        Raises:
            StorageError: if they could not be kept. Nothing has changed then.
        """
        save = _Save({item.id: item for item in items})
        with self._guard:
            if self._released:
                raise closed()
            self._handed.append(save)
        await self._engine.thread.call(self._work_off)
        if save.failure is not None:
            raise save.failure

    def record_items(self, items: Sequence[OutboxItem]) -> None:
        """Keep these items soon; nobody waits. A failure is tried again and made known."""
        self._hand_over(Batch(items={item.id: item for item in items}))

    def record_messages(self, messages: Iterable[Message]) -> None:
        """Keep these messages, new or changed, soon. They are copied at once. Never blocks."""
        self._hand_over(Batch({message.id: message.copy() for message in messages}))

    def record_thread(self, thread_id: str) -> None:
        """Keep the server's name for the thread, soon."""
        self._hand_over(Batch(thread_id=thread_id))

    def record_draft(self, text: str) -> None:
        """Keep what stands in the prompt, soon."""
        self._hand_over(Batch(draft=text))

    async def flush(self) -> None:
        """Return when everything handed over before is kept, or has failed."""
        with contextlib.suppress(StorageError):  # the store is closed: it is kept, or has failed
            await self._engine.thread.call(self._work_off)

    async def release(self) -> None:
        """Keep what is still to be kept and give the conversation up, for others to claim."""
        with self._guard:
            if self._released:
                return
            self._released = True
        with contextlib.suppress(StorageError):  # the store is closed, which released it
            await self._engine.thread.call(self.give_up)

    def _hand_over(self, batch: Batch) -> None:
        with self._guard:
            if self._released or not batch:
                return
            if self._handed and isinstance(last := self._handed[-1], Batch):
                last.add(batch)
                return
            self._handed.append(batch)
        self._engine.thread.post(self._work_off)

    # -- in the thread of the store ---------------------------------------------------------------

    def give_up(self) -> None:
        """Keep what is left and release the claim. Never raises."""
        with self._guard:
            self._released = True
        self._work_off()
        self._engine.forget(self, lost=bool(self._dirty))

    def retry(self) -> None:
        """Try once more to keep what could not be kept. Never raises."""
        self._work_off()

    def restore(self, connection: sqlite3.Connection) -> None:
        """Write all of it into a new database, and claim it there."""
        engine = self._engine
        now, seen = engine.clock.wall(), engine.seen.now()
        row = connection.execute(
            "SELECT number FROM conversations WHERE id = ?", (self.id,)
        ).fetchone()
        self._number = (
            catalogue.create(connection, self.scope, self._created, seen, self.id)
            if row is None
            else row[0]
        )
        catalogue.claimed(connection, self._number, engine.database.instances.own, now, seen)
        catalogue.write_rows(connection, self._number, self._rows)
        catalogue.write(connection, self._number, self._kept, now, seen)

    @property
    def number(self) -> int:
        """What the database calls it; another one after it was written anew."""
        return self._number

    def _work_off(self) -> None:
        """Write what has been handed over, in order. Never raises."""
        while True:
            with self._guard:
                each = self._handed.popleft() if self._handed else None
            if each is None:
                break
            if isinstance(each, Batch):
                self._dirty.add(each)
            else:
                self._save(each)
        if self._dirty:
            try:
                self._write(self._dirty)
            except StorageError as error:
                self._engine.trouble(error)
            else:
                self._dirty = Batch()
                self._engine.all_well()

    def _save(self, save: _Save) -> None:
        try:
            self._write(self._dirty.with_items(save.items))
        except StorageError as error:
            if not self._dirty:
                save.failure = error
                return
        else:
            self._dirty = Batch()
            return
        # What somebody waits for must not fail because of something else.
        try:
            self._write(Batch(items=save.items))
        except StorageError as error:
            save.failure = error
        else:
            for item_id in save.items:
                self._dirty.items.pop(item_id, None)

    def _write(self, batch: Batch) -> None:
        engine = self._engine
        now, seen = engine.clock.wall(), engine.seen.now()

        def write(connection: sqlite3.Connection) -> None:
            # The number is looked up late: a damaged database is replaced before a second try.
            catalogue.write(connection, self._number, batch, now, seen)

        engine.database.write(write, *batch.kinds())
        self._kept.add(batch)
        for item in batch.items.values():
            if item.state in FINAL:
                self._kept.items.pop(item.id, None)
