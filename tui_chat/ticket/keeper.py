"""What the parts of a ticket manager have to do with each other.

The dispenser hands out tickets, the renewal looks after the one in hand, the listeners are told;
this is where news from one becomes work for another.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable

from tui_chat.clock import Clock, ClockJump
from tui_chat.errors import CredentialsRejected, TuiChatError
from tui_chat.telemetry import Telemetry
from tui_chat.ticket.auth import AuthData, Ticket, TicketManagerConfig, TicketSource
from tui_chat.ticket.debug_info import TicketCounters, TicketDebugInfo
from tui_chat.ticket.dispenser import TicketDispenser
from tui_chat.ticket.events import (
    TicketClockJump,
    TicketEvent,
    TicketRenewalFailed,
    TicketRenewed,
    TicketView,
)
from tui_chat.ticket.failures import detached
from tui_chat.ticket.listeners import Listeners, call_safely
from tui_chat.ticket.meter import TicketMeter
from tui_chat.ticket.refresh import Refresh, RefreshTools
from tui_chat.ticket.renewal import ProactiveRenewal
from tui_chat.ticket.snapshot import describe, view_of

__all__ = ["TicketKeeper"]


class TicketKeeper:
    """Puts dispenser, renewal and listeners together.

    Attributes:
        dispenser: hands out tickets.
        renewal: the proactive renewal.
        listeners: told about every event.
    """

    def __init__(
        self,
        auth: AuthData,
        source: TicketSource,
        config: TicketManagerConfig,
        clock: Clock,
        rng: random.Random,
        telemetry: Telemetry,
    ) -> None:
        self._config = config
        self._clock = clock
        self._counters = TicketCounters()
        self._credentials_refused = False
        self._on_renewed: Callable[[TicketView], object] | None = None
        self.listeners = Listeners()
        self._meter = TicketMeter(telemetry, clock)
        self._tools = RefreshTools(
            source,
            config,
            clock,
            rng,
            counters=self._counters,
            meter=self._meter,
            serials=itertools.count(1),
            emit=self._emit,
        )
        self.dispenser = TicketDispenser(
            self._tools, auth, config.reuse, arrived=self._arrived, failed=self._failed
        )
        self.renewal = ProactiveRenewal(
            clock,
            rng,
            check_interval=config.check_interval,
            base_delay=config.retry_base_delay,
            due=self._due,
            next_change=self._next_deadline,
            notice=self.dispenser.note_expiry,
            refresh=self._refresh,
            jumped=self._jumped,
        )
        self._unwatch = self._meter.watch(self.dispenser.stock)

    def end(self) -> None:
        """Tell nobody anything from now on."""
        self.listeners.clear()
        self._unwatch()

    def _emit(self, event: TicketEvent) -> None:
        self._meter.ticket_event(event)
        self.listeners.emit(event)

    def start_renewal(self, on_renewed: Callable[[TicketView], object] | None) -> None:
        """Start the proactive renewal; a callback that is given replaces the one before."""
        if on_renewed is not None:
            self._on_renewed = on_renewed
        self.renewal.start()

    def stop_renewal(self) -> None:
        """Stop the proactive renewal and forget its callback."""
        self.renewal.stop()
        self._on_renewed = None

    def rotate(self, auth: AuthData) -> None:
        """Go on with other credentials."""
        self._credentials_refused = False
        self.renewal.reset()
        self.dispenser.rotate(auth)
        self.renewal.poke()

    def override_retry_after(self) -> None:
        """Forget what the server asked for, and get on at once with what waits for it."""
        self._tools.gate.lift()
        self.renewal.reset()
        if self.dispenser.flight.refresh is not None:
            self.dispenser.flight.refresh.hurry()
        self.renewal.poke()

    def describe(self) -> TicketDebugInfo:
        """Return a snapshot."""
        return describe(
            self.dispenser,
            self._clock,
            self._counters,
            reuse=self._config.reuse,
            renewing=self.renewal.running,
            retry_at=self._tools.gate.opens_at(self._clock.boot()),
        )

    # -- what the renewal wants to know and do ----------------------------------------------------

    def _due(self) -> float | None:
        if self._credentials_refused:
            return None
        ticket = self.dispenser.stock.newest
        return float("-inf") if ticket is None else ticket.renew_at

    def _next_deadline(self) -> float | None:
        ticket = self.dispenser.stock.newest
        return None if ticket is None else ticket.deadline

    def _refresh(self) -> None:
        if self._tools.gate.opens_at(self._clock.boot()) is None:
            self.dispenser.flight.start().proactive = True

    def _jumped(self, jump: ClockJump) -> None:
        if jump.kind == "wall":
            self.dispenser.wall_jumped()
        if self.dispenser.flight.refresh is not None:
            self.dispenser.flight.refresh.resumed()
        self._emit(TicketClockJump(jump))

    # -- what refreshes bring ---------------------------------------------------------------------

    def _arrived(self, refresh: Refresh, ticket: Ticket) -> None:
        duration = self._clock.boot() - refresh.started
        self._credentials_refused = False
        self._counters.refreshes += 1
        self._counters.last_duration = duration
        self._counters.last_error = None
        self.renewal.reset()
        self.renewal.poke()
        view, on_renewed = view_of(ticket), self._on_renewed
        self._emit(TicketRenewed(view, duration))
        if refresh.proactive and on_renewed is not None:
            call_safely(on_renewed, view)

    def _failed(self, error: TuiChatError) -> None:
        self._counters.failures += 1
        self._counters.last_error = error
        self._credentials_refused = isinstance(error, CredentialsRejected)
        retry_at = self.renewal.failed(self._tools.gate.opens_at(self._clock.boot()))
        self._emit(TicketRenewalFailed(error, retry_at, final=True))
        if self._config.on_error is not None:
            call_safely(self._config.on_error, detached(error))
