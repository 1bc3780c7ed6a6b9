"""The part of the chat screen that looks for words in the conversation."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tui_chat.app.screens.chat_messages import ChatMessages

if TYPE_CHECKING:
    from tui_chat.app.transcript import Transcript
    from tui_chat.app.widgets.field import Field
    from tui_chat.app.widgets.find_bar import FindBar, FindField

__all__ = ["ChatFinding"]


class ChatFinding(ChatMessages):
    """Opens a line to type words into, and leads from one place that has them to the next."""

    find_bar: FindBar | None = None

    async def action_find(self, text: str = "") -> None:
        """Look for words in the conversation.

        Args:
            text: the words; empty to ask for them.
        """
        from tui_chat.app.widgets.find_bar import FindBar  # noqa: PLC0415 - seldom needed

        if self.transcript is None:
            return
        bar = self.find_bar
        if bar is None:
            bar = self.find_bar = FindBar(glyphs=self._glyphs)
            await self.mount(bar, after=self.transcript)
        if text:
            bar.field.value = text
        bar.field.focus()
        bar.field.select_all()

    async def show_place(self, message_id: int, text: str) -> None:
        """Show a message, and the words in it that were looked for.

        Args:
            message_id: its id in the conversation.
            text: the words.
        """
        await self.action_find()
        if self.find_bar is not None and self.transcript is not None:
            with self.prevent(self.find_bar.field.Changed):
                self.find_bar.field.value = text
            self.transcript.search(text, message_id)

    def on_input_changed(self, event: Field.Changed) -> None:
        """Look for other words."""
        event.stop()
        if self.transcript is not None and self.find_bar is not None:
            self.transcript.search(event.value)
            self.find_bar.show(self.transcript.found)

    def on_find_step(self, event: FindField.Step) -> None:
        """Show another place."""
        event.stop()
        if self.transcript is not None:
            self.transcript.search_step(event.step)

    async def on_find_closed(self, event: FindField.Closed) -> None:
        """Put everything away; what is shown stays."""
        event.stop()
        bar, self.find_bar = self.find_bar, None
        if self.transcript is not None:
            self.transcript.end_search()
        self.prompt.focus()
        if bar is not None:
            await bar.remove()

    def on_transcript_searched(self, event: Transcript.Searched) -> None:
        """Say how the search stands."""
        event.stop()
        if self.find_bar is not None and self.transcript is not None:
            self.find_bar.show(self.transcript.found)
