"""What stands around the text of a message: who speaks, how it went, and the gutter beside it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tui_chat.app.transcript.lines import Line, Prefix, Span
from tui_chat.app.transcript.marks import Marks
from tui_chat.app.transcript.tool_line import duration, tool_lines
from tui_chat.conversation.model import MessageKind, MessageState
from tui_chat.text import one_line

if TYPE_CHECKING:
    from tui_chat.app.transcript.entry import Entry

__all__ = ["first_prefix", "foot_lines", "gutter", "head_lines"]

_INDENT: Final[Prefix] = (("  ", ""),)


def gutter(kind: MessageKind, marks: Marks) -> tuple[Prefix, str, str]:
    """Return what stands before each row of a message's text, its base style and its fill."""
    match kind:
        case MessageKind.USER:
            return ((f"{marks.bar} ", "user user-bar"),), "user", "user"
        case MessageKind.REASONING:
            return (*_INDENT, (f"{marks.thought_bar} ", "quote-bar")), "reasoning", ""
        case MessageKind.SYSTEM:
            word = f"{marks.notice} Notice "
            return ((" " * len(word), ""),), "system", ""
        case MessageKind.ERROR:
            return ((f"{marks.bar} ", "error-mark"),), "error", ""
        case _:
            return _INDENT, "", ""


def head_lines(entry: Entry, seconds: float | None, marks: Marks, *, empty: bool) -> list[Line]:
    """Return the lines above a message's text.

    Args:
        entry: the message.
        seconds: how long it took, or has taken so far.
        marks: the symbols in use.
        empty: whether there is no text yet.
    """
    lines = [Line()] if entry.gap else []
    if entry.opens_turn:
        lines.append(_titled(entry.name, marks.assistant, "assistant", "assistant strong"))
    match entry.kind:
        case MessageKind.USER:
            bar, _, fill = gutter(entry.kind, marks)
            lines.append(Line("You", first=bar, rest=bar, base="user-name", fill=fill))
        case MessageKind.ASSISTANT if empty and entry.streaming:
            lines.append(Line("…", first=_INDENT, rest=_INDENT, base="muted"))
        case MessageKind.REASONING:
            lines.append(_thought(entry, seconds, marks))
        case MessageKind.TOOL if entry.tool is not None:
            lines += tool_lines(entry.tool, entry.state, seconds, _INDENT, marks)
        case MessageKind.ERROR:
            code = one_line(entry.code, 60)
            text = f"Error {marks.dot} {code}" if code else "Error"
            line = _titled(text, marks.failed, "error-mark", "error-mark strong")
            if code:
                line.spans = (Span(5, len(text), "muted"),)
            lines.append(line)
        case _:
            pass
    return lines


def first_prefix(kind: MessageKind, marks: Marks) -> Prefix:
    """Return what stands before the very first row of a message's text instead of the gutter."""
    if kind is MessageKind.SYSTEM:
        return ((f"{marks.notice} ", "system-mark"), ("Notice ", "system-mark"))
    return gutter(kind, marks)[0]


def _titled(text: str, mark: str, mark_style: str, base: str) -> Line:
    return Line(text, first=((f"{mark} ", mark_style),), rest=_INDENT, base=base)


def _thought(entry: Entry, seconds: float | None, marks: Marks) -> Line:
    if entry.streaming:
        text = "Thinking…"
        if seconds is not None and seconds >= 1:
            text += f" {duration(float(int(seconds)))}"
    else:
        text = "Thought" if not seconds else f"Thought for {duration(seconds)}"
        if entry.state is MessageState.INTERRUPTED:
            text += f" {marks.dot} interrupted"
        elif entry.state is MessageState.FAILED:
            text += f" {marks.dot} failed"
        elif entry.state is MessageState.STOPPED:
            text += f" {marks.dot} stopped"
    prefix = (*_INDENT, (f"{marks.thought} ", "muted"))
    return Line(text, first=prefix, rest=(*_INDENT, *_INDENT), base="muted")


def foot_lines(entry: Entry, marks: Marks) -> list[Line]:
    """Return the lines under a message's text: that something went wrong, in words."""
    if entry.kind in (MessageKind.REASONING, MessageKind.TOOL):
        return []  # the line above says it
    match entry.state:
        case MessageState.INTERRUPTED:
            mark, text, style = marks.stopped, "Interrupted: this is not all of it.", "warning"
        case MessageState.STOPPED:
            mark, text, style = marks.stopped, "Stopped.", "muted"
        case MessageState.FAILED:
            mark, text, style = marks.failed, "Failed.", "error-mark"
        case _:
            return []
    before, _, fill = gutter(entry.kind, marks)
    return [
        Line(
            text,
            first=(*before, (f"{mark} ", style)),
            rest=(*before, *_INDENT),
            base=style,
            fill=fill,
        )
    ]
