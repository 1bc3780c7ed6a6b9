"""What a tool call looks like: a line that says what it is and how it went, and one of data."""

from __future__ import annotations

import json
from typing import Any, Final

from tui_chat.app.transcript.lines import Line, LineKind, Prefix, Span
from tui_chat.app.transcript.marks import Marks
from tui_chat.conversation.model import MessageState, ToolCall
from tui_chat.text import one_line

__all__ = ["compact_json", "duration", "tool_lines"]

DETAIL_LIMIT: Final = 400
"""Characters of arguments or result that are looked at; a row shows fewer."""
_DEPTH: Final = 6


def duration(seconds: float) -> str:
    """Return ``0.2 s``, ``3 s``, ``2 min 5 s`` or ``1 h 2 min``."""
    if not 0 <= seconds < 1e9:  # also NaN
        return "0 s"
    if seconds < 1:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    if minutes < 60:
        return f"{minutes} min {rest} s" if rest else f"{minutes} min"
    return f"{minutes // 60} h {minutes % 60} min"


def compact_json(value: Any, limit: int = DETAIL_LIMIT) -> str:
    """Return the beginning of ``value`` as JSON on one line, clean, about ``limit`` characters.

    A value of megabytes costs no more than what is shown of it.
    """
    parts: list[str] = []
    _write(value, parts, [limit], _DEPTH)
    return one_line("".join(parts), limit)


def _write(value: Any, parts: list[str], left: list[int], depth: int) -> None:
    """Append JSON to ``parts`` until the budget in ``left`` is used up."""
    if left[0] <= 0:
        return
    if not isinstance(value, dict | list | tuple):
        _put(_scalar(value, left[0]), parts, left)
        return
    if depth <= 0:
        _put("…", parts, left)
        return
    named = isinstance(value, dict)
    _put("{" if named else "[", parts, left)
    for number, key in enumerate(value):
        if left[0] <= 0:
            break
        if number:
            _put(", ", parts, left)
        if named:
            _put(json.dumps(str(key)[:100], ensure_ascii=False) + ": ", parts, left)
        _write(value[key] if named else key, parts, left, depth - 1)
    _put("}" if named else "]", parts, left)


def _put(text: str, parts: list[str], left: list[int]) -> None:
    parts.append(text)
    left[0] -= len(text)


def _scalar(value: Any, limit: int) -> str:
    match value:
        case str():
            return json.dumps(value[: limit + 1], ensure_ascii=False)
        case int() if value.bit_length() > 1024:
            return "…"  # too long to be written as decimal digits
        case None | bool() | int() | float():
            return json.dumps(value)
        case _:
            return json.dumps(type(value).__name__)


_STATES: Final = {
    MessageState.STREAMING: ("running", "running"),
    MessageState.COMPLETE: ("done", "success"),
    MessageState.INTERRUPTED: ("interrupted", "warning"),
    MessageState.FAILED: ("failed", "error-mark"),
    MessageState.STOPPED: ("stopped", "muted"),
}


def tool_lines(
    tool: ToolCall, state: MessageState, seconds: float | None, gutter: Prefix, marks: Marks
) -> list[Line]:
    """Return the lines of a tool call: what, where, how it went; then what went in and out."""
    word, style = _STATES[state]
    if tool.error is not None and state is MessageState.COMPLETE:
        word, style = _STATES[MessageState.FAILED]
    glyph = {
        "running": marks.running,
        "done": marks.done,
        "interrupted": marks.stopped,
        "stopped": marks.stopped,
        "failed": marks.failed,
    }[word]
    name = one_line(tool.name, 60) or "tool"
    facts = [f"{tool.side} tool", word]
    if seconds is not None:
        facts.append(duration(seconds))
    text = name + "".join(f" {marks.dot} {fact}" for fact in facts)
    at = text.index(word, len(name))
    spans = (
        Span(0, len(name), "strong"),
        Span(len(name), at, "muted"),
        Span(at, at + len(word), style),
        Span(at + len(word), len(text), "muted"),
    )
    indent = ((" " * 2, ""),)
    lines = [
        Line(
            text,
            spans,
            first=(*gutter, (f"{glyph} ", style)),
            rest=(*gutter, *indent),
            base="tool",
        )
    ]
    detail = _detail(tool, marks)
    if detail.text:
        detail.first = detail.rest = (*gutter, *indent)
        lines.append(detail)
    return lines


def _detail(tool: ToolCall, marks: Marks) -> Line:
    arguments = "" if tool.arguments is None else compact_json(tool.arguments)
    if arguments in ("{}", "null"):
        arguments = ""
    # The result must be seen, too: long arguments leave it half of the space.
    if tool.error is not None:
        outcome, style = one_line(tool.error), "error"
    else:
        outcome, style = ("" if tool.result is None else compact_json(tool.result)), "muted"
    text = arguments
    if outcome:
        text = f"{arguments} {marks.arrow} {outcome}" if arguments else f"{marks.arrow} {outcome}"
    at = len(text) - len(outcome)
    spans = (Span(0, at, "muted"), Span(at, len(text), style)) if outcome else ()
    return Line(text, spans, kind=LineKind.CUT, base="muted")
