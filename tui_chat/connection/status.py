"""The state of the connection as others see it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from tui_chat.diagnosis import Diagnosis
from tui_chat.errors import TuiChatError

__all__ = ["ConnectionState", "ConnectionStatus", "WebSocketState"]


class ConnectionState(StrEnum):
    """Where the one path from nothing to a ready session stands."""

    IDLE = "idle"
    TICKET = "ticket"
    CONNECTING = "connecting"
    READY = "ready"
    BACKOFF = "backoff"
    PAUSED = "paused"
    FAILED = "failed"
    CLOSED = "closed"


class WebSocketState(StrEnum):
    """The names the original used for the socket itself."""

    CONNECTING = "CONNECTING"
    OPEN = "OPEN"
    CLOSING = "CLOSING"
    CLOSED = "CLOSED"


@dataclass(frozen=True, slots=True)
class ConnectionStatus:
    """A snapshot of the connection.

    Attributes:
        connected: whether the session is ready, not merely the socket open.
        reconnect_attempts: attempts since the last stable connection.
        is_reconnecting: whether attempts go on by themselves after a lost or failed one.
        websocket_state: None before the first attempt.
        has_valid_ticket: whether a handshake could start without asking for a ticket.
        ticket_expires_in: milliseconds to the ticket's expiry, None without a ticket.
        state: the state machine's state.
        cause: why it is not ready, None when it is or nothing has gone wrong.
        diagnosis: the cause in one sentence, and what to do; None without a cause.
        retry_at: when the next attempt is due, on the boot clock; None if none is scheduled.
        generation: counts attempts to connect; what belongs to an older one changes nothing.
        last_close_code: the close code of the last socket, None if there was none.
        ready_since: when the session became ready, on the boot clock; None while it is not.
        request_id: the id that went out with the latest attempt.
        server: the server's base URL without its query; empty before the first attempt.
        round_trip: seconds of the last answered ping, None if there was none.
    """

    connected: bool = False
    reconnect_attempts: int = 0
    is_reconnecting: bool = False
    websocket_state: WebSocketState | None = None
    has_valid_ticket: bool = False
    ticket_expires_in: int | None = None
    state: ConnectionState = ConnectionState.IDLE
    cause: TuiChatError | None = None
    diagnosis: Diagnosis | None = None
    retry_at: float | None = None
    generation: int = 0
    last_close_code: int | None = None
    ready_since: float | None = None
    request_id: str | None = None
    server: str = ""
    round_trip: float | None = None
