"""The transcript as a Textual widget: the window of a :class:`~.column.Column`, painted."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any, ClassVar, Final

from textual.geometry import Region, Size
from textual.message import Message as TextualMessage
from textual.reactive import Reactive, reactive
from textual.scroll_view import ScrollView
from textual.strip import Strip

from tui_chat.app.transcript.column import Column
from tui_chat.app.transcript.entry import Entry, EntryChange
from tui_chat.app.transcript.lines import Line, safe
from tui_chat.app.transcript.marks import ASCII, UNICODE
from tui_chat.app.transcript.palette import COMPONENT_CLASSES, Palette
from tui_chat.app.transcript.rows import Row, lay_out, paint
from tui_chat.conversation.model import Change, Message, MessageAdded, MessageKind

__all__ = ["Transcript"]

FRAME: Final = 1 / 30
"""Seconds between two frames while text streams; deltas in between share a frame."""
STRIPS: Final = 2_000
"""Painted rows that are kept."""


class Transcript(ScrollView, can_focus=True):
    """A conversation, drawn line by line.

    It follows the end until somebody scrolls away from it; from then on nothing that arrives
    moves what is being read, until :meth:`scroll_end` or scrolling down to the end.

    Args:
        placeholder: what an empty conversation shows.
        assistant: what the other side is called.
        ascii_only: use plain symbols, for terminals without UTF-8.
        now: the wall clock, epoch seconds, for "so far" durations.
        name: the widget's name.
        id: the widget's id.
        classes: the widget's CSS classes.
    """

    ALLOW_SELECT = False
    COMPONENT_CLASSES: ClassVar[set[str]] = set(COMPONENT_CLASSES)
    DEFAULT_CSS = """
    Transcript {
        overflow-x: hidden;
        overflow-y: scroll;
        scrollbar-gutter: stable;
        scrollbar-size-vertical: 1;
    }
    """
    HELP = "The conversation. PgUp and PgDn page, End returns to the newest message."

    # Textual would lay out the whole screen at every change; only the scrollbar has to know.
    virtual_size: Reactive[Size] = Reactive(Size(0, 0), layout=False, repaint=False)

    unread: Reactive[int] = reactive(0, repaint=False)
    """Messages that came or grew below the window while it did not follow the end."""

    class FollowChanged(TextualMessage):
        """The transcript began or ceased to follow the end, or there is more unread below it.

        Attributes:
            transcript: the sender.
            follow: whether it follows the end.
            unread: messages that came or grew since it ceased to.
        """

        def __init__(self, transcript: Transcript, *, follow: bool, unread: int) -> None:
            super().__init__()
            self.transcript = transcript
            self.follow = follow
            self.unread = unread

        @property
        def control(self) -> Transcript:
            """The sender."""
            return self.transcript

    def __init__(
        self,
        *,
        placeholder: str = "",
        assistant: str = "Assistant",
        ascii_only: bool = False,
        now: Callable[[], float] = time.time,
        name: str | None = None,
        id: str | None = None,  # noqa: A002 - Textual's own name
        classes: str | None = None,
    ) -> None:
        super().__init__(name=name, id=id, classes=classes)
        self._placeholder = placeholder
        self._assistant = safe(assistant)
        self._marks = ASCII if ascii_only else UNICODE
        self._column = Column(now)
        self._dirty: dict[Entry, None] = {}
        self._live: dict[Entry, None] = {}
        self._addressed: int | None = None
        self._unread: set[int] = set()
        self._told = (True, 0)
        self._palette: Palette | None = None
        self._strips: dict[Row, Strip] = {}
        self._hint: list[Strip] | None = None
        self._view = Size(0, 0)
        self._margin = 0
        self._frame_due = False
        self._last_frame = 0.0
        self._pause = FRAME
        self._placing = False

    # -- what is shown ----------------------------------------------------------------------------

    @property
    def follow(self) -> bool:
        """Whether the window stays at the newest row."""
        return self._column.follow

    def apply(self, changes: Iterable[Change]) -> None:
        """Take in changes of the conversation; they are drawn together in the next frame."""
        for change in changes:
            if isinstance(change, MessageAdded):
                self._add(change.message)
            elif isinstance(change, EntryChange):  # threads, runs and persistence do not show here
                entry = self._column.find(change.message_id)
                if entry is not None and entry.take(change):
                    self._mark(entry)
        if self._dirty:
            self._request_frame()

    def address(self, message_id: int | None) -> None:
        """Say under this message, and no other, which keys are about it; None for none."""
        if message_id == self._addressed:
            return
        for number in (self._addressed, message_id):
            entry = None if number is None else self._column.find(number)
            if entry is not None:
                entry.addressed = number == message_id
                self._mark(entry)
        self._addressed = message_id
        if self._dirty:
            self._request_frame()

    def find(self, message_id: int) -> Entry | None:
        """Return what is shown of a message."""
        return self._column.find(message_id)

    def said(self) -> Iterator[Entry]:
        """Yield what the user wrote, the newest first."""
        return (entry for entry in reversed(self._column.entries) if entry.kind is MessageKind.USER)

    def reset(self, messages: Iterable[Message]) -> None:
        """Show these messages, and no others, from their end."""
        entries: list[Entry] = []
        before: Entry | None = None
        for message in messages:
            before = Entry(message, before, self._marks, self._assistant)
            before.addressed = before.id == self._addressed
            entries.append(before)
        self._dirty.clear()
        self._strips.clear()
        self._live = {entry: None for entry in entries if entry.streaming}
        self._column.replace(entries)
        self._column.follow = True
        if self._column.height:
            self._column.to_end()
        self._place()
        self.refresh()

    def flush(self) -> None:
        """Draw what is waiting for the next frame now."""
        dirty, self._dirty = self._dirty, {}
        if not self._column.height:
            self._dirty = dirty  # not on screen yet
            return
        for entry in dirty:
            if not entry.streaming:
                self._live.pop(entry, None)
        if not dirty:
            return
        top = self._column.top
        self._column.update(dirty)
        if not self._column.follow:
            # How a message of the user fares is no news to come back for.
            others = (entry for entry in dirty if entry.delivery is None)
            self._unread.update(entry.id for entry in others if not self._is_above(entry))
        moved = self._column.top != top
        self._place()
        if moved or any(self._column.shows(entry) for entry in dirty):
            self.refresh()

    def tick(self) -> None:
        """Show the times of what is running afresh; only the rows concerned are painted."""
        if not self._live or not self._column.height:
            return
        for first, count in self._column.update_heads(self._live):
            self.refresh(Region(0, first, self._view.width, count))

    def _add(self, message: Message) -> None:
        entries = self._column.entries
        if self._column.find(message.id) is not None:
            return  # a reader that fell behind may see it twice
        entry = Entry(message, entries[-1] if entries else None, self._marks, self._assistant)
        entry.addressed = entry.id == self._addressed
        self._column.add(entry)
        self._mark(entry)
        if entry.streaming:
            self._live[entry] = None

    def _mark(self, entry: Entry) -> None:
        self._dirty[entry] = None

    def _is_above(self, entry: Entry) -> bool:
        """Whether all of an entry is on screen or above it."""
        return self._column.ends_at(entry) <= self._column.top + self._column.height

    # -- frames -----------------------------------------------------------------------------------

    def _request_frame(self) -> None:
        if self._frame_due or not self.is_attached:
            return
        self._frame_due = True
        wait = self._last_frame + self._pause - time.monotonic()
        if wait <= 0:
            self.call_next(self._frame)
        else:
            self.set_timer(wait, self._frame)

    def _frame(self) -> None:
        self._frame_due = False
        start = time.monotonic()
        self.flush()
        self._last_frame = time.monotonic()
        # Text that is costly to parse must not keep the keyboard waiting: rest as long as it took.
        self._pause = max(FRAME, 2 * (self._last_frame - start))

    def on_mount(self) -> None:
        """Draw what came before."""
        self._refresh_scrollbars()
        if self._dirty:
            self._request_frame()

    # -- scrolling --------------------------------------------------------------------------------

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:  # noqa: ARG002
        """Follow the user: every other move of the window bypasses this watcher."""
        if self._placing or not self._column.height:
            return
        self._column.scroll(round(new_value))
        self._place()
        self.refresh()

    def scroll_to(self, *args: Any, **options: Any) -> None:
        """Scroll as :meth:`Widget.scroll_to` does, without animation.

        Rows are measured as they come into view; an animation would chase a moving target.
        """
        options["animate"] = False
        super().scroll_to(*args, **options)

    def scroll_end(self, **_options: Any) -> None:
        """Go to the newest row and stay there."""
        if self._column.height:
            self._column.to_end()
            self._place()
            self.refresh()
        else:
            self._column.follow = True

    def action_scroll_end(self) -> None:
        """Go to the newest row and stay there."""
        self.scroll_end()

    def scroll_home(self, **_options: Any) -> None:
        """Go to the first row."""
        if self._column.height:
            self._column.to_start()
            self._place()
            self.refresh()

    def action_scroll_home(self) -> None:
        """Go to the first row."""
        self.scroll_home()

    def _place(self) -> None:
        """Tell Textual where the window is."""
        column = self._column
        size = Size(self._view.width, column.total)
        self._placing = True
        try:
            if size != self.virtual_size:
                self.virtual_size = size
            self.set_reactive(Transcript.scroll_y, float(column.top))
            self.set_reactive(Transcript.scroll_target_y, float(column.top))
        finally:
            self._placing = False
        if self.is_attached and self.show_vertical_scrollbar:
            bar = self.vertical_scrollbar
            bar.window_virtual_size = column.total
            bar.window_size = self._view.height
            bar.position = column.top
        if column.follow:
            self._unread.clear()
        self.unread = len(self._unread)
        told = (column.follow, self.unread)
        if told != self._told:
            self._told = told
            if self.is_attached:
                self.post_message(
                    self.FollowChanged(self, follow=column.follow, unread=self.unread)
                )

    def _size_updated(
        self, size: Size, virtual_size: Size, container_size: Size, layout: bool = True
    ) -> bool:
        # Here and not in a handler of the resize event: the next frame is painted before that.
        self._placing = True
        try:
            changed = super()._size_updated(size, virtual_size, container_size, layout)
        finally:
            self._placing = False
        view = size - self.styles.gutter.totals
        if view != self._view:
            self._view = view
            self._margin = 1 if view.width >= 30 else 0
            self._hint = None
            self._strips.clear()
            if view.width and view.height:
                self._column.resize(max(view.width - 2 * self._margin, 1), view.height)
                self._place()
                if self._dirty:
                    self.flush()
        return changed

    # -- painting ---------------------------------------------------------------------------------

    def notify_style_update(self) -> None:
        """Forget what is painted, but only if it would look different now."""
        super().notify_style_update()
        palette = self._palette
        if palette is not None and palette != Palette.of(self):
            self._palette = None
            self._strips.clear()
            self._hint = None

    def render_line(self, y: int) -> Strip:
        """Return row ``y`` of the window. Only paints; nothing is measured or parsed here."""
        palette = self._palette
        if palette is None:
            palette = self._palette = Palette.of(self)
        width = self._view.width
        if not self._column.entries:
            hint = self._paint_hint(palette)
            return hint[y] if y < len(hint) else Strip.blank(width, palette(""))
        row = self._column.row(y)
        if row is None:
            return Strip.blank(width, palette(""))
        strip = self._strips.get(row)
        if strip is None:
            strip = paint(row, width, self._margin, palette)
            if len(self._strips) >= STRIPS:
                del self._strips[next(iter(self._strips))]
            self._strips[row] = strip
        return strip

    def _paint_hint(self, palette: Palette) -> list[Strip]:
        """Return the placeholder, in the middle of the window."""
        if self._hint is None:
            width, height = self._view
            lines = [Line(safe(text), base="hint") for text in self._placeholder.split("\n")]
            room = max(width - 2 * self._margin, 1)
            rows = lay_out(lines, min(room, 60)) if self._placeholder else []
            above = max((height - len(rows)) // 2, 0)
            block = max((row.end - row.start for row in rows), default=0)
            margin = max((width - block) // 2, 0)
            blank = Strip.blank(width, palette(""))
            self._hint = [blank] * above + [paint(row, width, margin, palette) for row in rows]
        return self._hint
