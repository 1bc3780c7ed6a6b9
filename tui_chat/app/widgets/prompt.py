"""Where the user writes."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar, Final

from textual import events
from textual._ansi_sequences import ANSI_SEQUENCES_KEYS
from textual.binding import BindingType
from textual.content import Content
from textual.message import Message
from textual.widgets import TextArea

from tui_chat.app.bindings import Scope, bindings_for, commands_in
from tui_chat.text import clean, is_clean

__all__ = ["PASTE_LIMIT", "Prompt"]

PASTE_LIMIT: Final = 65_536
"""Characters the text area edits fluently; a megabyte in one line froze it for seconds."""


_ACTIONS: Final = {key: c.action for c in commands_in(Scope.PROMPT) for key in c.keys}


class _LegacyKey(StrEnum):
    ALT_ENTER = "alt+enter"


# Terminals without an extended key protocol send Alt+Enter as ESC CR, which Textual takes for
# Enter: it would send what was meant to get a new line. Its table of sequences lacks the entry.
ANSI_SEQUENCES_KEYS.setdefault("\x1b\r", (_LegacyKey.ALT_ENTER,))  # type: ignore[attr-defined]


# xterm's modifyOtherKeys reports Shift+Enter as code 13 with a modifier; Textual knows the sequence
# but puts the character itself into the key's name.
_ENTER_BY_CODE: Final = frozenset({"shift+\r", "alt+\r"})


class Prompt(TextArea):
    """A text area that grows with its text and gives nothing away before it was accepted.

    ``Enter`` posts :class:`Submitted` and keeps the text; the owner answers with
    :meth:`accepted`, which removes exactly what was submitted, or :meth:`refused`, which keeps it.
    What is typed in between stays in either case.
    """

    BINDINGS: ClassVar[list[BindingType]] = [*bindings_for(Scope.PROMPT)]

    @dataclass
    class Submitted(Message):
        """The user wants this sent; large pastes are in it in full."""

        text: str

    @dataclass
    class PastedHidden(Message):
        """Pasted text held control or invisible characters; they are shown as visible ones."""

    def __init__(self, *, placeholder: str) -> None:
        super().__init__(
            id="prompt",
            soft_wrap=True,
            show_line_numbers=False,
            highlight_cursor_line=False,
            placeholder=Content(placeholder),
        )
        # A blinking one costs more processor time than everything else while nothing happens.
        self.cursor_blink = False
        self._pending: str | None = None
        self._again = False
        self._pastes: dict[str, str] = {}

    @property
    def pending(self) -> bool:
        """Whether a submitted text waits for its answer."""
        return self._pending is not None

    # -- sending ----------------------------------------------------------------------------------

    def action_send(self) -> None:
        """Submit the text, or end the line if a backslash stands before the cursor."""
        row, column = self.cursor_location
        line = self.document.get_line(row)
        if self.selection.is_empty and column == len(line) and line.endswith("\\"):
            self.replace("\n", (row, column - 1), (row, column), maintain_selection_offset=False)
            self.move_cursor((row + 1, 0))
            return
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
        if self.text.startswith(sent):
            lines = sent.split("\n")
            end = (len(lines) - 1, len(lines[-1]))
            cursor = self.cursor_location
            self.delete((0, 0), end, maintain_selection_offset=True)
            if cursor <= end:
                self.move_cursor((0, 0))
        self._forget_pastes()
        if again:
            self._submit()

    def refused(self) -> None:
        """Keep what was submitted; what was typed behind it gets a line of its own."""
        kept, self._pending = self._pending, None
        again, self._again = self._again, False
        text = self.text
        if kept is None or not again or not text.startswith(kept) or text == kept:
            return
        lines = kept.split("\n")
        end = (len(lines) - 1, len(lines[-1]))
        if not text[len(kept) :].startswith("\n"):
            self.insert("\n", end)

    async def on_key(self, event: events.Key) -> None:
        """Do what the registry says for a key before the text area inserts it.

        Here and not by a priority binding: those overtake the characters that are still in this
        widget's queue, so that a fast writer's Enter would send half a message.
        """
        action = "newline" if event.key in _ENTER_BY_CODE else _ACTIONS.get(event.key)
        if action is not None:
            event.prevent_default()
            event.stop()
            await self.run_action(action)

    def action_newline(self) -> None:
        """Begin a new line."""
        start, end = self.selection
        if result := self._replace_via_keyboard("\n", start, end):
            self.move_cursor(result.end_location)

    # -- pasting ----------------------------------------------------------------------------------

    def on_paste(self, event: events.Paste) -> None:
        """Take a paste from the terminal."""
        event.prevent_default()
        event.stop()
        self.paste(event.text)

    def action_paste(self) -> None:
        """Paste what was copied in here."""
        self.paste(self.app.clipboard)

    def paste(self, text: str) -> None:
        """Insert pasted text; a large one is kept aside, with a placeholder to edit around."""
        # Terminals send the line ends of a paste as CR; that hides nothing.
        text = text.replace("\r\n", "\n").replace("\r", "\n")
        if not is_clean(text):
            text = clean(text)
            self.post_message(self.PastedHidden())
        if len(text) + len(self.text) > PASTE_LIMIT:
            text = self._put_aside(text)
        start, end = self.selection
        if result := self._replace_via_keyboard(text, start, end):
            self.move_cursor(result.end_location)
        self.focus()

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
