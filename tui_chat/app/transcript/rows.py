"""Rows: what logical lines become at a width, and the segments that a row is painted with."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

from tui_chat.app.transcript.lines import Line, LineKind, Prefix, prefix_width
from tui_chat.app.transcript.table import pieces
from tui_chat.app.transcript.wrap import fit, wrap, wrap_code

__all__ = ["MEASURE", "Row", "lay_out", "paint"]

MEASURE: Final = 100
"""Prose is not set wider than this many columns, prefix included; longer rows are hard to read."""
_NARROWEST: Final = 8
"""Columns that a prefix leaves for the text, if there are that many."""


@dataclass(slots=True, eq=False)
class Row:
    """One row on the screen.

    Attributes:
        line: the logical line it belongs to.
        prefix: what stands before the text, cut to the width.
        start: where in the line's text it begins.
        end: where in the line's text it ends.
        parts: the text in pieces with the names of their styles, where it is not simply a part
            of the line's text.
        index: which of the lines that were laid out together it belongs to.
        number: which row of its line it is.
    """

    line: Line
    prefix: Prefix
    start: int = 0
    end: int = 0
    parts: tuple[tuple[str, str], ...] | None = None
    index: int = 0
    number: int = 0


def lay_out(lines: Iterable[Line], width: int) -> list[Row]:
    """Return the rows of ``lines`` in ``width`` columns."""
    rows: list[Row] = []
    for index, line in enumerate(lines):
        for number, row in enumerate(_rows(line, max(width, 1))):
            row.index, row.number = index, number
            rows.append(row)
    return rows


def _rows(line: Line, width: int) -> list[Row]:
    first, rest = line.first, line.rest
    taken = prefix_width(first)
    if taken > _prefix_room(width):
        first, rest = _cut(first, width), _cut(rest, width)
        taken = prefix_width(first)
    room = max(width - taken, 1)
    match line.kind:
        case LineKind.CODE:
            spans = wrap_code(line.text, room)
        case LineKind.CUT:
            shown = fit(line.text, room)
            parts = tuple(pieces(shown, line.spans, 0, len(shown)))
            return [Row(line, first, 0, len(shown), parts)]
        case LineKind.RULE:
            return [Row(line, first, parts=(("─" * min(room, MEASURE - taken), ""),))]
        case LineKind.TABLE_ROW | LineKind.TABLE_RULE:
            return _table(line, first, rest, room)
        case _:
            spans = wrap(line.text, max(min(width, MEASURE) - taken, 1))
    return [
        Row(line, rest if number else first, start, end)
        for number, (start, end) in enumerate(spans)
    ]


def _table(line: Line, first: Prefix, rest: Prefix, room: int) -> list[Row]:
    if line.table is None:
        return []
    if line.kind is LineKind.TABLE_RULE:
        stands = line.table.widths(room)
        return [Row(line, first, parts=((line.table.rule(room), ""),))] if stands else []
    parts = line.table.layout(line.cells, room, head=not line.number)
    return [Row(line, rest if number else first, parts=part) for number, part in enumerate(parts)]


def _prefix_room(width: int) -> int:
    return max(width - _NARROWEST, width // 2)


def _cut(prefix: Prefix, width: int) -> Prefix:
    """Shorten a prefix from the left, so that a bullet survives the indentation."""
    room = _prefix_room(width)
    kept: list[tuple[str, str]] = []
    for text, style in reversed(prefix):
        columns = cell_len(text)
        if columns > room:
            break
        kept.append((text, style))
        room -= columns
    return tuple(reversed(kept))


def paint(
    row: Row, width: int, margin: int, style: Callable[[str], Style], decorate: str = ""
) -> Strip:
    """Return the strip of a row, exactly ``width`` columns wide.

    Args:
        row: the row.
        width: columns of the strip.
        margin: blank columns left and, at least, right of it.
        style: turns names of styles into a style.
        decorate: names of styles beneath everything else in the row.
    """
    line = row.line
    below = f"{decorate} {line.fill} {line.base}".strip()
    segments = [Segment(" " * margin, style(""))] if margin else []
    segments += [Segment(text, style(f"{decorate} {name}")) for text, name in row.prefix]
    if row.parts is not None:
        parts = row.parts
    else:
        spans = line.spans if line.code is None else line.code.spans(line.number)
        parts = tuple(pieces(line.text, spans, row.start, row.end))
    segments += [Segment(text, style(f"{below} {name}" if name else below)) for text, name in parts]
    strip = Strip(segments)
    used = strip.cell_length
    if line.fill and used < width - margin:
        segments.append(Segment(" " * (width - margin - used), style(below)))
        strip = Strip(segments, width - margin)
    if strip.cell_length != width:
        strip = strip.adjust_cell_length(width, style(""))
    return strip
