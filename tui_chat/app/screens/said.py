"""F4: what the user wrote in this conversation, to send it once more or change it first."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from typing import TYPE_CHECKING, ClassVar, Final

from textual.binding import BindingType
from textual.content import Content

from tui_chat.app.bindings import Scope, bindings_for
from tui_chat.app.screens.message_list import MessageList
from tui_chat.text import one_line

if TYPE_CHECKING:
    from tui_chat.app.screens.chat import ChatScreen

__all__ = ["SaidScreen"]

MOST: Final = 300
"""Messages that are offered, the latest ones."""


class SaidScreen(MessageList):
    """The user's messages, the newest first."""

    BINDINGS: ClassVar[list[BindingType]] = [*bindings_for(Scope.SAID)]

    def __init__(self, chat: ChatScreen) -> None:
        super().__init__(
            "Your messages", "You have written nothing here yet.", screen_id="said-screen"
        )
        self._chat = chat
        entries = () if chat.transcript is None else islice(chat.transcript.said(), MOST)
        self._shown = [(str(each.id), Content(one_line(each.text, 300))) for each in entries]

    def possible(self) -> Sequence[str]:
        """Everything is possible for every message."""
        return ("said-retry", "said-edit") if self._shown else ()

    def action_retry(self) -> None:
        """Send the chosen message once more."""
        if self.chosen:
            self.dismiss()
            self._chat.retry(int(self.chosen))

    def action_edit(self) -> None:
        """Put the chosen message into the prompt."""
        if self.chosen:
            self.dismiss()
            self._chat.edit_and_resend(int(self.chosen))
