"""Where the user writes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Final

from textual.binding import BindingType
from textual.content import Content
from textual.message import Message
from textual.timer import Timer
from textual.widgets import TextArea

from tui_chat.app.bindings import Scope, bindings_for, commands_in
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
    """

    BINDINGS: ClassVar[list[BindingType]] = [*bindings_for(Scope.PROMPT)]
    ACTIONS: ClassVar[dict[str, str]] = {
        key: command.action for command in commands_in(Scope.PROMPT) for key in command.keys
    }

    @dataclass
    class DraftChanged(Message):
        """What stands in the prompt unsent has changed; large pastes are in it in full."""

        text: str

    def __init__(self, *, placeholder: str) -> None:
        super().__init__(id="prompt", placeholder=Content(placeholder))
        self._pending: str | None = None
        self._again = False
        self._pastes: dict[str, str] = {}
        self._recall = Recall()
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
        if self._pending is not None:
            self._again = True  # a second message, typed before the first one was answered
        else:
            self._submit()

    def _submit(self) -> None:
        text = self.text
        if not text.strip():
            return
        self._pending = text
        self.post_message(self.Submitted(self._expanded(text)))

    def accepted(self) -> None:
        """Remove what was submitted; what was typed behind it stays, and is sent if asked for."""
        sent, self._pending = self._pending, None
        again, self._again = self._again, False
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
        if again:
            self._submit()
        self._put_back()
        self.report_draft()

    def refused(self) -> None:
        """Keep what was submitted; what was typed behind it gets a line of its own."""
        kept, self._pending = self._pending, None
        again, self._again = self._again, False
        text = self.text
        if kept is not None and again and text.startswith(kept) and text != kept:
            lines = kept.split("\n")
            end = (len(lines) - 1, len(lines[-1]))
            if not text[len(kept) :].startswith("\n"):
                self.insert("\n", end)
        self._put_back()

    # -- what was written before ------------------------------------------------------------------

    def load(self, texts: tuple[str, ...]) -> None:
        """Offer texts of earlier sessions, the latest last."""
        self._recall.load(texts)

    def remember(self, text: str) -> None:
        """Offer a text as the latest."""
        self._recall.add(text)

    def bring(self, text: str) -> None:
        """Show a text to be edited; ``Down`` brings back what stood here."""
        self._show(self._recall.visit(text, self._whole()))
        self.focus()

    def action_recall_older(self) -> None:
        """Go to the text before, from the first row; elsewhere a row up."""
        first = self.wrapped_document.location_to_offset(self.cursor_location).y == 0
        if first and not self.pending and self.selection.is_empty:
            text = self._recall.older(self._whole())
            if text is not None:
                self._show(text)
                return
        self.action_cursor_up()

    def action_recall_newer(self) -> None:
        """Go to the text after, from the last row; elsewhere a row down."""
        offset = self.wrapped_document.location_to_offset(self.cursor_location)
        last = offset.y >= self.wrapped_document.height - 1
        if last and not self.pending and self.selection.is_empty:
            text = self._recall.newer(self._whole())
            if text is not None:
                self._show(text)
                return
        self.action_cursor_down()

    def _whole(self) -> str:
        return self._expanded(self.text)

    def _show(self, text: str) -> None:
        text = clean(text)
        self.text = self._put_aside(text) if len(text) > PASTE_LIMIT else text
        self.move_cursor(self.document.end)

    # -- the draft --------------------------------------------------------------------------------

    @property
    def draft(self) -> str:
        """What would be lost if the program ended now."""
        shown = self._whole()
        if self._recall.recalling:
            shown = _lines(self._recall.draft, shown if self._recall.changed(shown) else "")
        return _lines(self._restored, shown)

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
