"""The side of the application that goes from one conversation to another.

A conversation is open in one client, and a client has one conversation. So another one means
another client and another chat screen: the old ones are put away whole, draft and queue with them.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from tui_chat.app.client_side import ClientSide, ended
from tui_chat.app.settings import ChatSettings, Wish

if TYPE_CHECKING:
    from tui_chat.app import messages
    from tui_chat.app.screens.chat import ChatScreen

__all__ = ["ConversationSide"]

NOT_KEPT = (
    "Nothing is kept in this session, so a new conversation would be the end of this one. Start "
    "tui-chat again for a new one."
)


class ConversationSide(ClientSide):
    """An application with a client that can be exchanged for one of another conversation."""

    _place: tuple[int, str] | None = None
    """The message to show when the conversation is there, and the words in it."""
    _exchanging = False

    def make_chat(self, settings: ChatSettings) -> ChatScreen:
        """Return a chat screen for a server."""
        raise NotImplementedError

    @property
    def chat_settings(self) -> ChatSettings | None:
        """The server that is talked to."""
        raise NotImplementedError

    # -- what is asked ----------------------------------------------------------------------------

    def ask_conversations(self, words: str) -> bool:
        """Ask the client's thread which conversations there are; False if there is none to ask."""
        if self._worker is None:
            return False
        self._worker.request_conversations(words)
        return True

    def on_conversations_listed(self, event: messages.ConversationsListed) -> None:
        """Show them if they are still wanted."""
        from tui_chat.app.screens.conversations import (  # noqa: PLC0415 - seldom needed
            ConversationsScreen,
        )

        for screen in self.screen_stack:
            if isinstance(screen, ConversationsScreen):
                screen.show(event)

    # -- from one to another ----------------------------------------------------------------------

    def action_new_conversation(self) -> None:
        """Begin a new conversation; this one is kept."""
        if self.lasting:
            self.open_conversation(Wish(fresh=True))
        elif self.chat is not None:
            self.chat.show_notice(NOT_KEPT)

    def open_conversation(self, wish: Wish, place: tuple[int, str] | None = None) -> None:
        """Put this conversation away and open another one; nothing while that is being done.

        Args:
            wish: which one.
            place: the message to show in it, and the words in that.
        """
        if not self._exchanging:
            self._exchanging = True
            self.run_worker(self._exchange(wish, place), group="conversation")

    async def _exchange(self, wish: Wish, place: tuple[int, str] | None) -> None:
        from tui_chat.app.screens.opening import OpeningScreen  # noqa: PLC0415 - seldom needed

        try:
            chat, worker, settings = self.chat, self._worker, self.chat_settings
            if chat is None or worker is None or settings is None:
                return
            while self.screen is not chat:
                await self.pop_screen()
            await self.push_screen(OpeningScreen())
            chat.keep_draft()
            await ended(worker)
            await self._caught_up()
            self._place = place
            await self.pop_screen()
            if len(self.screen_stack) > 1:
                await self.switch_screen(self.make_chat(settings))
            else:  # the first screen of all can be covered, but not exchanged
                await self.push_screen(self.make_chat(settings))
                await chat.put_away()
            await self._start_client(settings, wish)
        finally:
            self._exchanging = False

    async def _caught_up(self) -> None:
        """Wait until everything that the old client said has been dealt with."""
        done = asyncio.Event()
        self.call_later(done.set)
        await done.wait()

    def show_place(self, message_id: int, words: str) -> None:
        """Show a message of this conversation, and the words in it."""
        if (chat := self.chat) is not None:
            self.call_later(chat.show_place, message_id, words)

    def on_conversation_reset(self, event: messages.ConversationReset) -> None:
        """Show what is wanted of it."""
        super().on_conversation_reset(event)
        place, self._place = self._place, None
        if place is not None:
            self.show_place(*place)
