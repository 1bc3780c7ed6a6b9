"""Deleting: by the user's wish, so that the file holds nothing of it, and by age."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterable

from tui_chat.errors import StorageError
from tui_chat.storage.catalogue import DRAFTED, UNSETTLED, holder, instances_of
from tui_chat.storage.database import Database
from tui_chat.storage.folder import set_aside_files
from tui_chat.storage.seen import DAY
from tui_chat.storage.values import PurgeReport

__all__ = ["forget_old", "purge"]


def purge(
    database: Database, *, before: float | None, everything: bool, unsent: bool
) -> PurgeReport:
    """Delete conversations and prompts, and make sure that the file holds nothing of them.

    Args:
        database: where they are.
        before: epoch seconds; what was used last before that goes. None for nothing.
        everything: all of it goes, whatever its age.
        unsent: also conversations with messages that were not sent, or with a draft.

    Raises:
        StorageError: if they cannot be deleted; then all are still there.
    """
    edge = None if everything else before
    if edge is None and not everything:
        return PurgeReport()
    old = "1" if everything else "max(created, updated) < ?1"
    values = () if edge is None else (edge,)

    def delete(connection: sqlite3.Connection) -> PurgeReport:
        connection.execute("PRAGMA secure_delete = ON")
        known = instances_of(connection)
        rows = connection.execute(
            f"SELECT number, claimed_by, {UNSETTLED} OR {DRAFTED} "  # noqa: S608 - our own
            f"FROM conversations WHERE {old}",
            values,
        ).fetchall()
        closed = [row for row in rows if holder(row[1], known, database.instances) is None]
        going = [number for number, _, unsettled in closed if unsent or not unsettled]
        messages, items = _delete(connection, going)
        prompts = connection.execute(
            f"DELETE FROM prompts WHERE {'1' if everything else 'typed < ?1'}",  # noqa: S608
            values,
        ).rowcount
        return PurgeReport(
            conversations=len(going),
            messages=messages,
            items=items,
            prompts=prompts,
            kept_unsent=len(closed) - len(going),
            kept_open=len(rows) - len(closed),
        )

    report = database.write(delete, "purge")
    erased = _erase(database)
    left = () if database.folder is None else set_aside_files(database.folder)
    if everything and unsent:
        for path in left:
            with contextlib.suppress(OSError):
                path.unlink()
        left = tuple(path for path in left if path.exists())
    return PurgeReport(
        report.conversations,
        report.messages,
        report.items,
        report.prompts,
        report.kept_unsent,
        report.kept_open,
        erased,
        left,
    )


def _erase(database: Database) -> bool:
    """Write the file anew without what was deleted, and empty the journal; say whether it went."""

    def erase(connection: sqlite3.Connection) -> bool:
        connection.execute("VACUUM")
        # Frames of the log keep the old pages until it is cut.
        row = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        return row is None or row[0] == 0

    try:
        return database.outside(erase)
    except StorageError:
        return False


def forget_old(database: Database, days: float, seen: float) -> int:
    """Delete what nobody has used for so many days of the store's own time; say how many.

    Conversations that are open, hold unsent messages or a draft stay. It is not an erasure: the
    space is used again as need be.

    Args:
        database: where they are.
        days: how long they are kept.
        seen: the store's time now, in seconds.

    Raises:
        StorageError: if they cannot be deleted.
    """
    edge = seen - days * DAY

    def old(connection: sqlite3.Connection) -> list[int]:
        known = instances_of(connection)
        rows = connection.execute(
            f"SELECT number, claimed_by FROM conversations WHERE seen < ? "  # noqa: S608
            f"AND NOT {UNSETTLED} AND NOT {DRAFTED}",
            (edge,),
        ).fetchall()
        return [row[0] for row in rows if holder(row[1], known, database.instances) is None]

    def delete(connection: sqlite3.Connection) -> int:
        going = old(connection)
        _delete(connection, going)
        connection.execute("DELETE FROM prompts WHERE seen < ?", (edge,))
        return len(going)

    return database.write(delete, "purge")


def _delete(connection: sqlite3.Connection, numbers: Iterable[int]) -> tuple[int, int]:
    """Delete conversations; return how many messages and unsent items went with them."""
    messages = items = 0
    for number in numbers:
        messages += connection.execute(
            "DELETE FROM messages WHERE conversation = ?", (number,)
        ).rowcount
        items += connection.execute(
            "SELECT count(*) FROM items WHERE conversation = ? AND state <> 'received'", (number,)
        ).fetchone()[0]
        connection.execute("DELETE FROM items WHERE conversation = ?", (number,))
        connection.execute("DELETE FROM conversations WHERE number = ?", (number,))
    return messages, items
