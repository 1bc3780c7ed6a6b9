"""The answer of ``GET /api/v1/messages/query``: what a server keeps of a thread.

Read as leniently as the frames: an entry that cannot be understood costs itself and is counted.
Texts are taken over as they are, like those of the frames; who shows them cleans them.
"""

from __future__ import annotations

import json
from typing import Any, Final, Literal, TypeVar

import msgspec
from msgspec import Raw, Struct

from tui_chat.text import one_line

__all__ = ["MESSAGES_PATH", "HistoryMessage", "HistoryPage", "HistoryTool", "read_history"]

MESSAGES_PATH: Final = "/api/v1/messages/query"

MAX_ENTRIES: Final = 10_000
"""Entries of one page that are read, the latest ones; further ones are counted as skipped."""
MAX_ID: Final = 1_000
"""Characters of an id. A longer one is not used, like a thread's name of that length."""
MAX_NAME: Final = 100
"""Characters of a tool's name, as in the conversation."""
MAX_TIMESTAMP: Final = 64
"""Characters of a time; ISO 8601 has less than half of that."""
MAX_MEDIA: Final = 100
"""Attachments of one message."""
MAX_URL: Final = 8_192
"""Characters of an attachment's URL."""

HistoryRole = Literal["user", "assistant", "system", "reasoning", "tooling", "ui-component"]
ToolStatus = Literal["processing", "completed", "error"]

_ROLES: Final[dict[str, HistoryRole]] = {
    "user": "user",
    "assistant": "assistant",
    "system": "system",
    "reasoning": "reasoning",
    "tooling": "tooling",
    "ui-component": "ui-component",
}
_STATUSES: Final[dict[str, ToolStatus]] = {
    "processing": "processing",
    "completed": "completed",
    "error": "error",
}
Value = TypeVar("Value")


class HistoryTool(Struct, frozen=True):
    """What an entry of role ``tooling`` is about.

    Attributes:
        tool_name: the tool's name, cleaned and bounded.
        call_id: the server's id of the call, as it came.
        parameters: JSON value it was called with; None where the server does not say.
        result: JSON value it returned; for ``status="error"`` what the server says went wrong.
        status: ``completed`` unless the server says otherwise.
    """

    tool_name: str
    call_id: str
    parameters: Any = None
    result: Any = None
    status: ToolStatus = "completed"


class HistoryMessage(Struct, frozen=True):
    """One entry of a thread.

    Attributes:
        id: the server's; empty if it gave none that can be used.
        role: who speaks, or what it is.
        content: the text, as it came.
        timestamp: when, in the server's words; bounded, not checked.
        media: URLs of attachments.
        tool: the call, for entries of role ``tooling``.
        client_message_id: the id the message was sent with; empty where the server keeps none.
    """

    id: str
    role: HistoryRole
    content: str = ""
    timestamp: str = ""
    media: tuple[str, ...] = ()
    tool: HistoryTool | None = None
    client_message_id: str = ""


class HistoryPage(Struct, frozen=True):
    """A piece of a thread, oldest entry first.

    Attributes:
        messages: the entries that could be read.
        provider_res_id: which thread the server says it is; None if it does not say.
        thread_id: the server's own id of it.
        skipped: entries that could not be read, or are of no use.
    """

    messages: tuple[HistoryMessage, ...] = ()
    provider_res_id: str | None = None
    thread_id: str | None = None
    skipped: int = 0


class _Answer(Struct):
    """The answer with its entries unread. What is not a list of messages is no history."""

    messages: list[Raw]
    providerResId: Any = None  # noqa: N815 - the wire's name
    threadId: Any = None  # noqa: N815 - the wire's name
    success: Any = True


class _Entry(Struct, rename="camel"):
    """One entry, each field whatever it is."""

    role: Any = None
    id: Any = None
    content: Any = None
    timestamp: Any = None
    media: Any = None
    tool_data: Any = None
    client_message_id: Any = None


_answer: Final = msgspec.json.Decoder(_Answer)
_entry: Final = msgspec.json.Decoder(_Entry)


def read_history(body: bytes) -> HistoryPage:
    """Return what a history answer holds.

    Raises:
        ValueError: if it is not such an answer.
    """
    try:
        answer = _decode(body, _answer, _Answer)
    except RecursionError:
        raise ValueError("the JSON is nested too deeply") from None
    if answer.success is False:
        raise ValueError("the server reports a failure")
    entries = answer.messages[-MAX_ENTRIES:]
    read = [message for message in map(_read, entries) if message is not None]
    return HistoryPage(
        tuple(read),
        _identifier(answer.providerResId) or None,
        _identifier(answer.threadId) or None,
        len(answer.messages) - len(read),
    )


def _decode(data: bytes | Raw, decoder: msgspec.json.Decoder[Value], kind: type[Value]) -> Value:
    """Decode JSON, half surrogate pairs included, which servers that cut text by UTF-16 send."""
    try:
        return decoder.decode(data)
    except msgspec.ValidationError:
        raise
    except msgspec.DecodeError:
        if b"\\ud" not in bytes(data).lower():
            raise
        value = json.loads(bytes(data))
        if kind is _Answer and isinstance(value, dict) and isinstance(value.get("messages"), list):
            value["messages"] = [Raw(json.dumps(entry).encode()) for entry in value["messages"]]
        return msgspec.convert(value, kind)


def _read(raw: Raw) -> HistoryMessage | None:
    try:
        entry = _decode(raw, _entry, _Entry)
    except (ValueError, RecursionError):
        return None
    role = _ROLES.get(entry.role) if isinstance(entry.role, str) else None
    if role is None:
        return None
    tool = _tool(entry.tool_data) if role == "tooling" else None
    if role == "tooling" and tool is None:
        return None
    if entry.content is not None and not isinstance(entry.content, str):
        return None
    return HistoryMessage(
        _identifier(entry.id),
        role,
        entry.content or "",
        entry.timestamp[:MAX_TIMESTAMP] if isinstance(entry.timestamp, str) else "",
        _media(entry.media),
        tool,
        _identifier(entry.client_message_id),
    )


def _tool(data: Any) -> HistoryTool | None:
    """Read ``toolData``; a call without id or name is no call (the protocol's rule)."""
    if not isinstance(data, dict):
        return None
    call_id, name = _identifier(data.get("callId")), data.get("toolName")
    name = one_line(name, MAX_NAME) if isinstance(name, str) else ""
    if not call_id or not name:
        return None
    status = data.get("status")
    return HistoryTool(
        name,
        call_id,
        data.get("parameters"),
        data.get("result"),
        _STATUSES.get(status, "completed") if isinstance(status, str) else "completed",
    )


def _media(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list):
        return ()
    return tuple(url for url in value[:MAX_MEDIA] if isinstance(url, str) and len(url) <= MAX_URL)


def _identifier(value: Any) -> str:
    """Return an id as text; some databases number their rows."""
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value) if abs(value) < 1 << 64 else ""
    return value if isinstance(value, str) and len(value) <= MAX_ID else ""
