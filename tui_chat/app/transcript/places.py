"""Which part of a line's text stands at which columns of a row, and the other way round.

Worked out only for rows that somebody points at or selects from; painting does without.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from typing import Final

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

from tui_chat.app.transcript.lines import LineKind, prefix_width
from tui_chat.app.transcript.rows import Row
from tui_chat.app.transcript.table import Place
from tui_chat.app.transcript.wrap import graphemes, is_narrow

__all__ = ["columns_of", "places", "restyle", "text_at", "word_at"]

_WORD_JOINS: Final = frozenset("_-./:@~%+#?&=")
"""What a double click takes along between letters: paths, addresses and options are one word."""


def places(row: Row, width: int) -> list[Place]:
    """Return where the text of a row stands, from left to right, counted from its left end.

    Args:
        row: the row.
        width: the columns it was laid out in.
    """
    line = row.line
    before = prefix_width(row.prefix)
    if line.kind is LineKind.TABLE_ROW and line.table is not None:
        room = max(width - before, 1)
        rows = line.table.places(line.cells, room, head=not line.number)
        found = rows[row.number] if row.number < len(rows) else []
        return [place._replace(column=place.column + before) for place in found]
    if line.kind in (LineKind.RULE, LineKind.TABLE_RULE):
        return [Place(before, 0, 0, 0)]
    if line.kind is LineKind.CUT and row.end and line.text[: row.end] != _shown(row):
        kept = row.end - 1  # an ellipsis stands for the rest
        taken = cell_len(line.text[:kept])
        return [Place(before, taken, 0, kept), Place(before + taken, 1, kept, len(line.text))]
    return [Place(before, cell_len(line.text[row.start : row.end]), row.start, row.end)]


def _shown(row: Row) -> str:
    return "".join(text for text, _ in row.parts or ())


def text_at(row: Row, width: int, column: int) -> tuple[int, int]:
    """Return the start and end of the character at a column; both the same where there is none."""
    found = places(row, width)
    if not found:
        return row.start, row.start
    nearest = found[0]
    for place in found:
        if column < place.column:
            break
        nearest = place
    column -= nearest.column
    if column < 0:
        return nearest.start, nearest.start
    if column >= nearest.columns:
        return nearest.end, nearest.end
    text = row.line.text
    part = text[nearest.start : nearest.end]
    if nearest.columns == 1 or is_narrow(part):
        at = nearest.start + column
        return at, at + 1 if nearest.columns > 1 else nearest.end
    for start, end, columns in graphemes(part):
        if column < columns:
            return nearest.start + start, nearest.start + end
        column -= columns
    return nearest.end, nearest.end


def columns_of(row: Row, width: int, start: int, end: int) -> list[tuple[int, int]]:
    """Return the columns ``[first, last)`` at which ``text[start:end]`` stands in a row."""
    spans: list[tuple[int, int]] = []
    text = row.line.text
    for place in places(row, width):
        first, last = max(start, place.start), min(end, place.end)
        if first >= last:
            continue
        left = place.column + cell_len(text[place.start : first])
        right = (
            place.column + place.columns if last == place.end else left + cell_len(text[first:last])
        )
        spans.append((left, right))
    return spans


def restyle(strip: Strip, spans: Iterable[tuple[int, int]], style: Style) -> Strip:
    """Return ``strip`` with ``style`` on top between some columns; its width stays."""
    segments: list[Segment] = []
    wanted = sorted(spans)
    column = 0
    for segment in strip:
        text, below, control = segment
        columns = cell_len(text)
        cuts = [
            (max(first - column, 0), min(last - column, columns))
            for first, last in wanted
            if first < column + columns and last > column
        ]
        above = style if below is None else below + style
        if not cuts or control:
            segments.append(segment)
        elif cuts[0] == (0, columns):
            segments.append(Segment(text, above))
        else:
            at = 0
            for first, last in cuts:
                left, right = _cut(text, first), _cut(text, last)
                if left > at:
                    segments.append(Segment(text[at:left], below))
                if right > left:
                    segments.append(Segment(text[left:right], above))
                at = right
            if at < len(text):
                segments.append(Segment(text[at:], below))
        column += columns
    return Strip(segments, strip.cell_length)


def _cut(text: str, column: int) -> int:
    """Return where in ``text`` a column begins; never inside a character."""
    if is_narrow(text):
        return column
    for start, _, columns in graphemes(text):
        if column <= 0:
            return start
        column -= columns
    return len(text)


def word_at(text: str, at: int) -> tuple[int, int]:
    """Return the word (or the run of other characters of one sort) around ``text[at]``."""
    if not text:
        return 0, 0
    at = min(at, len(text) - 1)
    spans = graphemes(text)
    starts = [start for start, _, _ in spans]
    first = last = bisect_right(starts, at) - 1
    sort = _sort(text, spans[first])
    if sort == "wide":  # words are not separated in these scripts
        return spans[first][:2]
    while first and _sort(text, spans[first - 1]) == sort:
        first -= 1
    while last + 1 < len(spans) and _sort(text, spans[last + 1]) == sort:
        last += 1
    if sort == "word":  # a full stop at the end belongs to the sentence
        while last > first and text[spans[last][0]] in ".:?-":
            last -= 1
    return spans[first][0], spans[last][1]


def _sort(text: str, span: tuple[int, int, int]) -> str:
    start, _, columns = span
    character = text[start]
    if character.isspace():
        return "blank"
    if columns == 2:
        return "wide"
    if character.isalnum() or character in _WORD_JOINS:
        return "word"
    return "other"
