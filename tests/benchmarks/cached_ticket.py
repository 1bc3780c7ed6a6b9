"""``get_valid_ticket`` on a valid ticket, against a coroutine that does nothing."""

from __future__ import annotations

from tests.benchmarks.measure import Benchmark, Effort, Row, Target, paired_async, timed_async
from tests.benchmarks.sources import AUTH, Grants
from tui_chat.clock import SystemClock
from tui_chat.ticket import TicketManager

__all__ = ["BENCHMARK"]

CALLS = 10_000
ROUNDS = 61


async def _nothing() -> str:
    return "ticket"


async def measure(effort: Effort) -> list[Row]:
    """Await each in a loop; the loop's own cost is in both."""
    calls = effort.size(CALLS)
    async with TicketManager(AUTH, "", source=Grants(SystemClock())) as manager:
        await manager.get_valid_ticket()

        async def ours() -> None:
            for _ in range(calls):
                await manager.get_valid_ticket()

        async def peer() -> None:
            for _ in range(calls):
                await _nothing()

        both = await paired_async(
            lambda: timed_async(ours), lambda: timed_async(peer), effort.rounds(ROUNDS)
        )
    mine, theirs = both.samples(lambda nanoseconds: nanoseconds / calls)
    return [
        Row(
            "get_valid_ticket, valid ticket",
            "ns",
            mine,
            theirs,
            "an awaited coroutine that returns a constant",
            Target(5.0, "at_most"),
            note="one call; the original took 239 ns on its machine",
        )
    ]


BENCHMARK = Benchmark(
    "cached_ticket", "a ticket in hand is handed out at once", measure, cheap=True
)
