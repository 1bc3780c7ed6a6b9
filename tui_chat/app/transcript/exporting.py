"""Messages as a file: Markdown for people, JSON for programs.

What a file holds can end up on somebody's terminal, so hidden characters are visible in the
Markdown; in the JSON they are escaped, and the text is the one that came.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, tzinfo
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from tui_chat.app.transcript.json_text import formatted_json
from tui_chat.app.transcript.tool_line import duration
from tui_chat.conversation.model import DeliveryState, MessageKind, MessageState, ToolCall
from tui_chat.text import clean, is_clean, one_line

if TYPE_CHECKING:
    from tui_chat.app.transcript.entry import Entry

__all__ = ["Record", "as_json", "as_markdown", "as_text", "record"]

_WHOLE: Final = 1 << 40
_TITLES: Final = {
    MessageKind.USER: "You",
    MessageKind.REASONING: "Reasoning",
    MessageKind.SYSTEM: "Notice",
    MessageKind.ERROR: "Error",
}
_ENDS: Final = {
    MessageState.STREAMING: "Not finished when this was saved.",
    MessageState.INTERRUPTED: "Interrupted: this is not all of it.",
    MessageState.FAILED: "Failed.",
    MessageState.STOPPED: "Stopped.",
}
_DELIVERIES: Final = {
    DeliveryState.QUEUED: "Not sent when this was saved.",
    DeliveryState.WRITTEN: "Not known to have arrived when this was saved.",
    DeliveryState.UNKNOWN: "Not known whether this arrived.",
    DeliveryState.FAILED: "Not sent.",
    DeliveryState.DISCARDED: "Discarded.",
}
_FENCES: Final = re.compile("`{3,}")


class Record(NamedTuple):
    """A message as it was at one moment, for another thread to write down."""

    kind: MessageKind
    state: MessageState
    created: float
    finished: float | None
    name: str
    text: str
    tool: ToolCall | None
    code: str
    delivery: DeliveryState | None
    note: str


def record(entry: Entry) -> Record:
    """Return what is to be written of an entry."""
    return Record(
        entry.kind,
        entry.state,
        entry.created,
        entry.finished,
        entry.name,
        entry.text,
        entry.tool,
        entry.code,
        entry.delivery,
        entry.note,
    )


# -- Markdown -------------------------------------------------------------------------------------


def as_text(message: Record) -> Iterator[str]:
    """Yield one message alone: its Markdown as it was written, or a tool call's data."""
    if message.tool is None:
        yield clean(message.text)
        yield "\n"
    else:
        yield from _markdown(message, None)


def as_markdown(messages: Iterable[Record], zone: tzinfo | None = None) -> Iterator[str]:
    """Yield a conversation as Markdown.

    Args:
        messages: in order.
        zone: the time zone of the times; None for the local one.
    """
    yield "# Conversation\n"
    for message in messages:
        yield "\n"
        yield from _markdown(message, zone)


def _markdown(message: Record, zone: tzinfo | None) -> Iterator[str]:
    facts = [_title(message)]
    if message.finished is not None and message.kind in (MessageKind.REASONING, MessageKind.TOOL):
        facts.append(duration(message.finished - message.created))
    if when := _time(message.created, zone):
        facts.append(when)
    yield f"## {', '.join(facts)}\n\n"
    if message.text:
        yield clean(message.text).strip("\n")
        yield "\n"
    if message.tool is not None:
        yield from _tool(message.tool)
    end = _ENDS.get(message.state, "")
    if message.delivery is not None:
        end = " ".join(filter(None, (_DELIVERIES.get(message.delivery), one_line(message.note))))
    if end:
        yield f"\n*{end}*\n"


def _title(message: Record) -> str:
    if message.tool is not None:
        return f"Tool {_plain(message.tool.name)} ({message.tool.side})"
    if message.kind is MessageKind.ERROR and message.code:
        return f"Error {_plain(message.code)}"
    return _TITLES.get(message.kind, "") or _plain(message.name)


def _plain(name: str) -> str:
    """Return a name that means nothing in Markdown."""
    return re.sub(r"([\\`*_\[\]<>#|&])", r"\\\1", one_line(name, 60))


def _tool(tool: ToolCall) -> Iterator[str]:
    if tool.arguments is not None:
        yield "Arguments:\n\n"
        yield _fenced(formatted_json(tool.arguments, _WHOLE)[0], "json")
    if tool.error is not None:
        yield "\nError:\n\n"
        yield _fenced(tool.error)
    elif tool.result is not None:
        yield "\nResult:\n\n"
        yield _fenced(formatted_json(tool.result, _WHOLE)[0], "json")


def _fenced(text: str, info: str = "") -> str:
    """Return text as a block of code that nothing in it can end (CommonMark 0.31, 4.5)."""
    text = clean(text)
    fence = "`" * max((len(run) + 1 for run in _FENCES.findall(text)), default=3)
    return f"{fence}{info}\n{text}\n{fence}\n"


def _time(at: float, zone: tzinfo | None) -> str:
    try:
        return f"{datetime.fromtimestamp(at, zone):%Y-%m-%d %H:%M}"
    except (OverflowError, ValueError, OSError):
        return ""


# -- JSON -----------------------------------------------------------------------------------------


def as_json(messages: Iterable[Record]) -> Iterator[str]:
    """Yield messages as a JSON array with one object for each; times are in UTC (RFC 3339)."""
    before = "["
    for message in messages:
        yield f"{before}\n  "
        yield _dumps(_object(message))
        before = ","
    yield "[]\n" if before == "[" else "\n]\n"


def _object(message: Record) -> dict[str, Any]:
    found: dict[str, Any] = {"kind": message.kind.value, "state": message.state.value}
    found["created"] = _utc(message.created)
    if message.finished is not None:
        found["finished"] = _utc(message.finished)
    if message.delivery is not None:
        found["delivery"] = message.delivery.value
    if message.note:
        found["note"] = message.note
    if message.code:
        found["code"] = message.code
    if message.tool is None or message.text:
        found["text"] = message.text
    if (tool := message.tool) is not None:
        found["tool"] = {
            "name": tool.name,
            "side": tool.side,
            "arguments": tool.arguments,
            "result": tool.result,
            "error": tool.error,
        }
    return found


def _dumps(value: dict[str, Any]) -> str:
    try:
        text = json.dumps(value, ensure_ascii=False, allow_nan=False)
        return text if is_clean(text) else json.dumps(value)
    except (TypeError, ValueError, RecursionError):
        # Too deep, a number too long for Python to write, or nothing that JSON has a form for.
        return json.dumps({"shortened": formatted_json(value, _WHOLE)[0]})


def _utc(at: float) -> str | None:
    try:
        return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds")
    except (OverflowError, ValueError, OSError):
        return None
