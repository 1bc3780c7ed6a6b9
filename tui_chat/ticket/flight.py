"""Single flight: one refresh at a time, shared by everyone who waits for a ticket.

Each waiter has a future of its own and gets a *value*, a ticket or an error, never an exception
set on the future: a waiter that goes away changes nothing for the others, and nothing can be left
"never retrieved". The refresh is a task of its own; it belongs to nobody who waits.
"""

from __future__ import annotations

import asyncio
import uuid
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from tui_chat.errors import NetworkError, TuiChatError
from tui_chat.ticket.auth import AuthData, Ticket
from tui_chat.ticket.failures import detached
from tui_chat.ticket.refresh import Refresh, RefreshTools

__all__ = ["Outcome", "SingleFlight", "Waiter"]

Outcome = Ticket | TuiChatError


@dataclass(frozen=True, slots=True)
class Waiter:
    """Someone who waits for a ticket.

    Attributes:
        future: gets the outcome.
        takes: whether the ticket is handed out to this waiter, or merely wanted in hand.
    """

    future: asyncio.Future[Outcome]
    takes: bool


class SingleFlight:
    """Runs refreshes one after another and keeps the waiters, in order of arrival.

    Args:
        tools: what refreshes share.
        landed: called with each ticket that arrives for the current credentials.
        failed: called with the error of each refresh that failed, after its waiters were told.
        discarded: called for each ticket that arrives although nobody wants it any more.
        returned: called with a ticket whose taker was cancelled before it could use it.

    Attributes:
        auth: the credentials of the next refresh.
    """

    def __init__(
        self,
        tools: RefreshTools,
        auth: AuthData,
        *,
        landed: Callable[[Refresh, Ticket], None],
        failed: Callable[[TuiChatError], None],
        discarded: Callable[[Ticket], None],
        returned: Callable[[Ticket], None],
    ) -> None:
        self._tools = tools
        self.auth = auth
        self._landed = landed
        self._failed = failed
        self._discarded = discarded
        self._returned = returned
        self._waiters: deque[Waiter] = deque()
        self._refresh: Refresh | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def refresh(self) -> Refresh | None:
        """The refresh under way, None if there is none."""
        return self._refresh

    @property
    def tasks(self) -> frozenset[asyncio.Task[None]]:
        """Tasks that have not ended yet, cancelled ones included."""
        return frozenset(self._tasks)

    def waiting(self) -> int:
        """Return how many wait."""
        return sum(not waiter.future.done() for waiter in self._waiters)

    async def join(self, request_id: str | None = None, *, takes: bool = True) -> Ticket:
        """Wait for the ticket of the refresh under way, or of one that this call starts.

        Raises:
            TuiChatError: this caller's own copy of why there is no ticket.
        """
        if self._refresh is None:
            refusal = self._tools.gate.refusal(self._tools.clock.boot())
            if refusal is not None:
                raise refusal
        waiter = Waiter(asyncio.get_running_loop().create_future(), takes)
        self._waiters.append(waiter)
        self.start(request_id)
        try:
            outcome = await waiter.future
        except asyncio.CancelledError:
            # Cancelled in the very moment of being served: nobody has used that ticket.
            if takes and waiter.future.done() and not waiter.future.cancelled():
                outcome = waiter.future.result()
                if isinstance(outcome, Ticket):
                    self._returned(outcome)
            raise
        if isinstance(outcome, Ticket):
            return outcome
        raise detached(outcome)

    def start(self, request_id: str | None = None) -> Refresh:
        """Return the refresh under way; start one if there is none."""
        if self._refresh is None:
            refresh = Refresh(self._tools, self.auth, request_id or uuid.uuid4().hex)
            self._refresh = refresh
            task = asyncio.get_running_loop().create_task(self._fly(refresh), name="ticket refresh")
            refresh.task = task
            self._tools.meter.refresh_started()
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        return self._refresh

    def cancel(self) -> bool:
        """Give up the refresh under way; say whether there was one. Waiters go on waiting."""
        refresh, self._refresh = self._refresh, None
        if refresh is None:
            return False
        refresh.cancel()
        self._tools.meter.refresh_discarded(refresh.started, self.waiting())
        return True

    def serve_all(self, outcome: Outcome) -> None:
        """Give every waiter the same outcome."""
        waiters, self._waiters = self._waiters, deque()
        for waiter in waiters:
            if not waiter.future.done():
                waiter.future.set_result(outcome)

    def serve_first(self, ticket: Ticket) -> bool:
        """Give a ticket that only one can have to the first who takes one; say whether there is."""
        for waiter in self._waiters:
            if waiter.takes and not waiter.future.done():
                waiter.future.set_result(ticket)
                break
        else:
            return False
        self._waiters = deque(waiter for waiter in self._waiters if not waiter.future.done())
        return True

    def serve_again(self) -> None:
        """Start the refresh that those who still wait need; fail them where it is not allowed."""
        if self._refresh is not None or not self.waiting():
            return
        refusal = self._tools.gate.refusal(self._tools.clock.boot())
        if refusal is None:
            self.start()
        else:
            self.serve_all(refusal)

    async def _fly(self, refresh: Refresh) -> None:
        outcome: Outcome
        try:
            outcome = await refresh.run()
        except TuiChatError as error:
            outcome = detached(error)
        except asyncio.CancelledError:
            if self._refresh is refresh:
                # Cancelled from outside, as when the loop shuts down: nobody may wait for ever.
                self._refresh = None
                self._tools.meter.refresh_discarded(refresh.started, self.waiting())
                self.serve_all(NetworkError("The ticket request was interrupted."))
            raise
        if self._refresh is not refresh:
            if isinstance(outcome, Ticket):
                self._discarded(outcome)
            return
        self._refresh = None
        failure = None if isinstance(outcome, Ticket) else outcome
        self._tools.meter.refresh_ended(refresh.started, self.waiting(), failure)
        if isinstance(outcome, Ticket):
            self._landed(refresh, outcome)
        else:
            self.serve_all(outcome)
            self._failed(outcome)
