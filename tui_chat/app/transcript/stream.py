"""Cuts Markdown, as it arrives, into pieces that can be parsed on their own.

The scanner reads line by line and knows just enough of CommonMark to tell where a top-level block
certainly ends: a blank line outside a list, a heading, a fence. It may keep blocks together that
are separate (the parser sorts that out) but never cuts a block that fits into a piece. A fence's
body is set aside without being parsed. What is longer than a piece is cut at the best place
there is: between items, rows, lines, words.

Where it cuts depends on the text only, never on how the text was divided into deltas: a message
that was streamed and one that was read from a file end up as the same pieces, and what is on
screen in the middle of a stream is what that much text would look like by itself.
"""

from __future__ import annotations

import copy
import re
from dataclasses import replace
from enum import Enum, auto
from typing import Final

from tui_chat.app.transcript.highlight import LexMemory
from tui_chat.app.transcript.line_shapes import (
    DEFINITION,
    DELIMITER_ROW,
    EMPTY_QUOTE,
    FENCE,
    HEADING,
    ITEM,
    ITEM_MARKS,
    QUOTE,
    RULE,
    UNDECIDED,
    expand_indentation,
    without_block_mark,
)
from tui_chat.app.transcript.piece import Piece, PieceKind

__all__ = ["LINE_LIMIT", "BlockScanner"]

LINE_LIMIT: Final = 4096
"""A line longer than this many characters is read in parts."""
LIST_LIMIT: Final = 1500
"""A list is continued in a new piece at the next item after this many characters. Lists are the
costliest to parse (about 5 us a character), and between items the cut is invisible."""
BLOCK_LIMIT: Final = 4096
"""Any other block is continued in a new piece after this many characters."""
ITEM_LIMIT: Final = 8192
"""A single list item is cut after this many characters."""
CODE_LINES: Final = 50
"""Lines of a fence per piece; also how far back highlighting looks for its state."""
MAX_REFERENCES: Final = 1000
"""Link definitions kept per message."""


class _Context(Enum):
    NONE = auto()
    BLOCK = auto()
    LIST = auto()
    FENCE = auto()


class BlockScanner:
    """Reads clean text in any portions; hands out finished pieces.

    Attributes:
        references: the link definitions seen so far, as source.
    """

    def __init__(self) -> None:
        self.references: list[str] = []
        self._closed: list[Piece] = []
        self._partial: list[str] = []
        self._partial_size = 0
        self._mid_line = False
        self._previewing = False
        self._context = _Context.NONE
        self._piece: Piece | None = None
        self._lines: list[str] = []
        self._size = 0
        self._blank = False
        self._fence = ""
        self._fence_indent = 0
        self._content = 0  # the column where the current top-level item's content begins
        self._ordered = False
        self._number = 0
        self._inner_fence = ""
        self._dedent = 0
        self._table: tuple[str, str] | None = None
        self._table_head: Piece | None = None

    # -- reading ----------------------------------------------------------------------------------

    def feed(self, text: str) -> None:
        """Read more text."""
        if "\n" not in text and self._partial_size + len(text) <= LINE_LIMIT:
            self._partial.append(text)
            self._partial_size += len(text)
            return
        text = "".join(self._partial) + text
        start, length = 0, len(text)
        while start < length:
            newline = text.find("\n", start, start + LINE_LIMIT + 1)
            if newline >= 0:
                self._read(text[start:newline], ends=True)
                start = newline + 1
            elif length - start > LINE_LIMIT:
                # The line is too long. Read as much as ends with a word.
                cut = text.rfind(" ", start + LINE_LIMIT // 2, start + LINE_LIMIT) + 1
                cut = cut or start + LINE_LIMIT
                self._read(text[start:cut], ends=False)
                start = cut
            else:
                break
        self._partial = [text[start:]] if start < length else []
        self._partial_size = length - start

    def finish(self) -> None:
        """There is no more text."""
        if self._partial_size or self._mid_line:
            line = "".join(self._partial)
            self._partial, self._partial_size = [], 0
            self._read(line, ends=True)
        self._close()
        self._context = _Context.NONE

    def take(self) -> list[Piece]:
        """Return the pieces that were finished since the last call."""
        closed, self._closed = self._closed, []
        return closed

    def preview(self) -> list[Piece]:
        """Return what follows the finished pieces, as if the text ended here."""
        partial = "".join(self._partial)
        if partial and self._undecided(partial):
            partial = ""
        return copy.copy(self)._end_here(partial)  # noqa: SLF001 - a copy of this very object

    def _end_here(self, partial: str) -> list[Piece]:
        """Finish with ``partial`` as the last line, without touching what the original holds."""
        self._previewing = True
        self.references = list(self.references)
        self._closed = []
        self._lines = list(self._lines)
        self._piece = None if self._piece is None else replace(self._piece)
        self._partial = [partial]
        self._partial_size = len(partial)
        self.finish()
        return self._closed

    def _undecided(self, partial: str) -> bool:
        if self._mid_line:
            return False
        if self._context is _Context.FENCE:
            return not partial.strip().strip(self._fence[0])
        return UNDECIDED.match(partial) is not None

    # -- lines ------------------------------------------------------------------------------------

    def _read(self, line: str, *, ends: bool) -> None:
        continued, self._mid_line = self._mid_line, not ends
        if continued:
            if line:
                self._read_rest(line)
        elif self._context is _Context.FENCE:
            self._read_code(line)
        elif not line.strip():
            self._read_blank()
        else:
            self._read_block(expand_indentation(line))

    def _read_rest(self, line: str) -> None:
        """Read the rest of a line that was too long: more of the same, whatever it looks like."""
        if self._context is _Context.FENCE:
            self._add_code(line, "")
            return
        if self._piece is None or self._size + len(line) > BLOCK_LIMIT:
            in_list = self._context is _Context.LIST
            glue = " " if self._lines and self._lines[-1].endswith(" ") else ""
            self._open(PieceKind.MARKDOWN, _Context.LIST if in_list else _Context.BLOCK, gap=False)
            self._current.indent = self._dedent = self._content if in_list else 0
            self._append(without_block_mark(line), glue)
        else:
            self._lines[-1] += line
            self._size += len(line)

    def _read_blank(self) -> None:
        self._blank = True
        if self._piece is not None:
            self._append("")

    def _read_code(self, line: str) -> None:
        stripped = line.strip(" \t")
        mark = self._fence[0]
        if (
            len(stripped) >= len(self._fence)
            and not stripped.strip(mark)
            and len(line) - len(line.lstrip(" ")) < 4
        ):
            self._close(even_empty=True)
            self._context = _Context.NONE
            self._blank = False
            return
        lead = len(line) - len(line.lstrip(" "))
        self._add_code(line[min(lead, self._fence_indent) :])

    def _add_code(self, line: str, glue: str | None = None) -> None:
        piece = self._current
        if len(self._lines) >= CODE_LINES or (self._lines and self._size + len(line) > BLOCK_LIMIT):
            info = piece.info
            self._close()
            self._open(PieceKind.CODE, _Context.FENCE, gap=False)
            self._current.info = info
            self._current.head = piece
        self._append(line, glue)

    def _read_block(self, line: str) -> None:
        blank, self._blank = self._blank, False
        indent = len(line) - len(line.lstrip(" "))
        inside = self._context is _Context.LIST and indent >= self._content
        if not inside and self._opens_fence(line):
            return
        if "]:" in line and DEFINITION.match(line) and len(self.references) < MAX_REFERENCES:
            self.references.append(line)
        item = None
        if not inside and indent <= 3 and line[indent] in ITEM_MARKS and not RULE.match(line):
            item = ITEM.match(line)
        match self._context:
            case _Context.LIST:
                self._read_in_list(line, item, blank=blank, inside=inside)
            case _Context.BLOCK:
                self._read_in_block(line, item, blank=blank, indent=indent)
            case _:
                self._begin(line, item)

    def _opens_fence(self, line: str) -> bool:
        if "```" not in line and "~~~" not in line:
            return False
        fence = FENCE.match(line)
        if fence is None:
            return False
        self._open(PieceKind.CODE, _Context.FENCE)
        self._fence_indent = len(fence.group(1))
        self._fence = fence.group(2)
        self._current.info = fence.group(3).strip()
        self._current.opens = True
        return True

    def _begin(self, line: str, item: re.Match[str] | None, *, gap: bool = True) -> None:
        """Begin a new piece with ``line``."""
        if item is None:
            self._open(PieceKind.MARKDOWN, _Context.BLOCK, gap=gap)
        else:
            self._open(PieceKind.MARKDOWN, _Context.LIST, gap=gap)
            self._ordered = item.group(2)[0].isdigit()
            self._number = int(item.group(2)[:-1]) if self._ordered else 0
            self._enter_item(item)
        self._append(line)
        self._note_inner_fence(line)
        if item is None and (HEADING.match(line) or RULE.match(line)):
            self._close()
            self._context = _Context.NONE

    def _enter_item(self, item: re.Match[str]) -> None:
        lead, marker, blanks, rest = item.groups()
        # Five blanks or more, or nothing at all: the content begins one column after the marker.
        after = len(blanks) if rest and len(blanks) <= 4 else 1
        self._content = len(lead) + len(marker) + after
        self._inner_fence = ""

    def _read_in_list(
        self, line: str, item: re.Match[str] | None, *, blank: bool, inside: bool
    ) -> None:
        if inside:
            if self._size > ITEM_LIMIT:
                self._continue_item()
            if self._dedent:
                line = line[self._dedent :]
            self._append(line)
            self._note_inner_fence(line)
            return
        if item is not None:
            same = self._ordered == item.group(2)[0].isdigit()
            if self._size > LIST_LIMIT or self._dedent:
                number = self._number + 1
                self._begin(line, item, gap=blank or not same)
                if self._ordered and same:
                    self._number = number
                    self._current.start = number
                return
            self._number = self._number + 1 if same else 0
            self._ordered = item.group(2)[0].isdigit()
            self._enter_item(item)
            self._append(line)
            self._note_inner_fence(line)
        elif blank or HEADING.match(line) or RULE.match(line) or QUOTE.match(line):
            self._begin(line, None)
        else:
            self._append(line)  # a lazy continuation

    def _continue_item(self) -> None:
        """Go on with a list item that does not fit into one piece."""
        fence, content = self._inner_fence, self._content
        self._open(PieceKind.MARKDOWN, _Context.LIST, gap=False)
        self._inner_fence = fence
        self._current.indent = self._dedent = content
        self._current.preamble = fence

    def _note_inner_fence(self, line: str) -> None:
        """Keep track of a fence inside a list item, so that a cut can open it again."""
        if self._context is not _Context.LIST or ("```" not in line and "~~~" not in line):
            return
        stripped = line.strip(" ")
        if self._inner_fence:
            if not stripped.strip(self._inner_fence[0]) and len(stripped) >= 3:
                self._inner_fence = ""
            return
        item = ITEM.match(line)
        fence = FENCE.match(item.group(4) if item else stripped)
        if fence is not None:
            self._inner_fence = fence.group(2) + fence.group(3)

    def _read_in_block(
        self, line: str, item: re.Match[str] | None, *, blank: bool, indent: int
    ) -> None:
        if (blank and indent < 4) or HEADING.match(line) or self._interrupts(item):
            self._begin(line, item)
            return
        if self._size > BLOCK_LIMIT or (
            self._size > LIST_LIMIT and EMPTY_QUOTE.match(line) is not None
        ):
            self._continue_block(line)
            return
        if (
            self._table is None
            and self._lines
            and "|" in self._lines[-1]
            and DELIMITER_ROW.match(line)
        ):
            self._table = (self._lines[-1], line)
        self._append(line)

    def _interrupts(self, item: re.Match[str] | None) -> bool:
        """Whether an item may end a paragraph (CommonMark 0.31, 5.3)."""
        return (
            item is not None
            and bool(item.group(4))
            and (not item.group(2)[0].isdigit() or item.group(2)[:-1] == "1")
        )

    def _continue_block(self, line: str) -> None:
        table, head = self._table, self._table_head or self._piece
        if table is None:
            self._begin(line, None, gap=False)
            if self._piece is not None and not line.startswith(("    ", ">")):
                self._piece.joints = {0: " "}  # a line end within a paragraph is a blank
            return
        self._open(PieceKind.TABLE, _Context.BLOCK, gap=False)
        self._table, self._table_head = table, head
        self._current.head = head
        self._current.preamble = "\n".join(table)
        self._append(line)

    # -- pieces -----------------------------------------------------------------------------------

    @property
    def _current(self) -> Piece:
        if self._piece is None:
            raise RuntimeError("no piece is open")
        return self._piece

    def _append(self, line: str, glue: str | None = None) -> None:
        if glue is not None:  # a new dictionary: a preview shares the old one
            self._current.joints = {**(self._current.joints or {}), len(self._lines): glue}
        self._lines.append(line)
        self._size += len(line) + 1

    def _open(self, kind: PieceKind, context: _Context, *, gap: bool = True) -> None:
        self._close()
        self._piece = Piece(kind, gap=gap)
        if kind is PieceKind.CODE:
            self._piece.memory = LexMemory()
        self._context = context

    def _close(self, *, even_empty: bool = False) -> None:
        piece, lines = self._piece, self._lines
        if piece is not None and (lines or piece.opens or even_empty):
            if piece.kind is not PieceKind.CODE:
                while lines and not lines[-1]:
                    lines.pop()
            piece.source = "\n".join(lines)
            if not self._previewing:
                piece.memory = None
            self._closed.append(piece)
        self._piece = None
        self._lines = []
        self._size = 0
        self._dedent = 0
        self._inner_fence = ""
        self._table = self._table_head = None
