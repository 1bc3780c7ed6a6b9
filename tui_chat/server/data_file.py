"""The server's data file: threads and applied message ids, in SQLite.

One server at a time uses it: it is locked for as long as the server runs, and the lock ends with
the process, however that ends. It is written in a thread of its own, many changes in one
transaction when they come fast.
"""

from __future__ import annotations

import asyncio
import logging
import os
import queue
import secrets
import sqlite3
import stat
import threading
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path
from typing import Final

from tui_chat.errors import ConfigurationError
from tui_chat.server.journal import JournalFailed, Kept, KeptMessage, Operation

__all__ = ["DataFile"]

_log = logging.getLogger("tui_chat.server")

APPLICATION_ID: Final = 0x74636873
"""``tchs`` in ASCII; tells this file from other SQLite databases."""
VERSION: Final = 1
CLOSE_TIMEOUT: Final = 2.0
"""Seconds that the end of the server may take for what is not committed yet."""
MAX_BACKLOG: Final = 100_000
"""Changes that are kept for another try while nothing can be written."""

_SCHEMA: Final = """
CREATE TABLE facts (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE threads (
    provider_res_id TEXT PRIMARY KEY, touched INTEGER NOT NULL, body BLOB NOT NULL
) WITHOUT ROWID;
CREATE TABLE messages (
    thread TEXT NOT NULL, question INTEGER NOT NULL, part INTEGER NOT NULL, body BLOB NOT NULL,
    PRIMARY KEY (thread, question, part)
) WITHOUT ROWID;
CREATE TABLE received (
    number INTEGER PRIMARY KEY AUTOINCREMENT, owner TEXT NOT NULL, message_id TEXT NOT NULL,
    thread TEXT NOT NULL, body BLOB NOT NULL, asked INTEGER NOT NULL, finished INTEGER NOT NULL
);
CREATE INDEX received_ids ON received (owner, message_id);
"""

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
        self._work: queue.SimpleQueue[_Work | None] = queue.SimpleQueue()
        self._connection = _open(path)
        try:
            if max_pages:
                self._connection.execute(f"PRAGMA max_page_count = {max_pages:d}")
            self.receipts_id = self._receipts_id()
        except BaseException:
            self._connection.close()
            raise
        self._thread: threading.Thread | None = None
        self._closed = False

    def load(self) -> Kept:
        """Return what the file holds. Called once, before anything is recorded."""
        kept = Kept()
        try:
            rows = self._connection.execute("SELECT body FROM threads ORDER BY touched")
            kept.threads = [body for (body,) in rows]
            rows = self._connection.execute(
                "SELECT thread, question, part, body FROM messages ORDER BY thread, question, part"
            )
            for thread, question, part, body in rows:
                kept.messages.setdefault(thread, []).append((question, part, body))
            rows = self._connection.execute(
                "SELECT number, owner, message_id, thread, body, asked, finished FROM received"
                " ORDER BY number"
            )
            kept.received = [
                KeptMessage(number, owner, name, thread, body, bool(asked), bool(finished))
                for number, owner, name, thread, body, asked, finished in rows
            ]
        except sqlite3.DatabaseError as error:
            self._connection.close()
            raise _damaged(self._path) from error
        self._thread = threading.Thread(target=self._run, name="server data", daemon=True)
        self._thread.start()
        return kept

    def record(self, *operations: Operation) -> None:
        """Commit these soon, in one transaction."""
        self._work.put((list(operations), None))

    async def commit(self, *operations: Operation) -> None:
        """Commit these, and everything recorded before; return when that has been done.

        Raises:
            JournalFailed: if it has not. These are forgotten then; what was recorded before is
                tried again.
        """
        loop = asyncio.get_running_loop()
        done: asyncio.Future[None] = loop.create_future()

        def settle(error: BaseException | None) -> None:
            if done.done():
                return
            if error is None:
                done.set_result(None)
            else:
                done.set_exception(
                    JournalFailed("The server cannot keep anything right now. Try again later.")
                )

        def tell(error: BaseException | None) -> None:
            with suppress(RuntimeError):  # the loop is closed: nobody waits
                loop.call_soon_threadsafe(settle, error)

        self._work.put((list(operations), tell))
        await done

    async def aclose(self) -> None:
        """Commit what is left, and let go of the file. Idempotent."""
        if self._closed:
            return
        self._closed = True
        self._work.put(None)
        if self._thread is not None:
            await asyncio.to_thread(self._thread.join, CLOSE_TIMEOUT)
        else:
            self._connection.close()

    # -- inside -----------------------------------------------------------------------------------

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
        with closing(self._connection):
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
            except sqlite3.Error as error:
                if not self._backlog:
                    _log.error("the data file cannot be written: %s", error)
                # Whoever waits is told, and does without.
                kept = [each for work, tell in batch if tell is None for each in work]
                self._backlog = (self._backlog + kept)[-MAX_BACKLOG:]
                failure = error
        for _, tell in batch:
            if tell is not None:
                tell(failure)


def _open(path: Path) -> sqlite3.Connection:
    shown = f"The data file {str(path)!r}"
    try:
        _make(path)
        connection = sqlite3.connect(
            path, timeout=0.5, isolation_level=None, check_same_thread=False
        )
    except (OSError, sqlite3.Error) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise ConfigurationError(f"{shown} cannot be used: {reason}.") from error
    try:
        _prepare(connection, shown)
    except sqlite3.OperationalError as error:
        connection.close()
        if error.sqlite_errorcode == sqlite3.SQLITE_BUSY:
            raise ConfigurationError(
                f"{shown} is used by another server.", advice="Stop that one, or name another file."
            ) from error
        raise ConfigurationError(f"{shown} cannot be used: {error}.") from error
    except sqlite3.DatabaseError as error:
        connection.close()
        raise _damaged(path) from error
    except BaseException:
        connection.close()
        raise
    return connection


def _make(path: Path) -> None:
    """Make the file if there is none, and check that it is nobody else's."""
    flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0)
    if path.is_symlink():
        raise OSError(0, "it is a symbolic link")
    descriptor = os.open(path, flags, 0o600)
    try:
        status = os.fstat(descriptor)
    finally:
        os.close(descriptor)
    if not stat.S_ISREG(status.st_mode):
        raise OSError(0, "it is not a regular file")
    if hasattr(os, "geteuid") and status.st_uid != os.geteuid():
        raise OSError(0, "it belongs to another user")


def _prepare(connection: sqlite3.Connection, shown: str) -> None:
    connection.execute("PRAGMA locking_mode = EXCLUSIVE")
    connection.execute("BEGIN EXCLUSIVE")  # takes the lock, which is held from here on
    application = connection.execute("PRAGMA application_id").fetchone()[0]
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    tables = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
    if application != APPLICATION_ID and (tables or application):
        raise ConfigurationError(
            f"{shown} is not a server's data file.", advice="Name another file."
        )
    if version > VERSION:
        raise ConfigurationError(
            f"{shown} was written by a newer version of tui-chat.",
            advice="Use that version, or name another file.",
        )
    if not tables:
        for statement in _SCHEMA.split(";\n"):
            connection.execute(statement)
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {VERSION}")
    connection.execute("COMMIT")
    if connection.execute("PRAGMA quick_check(1)").fetchone()[0] != "ok":
        raise sqlite3.DatabaseError("malformed")
    # A process that is killed loses nothing that was committed; FULL would also survive the loss
    # of power, at the price of waiting for the disk with every message.
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = NORMAL")


def _damaged(path: Path) -> ConfigurationError:
    return ConfigurationError(
        f"The data file {str(path)!r} is damaged, or is no data file.",
        advice="Nothing in it was changed. Name another file, or move this one away.",
    )
