"""What was typed before, for recalling it."""

from __future__ import annotations

import sqlite3
from typing import Final

from tui_chat.storage.text import finite, whole

__all__ = ["MOST", "MOST_CHARS", "MOST_CHARS_EACH", "add", "latest"]

MOST: Final = 1_000
"""Prompts that are remembered."""
MOST_CHARS_EACH: Final = 64 * 1024
"""Characters of one; a pasted file is not worth recalling."""
MOST_CHARS: Final = 4 * 1024 * 1024
"""Characters of all of them."""


def add(connection: sqlite3.Connection, text: str, now: float, seen: float) -> None:
    """Remember a prompt unless it is empty, huge, or the same as the last one."""
    text = whole(text)
    if not text.strip() or len(text) > MOST_CHARS_EACH:
        return
    if latest(connection, 1) == [text]:
        return
    connection.execute(
        "INSERT INTO prompts (text, chars, typed, seen) VALUES (?, ?, ?, ?)",
        (text, len(text), finite(now), seen),
    )
    connection.execute(
        "DELETE FROM prompts WHERE number <= (SELECT number FROM (SELECT number, "
        "row_number() OVER newest AS place, sum(chars) OVER newest AS total FROM prompts "
        "WINDOW newest AS (ORDER BY number DESC)) WHERE place > ? OR total > ? "
        "ORDER BY number DESC LIMIT 1)",
        (MOST, MOST_CHARS),
    )


def latest(connection: sqlite3.Connection, limit: int) -> list[str]:
    """Return the prompts typed last, at most ``limit``, the latest last."""
    rows = connection.execute(
        "SELECT text FROM prompts ORDER BY number DESC LIMIT ?", (max(limit, 0),)
    ).fetchall()
    return [row[0] for row in reversed(rows)]
