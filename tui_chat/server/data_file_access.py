"""Opening the server's data file, or saying why it stays closed."""

from __future__ import annotations

import os
import sqlite3
import stat
from pathlib import Path
from typing import Final

from tui_chat.errors import ConfigurationError

__all__ = ["claim", "connect", "damaged", "release"]

APPLICATION_ID: Final = 0x74636873
"""``tchs`` in ASCII; tells this file from other SQLite databases."""
VERSION: Final = 1

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
    thread TEXT NOT NULL, thread_id TEXT NOT NULL, body BLOB NOT NULL,
    asked INTEGER NOT NULL, finished INTEGER NOT NULL
);
"""

# Where SQLite keeps them: https://www.sqlite.org/fileformat.html#the_database_header
_MAGIC: Final = b"SQLite format 3\0"
_HEADER: Final = 100
_VERSION_AT: Final = slice(60, 64)
_APPLICATION_AT: Final = slice(68, 72)

_OPENING: Final = os.O_RDWR | sum(
    getattr(os, name, 0) for name in ("O_NOFOLLOW", "O_CLOEXEC", "O_BINARY")
)

_Identity = tuple[int, int]
"""Device and number of a file."""
_in_use: set[_Identity] = set()
"""The data files that are open in this process."""


def claim(path: Path) -> _Identity:
    """Make the file if there is none, look whether it may be used, and note that it is.

    It is opened and closed before SQLite opens it, and never again: on POSIX the locks of a file
    belong to the process and end when any of its descriptors is closed (fcntl(2)).

    Returns:
        What to :func:`release` once the file is closed.

    Raises:
        ConfigurationError: if it cannot be used.
    """
    try:
        identity = _found(path) or _made(path)
        if identity in _in_use:
            raise _used(path)
        header = _header(path, identity)
    except OSError as error:
        reason = error.strerror or str(error)
        raise ConfigurationError(f"{_shown(path)} cannot be used: {reason}.") from error
    if header and (len(header) < _HEADER or not header.startswith(_MAGIC)):
        raise damaged(path)
    if header and header[_APPLICATION_AT] != APPLICATION_ID.to_bytes(4, "big"):
        raise ConfigurationError(
            f"{_shown(path)} is not a server's data file.", advice="Name another file."
        )
    if header and int.from_bytes(header[_VERSION_AT], "big") > VERSION:
        raise _newer(path)
    _in_use.add(identity)
    return identity


def release(identity: _Identity) -> None:
    """Let others in this process use the file again."""
    _in_use.discard(identity)


def _found(path: Path) -> _Identity | None:
    try:
        status = path.lstat()
    except FileNotFoundError:
        return None
    if stat.S_ISLNK(status.st_mode):
        raise OSError(0, "it is a symbolic link")
    if stat.S_ISDIR(status.st_mode):
        raise OSError(0, "it is a folder")
    if not stat.S_ISREG(status.st_mode):
        raise OSError(0, "it is not a regular file")
    if hasattr(os, "geteuid") and status.st_uid != os.geteuid():
        raise OSError(0, "it belongs to another user")
    return status.st_dev, status.st_ino


def _made(path: Path) -> _Identity:
    descriptor = os.open(path, _OPENING | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        status = os.fstat(descriptor)
    finally:
        os.close(descriptor)
    return status.st_dev, status.st_ino


def _header(path: Path, identity: _Identity) -> bytes:
    """Return how the file begins; a file of others is not even opened by SQLite.

    (SQLite would take in a write-ahead log that it finds beside it.)
    """
    descriptor = os.open(path, _OPENING)
    try:
        status = os.fstat(descriptor)
        if (status.st_dev, status.st_ino) != identity:
            raise OSError(0, "it was replaced a moment ago")
        header = os.read(descriptor, _HEADER)
        ours = not header or header[_APPLICATION_AT] == APPLICATION_ID.to_bytes(4, "big")
        if ours and hasattr(os, "fchmod") and stat.S_IMODE(status.st_mode) & 0o077:
            os.fchmod(descriptor, 0o600)
    finally:
        os.close(descriptor)
    return header


def connect(path: Path) -> sqlite3.Connection:
    """Open a file that was claimed, make its tables if it has none, and lock it.

    Raises:
        ConfigurationError: if it cannot be used.
    """
    try:
        connection = sqlite3.connect(
            path, timeout=0.5, isolation_level=None, check_same_thread=False
        )
    except sqlite3.Error as error:
        raise ConfigurationError(f"{_shown(path)} cannot be used: {error}.") from error
    try:
        _prepare(connection, path)
    except sqlite3.OperationalError as error:
        connection.close()
        if error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY:  # the rest says more exactly why
            raise _used(path) from error
        raise ConfigurationError(f"{_shown(path)} cannot be used: {error}.") from error
    except sqlite3.DatabaseError as error:
        connection.close()
        raise damaged(path) from error
    except BaseException:
        connection.close()
        raise
    return connection


def _prepare(connection: sqlite3.Connection, path: Path) -> None:
    connection.execute("PRAGMA locking_mode = EXCLUSIVE")
    connection.execute("BEGIN EXCLUSIVE")  # takes the lock, which is held from here on
    if connection.execute("PRAGMA user_version").fetchone()[0] > VERSION:
        raise _newer(path)
    if not connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
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


def _shown(path: Path) -> str:
    return f"The data file {str(path)!r}"


def _used(path: Path) -> ConfigurationError:
    return ConfigurationError(
        f"{_shown(path)} is used by another server.", advice="Stop that one, or name another file."
    )


def _newer(path: Path) -> ConfigurationError:
    return ConfigurationError(
        f"{_shown(path)} was written by a newer version of tui-chat.",
        advice="Use that version, or name another file.",
    )


def damaged(path: Path) -> ConfigurationError:
    """Return what is said about a file that cannot be read."""
    return ConfigurationError(
        f"{_shown(path)} is damaged, or is no data file.",
        advice="Nothing in it was changed. Name another file, or move this one away.",
    )
