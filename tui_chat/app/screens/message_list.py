"""A panel with messages to choose from, and under them what can be done with the chosen one."""

from __future__ import annotations

from collections.abc import Sequence

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import OptionList
from textual.widgets.option_list import Option

from tui_chat.app.bindings import REGISTRY, key_of
from tui_chat.app.screens.overlay import Panel
from tui_chat.app.widgets.plain_text import PlainText

__all__ = ["MessageList"]

Line = tuple[str, Content]
"""An id, and how the message is shown."""


class MessageList(Panel):
    """Shows messages; the subclass knows which, and what can be done.

    Args:
        title: of the panel.
        empty: what is said instead when there are none.
        screen_id: the id of the screen.
    """

    AUTO_FOCUS = "#messages"

    def __init__(self, title: str, empty: str, *, screen_id: str) -> None:
        super().__init__(screen_id=screen_id)
        self._panel_title = title
        self._shown: list[Line] = []
        self.messages = OptionList(id="messages", markup=False)
        self.empty = PlainText(empty, id="nothing")
        self.notice = PlainText(id="notice", classes="-empty")
        self.keys = PlainText(id="keys")

    def compose(self) -> ComposeResult:
        """The panel and what is in it."""
        with Vertical(id="panel") as panel:
            panel.border_title = Content(self._panel_title)
            yield self.messages
            yield self.empty
            yield self.notice
            yield self.keys

    def on_mount(self) -> None:
        """Show what there is."""
        self.show_lines(self._shown)

    def show_lines(self, lines: Sequence[Line]) -> None:
        """Show these messages; the chosen one stays chosen, or else its neighbour."""
        lines = list(lines)
        chooser = self.messages
        chosen, at = self.chosen, chooser.highlighted or 0
        if [line[0] for line in lines] != [line[0] for line in self._shown] or not (
            chooser.option_count
        ):
            self._shown = lines
            chooser.clear_options()
            chooser.add_options(Option(prompt, id=message_id) for message_id, prompt in lines)
            ids = [message_id for message_id, _ in lines]
            if ids:
                chooser.highlighted = ids.index(chosen) if chosen in ids else min(at, len(ids) - 1)
        else:
            for (message_id, prompt), (_, before) in zip(lines, self._shown, strict=True):
                if prompt != before:
                    chooser.replace_option_prompt(message_id, prompt)
            self._shown = lines
        chooser.display = bool(lines)
        self.empty.display = not lines
        self.show_keys()

    @property
    def chosen(self) -> str:
        """The id of the message that is chosen; empty without any."""
        at = self.messages.highlighted
        return self._shown[at][0] if at is not None and at < len(self._shown) else ""

    def possible(self) -> Sequence[str]:
        """Return the ids of the commands that are possible for what is chosen."""
        raise NotImplementedError

    def show_keys(self) -> None:
        """Say which keys do something now."""
        wanted = self.possible()
        parts = [f"{key_of(c)} {c.label}" for c in REGISTRY if c.id in wanted]
        self.keys.show(", ".join([*parts, f"{key_of('close')} closes"]))

    def on_option_list_option_highlighted(self) -> None:
        """Another message may allow for other things."""
        self.show_keys()

    async def on_option_list_option_selected(self) -> None:
        """The list takes Enter for itself; it means what the registry says."""
        await self.run_action("edit")
