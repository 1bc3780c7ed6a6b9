"""What a message hides while it is folded, and what a tool call shows when it is not.

Reasoning is open while it streams and closes to one line when it is done; a tool call is one line
until somebody opens it. What the user chose for a message stays.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

from tui_chat.app.transcript.json_text import formatted_json
from tui_chat.app.transcript.lines import Line, Prefix
from tui_chat.app.transcript.parsing import PLAIN_LINES, PLAIN_SIZE, plain_pieces
from tui_chat.app.transcript.piece import Piece, PieceKind
from tui_chat.conversation.model import MessageKind, ToolCall
from tui_chat.text import clean

if TYPE_CHECKING:
    from tui_chat.app.transcript.entry import Entry

__all__ = ["FOLDABLE", "folds_by_itself", "has_more", "tool_pieces"]

FOLDABLE: Final = (MessageKind.REASONING, MessageKind.TOOL)
"""The kinds that can be one line."""
INDENT: Final[Prefix] = (("    ", ""),)
_EMPTY: Final[tuple[Any, ...]] = (None, {}, [])


def has_more(entry: Entry) -> bool:
    """Return whether there is anything behind the first line of a message."""
    match entry.kind:
        case MessageKind.REASONING:
            return entry.streaming or not entry.empty
        case MessageKind.TOOL:
            tool = entry.tool
            return tool is not None and (
                tool.arguments not in _EMPTY or tool.result is not None or tool.error is not None
            )
        case _:
            return False


def folds_by_itself(entry: Entry) -> bool:
    """Return whether a message is folded as long as the user did not choose."""
    if entry.kind is MessageKind.REASONING:
        return not entry.streaming and not entry.kept_open
    return entry.kind is MessageKind.TOOL


def tool_pieces(tool: ToolCall) -> Iterator[Piece]:
    """Yield what went into a tool call and what came out, cut into pieces."""
    if tool.arguments not in _EMPTY:
        yield from _json("Arguments", tool.arguments)
    if tool.error is not None:
        yield _label("Error", "error-mark")
        yield from plain_pieces(clean(tool.error))
    elif tool.result is not None:
        yield from _json("Result", tool.result)


def _label(text: str, style: str = "muted") -> Piece:
    line = Line(text, first=INDENT, rest=INDENT, base=style)
    return Piece(PieceKind.FIXED, gap=False, lines=[line])


def _json(label: str, value: Any) -> Iterator[Piece]:
    """Yield a value as formatted JSON; pieces are highlighted when they are seen."""
    yield _label(label)
    text, whole = formatted_json(value)
    head: Piece | None = None
    for source, joints in _portions(clean(text)):
        head = Piece(
            PieceKind.CODE, source, gap=False, info="json", head=head, joints=joints or None
        )
        yield head
    if not whole:
        yield _label("There is more than can be shown here. Saving the message keeps all of it.")


def _portions(text: str) -> Iterator[tuple[str, dict[int, str]]]:
    """Cut text between lines, and within lines that are too long for one piece."""
    lines: list[str] = []
    joints: dict[int, str] = {}
    size = 0
    for line in text.split("\n"):
        for at in range(0, max(len(line), 1), PLAIN_SIZE):
            part = line[at : at + PLAIN_SIZE]
            if lines and (len(lines) >= PLAIN_LINES or size + len(part) > PLAIN_SIZE):
                yield "\n".join(lines), joints
                lines, joints, size = [], {}, 0
            if at:
                joints[len(lines)] = ""
            lines.append(part)
            size += len(part) + 1
    yield "\n".join(lines), joints
