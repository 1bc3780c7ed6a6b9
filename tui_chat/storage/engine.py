"""What the store does in its thread: everything that touches the database."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Callable
from typing import Final

from tui_chat.clock import Clock
from tui_chat.delivery.item import OutboxItem
from tui_chat.errors import ConversationBusy, StorageError
from tui_chat.storage import catalogue, listing, prompts, purging, searching
from tui_chat.storage.conversation import StoredConversation
from tui_chat.storage.database import Database
from tui_chat.storage.seen import DAY, MOST_BETWEEN_RUNS, SeenTime
from tui_chat.storage.thread import StorageThread
from tui_chat.storage.values import (
    ConversationSummary,
    PurgeReport,
    Retention,
    Say,
    Scope,
    SearchHit,
)

__all__ = ["Engine"]

WATCH: Final = 2.0
"""Seconds between two looks whether the file and the lock are still there, while nothing is
written: whatever goes on without them is lost, or taken for a dead program's."""


class Engine:
    """The database and the conversations that are open, in the thread of the store.

    Every method but ``__init__`` runs there.

    Args:
        thread: the thread.
        database: not open yet.
        clock: the machine's clocks.
        retention: how long things are kept.
        say: makes a notice.
        retry_interval: seconds after which what could not be kept is tried again.
    """

    def __init__(
        self,
        thread: StorageThread,
        database: Database,
        *,
        clock: Clock,
        retention: Retention,
        say: Say,
        retry_interval: float,
    ) -> None:
        self.thread = thread
        self.database = database
        database.restore = self.restore
        self.clock = clock
        most = MOST_BETWEEN_RUNS
        if retention.days is not None:
            most = min(most, retention.days * DAY / 2)  # a clock set ahead must not reach it
        self.seen = SeenTime(clock, most)
        self._retention = retention
        self._say = say
        self._retry_interval = retry_interval
        self._open: dict[str, StoredConversation] = {}
        self._troubles: set[str] = set()
        self._orphans: set[int] = set()

    # -- the store's life -------------------------------------------------------------------------

    def open(self) -> None:
        """Open the database. Never raises for the state of the disk."""
        self.database.open()

        def begin(connection: sqlite3.Connection) -> None:
            self.seen.resume(connection)
            self._orphans = catalogue.forget_dead(connection, self.database.instances)

        try:
            self.database.write(begin)
        except StorageError as error:
            if not self._leaves_file(error):
                self.trouble(error)
        if self.database.kind == "file":
            self.thread.watch(WATCH, self._look)

    def close(self) -> None:
        """Give up all conversations and close the database. Never raises."""
        for conversation in tuple(self._open.values()):
            conversation.give_up()

        def end(connection: sqlite3.Connection) -> None:
            self.seen.keep(connection)
            connection.execute(
                "DELETE FROM instances WHERE id = ?", (self.database.instances.own.id,)
            )

        # Whatever stands in the database then, the next one finds the lock free.
        with contextlib.suppress(StorageError):
            self.database.write(end)
        self.database.close()

    def restore(self, connection: sqlite3.Connection) -> None:
        """Write what is open into a database that has taken the place of a damaged one."""
        self.seen.keep(connection)
        for conversation in self._open.values():
            conversation.restore(connection)

    # -- conversations ----------------------------------------------------------------------------

    def resume(self, scope: Scope, *, fresh: bool) -> StoredConversation:
        """Claim the conversation of a scope that was used last, or a new one.

        Raises:
            StorageError: if that cannot be written down.
        """

        def claim(connection: sqlite3.Connection) -> catalogue.Loaded:
            now, seen = self.clock.wall(), self.seen.now()
            instances = self.database.instances
            number = (
                None
                if fresh
                else catalogue.latest_unclaimed(connection, scope, instances, self._orphans)
            )
            if number is None:
                number = catalogue.create(connection, scope, now, seen)
            catalogue.claimed(connection, number, instances.own, now, seen)
            return catalogue.load(connection, number)

        try:
            loaded = self.database.write(claim, "claim")
        except StorageError as error:
            if not self._leaves_file(error):
                raise
            loaded = self.database.write(claim, "claim")
        conversation = self._opened(loaded)
        self._forget_old()
        return conversation

    def _leaves_file(self, error: StorageError) -> bool:
        """Go over to memory if the program could not even start otherwise; say whether it did."""
        if self.database.kind != "file" or error.code not in ("DISK_FULL", "READ_ONLY"):
            return False
        self.database.leave_file(error)
        return True

    def claim(self, conversation_id: str) -> StoredConversation:
        """Claim a certain conversation.

        Raises:
            ConversationBusy: if a living program has it open.
            StorageError: if there is none of that id, or it cannot be written down.
        """
        if self.database.kind == "read_only":
            raise StorageError(
                "The database was written by a newer version of tui-chat and is not changed.",
                advice="Update tui-chat.",
                code="NEWER",
            )

        def claim(connection: sqlite3.Connection) -> catalogue.Loaded:
            instances = self.database.instances
            row = connection.execute(
                "SELECT number, claimed_by FROM conversations WHERE id = ?", (conversation_id,)
            ).fetchone()
            if row is None:
                raise StorageError("There is no conversation of that id.")
            living = catalogue.holder(row[1], catalogue.instances_of(connection), instances)
            if living is not None:
                raise ConversationBusy(
                    "Another running tui-chat has this conversation open"
                    + (f" (process {living.pid})." if living.pid else "."),
                    advice="End it, or go on there.",
                    pid=living.pid or None,
                )
            now, seen = self.clock.wall(), self.seen.now()
            catalogue.claimed(connection, row[0], instances.own, now, seen)
            return catalogue.load(connection, row[0])

        return self._opened(self.database.write(claim, "claim"))

    def _opened(self, loaded: catalogue.Loaded) -> StoredConversation:
        if loaded.unreadable:
            self._say(
                "UNREADABLE",
                f"{loaded.unreadable} unsent message(s) of this conversation cannot be read. "
                "They are left in the database as they are.",
            )
        conversation = self._open[loaded.id] = StoredConversation(self, loaded)
        return conversation

    def forget(self, conversation: StoredConversation, *, lost: bool) -> None:
        """Release the claim on a conversation. Never raises."""
        if self._open.pop(conversation.id, None) is None:
            return
        if lost:
            self._say(
                "LOST",
                "Some of the last messages of the conversation could not be kept on the disk and "
                "are lost with the end of the program.",
            )
        own = self.database.instances.own
        try:
            self.database.write(
                lambda connection: catalogue.release(connection, conversation.number, own),
                "release",
            )
        except StorageError as error:
            self.trouble(error)

    def _forget_old(self) -> None:
        if self._retention.days is None or self.database.kind != "file":
            return
        try:
            count = purging.forget_old(self.database, self._retention.days, self.seen.now())
        except StorageError as error:
            self.trouble(error)
            return
        if count:
            self._say(
                "RETENTION",
                f"{count} conversation(s) that were not used for {self._retention.days:g} days "
                "have been deleted, as the retention setting says.",
            )

    # -- lists ------------------------------------------------------------------------------------

    def conversations(self, scope: Scope | None) -> list[ConversationSummary]:
        """Return what there is, the latest first.

        Raises:
            StorageError: if it cannot be read.
        """
        instances = self.database.instances
        return self.database.read(
            lambda connection: [
                summary for _, summary in listing.listed(connection, scope, instances)
            ],
            archive=True,
        )

    def outbox(
        self, scope: Scope | None
    ) -> list[tuple[ConversationSummary, tuple[OutboxItem, ...]]]:
        """Return the conversations with unsent messages, and those.

        Raises:
            StorageError: if they cannot be read.
        """
        instances = self.database.instances
        return self.database.read(
            lambda connection: listing.outbox(connection, scope, instances), archive=True
        )

    def search(self, scope: Scope, words: str, given_up: Callable[[], bool]) -> list[SearchHit]:
        """Return the messages that hold some words.

        Raises:
            StorageError: if they cannot be read.
        """
        return self.database.read(
            lambda connection: searching.search(connection, scope, words, given_up), archive=True
        )

    def purge(self, *, older_than: float | None, everything: bool, unsent: bool) -> PurgeReport:
        """Delete, and leave no trace in the file.

        Raises:
            StorageError: if it cannot be done.
        """
        if self.database.kind == "read_only":
            raise StorageError(
                "The database was written by a newer version of tui-chat and is not changed.",
                advice="Update tui-chat, then purge.",
                code="NEWER",
            )
        before = None if older_than is None else self.clock.wall() - older_than
        return purging.purge(self.database, before=before, everything=everything, unsent=unsent)

    # -- prompts ----------------------------------------------------------------------------------

    def add_prompt(self, text: str) -> None:
        """Remember a prompt.

        Raises:
            StorageError: if it cannot be kept.
        """
        now, seen = self.clock.wall(), self.seen.now()
        self.database.write(lambda connection: prompts.add(connection, text, now, seen), "prompt")

    def prompts(self, limit: int) -> list[str]:
        """Return the prompts remembered, the latest last.

        Raises:
            StorageError: if they cannot be read.
        """
        return self.database.read(
            lambda connection: prompts.latest(connection, limit), archive=True
        )

    # -- trouble ----------------------------------------------------------------------------------

    def trouble(self, error: StorageError) -> None:
        """Make a failure that nobody waits for known, once for each kind; try again later."""
        if error.code not in self._troubles:
            self._troubles.add(error.code)
            self._say(error.code, f"{error} It is tried again every few seconds.")
        self.thread.call_later(self._retry_interval, self._retry)

    def all_well(self) -> None:
        """Say once that what could not be kept before is kept now."""
        if self._troubles:
            self._troubles.clear()
            self._say("WORKS_AGAIN", "What could not be kept on the disk before is kept now.")

    def _look(self) -> None:
        """See whether the file is still there. Nobody waits for this."""
        with contextlib.suppress(StorageError):  # the next write meets it again, and says so
            self.database.look()

    def _retry(self) -> None:
        for conversation in tuple(self._open.values()):
            conversation.retry()
