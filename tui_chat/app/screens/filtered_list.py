"""A panel with a line to type into and a list under it, which what is typed narrows."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from textual import events, on
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import OptionList
from textual.widgets.option_list import Option

from tui_chat.app.bindings import key_of
from tui_chat.app.screens.overlay import Panel
from tui_chat.app.widgets.field import Field
from tui_chat.app.widgets.plain_text import PlainText

__all__ = ["FilteredList"]


class FilteredList(Panel):
    """The keys go to the line; those that move, and Enter, are for the list.

    Args:
        title: of the panel.
        filter_text: what stands in the line at first.
        placeholder: what stands there when it is empty.
        keys: what the keys do.
        screen_id: the id of the screen.
    """

    AUTO_FOCUS = "#filter"

    def __init__(
        self, title: str, filter_text: str, *, placeholder: str, keys: str, screen_id: str
    ) -> None:
        super().__init__(screen_id=screen_id)
        self._panel_title = title
        self.filter = Field(filter_text, placeholder=placeholder, id="filter")
        self.list = OptionList(id="messages", markup=False)
        self.list.can_focus = False  # the keys for it come through the line
        self.empty = PlainText(id="nothing")
        self.keys = PlainText(keys, id="keys")

    def compose(self) -> ComposeResult:
        """The panel and what is in it."""
        with Vertical(id="panel") as panel:
            panel.border_title = Content(self._panel_title)
            panel.border_subtitle = Content(f"{key_of('close')} closes")
            yield self.filter
            yield self.list
            yield self.empty
            yield self.keys

    def on_mount(self) -> None:
        """Show what there is."""
        self.narrow(self.filter.value)

    def narrow(self, text: str) -> None:
        """Show what belongs to what is typed."""
        raise NotImplementedError

    def take(self, at: int) -> None:
        """Do what the panel is for with the entry of this number."""
        raise NotImplementedError

    def show_list(self, lines: Iterable[Content], otherwise: str, *, chosen: int = 0) -> None:
        """Show these entries.

        Args:
            lines: the entries.
            otherwise: what is said when there are none.
            chosen: the entry that is chosen then, if there is one of that number.
        """
        self.list.clear_options()
        self.list.add_options(Option(line) for line in lines)
        count = self.list.option_count
        self.list.highlighted = min(chosen, count - 1) if count else None
        self.list.display = bool(count)
        self.empty.display = not count
        self.empty.show(otherwise)

    @on(Field.Changed)
    def _typed(self, event: Field.Changed) -> None:
        event.stop()
        self.narrow(event.value)

    def on_key(self, event: events.Key) -> None:
        """Move in the list while the line has the focus."""
        moves: dict[str, Callable[[], object]] = {
            "up": self.list.action_cursor_up,
            "down": self.list.action_cursor_down,
            "pageup": self.list.action_page_up,
            "pagedown": self.list.action_page_down,
        }
        move = moves.get(event.key)
        if move is not None and self.list.option_count:
            event.stop()
            event.prevent_default()
            move()

    @on(Field.Submitted)
    def _entered(self, event: Field.Submitted) -> None:
        event.stop()
        if self.list.highlighted is not None:
            self.take(self.list.highlighted)

    @on(OptionList.OptionSelected)
    def _clicked(self, event: OptionList.OptionSelected) -> None:
        event.stop()
        self.take(event.option_index)
