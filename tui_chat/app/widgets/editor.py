"""A text area that ends with Enter and takes pastes with care."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, ClassVar, Final

from textual import events
from textual._ansi_sequences import ANSI_SEQUENCES_KEYS
from textual.message import Message
from textual.widgets import TextArea

from tui_chat.app.commands import Scope
from tui_chat.app.keymap import Actions
from tui_chat.app.widgets.own_keys import do_own_key
from tui_chat.text import clean, is_clean

__all__ = ["PASTE_LIMIT", "Editor"]

PASTE_LIMIT: Final = 65_536
"""Characters the text area edits fluently; a megabyte in one line froze it for seconds."""


class _LegacyKey(StrEnum):
    ALT_ENTER = "alt+enter"


# Terminals without an extended key protocol send Alt+Enter as ESC CR, which Textual takes for
# Enter: it would send what was meant to get a new line. Its table of sequences lacks the entry.
ANSI_SEQUENCES_KEYS.setdefault("\x1b\r", (_LegacyKey.ALT_ENTER,))  # type: ignore[attr-defined]


# xterm's modifyOtherKeys reports Shift+Enter as code 13 with a modifier; Textual knows the sequence
# but puts the character itself into the key's name.
_ENTER_BY_CODE: Final = frozenset({"shift+\r", "alt+\r"})


class Editor(TextArea):
    """``Enter`` posts :class:`Submitted`; the keys for a new line are those of the prompt.

    Args:
        options: those of Textual's text area.
    """

    ACTIONS: ClassVar[Mapping[str, str]] = Actions(Scope.PROMPT, "send", "newline")
    """The actions of the keys that are looked at before the text area inserts them."""

    @dataclass
    class Submitted(Message):
        """The user is done with this text."""

        text: str

    @dataclass
    class PastedHidden(Message):
        """Pasted text held control or invisible characters; they are shown as visible ones."""

    def __init__(self, text: str = "", **options: Any) -> None:
        super().__init__(
            text,
            soft_wrap=True,
            show_line_numbers=False,
            highlight_cursor_line=False,
            **options,
        )
        # A blinking one costs more processor time than everything else while nothing happens.
        self.cursor_blink = False

    async def on_key(self, event: events.Key) -> None:
        """Do what the registry says for a key before the text area inserts it.

        Here and not by a priority binding: those overtake the characters that are still in this
        widget's queue, so that a fast writer's Enter would send half a message.
        """
        action = "newline" if event.key in _ENTER_BY_CODE else self.ACTIONS.get(event.key)
        if action is None:
            await do_own_key(self, event)
        else:
            event.prevent_default()
            event.stop()
            await self.run_action(action)

    def action_send(self) -> None:
        """Submit the text, or end the line if a backslash stands before the cursor."""
        row, column = self.cursor_location
        line = self.document.get_line(row)
        if self.selection.is_empty and column == len(line) and line.endswith("\\"):
            self.replace("\n", (row, column - 1), (row, column), maintain_selection_offset=False)
            self.move_cursor((row + 1, 0))
            return
        self.submit()

    def submit(self) -> None:
        """Post the text as it is."""
        self.post_message(self.Submitted(self.text))

    def action_newline(self) -> None:
        """Begin a new line."""
        self.type_in("\n")

    def type_in(self, text: str) -> None:
        """Put text in place of the selection, as typing does."""
        start, end = self.selection
        if result := self._replace_via_keyboard(text, start, end):
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
        """Insert pasted text."""
        # Terminals send the line ends of a paste as CR; that hides nothing.
        text = text.replace("\r\n", "\n").replace("\r", "\n")
        if not is_clean(text):
            text = clean(text)
            self.post_message(self.PastedHidden())
        self.type_in(self.taken(text))
        self.focus()

    def taken(self, text: str) -> str:
        """Return what is inserted for a clean pasted text."""
        return text
