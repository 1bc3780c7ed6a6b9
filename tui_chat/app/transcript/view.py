"""The transcript's window: some rows of a :class:`~.column.Column`, scrolled and painted."""

from __future__ import annotations

from typing import Any, ClassVar, Final

from textual.geometry import Size
from textual.message import Message as TextualMessage
from textual.reactive import Reactive, reactive
from textual.scroll_view import ScrollView
from textual.strip import Strip

from tui_chat.app.transcript.column import Column
from tui_chat.app.transcript.entry import Entry
from tui_chat.app.transcript.lines import Line, safe
from tui_chat.app.transcript.palette import COMPONENT_CLASSES, Palette
from tui_chat.app.transcript.rows import Row, lay_out, paint

__all__ = ["TranscriptView"]

STRIPS: Final = 2_000
"""Painted rows that are kept."""


class TranscriptView(ScrollView, can_focus=True):
    """The window onto a column of entries. What the entries are made from is not known here.

    Args:
        column: the entries.
        placeholder: what an empty column shows.
        name: the widget's name.
        id: the widget's id.
        classes: the widget's CSS classes.
    """

    ALLOW_SELECT = False
    COMPONENT_CLASSES: ClassVar[set[str]] = set(COMPONENT_CLASSES)
    DEFAULT_CSS = """
    TranscriptView {
        overflow-x: hidden;
        overflow-y: scroll;
        scrollbar-gutter: stable;
        scrollbar-size-vertical: 1;
    }
    """
    # Textual would lay out the whole screen at every change; only the scrollbar has to know.
    virtual_size: Reactive[Size] = Reactive(Size(0, 0), layout=False, repaint=False)

    unread: Reactive[int] = reactive(0, repaint=False)
    """Messages that came or grew below the window while it did not follow the end."""

    class FollowChanged(TextualMessage, namespace="transcript"):
        """The transcript began or ceased to follow the end, or there is more unread below it.

        Attributes:
            transcript: the sender.
            follow: whether it follows the end, or shows it.
            unread: messages that came or grew since it ceased to.
        """

        def __init__(self, transcript: TranscriptView, *, follow: bool, unread: int) -> None:
            super().__init__()
            self.transcript = transcript
            self.follow = follow
            self.unread = unread

        @property
        def control(self) -> TranscriptView:
            """The sender."""
            return self.transcript

    def __init__(
        self,
        column: Column,
        *,
        placeholder: str = "",
        name: str | None = None,
        id: str | None = None,  # noqa: A002 - Textual's own name
        classes: str | None = None,
    ) -> None:
        super().__init__(name=name, id=id, classes=classes)
        self._column = column
        self._placeholder = placeholder
        self._unread: set[int] = set()
        self._told = (True, 0)
        self._palette: Palette | None = None
        self._strips: dict[Row, Strip] = {}
        self._hint: list[Strip] | None = None
        self._view = Size(0, 0)
        self._margin = 0
        self._placing = False

    @property
    def follow(self) -> bool:
        """Whether the window stays at the newest row."""
        return self._column.follow

    @property
    def current(self) -> Entry | None:
        """The entry that the user is at; None if nobody has said."""
        return None

    def flush(self) -> None:
        """Draw what is waiting for the next frame now."""

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

    def say_when_empty(self, text: str) -> None:
        """Show another text while there is nothing to show."""
        if text != self._placeholder:
            self._placeholder = text
            self.refresh()

    def _place(self) -> None:
        """Tell Textual where the window is."""
        column = self._column
        size = Size(self._view.width, column.total)
        self._placing = True
        try:
            if size != self.virtual_size:
                self.virtual_size = size
            self.set_reactive(TranscriptView.scroll_y, float(column.top))
            self.set_reactive(TranscriptView.scroll_target_y, float(column.top))
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
        at_end = column.follow or (column.top >= column.end and not self.unread)
        told = (at_end, self.unread)
        if told != self._told:
            self._told = told
            if self.is_attached:
                self.post_message(self.FollowChanged(self, follow=at_end, unread=self.unread))

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
        return self.overlay(row, y, strip)

    def overlay(self, row: Row, y: int, strip: Strip) -> Strip:  # noqa: ARG002 - see below
        """Return the strip of row ``y`` of the window with what lies over it for the moment.

        Subclasses call this one too and return its strip as it is where nothing of theirs lies.
        What they put over it is never kept.
        """
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
