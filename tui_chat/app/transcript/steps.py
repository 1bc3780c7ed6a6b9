"""Where the caret is, and where its steps lead."""

from __future__ import annotations

from rich.cells import cell_len

from tui_chat.app.transcript.column import Anchor, Column
from tui_chat.app.transcript.places import places, word_at
from tui_chat.app.transcript.rows import Row
from tui_chat.app.transcript.wrap import graphemes

__all__ = ["bring_into_view", "next_place", "place_of", "row_of"]


def next_place(text: str, at: int, step: int, *, words: bool = False) -> int:
    """Return the place one character, or one word, before (-1) or after (1) ``at``."""
    spans = graphemes(text)
    if not words:
        if step > 0:
            return next((end for _, end, _ in spans if end > at), len(text))
        return next((start for start, _, _ in reversed(spans) if start < at), 0)
    if step > 0:
        _, end = word_at(text, at)
        while end < len(text) and text[end].isspace():
            end += 1
        return max(end, min(at + 1, len(text)))
    while at > 0 and text[at - 1].isspace():
        at -= 1
    return word_at(text, at - 1)[0] if at else 0


def place_of(row: Row, width: int, at: int) -> int:
    """Return the column at which ``text[at]`` stands in a row, or would."""
    column = 0
    for place in places(row, width):
        if at < place.start:
            break
        if at <= place.end:
            return place.column + cell_len(row.line.text[place.start : at])
        column = place.column + place.columns
    return column


def row_of(column: Column, point: Anchor) -> int | None:
    """Return the row of the window that a place is in; None if it is outside."""
    found: int | None = None
    for y in range(column.height):
        spot = column.spot(y)
        if spot is None:
            break
        here = (spot.entry, spot.piece, spot.row.index)
        if here > point[:3]:
            break
        if here == point[:3] and _holds(spot.row, column.width, point.character):
            found = y
            if spot.row.line.table is not None:
                break
    return found


def bring_into_view(column: Column, point: Anchor) -> None:
    """Move the window so that a place is in its upper part, if the end does not forbid that."""
    # The rows of a table's line are not told apart by characters.
    lines = column.reopen(point.entry).lines(point.piece)
    table = point.line < len(lines) and lines[point.line].table is not None
    column.show(point._replace(character=0) if table else point)
    above = column.height // 3 - (row_of(column, point) or 0)
    if above > 0:
        column.scroll(max(column.top - above, 0))


def _holds(row: Row, width: int, at: int) -> bool:
    """Whether a row holds a place, or could be the last one of its line that does."""
    if row.parts is None:
        # Where a row is full the place belongs to the next one, which comes later in the search.
        last = row.end == len(row.line.text)
        return row.start <= at <= row.end or (last and at > row.end)
    found = places(row, width)
    return any(place.start <= at <= place.end for place in found) or at > len(row.line.text)
