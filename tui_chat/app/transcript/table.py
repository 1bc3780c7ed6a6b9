"""Tables: how wide the columns are, and the rows of each table row."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Literal, NamedTuple

from rich.cells import cell_len

from tui_chat.app.transcript.lines import CELL_GAP, Cell, Span
from tui_chat.app.transcript.wrap import wrap

__all__ = ["Align", "Place", "Table"]

Align = Literal["left", "center", "right"]
Pieces = tuple[tuple[str, str], ...]
"""The text of one row, in parts, each with the names of its styles."""

GAP: Final = " │ "
MAX_COLUMNS: Final = 64
"""Columns shown; a hostile table may have thousands."""
_MEASURED: Final = 400
"""Characters of a cell that count for the natural width; no column needs more."""
_NARROWEST: Final = 6
"""A column is not squeezed below this, or below its natural width if that is less."""


class Place(NamedTuple):
    """Where a part of a line's text stands in a row: first column, columns, and which part."""

    column: int
    columns: int
    start: int
    end: int


class Table:
    """A table's columns.

    Args:
        aligns: one for each column.
        rows: the cells of the head and of the rows that decide the widths.
    """

    __slots__ = ("_natural", "_widths", "aligns", "head")

    def __init__(self, aligns: Sequence[Align], rows: Sequence[Sequence[Cell]]) -> None:
        self.aligns = tuple(aligns)[:MAX_COLUMNS]
        self.head = tuple(rows[0])[:MAX_COLUMNS] if rows else ()
        natural = [1] * len(self.aligns)
        for row in rows:
            for column, cell in enumerate(row[: len(natural)]):
                natural[column] = max(natural[column], cell_len(cell.text[:_MEASURED]))
        self._natural = natural
        self._widths: tuple[int, tuple[int, ...]] = (-1, ())

    def widths(self, width: int) -> tuple[int, ...]:
        """Return the width of each column in ``width`` columns, empty if they cannot fit."""
        if self._widths[0] != width:
            self._widths = (width, self._fit(width))
        return self._widths[1]

    def _fit(self, width: int) -> tuple[int, ...]:
        room = width - len(GAP) * (len(self._natural) - 1)
        natural = self._natural
        if sum(natural) <= room:
            return tuple(natural)
        least = [min(want, _NARROWEST) for want in natural]
        if sum(least) > room:
            return ()
        # Take from the widest until it fits: find the height to which the tall ones are cut.
        low, high = 1, max(natural)
        while low < high:
            middle = (low + high + 1) // 2
            if (
                sum(
                    max(min(want, middle), floor)
                    for want, floor in zip(natural, least, strict=True)
                )
                <= room
            ):
                low = middle
            else:
                high = middle - 1
        widths = [max(min(want, low), floor) for want, floor in zip(natural, least, strict=True)]
        spare = room - sum(widths)
        for column, want in enumerate(natural):
            if spare > 0 and widths[column] < want:
                widths[column] += 1
                spare -= 1
        return tuple(widths)

    def rule(self, width: int) -> str:
        """Return the line under the head."""
        widths = self.widths(width)
        return "─┼─".join("─" * columns for columns in widths) if widths else "─" * width

    def layout(self, cells: Sequence[Cell], width: int, *, head: bool) -> list[Pieces]:
        """Return the rows of one table row.

        Where the columns cannot fit side by side each cell stands on rows of its own, after the
        name of its column; the head is then left out.
        """
        widths = self.widths(width)
        if not widths:
            return [] if head else self._stacked(cells, width)
        cells = [*cells[: len(widths)], *[Cell("", ())] * (len(widths) - len(cells))]
        columns = [
            wrap(cell.text, columns) if cell.text else []
            for cell, columns in zip(cells, widths, strict=True)
        ]
        height = max(max(map(len, columns), default=0), 1)
        rows: list[Pieces] = []
        for number in range(height):
            row: list[tuple[str, str]] = []
            for column, (cell, part) in enumerate(zip(cells, columns, strict=True)):
                if column:
                    row.append((GAP, "table-line"))
                start, end = part[number] if number < len(part) else (0, 0)
                row.extend(
                    _aligned(cell, start, end, widths[column], self.aligns[column], head=head)
                )
            rows.append(tuple(row))
        return rows

    def places(self, cells: Sequence[Cell], width: int, *, head: bool) -> list[list[Place]]:
        """Return where the text of each row of :meth:`layout` comes from."""
        starts = [0]
        for cell in cells:
            starts.append(starts[-1] + len(cell.text) + len(CELL_GAP))
        widths = self.widths(width)
        if not widths:
            return [] if head else self._stacked_places(cells, starts, width)
        shown = list(cells[: len(widths)])
        wrapped = [
            wrap(cell.text, columns) if cell.text else []
            for cell, columns in zip(shown, widths, strict=False)
        ]
        rows: list[list[Place]] = []
        for number in range(max(max(map(len, wrapped), default=0), 1)):
            row: list[Place] = []
            column = 0
            for at, (cell, parts) in enumerate(zip(shown, wrapped, strict=True)):
                start, end = parts[number] if number < len(parts) else (0, 0)
                if number < len(parts):
                    taken = cell_len(cell.text[start:end])
                    left = _left(self.aligns[at], widths[at] - taken)
                    place = Place(column + left, taken, starts[at] + start, starts[at] + end)
                    row.append(place)
                column += widths[at] + len(GAP)
            rows.append(row)
        return rows

    def _stacked_places(
        self, cells: Sequence[Cell], starts: Sequence[int], width: int
    ) -> list[list[Place]]:
        rows: list[list[Place]] = []
        for name, cell, at in zip(self.head, cells, starts, strict=False):
            label = f"{name.text}: " if name.text else ""
            whole = label + cell.text
            for start, end in wrap(whole, width):
                first = max(start, len(label))
                last = max(end, first)
                before = cell_len(whole[start:first]) if first > start else 0
                taken = cell_len(whole[first:last])
                rows.append([Place(before, taken, at + first - len(label), at + last - len(label))])
        return [*rows, []]

    def _stacked(self, cells: Sequence[Cell], width: int) -> list[Pieces]:
        rows: list[Pieces] = []
        for name, cell in zip(self.head, cells, strict=False):
            label = f"{name.text}: " if name.text else ""
            spans = tuple(
                Span(span.start + len(label), span.end + len(label), span.style)
                for span in cell.spans
            )
            labelled = (Span(0, len(label), "table-head"), *spans) if label else spans
            whole = Cell(label + cell.text, labelled)
            rows.extend(
                tuple(pieces(whole.text, whole.spans, start, end))
                for start, end in wrap(whole.text, width)
            )
        return [*rows, ((" ", ""),)]


def _left(align: Align, spare: int) -> int:
    """Return the blank columns before a text that leaves ``spare`` columns free."""
    spare = max(spare, 0)
    return {"left": 0, "center": spare // 2, "right": spare}[align]


def _aligned(
    cell: Cell, start: int, end: int, width: int, align: Align, *, head: bool
) -> list[tuple[str, str]]:
    spare = max(width - cell_len(cell.text[start:end]), 0)
    left = _left(align, spare)
    parts = [(" " * left, "")] if left else []
    for text, style in pieces(cell.text, cell.spans, start, end):
        parts.append((text, f"table-head {style}".strip() if head else style))
    if spare - left:
        parts.append((" " * (spare - left), ""))
    return parts


def pieces(text: str, spans: Sequence[Span], start: int, end: int) -> list[tuple[str, str]]:
    """Return ``text[start:end]`` cut where its style changes."""
    parts: list[tuple[str, str]] = []
    at = start
    for span_start, span_end, style in spans:
        if span_end <= at:
            continue
        if span_start >= end:
            break
        first = _whole(text, max(span_start, at), end)
        last = _whole(text, min(span_end, end), end)
        if first > at:
            parts.append((text[at:first], ""))
        if last > first:
            parts.append((text[first:last], style))
        at = max(last, at)
    if at < end:
        parts.append((text[at:end], ""))
    return parts


def _whole(text: str, at: int, end: int) -> int:
    """Move a cut behind the rest of a joined emoji: its parts measure more when apart."""
    while 0 < at < end and (text[at] in "\u200d\ufe0f" or text[at - 1] == "\u200d"):
        at += 1
    return at
