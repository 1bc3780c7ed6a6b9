"""What is copied: the text of messages as people mean it, not as the screen happens to break it.

Logical lines, so no newline where a row only ended; no gutters, bars and labels of ours; code with
the tabs it came with. Everything is clean already (:mod:`tui_chat.text`), because it is made from
what is shown.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from copy import copy
from typing import Final, NamedTuple

from tui_chat.app.transcript.column import Anchor
from tui_chat.app.transcript.entry import Entry
from tui_chat.app.transcript.frame import gutter
from tui_chat.app.transcript.highlight import language
from tui_chat.app.transcript.lines import Line, LineKind
from tui_chat.app.transcript.markdown import read_fences
from tui_chat.app.transcript.marks import UNICODE
from tui_chat.app.transcript.piece import Piece, PieceKind
from tui_chat.conversation.model import MessageKind
from tui_chat.text import clean

__all__ = [
    "CodeBlockText",
    "code_blocks",
    "lines_of",
    "markdown_source",
    "message_text",
    "selected_text",
    "snapshot",
    "whole",
]

RULE: Final = "---"
_WIDTH: Final = 80  # no row is ever made, so any will do
_MARKDOWN: Final = (MessageKind.ASSISTANT, MessageKind.REASONING)
_BARS: Final = frozenset({"quote-bar", "code-bar"})
_END: Final = Anchor(1 << 60, 0, 0, 0)
_START: Final = Anchor(-1, 0, 0, 0)


class CodeBlockText(NamedTuple):
    """A block of code.

    Attributes:
        language: as the message names it, in lower case; empty if it does not.
        text: its lines, without the fence, tabs kept.
    """

    language: str
    text: str


def markdown_source(entry: Entry) -> str:
    """Return a message as it was written, hidden characters made visible."""
    return clean(entry.text)


def message_text(entry: Entry) -> str:
    """Return a message as it is shown, without what stands around it."""
    return "".join(whole(entry))


def whole(entry: Entry) -> Iterator[str]:
    """Yield the text of a message, piece by piece: megabytes need not be copied in one go."""
    yield from _Joiner().texts([(0, entry)], _START, _END, text_only=True)


def selected_text(entries: Sequence[Entry], start: Anchor, end: Anchor) -> Iterator[str]:
    """Yield the text between two places, piece by piece.

    Args:
        entries: all of the column.
        start: where it begins.
        end: where it ends, exclusive; not before ``start``.
    """
    numbers = range(max(start.entry, 0), min(end.entry + 1, len(entries)))
    yield from _Joiner().texts(((number, entries[number]) for number in numbers), start, end)


def lines_of(entry: Entry) -> Iterator[Line]:
    """Yield the logical lines of a message's text."""
    shown = snapshot(entry, unfolded=True)
    for at, piece in enumerate(shown.pieces or ()):
        if piece.kind is PieceKind.FIXED:
            continue
        kept = piece.lines is not None
        yield from shown.lines(at)
        if not kept:
            piece.lines = piece.code = None


def code_blocks(entry: Entry) -> list[CodeBlockText]:
    """Return the blocks of code in a message, in order."""
    if entry.kind not in _MARKDOWN:
        return []
    blocks: list[CodeBlockText] = []
    for piece in snapshot(entry, unfolded=True).pieces or ():
        if piece.kind is PieceKind.CODE:
            text = _unbroken(piece)
            if piece.opens or not blocks:
                blocks.append(CodeBlockText(language(piece.info), text))
            else:
                glue = (piece.joints or {}).get(0, "\n")
                blocks[-1] = blocks[-1]._replace(text=f"{blocks[-1].text}{glue}{text}")
        elif piece.kind is PieceKind.MARKDOWN:
            source = f"{piece.preamble}\n{piece.source}" if piece.preamble else piece.source
            for number, (info, text) in enumerate(read_fences(source)):
                if piece.preamble and not number and blocks:  # the fence of a list item, cut
                    blocks[-1] = blocks[-1]._replace(text=f"{blocks[-1].text}\n{text}")
                else:
                    blocks.append(CodeBlockText(language(info), text))
    return blocks


def _unbroken(piece: Piece) -> str:
    """Return the source of a piece with the lines whole that were too long for one."""
    if not piece.joints:
        return piece.source
    parts: list[str] = []
    for number, line in enumerate(piece.source.split("\n")):
        if number:
            parts.append(piece.joints.get(number, "\n"))
        parts.append(line)
    return "".join(parts)


class _Joiner:
    """Puts lines together, each with what separates it from the one before."""

    def __init__(self) -> None:
        self._any = False

    def texts(
        self,
        entries: Iterable[tuple[int, Entry]],
        start: Anchor,
        end: Anchor,
        *,
        text_only: bool = False,
    ) -> Iterator[str]:
        """Yield the text of each piece between ``start`` and ``end``."""
        for number, entry in entries:
            # The original may change in between.
            entry = snapshot(entry, unfolded=text_only)  # noqa: PLW2901 - see above
            skip = len(gutter(entry.kind, UNICODE)[0])
            for at, piece in enumerate(entry.pieces or ()):
                if (number, at) < start[:2] or (number, at) > end[:2]:
                    continue
                if text_only and piece.kind is PieceKind.FIXED and not (entry.tool and at):
                    continue
                kept = piece.lines is not None
                yield "".join(self._piece(entry, number, at, piece, start, end, skip))
                if not kept:
                    piece.lines = piece.code = None

    def _piece(
        self,
        entry: Entry,
        number: int,
        at: int,
        piece: Piece,
        start: Anchor,
        end: Anchor,
        skip: int,
    ) -> Iterator[str]:
        lines = entry.lines(at)
        raw = piece.source.split("\n") if piece.kind in (PieceKind.CODE, PieceKind.PLAIN) else []
        before = len(lines) - len(raw)  # a blank line, a label
        for index, line in enumerate(lines):
            here = Anchor(number, at, index, 0)
            if here[:3] < start[:3] or here[:3] > end[:3]:
                continue
            if line.kind is LineKind.TABLE_RULE or _is_label(line):
                continue
            first = start.character if here[:3] == start[:3] else 0
            last = end.character if here[:3] == end[:3] else len(line.text)
            if here[:3] == end[:3] and not last and self._any:
                yield "\n"  # the end of the line before is selected, and nothing of this one
                return
            source = index - before
            if first <= 0 and last >= len(line.text):
                text = raw[source] if raw and source >= 0 else line.text
            else:
                text = line.text[first:last]
            if line.kind is LineKind.RULE:
                text = RULE
            if first <= 0 and entry.kind in _MARKDOWN and piece.kind is not PieceKind.FIXED:
                text = _marker(line, skip) + text
            if self._any:
                glue = (piece.joints or {}).get(source if raw else index)
                yield "\n" if glue is None or first > 0 else glue
            self._any = True
            yield text


def snapshot(entry: Entry, *, unfolded: bool = False) -> Entry:
    """Return an entry in pieces that stays as it is while the original goes on."""
    shown = copy(entry)
    if unfolded and shown.folded:
        shown.fold = False
        shown.forget()
    if shown.pieces is None:
        shown.forget()
        shown.open(_WIDTH, shown.finished or shown.created)
    else:
        shown.pieces = list(shown.pieces)
    return shown


def _is_label(line: Line) -> bool:
    return line.kind is LineKind.CUT and any(span.style == "code-label" for span in line.spans)


def _marker(line: Line, skip: int) -> str:
    """Return the bullet or number before a line, and its indentation; never a bar."""
    if line.kind is LineKind.CODE or not line.text:
        return ""
    return "".join(
        text for text, style in line.first[skip:] if not _BARS.intersection(style.split())
    )
