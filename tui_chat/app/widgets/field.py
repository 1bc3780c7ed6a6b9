"""A line to type into: a name, what to look for."""

from __future__ import annotations

from textual.events import Key, Paste
from textual.widgets import Input

from tui_chat.app.widgets.own_keys import do_own_key
from tui_chat.text import one_line

__all__ = ["Field"]

MOST = 1_000
"""Characters of a pasted text that are taken."""


class Field(Input):
    """An ``Input`` whose cursor stands still, and which takes what is pasted as one clean line.

    A cursor that blinks wakes the program twice a second, for a frame that tells nothing.
    """

    def __init__(
        self,
        value: str = "",
        *,
        placeholder: str = "",
        id: str | None = None,  # noqa: A002 - Textual's own name
    ) -> None:
        super().__init__(value, placeholder=placeholder, id=id, select_on_focus=False)
        self.cursor_blink = False

    async def on_key(self, event: Key) -> None:
        """Let no character overtake a key that was pressed before it."""
        await do_own_key(self, event)

    def on_paste(self, event: Paste) -> None:
        """Take a paste as one clean line."""
        # A control character would go to the terminal as it is, and a line end would hide the rest.
        self.replace(one_line(event.text, MOST), *sorted(self.selection))
        event.prevent_default()
        event.stop()
