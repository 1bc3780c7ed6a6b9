"""The chat: status on top, the conversation, the prompt, the ticket's countdown, the keys."""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING, ClassVar

from textual import events, on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.content import Content
from textual.screen import Screen

from tui_chat.app.bindings import Scope, bindings_for
from tui_chat.app.causes import explain_outage
from tui_chat.app.glyphs import Glyphs
from tui_chat.app.paths import style_sheet
from tui_chat.app.settings import ChatSettings
from tui_chat.app.widgets.key_hints import KeyHints
from tui_chat.app.widgets.plain_text import PlainText
from tui_chat.app.widgets.prompt import Prompt
from tui_chat.app.widgets.status_bar import StatusBar, host_of
from tui_chat.app.widgets.ticket_bar import TicketBar
from tui_chat.clock import Clock
from tui_chat.connection.status import ConnectionState, ConnectionStatus

if TYPE_CHECKING:
    from tui_chat.app import messages
    from tui_chat.app.transcript import Transcript
    from tui_chat.app.workers import ClientWorker
    from tui_chat.conversation.model import Change, Message

__all__ = ["ChatScreen"]

EMPTY = "Nothing said yet. Write below and press Enter."
EMPTY_DEMO = "Nothing said yet. Write help below and press Enter to see what there is."
HINT = "Write a message"
HINT_RUNNING = "Write the next message while this one is answered"


class ChatScreen(Screen[None]):
    """One conversation. Told by the application what the client's thread reports."""

    BINDINGS: ClassVar[list[BindingType]] = [*bindings_for(Scope.CHAT)]
    AUTO_FOCUS = "#prompt"

    def __init__(self, settings: ChatSettings, clock: Clock, glyphs: Glyphs) -> None:
        super().__init__(id="chat")
        self.css_path = [style_sheet("chat")]
        self._glyphs = glyphs
        self._numbers = count(1)
        self._waiting_for: int | None = None
        self._answering = False
        self.worker: ClientWorker | None = None
        self._demo = settings.demo
        where = host_of(settings.server_url)
        if settings.demo:
            where = f"demo {glyphs.dot} {where}"
        self.status_bar = StatusBar(clock, server=where, glyphs=glyphs)
        self.banner = PlainText(id="banner", classes="-empty")
        self._clock = clock
        self._stand_in = PlainText(id="stand-in")
        self.transcript: Transcript | None = None
        self.notice = PlainText(id="notice", classes="-empty")
        self.prompt = Prompt(placeholder=HINT)
        self.ticket_bar = TicketBar(clock, glyphs=glyphs)
        self.ticket_failure = PlainText(id="ticket-failure", classes="-empty")
        self.key_hints = KeyHints()

    def compose(self) -> ComposeResult:
        """From top to bottom."""
        yield self.status_bar
        yield self.banner
        yield self._stand_in
        yield self.notice
        yield self.prompt
        yield self.ticket_bar
        yield self.ticket_failure
        yield self.key_hints

    async def furnish(self) -> None:
        """Put the transcript in its place. After the first frame, because its imports take long."""
        from tui_chat.app.transcript import Transcript  # noqa: PLC0415 - see above

        stylesheet = self.app.stylesheet
        stylesheet.read(style_sheet("transcript"))
        stylesheet.reparse()
        transcript = self.transcript = Transcript(
            placeholder=EMPTY_DEMO if self._demo else EMPTY,
            ascii_only=self._glyphs.ascii,
            now=self._clock.wall,
        )
        with self.app.batch_update():
            await self.mount(transcript, before=self._stand_in)
            await self._stand_in.remove()
        self.set_interval(1.0, transcript.tick)  # the times of what is running

    # -- what the client's thread reports ---------------------------------------------------------

    def show_status(self, status: ConnectionStatus) -> None:
        """Show the connection's state, and in words why it is not ready."""
        self.status_bar.status = status
        self.banner.show(explain_outage(status, demo=self._demo))
        self.banner.set_class(status.state is ConnectionState.FAILED, "-failed")

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

    def show_accepted(self, number: int) -> None:
        """The client has a message safely: take it out of the prompt."""
        if number == self._waiting_for:
            self._waiting_for = None
            self.notice.show("")
            self.prompt.accepted()
            self.action_transcript_live()

    def show_refused(self, number: int, sentence: str) -> None:
        """The client did not take a message: it stays in the prompt, and the reason is shown."""
        if number == self._waiting_for:
            self._waiting_for = None
            with self.prompt.prevent(Prompt.Changed):  # typing would put the notice away
                self.prompt.refused()
            self.notice.show(sentence)

    def show_notice(self, sentence: str) -> None:
        """Show one sentence over the prompt until something else is typed."""
        self.notice.show(sentence)

    def _show_running(self, running: bool) -> None:
        self._answering = running
        self.key_hints.running = running
        self.prompt.placeholder = Content(HINT_RUNNING if running else HINT)

    # -- what the user does -----------------------------------------------------------------------

    @on(Prompt.Submitted)
    def _send(self, event: Prompt.Submitted) -> None:
        event.stop()
        number = self._waiting_for = next(self._numbers)
        if self.worker is None:
            self.show_refused(number, "Still starting, so nothing was sent. Try again in a moment.")
        else:
            self.worker.send(number, event.text)

    @on(Prompt.Changed)
    def _typed(self, event: Prompt.Changed) -> None:
        event.stop()
        if self._waiting_for is None:
            self.notice.show("")

    @on(Prompt.PastedHidden)
    def _tell_hidden(self, event: Prompt.PastedHidden) -> None:
        event.stop()
        self.app.notify(
            "The pasted text held hidden characters. They are visible now.",
            severity="warning",
            markup=False,
        )

    def on_transcript_follow_changed(self, event: Transcript.FollowChanged) -> None:
        """Say on the prompt's border that there is more below."""
        event.stop()
        if event.follow:
            self.prompt.border_title = None
            return
        glyphs = self._glyphs
        new = f" {event.unread} new" if event.unread else " newer below"
        text = f"{glyphs.down}{new} {glyphs.dot} Ctrl+End"
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

    def action_transcript_live(self) -> None:
        """Go back to the live edge."""
        if self.transcript is not None:
            self.transcript.scroll_end()
