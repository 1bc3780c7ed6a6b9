"""From what SQLite and the operating system report to errors for people."""

from __future__ import annotations

import errno
import shutil
import sqlite3
from pathlib import Path
from typing import Final

from tui_chat.errors import StorageError
from tui_chat.text import one_line

__all__ = ["closed", "is_damage", "storage_error"]

_LITTLE: Final = 256 * 1024
"""Bytes free below which an I/O error is taken for a full disk: SQLite reports some of those
without a reason, for instance when its shared memory cannot grow."""
_FULL: Final = frozenset({errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC)})
_FORBIDDEN: Final = frozenset({errno.EROFS, errno.EACCES, errno.EPERM})
_READ_ONLY: Final = frozenset(
    {sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_AUTH}
)
_BUSY: Final = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_PROTOCOL})
_DAMAGE: Final = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})


def _code(error: BaseException) -> int:
    """Return SQLite's primary result code, 0 if it gave none."""
    # The extended codes have the primary one in their low byte (sqlite.org/rescode.html).
    return (getattr(error, "sqlite_errorcode", 0) or 0) & 0xFF


def is_damage(error: BaseException) -> bool:
    """Say whether an error means that the database itself cannot be used any more."""
    return isinstance(error, sqlite3.DatabaseError) and _code(error) in _DAMAGE


def storage_error(error: Exception, folder: Path | None) -> StorageError:
    """Return what went wrong in words for people; the caller raises it from ``error``.

    Args:
        error: of :mod:`sqlite3` or of the operating system.
        folder: where the database is, None if it is in memory.
    """
    where = "memory" if folder is None else one_line(str(folder))
    if _is_full(error, folder):
        return StorageError(
            f"The disk that holds {where} is full; nothing was changed there.",
            advice="Free some space, then try again.",
            code="DISK_FULL",
        )
    code = _code(error)
    if code in _READ_ONLY or (isinstance(error, OSError) and error.errno in _FORBIDDEN):
        return StorageError(
            f"Nothing can be written to {where} any more.",
            advice="Check that the folder still exists, belongs to you and is not read-only.",
            code="READ_ONLY",
        )
    if code in _BUSY:
        return StorageError(
            f"The database in {where} was in use by another program for too long.",
            advice="Try again; if it does not help, look for another tui-chat that is stuck.",
            code="BUSY",
        )
    if code in _DAMAGE:
        return StorageError(
            f"The database in {where} is damaged.",
            advice="Start the program again: it sets the file aside and begins a new one.",
            code="CORRUPTED",
        )
    return StorageError(
        f"The database in {where} could not be used: {one_line(str(error), 120)}.",
        advice="Try again; if it does not help, check the disk.",
    )


def closed() -> StorageError:
    """Return the error of a store, or a conversation in it, that was given up before."""
    return StorageError("This conversation has been closed; nothing more can be kept in it.")


def _is_full(error: Exception, folder: Path | None) -> bool:
    if _code(error) == sqlite3.SQLITE_FULL:
        return True
    if isinstance(error, OSError):
        return error.errno in _FULL
    if _code(error) != sqlite3.SQLITE_IOERR or folder is None:
        return False
    try:
        return shutil.disk_usage(folder).free < _LITTLE
    except OSError:
        return False
