"""Looking for words in the transcript: which messages have them, and the way from one to the next.

Which messages have them is read from their sources, a little at a time, so that ten thousand
messages keep nobody waiting. Where the words stand in a message is found when somebody goes there.
"""

from __future__ import annotations

import time
from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterator
from itertools import chain
from typing import Final, NamedTuple

from textual.message import Message as TextualMessage
from textual.strip import Strip
from textual.timer import Timer

from tui_chat.app.transcript.anchor import Anchor, Spot
from tui_chat.app.transcript.copying import snapshot
from tui_chat.app.transcript.entry import Entry
from tui_chat.app.transcript.fold_view import Folding
from tui_chat.app.transcript.piece import PieceKind
from tui_chat.app.transcript.places import columns_of, restyle
from tui_chat.app.transcript.query import Query
from tui_chat.app.transcript.rows import Row
from tui_chat.app.transcript.steps import bring_into_view, row_of

__all__ = ["Finding", "Found"]

SLICE: Final = 0.008
"""Seconds of looking before keys and frames have their turn."""
REST: Final = 0.008
"""Seconds between two slices."""


class Found(NamedTuple):
    """How a search stands.

    Attributes:
        messages: that have the words, as far as known.
        position: which of them is shown, from 1, in the order of the conversation; 0 for none.
        complete: whether all messages have been looked at.
        wrapped: whether the last step went on at the other end.
    """

    messages: int
    position: int
    complete: bool
    wrapped: bool = False

    def __str__(self) -> str:
        if not self.messages:
            return "not found" if self.complete else "looking..."
        word = "message" if self.messages == 1 else "messages"
        more = "" if self.complete else " so far"
        around = ", from the other end" if self.wrapped else ""
        return f"{self.position:,} of {self.messages:,} {word}{more}{around}"


class Finding(Folding):
    """A transcript in which words are looked for; all of them in view are marked."""

    class Searched(TextualMessage, namespace="transcript"):
        """More is known of what is looked for, or another place is shown.

        Attributes:
            found: how the search stands.
        """

        def __init__(self, found: Found) -> None:
            super().__init__()
            self.found = found

    _query: Query | None = None
    _hits: list[int]
    """Numbers of the entries that have the words, in order."""
    _unsearched: Iterator[int] = iter(())
    """Numbers of those that were not looked at yet."""
    _all_searched = True
    _search_from: Anchor | None = None
    """Where the reader was when the search began."""
    _match: Anchor | None = None
    """The place that is shown."""
    _wanted = 0
    """The step that waits for more to be known."""
    _wrapped = False
    _opened: tuple[Entry, bool | None] | None = None
    """What was unfolded to show a place in it, and how it was before."""
    _search_timer: Timer | None = None
    _found: Found | None = None

    @property
    def found(self) -> Found | None:
        """How the search stands; None without one."""
        return self._found

    # -- the search -------------------------------------------------------------------------------

    def search(self, text: str, message_id: int | None = None) -> None:
        """Look for words, from where the search began upwards; for nothing with an empty text.

        Args:
            text: the words.
            message_id: where to begin instead.
        """
        query = Query(text)
        if message_id is not None and (entry := self._column.find(message_id)) is not None:
            self._search_from = Anchor(self._column.number(entry) + 1, 0, 0, 0)
        elif self._search_from is None:
            self._search_from = self._after_view()
        self._stop_looking()
        self._fold_back()
        self._query = query or None
        self._hits = []
        self._match = self._found = None
        self._wrapped = self._all_searched = False
        self.refresh()
        if query:
            self._wanted = -1
            count = len(self._column.entries)
            begin = min(self._search_from.entry, count - 1)
            self._unsearched = iter(chain(range(begin, -1, -1), range(count - 1, begin, -1)))
            self._look()

    def search_anew(self) -> None:
        """Look for the same words in what is shown now."""
        if self._query is not None:
            self._search_from = self._opened = None
            self.search(self._query.text)

    def search_step(self, step: int) -> None:
        """Go to the place above (-1) or below (1); at an end, go on at the other."""
        if self._query:
            self._wanted = step
            self._go_on()
            self._tell()

    def end_search(self) -> None:
        """Mark nothing any more. What is shown stays; at the end, the end is followed again."""
        if self._search_from is None:
            return
        self._stop_looking()
        self._query = self._match = self._search_from = self._opened = self._found = None
        self._hits = []
        column = self._column
        if column.height and not column.follow and column.top >= column.end:
            column.to_end()
            self._place()
        self.refresh()

    def look_at(self, entry: Entry) -> None:
        """Take in a message that came or changed while words are looked for."""
        if not self._query or entry.streaming:
            return
        number = self._column.number(entry)
        if self._has(number) or not self._query.is_in(entry):
            return
        insort(self._hits, number)
        self._go_on()
        self._tell()

    def _after_view(self) -> Anchor:
        """Return the place after what is in view."""
        column = self._column
        last = max(len(column.entries) - 1, 0)
        for y in reversed(range(column.height)):
            spot = column.spot(y)
            if spot is not None:
                return Anchor(spot.entry, spot.piece, spot.row.index + 1, 0)
        return Anchor(last + 1, 0, 0, 0)

    def _look(self) -> None:
        """Look at as many messages as there is time for; go on a little later."""
        self._search_timer = None
        if self._query is None:
            return
        end = time.monotonic() + SLICE
        entries = self._column.entries
        for number in self._unsearched:
            if self._query.is_in(entries[number]) and not self._has(number):
                insort(self._hits, number)
                if self._wanted:
                    self._go_on()
            if time.monotonic() > end:
                self._search_timer = self.set_timer(REST, self._look)
                break
        else:
            self._all_searched = True
            self._go_on()
        self._tell()

    def _stop_looking(self) -> None:
        if self._search_timer is not None:
            self._search_timer.stop()
            self._search_timer = None
        self._unsearched = iter(())

    def _has(self, number: int) -> bool:
        at = bisect_left(self._hits, number)
        return at < len(self._hits) and self._hits[at] == number

    def _tell(self) -> None:
        position = 0
        if self._match is not None:
            position = bisect_right(self._hits, self._match.entry)
        found = Found(len(self._hits), position, self._all_searched, self._wrapped)
        if found != self._found:
            self._found = found
            self.post_message(self.Searched(found))

    # -- the way to a place -----------------------------------------------------------------------

    def _go_on(self) -> None:
        """Make the step that is wanted, if enough is known for it."""
        step = self._wanted
        if not step or not self._hits:
            return
        here = self._match or self._search_from or self._after_view()
        place = self._next(here, step)
        wrapped = place is None
        if place is None:
            if not self._all_searched:  # the other end was not looked at yet
                return
            edge = Anchor(len(self._column.entries), 0, 0, 0) if step < 0 else Anchor(-1, 0, 0, 0)
            place = self._next(edge, step)
        self._wanted = 0
        if place is not None:
            self._wrapped = wrapped and self._match not in (None, place)
            self._show(place)

    def _next(self, here: Anchor, step: int) -> Anchor | None:
        """Return the nearest place before or after another."""
        hits = self._hits
        at = bisect_right(hits, here.entry) - 1 if step < 0 else bisect_left(hits, here.entry)
        while 0 <= at < len(hits):
            number = hits[at]
            for place in self._places(number, step):
                if place < here if step < 0 else place > here:
                    return place
            at += step
        return None

    def _places(self, number: int, step: int) -> Iterator[Anchor]:
        """Yield where the words stand in a message, from its end (-1) or its beginning (1)."""
        query = self._query
        if query is None:
            return
        entry = snapshot(self._column.entries[number], unfolded=True)
        any_found = False
        for at, piece in list(enumerate(entry.pieces or ()))[::step]:
            if not _is_text(entry, at) or (piece.source and not query.may_be_in(piece.source)):
                continue
            kept = piece.lines is not None
            lines = entry.lines(at)
            for line in range(len(lines))[::step]:
                for start, _ in list(query.spans(lines[line].text))[::step]:
                    any_found = True
                    yield Anchor(number, at, line, start)
            if not kept:
                piece.lines = piece.code = None
        if not any_found:  # it stands in what Markdown does not show, such as a link's title
            yield Anchor(number, 0, 0, 0)

    def _show(self, place: Anchor) -> None:
        if self._opened is not None and self._column.number(self._opened[0]) != place.entry:
            self._fold_back()
        self._match = place
        column = self._column
        entry = column.entries[place.entry]
        if place.piece and entry.folded and entry.foldable:
            self._opened = (entry, entry.fold)
            self.toggle_fold(entry)
        if row_of(column, place) is None:
            bring_into_view(column, place)
        column.follow = False  # what streams in must not carry the place away
        self._place()
        self.refresh()

    def _fold_back(self) -> None:
        """Fold again what was unfolded to show a place in it."""
        opened, self._opened = self._opened, None
        if opened is not None:
            entry, before = opened
            if self._column.find(entry.id) is entry and not entry.folded:
                self.toggle_fold(entry)
                entry.fold = before

    # -- painting ---------------------------------------------------------------------------------

    def overlay(self, row: Row, y: int, strip: Strip) -> Strip:
        """Mark the words in a row."""
        strip = super().overlay(row, y, strip)
        query, palette = self._query, self._palette
        if not query or palette is None:
            return strip
        spans = list(query.spans(row.line.text))
        spot = self._column.spot(y) if spans else None
        if spot is None or not _is_text(self._column.entries[spot.entry], spot.piece):
            return strip
        here = self._match if self._match and self._match[:3] == _line_of(spot) else None
        for start, end in spans:
            current = here is not None and here.character == start
            cells = columns_of(row, self._column.width, start, end)
            cells = [(first + self._margin, last + self._margin) for first, last in cells]
            if cells:
                strip = restyle(strip, cells, palette.own("match-here" if current else "match"))
        return strip


def _line_of(spot: Spot) -> tuple[int, int, int]:
    return spot.entry, spot.piece, spot.row.index


def _is_text(entry: Entry, piece: int) -> bool:
    """Whether a piece is text of the message, and not what stands around it."""
    if entry.pieces is None or piece >= len(entry.pieces):
        return False
    return entry.pieces[piece].kind is not PieceKind.FIXED or (entry.tool is not None and not piece)
