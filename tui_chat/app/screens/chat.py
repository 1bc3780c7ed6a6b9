"""The chat: status on top, the conversation, the prompt, the ticket's countdown, the keys."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, cast

from textual import events
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.content import Content

from tui_chat.app.bindings import Scope, bindings_for, key_of
from tui_chat.app.causes import explain_outage
from tui_chat.app.glyphs import Glyphs
from tui_chat.app.paths import style_sheet
from tui_chat.app.screens.chat_delivery import HINT
from tui_chat.app.screens.chat_finding import ChatFinding
from tui_chat.app.settings import ChatSettings
from tui_chat.app.widgets.announcement import Announcement
from tui_chat.app.widgets.plain_text import PlainText
from tui_chat.app.widgets.status_bar import StatusBar, host_of
from tui_chat.app.widgets.ticket_bar import TicketBar
from tui_chat.clock import Clock
from tui_chat.connection.status import ConnectionState, ConnectionStatus

if TYPE_CHECKING:
    from tui_chat.app import messages
    from tui_chat.app.safe_app import SafeApp
    from tui_chat.app.transcript import Transcript
    from tui_chat.conversation.model import Change, Message
    from tui_chat.delivery.item import OutboxItem

__all__ = ["ChatScreen"]

EMPTY = "Nothing said yet. Write below and press Enter."
EMPTY_DEMO = "Nothing said yet. Write help below and press Enter to see what there is."
EMPTY_WAITING = "Nothing said yet. What you wrote waits below until it can be sent."
HINT_OFFLINE = "Write a message; it goes out when connected"
HINT_RUNNING = "Write the next message while this one is answered"


class ChatScreen(ChatFinding):
    """One conversation. Told by the application what the client's thread reports."""

    BINDINGS: ClassVar[list[BindingType]] = [*bindings_for(Scope.CHAT)]
    AUTO_FOCUS = "#prompt"

    def __init__(self, settings: ChatSettings, clock: Clock, glyphs: Glyphs) -> None:
        where = host_of(settings.server_url)
        if settings.demo:
            where = f"demo {glyphs.dot} {where}"
        super().__init__(glyphs, StatusBar(clock, server=where, glyphs=glyphs))
        self.css_path = [style_sheet("chat")]
        self._answering = False
        self._demo = settings.demo
        self.banner = PlainText(id="banner", classes="-empty")
        self._clock = clock
        self._stand_in = PlainText(id="stand-in")
        self.ticket_bar = TicketBar(clock, glyphs=glyphs)
        self.announcement = Announcement()
        self.ticket_failure = PlainText(id="ticket-failure", classes="-empty")

    def compose(self) -> ComposeResult:
        """From top to bottom, what the first frame shows; :meth:`furnish` brings the rest."""
        yield self.status_bar
        yield self._stand_in
        yield self.prompt
        yield self.ticket_bar
        yield self.key_hints

    async def furnish(self) -> None:
        """Put the transcript in its place, and what is empty at first.

        After the first frame, because the transcript's imports take long.
        """
        from tui_chat.app.transcript import Transcript  # noqa: PLC0415 - see above

        stylesheet = self.app.stylesheet
        stylesheet.read(style_sheet("transcript"))
        stylesheet.reparse()
        transcript = self.transcript = Transcript(
            placeholder=EMPTY_DEMO if self._demo else EMPTY,
            ascii_only=self._glyphs.ascii,
            plain=self.app.has_class("-plain"),
            now=self._clock.wall,
            pace=cast("SafeApp", self.app).pace,
        )
        with self.app.batch_update():
            await self.mount(self.banner, self.storage_notice, transcript, before=self._stand_in)
            await self.mount(
                self.queue_strip,
                self.announcement,
                self.notice,
                self.completion,
                before=self.prompt,
            )
            await self.mount(self.ticket_failure, before=self.key_hints)
            await self._stand_in.remove()
        self._address()
        self._show_empty()
        transcript.set_interval(1.0, transcript.tick)  # the times of what is running

    async def put_away(self) -> None:
        """Give everything back; another screen has taken the place of this one."""
        self.transcript = None
        await self.remove_children()

    # -- what the client's thread reports ---------------------------------------------------------

    def show_status(self, status: ConnectionStatus) -> None:
        """Show the connection's state, and in words why it is not ready."""
        self.status_bar.status = status
        self.banner.show(explain_outage(status, demo=self._demo))
        self.banner.set_class(status.state is ConnectionState.FAILED, "-failed")
        self.queue_strip.go_by(ready=status.connected)
        # The banner says why there is no connection; the ticket's own trouble is a part of that.
        self.ticket_bar.explain(explained=bool(self.banner.text))
        worker = self.worker
        self.status_bar.ephemeral = worker is not None and worker.ephemeral and not self._demo
        self.announcement.connection(status, self.banner.text)
        self.ticket_failure.show(self.ticket_bar.failure)
        self._show_hint()
        if not self._heard:
            self._heard = True
            self.prompt.report_draft(anew=True)  # what was typed before it could be kept

    def show_outbox(self, items: tuple[OutboxItem, ...]) -> None:
        """Show what is not certain to have arrived."""
        super().show_outbox(items)
        self._show_empty()

    def _show_empty(self) -> None:
        if self.transcript is not None:
            usual = EMPTY_DEMO if self._demo else EMPTY
            self.transcript.say_when_empty(EMPTY_WAITING if self.outbox else usual)

    def show_stopped(self, sentence: str) -> None:
        """Show that the client's thread has ended."""
        self.status_bar.status = ConnectionStatus(state=ConnectionState.CLOSED)
        self.banner.show(sentence)
        self.banner.add_class("-failed")
        if self._waiting_for is not None:
            self.show_refused(self._waiting_for, "Nothing was sent: the client has stopped.")

    def show_ticket(self, message: messages.ClientMessage) -> None:
        """Let the countdown bar follow a ticket message."""
        self.ticket_bar.take(message)
        self.ticket_failure.show(self.ticket_bar.failure)

    def show_changes(self, changes: tuple[Change, ...]) -> None:
        """Carry out changes to the conversation."""
        from tui_chat.conversation.model import RunChanged  # noqa: PLC0415 - the transcript's

        if self.transcript is not None:
            self.transcript.apply(changes)
        for change in changes:
            if isinstance(change, RunChanged):
                self._show_running(change.running)

    def show_conversation(self, conversation: tuple[Message, ...]) -> None:
        """Show a conversation from the beginning."""
        from tui_chat.conversation.model import MessageState  # noqa: PLC0415 - the transcript's

        if self.transcript is not None:
            self.transcript.reset(conversation)
        self._show_running(any(m.state is MessageState.STREAMING for m in conversation))

    def _show_running(self, running: bool) -> None:
        self._answering = running
        self.announcement.reply(running=running)
        self.key_hints.running = running
        self.queue_strip.go_by(running=running)
        self._show_hint()

    def _show_hint(self) -> None:
        hint = HINT
        if self._answering:
            hint = HINT_RUNNING
        elif self.banner.text:
            hint = HINT_OFFLINE
        self.prompt.placeholder = Content(hint)

    # -- what the user does -----------------------------------------------------------------------

    def on_transcript_follow_changed(self, event: Transcript.FollowChanged) -> None:
        """Say on the prompt's border that there is more below."""
        event.stop()
        if event.follow:
            self.prompt.border_title = None
            return
        glyphs = self._glyphs
        new = f" {event.unread} new" if event.unread else " newer below"
        text = f"{glyphs.down}{new} {glyphs.dot} {key_of('live')}"
        self.prompt.border_title = Content.styled(text, "$text-primary")

    async def on_key(self, event: events.Key) -> None:
        """What is typed anywhere on this screen goes to the prompt.

        So does what was typed before there was one to focus: that comes to the screen alone. The
        prompt lets none of these keys through, so what arrives here it has not seen.
        """
        if event.is_printable and event.character:
            event.stop()
            event.prevent_default()
            self.prompt.focus()
            self.prompt.insert(event.character)
        elif self.focused is self.prompt:
            await self.prompt.on_key(event)

    def on_paste(self, event: events.Paste) -> None:
        """So does what is pasted."""
        event.stop()
        self.prompt.paste(event.text)

    def action_stop_run(self) -> None:
        """Stop the running reply."""
        if self._answering and self.worker is not None:
            self.worker.stop_run()

    def action_transcript_page_up(self) -> None:
        """Scroll up, whatever has the focus."""
        if self.transcript is not None:
            self.transcript.action_page_up()

    def action_transcript_page_down(self) -> None:
        """Scroll down, whatever has the focus."""
        if self.transcript is not None:
            self.transcript.action_page_down()

    def action_transcript_line_up(self) -> None:
        """Scroll up a line."""
        if self.transcript is not None:
            self.transcript.action_scroll_up()

    def action_transcript_line_down(self) -> None:
        """Scroll down a line."""
        if self.transcript is not None:
            self.transcript.action_scroll_down()
