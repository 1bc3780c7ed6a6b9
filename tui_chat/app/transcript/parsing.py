"""What is made of a piece: its logical lines, and a guess at its height before that."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from tui_chat.app.transcript.highlight import CodeBlock
from tui_chat.app.transcript.lines import Line, safe
from tui_chat.app.transcript.markdown import code_label, code_lines, parse, table_rows
from tui_chat.app.transcript.piece import Piece, PieceKind
from tui_chat.app.transcript.table import Table

__all__ = ["estimate_piece", "parse_piece", "plain_pieces"]

PLAIN_LINES: Final = 50
PLAIN_SIZE: Final = 4096
"""Lines and characters of a piece of plain text."""


def estimate_piece(piece: Piece, width: int) -> int:
    """Return about how many rows a piece takes."""
    if piece.lines is not None and piece.kind is PieceKind.FIXED:
        return len(piece.lines)
    source = piece.source
    return source.count("\n") + len(source) // max(width, 8) + piece.gap + piece.opens + 1


def parse_piece(piece: Piece, references: dict[str, Any]) -> list[Line]:
    """Return the logical lines of a piece.

    Args:
        piece: the piece; what its continuations need to know of it is noted there.
        references: the link definitions of the whole message.
    """
    match piece.kind:
        case PieceKind.CODE:
            return _code(piece)
        case PieceKind.TABLE if piece.head is not None:
            table = piece.head.table or _table(piece.head, references)
            if table is not None:
                return table_rows(f"{piece.preamble}\n{piece.source}", table, references)
        case PieceKind.PLAIN:
            return [Line(safe(text)) for text in piece.source.split("\n")]
        case PieceKind.FIXED:
            return []
        case _:
            pass
    source = f"{piece.preamble}\n{piece.source}" if piece.preamble else piece.source
    lines = parse(source, references, start=piece.start, indent=piece.indent)
    piece.table = _last_table(lines)
    return lines


def _table(head: Piece, references: dict[str, Any]) -> Table | None:
    head.table = _last_table(parse(head.source, references))
    return head.table


def _last_table(lines: list[Line]) -> Table | None:
    return next((line.table for line in reversed(lines) if line.table is not None), None)


def _code(piece: Piece) -> list[Line]:
    before = None
    if piece.head is not None:
        before = piece.head.code or CodeBlock(_code_text(piece.head), piece.info)
    shown = _code_text(piece)
    piece.code = CodeBlock(shown, piece.info, before, piece.memory)
    lines = code_lines(piece.code, shown)
    return [code_label(piece.info), *lines] if piece.opens else lines


def _code_text(piece: Piece) -> list[str]:
    return [safe(text) for text in piece.source.split("\n")]


def plain_pieces(text: str) -> Iterator[Piece]:
    """Cut text that is shown as it is into pieces."""
    lines: list[str] = []
    joints: dict[int, str] = {}
    size = 0
    for line in text.strip("\n").split("\n"):
        # A line of megabytes, too, is laid out only where it is seen.
        for at in range(0, max(len(line), 1), PLAIN_SIZE):
            part = line[at : at + PLAIN_SIZE]
            if lines and (len(lines) >= PLAIN_LINES or size + len(part) > PLAIN_SIZE):
                yield Piece(PieceKind.PLAIN, "\n".join(lines), gap=False, joints=joints or None)
                lines, joints, size = [], {}, 0
            if at:
                joints[len(lines)] = ""
            lines.append(part)
            size += len(part) + 1
    if any(lines):
        yield Piece(PieceKind.PLAIN, "\n".join(lines), gap=False, joints=joints or None)
