"""A ticket source that answers from a script instead of asking a server.

::

    source = ScriptedTicketSource([ServerError("busy", status=503), TicketReply(lifetime=60)])
    manager = TicketManager(auth, "https://chat.example", source=source)
"""

from __future__ import annotations

import asyncio
import itertools
import secrets
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field

from tui_chat.clock import Clock, SystemClock
from tui_chat.secret import Secret
from tui_chat.ticket import REQUEST_ID, AuthData, TicketGrant, TicketValidation

__all__ = ["ScriptedTicketSource", "TicketReply", "TicketRequest"]

UNKNOWN, EXPIRED, SPENT = "TICKET_INVALID", "TICKET_EXPIRED", "TICKET_USED"


@dataclass(frozen=True, slots=True)
class TicketReply:
    """What happens to one request. Times in seconds.

    Attributes:
        lifetime: how long the ticket lives, from when it was made.
        latency: time until the server acts, and the same again until its answer arrives.
        error: raised instead of an answer, after the latency.
        hang: answer only after :meth:`ScriptedTicketSource.release`.
        value: the ticket; made up if None.
        expires_at: said instead of the true expiry, epoch seconds.
        dated: whether the server says what time it is.
    """

    lifetime: float = 300.0
    latency: float = 0.0
    error: Exception | None = None
    hang: bool = False
    value: str | None = None
    expires_at: float | None = None
    dated: bool = True


@dataclass(slots=True)
class TicketRequest:
    """One request, as it came. Times on the clock's ``boot()``.

    Attributes:
        at: when it came.
        auth: who asked.
        request_id: the id that goes out with it, None without one.
        ended: when it was answered, failed or was given up; None while it is open.
        granted: the ticket, None if there was none.
        error: what was raised, ``CancelledError`` if it was given up.
    """

    at: float
    auth: AuthData
    request_id: str | None
    ended: float | None = None
    granted: Secret | None = None
    error: BaseException | None = None


@dataclass(slots=True)
class _Issued:
    """A ticket that was granted."""

    deadline: float
    spent: bool = False


@dataclass
class _Counts:
    in_flight: int = 0
    most_in_flight: int = 0
    numbers: itertools.count[int] = field(default_factory=lambda: itertools.count(1))


class ScriptedTicketSource:
    """Grants, refuses, dawdles and hangs as told; also a ``TicketValidator``.

    It is the whole truth about its tickets: whether one is good is known here, by the clock.

    Args:
        script: what happens to the first requests, in this order; an exception stands for a reply
            that raises it.
        default: what happens to all others.
        clock: tells the time; the machine's by default. Its boot clock decides what has expired.
        skew: seconds by which the server's clock is ahead of ``clock.wall()``.
        single_use: whether a handshake spends its ticket.

    Attributes:
        default: what happens once the script has ended. Assign to change it.
        requests: all requests for tickets, the oldest first.
        validated: the digest of each ticket that was asked about, the oldest first.
        validation: raised by, or returned from, :meth:`validate` instead of the truth.
    """

    def __init__(
        self,
        script: Iterable[TicketReply | Exception] = (),
        *,
        default: TicketReply | None = None,
        clock: Clock | None = None,
        skew: float = 0.0,
        single_use: bool = False,
    ) -> None:
        self.default = default or TicketReply()
        self.requests: list[TicketRequest] = []
        self.validated: list[str] = []
        self.validation: TicketValidation | Exception | None = None
        self._script = deque(map(_reply, script))
        self._clock = clock or SystemClock()
        self._skew = skew
        self._single_use = single_use
        self._issued: dict[Secret, _Issued] = {}
        self._counts = _Counts()
        self._hanging: set[asyncio.Future[None]] = set()

    # -- what the library calls --------------------------------------------------------------------

    async def fetch(self, auth: AuthData) -> TicketGrant:
        """Do what the script says next.

        Raises:
            Exception: what the script says.
        """
        request = TicketRequest(self._clock.boot(), auth, REQUEST_ID.get())
        self.requests.append(request)
        reply = self._script.popleft() if self._script else self.default
        counts = self._counts
        counts.in_flight += 1
        counts.most_in_flight = max(counts.most_in_flight, counts.in_flight)
        try:
            grant = await self._answer(reply, request)
        except BaseException as error:
            request.error = error
            raise
        else:
            request.granted = grant.value
            return grant
        finally:
            counts.in_flight -= 1
            request.ended = self._clock.boot()

    async def validate(self, auth: AuthData, ticket: Secret) -> TicketValidation:  # noqa: ARG002 - the protocol's
        """Say whether a handshake would accept the ticket.

        Raises:
            Exception: what :attr:`validation` says.
        """
        self.validated.append(ticket.digest())
        if isinstance(self.validation, Exception):
            raise self.validation.with_traceback(None)
        if self.validation is not None:
            return self.validation
        code = self._look(ticket)
        return TicketValidation(
            valid=not code, code=code, expired=code == EXPIRED, revoked=code == UNKNOWN
        )

    # -- what a test does --------------------------------------------------------------------------

    def then(self, *replies: TicketReply | Exception) -> None:
        """Add to the end of the script."""
        self._script.extend(map(_reply, replies))

    def release(self) -> int:
        """Let the requests that hang at the moment be answered; return how many there were."""
        hanging = [future for future in self._hanging if not future.done()]
        for future in hanging:
            future.set_result(None)
        return len(hanging)

    def handshake(self, ticket: str | Secret) -> str:
        """Look at a ticket as a server does when a WebSocket opens; spends it under single use.

        Returns:
            The empty string if it is good, else ``TICKET_INVALID``, ``TICKET_EXPIRED`` or
            ``TICKET_USED``.
        """
        secret = Secret(ticket)
        code = self._look(secret)
        if not code and self._single_use:
            self._issued[secret].spent = True
        return code

    def expire(self) -> None:
        """End all tickets as if their time were up."""
        for issued in self._issued.values():
            issued.deadline = min(issued.deadline, self._clock.boot())

    def forget(self) -> None:
        """Forget all tickets, as a server that is started anew does."""
        self._issued.clear()

    @property
    def hanging(self) -> int:
        """Requests that wait for :meth:`release`."""
        return len(self._hanging)

    @property
    def in_flight(self) -> int:
        """Requests that are open."""
        return self._counts.in_flight

    @property
    def most_in_flight(self) -> int:
        """How many requests were open at the same time at most."""
        return self._counts.most_in_flight

    def __repr__(self) -> str:
        return f"ScriptedTicketSource(requests={len(self.requests)}, scripted={len(self._script)})"

    # -- inside ------------------------------------------------------------------------------------

    async def _answer(self, reply: TicketReply, request: TicketRequest) -> TicketGrant:
        if reply.hang:
            await self._hang()
        await asyncio.sleep(reply.latency)
        if reply.error is not None:
            # The same error may be raised many times; each time it starts with a fresh traceback.
            raise reply.error.with_traceback(None)
        value = Secret(reply.value or self._made_up())
        self._issued[value] = _Issued(self._clock.boot() + reply.lifetime)
        now = self._clock.wall() + self._skew
        expires_at = now + reply.lifetime if reply.expires_at is None else reply.expires_at
        await asyncio.sleep(reply.latency)
        return TicketGrant(value, expires_at, now if reply.dated else None, request.request_id)

    def _made_up(self) -> str:
        return f"ticket-{next(self._counts.numbers)}-{secrets.token_hex(8)}"

    async def _hang(self) -> None:
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._hanging.add(future)
        try:
            await future
        finally:
            self._hanging.discard(future)

    def _look(self, ticket: Secret) -> str:
        issued = self._issued.get(ticket)
        if issued is None:
            return UNKNOWN
        if self._clock.boot() >= issued.deadline:
            return EXPIRED
        return SPENT if issued.spent else ""


def _reply(step: TicketReply | Exception) -> TicketReply:
    return TicketReply(error=step) if isinstance(step, Exception) else step
