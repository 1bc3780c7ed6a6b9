"""The live log: as many lines as there are, of which only the visible ones are ever drawn."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import tzinfo
from typing import TYPE_CHECKING, ClassVar

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Region, Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from tui_chat.app.glyphs import Glyphs
from tui_chat.app.screens.debug.log_lines import Key, LogItem, formatted, log_items, matches
from tui_chat.app.widgets.one_line import cut

if TYPE_CHECKING:
    from tui_chat.debug_info import ClientDebugInfo

__all__ = ["LogView"]

INDENT = 4


class LogView(ScrollView, can_focus=True):
    """Events and frames, newest last; follows the end until somebody goes elsewhere.

    Args:
        glyphs: the symbols the terminal can show.
        zone: of the times.
    """

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "log--time",
        "log--kind",
        "log--out",
        "log--event",
        "log--cursor",
        "log--content",
    }
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "move(-1)", show=False),
        Binding("down", "move(1)", show=False),
        Binding("pageup", "page(-1)", show=False),
        Binding("pagedown", "page(1)", show=False),
        Binding("home", "first", show=False),
        Binding("end", "last", show=False),
    ]

    class Changed(Message):
        """How much there is to see, or what is done with it, has changed."""

    def __init__(self, glyphs: Glyphs, zone: tzinfo | None, *, id: str) -> None:  # noqa: A002 - Textual's name
        super().__init__(id=id)
        self._glyphs = glyphs
        self._zone = zone
        self._waiting: ClientDebugInfo | None = None
        self._items: list[LogItem] = []
        self._shown: list[LogItem] = []
        self._lines: list[tuple[int, str | None]] = []  # an item, and which line of its content
        self._starts: list[int] = []
        self._words: Sequence[str] = ()
        self._open: set[Key] = set()
        self._cursor = 0
        self.following = True
        self.paused = False

    # -- what is shown ----------------------------------------------------------------------------

    @property
    def items(self) -> Sequence[LogItem]:
        """What passes the filter, oldest first."""
        return self._shown

    @property
    def counts(self) -> tuple[int, int]:
        """How many items pass the filter, and how many there are."""
        return len(self._shown), len(self._items)

    @property
    def current(self) -> LogItem | None:
        """The item under the cursor."""
        return self._shown[self._cursor] if self._shown else None

    def show(self, info: ClientDebugInfo) -> None:
        """Show another state of the log; while paused, once that is over."""
        self._waiting = info
        if not self.paused and self.is_on_screen:
            self.catch_up()

    def catch_up(self) -> None:
        """Show what arrived meanwhile."""
        if self._waiting is not None:
            info, self._waiting = self._waiting, None
            self._items = log_items(info.recent, info.flight.frames)
            self._arrange()

    @property
    def is_on_screen(self) -> bool:
        """Whether anybody can see this."""
        return self.is_mounted and self.display and self.size.height > 0

    def on_show(self) -> None:
        """Show what arrived while something else was on the screen."""
        if not self.paused:
            self.catch_up()

    def on_resize(self, event: events.Resize) -> None:  # noqa: ARG002 - Textual's signature
        """Wrap what is unfolded at the new width."""
        if not self.paused:
            self.catch_up()
        self._arrange()

    def filter(self, text: str) -> None:
        """Show only what holds every one of these words."""
        self._words = text.lower().split()
        self._arrange()

    def toggle_pause(self) -> None:
        """Let the log stand still, or go on."""
        self.paused = not self.paused
        if not self.paused:
            self.catch_up()
        self.post_message(self.Changed())

    def _arrange(self) -> None:
        """Lay out all lines; what is looked at stays where it is on the screen."""
        current = self.current
        above = self._starts[self._cursor] - self.scroll_offset.y if current is not None else 0
        self._shown = (
            [item for item in self._items if matches(item, self._words)]
            if self._words
            else self._items
        )
        self._open &= {item.key for item in self._items}
        self._lay_out()
        if self.following or current is None:
            self._cursor = max(len(self._shown) - 1, 0)
        else:
            self._cursor = self._position(current)
        self.virtual_size = Size(self.size.width, len(self._lines))
        if self.following:
            self.scroll_to(y=self.max_scroll_y, animate=False, force=True, immediate=True)
        elif self._shown:
            top = max(self._starts[self._cursor] - above, 0)
            self.scroll_to(y=top, animate=False, force=True, immediate=True)
        self.refresh()
        self.post_message(self.Changed())

    def _position(self, item: LogItem) -> int:
        """Return where an item is now; where it is gone, what comes after it."""
        for index, each in enumerate(self._shown):
            if each.key == item.key or each.at > item.at:
                return index
        return max(len(self._shown) - 1, 0)

    def _lay_out(self) -> None:
        width = self.size.width - INDENT - 1
        self._lines, self._starts = [], []
        for index, item in enumerate(self._shown):
            self._starts.append(len(self._lines))
            self._lines.append((index, None))
            if item.key in self._open:
                self._lines.extend((index, line) for line in formatted(item, width))

    # -- moving about -----------------------------------------------------------------------------

    def action_move(self, by: int) -> None:
        """Go to the next item, or to the one before."""
        self._go(self._cursor + by)

    def action_page(self, by: int) -> None:
        """Go a page up or down."""
        if not self._shown:
            return
        line = self._starts[self._cursor] + by * max(self.size.height - 1, 1)
        self._go(self._lines[min(max(line, 0), len(self._lines) - 1)][0])

    def action_first(self) -> None:
        """Go to the oldest item."""
        self._go(0)

    def action_last(self) -> None:
        """Go to the newest item, and follow."""
        self._go(len(self._shown) - 1)

    def action_unfold(self) -> None:
        """Show all of the item under the cursor, or its one line again."""
        if (item := self.current) is None:
            return
        self._open ^= {item.key}
        self.following = False
        self._arrange()
        self._see_cursor()

    def on_click(self, event: events.Click) -> None:
        """Go to the item that was clicked; with a second click, unfold it."""
        line = event.y + self.scroll_offset.y
        if 0 <= line < len(self._lines):
            same = self._lines[line][0] == self._cursor
            self._go(self._lines[line][0])
            if same:
                self.action_unfold()

    def _go(self, index: int) -> None:
        if not self._shown:
            return
        last = len(self._shown) - 1
        self._cursor = min(max(index, 0), last)
        self.following = self._cursor == last and self._shown[last].key not in self._open
        self._see_cursor()
        self.refresh()
        self.post_message(self.Changed())

    def _see_cursor(self) -> None:
        start = self._starts[self._cursor]
        end = self._starts[self._cursor + 1] if self._cursor + 1 < len(self._starts) else None
        height = (len(self._lines) if end is None else end) - start
        region = Region(0, start, self.size.width, min(height, max(self.size.height, 1)))
        self.scroll_to_region(region, animate=False, force=True, immediate=True)

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """Whoever scrolls up with the mouse wants to read."""
        super().watch_scroll_y(old_value, new_value)
        if new_value < old_value and self.following and new_value < self.max_scroll_y:
            self.following = False
            self.post_message(self.Changed())

    # -- drawing ----------------------------------------------------------------------------------

    def render_line(self, y: int) -> Strip:
        """Draw one line of what is visible."""
        width = self.size.width
        number = y + self.scroll_offset.y
        if number >= len(self._lines):
            return Strip.blank(width, self.rich_style)
        index, content = self._lines[number]
        if content is not None:
            style = self.get_component_rich_style("log--content")
            segments = [Segment(" " * INDENT + content, style)]
        else:
            segments = list(self._head(self._shown[index], width, index == self._cursor))
        base = self.rich_style
        if content is None and index == self._cursor:
            base = self.get_component_rich_style("log--cursor")
            segments = [Segment(text, base) for text, *_ in segments]
        return Strip(segments).adjust_cell_length(width, base).apply_style(Style.null())

    def _head(self, item: LogItem, width: int, under_cursor: bool) -> Iterable[Segment]:
        wide = width >= 70
        time = item.time(self._zone) if wide else item.time(self._zone)[:8]
        arrow = {"in": "<", "out": ">"}.get(item.direction, self._glyphs.dot)
        mark = ("v" if self._glyphs.ascii else "▾") if item.key in self._open else " "
        kind = cut(item.kind, 20 if wide else 16, self._glyphs.ellipsis)
        style = {"out": "log--out", "event": "log--event"}.get(item.direction, "log--kind")
        pointer = ">" if under_cursor and self._glyphs.ascii else " "
        yield Segment(f"{mark or pointer}{time} ", self.get_component_rich_style("log--time"))
        yield Segment(f"{arrow} {kind} ", self.get_component_rich_style(style))
        used = 1 + len(time) + 1 + 2 + len(kind) + 1
        size = f"{item.size} " if item.size else ""
        yield Segment(size, self.get_component_rich_style("log--time"))
        rest = cut(item.text, max(width - used - len(size), 0), self._glyphs.ellipsis)
        yield Segment(rest, self.rich_style)
