"""Connections to SQLite: how they are set up, their journal, whether the file is sound."""

from __future__ import annotations

import sqlite3
import time
from pathlib import Path
from typing import Final

from tui_chat.text import one_line

__all__ = ["check", "choose_journal", "connect", "slower_journal"]

_BUSY_TIMEOUT: Final = 5_000
"""Milliseconds that a transaction waits for those of other processes."""
_CHECK_TIME: Final = 0.25
"""Seconds that looking for damage may delay the start; the rest is noticed when it is read."""
_WAL_LIMIT: Final = 4 * 1024 * 1024
"""Bytes that the write-ahead log may keep on the disk when nothing is in it."""


def connect(address: str, *, writing: bool = True) -> sqlite3.Connection:
    """Return a connection in autocommit mode.

    Args:
        address: as a URI (https://www.sqlite.org/uri.html), or ``:memory:``.
        writing: whether anything is going to be written through it.

    Raises:
        sqlite3.Error: if it cannot be made.
    """
    connection = sqlite3.connect(address, uri=True, isolation_level=None)
    try:
        connection.text_factory = _text
        # Nothing of it goes to a folder for temporary files, where VACUUM would put it.
        pragmas = ["temp_store = MEMORY", f"busy_timeout = {_BUSY_TIMEOUT}", "foreign_keys = ON"]
        if writing:
            # On macOS an ordinary fsync returns before the disk has it.
            pragmas += ["synchronous = FULL", "fullfsync = ON", "checkpoint_fullfsync = ON"]
        for pragma in (*pragmas, "trusted_schema = OFF", "cell_size_check = ON"):
            connection.execute(f"PRAGMA {pragma}")
    except BaseException:
        connection.close()
        raise
    return connection


def choose_journal(connection: sqlite3.Connection, *, network: bool) -> str:
    """Use the write-ahead log where that works; return the journal mode, in lower case.

    Args:
        connection: to a file.
        network: whether that file is known to be where the log does not work.

    Raises:
        sqlite3.Error: if the database cannot be used.
    """
    if not network:
        try:
            if _pragma(connection, "journal_mode = WAL") == "wal":
                connection.execute(f"PRAGMA journal_size_limit = {_WAL_LIMIT}")
                return "wal"
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode == sqlite3.SQLITE_FULL:
                raise  # no other journal has more space
    else:
        # A database that was in WAL mode cannot even be read there without this.
        connection.execute("PRAGMA locking_mode = EXCLUSIVE")
    mode = _pragma(connection, "journal_mode = TRUNCATE")
    connection.execute("PRAGMA locking_mode = NORMAL")
    connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()  # lets the lock go
    return mode


def check(connection: sqlite3.Connection) -> None:
    """Look for damage, for a limited time.

    Raises:
        sqlite3.DatabaseError: if there is any.
    """
    end = time.monotonic() + _CHECK_TIME
    connection.set_progress_handler(lambda: time.monotonic() > end, 5_000)
    try:
        found = connection.execute("PRAGMA quick_check(1)").fetchone()
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode != sqlite3.SQLITE_INTERRUPT:
            raise
        return
    finally:
        connection.set_progress_handler(None, 0)
    if found is not None and found[0] != "ok":
        damage = sqlite3.DatabaseError("quick_check found damage")
        damage.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
        raise damage


def _text(data: bytes) -> str:
    # A flipped bit in a text must not make the whole conversation unreadable.
    return data.decode("utf-8", "replace")


def _pragma(connection: sqlite3.Connection, pragma: str) -> str:
    return str(connection.execute(f"PRAGMA {pragma}").fetchone()[0]).lower()


def slower_journal(folder: Path, file_system: str | None, mode: str) -> str:
    """Return a sentence about a file system that has no write-ahead log."""
    return (
        f"The file system of {one_line(str(folder))} ({file_system or 'this one'}) cannot do "
        f"SQLite's write-ahead log; {mode} journal mode is used instead, which is slower."
    )
