"""What a frame from the server says about the messages that were sent to it. Pure.

A server that knows message ids says which message it means. Of any other one, runs come one after
the other, so a frame is about the oldest message whose run has not ended.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto
from typing import Any, Final

from msgspec import UNSET

from tui_chat.protocol.codec import error_text
from tui_chat.protocol.http import MAX_RETRY_AFTER
from tui_chat.protocol.server_frames import (
    ChatError,
    ChatEventFrame,
    ChatFinished,
    ErrorDetails,
    ErrorFrame,
    MessagesPersisted,
    ServerFrame,
    ThreadCreated,
    ToolCallRequest,
    UiComponent,
)
from tui_chat.text import one_line

__all__ = ["Evidence", "Sign", "evidence"]

_PERMANENT: Final = frozenset(
    {"MESSAGE_TOO_LONG", "TOO_MANY_FILES", "INVALID_MESSAGE_ID", "TOO_LARGE"}
)
"""Codes of refusals that a repeat would meet again."""


class Sign(Enum):
    """What a frame shows."""

    WORKING = auto()
    """The server is working on the message."""
    ENDED = auto()
    """Its run has ended, well or not."""
    PERSISTED = auto()
    """Question and answer are stored."""
    REFUSED = auto()
    """It was not taken, and would not be the next time."""
    LATER = auto()
    """It was not taken now."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """What one frame says about one message.

    Attributes:
        sign: what it shows.
        item_id: the message it names; empty where it names none.
        note: the server's reason, cleaned and bounded.
        wait: seconds the server asks to wait before the next try, clamped; None if it does not.
        thread: the thread it names; empty where it names none.
    """

    sign: Sign
    item_id: str = ""
    note: str = ""
    wait: float | None = None
    thread: str = ""


_WORKING: Final = Evidence(Sign.WORKING)


def evidence(frame: ServerFrame) -> Evidence | None:
    """Return what a frame says about a message, None if it says nothing."""
    match frame:
        case ChatEventFrame() | ToolCallRequest() | UiComponent():
            return _WORKING
        case ThreadCreated(data):
            return Evidence(Sign.WORKING, _id(data))
        case ChatFinished(data=data):
            return Evidence(Sign.ENDED, _id(data))
        case MessagesPersisted(data):
            thread = getattr(data, "providerResId", UNSET) if data else UNSET
            named = thread if isinstance(thread, str) else ""
            return Evidence(Sign.PERSISTED, _id(data), thread=named)
        case ChatError(data=data):
            return Evidence(Sign.ENDED, _details(data).get("clientMessageId", ""))
        case ErrorFrame(error, data):
            return _refusal(error, data)
        case _:
            return None


def _refusal(error: Any, data: Any) -> Evidence | None:
    """An ``error`` frame is about a message only where it names it."""
    details = _details(data)
    if not (item_id := details.get("clientMessageId", "")):
        return None
    code = one_line(data.errorCode, 64) if data.errorCode is not UNSET else ""
    note = error_text(error, limit=200) or code
    if code in _PERMANENT:
        return Evidence(Sign.REFUSED, item_id, note)
    wait = details.get("retryAfter")
    if isinstance(wait, bool) or not isinstance(wait, int | float) or not 0 <= wait < float("inf"):
        return Evidence(Sign.LATER, item_id, note)
    return Evidence(Sign.LATER, item_id, note, min(float(wait), MAX_RETRY_AFTER))


def _id(data: Any) -> str:
    found = getattr(data, "clientMessageId", UNSET) if data else UNSET
    return found if isinstance(found, str) else ""


def _details(data: Any) -> dict[str, Any]:
    if not isinstance(data, ErrorDetails) or not isinstance(data.details, dict):
        return {}
    details = dict(data.details)
    if not isinstance(details.get("clientMessageId", ""), str):
        del details["clientMessageId"]
    return details
