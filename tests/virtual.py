"""Virtual time: a day passes in a moment, and each clock can be moved by hand.

:func:`run_virtual` runs a coroutine function on a loop whose timers fire without waiting, with a
:class:`VirtualClock` that belongs to it. Real sockets do not work there; an in-memory HTTP
transport or a :class:`FakeTicketServer` does.
"""

from __future__ import annotations

import asyncio
import functools
import gc
import inspect
import itertools
import logging
import math
import os
import random
import traceback
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Concatenate, ParamSpec, TypeVar

import async_solipsism  # type: ignore[import-untyped]

from tui_chat.errors import RateLimited, RequestRejected, ServerError, TuiChatError
from tui_chat.secret import Secret
from tui_chat.ticket import AuthData, TicketGrant

__all__ = [
    "EPOCH",
    "Captured",
    "FakeTicketServer",
    "Reply",
    "TicketRequestRecord",
    "VirtualClock",
    "failure",
    "run_virtual",
    "settle",
    "virtual",
    "visible",
]

EPOCH = 1_700_000_000.0
"""The true time, in epoch seconds, at which virtual time begins."""

P = ParamSpec("P")
T = TypeVar("T")


class VirtualClock:
    """The three clocks of a machine, on top of a virtual loop; true time is known as well."""

    def __init__(self, loop: asyncio.AbstractEventLoop, *, wall_offset: float = 0.0) -> None:
        self._loop = loop
        self._asleep = 0.0
        self._wall_offset = wall_offset

    def monotonic(self) -> float:
        return self._loop.time()

    def boot(self) -> float:
        return self._loop.time() + self._asleep

    def true(self) -> float:
        """The time that a correct clock anywhere in the world shows."""
        return EPOCH + self.boot()

    def wall(self) -> float:
        return self.true() + self._wall_offset

    def suspend(self, seconds: float) -> None:
        """Let the machine sleep: all clocks but the loop's go on."""
        self._asleep += seconds

    def set_wall(self, delta: float) -> None:
        """Set the wall clock forward, or back."""
        self._wall_offset += delta


def run_virtual(
    body: Callable[[VirtualClock], Awaitable[T]], *, collect: bool = True, wall_offset: float = 0.0
) -> T:
    """Run ``body`` in virtual time; fail on what the loop complains about and on tasks left over.

    Args:
        body: gets the clock.
        collect: whether to run the garbage collector at the end, which finds what was "never
            retrieved"; costs 20 ms.
        wall_offset: how wrong the machine's wall clock is at first.
    """
    loop = async_solipsism.EventLoop()
    # asyncio's debug mode remembers where each timer was set, which makes a day of ticks last a
    # minute; the tests over real sockets have it on.
    loop.set_debug(False)
    complaints: list[str] = []
    loop.set_exception_handler(
        lambda _, context: complaints.append(f"{context['message']}: {context.get('exception')!r}")
    )
    try:
        clock = VirtualClock(loop, wall_offset=wall_offset)
        result: T = loop.run_until_complete(_awaited(body(clock)))
        left = asyncio.all_tasks(loop)
        assert not left, f"tasks left running: {left}"
        if collect:
            gc.collect()
        assert not complaints, complaints
        return result
    finally:
        for task in asyncio.all_tasks(loop):
            task.cancel()
        loop.run_until_complete(asyncio.sleep(0))
        loop.close()


async def _awaited(awaitable: Awaitable[T]) -> T:
    return await awaitable


def virtual(
    test: Callable[Concatenate[VirtualClock, P], Awaitable[None]],
) -> Callable[P, None]:
    """Turn an async test, whose first argument is the clock, into one that runs in virtual time."""

    @functools.wraps(test)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        run_virtual(lambda clock: test(clock, *args, **kwargs))

    # pytest must not look for a fixture called "clock".
    signature = inspect.signature(test)
    rest = list(signature.parameters.values())[1:]
    vars(run)["__signature__"] = signature.replace(parameters=rest, return_annotation=None)
    del vars(run)["__wrapped__"]
    return run


async def settle() -> None:
    """Let everything that is ready run, without any time passing."""
    for _ in range(20):
        await asyncio.sleep(0)


# -- a server of tickets --------------------------------------------------------------------------


@dataclass(frozen=True)
class Reply:
    """How the server answers one request.

    Attributes:
        lifetime: true seconds the ticket lives.
        latency: seconds until the server acts, and the same again until the answer arrives.
        error: raised instead of an answer.
        date: whether the server says what time it is.
        floor_date: whether that is cut to whole seconds, as an HTTP header is.
        date_lag: seconds by which the server's ``Date`` is cached.
        hang: never answer.
        expires_at: sent instead of the true expiry.
        value: the ticket; made up when None.
    """

    lifetime: float = 300.0
    latency: float = 0.05
    error: Exception | None = None
    date: bool = True
    floor_date: bool = False
    date_lag: float = 0.0
    hang: bool = False
    expires_at: float | None = None
    value: str | None = None


@dataclass
class TicketRequestRecord:
    """One request, in true (boot) time.

    Attributes:
        at: when it was sent.
        token: with which token.
        ended: when it was answered or given up; None while it is under way.
        granted: the ticket, if there was one.
        error: what was raised, if anything.
    """

    at: float
    token: str
    ended: float | None = None
    granted: str | None = None
    error: BaseException | None = None


@dataclass
class FakeTicketServer:
    """A ticket source that answers from a script, and knows the truth about what it gave out.

    Attributes:
        clock: true time.
        skew: how far the server's clock is ahead of the truth.
        script: replies for the next requests; then ``default``.
        single_use: whether a handshake burns its ticket.
        requests: every request, in order.
    """

    clock: VirtualClock
    skew: float = 0.0
    script: Iterator[Reply] = field(default_factory=lambda: iter(()))
    default: Reply = field(default_factory=Reply)
    single_use: bool = False
    requests: list[TicketRequestRecord] = field(default_factory=list)
    expiries: dict[str, float] = field(default_factory=dict)
    owners: dict[str, str] = field(default_factory=dict)
    spent: set[str] = field(default_factory=set)
    forgotten: set[str] = field(default_factory=set)
    most_in_flight: int = 0
    _numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    async def fetch(self, auth: AuthData) -> TicketGrant:
        token = auth.user_mp_auth_token.reveal()
        record = TicketRequestRecord(self.clock.boot(), token)
        self.requests.append(record)
        flying = sum(r.ended is None and r.token == token for r in self.requests[-50:])
        self.most_in_flight = max(self.most_in_flight, flying)
        try:
            grant = await self._answer(next(self.script, self.default), token)
        except BaseException as error:
            record.error = error
            raise
        else:
            record.granted = grant.value.reveal()
            return grant
        finally:
            record.ended = self.clock.boot()

    async def _answer(self, reply: Reply, token: str) -> TicketGrant:
        if reply.hang:
            await asyncio.get_running_loop().create_future()
        if reply.latency:
            await asyncio.sleep(reply.latency)
        if reply.error is not None:
            raise reply.error
        value = reply.value or f"TICKET-CANARY-{next(self._numbers)}-{random.getrandbits(32):08x}"
        truth = self.clock.true()
        self.expiries[value] = truth + reply.lifetime
        self.owners[value] = token
        shown = truth + self.skew
        expires_at = shown + reply.lifetime if reply.expires_at is None else reply.expires_at
        date = math.floor(shown) if reply.floor_date else shown
        if reply.latency:
            await asyncio.sleep(reply.latency)
        return TicketGrant(
            Secret(value), expires_at, date - reply.date_lag if reply.date else None, "request"
        )

    def handshake(self, value: str) -> str:
        """Look at a ticket as a WebSocket server does: ``ok``, or why not."""
        if value not in self.expiries or value in self.forgotten:
            return "invalid"
        if self.clock.true() >= self.expiries[value]:
            return "expired"
        if self.single_use:
            if value in self.spent:
                return "used"
            self.spent.add(value)
        return "ok"

    def sent_at(self) -> list[float]:
        """When each request was sent."""
        return [record.at for record in self.requests]

    def in_budget(self, burst: float = 10.0, rate: float = 0.5) -> bool:
        """Say whether no window of any length holds more than ``burst + rate * length``."""
        # The fill level of a bucket that is drained at `rate`: its maximum over all windows.
        level = 0.0
        previous: float | None = None
        for at in self.sent_at():
            if previous is not None:
                level = max(0.0, level - (at - previous) * rate)
            level += 1.0
            previous = at
            if level > burst + 1e-6:
                return False
        return True


def failure(kind: str, *, retry_after: float | None = None) -> Exception:
    """Return a fresh error of a kind that a source may raise."""
    match kind:
        case "rate":
            return RateLimited("slow down", retry_after=retry_after)
        case "unavailable":
            return ServerError("later", status=503, retry_after=retry_after)
        case "server":
            return ServerError("broken", status=500)
        case "missing":
            return RequestRejected("no such user", status=404)
        case _:
            return OSError(111, "refused")


# -- everything that anybody could see ------------------------------------------------------------


class Captured(logging.Handler):
    """Collects every log record of every logger at DEBUG, as text, tracebacks included."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        text = record.getMessage() + repr(record.args)
        if record.exc_info and record.exc_info[1]:
            text += visible(record.exc_info[1])
        self.lines.append(text)

    @classmethod
    @contextmanager
    def all_logs(cls) -> Iterator[Captured]:
        """Capture while the block runs."""
        handler, root = cls(), logging.getLogger()
        level = root.level
        root.addHandler(handler)
        root.setLevel(logging.DEBUG)
        try:
            yield handler
        finally:
            root.removeHandler(handler)
            root.setLevel(level)


def visible(value: Any) -> str:
    """Return everything a crash report could show of ``value``, the tests' own frames left out."""
    text = f"{value!r} {value!s}"
    if isinstance(value, TuiChatError):
        text += repr(value.__dict__)
    if isinstance(value, BaseException):
        report = traceback.TracebackException.from_exception(value, capture_locals=True)
        _leave_out_tests(report)
        text += "".join(report.format())
    return text


def _leave_out_tests(report: traceback.TracebackException | None) -> None:
    if report is not None:
        report.stack = traceback.StackSummary.from_list(
            [frame for frame in report.stack if f"{os.sep}tests{os.sep}" not in frame.filename]
        )
        _leave_out_tests(report.__cause__)
        _leave_out_tests(report.__context__)
