"""What ten processes of one user cost, each with a ticket manager of its own.

The peer is one process whose ten clients share a pool, and with it one ticket manager. Ticket
requests of an hour are counted in virtual time, against a ticket server that lives in memory; the
rest is measured on real processes that are connected and idle.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import Sequence
from typing import Any, Final

from tests.benchmarks.measure import Benchmark, Effort, Row, Sample
from tests.benchmarks.processes import Child, Usage, running_child
from tests.benchmarks.sources import AUTH
from tests.virtual import FakeTicketServer, Reply, VirtualClock, run_virtual
from tui_chat.ticket import TicketManager

__all__ = ["BENCHMARK"]

PROCESSES: Final = 10
IDLE: Final = 20.0
"""Seconds for which they are watched."""
HOURS: Final = 10
TTL: Final = 300.0
"""Seconds a ticket lives, as servers have it by default."""


def _requests_per_hour(managers: int) -> float:
    """Return how often managers that keep a ticket ready ask for one."""

    async def hours(clock: VirtualClock) -> float:
        server = FakeTicketServer(clock, default=Reply(lifetime=TTL))
        async with contextlib.AsyncExitStack() as stack:
            for number in range(managers):
                manager = TicketManager(
                    AUTH, "", source=server, clock=clock, rng=random.Random(number)
                )
                await stack.enter_async_context(manager)
                await manager.get_valid_ticket()
                manager.start_proactive_renewal()
            await asyncio.sleep(HOURS * 3600)
        return len(server.requests) / HOURS

    return run_virtual(hours)


class _Group:
    """A server and the client processes that are connected to it, and nobody else."""

    def __init__(self, server: Child, clients: Sequence[Child]) -> None:
        self._server = server
        self._clients = clients
        self.counts: dict[str, Any] = {}
        self.cpu = self.server_cpu = 0.0
        self.rss: float | None = None

    async def _usages(self) -> tuple[Usage, list[Usage]]:
        return await self._server.ask("usage"), [await c.ask("usage") for c in self._clients]

    async def watch(self, seconds: float) -> None:
        """Let them idle; note what that took, in milliseconds of a core a second."""
        before, each_before = await self._usages()
        await self._usages()  # what asking costs by itself
        own, each_own = await self._usages()
        await asyncio.sleep(seconds)
        after, each_after = await self._usages()
        self.counts = await self._server.ask("counts")

        def spent(first: Usage, second: Usage, last: Usage) -> float:
            asking = (second["cpu"] - first["cpu"]) / 2
            return max(float(last["cpu"] - second["cpu"] - asking), 0.0) / seconds * 1000

        self.server_cpu = spent(before, own, after)
        self.cpu = sum(map(spent, each_before, each_own, each_after))
        sizes = [usage["rss"] for usage in each_after]
        self.rss = None if None in sizes else sum(sizes)


async def _group(stack: contextlib.AsyncExitStack, *, kind: str, processes: int) -> _Group:
    server = await stack.enter_async_context(running_child("chat_server"))
    options = await server.ask("options")
    clients = []
    for _ in range(processes):
        child = await stack.enter_async_context(running_child("clients"))
        await child.ask("open", kind=kind, count=PROCESSES // processes, options=options)
        clients.append(child)
    return _Group(server, clients)


async def measure(effort: Effort) -> list[Row]:
    """Count in virtual time; then watch both groups at the same time, each with its own server."""
    # In a thread: the virtual loop cannot run inside this one.
    hourly = await asyncio.to_thread(_requests_per_hour, PROCESSES)
    pooled = await asyncio.to_thread(_requests_per_hour, 1)
    async with contextlib.AsyncExitStack() as stack:
        ten = await _group(stack, kind="ours", processes=PROCESSES)
        pool = await _group(stack, kind="pool", processes=1)
        seconds = IDLE if not effort.quick else 1.0
        await asyncio.gather(ten.watch(seconds), pool.watch(seconds))

    def row(what: str, unit: str, ours: float, peer: float, note: str = "") -> Row:
        name = f"ten processes: {what}"
        # Nothing is divided by nothing: an idle process may have used no measurable time.
        other = Sample([peer]) if peer else None
        return Row(name, unit, Sample([ours]), other, _PEER if other else "", note=note)

    rows = [
        row("ticket requests an hour", "requests", hourly, pooled, f"tickets that live {TTL:g} s"),
        row(
            "ticket requests to connect", "requests", ten.counts["tickets"], pool.counts["tickets"]
        ),
        row("sockets at the server", "sockets", ten.counts["sockets"], pool.counts["sockets"]),
        row("CPU of the clients", "ms/s", ten.cpu, pool.cpu, f"idle, over {seconds:g} s, together"),
        row("CPU of the server", "ms/s", ten.server_cpu, pool.server_cpu, "likewise"),
    ]
    if ten.rss is not None and pool.rss is not None:
        note = "pages that processes share are counted in each"
        rows.append(row("memory of the clients", "MiB", ten.rss / 2**20, pool.rss / 2**20, note))
    return rows


_PEER: Final = "one process with a pool of ten conversations"

BENCHMARK = Benchmark("ten_processes", "ten processes of one user, each with its tickets", measure)
