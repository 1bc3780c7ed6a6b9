"""The statements: claiming, loading, writing and listing conversations.

Everything here runs inside a transaction of the caller.
"""

from __future__ import annotations

import sqlite3
import uuid
from collections.abc import Iterable, Set
from dataclasses import dataclass, field
from typing import Any, Final

from tui_chat.conversation.model import DeliveryState, Message
from tui_chat.delivery.item import FINAL, OutboxItem
from tui_chat.storage.batch import Batch
from tui_chat.storage.instances import Instance, Instances
from tui_chat.storage.rows import (
    MESSAGE_COLUMNS,
    as_left_behind,
    item_row,
    message_of,
    message_row,
    read_item,
    read_messages,
    state_for,
)
from tui_chat.storage.text import finite, whole
from tui_chat.storage.values import Scope

__all__ = [
    "DRAFTED",
    "UNSENT",
    "UNSETTLED",
    "Loaded",
    "claimed",
    "create",
    "forget_dead",
    "holder",
    "instances_of",
    "latest_unclaimed",
    "load",
    "read_items",
    "release",
    "write",
    "write_rows",
]

UNSENT: Final = frozenset(
    {
        DeliveryState.QUEUED,
        DeliveryState.WRITTEN,
        DeliveryState.UNKNOWN,
        DeliveryState.FAILED,
    }
)
"""States of messages that the user may still want to do something about."""

UNSETTLED: Final = (
    "EXISTS (SELECT 1 FROM items WHERE conversation = number "
    "AND state NOT IN ('received', 'persisted', 'discarded', 'failed'))"
)
"""Condition of a conversation with messages of which it is not certain what became of them."""
DRAFTED: Final = "draft <> ''"
"""Condition of a conversation with text that was typed and not sent."""
_EMPTY: Final = (
    "claimed_by IS NULL AND draft = '' AND thread_id IS NULL "
    "AND NOT EXISTS (SELECT 1 FROM messages WHERE conversation = number) "
    "AND NOT EXISTS (SELECT 1 FROM items WHERE conversation = number)"
)

_MOST_RECEIVED: Final = 200
"""Items that arrived and of which the server never said that they are stored, per conversation."""

_KEEP_MESSAGE: Final = (
    "INSERT OR {} INTO messages (conversation, id, kind, state, created, finished, block, code, "
    "persisted, outbox_id, delivery, note, text, tool) "
    "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
_KEEP_ITEM: Final = (
    "INSERT OR REPLACE INTO items (conversation, id, position, state, body) VALUES (?, ?, ?, ?, ?)"
)


@dataclass
class Loaded:
    """A conversation as it was left behind.

    ``rows`` are its messages as the database has them; ``unreadable`` counts the items that cannot
    be read.
    """

    id: str
    number: int
    scope: Scope
    created: float
    thread_id: str | None
    draft: str
    messages: list[Message] = field(default_factory=list)
    items: dict[str, OutboxItem] = field(default_factory=dict)
    rows: list[tuple[Any, ...]] = field(default_factory=list)
    unreadable: int = 0


# -- claims ---------------------------------------------------------------------------------------


def instances_of(connection: sqlite3.Connection) -> dict[str, Instance]:
    """Return the instances that the database knows, by their id."""
    rows = connection.execute("SELECT id, pid, host, locked FROM instances")
    return {row[0]: Instance(row[0], row[1], row[2], bool(row[3])) for row in rows}


def holder(
    claimed_by: str | None, known: dict[str, Instance], instances: Instances
) -> Instance | None:
    """Return the living instance that has a conversation open, None if there is none."""
    if claimed_by is None:
        return None
    instance = known.get(claimed_by)
    if not instances.alive(claimed_by, instance):
        return None
    return instance or Instance(claimed_by, 0, "", locked=True)


def forget_dead(connection: sqlite3.Connection, instances: Instances) -> set[int]:
    """Give up the claims of instances that have died; return which conversations they had open.

    Those that never held anything go.
    """
    left: set[int] = set()
    for instance in instances_of(connection).values():
        if not instances.alive(instance.id, instance):
            connection.execute("DELETE FROM instances WHERE id = ?", (instance.id,))
            left.update(
                row[0]
                for row in connection.execute(
                    "UPDATE conversations SET claimed_by = NULL WHERE claimed_by = ? "
                    "RETURNING number",
                    (instance.id,),
                ).fetchall()
            )
    connection.execute(f"DELETE FROM conversations WHERE {_EMPTY}")  # noqa: S608 - our own
    return left


def latest_unclaimed(
    connection: sqlite3.Connection, scope: Scope, instances: Instances, orphans: Set[int]
) -> int | None:
    """Return the number of the conversation used last that nobody has open.

    Args:
        connection: the database.
        scope: with which server, and on whose behalf.
        instances: says who lives.
        orphans: conversations whose program was killed: one of them that holds messages which were
            not sent, or a draft, comes first, because nobody has been told of these.
    """
    known = instances_of(connection)
    rows = connection.execute(
        f"SELECT number, claimed_by, {UNSETTLED} OR {DRAFTED} FROM conversations "  # noqa: S608
        "WHERE scope = ? ORDER BY touched DESC",
        (scope.key,),
    ).fetchall()
    free = [row for row in rows if holder(row[1], known, instances) is None]
    left = (number for number, _, unfinished in free if unfinished and number in orphans)
    return next(left, free[0][0] if free else None)


def create(
    connection: sqlite3.Connection,
    scope: Scope,
    now: float,
    seen: float,
    conversation_id: str | None = None,
) -> int:
    """Begin a conversation; return its number."""
    parts = (scope.server, scope.entity_id, scope.entity_type, scope.user_id)
    cursor = connection.execute(
        "INSERT INTO conversations (id, scope, server, entity_id, entity_type, user_id, created, "
        "updated, seen, touched) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?7, ?8, "
        "(SELECT coalesce(max(touched), 0) + 1 FROM conversations))",
        (
            conversation_id or uuid.uuid4().hex,
            scope.key,
            *(None if part is None else whole(part) for part in parts),
            finite(now),
            seen,
        ),
    )
    return int(cursor.lastrowid or 0)


def claimed(
    connection: sqlite3.Connection, number: int, own: Instance, now: float, seen: float
) -> None:
    """Mark a conversation as open here; the latest one from now on."""
    connection.execute(
        "INSERT OR REPLACE INTO instances (id, pid, host, locked, started) VALUES (?, ?, ?, ?, ?)",
        (own.id, own.pid, own.host, own.locked, finite(now)),
    )
    connection.execute("UPDATE conversations SET claimed_by = ? WHERE number = ?", (own.id, number))
    _touch(connection, number, now, seen)


def release(connection: sqlite3.Connection, number: int, own: Instance) -> None:
    """Mark a conversation as not open any more; one that never held anything goes."""
    connection.execute(
        "UPDATE conversations SET claimed_by = NULL WHERE number = ? AND claimed_by = ?",
        (number, own.id),
    )
    connection.execute(
        f"DELETE FROM conversations WHERE number = ? AND {_EMPTY}",  # noqa: S608 - our own
        (number,),
    )


# -- one conversation -----------------------------------------------------------------------------


def load(connection: sqlite3.Connection, number: int) -> Loaded:
    """Return a conversation that nobody else has open, as it was left behind."""
    row = connection.execute(
        "SELECT id, server, entity_id, entity_type, user_id, created, thread_id, draft "
        "FROM conversations WHERE number = ?",
        (number,),
    ).fetchone()
    loaded = Loaded(row[0], number, Scope(*row[1:5]), row[5], row[6], row[7])
    found, loaded.unreadable = read_items(connection, number)
    loaded.items = {item.id: as_left_behind(item) for item in found}
    loaded.rows = connection.execute(
        f"SELECT {MESSAGE_COLUMNS} FROM messages WHERE conversation = ? ORDER BY id",  # noqa: S608
        (number,),
    ).fetchall()
    loaded.messages = read_messages(loaded.rows, loaded.items)
    return loaded


def read_items(connection: sqlite3.Connection, number: int) -> tuple[list[OutboxItem], int]:
    """Return the items of a conversation in order, and how many cannot be read."""
    bodies = connection.execute(
        "SELECT body FROM items WHERE conversation = ? ORDER BY position, id", (number,)
    ).fetchall()
    read = [read_item(row[0]) for row in bodies]
    items = [item for item in read if item is not None]
    return items, len(read) - len(items)


def write_rows(
    connection: sqlite3.Connection, number: int, rows: Iterable[tuple[Any, ...]]
) -> None:
    """Keep messages as :func:`load` returned their rows."""
    connection.executemany(_KEEP_MESSAGE.format("REPLACE"), ((number, *row) for row in rows))


def write(
    connection: sqlite3.Connection, number: int, batch: Batch, now: float, seen: float
) -> None:
    """Keep what has changed in a conversation."""
    connection.executemany(
        _KEEP_MESSAGE.format("REPLACE"),
        ((number, *message_row(each)) for each in batch.messages.values()),
    )
    for item in batch.items.values():
        if item.message_id is not None:
            _keep_in_step(connection, number, item, now)
        if item.state in FINAL:
            connection.execute(
                "DELETE FROM items WHERE conversation = ? AND id = ?", (number, whole(item.id))
            )
        else:
            connection.execute(_KEEP_ITEM, (number, *item_row(item)))
    if any(item.state is DeliveryState.RECEIVED for item in batch.items.values()):
        connection.execute(
            "DELETE FROM items WHERE conversation = ?1 AND id IN (SELECT id FROM items WHERE "
            "conversation = ?1 AND state = 'received' ORDER BY position DESC LIMIT -1 OFFSET ?2)",
            (number, _MOST_RECEIVED),
        )
    if batch.thread_id is not None:
        connection.execute(
            "UPDATE conversations SET thread_id = ? WHERE number = ?",
            (whole(batch.thread_id), number),
        )
    if batch.draft is not None:
        connection.execute(
            "UPDATE conversations SET draft = ? WHERE number = ?", (whole(batch.draft), number)
        )
    _touch(connection, number, now, seen)


def _keep_in_step(
    connection: sqlite3.Connection, number: int, item: OutboxItem, now: float
) -> None:
    """Let an item's message stand where the item does; make it if it is not there."""
    state = state_for(item.state).value
    persisted = item.state is DeliveryState.PERSISTED
    changed = connection.execute(
        "UPDATE messages SET delivery = ?1, state = ?2, note = ?3, persisted = ?4, finished = "
        "CASE WHEN ?2 = 'streaming' THEN NULL ELSE coalesce(finished, ?5) END "
        "WHERE conversation = ?6 AND id = ?7 AND kind = 'user'",
        (
            item.state.value,
            state,
            whole(item.note),
            persisted,
            finite(now),
            number,
            item.message_id,
        ),
    ).rowcount
    if not changed:
        connection.execute(
            _KEEP_MESSAGE.format("IGNORE"),
            (number, *message_row(message_of(item))),
        )


def _touch(connection: sqlite3.Connection, number: int, now: float, seen: float) -> None:
    connection.execute(
        "UPDATE conversations SET updated = ?1, seen = max(seen, ?2), touched = CASE "
        "WHEN touched = (SELECT max(touched) FROM conversations) THEN touched "
        "ELSE (SELECT max(touched) + 1 FROM conversations) END WHERE number = ?3",
        (finite(now), seen, number),
    )
