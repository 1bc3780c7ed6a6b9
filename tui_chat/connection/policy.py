"""From what happened to what to do about it. Pure: the whole close-code table is here.

What the server *said* decides: an ``authentication_error`` frame, or the code in the body of a
refused handshake, counts more than a status or a close code.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from tui_chat.connection.backoff import Failure
from tui_chat.errors import (
    AuthLoop,
    ConfigurationError,
    ConnectionClosed,
    CredentialsRejected,
    HandshakeRejected,
    NetworkError,
    ProtocolError,
    RateLimited,
    RequestRejected,
    ServerError,
    TicketRejected,
    TicketRejection,
    TuiChatError,
)
from tui_chat.ticket.failures import clamped_retry_after

__all__ = [
    "Verdict",
    "authentication_failure",
    "close_error",
    "half_open",
    "handshake_error",
    "judge",
]

Action = Literal["backoff", "pause", "new_ticket", "fail"]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What to do after an attempt or a connection has ended.

    Attributes:
        action: ``"backoff"`` and try again; ``"pause"`` for as long as the server asked;
            ``"new_ticket"``: the ticket is dead, try a different one; ``"fail"``: only the user
            can help.
        failure: which speed of backoff applies.
        pause: seconds the server asked to stay away, for ``"pause"``.
        strike: a failure that may pass but must not repeat for ever; three in a row fail.
    """

    action: Action
    failure: Failure = "server"
    pause: float = 0.0
    strike: bool = False


_TICKET_REASONS: Final[dict[str, TicketRejection]] = {
    "TICKET_INVALID": "invalid",
    "TICKET_EXPIRED": "expired",
    "TICKET_USED": "used",
}
_CREDENTIAL_CODES: Final = frozenset(
    {"AUTH_INVALID", "AUTH_MISSING", "SERVER_KEY_INVALID", "USER_NOT_FOUND"}
)
# Close codes, RFC 6455 section 7.4 and the IANA registry. 3000 and 3003 are registered for HTTP
# 401 and 403; 4401 and 4403 are what servers used before that.
_TICKET_CLOSES: Final = frozenset({1008, 3000, 4401})
_CREDENTIAL_CLOSES: Final = frozenset({3003, 4403})
_STRIKE_CLOSES: Final = frozenset({1002, 1003, 1007, 1009, 1010})
_RESTART_CLOSES: Final = frozenset({1012, 1013})
_CLOSE_WORDS: Final = {
    1000: "ended the connection",
    1001: "is going away",
    1002: "reports a protocol error",
    1003: "cannot accept this kind of data",
    1005: "ended the connection without saying why",
    1006: "is gone: the connection broke off",
    1007: "received text it cannot read",
    1009: "says that a message was too big",
    1010: "misses a protocol extension",
    1011: "ran into an error of its own",
    1012: "is restarting",
    1013: "is overloaded and asks to come back later",
    1014: "got a bad answer from behind it",
}
# Request timeout, too early, and what proxies and servers answer while something is down.
TRANSIENT_STATUSES: Final = frozenset({408, 425, 500, 502, 503, 504})


def authentication_failure(
    text: str, code: str, *, status: int | None = None, close: int | None = None
) -> TuiChatError:
    """Return the error for a refusal that is about the ticket or the credentials.

    Args:
        text: the server's sentence, cleaned; may be empty.
        code: the server's code; decides if it is known.
        status: the HTTP status, if it came at the handshake; a bare 403 means the credentials.
        close: the close code, if that is all there is.
    """
    detail = f" ({text})" if text else ""
    credentials = code in _CREDENTIAL_CODES or (
        code not in _TICKET_REASONS and (status == 403 or close in _CREDENTIAL_CLOSES)
    )
    if credentials:
        return CredentialsRejected(
            f"The server does not accept the credentials{detail}.",
            advice="Sign in again with a valid token and server key.",
            status=status,
            code=code or None,
        )
    reason = _TICKET_REASONS.get(code, "invalid")
    words = {"invalid": "is not valid", "expired": "has expired", "used": "was already used"}
    return TicketRejected(
        f"The server says that the ticket {words[reason]}{detail}.",
        reason=reason,
        code=code or None,
    )


def handshake_error(
    status: int, text: str, code: str, *, retry_after: float | None = None
) -> TuiChatError:
    """Return the error for a WebSocket upgrade that was answered with an HTTP status."""
    if status in (401, 403) or code in _TICKET_REASONS or code in _CREDENTIAL_CODES:
        return authentication_failure(text, code, status=status)
    detail = f": {text.rstrip('.')}" if text else ""
    if status == 429:
        return RateLimited(
            f"The server limits how often one may connect{detail}.",
            retry_after=retry_after,
            code=code or None,
        )
    if status in TRANSIENT_STATUSES or status >= 500:
        return ServerError(
            f"The server cannot take the connection right now (HTTP {status}{detail}).",
            status=status,
            retry_after=retry_after,
            code=code or None,
        )
    return HandshakeRejected(
        f"The server does not open a WebSocket here (HTTP {status}{detail}).",
        advice="Check the server URL.",
        status=status,
        code=code or None,
    )


def close_error(
    close_code: int, reason: str, initiator: Literal["server", "client", "network"]
) -> TuiChatError:
    """Return the error for a connection that ended with this close code."""
    if initiator == "server" and close_code in _TICKET_CLOSES | _CREDENTIAL_CLOSES:
        return authentication_failure(reason, "", close=close_code)
    detail = f": {reason}" if reason else ""
    who = "This client" if initiator == "client" else "The server"
    words = _CLOSE_WORDS.get(close_code, "ended the connection")
    return ConnectionClosed(
        f"{who} {words} (close code {close_code}{detail}).",
        close_code=close_code,
        reason=reason,
        initiator=initiator,
    )


def half_open() -> ConnectionClosed:
    """Return the error for a connection that seems open and on which nothing arrives any more."""
    return ConnectionClosed(
        "The connection was dead although it seemed open: no sign of life came from the server.",
        close_code=1006,
        reason="no sign of life",
        code="HALF_OPEN",
    )


def _asked_to_wait(error: AuthLoop | RateLimited | ServerError) -> float | None:
    # Clamped here too: a source of tickets may be somebody else's code and say anything.
    return clamped_retry_after(error.retry_after)


def judge(error: TuiChatError) -> Verdict:
    """Return what to do about an error, by its type, status and code alone."""
    match error:
        case TicketRejected():
            return Verdict("new_ticket")
        case CredentialsRejected() | ConfigurationError() | RequestRejected():
            return Verdict("fail")
        case AuthLoop() | RateLimited() | ServerError() if wait := _asked_to_wait(error):
            return Verdict("pause", pause=wait)
        case ConnectionClosed(close_code=code) if code in _RESTART_CLOSES:
            return Verdict("backoff", "restarting")
        case ConnectionClosed(close_code=code) if code in _STRIKE_CLOSES:
            return Verdict("backoff", strike=True)
        case HandshakeRejected() | ProtocolError():
            return Verdict("backoff", strike=True)
        case NetworkError(reached=False):
            return Verdict("backoff", "nobody")
        case _:
            return Verdict("backoff")
