"""What a folded tool call looks like: what it is, how it went, and a taste of its data."""

from __future__ import annotations

import json
from typing import Any, Final

from tui_chat.app.transcript.json_text import scalar_json
from tui_chat.app.transcript.lines import Line, Prefix, Span
from tui_chat.app.transcript.marks import Marks
from tui_chat.conversation.model import MessageState, ToolCall
from tui_chat.text import one_line

__all__ = ["compact_json", "duration", "preview", "tool_line"]

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
        _put(scalar_json(value, left[0])[0], parts, left)
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


_STATES: Final = {
    MessageState.STREAMING: ("running", "running"),
    MessageState.COMPLETE: ("done", "success"),
    MessageState.INTERRUPTED: ("interrupted", "warning"),
    MessageState.FAILED: ("failed", "error-mark"),
    MessageState.STOPPED: ("stopped", "muted"),
}


def tool_line(
    tool: ToolCall, state: MessageState, seconds: float | None, gutter: Prefix, marks: Marks
) -> Line:
    """Return the line of a tool call: what, how it went, how long it took, and where."""
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
    # How it went must be seen in 60 columns, too.
    name = one_line(tool.name, 32) or "tool"
    lead = f"{name} {marks.dot} "
    facts = [word, *(() if seconds is None else (duration(seconds),)), f"{tool.side} tool"]
    text = lead + f" {marks.dot} ".join(facts)
    at = len(lead)
    spans = (
        Span(0, len(name), "strong"),
        Span(len(name), at, "muted"),
        Span(at, at + len(word), style),
        Span(at + len(word), len(text), "muted"),
    )
    indent = ((" " * 2, ""),)
    first = (*gutter, (f"{glyph} ", style))
    return Line(text, spans, first=first, rest=(*gutter, *indent), base="tool")


def preview(tool: ToolCall, marks: Marks) -> tuple[str, str, str]:
    """Return the beginning of what went in, of what came out, and the style of the latter."""
    if tool.error is not None:
        return "", one_line(tool.error), "error"  # nothing else matters now
    arguments = "" if tool.arguments in (None, {}) else compact_json(tool.arguments)
    outcome = "" if tool.result is None else f"{marks.arrow} {compact_json(tool.result)}"
    return arguments, outcome, "muted"
