"""From an HTTP answer of the ticket API to a grant, or to the error it amounts to.

Classification looks at status, the body's ``code`` and nothing else; text is only ever shown.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import msgspec

from tui_chat.errors import (
    CredentialsRejected,
    RateLimited,
    RequestRejected,
    ServerError,
    TicketUnusable,
    TuiChatError,
)
from tui_chat.protocol import http
from tui_chat.protocol.http import ErrorAnswer, read_error
from tui_chat.protocol.timestamps import parse_http_date, parse_timestamp
from tui_chat.protocol.urls import ServerUrl
from tui_chat.secret import MASK, Secret
from tui_chat.text import one_line
from tui_chat.ticket.auth import TicketGrant
from tui_chat.ticket.validation import TicketValidation

__all__ = ["Answer", "read_grant", "read_retry_after", "read_validation"]

_CREDENTIAL_CODES: Final = frozenset({"AUTH_INVALID", "AUTH_MISSING", "SERVER_KEY_INVALID"})
_FINAL_CODES: Final = frozenset({"USER_NOT_FOUND"})
_SHORTEST_MASKED: Final = 4
"""Characters; masking every occurrence of something shorter would garble the text."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back, bounded.

    Attributes:
        server: who was asked.
        status: the HTTP status.
        body: the decoded body.
        date: the ``Date`` header, None without one.
        retry_after: the ``Retry-After`` header, None without one.
        location: the ``Location`` header, None without one.
        sent_wall: this machine's wall clock when the request was sent.
        secrets: what must not appear in any text, should the server echo it.
    """

    server: ServerUrl
    status: int
    body: bytes
    date: str | None
    retry_after: str | None
    location: str | None
    sent_wall: float
    secrets: tuple[Secret, ...]

    def __repr__(self) -> str:
        return f"Answer(status={self.status}, bytes={len(self.body)})"

    @property
    def server_time(self) -> float | None:
        """The server's clock as it said, epoch seconds."""
        return parse_http_date(self.date)

    def error(self) -> ErrorAnswer:
        """Return what the body says for people and machines, secrets in it masked."""
        body = self.body
        values = [s.reveal() for s in self.secrets if len(s) >= _SHORTEST_MASKED]
        for value in values:
            body = body.replace(value.encode("utf-8", "surrogatepass"), MASK.encode())
        read = read_error(body)
        text, code = read.text, read.code
        for value in values:  # again, for those that were escaped in the JSON
            text, code = text.replace(value, MASK), code.replace(value, MASK)
        return ErrorAnswer(text=text, code=code)


def read_grant(answer: Answer, request_id: str | None) -> TicketGrant:
    """Return what ``POST /api/v1/tickets`` granted.

    Raises:
        TuiChatError: of the class that says what to do about it.
    """
    body = _object(answer)
    if body is None or answer.status >= 300 or body.get("success", True) is not True:
        raise _failure(answer, speaks_api=body is not None)
    if not {"success", "ticket", "expiresAt"} & body.keys():
        raise _no_ticket_api(answer)
    ticket, expires = body.get("ticket"), body.get("expiresAt")
    if not isinstance(ticket, str) or not ticket:
        raise TicketUnusable("The server says it made a ticket, but sent none.", code="NO_TICKET")
    try:
        ticket.encode("utf-8")  # a lone surrogate cannot be sent
        expires_at = parse_timestamp(expires if isinstance(expires, str) else "")
    except ValueError:
        raise TicketUnusable(
            "The server sent a ticket whose expiry cannot be read.", code="TICKET_MALFORMED"
        ) from None
    return TicketGrant(Secret(ticket), expires_at, answer.server_time, request_id)


def read_validation(answer: Answer) -> TicketValidation:
    """Return what ``POST /api/v1/tickets/validate`` said.

    Raises:
        TuiChatError: if the call itself failed.
    """
    body = _object(answer)
    if body is None or answer.status >= 300:
        raise _failure(answer, speaks_api=body is not None)
    valid = body.get("valid")
    if not isinstance(valid, bool):
        raise _no_ticket_api(answer)
    details = body.get("details")
    if not isinstance(details, dict):
        details = {}
    error = answer.error()
    return TicketValidation(
        valid=valid,
        code=error.code,
        reason=error.text or _plain(details.get("reason"), answer),
        expired=_flag(details.get("expired")),
        revoked=_flag(details.get("revoked")),
    )


def read_retry_after(answer: Answer) -> float | None:
    """Return the seconds of ``Retry-After``, a number or an HTTP date, clamped; None without.

    A date is read against the server's own clock where that is known.
    """
    now = answer.server_time
    return http.read_retry_after(answer.retry_after, answer.sent_wall if now is None else now)


def _object(answer: Answer) -> dict[str, Any] | None:
    try:
        value = msgspec.json.decode(answer.body)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _failure(answer: Answer, *, speaks_api: bool) -> TuiChatError:
    """Return the error that an answer without a ticket amounts to."""
    status, said = answer.status, answer.error()
    code = said.code or None
    what = _what(status, said)
    about_a_ticket = said.code.startswith("TICKET_")
    if status in (401, 403) and not about_a_ticket:
        return _credentials(what, status, code)
    if status == 429:
        return _rate_limited(answer, what, code)
    if about_a_ticket or status in (408, 425) or status >= 500:
        # A TICKET_ code belongs to a handshake; here it means that the server is confused.
        retry_after = read_retry_after(answer) if status == 503 else None
        return ServerError(
            f"The ticket server cannot serve the request right now ({what}).",
            status=status,
            retry_after=retry_after,
            code=code,
        )
    if 300 <= status < 400:
        return RequestRejected(
            f"{answer.server} sends ticket requests elsewhere{_target(answer)} ({what}).",
            advice="Redirects are not followed, because credentials would go along. Set the server "
            "URL to the right address.",
            status=status,
            code=code or "REDIRECT",
        )
    if not speaks_api:
        return _no_ticket_api(answer)
    if status >= 400:
        return RequestRejected(
            f"The ticket server refuses the request ({what}).", status=status, code=code
        )
    return _failure_with_success_status(answer, said, what)


def _failure_with_success_status(answer: Answer, said: ErrorAnswer, what: str) -> TuiChatError:
    """A body that says ``success: false`` under a 2xx status: only its code tells."""
    code = said.code or None
    if said.code in _CREDENTIAL_CODES:
        return _credentials(what, answer.status, code)
    if said.code == "RATE_LIMITED":
        return _rate_limited(answer, what, code)
    if said.code in _FINAL_CODES:
        return RequestRejected(
            f"The ticket server refuses the request ({what}).", status=answer.status, code=code
        )
    return ServerError(
        f"The ticket server gave no ticket ({what}).", status=answer.status, code=code
    )


def _credentials(what: str, status: int, code: str | None) -> CredentialsRejected:
    which = {
        "SERVER_KEY_INVALID": "the server key",
        "AUTH_INVALID": "the token",
        "AUTH_MISSING": "the token",
    }.get(code or "", "the token or the server key")
    return CredentialsRejected(
        f"The server does not accept {which} ({what}).",
        advice="Give new credentials.",
        status=status,
        code=code,
    )


def _rate_limited(answer: Answer, what: str, code: str | None) -> RateLimited:
    seconds = read_retry_after(answer)
    when = "" if seconds is None else f" It asks to wait {seconds:.0f} s."
    return RateLimited(
        f"The server got too many ticket requests ({what}).{when}", retry_after=seconds, code=code
    )


def _no_ticket_api(answer: Answer) -> RequestRejected:
    return RequestRejected(
        f"{answer.server} answers ({answer.status}), but speaks no ticket API: the answer is not "
        "what a chat server sends.",
        advice="Check the server URL; a proxy or a sign-in page of the network may be in the way.",
        status=answer.status,
        code="NO_TICKET_API",
    )


def _what(status: int, said: ErrorAnswer) -> str:
    return (
        f"{status}"
        + (f" {said.code}" if said.code else "")
        + (f": {said.text.rstrip('.')}" if said.text else "")
    )


def _target(answer: Answer) -> str:
    """Name the origin a redirect points to; the rest of a URL may hold anything."""
    try:
        origin = ServerUrl.parse(answer.location or "").origin
    except TuiChatError:
        return ""
    return f", to {one_line(origin, 100)}"


def _flag(value: Any) -> bool | None:
    return value if isinstance(value, bool) else None


def _plain(value: Any, answer: Answer) -> str:
    if not isinstance(value, str):
        return ""
    for secret in answer.secrets:
        if len(secret) >= _SHORTEST_MASKED:
            value = value.replace(secret.reveal(), MASK)
    return one_line(value)
