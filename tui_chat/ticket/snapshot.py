"""What may be shown of tickets and of the manager: numbers and digests, never a secret."""

from __future__ import annotations

from dataclasses import replace

from tui_chat.clock import Clock
from tui_chat.ticket.auth import ReusePolicy, Ticket
from tui_chat.ticket.debug_info import TicketCounters, TicketDebugInfo
from tui_chat.ticket.dispenser import TicketDispenser
from tui_chat.ticket.events import TicketView

__all__ = ["describe", "milliseconds_left", "view_of"]


def view_of(ticket: Ticket) -> TicketView:
    """Return a ticket as it may be shown."""
    return TicketView(
        serial=ticket.serial,
        digest=ticket.value.digest(),
        lifetime=ticket.lifetime,
        deadline=ticket.deadline,
        renew_at=ticket.renew_at,
        expires_at=ticket.expires_at,
    )


def milliseconds_left(ticket: Ticket, now: float) -> int:
    """Return the milliseconds to a ticket's deadline, never below 0."""
    return max(0, int((ticket.deadline - now) * 1000))


def describe(
    dispenser: TicketDispenser,
    clock: Clock,
    counters: TicketCounters,
    *,
    reuse: ReusePolicy,
    renewing: bool,
    retry_at: float | None,
) -> TicketDebugInfo:
    """Return a snapshot of a ticket manager."""
    now = clock.boot()
    ticket = dispenser.stock.shown
    info = TicketDebugInfo(
        has_ticket=len(dispenser.stock) > 0,
        is_valid=dispenser.stock.usable(now) is not None,
        reuse=reuse,
        single_use=dispenser.single_use,
        spare=dispenser.single_use and dispenser.stock.usable(now) is not None,
        refreshing=dispenser.flight.refresh is not None,
        waiters=dispenser.flight.waiting(),
        renewal_running=renewing,
        epoch=dispenser.epoch,
        requests=counters.requests,
        refreshes=counters.refreshes,
        failures=counters.failures,
        discarded=counters.discarded,
        last_duration=counters.last_duration,
        last_error=counters.last_error,
        retry_at=retry_at,
    )
    if ticket is None:
        return info
    return replace(
        info,
        expires_at=ticket.expires_at,
        expires_in=milliseconds_left(ticket, now),
        lifetime=ticket.lifetime,
        renew_in=max(0.0, ticket.renew_at - now) if renewing else None,
        serial=ticket.serial,
        digest=ticket.value.digest(),
        clock_skew=ticket.skew,
        server_time_known=ticket.skew is not None,
        lifetime_clamped=ticket.clamped,
    )
