"""What goes wrong in a chaos run. A fault is over when its function returns."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

from tests.chaos.processes import TheClient, TheServer
from tui_chat.testing import FaultProxy, Faults, Flow, SlowStart

__all__ = ["FAULTS", "Scene", "draw"]

NOTICED: Final = 26.0
"""Seconds within which a client notices a half-open link by itself."""


@dataclass(frozen=True)
class Scene:
    """Those to whom it happens.

    Attributes:
        server: the server's process.
        client: the process of one client; what happens to the network happens to all.
        proxy: the network between them.
        rng: draws how, and how long.
        long: whether there is time for what takes half a minute.
    """

    server: TheServer
    client: TheClient
    proxy: FaultProxy
    rng: random.Random
    long: bool

    async def last(self, least: float, most: float) -> None:
        """Let it last for a time drawn from this range, in seconds."""
        await asyncio.sleep(self.rng.uniform(least, most))

    async def network(self, faults: Faults, least: float, most: float) -> None:
        """Let the network be so for a while."""
        self.proxy.faults = faults
        try:
            await self.last(least, most)
        finally:
            self.proxy.faults = Faults()


async def _cut(scene: Scene) -> None:
    """The connection ends in the middle of a frame, in one direction or the other."""
    flow = Flow(cut_after=scene.rng.randint(0, 6_000), ending=scene.rng.choice(("close", "reset")))
    await scene.network(
        Faults(up=flow) if scene.rng.random() < 0.5 else Faults(down=flow), 0.3, 1.5
    )


async def _reset(scene: Scene) -> None:
    scene.proxy.reset_all()


async def _half_open(scene: Scene) -> None:
    """Nothing goes through, and nobody is told; then it does again, or the link is gone."""
    scene.proxy.half_open()
    if scene.long and scene.rng.random() < 0.2:
        await asyncio.sleep(NOTICED)
    else:
        await scene.last(0.2, 3)
    if scene.rng.random() < 0.5:
        scene.proxy.resume()
    else:
        scene.proxy.reset_all()


async def _delay(scene: Scene) -> None:
    latency = scene.rng.uniform(0.02, 0.4)
    await scene.network(Faults(latency=latency, jitter=latency / 2), 0.5, 2)


async def _throttle(scene: Scene) -> None:
    await scene.network(Faults(bandwidth=scene.rng.uniform(500, 20_000)), 0.5, 2)


async def _slow_start(scene: Scene) -> None:
    start = SlowStart(scene.rng.uniform(0, 1), scene.rng.randint(0, 50))
    scene.proxy.reset_all()
    await scene.network(Faults(slow_start=start), 0.5, 1.5)


async def _refuse(scene: Scene) -> None:
    await scene.proxy.refuse()
    try:
        scene.proxy.reset_all()
        await scene.last(0.2, 2)
    finally:
        await scene.proxy.accept()


async def _black_hole(scene: Scene) -> None:
    scene.proxy.reset_all()
    await scene.network(Faults(mode="black_hole"), 0.2, 2)
    scene.proxy.reset_all()


async def _accept_close(scene: Scene) -> None:
    scene.proxy.reset_all()
    await scene.network(Faults(mode="accept_close"), 0.2, 1)


async def _accept_reset(scene: Scene) -> None:
    scene.proxy.reset_all()
    await scene.network(Faults(mode="accept_reset"), 0.2, 1)


async def _server_killed(scene: Scene) -> None:
    """Half of the time nobody answers meanwhile, else something does that cannot help."""
    await scene.server.kill()
    refused = scene.rng.random() < 0.5
    if refused:
        await scene.proxy.refuse()
    try:
        await scene.last(0, 1)
        await scene.server.start()
    finally:
        await scene.proxy.accept()


async def _server_restarted(scene: Scene) -> None:
    await scene.server.stop()
    await scene.last(0, 0.5)
    await scene.server.start()


async def _server_frozen(scene: Scene) -> None:
    await scene.server.freeze(scene.rng.uniform(0.2, 2))


async def _client_killed(scene: Scene) -> None:
    await scene.client.kill()
    await scene.last(0, 0.5)
    await scene.client.start()


async def _client_killed_twice(scene: Scene) -> None:
    """The second time while it takes over what the first one left."""
    await _client_killed(scene)
    await scene.last(0, 0.3)
    await _client_killed(scene)


async def _client_frozen(scene: Scene) -> None:
    await scene.client.freeze(scene.rng.uniform(0.2, 2))


async def _both_killed(scene: Scene) -> None:
    await asyncio.gather(scene.server.kill(), scene.client.kill())
    await scene.last(0, 0.3)
    await asyncio.gather(scene.server.start(), scene.client.start())


async def _killed_on_a_slow_line(scene: Scene) -> None:
    """Frames are half on the way, or a whole way behind, when one side is killed.

    A message whose answer is late has been applied, and its client knows nothing of it.
    """
    late = Flow(latency=scene.rng.uniform(0.5, 2))
    scene.proxy.faults = scene.rng.choice(
        (Faults(bandwidth=5_000), Faults(up=late), Faults(down=late), Faults(down=late))
    )
    try:
        await scene.last(0.1, 0.5)
        await scene.rng.choice((_client_killed, _server_killed, _both_killed))(scene)
    finally:
        scene.proxy.faults = Faults()


FAULTS: Final[dict[str, tuple[int, Callable[[Scene], Awaitable[None]]]]] = {
    "cut": (4, _cut),
    "reset": (3, _reset),
    "half-open": (3, _half_open),
    "delay": (2, _delay),
    "throttle": (2, _throttle),
    "slow start": (1, _slow_start),
    "refuse": (2, _refuse),
    "black hole": (2, _black_hole),
    "accept and close": (1, _accept_close),
    "accept and reset": (1, _accept_reset),
    "server killed": (4, _server_killed),
    "server restarted": (1, _server_restarted),
    "server frozen": (1, _server_frozen),
    "client killed": (4, _client_killed),
    "client killed twice": (1, _client_killed_twice),
    "client frozen": (1, _client_frozen),
    "both killed": (2, _both_killed),
    "killed on a slow line": (5, _killed_on_a_slow_line),
}
"""By name, how often it is drawn and what it does."""


def draw(rng: random.Random) -> str:
    """Return the name of a fault."""
    return rng.choices(list(FAULTS), [weight for weight, _ in FAULTS.values()])[0]
