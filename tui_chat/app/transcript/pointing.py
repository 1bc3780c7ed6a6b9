"""Selecting text in the transcript with the mouse, and pointing at links.

A selection is two places in the text (:class:`~.column.Anchor`), so it survives another width, a
change of theme and whatever arrives below it. Only the rows that it covers cost anything, and
only when they are painted.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from rich.style import Style
from textual import events
from textual.message import Message as TextualMessage
from textual.strip import Strip
from textual.timer import Timer

from tui_chat.app.transcript.column import Anchor, Spot
from tui_chat.app.transcript.copying import selected_text
from tui_chat.app.transcript.entry import Entry
from tui_chat.app.transcript.lines import Link
from tui_chat.app.transcript.links import Reference, link_at, reference_to
from tui_chat.app.transcript.places import columns_of, restyle, text_at, word_at
from tui_chat.app.transcript.rows import Row
from tui_chat.app.transcript.view import TranscriptView

__all__ = ["Pointing"]

EDGE_INTERVAL: Final = 1 / 20
"""Seconds between two steps while the mouse is held beyond an edge."""
EDGE_STEP: Final = 8
"""Rows of a step at most; the farther away the mouse is, the more."""


class Pointing(TranscriptView):
    """A transcript with a selection: drag, a double click for a word, a triple click for a line.

    A click on a link says so (:class:`LinkChosen`); nothing is opened here.
    """

    class LinkChosen(TextualMessage, namespace="transcript"):
        """The user clicked on a link.

        Attributes:
            link: where it leads, and what it shows.
        """

        def __init__(self, link: Reference) -> None:
            super().__init__()
            self.link = link

    _fixed: Anchor | None = None
    """The end of the selection that stays; the same as the point when nothing is selected."""
    _point: Anchor | None = None
    """The end that moves."""
    _pressed: tuple[Anchor, Anchor] | None = None
    """Start and end of the character that the button went down on."""
    _dragged = False
    _mouse = (0, 0)
    _edge: Timer | None = None
    _hover: tuple[tuple[int, int, int], Link] | None = None
    """The line and the link in it that the mouse is over."""

    # -- what is selected -------------------------------------------------------------------------

    @property
    def selected(self) -> tuple[Anchor, Anchor] | None:
        """Where the selection begins and ends; None when nothing is selected."""
        if self._fixed is None or self._point is None or self._fixed == self._point:
            return None
        return min(self._fixed, self._point), max(self._fixed, self._point)

    def selection(self) -> Iterator[str]:
        """Return the selected text, piece by piece; nothing without a selection.

        What is selected later, or not any more, changes nothing about it.
        """
        found = self.selected
        return iter(()) if found is None else selected_text(self._column.entries, *found)

    def select(self, mark: Anchor, point: Anchor) -> None:
        """Select the text between two places; ``point`` is the end that moves."""
        if (mark, point) != (self._fixed, self._point):
            self._fixed, self._point = mark, point
            self.refresh()

    def clear_selection(self) -> None:
        """Select nothing."""
        self._end_drag()
        if self._fixed is not None:
            self._fixed = self._point = None
            self.refresh()

    def select_all(self) -> None:
        """Select the whole conversation."""
        entries = self._column.entries
        if entries:
            self.select(Anchor(0, 0, 0, 0), Anchor(len(entries), 0, 0, 0))

    @property
    def current(self) -> Entry | None:
        """The entry that the moving end of the selection is in."""
        entries = self._column.entries
        if self._point is not None and self._point.entry < len(entries):
            return entries[self._point.entry]
        return super().current

    # -- painting ---------------------------------------------------------------------------------

    def overlay(self, row: Row, y: int, strip: Strip) -> Strip:
        """Lay the selection over a row, and show the link under the mouse."""
        strip = super().overlay(row, y, strip)
        if self._point is None and self._hover is None:
            return strip
        spot = self._column.spot(y)
        if spot is None:
            return strip
        here = (spot.entry, spot.piece, row.index)
        if self._hover is not None and self._hover[0] == here:
            link = self._hover[1]
            strip = self._over(strip, row, link.start, link.end, "link-hover")
        found = self.selected
        if found is not None and found[0][:3] <= here <= found[1][:3]:
            start, end = found
            first = start.character if start[:3] == here else 0
            last = end.character if end[:3] == here else len(row.line.text)
            strip = self._over(strip, row, first, last, "selection")
        return strip

    def _over(self, strip: Strip, row: Row, start: int, end: int, style: str) -> Strip:
        """Lay a style over a part of the line's text."""
        cells = self._cells(row, start, end)
        return restyle(strip, cells, self._own(style)) if cells else strip

    def _own(self, name: str) -> Style:
        return Style.null() if self._palette is None else self._palette.own(name)

    def _cells(self, row: Row, start: int, end: int) -> list[tuple[int, int]]:
        """Return the columns of the strip at which a part of the line's text stands in a row."""
        margin = self._margin
        spans = columns_of(row, self._column.width, start, end)
        return [(first + margin, last + margin) for first, last in spans]

    # -- the mouse --------------------------------------------------------------------------------

    def on_mouse_down(self, event: events.MouseDown) -> None:
        """Begin to select, or go on with Shift."""
        if event.button != 1 or not self._column.entries:
            return
        here = self._at(event.x, event.y)
        if here is None:
            self.clear_selection()
            return
        kept = self._fixed if event.shift else None
        if kept is None:
            self.clear_selection()
        self._pressed = here if kept is None else (kept, kept)
        self._dragged = False
        self.capture_mouse()
        if kept is not None:
            self._drag(event.x, event.y)

    def on_mouse_move(self, event: events.MouseMove) -> None:
        """Select up to here; beyond an edge, scroll there as long as the mouse stays."""
        if self._pressed is None:
            self._point_at(event.x, event.y)
            return
        if not event.button:  # it was let go where nobody could see it
            self._end_drag()
            return
        self._drag(event.x, event.y)

    def on_mouse_up(self, event: events.MouseUp) -> None:
        """The selection is as wanted."""
        if event.button == 1 and self._pressed is not None:
            self._end_drag()

    def on_hide(self) -> None:
        """Something else is in this place now."""
        self._end_drag()

    def on_leave(self) -> None:
        """The mouse is over nothing here."""
        self._hover_over(None)

    def on_click(self, event: events.Click) -> None:
        """Select a word or a line, or follow a link; the end of a drag is no click at all."""
        if event.button != 1:
            return
        if self._dragged:
            self._dragged = False
            event.prevent_default()
            event.stop()
        elif event.chain > 1 and (spot := self._column.spot(event.y)) is not None:
            event.prevent_default()
            event.stop()
            start, end = 0, len(spot.row.line.text)
            if event.chain == 2:
                at, _ = text_at(spot.row, self._column.width, event.x - self._margin)
                start, end = word_at(spot.row.line.text, at)
            line = Anchor(spot.entry, spot.piece, spot.row.index, 0)
            self.select(line._replace(character=start), line._replace(character=end))
        elif (link := self._link_under(event.x, event.y)) is not None:
            event.prevent_default()
            event.stop()
            spot, found = link
            self.post_message(self.LinkChosen(reference_to(spot.row.line, found)))

    def _link_under(self, x: int, y: int) -> tuple[Spot, Link] | None:
        spot = self._column.spot(y) if 0 <= y < self._view.height else None
        if spot is None:
            return None
        start, end = text_at(spot.row, self._column.width, x - self._margin)
        link = link_at(spot.row.line, start) if start < end else None
        return None if link is None else (spot, link)

    def _point_at(self, x: int, y: int) -> None:
        found = self._link_under(x, y)
        if found is None:
            self._hover_over(None)
        else:
            spot, link = found
            self._hover_over(((spot.entry, spot.piece, spot.row.index), link))

    def _hover_over(self, hover: tuple[tuple[int, int, int], Link] | None) -> None:
        if hover != self._hover:
            self._hover = hover
            self.refresh()

    def _drag(self, x: int, y: int) -> None:
        self._mouse = (x, y)
        self._extend()
        outside = not 0 <= y < self._view.height
        if outside and self._edge is None:
            self._edge = self.set_interval(EDGE_INTERVAL, self._scroll_on)
        elif not outside:
            self._stop_edge()

    def _scroll_on(self) -> None:
        """Scroll towards the mouse and select what comes into view."""
        _, y = self._mouse
        beyond = y if y < 0 else y - self._view.height + 1
        step = max(-EDGE_STEP, min(beyond, EDGE_STEP))
        column = self._column
        wanted = min(max(column.top + step, 0), column.end)
        if step and wanted != column.top:
            column.scroll(wanted)
            self._place()
            self.refresh()
        self._extend()

    def _extend(self) -> None:
        """Select from where the button went down to the mouse, both characters included."""
        if self._pressed is None:
            return
        x, y = self._mouse
        height = self._view.height
        if y < 0:
            x, y = 0, 0
        elif y >= height:
            x, y = self._view.width, height - 1
        here = self._at(x, y)
        if here is None or (here == self._pressed and not self._dragged):
            return
        self._dragged = True
        first, second = self._pressed
        if here[0] < first:
            self.select(second, here[0])
        else:
            self.select(first, here[1])

    def _end_drag(self) -> None:
        self._stop_edge()
        if self._pressed is not None:
            self._pressed = None
            self.release_mouse()

    def _stop_edge(self) -> None:
        if self._edge is not None:
            self._edge.stop()
            self._edge = None

    def _at(self, x: int, y: int) -> tuple[Anchor, Anchor] | None:
        """Return start and end of the character at a cell of the window, or the nearest one."""
        y = max(y, 0)
        spot = self._column.spot(y)
        while spot is None and y > 0:
            y -= 1
            x = self._view.width
            spot = self._column.spot(y)
        if spot is None:
            return None
        start, end = text_at(spot.row, self._column.width, x - self._margin)
        line = Anchor(spot.entry, spot.piece, spot.row.index, 0)
        return line._replace(character=start), line._replace(character=end)
