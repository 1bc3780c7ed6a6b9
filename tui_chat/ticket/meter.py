"""What a ticket manager tells telemetry: one method for each thing that happens to tickets."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from tui_chat.clock import Clock
from tui_chat.errors import TuiChatError
from tui_chat.telemetry import Telemetry, error_type, table
from tui_chat.ticket.events import (
    TicketClockJump,
    TicketDropped,
    TicketEvent,
    TicketExpired,
    TicketRenewing,
)
from tui_chat.ticket.leases import LeaseOutcome
from tui_chat.ticket.stock import TicketStock

__all__ = ["TicketMeter"]

# Handed to a socket, or thrown away on arrival: no ticket in hand has become useless.
_NOT_INVALIDATED: Final = frozenset({"leased", "discarded"})


class TicketMeter:
    """Records on behalf of one ticket manager.

    Args:
        telemetry: where.
        clock: the manager's, on which its refreshes begin.
    """

    def __init__(self, telemetry: Telemetry, clock: Clock) -> None:
        self._telemetry = telemetry
        self._clock = clock

    def refresh_started(self) -> None:
        """A refresh begins."""
        self._telemetry.event(table.REFRESH_STARTED)

    def refresh_ended(self, started: float, waiters: int, error: TuiChatError | None) -> None:
        """A refresh has brought a ticket, or failed.

        Args:
            started: when it began, on the boot clock.
            waiters: how many waited for it.
            error: why there is no ticket, None if there is one.
        """
        duration = self._clock.boot() - started
        outcome, kind = "ok" if error is None else "failed", error_type(error)
        telemetry = self._telemetry
        telemetry.record(table.REFRESH_DURATION, duration, outcome=outcome, error_type=kind)
        telemetry.record(table.REFRESH_WAITERS, waiters)
        telemetry.event(
            table.REFRESH_ENDED,
            outcome=outcome,
            duration=duration,
            waiters=waiters,
            error_type=kind,
        )

    def refresh_discarded(self, started: float, waiters: int) -> None:
        """Nobody wants the result of a refresh any more; arguments as above."""
        duration = self._clock.boot() - started
        telemetry = self._telemetry
        telemetry.record(table.REFRESH_DURATION, duration, outcome="discarded")
        telemetry.record(table.REFRESH_WAITERS, waiters)
        telemetry.event(table.REFRESH_DISCARDED, duration=duration, waiters=waiters)

    def lease_ended(self, outcome: LeaseOutcome | None) -> None:
        """A handshake has shown what a lent ticket is worth."""
        self._telemetry.count(table.LEASE_COUNT, outcome=outcome)

    def ticket_event(self, event: TicketEvent) -> None:
        """Record what the listeners are told, as far as it is not recorded above."""
        telemetry = self._telemetry
        match event:
            case TicketRenewing():
                telemetry.count(table.REQUEST_COUNT)
            case TicketDropped(reason=reason, serial=serial):
                if serial is not None:  # what never arrived has been told as discarded
                    telemetry.count(table.DROPPED_COUNT, reason=reason)
                    if reason not in _NOT_INVALIDATED:
                        telemetry.event(table.TICKET_INVALIDATED, reason=reason)
            case TicketExpired():
                telemetry.count(table.DROPPED_COUNT, reason="expired")
                telemetry.event(table.TICKET_INVALIDATED, reason="expired")
            case TicketClockJump(jump=jump):
                telemetry.event(
                    table.CLOCK_JUMPED, kind=jump.kind, seconds=jump.seconds, observer="ticket"
                )
            case _:
                pass

    def watch(self, stock: TicketStock) -> Callable[[], None]:
        """Have what is in stock looked up when somebody wants to know; return what ends that."""

        def time_to_expiry() -> float | None:
            ticket = stock.newest
            return None if ticket is None else max(0.0, ticket.deadline - self._clock.boot())

        def skew() -> float | None:
            ticket = stock.shown
            return None if ticket is None else ticket.skew

        ends = (
            self._telemetry.observe(table.TIME_TO_EXPIRY, time_to_expiry),
            self._telemetry.observe(table.CLOCK_SKEW, skew),
        )

        def end() -> None:
            for each in ends:
                each()

        return end
