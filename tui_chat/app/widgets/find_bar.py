"""The line in which somebody types what to look for in the conversation."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Final

from textual import events
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal
from textual.message import Message as TextualMessage

from tui_chat.app.bindings import Scope, bindings_for, key_of
from tui_chat.app.glyphs import Glyphs
from tui_chat.app.widgets.field import Field
from tui_chat.app.widgets.plain_text import PlainText

if TYPE_CHECKING:
    from tui_chat.app.transcript.finding import Found

__all__ = ["FindBar", "FindField"]

ROOM_FOR_KEYS: Final = 90
"""Columns from which on the keys are named."""


class FindField(Field):
    """Where the words are typed: where to go is posted, nothing is done here."""

    BINDINGS: ClassVar[list[BindingType]] = [*bindings_for(Scope.FINDING)]

    class Step(TextualMessage, namespace="find"):
        """Another place is wanted.

        Attributes:
            step: -1 for the one above, 1 for the one below.
        """

        def __init__(self, step: int) -> None:
            super().__init__()
            self.step = step

    class Closed(TextualMessage, namespace="find"):
        """Nothing is looked for any more."""

    def action_find_step(self, step: int) -> None:
        """Go to another place."""
        self.post_message(self.Step(step))

    def action_close_find(self) -> None:
        """Look for nothing any more."""
        self.post_message(self.Closed())


class FindBar(Horizontal):
    """Takes the words; how the search stands is told to it.

    Args:
        glyphs: the symbols in use.
    """

    def __init__(self, *, glyphs: Glyphs) -> None:
        super().__init__(id="find-bar")
        self._glyphs = glyphs
        self._found: Found | None = None
        self.field = FindField(placeholder="words in the conversation", id="find-field")
        self.hint = PlainText(id="find-hint")

    def compose(self) -> ComposeResult:
        """What it is, the words, how it stands."""
        yield PlainText("Find", id="find-label")
        yield self.field
        yield self.hint

    def on_mount(self) -> None:
        """Name the keys."""
        self.show(None)

    def show(self, found: Found | None) -> None:
        """Say how the search stands; None before there are words."""
        self._found = found
        parts = [] if found is None else [str(found)]
        if self.size.width >= ROOM_FOR_KEYS:
            parts.append(f"{key_of('find-above')} above, {key_of('find-below')} below")
        parts.append(f"{key_of('find-close')} closes")
        self.hint.show(f" {self._glyphs.dot} ".join(parts))
        self.set_class(found is not None and found.complete and not found.messages, "-no")

    def on_resize(self, _event: events.Resize) -> None:
        """Name the keys where there is room."""
        self.show(self._found)
