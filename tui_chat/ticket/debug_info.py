"""What the ticket manager shows of itself. Never a ticket, token or key."""

from __future__ import annotations

from dataclasses import dataclass

from tui_chat.errors import TuiChatError
from tui_chat.ticket.auth import ReusePolicy

__all__ = ["TicketCounters", "TicketDebugInfo"]


@dataclass(frozen=True, slots=True)
class TicketDebugInfo:
    """A snapshot of a :class:`~tui_chat.ticket.TicketManager`.

    Durations in seconds; moments on the boot clock of :mod:`tui_chat.clock` unless said otherwise.

    Where each socket gets a ticket of its own and none is in hand, what is said about "the ticket"
    is about the one that was handed out last.

    Attributes:
        has_ticket: whether a ticket is in hand.
        is_valid: whether it may be used for a handshake now.
        expires_at: the server's expiry, epoch seconds by the server's clock; None without one.
        expires_in: milliseconds to its true expiry, never below 0; None without one.
        lifetime: from request to expiry.
        renew_in: until the proactive renewal replaces it, never below 0; None if nothing is due.
        serial: counts the tickets this process received.
        digest: eight hexadecimal characters that tell tickets of one run apart, or empty.
        clock_skew: server clock less this machine's wall clock; None when unknown.
        server_time_known: whether the expiry was computed from the server's own ``Date``.
        reuse: the policy that was asked for.
        single_use: whether each socket gets a ticket of its own now.
        spare: whether a prefetched ticket waits for the next socket.
        refreshing: whether a request is under way or waits for its next try.
        waiters: how many callers wait for it.
        renewal_running: whether the proactive renewal is on.
        epoch: counts changes of credentials.
        requests: ticket requests sent.
        refreshes: refreshes that brought a ticket.
        failures: refreshes that failed for good.
        discarded: tickets thrown away on arrival because the credentials had changed.
        last_duration: how long the last successful refresh took.
        last_error: why the last refresh failed; None once one has succeeded.
        retry_at: no request is sent before this moment; None if there is no such limit.
        lifetime_clamped: whether the server claims a longer life than is believed (a day).
    """

    has_ticket: bool = False
    is_valid: bool = False
    expires_at: float | None = None
    expires_in: int | None = None
    lifetime: float | None = None
    renew_in: float | None = None
    serial: int = 0
    digest: str = ""
    clock_skew: float | None = None
    server_time_known: bool = False
    reuse: ReusePolicy = "auto"
    single_use: bool = False
    spare: bool = False
    refreshing: bool = False
    waiters: int = 0
    renewal_running: bool = False
    epoch: int = 0
    requests: int = 0
    refreshes: int = 0
    failures: int = 0
    discarded: int = 0
    last_duration: float | None = None
    last_error: TuiChatError | None = None
    retry_at: float | None = None
    lifetime_clamped: bool = False


@dataclass(slots=True)
class TicketCounters:
    """What a ticket manager counts while it lives; see :class:`TicketDebugInfo`."""

    requests: int = 0
    refreshes: int = 0
    failures: int = 0
    discarded: int = 0
    last_duration: float | None = None
    last_error: TuiChatError | None = None
