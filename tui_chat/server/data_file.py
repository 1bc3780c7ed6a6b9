"""The server's data file: threads and applied message ids, in SQLite.

One server at a time uses it: it is locked for as long as the server runs, and the lock ends with
the process, however that ends. It is written in a thread of its own, many changes in one
transaction when they come fast.
"""

from __future__ import annotations

import asyncio
import logging
import queue
import secrets
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from tui_chat.server.data_file_access import claim, connect, damaged, release
from tui_chat.server.journal import JournalFailed, Kept, KeptMessage, Operation

__all__ = ["DataFile"]

_log = logging.getLogger("tui_chat.server")

CLOSE_TIMEOUT: Final = 2.0
"""Seconds that the end of the server may take for what is not committed yet."""
MAX_BACKLOG: Final = 100_000
"""Changes that are kept for another try while nothing can be written."""

_NOT_NOW: Final = "The server cannot keep anything right now. Try again later."

_Work = tuple[list[Operation], "Callable[[BaseException | None], None] | None"]


class DataFile:
    """A journal in a file.

    Args:
        path: the file; made, readable by its owner only, if there is none.
        max_pages: size limit in pages of SQLite, 0 for none. For tests.

    Raises:
        ConfigurationError: if it cannot be used: it is not this program's, is damaged, is of a
            newer version, belongs to somebody else, or another server uses it.
    """

    def __init__(self, path: Path, *, max_pages: int = 0) -> None:
        self._path = path
        self._backlog: list[Operation] = []
        self._held_together: list[Operation] | None = None
        self._work: queue.SimpleQueue[_Work | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._closed = False
        self._identity = claim(path)
        try:
            self._connection = connect(path)
        except BaseException:
            release(self._identity)
            raise
        try:
            if max_pages:
                self._connection.execute(f"PRAGMA max_page_count = {max_pages:d}")
            self.receipts_id = self._receipts_id()
        except BaseException:
            self._let_go()
            raise

    def load(self) -> Kept:
        """Return what the file holds. Called once, before anything is recorded."""
        kept = Kept()
        try:
            rows = self._connection.execute("SELECT touched, body FROM threads ORDER BY touched")
            kept.threads = list(rows)
            rows = self._connection.execute(
                "SELECT thread, question, part, body FROM messages ORDER BY thread, question, part"
            )
            for thread, question, part, body in rows:
                kept.messages.setdefault(thread, []).append((question, part, body))
            rows = self._connection.execute(
                "SELECT number, owner, message_id, thread, thread_id, body, asked, finished"
                " FROM received ORDER BY number"
            )
            for *text, body, asked, finished in rows:
                number, owner, name, thread, thread_id = text
                kept.received.append(
                    KeptMessage(
                        number, owner, name, thread, thread_id, body, bool(asked), bool(finished)
                    )
                )
        except sqlite3.DatabaseError as error:
            self._let_go()
            raise damaged(self._path) from error
        self._thread = threading.Thread(target=self._run, name="server data", daemon=True)
        self._thread.start()
        return kept

    def record(self, *operations: Operation) -> None:
        """Commit these soon, in one transaction."""
        if self._held_together is not None:
            self._held_together += operations
        elif operations:
            self._work.put((list(operations), None))

    @contextmanager
    def together(self) -> Iterator[None]:
        """Commit what is recorded within the block in one transaction."""
        held = self._held_together = []
        try:
            yield
        finally:
            # Also after an error: memory has changed, and the file must follow.
            self._held_together = None
            self.record(*held)

    async def commit(self, *operations: Operation) -> None:
        """Commit these, and everything recorded before; return when that has been done.

        Raises:
            JournalFailed: if it has not. These are forgotten then; what was recorded before is
                tried again.
        """
        if self._closed:
            raise JournalFailed(_NOT_NOW)
        loop = asyncio.get_running_loop()
        done: asyncio.Future[None] = loop.create_future()

        def settle(error: BaseException | None) -> None:
            if done.done():
                return
            if error is None:
                done.set_result(None)
            else:
                done.set_exception(JournalFailed(_NOT_NOW))

        def tell(error: BaseException | None) -> None:
            with suppress(RuntimeError):  # the loop is closed: nobody waits
                loop.call_soon_threadsafe(settle, error)

        self._work.put((list(operations), tell))
        await done

    async def aclose(self) -> None:
        """Commit what is left, and let go of the file. Idempotent."""
        if not self._closed:
            await asyncio.to_thread(self.close)

    def close(self) -> None:
        """Do the same without an event loop; takes :data:`CLOSE_TIMEOUT` at most."""
        if self._closed:
            return
        self._closed = True
        if self._thread is None:
            self._let_go()
        else:
            self._work.put(None)
            self._thread.join(CLOSE_TIMEOUT)

    # -- inside -----------------------------------------------------------------------------------

    def _let_go(self) -> None:
        self._connection.close()
        release(self._identity)

    def _receipts_id(self) -> str:
        found = self._connection.execute(
            "SELECT value FROM facts WHERE name = 'receipts_id'"
        ).fetchone()
        if found is not None:
            return str(found[0])
        made = secrets.token_urlsafe(12)
        with self._connection:
            self._connection.execute("INSERT INTO facts VALUES ('receipts_id', ?)", (made,))
        return made

    def _run(self) -> None:
        try:
            while True:
                batch = [self._work.get()]
                while True:
                    try:
                        batch.append(self._work.get_nowait())
                    except queue.Empty:
                        break
                self._write([work for work in batch if work is not None])
                if None in batch:
                    return
        finally:
            self._let_go()

    def _write(self, batch: list[_Work]) -> None:
        operations = self._backlog + [each for work, _ in batch for each in work]
        failure: BaseException | None = None
        if operations:
            try:
                with self._connection:
                    self._connection.execute("BEGIN IMMEDIATE")
                    for statement, values in operations:
                        self._connection.execute(statement, values)
                self._backlog = []
            except Exception as error:  # noqa: BLE001 - whoever waits would wait for ever
                if not self._backlog:
                    _log.error("the data file cannot be written: %s", error)
                # Whoever waits is told, and does without.
                kept = [each for work, tell in batch if tell is None for each in work]
                self._backlog = (self._backlog + kept)[-MAX_BACKLOG:]
                failure = error
        for _, tell in batch:
            if tell is not None:
                tell(failure)
