"""The bodies of the HTTP calls: tickets and their validation.

The lenient reading of error answers lives here too, because servers differ most in those.
"""

from __future__ import annotations

import math
from typing import Any, Final, Literal

import msgspec
from msgspec import UNSET, Struct, UnsetType

from tui_chat.protocol.codec import error_text
from tui_chat.protocol.timestamps import parse_http_date
from tui_chat.text import one_line

__all__ = [
    "MAX_UPLOADS_PER_MESSAGE",
    "MAX_UPLOAD_BYTES",
    "UPLOAD_FOLDER",
    "AgentConfiguration",
    "AgentConfigurationAnswer",
    "ClientInfo",
    "EntityType",
    "ErrorAnswer",
    "RevocationRequest",
    "TicketAnswer",
    "TicketRequest",
    "Upload",
    "ValidationAnswer",
    "ValidationDetails",
    "ValidationRequest",
    "read_error",
    "read_retry_after",
]

UPLOAD_FOLDER: Final = "chat-uploads"
"""Where uploads go unless the caller says otherwise."""
MAX_UPLOAD_BYTES: Final = 15 * 1024 * 1024
"""Bytes of one file; the protocol's default, which servers may change."""
MAX_UPLOADS_PER_MESSAGE: Final = 5
"""Files of one message; the protocol's default."""

MAX_RETRY_AFTER: Final = 900.0
"""Seconds; a server that asks for more is hostile or broken."""

EntityType = Literal["BRAND", "ACCOUNT", "USER"]


class ClientInfo(Struct, frozen=True):
    """Who asks for a ticket, and when by its own clock."""

    userAgent: str
    timestamp: str


class TicketRequest(Struct, frozen=True):
    """``POST /api/v1/tickets``; keys in this order."""

    entityId: str | UnsetType = UNSET
    entityType: str | UnsetType = UNSET
    providerResId: str | UnsetType = UNSET
    clientInfo: ClientInfo | UnsetType = UNSET
    userId: str | UnsetType = UNSET


class TicketAnswer(Struct, frozen=True):
    """The answer with a ticket; ``expiresAt`` is ISO 8601 by the server's clock."""

    success: bool
    ticket: str = ""
    expiresAt: str = ""


class ValidationRequest(Struct, frozen=True):
    """``POST /api/v1/tickets/validate``."""

    ticket: str
    entityId: str | UnsetType = UNSET
    entityType: str | UnsetType = UNSET


class RevocationRequest(Struct, frozen=True):
    """``DELETE /api/v1/tickets``, where the server announces ``ticket_revoke``."""

    ticket: str


class Upload(Struct, frozen=True):
    """A file the server has taken.

    Attributes:
        url: where the server keeps it.
        cdnUrl: where it can be fetched faster, if anywhere.
    """

    url: str
    cdnUrl: str | UnsetType = UNSET

    @property
    def media_url(self) -> str:
        """What goes into a chat message's ``media``."""
        return self.url if self.cdnUrl is UNSET or not self.cdnUrl else self.cdnUrl


class AgentConfiguration(Struct, frozen=True):
    """Which agent answers.

    Attributes:
        app: the application the agent belongs to.
        promptPath: which of its prompts is used.
        versionUuid: which version of that prompt.
        isDefault: whether nobody has chosen anything else.
    """

    app: str
    promptPath: str
    versionUuid: str
    isDefault: bool = False


class AgentConfigurationAnswer(Struct, frozen=True):
    """The answer to ``GET`` and ``PUT /api/v1/agent-configuration``."""

    success: bool
    configuration: AgentConfiguration


class ValidationDetails(Struct, frozen=True):
    """Why a ticket is not valid."""

    expired: bool | UnsetType = UNSET
    revoked: bool | UnsetType = UNSET
    invalid: bool | UnsetType = UNSET
    reason: str | UnsetType = UNSET


class ValidationAnswer(Struct, frozen=True):
    """What the server thinks of a ticket right now."""

    valid: bool
    error: Any = UNSET
    code: str | UnsetType = UNSET
    details: ValidationDetails | UnsetType = UNSET


class ErrorAnswer(Struct, frozen=True):
    """What could be read of an error answer.

    Attributes:
        text: a sentence for people, cleaned and bounded; empty when the body held none.
        code: the server's machine-readable code; empty when the body held none.
    """

    text: str = ""
    code: str = ""


def read_error(body: bytes) -> ErrorAnswer:
    """Read an error body, whatever it is: our JSON, somebody else's, HTML, or nothing.

    HTML and plain text say nothing a user can act on, so they give an empty text.
    """
    try:
        value = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return ErrorAnswer()
    if not isinstance(value, dict):
        return ErrorAnswer(text=error_text(value))
    code = value.get("code")
    nested = value.get("error")
    if not isinstance(code, str) and isinstance(nested, dict):
        code = nested.get("code")
    return ErrorAnswer(
        text=error_text(value.get("error") or value.get("detail") or value.get("message")),
        code=one_line(code, 64) if isinstance(code, str) else "",
    )


def read_retry_after(value: str | None, now: float) -> float | None:
    """Return a ``Retry-After`` (RFC 9110 section 10.2.3) in seconds, from 0 to 15 minutes.

    Args:
        value: the header, seconds or an HTTP date; None or nonsense gives None.
        now: epoch seconds, the server's clock where it is known, against which a date is read.
    """
    text = (value or "").strip()
    if not text or len(text) > 64:
        return None
    try:
        seconds = float(text)
    except ValueError:
        moment = parse_http_date(text)
        if moment is None:
            return None
        seconds = max(moment - now, 0.0)  # a moment that has passed asks for nothing more
    if math.isnan(seconds) or seconds < 0:
        return None
    return min(seconds, MAX_RETRY_AFTER)
