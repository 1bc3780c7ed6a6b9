"""Every failure the client library can report.

Each error carries three things: a sentence for people (``str(error)``), a stable ``code`` for
machines, and ``retryable``, which says whether trying the same thing again can help. The
underlying exception, if any, is chained with ``raise ... from``. Classification happens by type,
HTTP status and server code only, never by searching message text.

Messages never contain a ticket, token or key; text that came from a server has been bounded and
cleaned with :func:`tui_chat.text.one_line` before it gets here.
"""

from __future__ import annotations

from typing import ClassVar, Literal

__all__ = [
    "AuthLoop",
    "ClientClosed",
    "ConfigurationError",
    "ConnectionClosed",
    "ConversationBusy",
    "CredentialsRejected",
    "DeliveryUnknown",
    "HandshakeRejected",
    "MessageRefused",
    "NetworkError",
    "NoSuchMessage",
    "NotConnected",
    "OutboxFull",
    "PoolFull",
    "ProtocolError",
    "RateLimited",
    "RequestRejected",
    "RequestTimeout",
    "ServerError",
    "SessionTimeout",
    "StorageError",
    "TicketCleared",
    "TicketRejected",
    "TicketRejection",
    "TicketUnusable",
    "TransientError",
    "TuiChatError",
]

TicketRejection = Literal["invalid", "expired", "used"]


class TuiChatError(Exception):
    """Base of all errors of this library.

    Args:
        sentence: for people: what happened and what it means.
        advice: what to do about it, if anything can be done.
        code: overrides the class's machine-readable code, for instance with the server's own.
    """

    code: str = "ERROR"
    retryable: ClassVar[bool] = False

    def __init__(self, sentence: str, *, advice: str = "", code: str | None = None) -> None:
        super().__init__(f"{sentence} {advice}" if advice else sentence)
        self.sentence = sentence
        self.advice = advice
        if code is not None:
            self.code = code


class ConfigurationError(TuiChatError):
    """A setting or argument cannot be used as given (a URL, a limit, a file)."""

    code = "CONFIGURATION"


# -- transient: trying again can help -------------------------------------------------------------


class TransientError(TuiChatError):
    """Something that may well work a moment later."""

    code = "TRANSIENT"
    retryable = True


class NetworkError(TransientError):
    """No connection: name not resolved, refused, unreachable, TLS or a proxy in the way.

    Attributes:
        reached: whether somebody was reached, whom a next try would cost something.
    """

    code = "NETWORK"

    def __init__(
        self, sentence: str, *, advice: str = "", reached: bool = False, code: str | None = None
    ) -> None:
        super().__init__(sentence, advice=advice, code=code)
        self.reached = reached


class RequestTimeout(TransientError):
    """The server was reached but did not finish answering in time."""

    code = "TIMEOUT"


class ServerError(TransientError):
    """The server answered that it cannot serve the request right now (408, 425, 5xx).

    Attributes:
        status: the HTTP status, or None when the failure was reported inside a frame.
        retry_after: seconds the server asked to wait, clamped; None if it did not ask.
    """

    code = "SERVER_ERROR"

    def __init__(
        self,
        sentence: str,
        *,
        advice: str = "",
        status: int | None = None,
        retry_after: float | None = None,
        code: str | None = None,
    ) -> None:
        super().__init__(sentence, advice=advice, code=code)
        self.status = status
        self.retry_after = retry_after


class RateLimited(TransientError):
    """Too many requests (429), by the server or by this client's own limits.

    Attributes:
        retry_after: seconds to wait, already clamped; None when the server gave no time.
    """

    code = "RATE_LIMITED"

    def __init__(
        self,
        sentence: str,
        *,
        advice: str = "",
        retry_after: float | None = None,
        code: str | None = None,
    ) -> None:
        super().__init__(sentence, advice=advice, code=code)
        self.retry_after = retry_after


# -- tickets and credentials ----------------------------------------------------------------------


class RequestRejected(TuiChatError):
    """The server understood the request and refuses it for good.

    A 4xx that is not about credentials, or an answer of something that does not speak this API.

    Attributes:
        status: the HTTP status.
    """

    code = "REQUEST_REJECTED"

    def __init__(
        self, sentence: str, *, advice: str = "", status: int, code: str | None = None
    ) -> None:
        super().__init__(sentence, advice=advice, code=code)
        self.status = status


class TicketRejected(TuiChatError):
    """The server refused this ticket at the handshake; a different one may be accepted.

    Attributes:
        reason: ``"invalid"``, ``"expired"`` or ``"used"``.
    """

    code = "TICKET_REJECTED"
    retryable = True

    def __init__(
        self,
        sentence: str,
        *,
        advice: str = "",
        reason: TicketRejection = "invalid",
        code: str | None = None,
    ) -> None:
        super().__init__(sentence, advice=advice, code=code)
        self.reason: TicketRejection = reason


class TicketUnusable(TuiChatError):
    """A ticket arrived that cannot be used: expired, inside its safety buffer, or unreadable.

    Attributes:
        remaining: seconds it had to live when it arrived, negative if none; None if unreadable.
        by_server_clock: whether that was reckoned by the server's own clock rather than by this
            machine's.
    """

    code = "TICKET_UNUSABLE"
    retryable = True

    def __init__(
        self,
        sentence: str,
        *,
        advice: str = "",
        remaining: float | None = None,
        by_server_clock: bool = True,
        code: str | None = None,
    ) -> None:
        super().__init__(sentence, advice=advice, code=code)
        self.remaining = remaining
        self.by_server_clock = by_server_clock


class TicketCleared(TuiChatError):
    """The ticket was cleared while it was being fetched; the result was thrown away."""

    code = "TICKET_CLEARED"


class CredentialsRejected(TuiChatError):
    """The server does not accept the token or the server key; new ones are needed.

    Attributes:
        status: the HTTP status, or None when the refusal came in a frame.
    """

    code = "AUTH_INVALID"

    def __init__(
        self, sentence: str, *, advice: str = "", status: int | None = None, code: str | None = None
    ) -> None:
        super().__init__(sentence, advice=advice, code=code)
        self.status = status


class AuthLoop(TuiChatError):
    """Several fresh tickets in a row were refused; the circuit is open for a while.

    Attributes:
        retry_after: seconds until the next attempt is allowed.
    """

    code = "AUTH_LOOP"
    retryable = True

    def __init__(
        self,
        sentence: str,
        *,
        advice: str = "",
        retry_after: float | None = None,
        code: str | None = None,
    ) -> None:
        super().__init__(sentence, advice=advice, code=code)
        self.retry_after = retry_after


# -- the connection -------------------------------------------------------------------------------


class HandshakeRejected(TuiChatError):
    """The WebSocket upgrade was answered with a status that is not about the ticket.

    Attributes:
        status: the HTTP status.
    """

    code = "HANDSHAKE_REJECTED"
    retryable = True

    def __init__(
        self, sentence: str, *, advice: str = "", status: int, code: str | None = None
    ) -> None:
        super().__init__(sentence, advice=advice, code=code)
        self.status = status


class SessionTimeout(TransientError):
    """The socket opened but the session did not become ready in time."""

    code = "SESSION_TIMEOUT"


class ProtocolError(TransientError):
    """The other side broke the WebSocket or HTTP protocol."""

    code = "PROTOCOL"


class ConnectionClosed(TransientError):
    """The connection ended.

    Attributes:
        close_code: the WebSocket close code (RFC 6455 section 7.4); 1006 without a close frame.
        reason: the close reason, cleaned and bounded.
        initiator: ``"server"``, ``"client"`` or ``"network"``.
    """

    code = "CONNECTION_CLOSED"

    def __init__(
        self,
        sentence: str,
        *,
        advice: str = "",
        close_code: int,
        reason: str = "",
        initiator: Literal["server", "client", "network"] = "network",
        code: str | None = None,
    ) -> None:
        super().__init__(sentence, advice=advice, code=code)
        self.close_code = close_code
        self.reason = reason
        self.initiator: Literal["server", "client", "network"] = initiator


class PoolFull(TuiChatError):
    """A connection pool has no place for another connection."""

    code = "POOL_FULL"
    retryable = True


class ClientClosed(TuiChatError):
    """The client was disconnected for good; make a new one, or call ``on_init`` again."""

    code = "CLIENT_CLOSED"


# -- messages -------------------------------------------------------------------------------------


class MessageRefused(TuiChatError):
    """A message was not accepted and has not been sent; the caller still has it."""

    code = "MESSAGE_REFUSED"


class NotConnected(MessageRefused):
    """There is no ready session to send on; nothing was sent."""

    code = "NOT_CONNECTED"
    retryable = True


class OutboxFull(MessageRefused):
    """No further message can be queued; nothing was sent."""

    code = "OUTBOX_FULL"
    retryable = True


class DeliveryUnknown(TuiChatError):
    """The connection was lost before the server confirmed a message that had been written."""

    code = "DELIVERY_UNKNOWN"


# -- storage --------------------------------------------------------------------------------------


class StorageError(TuiChatError):
    """Something could not be kept, or read, on this machine's disk.

    Codes: ``DISK_FULL``, ``READ_ONLY``, ``BUSY``, ``CORRUPTED``, ``NEWER``, ``STORAGE``.
    """

    code = "STORAGE"


class ConversationBusy(StorageError):
    """Another running program has this conversation open.

    Attributes:
        pid: that program's process id, None where it is not known.
    """

    code = "CONVERSATION_BUSY"

    def __init__(
        self, sentence: str, *, advice: str = "", pid: int | None = None, code: str | None = None
    ) -> None:
        super().__init__(sentence, advice=advice, code=code)
        self.pid = pid


class NoSuchMessage(TuiChatError):
    """There is no message of that id, or nothing of the kind can be done with it any more."""

    code = "NO_SUCH_MESSAGE"
