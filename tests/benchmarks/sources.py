"""Tickets without a server, and a clock that can be set forward."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from tui_chat.clock import Clock, SystemClock
from tui_chat.secret import Secret
from tui_chat.ticket import AuthData, TicketGrant

__all__ = ["AUTH", "LIFETIME", "ForwardClock", "Grants"]

AUTH = AuthData("token-for-benchmarks", "key-for-benchmarks")
LIFETIME = 3600.0
"""Seconds."""


class ForwardClock(SystemClock):
    """The machine's clocks, set forward by hand."""

    def __init__(self) -> None:
        super().__init__()
        self.ahead = 0.0

    def wall(self) -> float:
        return super().wall() + self.ahead

    def boot(self) -> float:
        return super().boot() + self.ahead


class Grants:
    """A ticket source that answers from memory.

    Args:
        clock: tells when tickets end.
        delay: awaited before each answer.

    Attributes:
        requests: how often it was asked.
    """

    def __init__(self, clock: Clock, delay: Callable[[], Awaitable[object]] | None = None) -> None:
        self._clock = clock
        self._delay = delay or (lambda: asyncio.sleep(0))
        self.requests = 0

    async def fetch(self, auth: AuthData) -> TicketGrant:
        self.requests += 1
        number = self.requests
        await self._delay()
        now = self._clock.wall()
        return TicketGrant(Secret(f"ticket-for-benchmarks-{number}"), now + LIFETIME, now)
