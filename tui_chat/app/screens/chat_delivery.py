"""The part of the chat screen that is about the user's own messages, until they have arrived."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from typing import TYPE_CHECKING

from textual import on
from textual.screen import Screen

from tui_chat.app.bindings import key_of
from tui_chat.app.glyphs import Glyphs
from tui_chat.app.queue_face import QueueFace, addressed
from tui_chat.app.widgets.key_hints import KeyHints
from tui_chat.app.widgets.plain_text import PlainText
from tui_chat.app.widgets.prompt import Prompt
from tui_chat.app.widgets.queue_strip import QueueStrip
from tui_chat.app.widgets.status_bar import StatusBar

if TYPE_CHECKING:
    from tui_chat.app.transcript import Transcript
    from tui_chat.app.workers import ClientWorker
    from tui_chat.delivery.item import OutboxItem

__all__ = ["ChatDelivery"]

HINT = "Write a message"
SLOW = 1.0
"""Seconds after which the user is told that a message is still being kept."""


class ChatDelivery(Screen[None]):
    """Sends what is written, shows what waits, and keeps what is not sent yet.

    Attributes:
        outbox: every message that is not certain to have arrived, in order.
        worker: the client's thread; None while it has not been started.
    """

    def __init__(self, glyphs: Glyphs, status_bar: StatusBar) -> None:
        super().__init__()
        self._glyphs = glyphs
        self._numbers = count(1)
        self._waiting_for: int | None = None
        self._again: set[int] = set()
        self._heard = False
        self._storage: dict[str, str] = {}
        self.outbox: tuple[OutboxItem, ...] = ()
        self.worker: ClientWorker | None = None
        self._early: tuple[int, str] | None = None
        self.transcript: Transcript | None = None
        self.status_bar = status_bar
        self.storage_notice = PlainText(id="storage-notice", classes="-empty")
        self.queue_strip = QueueStrip(glyphs=glyphs)
        self.notice = PlainText(id="notice", classes="-empty")
        self.prompt = Prompt(placeholder=HINT)
        self.key_hints = KeyHints()

    def attach(self, worker: ClientWorker) -> None:
        """Hand over what was typed before there was anybody to take it."""
        self.worker = worker
        early, self._early = self._early, None
        if early is not None:
            worker.send(*early)

    # -- what the client's thread reports ---------------------------------------------------------

    def show_outbox(self, items: tuple[OutboxItem, ...]) -> None:
        """Show what is not certain to have arrived."""
        self.outbox = items
        face = QueueFace.of(items)
        self.queue_strip.show(face)
        self.status_bar.queue = face.counts()
        self.key_hints.queued = bool(items)
        self._address()

    def _address(self) -> None:
        """Let the conversation show which message the keys are about."""
        if self.transcript is not None:
            item = addressed(self.outbox)
            self.transcript.address(None if item is None else item.message_id)

    def show_storage(self, sentence: str, code: str) -> None:
        """Show what has to be said about what is kept, until the user puts it away."""
        self._storage.pop(code, None)
        self._storage[code] = sentence
        self._show_storage()

    def _show_storage(self) -> None:
        latest = next(reversed(self._storage.values()), "")
        others = len(self._storage) - 1
        more = f" (and {others} more)" if others > 0 else ""
        key = f"{key_of('dismiss')} hides this{more}."
        self.storage_notice.show(f"{latest} {key}" if latest else "")

    def show_accepted(self, number: int) -> None:
        """The client has a message safely: take it out of the prompt."""
        self._again.discard(number)
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
        elif number in self._again:
            self._again.discard(number)
            self.notice.show(sentence)

    def _show_slow(self, number: int) -> None:
        if number == self._waiting_for and not self.notice.text:
            self.notice.show("Your message is being kept; the disk is slow, or busy.")

    def show_notice(self, sentence: str) -> None:
        """Show one sentence over the prompt until something else is typed."""
        self.notice.show(sentence)

    def keep_draft(self) -> None:
        """Hand over what stands in the prompt, at once."""
        self._save_draft(self.prompt.draft)

    def _save_draft(self, text: str) -> None:
        # Not before the client's thread has been heard of: an earlier draft comes before that, and
        # what stands in the prompt until then must not take its place.
        if self._heard and self.worker is not None:
            self.worker.save_draft(text)

    # -- what the user does -----------------------------------------------------------------------

    @on(Prompt.Submitted)
    def _send(self, event: Prompt.Submitted) -> None:
        event.stop()
        number = self._waiting_for = next(self._numbers)
        self.set_timer(SLOW, lambda: self._show_slow(number))
        if self.worker is None:
            self._early = (number, event.text)  # the prompt lets nobody send a second one yet
        else:
            self.worker.send(number, event.text)

    def on_screen_suspend(self) -> None:
        """Something else covers the prompt: report the draft at once."""
        self.prompt.report_draft()

    @on(Prompt.DraftChanged)
    def _keep_draft(self, event: Prompt.DraftChanged) -> None:
        event.stop()
        self._save_draft(event.text)

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

    def action_resend(self) -> None:
        """Send the message again that is marked in the conversation."""
        item = addressed(self.outbox)
        if item is None:
            self.notice.show("There is no message that failed or may not have arrived.")
        elif self.worker is not None:
            self.worker.resend(item.id)

    def action_discard(self) -> None:
        """Give that message up; its text stays in the conversation, and can be recalled."""
        item = addressed(self.outbox)
        if item is None:
            self.notice.show("There is no message that failed or may not have arrived.")
        elif self.worker is not None:
            self.prompt.remember(item.text)
            self.worker.discard(item.id)

    def action_release(self) -> None:
        """Send what an earlier session left over."""
        if not self.queue_strip.face.held:
            self.notice.show("Nothing was left over from an earlier session.")
        elif self.worker is not None:
            self.worker.release(None)

    def action_keep(self) -> None:
        """Ask no more about what an earlier session left over."""
        self.queue_strip.keep()

    def action_hide_notice(self) -> None:
        """Put the latest notice about what is kept away."""
        if self._storage:
            self._storage.popitem()
            self._show_storage()

    def action_retry(self) -> None:
        """Send the user's last message once more."""
        self._with_last(self.retry)

    def action_edit_and_resend(self) -> None:
        """Put the user's last message into the prompt."""
        self._with_last(self.edit_and_resend)

    def _with_last(self, action: Callable[[int], object]) -> None:
        entry = None if self.transcript is None else next(self.transcript.said(), None)
        if entry is None:
            self.notice.show("You have written nothing here yet.")
        else:
            action(entry.id)

    def retry(self, message_id: int) -> None:
        """Send a message once more: as it is if it did not arrive for certain, else as a new one.

        Args:
            message_id: its id in the conversation.
        """
        if self.worker is None or (text := self._text_of(message_id)) is None:
            return
        item = next((i for i in self.outbox if i.message_id == message_id), None)
        if item is None:
            number = next(self._numbers)
            self._again.add(number)
            self.worker.send(number, text)
        else:
            self.worker.resend(item.id)

    def edit_and_resend(self, message_id: int) -> None:
        """Put a message into the prompt; what stands there can be recalled.

        Args:
            message_id: its id in the conversation.
        """
        text = self._text_of(message_id)
        if text is not None and not self.prompt.pending:
            self.prompt.bring(text)

    def _text_of(self, message_id: int) -> str | None:
        entry = None if self.transcript is None else self.transcript.find(message_id)
        return None if entry is None else entry.text

    def action_transcript_live(self) -> None:
        """Go back to the live edge."""
        if self.transcript is not None:
            self.transcript.scroll_end()
