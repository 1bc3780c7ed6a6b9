"""10,000 callers ask at the same moment for a ticket, and the one in hand has expired."""

from __future__ import annotations

import asyncio

from tests.benchmarks.measure import (
    Benchmark,
    Effort,
    Row,
    Sample,
    Target,
    paired_async,
    timed_async,
)
from tests.benchmarks.sources import AUTH, LIFETIME, ForwardClock, Grants
from tui_chat.ticket import TicketManager

__all__ = ["BENCHMARK"]

CALLERS = 10_000
ROUNDS = 15


async def measure(effort: Effort) -> list[Row]:
    """Start all of them as tasks and wait for all; the source answers once everybody waits."""
    callers = effort.size(CALLERS)
    clock = ForwardClock()
    waiting = asyncio.Event()
    waiting.set()
    source = Grants(clock, waiting.wait)
    requests: list[float] = []

    async def release() -> None:
        await asyncio.sleep(0)  # by now every task has asked
        await asyncio.sleep(0)
        waiting.set()

    async with TicketManager(AUTH, "", source=source, clock=clock) as manager:
        await manager.get_valid_ticket()

        async def asked() -> None:
            tickets = await asyncio.gather(
                *(manager.get_valid_ticket() for _ in range(callers)), release()
            )
            assert len(set(tickets[:-1])) == 1

        async def ours() -> float:
            clock.ahead += 2 * LIFETIME
            waiting.clear()
            before = source.requests
            nanoseconds = await timed_async(asked)
            requests.append(source.requests - before)
            return nanoseconds

        async def idle() -> None:
            answer: asyncio.Future[str] = asyncio.get_running_loop().create_future()

            async def wait() -> str:
                await waiting.wait()
                return await answer

            waiting.clear()
            tasks = asyncio.gather(*(wait() for _ in range(callers)), release())
            answer.set_result("ticket")
            await tasks

        both = await paired_async(ours, lambda: timed_async(idle), effort.rounds(ROUNDS))
    mine, theirs = both.samples(lambda nanoseconds: nanoseconds / callers / 1000)
    return [
        Row(
            f"{callers:,} callers, expired ticket: requests",
            "requests",
            Sample(requests),
            target=Target(1.0, "exactly", "median"),
        ),
        Row(
            f"{callers:,} callers, expired ticket: per caller",
            "us",
            mine,
            theirs,
            "as many tasks that wait for one event",
            Target(50.0, "at_most", "median"),
            note="from the first task made to the last one done",
        ),
    ]


BENCHMARK = Benchmark("concurrent_callers", "one request for everybody who waits", measure)
