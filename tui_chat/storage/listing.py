"""The statements that list conversations, for people and for choosing one.

Everything here runs inside a transaction of the caller.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from typing import Any, Final

from tui_chat.conversation.model import DeliveryState
from tui_chat.delivery.item import OutboxItem
from tui_chat.storage.catalogue import DRAFTED, UNSENT, holder, instances_of, read_items
from tui_chat.storage.instances import Instances
from tui_chat.storage.rows import as_left_behind, read_item
from tui_chat.storage.values import ConversationSummary, Scope
from tui_chat.text import one_line

__all__ = ["listed", "outbox"]

_SUMMARY: Final = (
    "number, id, server, entity_id, entity_type, user_id, touched, created, updated, claimed_by, "
    f"{DRAFTED}"
)


def listed(
    connection: sqlite3.Connection, scope: Scope | None, instances: Instances
) -> Iterator[tuple[int, ConversationSummary]]:
    """Yield number and summary of each conversation, the latest first."""
    known = instances_of(connection)
    condition, values = ("", ()) if scope is None else ("WHERE scope = ?", (scope.key,))
    rows: list[tuple[Any, ...]] = connection.execute(
        f"SELECT {_SUMMARY} FROM conversations {condition} ORDER BY touched DESC",  # noqa: S608
        values,
    ).fetchall()
    for number, name, *identity, touched, created, updated, claimed_by, drafted in rows:
        living = holder(claimed_by, known, instances)
        counts = connection.execute(
            "SELECT state, count(*) FROM items WHERE conversation = ? GROUP BY state", (number,)
        ).fetchall()
        unsent: dict[DeliveryState, int] = {}
        for name_of_state, count in counts:
            state = _as_shown(name_of_state, left_behind=living is None)
            if state is not None:
                unsent[state] = unsent.get(state, 0) + count
        [messages] = connection.execute(
            "SELECT count(*) FROM messages WHERE conversation = ?", (number,)
        ).fetchone()
        yield (
            number,
            ConversationSummary(
                name,
                Scope(*identity),
                _title(connection, number),
                touched,
                created,
                updated,
                messages,
                unsent,
                None if living is None else living.pid,
                bool(drafted),
            ),
        )


def outbox(
    connection: sqlite3.Connection, scope: Scope | None, instances: Instances
) -> list[tuple[ConversationSummary, tuple[OutboxItem, ...]]]:
    """Return each conversation that holds unsent messages, and those, in order."""
    found = []
    for number, summary in listed(connection, scope, instances):
        if summary.unsent:
            items, _ = read_items(connection, number)
            if summary.open_in is None:
                items = [as_left_behind(item) for item in items]
            found.append((summary, tuple(item for item in items if item.state in UNSENT)))
    return found


def _as_shown(name: str, *, left_behind: bool) -> DeliveryState | None:
    try:
        state = DeliveryState(name)
    except ValueError:
        return None
    if state not in UNSENT:
        return None
    if left_behind and state is DeliveryState.WRITTEN:
        return DeliveryState.UNKNOWN
    return state


def _title(connection: sqlite3.Connection, number: int) -> str:
    row = connection.execute(
        "SELECT substr(text, 1, 400) FROM messages WHERE conversation = ? AND kind = 'user' "
        "ORDER BY id LIMIT 1",
        (number,),
    ).fetchone()
    if row is not None:
        return one_line(row[0], 80)
    row = connection.execute(
        "SELECT body FROM items WHERE conversation = ? ORDER BY position LIMIT 1", (number,)
    ).fetchone()
    item = None if row is None else read_item(row[0])
    return "" if item is None else one_line(item.text, 80)
