"""One refresh: a few tries to get one ticket, and the waiting between them."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Iterator

from tui_chat.clock import Clock
from tui_chat.errors import NetworkError, RequestTimeout, TicketUnusable, TuiChatError
from tui_chat.ticket.arithmetic import make_ticket
from tui_chat.ticket.auth import (
    REQUEST_ID,
    AuthData,
    Ticket,
    TicketGrant,
    TicketManagerConfig,
    TicketSource,
)
from tui_chat.ticket.debug_info import TicketCounters
from tui_chat.ticket.events import TicketEvent, TicketRenewalFailed, TicketRenewing
from tui_chat.ticket.failures import normalised, retry_after_of
from tui_chat.ticket.meter import TicketMeter
from tui_chat.ticket.retry import RequestBudget, RetryGate, full_jitter

__all__ = ["Refresh", "RefreshTools"]

LONGEST_NAP = 1.0
"""Seconds. Loop timers stand still while the machine sleeps, so every wait looks at the boot clock
at least this often."""


class RefreshTools:
    """What every refresh of one manager shares.

    Attributes:
        source: where tickets come from.
        config: tries, delays, the deadline of a request.
        clock: tells the time.
        rng: draws jitter.
        gate: the server's ``Retry-After``.
        budget: the bound on requests.
        counters: counts what happens.
        meter: records what happens.
        serials: numbers the tickets.
        emit: tells the listeners.
    """

    def __init__(
        self,
        source: TicketSource,
        config: TicketManagerConfig,
        clock: Clock,
        rng: random.Random,
        *,
        counters: TicketCounters,
        meter: TicketMeter,
        serials: Iterator[int],
        emit: Callable[[TicketEvent], None],
    ) -> None:
        self.source = source
        self.config = config
        self.clock = clock
        self.rng = rng
        self.gate = RetryGate()
        self.budget = RequestBudget(clock.boot())
        self.counters = counters
        self.meter = meter
        self.serials = serials
        self.emit = emit


class Refresh:
    """Asks for one ticket with one set of credentials, up to the configured number of tries.

    Attributes:
        started: when it began, on the boot clock.
        proactive: whether the proactive renewal wants its result.
        cancelled: whether its result is not wanted any more; it sends nothing from then on.
        task: what runs it.
    """

    def __init__(self, tools: RefreshTools, auth: AuthData, request_id: str) -> None:
        self._tools = tools
        self._auth = auth
        self._request_id = request_id
        self._wake = asyncio.Event()
        self._scope: asyncio.Timeout | None = None
        self._sent = 0.0
        self.started = tools.clock.boot()
        self.proactive = False
        self.cancelled = False
        self.task: asyncio.Task[None] | None = None

    def cancel(self) -> None:
        """Nobody wants the result any more."""
        self.cancelled = True
        if self.task is not None:
            self.task.cancel()

    def hurry(self) -> None:
        """Cut a wait short whose reason may be gone; what still holds is waited for again."""
        self._wake.set()

    def resumed(self) -> None:
        """The machine slept: a request that has been out for too long by now is given up."""
        self._wake.set()
        scope = self._scope
        overdue = self._tools.clock.boot() - self._sent >= self._tools.config.request_timeout
        if scope is not None and overdue and not scope.expired():
            scope.reschedule(asyncio.get_running_loop().time())

    async def run(self) -> Ticket:
        """Return a ticket that can be used right now.

        Raises:
            TuiChatError: why there is none; for good, or after the last try.
        """
        tools, config = self._tools, self._tools.config
        for attempt in range(1, config.max_attempts + 1):
            await self._until_allowed()
            tools.emit(TicketRenewing(attempt, config.max_attempts))
            self._check_wanted()
            try:
                return await self._try_once()
            except TuiChatError as error:
                failure = error
            await self._after_failure(failure, attempt)
        raise AssertionError("the last try returns or raises")

    async def _try_once(self) -> Ticket:
        tools = self._tools
        sent_wall, self._sent = tools.clock.wall(), tools.clock.boot()
        tools.budget.spend(self._sent)
        tools.counters.requests += 1
        grant = await self._fetch()
        self._check_wanted()
        ticket = make_ticket(
            grant, self._sent, sent_wall, tools.config, tools.rng, serial=next(tools.serials)
        )
        if tools.clock.boot() >= ticket.usable_until:
            raise TicketUnusable(
                "The answer took so long that the ticket in it was about to expire on arrival."
            )
        return ticket

    async def _fetch(self) -> TicketGrant:
        REQUEST_ID.set(self._request_id)  # in this task's context only
        failure: Exception
        try:
            # One deadline over everything: an HTTP library's own timeout is per read, and a body
            # that trickles would never end.
            async with asyncio.timeout(self._tools.config.request_timeout) as self._scope:
                return await self._tools.source.fetch(self._auth)
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if self.cancelled or task is None or task.cancelling():
                raise
            # The source cancelled itself; nobody here did.
            failure = NetworkError("The ticket request was interrupted.")
        except Exception as error:  # noqa: BLE001 - a source may raise anything
            failure = error
        finally:
            timed_out = self._scope is not None and self._scope.expired()
            self._scope = None
        # Outside of the handler, so that what is raised does not drag the original along.
        if timed_out:
            raise RequestTimeout(
                "The ticket server did not finish its answer within "
                f"{self._tools.config.request_timeout:g} s."
            )
        raise normalised(failure)

    async def _after_failure(self, error: TuiChatError, attempt: int) -> None:
        """Wait for the next try, or raise if there is none."""
        self._check_wanted()
        tools, config = self._tools, self._tools.config
        now = tools.clock.boot()
        delay = full_jitter(attempt, config.retry_base_delay, tools.rng)
        asked = retry_after_of(error)
        if asked is not None:
            tools.gate.close(error, now + asked)
        last = attempt == config.max_attempts or not error.retryable
        if last or (asked is not None and asked > config.request_timeout):
            if asked is not None:
                tools.gate.refuse()
            raise error
        retry_at = max(now + delay, tools.gate.opens_at(now) or now)
        tools.emit(TicketRenewalFailed(error, retry_at, final=False))
        await self._pause(delay)

    async def _until_allowed(self) -> None:
        """Wait until neither the server's wish nor the request budget speaks against a request."""
        while True:
            self._check_wanted()
            now = self._tools.clock.boot()
            closed = (self._tools.gate.opens_at(now) or now) - now
            left = max(closed, self._tools.budget.wait(now))
            if left <= 0:
                return
            await self._nap(left)

    async def _pause(self, seconds: float) -> None:
        """Wait; :meth:`hurry` ends it at once."""
        end = self._tools.clock.boot() + seconds
        self._wake.clear()
        while not self._wake.is_set() and (left := end - self._tools.clock.boot()) > 0:
            await self._nap(left, keep=True)

    async def _nap(self, seconds: float, *, keep: bool = False) -> None:
        if not keep:
            self._wake.clear()
        try:
            # A millisecond at least: a rounding error must not turn this into a busy loop.
            async with asyncio.timeout(min(max(seconds, 0.001), LONGEST_NAP)):
                await self._wake.wait()
        except TimeoutError:
            pass

    def _check_wanted(self) -> None:
        # A source may swallow a cancellation; what comes after it must not go on.
        if self.cancelled:
            raise asyncio.CancelledError
