"""The store: what is kept on this machine, for any event loop."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Final, TypeVar

from tui_chat.clock import Clock, SystemClock
from tui_chat.daemon_thread import call_in_daemon_thread
from tui_chat.delivery.item import OutboxItem
from tui_chat.errors import StorageError
from tui_chat.storage.conversation import StoredConversation
from tui_chat.storage.database import Database, Kind
from tui_chat.storage.engine import Engine
from tui_chat.storage.failures import closed
from tui_chat.storage.folder import data_folder
from tui_chat.storage.searching import search_file
from tui_chat.storage.surroundings import Surroundings
from tui_chat.storage.thread import StorageThread
from tui_chat.storage.values import (
    ConversationSummary,
    Probe,
    PurgeReport,
    Retention,
    Scope,
    SearchHit,
    StorageNotice,
)
from tui_chat.text import clean

__all__ = ["Store"]

CLOSE_TIMEOUT: Final = 3.0
"""Seconds that a disk which hangs may delay the end of the program."""

_T = TypeVar("_T")
OnNotice = Callable[[StorageNotice], object]


def _nothing(_: str) -> None:
    pass


class Store:
    """Conversations, outbox, drafts and prompts of one user, in one SQLite database.

    Several programs may use the same store at the same time; each conversation is open in one of
    them. All work is done in a thread of the store's own, so nothing here blocks an event loop,
    and any event loop may call. Open one with :meth:`open` or :meth:`ephemeral`.
    """

    def __init__(self, engine: Engine, notices: _Notices) -> None:
        self._engine = engine
        self._notices = notices
        self._closing = False

    @classmethod
    async def open(
        cls,
        folder: Path | None = None,
        *,
        clock: Clock | None = None,
        retention: Retention | None = None,
        on_notice: OnNotice | None = None,
        probe: Probe = _nothing,
        surroundings: Surroundings | None = None,
    ) -> Store:
        """Open the store, whatever is on the disk; where that cannot be used, one in memory.

        Args:
            folder: where it is; by default :func:`tui_chat.storage.data_folder`.
            clock: for what is shown and for retention; nothing is ordered by it.
            retention: how long conversations are kept; by default for ever.
            on_notice: told each notice, in the event loop that opens the store.
            probe: called in the store's thread at each of
                :data:`~tui_chat.storage.WRITE_POINTS`; for tests.
            surroundings: what is taken from the machine; for tests.
        """
        try:
            place = data_folder() if folder is None else folder
        except (RuntimeError, OSError):  # there is no home folder
            place = Path()  # not absolute: it is said why it is not used
        return await cls._open(place, clock, retention, on_notice, probe, surroundings)

    @classmethod
    async def ephemeral(
        cls,
        *,
        clock: Clock | None = None,
        retention: Retention | None = None,
        on_notice: OnNotice | None = None,
        probe: Probe = _nothing,
        surroundings: Surroundings | None = None,
    ) -> Store:
        """Open a store that keeps everything in memory and nothing beyond its closing."""
        return await cls._open(None, clock, retention, on_notice, probe, surroundings)

    @classmethod
    async def _open(
        cls,
        folder: Path | None,
        clock: Clock | None,
        retention: Retention | None,
        on_notice: OnNotice | None,
        probe: Probe,
        surroundings: Surroundings | None,
    ) -> Store:
        clock, surroundings = clock or SystemClock(), surroundings or Surroundings()
        notices = _Notices(on_notice)
        thread = StorageThread()
        database = Database(
            folder,
            surroundings,
            clock=clock,
            say=notices.say,
            probe=probe,
        )
        engine = Engine(
            thread,
            database,
            clock=clock,
            retention=retention or Retention(),
            say=notices.say,
            retry_interval=surroundings.retry_interval,
        )
        store = cls(engine, notices)
        try:
            await thread.call(engine.open)
        except BaseException:
            thread.post(engine.close)
            thread.stop()
            raise
        return store

    # -- what it is -------------------------------------------------------------------------------

    @property
    def notices(self) -> tuple[StorageNotice, ...]:
        """What there was to say about the store so far."""
        return self._notices.all

    @property
    def kind(self) -> Kind:
        """Where it is kept.

        ``file``; ``memory`` where nothing outlives the program; ``read_only`` where the file is a
        newer version's, which can be listed while this session is in memory.
        """
        return self._engine.database.kind

    @property
    def path(self) -> Path | None:
        """The database file, None in memory."""
        return self._engine.database.path

    # -- conversations ----------------------------------------------------------------------------

    async def resume(self, scope: Scope, *, fresh: bool = False) -> StoredConversation:
        """Claim the conversation of a scope that was used last and that no living program has open.

        Args:
            scope: with which server, and on whose behalf.
            fresh: begin a new conversation in any case; one is begun as well if there is none.

        Raises:
            StorageError: if that cannot be written down.
        """
        return await self._claim(lambda: self._engine.resume(scope, fresh=fresh))

    async def claim(self, conversation_id: str) -> StoredConversation:
        """Claim a certain conversation.

        Raises:
            ConversationBusy: if a living program has it open, this one included.
            StorageError: if there is none of that id, or it cannot be written down.
        """
        return await self._claim(lambda: self._engine.claim(conversation_id))

    async def _claim(self, claim: Callable[[], StoredConversation]) -> StoredConversation:
        given_up = threading.Event()

        def work() -> StoredConversation:
            conversation = claim()
            if given_up.is_set():
                conversation.give_up()
            return conversation

        try:
            return await self._call(work)
        except asyncio.CancelledError:
            given_up.set()  # or nobody could ever release it
            raise

    async def conversations(self, scope: Scope | None = None) -> list[ConversationSummary]:
        """Return what there is, the latest first; of one scope, or all.

        Raises:
            StorageError: if it cannot be read.
        """
        return await self._call(lambda: self._engine.conversations(scope))

    async def outbox(
        self, scope: Scope | None = None
    ) -> list[tuple[ConversationSummary, tuple[OutboxItem, ...]]]:
        """Return each conversation that holds messages not settled, or failed, and those in order.

        Raises:
            StorageError: if they cannot be read.
        """
        return await self._call(lambda: self._engine.outbox(scope))

    async def search(self, scope: Scope, words: str) -> list[SearchHit]:
        """Return the messages that hold some words as they stand, latest conversation first.

        Case matters if the words have a capital. At most
        :data:`~tui_chat.storage.searching.MOST_HITS`; cancelling ends the search.

        Raises:
            StorageError: if they cannot be read.
        """
        path, given_up = self.path, threading.Event()
        try:
            if path is None or self._engine.database.kind != "file":
                return await self._call(lambda: self._engine.search(scope, words, given_up.is_set))
            return await call_in_daemon_thread(
                lambda: search_file(path, scope, words, given_up.is_set), name="search"
            )
        except sqlite3.Error as error:
            raise StorageError(
                "The conversations cannot be searched at the moment.", code="SEARCH"
            ) from error
        finally:
            given_up.set()

    async def purge(
        self, *, older_than: float | None = None, everything: bool = False, unsent: bool = False
    ) -> PurgeReport:
        """Delete conversations and prompts; the file holds nothing of them afterwards.

        Conversations that are open stay.

        Args:
            older_than: seconds by the wall clock since the last use.
            everything: all of them, whatever their age.
            unsent: also those with messages that are not settled, which stay otherwise.

        Raises:
            StorageError: if it cannot be done; then all are still there.
        """
        return await self._call(
            lambda: self._engine.purge(older_than=older_than, everything=everything, unsent=unsent)
        )

    # -- prompts ----------------------------------------------------------------------------------

    async def add_prompt(self, text: str) -> None:
        """Remember what was typed, for recalling it; the same twice in a row is kept once.

        Raises:
            StorageError: if it cannot be kept.
        """
        await self._call(lambda: self._engine.add_prompt(text))

    async def prompts(self, limit: int = 1000) -> list[str]:
        """Return what was typed before, the latest last, at most ``limit`` of them.

        Raises:
            StorageError: if it cannot be read.
        """
        return await self._call(lambda: self._engine.prompts(limit))

    # -- the end ----------------------------------------------------------------------------------

    async def aclose(self) -> None:
        """Keep what is still to be kept, give up all conversations and close. Idempotent.

        Takes :data:`CLOSE_TIMEOUT` seconds at most: a thread that hangs in a dead disk is left
        behind, and the operating system releases what it holds at the end of the process.
        """
        thread = self._engine.thread
        if not self._closing:
            self._closing = True
            thread.post(self._engine.close)
            thread.stop()
        if not await thread.join(CLOSE_TIMEOUT):
            self._notices.say(
                "CLOSING",
                "The disk does not answer; the end of the program does not wait for it. The last "
                "changes may not have been kept.",
            )

    async def _call(self, job: Callable[[], _T]) -> _T:
        if self._closing:
            raise closed()
        return await self._engine.thread.call(job)


class _Notices:
    """Collects notices, and tells them in the event loop that opened the store."""

    def __init__(self, on_notice: OnNotice | None) -> None:
        self._loop = asyncio.get_running_loop()
        self._on_notice = on_notice
        self.all: tuple[StorageNotice, ...] = ()

    def say(self, code: str, sentence: str) -> None:
        notice = StorageNotice(code, clean(sentence))
        self.all = (*self.all[-99:], notice)
        if self._on_notice is not None:
            with contextlib.suppress(RuntimeError):  # that loop has ended
                self._loop.call_soon_threadsafe(self._on_notice, notice)
