"""All entries in one column, and the window through which some rows of it are seen.

No heights are measured but those of what is in the window. When a measured height differs from
its estimate the window moves along, so that what was visible stays where it was.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Collection, Iterable
from typing import Final

from tui_chat.app.transcript.anchor import Anchor, Spot
from tui_chat.app.transcript.entry import Entry
from tui_chat.app.transcript.height_index import HeightIndex
from tui_chat.app.transcript.piece import Piece, PieceKind
from tui_chat.app.transcript.rows import Row

__all__ = ["Anchor", "Column", "Spot"]

OPEN_ENTRIES: Final = 300
"""Entries that are kept in pieces, most recently seen first."""
PARSED_PIECES: Final = 1200
"""Pieces that are kept parsed and laid out."""
_MANY: Final = 200
"""Changed heights from which on it is quicker to add all of them up anew."""


class Column:
    """The entries, their heights, and the window.

    Attributes:
        entries: in order.
        top: the row of the column that the window begins at.
        width: columns of the window.
        height: rows of the window.
        follow: whether the window stays at the end.
    """

    def __init__(self, now: Callable[[], float] = time.time) -> None:
        self.entries: list[Entry] = []
        self.top = 0
        self.width = 0
        self.height = 0
        self.follow = True
        self._now = now
        self._index = HeightIndex()
        self._numbers: dict[int, int] = {}
        self._open: OrderedDict[int, None] = OrderedDict()
        self._parsed: OrderedDict[Piece, None] = OrderedDict()
        self._anchor: Anchor | None = None  # kept from resize to resize, until the next scroll

    # -- entries ----------------------------------------------------------------------------------

    @property
    def total(self) -> int:
        """Rows of everything, as far as known."""
        return self._index.total

    @property
    def end(self) -> int:
        """The row that the window begins at when it shows the end."""
        return max(self.total - self.height, 0)

    def find(self, message_id: int) -> Entry | None:
        """Return the entry of a message."""
        number = self._numbers.get(message_id)
        return None if number is None else self.entries[number]

    def number(self, entry: Entry) -> int:
        """Return which one an entry is, from 0."""
        return self._numbers[entry.id]

    def last_shown(self) -> Entry:
        """Return the last entry in the window. There must be one."""
        row = min(self.top + self.height, self.total) - 1
        return self.entries[self._index.find(row)[0]]

    def replace(self, entries: Iterable[Entry]) -> None:
        """Put these entries in the place of all others."""
        self.entries = list(entries)
        self._numbers = {entry.id: number for number, entry in enumerate(self.entries)}
        self._open.clear()
        self._parsed.clear()
        self._anchor = None
        self.top = 0
        self._index = HeightIndex(entry.estimate(self.width) for entry in self.entries)

    def add(self, entry: Entry) -> None:
        """Put one more entry at the end."""
        self._numbers[entry.id] = len(self.entries)
        self.entries.append(entry)
        self._index.append(entry.estimate(self.width))

    def update(self, changed: Iterable[Entry]) -> None:
        """Take in what changed in some entries, then put the window right."""
        held = None if self.follow else self.anchor()
        for entry in changed:
            number = self._numbers[entry.id]
            if entry.pieces is None:
                height = entry.estimate(self.width)
            else:
                entry.open(self.width, self._now())
                height = entry.height
            self._index.set(number, height)
        if held is None:
            self.to_end()
        else:
            self._hold(held)

    def refold(self, changed: Collection[Entry], stay: Entry | None = None) -> None:
        """Take in that entries were folded or opened.

        Args:
            changed: these.
            stay: whose first row stays where it is on the screen, or comes to its top; by default
                what is at the top of the window stays, and the end at the end.
        """
        held = None if self.follow and stay is None else self.anchor()
        row = 0 if stay is None else max(self._index.before(self._numbers[stay.id]) - self.top, 0)
        for entry in changed:
            entry.forget()
        if len(changed) > _MANY:
            self._index = HeightIndex(
                each.height or each.estimate(self.width) for each in self.entries
            )
        else:
            for entry in changed:
                self._index.set(self._numbers[entry.id], entry.estimate(self.width))
        if stay is not None:
            number = self._numbers[stay.id]
            self.reopen(number)
            self._settle(self._index.before(number) - row, (number, 0))
            self.follow = self.follow and self.top >= self.end
        elif held is None:
            self.to_end()
        else:
            self._hold(held)

    def reveal(self, entry: Entry) -> None:
        """Move the window as far as it takes to show an entry, or at least its beginning."""
        number = self._numbers[entry.id]
        self._anchor = None
        first = self._index.before(number)
        last = first + self._index[number]
        if not self.top <= first <= last <= self.top + self.height:
            below = first > self.top
            self.follow = False
            self._hold(Anchor(number, 0, 0, 0))
            if below and self._index[number] < self.height:
                self._settle(self.ends_at(entry) - self.height, (number, 0))
        self.follow = number == len(self.entries) - 1 and self.top >= self.end

    def update_heads(self, entries: Iterable[Entry]) -> list[tuple[int, int]]:
        """Show states and times afresh; return the rows of the window (first, count) to repaint.

        Heads keep their height when only time goes by.
        """
        rows: list[tuple[int, int]] = []
        for entry in entries:
            number = self._numbers[entry.id]
            first = self._index.before(number) - self.top
            if entry.pieces is None or first >= self.height:
                continue
            grown = entry.update_head(self._now())
            count = entry.heights[0]
            if grown:
                self._index.set(number, entry.height)
                rows.append((0, self.height))
            elif first + count > 0:
                rows.append((max(first, 0), min(first + count, self.height) - max(first, 0)))
        return rows

    # -- the window -------------------------------------------------------------------------------

    def resize(self, width: int, height: int) -> None:
        """Change the window's size; the text at its top stays there, or its end at the end."""
        held = self._anchor
        if held is None and not self.follow and self.width:
            held = self.anchor()
        rewrap = width != self.width
        self.width, self.height = width, height
        if rewrap:
            now = self._now()
            for entry in self.entries:
                if entry.pieces is not None:
                    entry.open(width, now)
            self._index = HeightIndex(
                entry.estimate(width) if entry.pieces is None else entry.height
                for entry in self.entries
            )
        if self.follow or held is None:
            self.to_end()
        else:
            self._hold(held)
            self._anchor = held

    def to_end(self) -> None:
        """Move the window to the end, for good."""
        self.follow = True
        self._anchor = None
        while True:
            self.top = self.end
            if not self._expose(self.top):
                break

    def to_start(self) -> None:
        """Move the window to the first row."""
        self._anchor = None
        self.follow = not self.end
        self._settle(0, (0, -1))
        self.follow = not self.end

    def scroll(self, row: int) -> None:
        """Move the window to begin at ``row``, as the user said; at the end it begins to follow."""
        self._anchor = None
        if row >= self.end and row >= self.top:
            self.to_end()
            return
        self.follow = False
        if abs(row - self.top) <= self.height and self.total:
            held = self._unit(self.top)
        else:
            # A long way: nothing that was visible remains, so the new top is what stays.
            self._expose(row, rows=1)
            held = self._unit(row)
        self._settle(row, held)

    def anchor(self) -> Anchor | None:
        """Return the place in the text at the top of the window."""
        if not self.total:
            return None
        number, piece, row = self._locate(self.top)
        entry = self.entries[number]
        if entry.pieces is None:
            return Anchor(number, 0, 0, 0)
        rows = entry.rows(piece)
        if not rows:
            return Anchor(number, piece, 0, 0)
        found = rows[min(row, len(rows) - 1)]
        lines = entry.pieces[piece].lines or []
        line = next((at for at, each in enumerate(lines) if each is found.line), 0)
        of_line = [each for each in rows if each.line is found.line]
        # Rows of tables have no place in the text; count them.
        character = found.start if found.parts is None else of_line.index(found)
        return Anchor(number, piece, line, character)

    def row(self, y: int) -> Row | None:
        """Return the row at ``y`` of the window; None below the end. Measures nothing."""
        spot = self.spot(y)
        return None if spot is None else spot.row

    def show(self, place: Anchor) -> None:
        """Move the window so that it begins at ``place``, as far as it can."""
        self.follow = False
        self._anchor = None
        self._hold(place)

    def spot(self, y: int) -> Spot | None:
        """Return what stands at ``y`` of the window; None below the end. Measures nothing."""
        at = self.top + y
        if not 0 <= at < self.total:
            return None
        number, offset = self._index.find(at)
        entry = self.entries[number]
        if entry.pieces is None or not entry.height:
            return None
        piece, offset = entry.heights.find(offset)
        rows = entry.pieces[piece].rows
        if rows is None or offset >= len(rows):
            return None
        return Spot(number, piece, rows[offset])

    def shows(self, entry: Entry) -> bool:
        """Whether any row of an entry is in the window."""
        number = self._numbers[entry.id]
        first = self._index.before(number)
        return first < self.top + self.height and first + self._index[number] > self.top

    def ends_at(self, entry: Entry) -> int:
        """Return the row of the column after an entry's last."""
        number = self._numbers[entry.id]
        return self._index.before(number) + self._index[number]

    # -- measuring --------------------------------------------------------------------------------

    def reopen(self, number: int) -> Entry:
        """Have an entry in pieces; what is in view may move by that."""
        entry = self.entries[number]
        entry.open(self.width, self._now())
        self._touch(number)
        self._index.set(number, entry.height)
        return entry

    def _hold(self, held: Anchor) -> None:
        """Put the place ``held`` at the top of the window."""
        entry = self.reopen(held.entry)
        piece = min(held.piece, len(entry.pieces or ()) - 1)
        entry.measure(piece)
        self._index.set(held.entry, entry.height)
        top = self._index.before(held.entry) + entry.heights.before(piece)
        lines = (entry.pieces or ())[piece].lines or []
        line = lines[held.line] if held.line < len(lines) else None
        offset = 0
        for number, row in enumerate(entry.rows(piece)):
            if row.line is line:
                if row.parts is not None:
                    offset = number + held.character if row.start == 0 else number
                    break
                if row.start > held.character:
                    break
                offset = number
        offset = min(offset, max(len(entry.rows(piece)) - 1, 0))
        self._settle(top + offset, (held.entry, piece))

    def _settle(self, row: int, held: tuple[int, int]) -> None:
        """Move the window to ``row`` and measure what it shows, without moving ``held`` in it."""
        while True:
            self.top = min(max(row, 0), self.end)
            grown = self._expose(self.top)
            if not grown:
                break
            row = self.top + sum(rows for unit, rows in grown if unit < held)

    def _expose(self, top: int, rows: int | None = None) -> list[tuple[tuple[int, int], int]]:
        """Measure what the window shows; return what was measured and by how much it grew."""
        grown: list[tuple[tuple[int, int], int]] = []
        row = top
        bottom = top + (self.height if rows is None else rows)
        while row < bottom and row < self.total:
            number, offset = self._index.find(row)
            entry = self.entries[number]
            if entry.pieces is None or entry.width != self.width:
                entry.open(self.width, self._now())
                self._touch(number)
                grown.append(((number, -1), self._index.set(number, entry.height)))
                continue
            self._touch(number)
            piece, offset = entry.heights.find(offset)
            if not entry.measured(piece):
                difference = entry.measure(piece)
                self._index.set(number, entry.height)
                grown.append(((number, piece), difference))
                self._keep(entry, piece)
                continue
            self._keep(entry, piece)
            row += entry.heights[piece] - offset
        self._forget()
        return grown

    def _unit(self, row: int) -> tuple[int, int]:
        number, piece, _ = self._locate(row)
        return number, piece

    def _locate(self, row: int) -> tuple[int, int, int]:
        number, offset = self._index.find(row)
        entry = self.entries[number]
        if entry.pieces is None or not entry.height:
            return number, 0, 0
        return number, *entry.heights.find(offset)

    # -- memory -----------------------------------------------------------------------------------

    def _touch(self, number: int) -> None:
        self._open[number] = None
        self._open.move_to_end(number)

    def _keep(self, entry: Entry, number: int) -> None:
        entry.rows(number)
        if entry.pieces is not None:
            piece = entry.pieces[number]
            if piece.kind is not PieceKind.FIXED:
                self._parsed[piece] = None
                self._parsed.move_to_end(piece)

    def _forget(self) -> None:
        """Give back the memory of what was seen long ago."""
        while len(self._parsed) > max(PARSED_PIECES, 2 * self.height):
            piece, _ = self._parsed.popitem(last=False)
            piece.lines = piece.rows = piece.code = None
        while len(self._open) > max(OPEN_ENTRIES, 2 * self.height):
            number, _ = self._open.popitem(last=False)
            if self.entries[number].streaming:
                self._touch(number)
                if all(self.entries[each].streaming for each in self._open):
                    break
            else:
                self.entries[number].forget()
