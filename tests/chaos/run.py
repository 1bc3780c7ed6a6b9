"""One chaos run: faults drawn from a seed while a client types, then silence, then the count."""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
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
            client = TheClient(
                folder, server, proxy.url, seed=plan.seed, rate=plan.rate, patience=plan.patience
            )
            try:
                await client.start()
                scene = Scene(server, client, proxy, rng, long=plan.seconds >= 120)
                injected, recoveries = await _trouble(plan, scene, say)
                say("The faults are over; what is left is sent.")
                await client.drain(DRAIN)
                await client.stop()
            finally:
                await client.kill()
        await server.stop()
    finally:
        await server.kill()
    return await judge(
        client.entries(),
        server.data,
        client.store,
        deduplicating=plan.deduplicating,
        injected=injected,
        recoveries=recoveries,
    )


async def _trouble(
    plan: Plan, scene: Scene, say: Callable[[str], object]
) -> tuple[Counter[str], list[float]]:
    """Make faults for as long as the plan says; return how many, and how long recoveries took."""
    injected: Counter[str] = Counter()
    recoveries: list[float] = []
    begin = time.monotonic()
    if await scene.client.arrived(begin, RECOVERY) is None:
        raise Broken("nothing arrives even before anything has gone wrong")
    while time.monotonic() < begin + plan.seconds:
        await scene.last(0.05, 1.5)
        name = draw(scene.rng)
        injected[name] += 1
        struck = time.monotonic()
        await FAULTS[name][1](scene)
        last = time.monotonic() >= begin + plan.seconds
        if scene.rng.random() < HASTE and not last:
            continue
        # Starting a process belongs to the recovery.
        spawned = (each.spawned for each in (scene.server, scene.client))
        over = min([time.monotonic(), *(at for at in spawned if at > struck)])
        arrived = await scene.client.arrived(over, RECOVERY)
        if arrived is None:
            raise Broken(f"{RECOVERY:g} s after {name!r} was over still nothing arrives")
        recoveries.append(arrived - over)
        say(f"{over - begin:6.1f} s  {name}: {arrived - over:.2f} s until messages arrive again")
    return injected, recoveries
