"""Asks where to save something, and saves it there."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path

from textual import on
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content

from tui_chat.app.screens.overlay import Panel
from tui_chat.app.widgets.field import Field
from tui_chat.app.widgets.plain_text import PlainText
from tui_chat.errors import TuiChatError
from tui_chat.text import one_line

__all__ = ["SaveScreen"]


class SaveScreen(Panel):
    """Takes the name of a file; stays open until it could be written.

    Args:
        title: of the panel.
        name: what is suggested.
        folder: what relative names are relative to.
        save: writes the file of a name; raises ``TuiChatError`` if that is not possible.
        hint: what else there is to know.
    """

    AUTO_FOCUS = "#filter"

    def __init__(
        self,
        title: str,
        name: str,
        folder: Path,
        save: Callable[[str], Awaitable[None]],
        hint: str = "",
    ) -> None:
        super().__init__(screen_id="save")
        self._panel_title = title
        self._save = save
        self._saving = False
        self.name_input = Field(name, placeholder="Name of the file", id="filter")
        self.where = PlainText(f"In {one_line(str(folder), 300)}", id="nothing")
        self.notice = PlainText(id="notice", classes="-empty")
        self.keys = PlainText(f"Enter saves, Esc leaves it. {hint}".rstrip(), id="keys")

    def compose(self) -> ComposeResult:
        """The panel and what is in it."""
        with Vertical(id="panel") as panel:
            panel.border_title = Content(self._panel_title)
            panel.border_subtitle = Content("Esc closes")
            yield self.name_input
            yield self.where
            yield self.notice
            yield self.keys

    @on(Field.Changed)
    def _typed(self, event: Field.Changed) -> None:
        event.stop()
        self.notice.show("")

    @on(Field.Submitted)
    def _entered(self, event: Field.Submitted) -> None:
        event.stop()
        if not self._saving:
            self._saving = True
            self.run_worker(self._try(event.value), exit_on_error=False, group="save")

    async def _try(self, name: str) -> None:
        try:
            await self._save(name)
        except TuiChatError as error:
            self.notice.show(str(error))
        else:
            self.dismiss()
        finally:
            self._saving = False
