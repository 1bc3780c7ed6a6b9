"""The shape of the database, version by version."""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from tui_chat.storage.folder import SIDE_FILES, create_private
from tui_chat.storage.values import Probe

__all__ = ["APPLICATION_ID", "MIGRATIONS", "Migration", "migrate", "version_of"]

APPLICATION_ID: Final = 0x74756963
"""``tuic``: says in the file's header whose database it is."""

Migration = tuple[str, ...]
"""The statements that lead from one version to the next."""

MIGRATIONS: Final[tuple[Migration, ...]] = (
    (
        # What time the store has seen: see seen.py.
        """CREATE TABLE seen (
            one INTEGER PRIMARY KEY CHECK (one = 1), seconds REAL NOT NULL, wall REAL NOT NULL
        )""",
        """CREATE TABLE instances (
            id TEXT PRIMARY KEY, pid INTEGER NOT NULL, host TEXT NOT NULL,
            locked INTEGER NOT NULL, started REAL NOT NULL
        )""",
        # touched orders them: it rises with every use, whatever the clocks say. claimed_by has no
        # foreign key: what it means is decided by the lock file of that name.
        """CREATE TABLE conversations (
            number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE,
            scope TEXT NOT NULL, server TEXT NOT NULL,
            entity_id TEXT, entity_type TEXT, user_id TEXT,
            thread_id TEXT, draft TEXT NOT NULL DEFAULT '',
            created REAL NOT NULL, touched INTEGER NOT NULL, updated REAL NOT NULL,
            seen REAL NOT NULL, claimed_by TEXT
        )""",
        "CREATE INDEX conversations_by_use ON conversations (touched)",
        """CREATE TABLE messages (
            conversation INTEGER NOT NULL REFERENCES conversations (number) ON DELETE CASCADE,
            id INTEGER NOT NULL, kind TEXT NOT NULL, state TEXT NOT NULL,
            created REAL NOT NULL, finished REAL, block TEXT NOT NULL, code TEXT NOT NULL,
            persisted INTEGER NOT NULL, outbox_id TEXT NOT NULL, delivery TEXT,
            note TEXT NOT NULL, text TEXT NOT NULL, tool BLOB,
            PRIMARY KEY (conversation, id)
        )""",
        # position and state stand outside the body as well, to be counted and ordered by.
        """CREATE TABLE items (
            conversation INTEGER NOT NULL REFERENCES conversations (number) ON DELETE CASCADE,
            id TEXT NOT NULL, position INTEGER NOT NULL, state TEXT NOT NULL, body BLOB NOT NULL,
            PRIMARY KEY (conversation, id)
        ) WITHOUT ROWID""",
        """CREATE TABLE prompts (
            number INTEGER PRIMARY KEY, chars INTEGER NOT NULL,
            typed REAL NOT NULL, seen REAL NOT NULL, text TEXT NOT NULL
        )""",
    ),
)
"""Version *n* is what the first *n* of these make. One that has been released never changes."""


def version_of(connection: sqlite3.Connection) -> int:
    """Return the version of a database, 0 for one that is empty."""
    version: int = connection.execute("PRAGMA user_version").fetchone()[0]
    return version


def migrate(
    connection: sqlite3.Connection,
    path: Path | None,
    migrations: Sequence[Migration],
    probe: Probe,
) -> None:
    """Bring a database to the newest version, each step as a whole or not at all.

    A copy of a database that holds something is made before, and removed when all went well.

    Args:
        connection: in autocommit mode.
        path: the database, None if it is in memory.
        migrations: all there are.
        probe: told at the write points.

    Raises:
        sqlite3.Error: if a step failed; it changed nothing, and the copy is still there.
        OSError: if the copy could not be made; nothing has changed.
    """
    version = version_of(connection)
    if version >= len(migrations):
        return
    copy = None if path is None or version == 0 else _copy(connection, path, version)
    for number in range(version, len(migrations)):
        probe("migrate:before")
        connection.execute("BEGIN IMMEDIATE")
        try:
            for statement in migrations[number]:
                connection.execute(statement)
            connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            connection.execute(f"PRAGMA user_version = {number + 1}")
            probe("migrate:in-transaction")
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise
        probe("migrate:committed")
    if copy is not None:
        copy.unlink(missing_ok=True)


def _copy(connection: sqlite3.Connection, path: Path, version: int) -> Path:
    copy = path.with_name(f"{path.name}.version-{version}")
    # Of a migration that was cut short: what it would have kept is still in the database.
    for end in ("", *SIDE_FILES):
        copy.with_name(copy.name + end).unlink(missing_ok=True)
    os.close(create_private(copy))
    target = sqlite3.connect(f"{copy.as_uri()}?mode=rw", uri=True)
    with contextlib.closing(target):
        connection.backup(target)
    return copy
