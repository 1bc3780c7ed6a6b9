"""Where the user writes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Final

from textual import events
from textual.binding import BindingType
from textual.content import Content
from textual.message import Message
from textual.timer import Timer
from textual.widgets import TextArea

from tui_chat.app import slash
from tui_chat.app.bindings import Scope, bindings_for
from tui_chat.app.keymap import Actions
from tui_chat.app.recall import Recall
from tui_chat.app.widgets.editor import PASTE_LIMIT, Editor
from tui_chat.text import clean

__all__ = ["DRAFT_DELAY", "PASTE_LIMIT", "Prompt"]

DRAFT_DELAY: Final = 0.5
"""Seconds after a change until the draft is reported; changes in between go along."""


class Prompt(Editor):
    """A text area that grows with its text and gives nothing away before it was accepted.

    ``Enter`` posts :class:`Submitted` and keeps the text; the owner answers with
    :meth:`accepted`, which removes exactly what was submitted, or :meth:`refused`, which keeps it.
    What is typed in between stays in either case.

    ``Up`` in the first row goes back to older texts; ``Down`` in the last one towards what was
    being written, which is never lost over it.

    A text that is a slash command (:mod:`tui_chat.app.slash`) is not submitted: the prompt posts
    :class:`Commanded`. While a command is typed :attr:`completer` has a list to choose from.
    """

    BINDINGS: ClassVar[list[BindingType]] = [*bindings_for(Scope.PROMPT)]
    ACTIONS: ClassVar[Mapping[str, str]] = Actions(Scope.PROMPT)

    @dataclass
    class DraftChanged(Message):
        """What stands in the prompt unsent has changed; large pastes are in it in full."""

        text: str

    @dataclass
    class Commanded(Message):
        """A slash command was entered; one that is possible is out of the prompt already."""

        invocation: slash.Invocation

    class Completing(Message):
        """The list of slash commands has changed: another text, another choice, or closed."""

    def __init__(self, *, placeholder: str) -> None:
        super().__init__(id="prompt", placeholder=Content(placeholder))
        self._pending: str | None = None
        self._again: str | None = None
        self._pastes: dict[str, str] = {}
        self._recall = Recall()
        self.completer = slash.Completer()
        self._restored = ""
        self._draft_timer: Timer | None = None
        self._reported = ""

    @property
    def pending(self) -> bool:
        """Whether a submitted text waits for its answer."""
        return self._pending is not None

    # -- sending ----------------------------------------------------------------------------------

    def submit(self) -> None:
        """Submit the text, at once or after the one that waits for its answer."""
        if self._pending is None:
            self._submit(self.text)
        elif self.text.startswith(self._pending) and self.text[len(self._pending) :].strip():
            # A second message, typed before the first one was answered; as far as it goes now.
            self._again = self.text[len(self._pending) :]

    def _submit(self, text: str) -> None:
        if not text.strip():
            return
        invocation = slash.parse(text)
        if invocation is not None:
            if invocation.possible:
                self.clear()
            self.post_message(self.Commanded(invocation))
            return
        self._pending = text
        self.post_message(self.Submitted(slash.sent(self._expanded(text))))

    def accepted(self) -> None:
        """Remove what was submitted; what was typed behind it stays, and is sent if asked for."""
        sent, self._pending = self._pending, None
        again, self._again = self._again, None
        if sent is None:
            return
        whole = self._expanded(sent)
        if self.text.startswith(sent):
            lines = sent.split("\n")
            end = (len(lines) - 1, len(lines[-1]))
            cursor = self.cursor_location
            self.delete((0, 0), end, maintain_selection_offset=True)
            if cursor <= end:
                self.move_cursor((0, 0))
            # What was being written before an older text was recalled and sent comes back.
            self._restored = _lines(self._restored, self._recall.end())
        self._recall.add(whole)
        self._forget_pastes()
        if again is not None and self.text.startswith(again):
            self._submit(again)
        self._put_back()
        self.report_draft()

    def refused(self) -> None:
        """Keep what was submitted; what was typed behind it gets a line of its own."""
        kept, self._pending = self._pending, None
        again, self._again = self._again, None
        text = self.text
        if kept is not None and again is not None and text.startswith(kept) and text != kept:
            lines = kept.split("\n")
            end = (len(lines) - 1, len(lines[-1]))
            if not text[len(kept) :].startswith("\n"):
                self.insert("\n", end)
        self._put_back()

    # -- slash commands ---------------------------------------------------------------------------

    async def on_key(self, event: events.Key) -> None:
        """Let the list of slash commands have its keys while it is open; then as any editor."""
        if not self._completes(event.key):
            await super().on_key(event)
            return
        event.prevent_default()
        event.stop()
        self.post_message(self.Completing())

    def _completes(self, key: str) -> bool:
        """Do what a key means for the list; False if it means nothing for it now."""
        self._see()  # Textual tells of a change later than of the key behind it
        completer = self.completer
        if not completer.open:
            return False
        match key:
            case "up" | "down":
                completer.move(1 if key == "down" else -1)
            case "tab":
                if completer.at is None:
                    completer.move(1)
                self._take_suggestion()
            case "enter" if completer.chosen is not None:
                self._take_suggestion()
                self.submit()
            case "escape":
                completer.close()
            case _:
                return False
        return True

    def choose(self, at: int) -> None:
        """Take a line of the list, as the mouse does."""
        self._see()
        if self.completer.open and at < len(self.completer.suggestions):
            self.completer.at = at
            self._take_suggestion()
            self.post_message(self.Completing())
        self.focus()

    def _take_suggestion(self) -> None:
        chosen = self.completer.chosen
        if chosen is None:
            return
        text = f"{chosen.text} " if chosen.hint else chosen.text
        if text != self.text:
            self.replace(text, (0, 0), self.document.end, maintain_selection_offset=False)
            self.move_cursor(self.document.end)
        self._see()

    def _see(self) -> None:
        one_line = self.document.line_count == 1
        self.completer.see(self.document.get_line(0) if one_line and not self.pending else "")

    # -- what was written before ------------------------------------------------------------------

    def load(self, texts: tuple[str, ...]) -> None:
        """Offer texts that were sent in earlier sessions, the latest last."""
        self._recall.load(slash.escape(text) for text in texts)

    def remember(self, text: str) -> None:
        """Offer a text that was sent, as the latest."""
        self._recall.add(slash.escape(text))

    def bring(self, text: str) -> None:
        """Show a text that was sent, to be edited; ``Down`` brings back what stood here."""
        self.recall(slash.escape(text))

    def recall(self, text: str) -> None:
        """Show one of :attr:`recallable`; ``Down`` brings back what stood here."""
        if not self.pending:
            self._show(self._recall.visit(text, self.whole))
        self.focus()

    @property
    def recallable(self) -> list[str]:
        """What was written before, as it has to stand in the prompt, the latest first."""
        return self._recall.texts

    def action_recall_older(self) -> None:
        """Go to the text before, from the first row; elsewhere a row up."""
        first = self.wrapped_document.location_to_offset(self.cursor_location).y == 0
        if first and not self.pending and self.selection.is_empty:
            text = self._recall.older(self.whole)
            if text is not None:
                self._show(text)
                return
        self.action_cursor_up()

    def action_recall_newer(self) -> None:
        """Go to the text after, from the last row; elsewhere a row down."""
        offset = self.wrapped_document.location_to_offset(self.cursor_location)
        last = offset.y >= self.wrapped_document.height - 1
        if last and not self.pending and self.selection.is_empty:
            text = self._recall.newer(self.whole)
            if text is not None:
                self._show(text)
                return
        self.action_cursor_down()

    @property
    def whole(self) -> str:
        """What stands in the prompt, large pastes in full."""
        return self._expanded(self.text)

    def replace_all(self, text: str) -> None:
        """Put another text in place of :attr:`whole`; undo brings the old one back.

        Args:
            text: clean.
        """
        if text != self.whole:
            shown = self._put_aside(text) if len(text) > PASTE_LIMIT else text
            self.replace(shown, (0, 0), self.document.end, maintain_selection_offset=False)
        self.move_cursor(self.document.end)
        self.focus()

    def _show(self, text: str) -> None:
        text = clean(text)
        self.text = self._put_aside(text) if len(text) > PASTE_LIMIT else text
        self.move_cursor(self.document.end)

    # -- the draft --------------------------------------------------------------------------------

    @property
    def draft(self) -> str:
        """What would be lost if the program ended now."""
        shown = self.whole
        if self._recall.recalling:
            shown = _lines(self._recall.draft, shown if self._recall.changed(shown) else "")
        return _lines(self._restored, *self._recall.edited, shown)

    def restore(self, text: str) -> None:
        """Put an earlier draft before whatever has been typed since."""
        self._restored = clean(text)
        self._put_back()

    def _put_back(self) -> None:
        if self.pending:
            return  # what was submitted has to stay at the beginning, to be found again
        text, self._restored = self._restored, ""
        if not text.strip():
            return
        typed = self.text
        if len(text) + len(typed) > PASTE_LIMIT:
            text = self._put_aside(text)
        self.insert(f"{text}\n" if typed else text, (0, 0))
        if not typed:
            self.move_cursor(self.document.end)

    def on_text_area_changed(self, event: TextArea.Changed) -> None:
        """Report the draft soon. The owner gets the event as well."""
        was_open = self.completer.open
        self._see()
        if was_open or self.completer.open:
            self.post_message(self.Completing())
        if event.text_area is self and self._draft_timer is None:
            self._draft_timer = self.set_timer(DRAFT_DELAY, self.report_draft)

    def on_blur(self) -> None:
        """Report the draft at once."""
        self.report_draft()

    def report_draft(self, *, anew: bool = False) -> None:
        """Report the draft, if it is another one than last time or has to be said ``anew``."""
        if self._draft_timer is not None:
            self._draft_timer.stop()
            self._draft_timer = None
        draft = self.draft
        if anew or draft != self._reported:
            self._reported = draft
            self.post_message(self.DraftChanged(draft))

    # -- pasting ----------------------------------------------------------------------------------

    def taken(self, text: str) -> str:
        """Keep a large paste aside, with a placeholder to edit around."""
        return self._put_aside(text) if len(text) + len(self.text) > PASTE_LIMIT else text

    def _put_aside(self, text: str) -> str:
        number = len(self._pastes) + 1
        while (stand_in := f"[pasted text {number}: {len(text):,} characters]") in self.text:
            number += 1
        self._pastes[stand_in] = text
        return stand_in

    def _expanded(self, text: str) -> str:
        # One pass over the text as typed: what a paste holds is never expanded again.
        pieces = [text]
        for stand_in, pasted in self._pastes.items():
            spread: list[str] = []
            for index, piece in enumerate(pieces):
                if index % 2:
                    spread.append(piece)
                    continue
                head, *tail = piece.split(stand_in)
                spread.append(head)
                for rest in tail:
                    spread += (pasted, rest)
            pieces = spread
        return "".join(pieces)

    def _forget_pastes(self) -> None:
        # Undo can bring a sent text back, so pastes are kept while there is any text to edit.
        if len(self._pastes) > 20:
            text = self.text
            self._pastes = {key: value for key, value in self._pastes.items() if key in text}


def _lines(*texts: str) -> str:
    return "\n".join(text for text in texts if text)
