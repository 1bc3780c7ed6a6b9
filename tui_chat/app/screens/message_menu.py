"""What can be done with one message."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from textual import on
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import OptionList
from textual.widgets.option_list import Option

from tui_chat.app.screens.overlay import Panel
from tui_chat.app.widgets.plain_text import PlainText

__all__ = ["Choice", "MessageMenu"]


class Choice(NamedTuple):
    """One thing that can be done.

    Attributes:
        label: what it is called, clean, on one line.
        run: does it; called after the menu has closed.
    """

    label: str
    run: Callable[[], object]


class MessageMenu(Panel):
    """A list of things to do; Enter does one and closes the menu.

    Args:
        title: what message it is about.
        choices: what can be done.
    """

    AUTO_FOCUS = "#messages"

    def __init__(self, title: str, choices: Sequence[Choice]) -> None:
        super().__init__(screen_id="message-menu")
        self._panel_title = title
        self.choices = list(choices)
        self.list = OptionList(
            *(Option(Content(choice.label)) for choice in self.choices),
            id="messages",
            markup=False,
        )
        self.keys = PlainText("Enter does it, Up and Down choose, Esc closes", id="keys")

    def compose(self) -> ComposeResult:
        """The panel and what is in it."""
        with Vertical(id="panel") as panel:
            panel.border_title = Content(self._panel_title)
            yield self.list
            yield self.keys

    def on_mount(self) -> None:
        """Begin at the first one."""
        self.list.highlighted = 0

    def labels(self) -> Iterator[str]:
        """Yield what is offered."""
        return (choice.label for choice in self.choices)

    @on(OptionList.OptionSelected)
    def _chosen(self, event: OptionList.OptionSelected) -> None:
        event.stop()
        choice = self.choices[event.option_index]
        self.dismiss()
        self.app.call_later(choice.run)
