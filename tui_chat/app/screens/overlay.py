"""What the panels over the conversation have in common: they close, and some only scroll."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen

from tui_chat.app.bindings import Scope, bindings_for, key_of
from tui_chat.app.paths import style_sheet
from tui_chat.app.widgets.sections import Sections

__all__ = ["Overlay", "Panel"]


class Panel(ModalScreen[None]):
    """Something over the conversation that Esc closes."""

    BINDINGS: ClassVar[list[BindingType]] = [*bindings_for(Scope.OVERLAY)]

    def __init__(self, *, screen_id: str) -> None:
        super().__init__(id=screen_id, classes="overlay")
        self.css_path = [style_sheet("overlay")]

    async def action_close(self) -> None:
        """Go back to what lies under this."""
        self.dismiss()


class Overlay(Panel):
    """A titled panel with scrolling content."""

    AUTO_FOCUS = "#panel"

    def __init__(self, title: str, body: Sections, *, screen_id: str) -> None:
        super().__init__(screen_id=screen_id)
        self._panel_title = title
        self.body = body

    def compose(self) -> ComposeResult:
        """The panel and what is in it."""
        with VerticalScroll(id="panel") as panel:
            # Content, so that nothing in a title is ever read as markup.
            panel.border_title = Content(self._panel_title)
            panel.border_subtitle = Content(f"{key_of('close')} closes")
            yield self.body
