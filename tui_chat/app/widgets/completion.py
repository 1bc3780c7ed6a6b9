"""The slash commands that fit what is being typed, in a list above the prompt."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from rich.cells import cell_len
from textual import events
from textual.content import Content
from textual.geometry import Size
from textual.message import Message
from textual.widget import Widget

from tui_chat.app.glyphs import UNICODE, Glyphs
from tui_chat.app.slash import Completer, Suggestion
from tui_chat.app.widgets.one_line import cut

__all__ = ["MOST_ROWS", "Completion"]

MOST_ROWS: Final = 8
"""Rows of the list; what does not fit comes into view when it is chosen."""
SHARE: Final = 3
"""The screen's height is divided by this: a third is enough, as it is for the prompt."""
MARK: Final = "> "
"""Before the chosen line, for terminals without colours."""


class Completion(Widget):
    """Shows a :class:`~tui_chat.app.slash.Completer`; hidden while that has nothing to offer.

    Args:
        completer: what to show.
        room: returns how many rows the widget that gives way has; asked when the list opens.
        glyphs: the symbols the terminal can show.
    """

    @dataclass
    class Clicked(Message):
        """A line was chosen with the mouse.

        Attributes:
            at: which one, from 0.
        """

        at: int

    def __init__(
        self,
        completer: Completer,
        *,
        room: Callable[[], int] = lambda: MOST_ROWS,
        glyphs: Glyphs = UNICODE,
    ) -> None:
        super().__init__(id="completion", classes="-empty")
        self._completer = completer
        self._room = room
        self._free = MOST_ROWS
        self._glyphs = glyphs
        self._top = 0

    def update(self) -> None:
        """Show what the completer has now."""
        completer = self._completer
        if completer.open and self.has_class("-empty"):
            self._top = 0
            self._free = max(self._room(), 1)
        self.set_class(not completer.open, "-empty")
        self.refresh(layout=True)

    @property
    def rows(self) -> int:
        """Rows that the list has on this screen."""
        room = min(MOST_ROWS, self.app.size.height // SHARE, self._free)
        return min(max(room, 1), len(self._completer.suggestions))

    def on_click(self, event: events.Click) -> None:
        """Take the line under the mouse."""
        event.stop()
        at = self._top + event.y
        if at < len(self._completer.suggestions):
            self.post_message(self.Clicked(at))

    # -- drawing ----------------------------------------------------------------------------------

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:  # noqa: ARG002
        """Return the rows needed."""
        return self.rows

    def render(self) -> Content:
        """Draw the part of the list that the chosen line is in."""
        return Content("\n").join(self._lines(self.content_size.width, self.content_size.height))

    def _lines(self, width: int, height: int) -> Iterator[Content]:
        suggestions, at = self._completer.suggestions, self._completer.at
        rows = max(height, 1)
        chosen = at or 0
        self._top = max(min(self._top, chosen, len(suggestions) - rows), chosen - rows + 1, 0)
        names = [_named(each) for each in suggestions]
        column = max((cell_len(name) for name in names), default=0)
        shown = suggestions[self._top : self._top + rows]
        for number, suggestion in enumerate(shown, self._top):
            yield self._line(suggestion, column, width, chosen=number == at)

    def _line(self, suggestion: Suggestion, column: int, width: int, *, chosen: bool) -> Content:
        name = _named(suggestion)
        ellipsis = self._glyphs.ellipsis
        mark = MARK if chosen else " " * len(MARK)
        head = cut(mark + name, width, ellipsis)
        gap = " " * (len(MARK) + column + 2 - cell_len(head))
        rest = cut(gap + suggestion.help, max(width - cell_len(head), 0), ellipsis)
        if not rest.strip(f" {ellipsis}"):
            rest = ""
        filled = " " * max(width - cell_len(head) - cell_len(rest), 0)
        styles = ("$text-primary", "$muted") if not chosen else ("$text-primary bold", "")
        line = Content.assemble((head, styles[0]), (rest, styles[1]), filled)
        return line.stylize("on $primary 22%") if chosen else line


def _named(suggestion: Suggestion) -> str:
    return f"{suggestion.text} {suggestion.hint}".rstrip()
