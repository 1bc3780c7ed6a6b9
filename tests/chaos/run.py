"""One chaos run: faults drawn from a seed while a client types, then silence, then the count."""

from __future__ import annotations

import asyncio
import itertools
import random
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from tests.chaos.faults import FAULTS, Scene, draw
from tests.chaos.processes import Broken, TheClient, TheServer
from tests.chaos.verdict import Outcome, judge
from tui_chat.testing import FaultProxy

__all__ = ["Plan", "run"]

RECOVERY: Final = 75.0
"""Seconds within which messages must arrive again once a fault is over: the longest backoff, a
connect and a session that time out, and the handshake budget."""
DRAIN: Final = 180.0
"""Seconds that the end may take."""
CLIENTS: Final = 2
"""Programs of the same user that run at the same time, with one store."""
HASTE: Final = 0.25
"""Share of faults that are followed by the next one whether or not the client has recovered."""


@dataclass(frozen=True)
class Plan:
    """What is to be tried.

    Attributes:
        seconds: how long faults are made.
        seed: everything that is drawn is drawn from it.
        deduplicating: whether the server tells repeats apart.
        rate: messages a second that are typed.
        patience: seconds that the history is asked at the end about what is unknown.
    """

    seconds: float
    seed: int
    deduplicating: bool
    rate: float = 8.0
    patience: float = 65.0


async def run(plan: Plan, folder: Path, say: Callable[[str], object]) -> Outcome:
    """Carry out a plan. Nothing is left running afterwards, however this ends.

    Args:
        plan: the plan.
        folder: for databases, journals and logs; an empty one.
        say: told how it goes, a line at a time.

    Raises:
        Broken: if a process of the run itself broke.
    """
    server = TheServer(folder, deduplicating=plan.deduplicating)
    await server.start()
    rng = random.Random(plan.seed)
    try:
        jitter = random.Random(plan.seed)
        async with FaultProxy.running("127.0.0.1", server.port, rng=jitter) as proxy:
            options = {"seed": plan.seed, "rate": plan.rate / CLIENTS, "patience": plan.patience}
            numbers = itertools.count(1)
            clients = [
                TheClient(folder, numbers, server, proxy.url, **options) for _ in range(CLIENTS)
            ]
            try:
                for client in clients:
                    await client.start()
                scene = Scene(server, clients[0], proxy, rng, long=plan.seconds >= 120)
                injected, recoveries = await _trouble(plan, scene, clients, say)
                say("The faults are over; what is left is sent.")
                await asyncio.gather(*(client.drain(DRAIN) for client in clients))
                for client in clients:
                    await client.stop()
            finally:
                for client in clients:
                    await client.kill()
        await server.stop()
    finally:
        await server.kill()
    return await judge(
        [entries for client in clients for entries in client.entries()],
        server.data,
        clients[0].store,
        deduplicating=plan.deduplicating,
        injected=injected,
        recoveries=recoveries,
    )


async def _trouble(
    plan: Plan, scene: Scene, clients: Sequence[TheClient], say: Callable[[str], object]
) -> tuple[Counter[str], list[float]]:
    """Make faults for as long as the plan says; return how many, and how long recoveries took."""
    injected: Counter[str] = Counter()
    recoveries: list[float] = []
    begin = time.monotonic()
    if await _arrived(clients, begin) is None:
        raise Broken("nothing arrives even before anything has gone wrong")
    while time.monotonic() < begin + plan.seconds:
        await scene.last(0.05, 1.5)
        name = draw(scene.rng)
        injected[name] += 1
        struck = time.monotonic()
        await FAULTS[name][1](replace(scene, client=scene.rng.choice(clients)))
        last = time.monotonic() >= begin + plan.seconds
        if scene.rng.random() < HASTE and not last:
            continue
        # Starting a process belongs to the recovery.
        spawned = (each.spawned for each in (scene.server, *clients))
        over = min([time.monotonic(), *(at for at in spawned if at > struck)])
        arrived = await _arrived(clients, over)
        if arrived is None:
            raise Broken(f"{RECOVERY:g} s after {name!r} was over still nothing arrives")
        recoveries.append(arrived - over)
        say(f"{over - begin:6.1f} s  {name}: {arrived - over:.2f} s until messages arrive again")
    return injected, recoveries


async def _arrived(clients: Sequence[TheClient], after: float) -> float | None:
    """Return when a message of each client had arrived after a moment; None if that is too late."""
    found = await asyncio.gather(*(client.arrived(after, RECOVERY) for client in clients))
    times = [at for at in found if at is not None]
    return max(times) if len(times) == len(clients) else None
