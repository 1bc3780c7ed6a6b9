"""Logical lines: text with symbolic styles, before any width or colour is known.

A logical line is what an unlimited screen would show as one line. It survives a resize and a
change of theme; only the rows made from it (:mod:`.rows`) do not.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto
from typing import TYPE_CHECKING, Final, NamedTuple

from rich.cells import cell_len

from tui_chat.text import clean

if TYPE_CHECKING:
    from tui_chat.app.transcript.highlight import CodeBlock
    from tui_chat.app.transcript.table import Table

__all__ = [
    "CELL_GAP",
    "EMPTY",
    "TAB",
    "Cell",
    "Line",
    "LineKind",
    "Link",
    "Prefix",
    "Span",
    "prefix_width",
    "safe",
]

TAB: Final = 4
"""Columns between tab stops; a tab itself would measure nothing."""

CELL_GAP: Final = " | "
"""What stands between the cells in the text of a table's row."""

Prefix = tuple[tuple[str, str], ...]
"""What stands before the text of a row: pieces of text, each with the names of its styles."""


class Span(NamedTuple):
    """A part of a line's text that looks different: ``[start, end)`` and names of styles."""

    start: int
    end: int
    style: str


class Link(NamedTuple):
    """A part of a line's text that leads somewhere: ``[start, end)`` and where, clean."""

    start: int
    end: int
    target: str


class LineKind(Enum):
    """How a line becomes rows."""

    PROSE = auto()
    """Wrapped between words."""
    CODE = auto()
    """Wrapped at the last column that fits; blanks are kept."""
    CUT = auto()
    """Always one row, cut with an ellipsis."""
    RULE = auto()
    """One row, a line across."""
    TABLE_ROW = auto()
    """A row of a table; every cell is wrapped within its column."""
    TABLE_RULE = auto()
    """The line under a table's head."""


class Cell(NamedTuple):
    """A cell of a table."""

    text: str
    spans: tuple[Span, ...]
    links: tuple[Link, ...] = ()


EMPTY: Final[tuple[Span, ...]] = ()


@dataclass(slots=True, eq=False)
class Line:
    """One logical line.

    Attributes:
        text: clean, without newlines and tabs.
        spans: sorted, not overlapping.
        first: the prefix of the first row.
        rest: the prefix of the other rows, as wide as the first one.
        kind: how it becomes rows.
        base: names of the styles of the whole line, below those of the spans.
        fill: name of a style whose background reaches to the right edge; empty for none.
        table: the table that a row of a table belongs to.
        cells: its cells.
        code: the block that a line of code belongs to, for highlighting.
        number: which line of that block it is.
        links: what it links to, sorted.
    """

    text: str = ""
    spans: tuple[Span, ...] = EMPTY
    first: Prefix = ()
    rest: Prefix = ()
    kind: LineKind = LineKind.PROSE
    base: str = ""
    fill: str = ""
    table: Table | None = None
    cells: tuple[Cell, ...] = ()
    code: CodeBlock | None = None
    number: int = 0
    links: tuple[Link, ...] = ()


def prefix_width(prefix: Prefix) -> int:
    """Return the columns a prefix takes."""
    return sum(cell_len(text) for text, _ in prefix)


def safe(text: str) -> str:
    """Return ``text`` fit for one logical line: clean, on one line, tabs expanded."""
    text = clean(text)
    if "\n" in text:
        text = text.replace("\n", " ")
    return text.expandtabs(TAB) if "\t" in text else text
