"""What help and debug info have in common: a panel over the screen that scrolls and closes."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen

from tui_chat.app.bindings import Scope, bindings_for
from tui_chat.app.paths import style_sheet
from tui_chat.app.widgets.sections import Sections

__all__ = ["Overlay"]


class Overlay(ModalScreen[None]):
    """A titled panel with scrolling content; Esc closes it."""

    BINDINGS: ClassVar[list[BindingType]] = [*bindings_for(Scope.OVERLAY)]
    AUTO_FOCUS = "#panel"

    def __init__(self, title: str, body: Sections, *, screen_id: str) -> None:
        super().__init__(id=screen_id, classes="overlay")
        self.css_path = [style_sheet("overlay")]
        self._panel_title = title
        self.body = body

    def compose(self) -> ComposeResult:
        """The panel and what is in it."""
        with VerticalScroll(id="panel") as panel:
            # Content, so that nothing in a title is ever read as markup.
            panel.border_title = Content(self._panel_title)
            panel.border_subtitle = Content("Esc closes")
            yield self.body

    def action_close(self) -> None:
        """Go back to what lies under this."""
        self.dismiss()
