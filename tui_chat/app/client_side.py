"""The side of the application that faces the client's thread.

It starts and ends the thread, and takes its messages to the chat screen. The handlers are found by
their names, because importing the messages has to wait for the first frame.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Final

from rich.console import RenderableType

from tui_chat.app.client_port import ClientFactory
from tui_chat.app.safe_app import SafeApp
from tui_chat.app.settings import ChatSettings, Wish

if TYPE_CHECKING:
    from tui_chat.app import messages
    from tui_chat.app.archive import ArchiveOpener
    from tui_chat.app.screens.chat import ChatScreen
    from tui_chat.app.screens.queue import QueueScreen
    from tui_chat.app.workers import ClientWorker

__all__ = ["ClientSide", "ended"]

LEAVE_WITHIN: Final = 3.0
"""Seconds the client's thread may take to end; its own limit is lower."""


class ClientSide(SafeApp):
    """An application with a client in a thread.

    Args:
        css_path: the style sheets.
        client_factory: makes the client, in the client's thread.
        leaving: called when the application begins to leave, whatever made it do so.
        open_archive: opens what is kept from one start to the next; called in the client's thread.

    Attributes:
        frames_wanted: whether what frames hold is kept even while nobody looks at it.
    """

    def __init__(
        self,
        css_path: list[str],
        *,
        client_factory: ClientFactory,
        leaving: Callable[[], object] | None,
        open_archive: ArchiveOpener | None = None,
    ) -> None:
        super().__init__(css_path=[*css_path])
        self._client_factory = client_factory
        self._leaving = leaving
        self._open_archive = open_archive
        self._worker: ClientWorker | None = None
        self._begun_chat: ChatScreen | None = None
        self.frames_wanted = False

    @property
    def unsent(self) -> int:
        """Messages of which it is not certain that they arrived; known once the client ended."""
        return 0 if self._worker is None else self._worker.unsent

    @property
    def lasting(self) -> bool:
        """Whether those are kept for the next start."""
        return self._worker is not None and self._worker.lasting

    @property
    def chat(self) -> ChatScreen | None:
        """The latest chat screen, wherever on the stack it is; None on the welcome screen."""
        from tui_chat.app.screens.chat import ChatScreen  # noqa: PLC0415 - not for the welcome

        return next((s for s in reversed(self.screen_stack) if isinstance(s, ChatScreen)), None)

    async def _start_client(self, settings: ChatSettings, wish: Wish | None = None) -> None:
        chat = self.chat
        if chat is None:
            return
        await chat.furnish()
        from tui_chat.app.workers import ClientWorker  # noqa: PLC0415 - after the first frame

        worker = self._worker = ClientWorker(
            settings,
            self.post_message,
            client_factory=self._client_factory,
            tools=_offered_tools,
            open_archive=(
                None if self._open_archive is None else self._open_archive(settings, wish)
            ),
        )
        chat.attach(worker)
        self._begun_chat = chat
        self.run_worker(
            worker.run,
            name="client",
            group="client",
            thread=True,
            exclusive=True,
            exit_on_error=False,
        )

    def exit(
        self,
        result: None = None,
        return_code: int = 0,
        message: RenderableType | None = None,
    ) -> None:
        """Leave; told first, because everything after this needs a loop and a terminal."""
        self._keep_draft()
        if self._leaving is not None:
            self._leaving()
        super().exit(result, return_code, message)

    async def on_unmount(self) -> None:
        """Disconnect. The terminal is the user's again already; this only takes a moment."""
        if self._leaving is not None:
            self._leaving()
        worker = self._worker
        if worker is None:
            return
        self._keep_draft()  # once more: not every end begins with exit()
        await ended(worker)

    def _keep_draft(self) -> None:
        if self._begun_chat is not None:  # even when it has left the stack of screens
            self._begun_chat.keep_draft()

    def on_connection_changed(self, event: messages.ConnectionChanged) -> None:
        """Show the connection's state."""
        if self.chat is not None:
            self.chat.show_status(event.status)

    def _ticket_changed(self, event: messages.ClientMessage) -> None:
        """The countdown bar lives from these."""
        if self.chat is not None:
            self.chat.show_ticket(event)

    on_ticket_renewing = _ticket_changed
    on_ticket_renewed = _ticket_changed
    on_ticket_renewal_failed = _ticket_changed
    on_ticket_expired = _ticket_changed
    on_ticket_gone = _ticket_changed

    def on_conversation_changed(self, event: messages.ConversationChanged) -> None:
        """Show what was said."""
        if self.chat is not None:
            self.chat.show_changes(event.changes)

    def on_conversation_reset(self, event: messages.ConversationReset) -> None:
        """Show everything afresh."""
        if self.chat is not None:
            self.chat.show_conversation(event.messages)

    async def on_outbox_changed(self, event: messages.OutboxChanged) -> None:
        """Show what is not certain to have arrived."""
        if self.chat is not None:
            self.chat.show_outbox(event.items)
        if (queue := self._queue) is not None:
            await queue.show(event.items)

    @property
    def _queue(self) -> QueueScreen | None:
        if len(self.screen_stack) < 2:
            return None  # without importing what nobody has opened
        from tui_chat.app.screens.queue import QueueScreen  # noqa: PLC0415 - seldom needed

        return next((s for s in self.screen_stack if isinstance(s, QueueScreen)), None)

    def on_draft_restored(self, event: messages.DraftRestored) -> None:
        """Put it back into the prompt."""
        if self.chat is not None:
            self.chat.prompt.restore(event.text)

    def on_prompts_loaded(self, event: messages.PromptsLoaded) -> None:
        """Let the prompt recall them."""
        if self.chat is not None:
            self.chat.prompt.load(event.prompts)

    def on_storage_noticed(self, event: messages.StorageNoticed) -> None:
        """Say it, and keep it visible."""
        if self.chat is not None:
            self.chat.show_storage(event.sentence, event.code)

    def on_server_notice(self, event: messages.ServerNotice) -> None:
        """Show what the server reports."""
        more = f" ({event.more} more were left out)" if event.more else ""
        code = f" [{event.code}]" if event.code else ""
        self.notify(
            f"{event.text}{code}{more}", title="The server says", severity="warning", markup=False
        )

    def on_batch_delivered(self) -> None:
        """Ask for the next batch."""
        if self._worker is not None:
            self._worker.acknowledge()

    def on_send_accepted(self, event: messages.SendAccepted) -> None:
        """Clear the prompt."""
        if self.chat is not None:
            self.chat.show_accepted(event.number)

    def on_send_refused(self, event: messages.SendRefused) -> None:
        """Keep the prompt, say why."""
        if self.chat is not None:
            self.chat.show_refused(event.number, event.sentence)

    def on_command_failed(self, event: messages.CommandFailed) -> None:
        """Say what did not work, where the user is looking."""
        if (queue := self._queue) is not None:
            queue.show_failed(event.sentence)
        elif self.chat is not None:
            self.chat.show_notice(event.sentence)

    def on_client_failed(self, event: messages.ClientFailed) -> None:
        """Say that nothing goes on."""
        if self.chat is not None:
            self.chat.show_stopped(event.sentence)

    def on_debug_info_arrived(self, event: messages.DebugInfoArrived) -> None:
        """Show it if it is still wanted."""
        from tui_chat.app.screens.debug import DebugScreen  # noqa: PLC0415 - seldom needed

        for screen in self.screen_stack:
            if isinstance(screen, DebugScreen):
                screen.show(event.info)

    def ask_debug_info(self) -> bool:
        """Ask the client's thread for debug info; False if there is none to ask."""
        if self._worker is None:
            return False
        self._worker.request_debug_info()
        return True

    def keep_frames(self, *, on: bool) -> None:
        """Have the client's thread keep what frames hold, masked, or forget it."""
        if self._worker is not None:
            self._worker.keep_frames(on=on)


async def ended(worker: ClientWorker) -> None:
    """End a client's thread, or leave it behind if it takes too long."""
    worker.stop()
    clock = asyncio.get_running_loop()
    give_up = clock.time() + LEAVE_WITHIN
    # The thread has its own loop, so there is no asyncio event to wait for.
    while not worker.done.is_set() and clock.time() < give_up:  # noqa: ASYNC110
        await asyncio.sleep(0.01)


def _offered_tools() -> Sequence[Any]:
    from tui_chat.app.client_tools import client_tools  # noqa: PLC0415 - in the client's thread

    return client_tools()
