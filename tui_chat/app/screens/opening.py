"""What lies over the conversation while another one takes its place."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content

from tui_chat.app.screens.overlay import Panel
from tui_chat.app.widgets.plain_text import PlainText

__all__ = ["OpeningScreen"]


class OpeningScreen(Panel):
    """Takes the keys for a moment: what is typed now would be lost with the old prompt."""

    def __init__(self) -> None:
        super().__init__(screen_id="opening")

    def compose(self) -> ComposeResult:
        """One sentence."""
        with Vertical(id="panel") as panel:
            panel.border_title = Content("Conversations")
            yield PlainText("This one is put away, the other one is opened.", id="nothing")

    async def action_close(self) -> None:
        """It closes by itself."""
