"""What stands around the text of a message: who speaks, how it went, and the gutter beside it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tui_chat.app.bindings import key_of
from tui_chat.app.transcript.lines import Line, LineKind, Prefix, Span
from tui_chat.app.transcript.marks import Marks
from tui_chat.app.transcript.tool_line import duration, preview, tool_line
from tui_chat.conversation.model import DeliveryState, MessageKind, MessageState
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
        case MessageKind.TOOL:
            return (("    ", ""),), "", ""
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
        lines.append(
            _titled(entry.name + marks.colon, marks.assistant, "assistant", "assistant strong")
        )
    match entry.kind:
        case MessageKind.USER:
            bar, _, fill = gutter(entry.kind, marks)
            lines.append(
                Line("You" + marks.colon, first=bar, rest=bar, base="user-name", fill=fill)
            )
        case MessageKind.ASSISTANT if empty and entry.streaming:
            lines.append(Line("…", first=_INDENT, rest=_INDENT, base="muted"))
        case MessageKind.REASONING:
            lines.append(_with_fold(entry, _thought(entry, seconds, marks), marks))
        case MessageKind.TOOL if entry.tool is not None:
            line = tool_line(entry.tool, entry.state, seconds, _INDENT, marks)
            lines.append(_with_fold(entry, line, marks))
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


def _with_fold(entry: Entry, line: Line, marks: Marks) -> Line:
    """Add whether the message is folded, and for a tool call a taste of what it hides."""
    if not entry.foldable:
        return line
    end = len(line.text)
    text = f"{line.text} {marks.folded if entry.folded else marks.unfolded}"
    spans = [*line.spans, Span(end, len(text), "muted")]
    if entry.folded:
        line.kind = LineKind.CUT
        if entry.tool is not None:
            before, after, style = preview(entry.tool, marks)
            for part, name in ((before, "muted"), (after, style)):
                if part:
                    start = len(text)
                    text += f" {part}"
                    spans.append(Span(start, len(text), name))
    line.text, line.spans = text, tuple(spans)
    return line


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
    """Return the lines under a message's text: how it went, where that has to be said."""
    if entry.kind in (MessageKind.REASONING, MessageKind.TOOL):
        return []  # the line above says it
    if entry.delivery is not None:
        return _delivery_lines(entry, entry.delivery, marks)
    match entry.state:
        case MessageState.INTERRUPTED:
            text = f"Interrupted: this is not all of it.{_ask_again(entry)}"
            return [_foot(entry, marks.stopped, text, "warning", marks)]
        case MessageState.STOPPED:
            return [_foot(entry, marks.stopped, "Stopped.", "muted", marks)]
        case MessageState.FAILED:
            text = f"Failed.{_ask_again(entry)}"
            return [_foot(entry, marks.failed, text, "error-mark", marks)]
        case _:
            return []


def _ask_again(entry: Entry) -> str:
    """Say where a reply can be asked for again; that is in its menu, because no key means it."""
    if entry.kind is not MessageKind.ASSISTANT:
        return ""
    return f" {key_of('walk-up')}, then {key_of('message-menu')}: ask again."


def _delivery_lines(entry: Entry, delivery: DeliveryState, marks: Marks) -> list[Line]:
    note = one_line(entry.note)
    match delivery:
        case DeliveryState.QUEUED:
            return [_foot(entry, marks.waiting, _joined("Waits.", note), "muted", marks)]
        case DeliveryState.WRITTEN:
            return [_foot(entry, marks.running, _joined("Sending.", note), "muted", marks)]
        case DeliveryState.UNKNOWN:
            text = "Not known whether this arrived."
            found = [_foot(entry, marks.unknown, f"{text} {_keys(entry)}", "warning strong", marks)]
            return [*found, *([_foot(entry, " ", note, "muted", marks)] if note else ())]
        case DeliveryState.FAILED:
            text = f"{_joined('Not sent.', note)} {_keys(entry)}"
            return [_foot(entry, marks.failed, text, "error-mark strong", marks)]
        case DeliveryState.DISCARDED:
            return [_foot(entry, marks.stopped, "Discarded.", "muted", marks)]
        case _:
            return [_foot(entry, marks.done, note, "muted", marks)] if note else []


def _joined(sentence: str, note: str) -> str:
    return f"{sentence} {note}".rstrip()


def _keys(entry: Entry) -> str:
    if entry.addressed:
        return f"{key_of('resend')} sends it again, {key_of('discard')} discards it."
    return f"{key_of('queue')} opens the queue."


def _foot(entry: Entry, mark: str, text: str, style: str, marks: Marks) -> Line:
    before, base, fill = gutter(entry.kind, marks)
    return Line(
        text,
        first=(*before, (f"{mark} ", f"{base} {style}")),
        rest=(*before, ("  ", base)),
        base=style,
        fill=fill,
    )
