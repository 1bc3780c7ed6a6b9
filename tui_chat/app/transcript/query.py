"""What is looked for, and whether a text holds it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import chain
from typing import Final

from tui_chat.app.transcript.entry import Entry
from tui_chat.app.transcript.folding import tool_pieces
from tui_chat.text import one_line

__all__ = ["LONGEST", "Query"]

LONGEST: Final = 200
"""Characters of what is looked for."""
_MARKS: Final = "*_`~\\"
"""What Markdown may put between the letters that are shown."""


class Query:
    """Words to look for, as they stand: no pattern. Case matters if they have a capital.

    Args:
        text: the words, on one line; more than :data:`LONGEST` characters are cut.
    """

    __slots__ = ("_bare", "_exact", "_pattern", "_plain", "_spaced", "text")

    def __init__(self, text: str) -> None:
        self.text = one_line(text, LONGEST)
        self._exact = self.text != self.text.lower()
        words = self.text if self._exact else self.text.lower()
        self._plain = words
        self._spaced = " " in words
        self._bare = _without_marks(words)
        self._pattern = re.compile(re.escape(self.text), 0 if self._exact else re.IGNORECASE)

    def __bool__(self) -> bool:
        return bool(self.text)

    def spans(self, line: str) -> Iterator[tuple[int, int]]:
        """Yield where a shown line holds it."""
        if self.text:
            yield from (match.span() for match in self._pattern.finditer(line))

    def may_be_in(self, source: str) -> bool:
        """Say whether the source of a text may be shown with it: never a wrong no.

        Markdown is not parsed for this, so a yes may be about what is not shown.
        """
        if not self._exact:
            source = source.lower()
        if self._plain in source:
            return True
        if self._spaced:  # a line end within a paragraph is shown as a blank
            source = source.replace("\n", " ")
        return bool(self._bare) and self._bare in _without_marks(source)

    def is_in(self, entry: Entry) -> bool:
        """Say whether a message has it, shown or folded."""
        tool = entry.tool
        if tool is None:
            return self.may_be_in(entry.text)
        inside = (piece.source for piece in tool_pieces(tool))
        return any(map(self.may_be_in, chain([tool.name], inside)))


def _without_marks(text: str) -> str:
    for mark in _MARKS:
        text = text.replace(mark, "")
    return text
