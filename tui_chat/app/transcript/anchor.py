"""Places in the column: one in the text, whatever the width, and one in the window."""

from __future__ import annotations

from typing import NamedTuple

from tui_chat.app.transcript.rows import Row

__all__ = ["Anchor", "Spot"]


class Anchor(NamedTuple):
    """A place in the text that does not depend on widths: entry, piece, line, character."""

    entry: int
    piece: int
    line: int
    character: int


class Spot(NamedTuple):
    """What stands in one row of the window: number of the entry, piece, and the row itself."""

    entry: int
    piece: int
    row: Row
