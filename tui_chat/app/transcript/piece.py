"""A piece of a message: a few kilobytes that are parsed, laid out and forgotten together."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum, auto
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tui_chat.app.transcript.highlight import CodeBlock, LexMemory
    from tui_chat.app.transcript.lines import Line
    from tui_chat.app.transcript.rows import Row
    from tui_chat.app.transcript.table import Table

__all__ = ["Piece", "PieceKind"]


class PieceKind(Enum):
    """What a piece's source is."""

    MARKDOWN = auto()
    """Whole top-level blocks of Markdown, or a part of one that was too long."""
    CODE = auto()
    """Lines of a top-level fence, without the fence; never seen by the Markdown parser."""
    TABLE = auto()
    """More rows of the table that began in ``head``."""
    PLAIN = auto()
    """Text shown as it is."""
    FIXED = auto()
    """Lines that were made elsewhere; there is no source to parse."""


@dataclass(slots=True, eq=False)
class Piece:
    """One piece, its source, and what was made from it so far.

    Attributes:
        kind: what the source is.
        source: clean text, lines separated by newlines.
        gap: whether a blank row stands above, when it is not the first of its message.
        info: the info string of a fence.
        opens: whether a fence begins here.
        head: the piece that a fence or table was continued from (for a table: where it began).
        preamble: what the parser has to read before the source: the head of a table, the opening
            line of a fence inside a list.
        start: the number of the first item, where an ordered list was continued.
        indent: columns by which a continued list item stands in.
        joints: which lines of the source only go on with the line before, with what stood in
            between; they were too long for one piece or line. None without any.
        lines: the logical lines; None until parsed, or after they were forgotten.
        table: the layout shared with the pieces that continue a table.
        code: the lines of a fence, for highlighting.
        memory: what was lexed of a fence that is still growing.
        rows: the rows at ``width``; None until laid out.
        width: the columns that ``rows`` were made for.
    """

    kind: PieceKind
    source: str = ""
    gap: bool = True
    info: str = ""
    opens: bool = False
    head: Piece | None = None
    preamble: str = ""
    start: int | None = None
    indent: int = 0
    joints: dict[int, str] | None = None
    lines: list[Line] | None = field(default=None, repr=False)
    table: Table | None = field(default=None, repr=False)
    code: CodeBlock | None = field(default=None, repr=False)
    memory: LexMemory | None = field(default=None, repr=False)
    rows: list[Row] | None = field(default=None, repr=False)
    width: int = 0
