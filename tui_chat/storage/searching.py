"""Looking for words in everything that is kept.

A search reads past the texts of all messages, which takes a second for a hundred megabytes. So it
has a connection of its own and is not carried out in the store's thread, where a message that was
just sent waits to be kept.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Final

from tui_chat.storage.connecting import connect
from tui_chat.storage.values import Scope, SearchHit
from tui_chat.text import one_line

__all__ = ["MOST_HITS", "search", "search_file"]

MOST_HITS: Final = 200
"""Messages that are returned, those of the latest conversations."""
PATIENCE: Final = 15.0
"""Seconds after which a search ends with what it has."""
BEFORE: Final = 30
"""Characters of an excerpt before the words."""
EXCERPT: Final = 200
"""Characters of an excerpt."""
_BETWEEN_LOOKS: Final = 64

_MESSAGES: Final = (
    "SELECT conversations.id, messages.id, messages.created, messages.text "
    "FROM messages JOIN conversations ON messages.conversation = conversations.number "
    "WHERE conversations.scope = ? AND messages.text <> '' "
    "ORDER BY conversations.touched DESC, messages.id DESC"
)


def search_file(
    path: Path, scope: Scope, words: str, given_up: Callable[[], bool]
) -> list[SearchHit]:
    """Search a database file through a connection of its own. Any thread.

    Args:
        path: the file.
        scope: with which server, and on whose behalf.
        words: what is looked for.
        given_up: asked now and then whether anybody still wants to know.

    Raises:
        sqlite3.Error: if it cannot be read.
    """
    with closing(connect(f"{path.as_uri()}?mode=ro", writing=False)) as connection:
        return search(connection, scope, words, given_up)


def search(
    connection: sqlite3.Connection, scope: Scope, words: str, given_up: Callable[[], bool]
) -> list[SearchHit]:
    """Return the messages that hold some words as they stand, latest conversation first.

    Case matters if the words have a capital. See :func:`search_file` for the arguments.
    """
    exact = words != words.lower()
    wanted = words if exact else words.lower()
    found: list[SearchHit] = []
    end = time.monotonic() + PATIENCE
    rows = connection.execute(_MESSAGES, (scope.key,))
    for number, (conversation, message, created, text) in enumerate(rows):
        if not number % _BETWEEN_LOOKS and (given_up() or time.monotonic() > end):
            break
        at = _place(text, wanted, exact=exact)
        if at is not None:
            found.append(SearchHit(conversation, message, created, _excerpt(text, at)))
            if len(found) == MOST_HITS:
                break
    return found


def _place(text: str, wanted: str, *, exact: bool) -> int | None:
    """Return where the words stand; a line end in the text is a blank."""
    plain = text if exact else text.lower()
    at = plain.find(wanted)
    if at < 0 and " " in wanted:
        at = plain.replace("\n", " ").find(wanted)
    return at if at >= 0 else None


def _excerpt(text: str, at: int) -> str:
    start = max(at - BEFORE, 0)
    line = one_line(text[start : at + EXCERPT], EXCERPT)
    return f"… {line}" if start else line
