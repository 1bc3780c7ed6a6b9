"""Who gets which ticket: the rules of reusable and one-time tickets, and what ends a ticket's life.

Where tickets are reusable there is one in hand, and everyone gets it. Where each serves one
handshake only, every ticket is handed out once, to those who wait in the order in which they came,
and one spare is fetched ahead.
"""

from __future__ import annotations

from collections.abc import Callable

from tui_chat.clock import Clock
from tui_chat.errors import ClientClosed, TicketCleared, TuiChatError
from tui_chat.secret import Secret
from tui_chat.ticket.arithmetic import after_wall_jump
from tui_chat.ticket.auth import AuthData, ReusePolicy, Ticket
from tui_chat.ticket.events import TicketDropped, TicketEvent, TicketExpired
from tui_chat.ticket.flight import SingleFlight
from tui_chat.ticket.leases import TicketLease
from tui_chat.ticket.refresh import Refresh, RefreshTools
from tui_chat.ticket.stock import TicketStock

__all__ = ["TicketDispenser"]

NEVER = float("-inf")


class TicketDispenser:
    """Hands out tickets, fetching them as needed.

    Args:
        tools: what refreshes share.
        auth: the first credentials.
        policy: whether tickets are reusable.
        arrived: called with each refresh that brought a ticket, after everyone was served.
        failed: called with the error of each refresh that failed, after everyone was told.

    Attributes:
        stock: the tickets in hand.
        flight: the refreshes and those who wait.
        single_use: whether each handshake gets a ticket of its own.
        epoch: counts changes of credentials.
        generation: counts whatever ends the life of all tickets at once.
        quick_ticket: the ticket for everyone, where there is one.
        quick_until: until when it may be handed out without another thought.
        closed: whether the end has come.
    """

    def __init__(
        self,
        tools: RefreshTools,
        auth: AuthData,
        policy: ReusePolicy,
        *,
        arrived: Callable[[Refresh, Ticket], None],
        failed: Callable[[TuiChatError], None],
    ) -> None:
        self._tools = tools
        self._clock: Clock = tools.clock
        self._emit: Callable[[TicketEvent], None] = tools.emit
        self._policy = policy
        self._arrived = arrived
        self.stock = TicketStock()
        self.flight = SingleFlight(
            tools,
            auth,
            landed=self._landed,
            failed=failed,
            discarded=self._discarded,
            returned=self._give_back,
        )
        self.single_use = policy == "single_use"
        self.epoch = 0
        self.generation = 0
        self.closed = False
        self.quick_ticket: Ticket | None = None
        self.quick_until = NEVER
        self.handed_out = False
        self._latest = 0  # serial of the last ticket that arrived
        self._stale = 0  # tickets up to this serial are of an older generation
        self._shared = 0  # tickets up to this serial may have been handed out more than once
        self._expired = 0  # serial of the last ticket whose end was told
        self._clears = 0

    def check_open(self) -> None:
        """Raise ClientClosed after the end."""
        if self.closed:
            raise ClientClosed("The ticket manager is closed; make a new one.")

    # -- handing out ------------------------------------------------------------------------------

    async def take(self, request_id: str | None = None) -> Ticket:
        """Return a ticket for one handshake, from hand or from the server."""
        self.check_open()
        self.note_expiry()
        now = self._clock.boot()
        if not self.single_use:
            ticket = self.stock.usable(now)
            self.handed_out = True
        else:
            ticket = self.stock.take(now)
            if ticket is not None:
                self._emit(TicketDropped("leased", ticket.serial))
        return ticket or await self.fetch(request_id)

    async def fetch(self, request_id: str | None = None, *, takes: bool = True) -> Ticket:
        """Return a ticket that the server hands out now."""
        while True:
            self.check_open()
            clears = self._clears
            ticket = await self.flight.join(request_id, takes=takes)
            # Between being served and running again anything may have happened.
            self.check_open()
            if clears != self._clears:
                raise _cleared()
            if ticket.serial > self._stale and self._clock.boot() < ticket.usable_until:
                return ticket

    async def lease(self, request_id: str) -> TicketLease:
        """Return a ticket with a way to say how the handshake went."""
        ticket = await self.take(request_id)
        self.prefetch()
        return TicketLease(
            ticket,
            request_id=request_id,
            latest=self._latest,
            generation=self.generation,
            settle=self._settle,
        )

    def prefetch(self) -> None:
        """Fetch the spare, where tickets serve one handshake and none is in hand."""
        now = self._clock.boot()
        wanted = self.single_use and not self.closed and self.stock.usable(now) is None
        if wanted and self._tools.gate.opens_at(now) is None:
            self.flight.start()

    def _settle(self, lease: TicketLease) -> None:
        self._tools.meter.lease_ended(lease.outcome)
        if lease.reason == "used" and self._policy == "auto" and not self.single_use:
            self._switch_to_single_use()
        if lease.generation != self.generation or self.closed:
            return
        if lease.outcome == "released":
            self._give_back(lease.ticket)
        elif lease.outcome == "rejected":
            # A server that does not know a ticket any more has forgotten its elders as well, spares
            # included. One that arrived after this was lent is not touched.
            bound = lease.latest if self.single_use and lease.reason != "used" else 0
            self._drop(lambda held: held.serial == lease.serial or held.serial <= bound)
            self._emit(TicketDropped("rejected", lease.serial))

    def _give_back(self, ticket: Ticket) -> None:
        """Take back a ticket that no server has seen."""
        if self.closed or not self.single_use or ticket.serial <= max(self._stale, self._shared):
            return
        now = self._clock.boot()
        if now < ticket.usable_until and not self.flight.serve_first(ticket):
            self.stock.add(ticket, now)

    def _switch_to_single_use(self) -> None:
        self.single_use = True
        self._shared = self._latest
        dropped = self.stock.clear() if self.handed_out else []
        self._update_quick()
        for ticket in dropped:
            self._emit(TicketDropped("leased", ticket.serial))

    # -- arrivals ---------------------------------------------------------------------------------

    def _landed(self, refresh: Refresh, ticket: Ticket) -> None:
        self._latest = ticket.serial
        taken = False
        if self.single_use:
            taken = self._serve_one(ticket)
        else:
            self.handed_out = self.flight.waiting() > 0
            self.stock.replace(ticket)
            self.flight.serve_all(ticket)
        self._update_quick()
        self._arrived(refresh, ticket)
        if taken:
            self._emit(TicketDropped("leased", ticket.serial))

    def _serve_one(self, ticket: Ticket) -> bool:
        if self.flight.serve_first(ticket):
            self.stock.last_taken = ticket
            self.flight.serve_again()
            return True
        if self.flight.waiting():  # somebody wanted a fresh one in hand, in place of older ones
            self.stock.replace(ticket)
            self.flight.serve_all(ticket)
        else:
            self.stock.add(ticket, self._clock.boot())
        return False

    def _discarded(self, ticket: Ticket) -> None:
        self._tools.counters.discarded += 1
        self._emit(TicketDropped("discarded", ticket.serial))

    # -- endings ----------------------------------------------------------------------------------

    def invalidate(self, which: int | str | Secret) -> bool:
        """Drop the ticket with this serial or value; say whether it was in hand."""
        dropped = self._drop(
            (lambda held: held.serial == which)
            if isinstance(which, int)
            else (lambda held: held.value == Secret(which))
        )
        for ticket in dropped:
            self._emit(TicketDropped("rejected", ticket.serial))
        return bool(dropped)

    def rotate(self, auth: AuthData) -> None:
        """Go on with other credentials; whoever waits gets a ticket for these."""
        self.epoch += 1
        self.flight.auth = auth
        serials = self._end_generation()
        self.flight.serve_again()
        for serial in serials:
            self._emit(TicketDropped("credentials", serial))

    def clear(self) -> None:
        """Forget everything; whoever waits is told so."""
        self._clears += 1
        serials = self._end_generation()
        self.flight.serve_all(_cleared())
        for serial in serials:
            self._emit(TicketDropped("cleared", serial))

    def close(self) -> None:
        """Forget everything for good."""
        self.closed = True
        self._end_generation()
        self.flight.serve_all(ClientClosed("The ticket manager was closed."))

    def _end_generation(self) -> list[int | None]:
        """Drop tickets and refresh; return what was dropped, None for what was being fetched."""
        self.generation += 1
        self._stale = self._latest
        serials: list[int | None] = [ticket.serial for ticket in self.stock.clear()]
        if self.flight.cancel():
            serials.append(None)
        self._update_quick()
        return serials

    def note_expiry(self) -> None:
        """Tell once that the ticket in hand has reached its deadline."""
        ticket = self.stock.newest
        if (
            ticket is not None
            and ticket.serial != self._expired
            and self._clock.boot() >= ticket.deadline
        ):
            self._expired = ticket.serial
            self._emit(TicketExpired(ticket.serial))

    def wall_jumped(self) -> None:
        """The wall clock was set: what was computed from it is computed again."""
        boot, wall = self._clock.boot(), self._clock.wall()
        self.stock.revise(lambda ticket: after_wall_jump(ticket, boot, wall))
        self._update_quick()

    def _drop(self, condition: Callable[[Ticket], bool]) -> list[Ticket]:
        dropped = self.stock.remove(condition)
        self._update_quick()
        return dropped

    def _update_quick(self) -> None:
        ticket = None if self.single_use else self.stock.newest
        self.quick_ticket = ticket
        self.quick_until = NEVER if ticket is None else ticket.usable_until


def _cleared() -> TicketCleared:
    return TicketCleared("The ticket was cleared while it was being fetched.")
