"""Walking through the transcript message by message."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.message import Message as TextualMessage
from textual.strip import Strip

from tui_chat.app.commands import Scope
from tui_chat.app.keymap import Actions
from tui_chat.app.transcript.entry import Entry
from tui_chat.app.transcript.fold_view import Folding
from tui_chat.app.transcript.marks import UNICODE, Marks
from tui_chat.app.transcript.palette import Palette
from tui_chat.app.transcript.rows import Row

__all__ = ["Walking"]


class Walking(Folding):
    """A transcript with a cursor that is at one message, or at none.

    The cursor is kept by the message's id, so it stays where it is whatever arrives.
    """

    WALKING: ClassVar[Mapping[str, str]] = Actions(Scope.WALKING)
    """The actions of the keys, looked at before the screen gives a blank to the prompt."""

    _cursor: int | None = None
    _marks: Marks = UNICODE

    class MenuWanted(TextualMessage, namespace="transcript"):
        """The user wants to see what can be done with a message.

        Attributes:
            transcript: the sender.
            entry: the message.
        """

        def __init__(self, transcript: Walking, entry: Entry) -> None:
            super().__init__()
            self.transcript = transcript
            self.entry = entry

        @property
        def control(self) -> Walking:
            """The sender."""
            return self.transcript

    class Left(TextualMessage, namespace="transcript"):
        """The cursor was put away; what is typed next is not for the transcript."""

    # -- the cursor -------------------------------------------------------------------------------

    @property
    def current(self) -> Entry | None:
        """The entry that the cursor is at."""
        return None if self._cursor is None else self._column.find(self._cursor)

    def walk(self, step: int) -> None:
        """Move the cursor by some messages; without one, begin at the last that is in view."""
        entries = self._column.entries
        if not entries or not self._column.height:
            return
        here = self.current
        if here is None:
            self.walk_to(self._column.last_shown())
        else:
            number = self._column.number(here) + step
            self.walk_to(entries[min(max(number, 0), len(entries) - 1)])

    def walk_to(self, entry: Entry) -> None:
        """Put the cursor at an entry and show it."""
        self._cursor = entry.id
        if self._column.height:
            self._column.reveal(entry)
            self._place()
        self.refresh()

    def leave_cursor(self) -> None:
        """Put the cursor away. At the end, the end is followed again."""
        if self._cursor is None:
            return
        self._cursor = None
        column = self._column
        if column.height and not column.follow and column.top >= column.end:
            column.to_end()
            self._place()
        self.refresh()

    # -- keys -------------------------------------------------------------------------------------

    async def on_key(self, event: events.Key) -> None:
        """Do what the registry says for a key, if it has something to do here now."""
        action = self.WALKING.get(event.key)
        if action is not None and self._can(action):
            event.prevent_default()
            event.stop()
            await self.run_action(action)

    def _can(self, action: str) -> bool:
        here = self.current
        match action.partition("(")[0]:
            case "walk" | "walk_to":
                return bool(self._column.entries)
            case "toggle_fold":
                return here is not None and here.foldable
            case _:
                return here is not None

    def action_walk(self, step: int) -> None:
        """Go some messages up or down."""
        self.walk(step)

    def action_walk_to(self, number: int) -> None:
        """Go to a message by its place, -1 for the last."""
        self.walk_to(self._column.entries[number])

    def action_toggle_fold(self) -> None:
        """Fold the message at the cursor, or open it."""
        if (here := self.current) is not None:
            self.toggle_fold(here)

    def action_open_menu(self) -> None:
        """Ask for the menu of the message at the cursor."""
        if (here := self.current) is not None:
            self.post_message(self.MenuWanted(self, here))

    def action_leave_cursor(self) -> None:
        """Put the cursor away."""
        self.leave_cursor()
        self.post_message(self.Left())

    # -- painting ---------------------------------------------------------------------------------

    def overlay(self, row: Row, y: int, strip: Strip) -> Strip:
        """Lay a bar and a background over the rows of the message at the cursor."""
        palette = self._palette
        if self._cursor is not None and palette is not None:
            spot = self._column.spot(y)
            # The blank row above a message separates it from the one before; it is no part of it.
            if (
                spot is not None
                and self._column.entries[spot.entry].id == self._cursor
                and (spot.piece or row.line.text or row.prefix)
            ):
                strip = _marked(strip, self._marks.cursor, palette)
        return super().overlay(row, y, strip)


def _marked(strip: Strip, mark: str, palette: Palette) -> Strip:
    """Return a strip with a bar at its left, and another background where it had none."""
    plain = palette("").bgcolor
    ground = palette.own("cursor")
    segments = [
        Segment(text, (style or Style.null()) + ground)
        if style is None or style.bgcolor in (None, plain)
        else Segment(text, style)
        for text, style, _ in strip.crop(1)
    ]
    bar = Segment(mark, palette("cursor cursor-bar"))
    return Strip([bar, *segments], strip.cell_length)
