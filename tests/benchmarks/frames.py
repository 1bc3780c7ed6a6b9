"""Frames a second from a socket to the reducer, against a bare receive loop on the same frames.

The sender is a process of its own and writes each reply in one piece, so it always has more to
give than anybody takes. Both sides ask it for a reply and stop the clock at its last frame.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from websockets.asyncio.client import connect

from tests.benchmarks.measure import Benchmark, Effort, Row, Sample, Target
from tests.benchmarks.processes import running_child
from tests.benchmarks.sources import Grants
from tests.benchmarks.wire import ENDING
from tui_chat import WebSocketChatClient
from tui_chat.clock import SystemClock

__all__ = ["BENCHMARK"]

FRAMES = 20_000
ROUNDS = 15
PATIENCE = 60.0
"""Seconds a reply may take."""

Receiving = Callable[[], Awaitable[object]]


@dataclass
class _Side:
    """One receiver: how to take in one reply, and how fast that went."""

    receive: Receiving
    wall: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)

    async def round(self, frames: int) -> None:
        """Take in a reply; note the frames a second, of time and of this process's work."""
        gc.collect()
        began, worked = time.perf_counter_ns(), time.process_time_ns()
        async with asyncio.timeout(PATIENCE):
            await self.receive()
        self.wall.append(frames / (time.perf_counter_ns() - began) * 1e9)
        self.cpu.append(frames / (time.process_time_ns() - worked) * 1e9)


class _Client(WebSocketChatClient):
    """Knows when the last frame of a reply has gone all the way."""

    def __init__(self) -> None:
        super().__init__(source=Grants(SystemClock()))
        self.ended = asyncio.Event()

    def thread_named(self, provider_res_id: str) -> None:
        super().thread_named(provider_res_id)
        self.ended.set()

    async def reply(self) -> None:
        """Ask for a reply and wait until it is in the conversation."""
        self.ended.clear()
        await self.on_trigger_message("go")
        await self.ended.wait()


@asynccontextmanager
async def _client(url: str, *, readers: int) -> AsyncIterator[Receiving]:
    client = _Client()
    await client.on_init(
        chat_server_url=url,
        user_mp_auth_token="token-for-benchmarks",
        chat_server_key="key-for-benchmarks",
    )
    reading = [asyncio.create_task(_read(client)) for _ in range(readers)]
    try:
        yield client.reply
    finally:
        await client.disconnect()
        await asyncio.gather(*reading)


async def _read(client: WebSocketChatClient) -> None:
    async for _ in client.events():
        pass


@asynccontextmanager
async def _bare(url: str, frames: int) -> AsyncIterator[Receiving]:
    address = f"ws{url.removeprefix('http')}/ws"
    async with connect(address, proxy=None, ping_interval=None, close_timeout=0.2) as socket:
        await socket.recv()

        async def reply() -> None:
            await socket.send("go")
            for _ in range(frames):
                await socket.recv(decode=False)

        yield reply


async def measure(effort: Effort) -> list[Row]:
    """Three receivers by turns: a bare one, ours, and ours with somebody who reads its events."""
    count = effort.size(FRAMES)
    frames = count + len(ENDING)
    async with contextlib.AsyncExitStack() as stack:
        sender = await stack.enter_async_context(running_child("sender", str(count)))
        url = f"http://127.0.0.1:{(await sender.ask('port'))['port']}"
        bare = _Side(await stack.enter_async_context(_bare(url, frames)))
        ours = _Side(await stack.enter_async_context(_client(url, readers=0)))
        read = _Side(await stack.enter_async_context(_client(url, readers=1)))
        sides = [bare, ours, read]
        for number in range(effort.rounds(ROUNDS) + 1):
            for side in sides[number % 3 :] + sides[: number % 3]:
                await side.round(frames)
    for side in sides:
        del side.wall[0], side.cpu[0]  # the round that only warms up
    target, unit = Target(0.7, "at_least"), "frames/s"
    peer = "websockets: recv(decode=False) in a loop"
    return [
        Row(
            "socket to reducer", unit, Sample(ours.wall), Sample(bare.wall), peer, target,
            note="wall time",
        ),
        Row(
            "socket to reducer, by CPU time", unit, Sample(ours.cpu), Sample(bare.cpu), peer,
            target, note="the same rounds; what else runs on the machine does not count here",
        ),
        Row(
            "socket to a reader of events()", unit, Sample(read.cpu), Sample(bare.cpu), peer,
            note="CPU time, the reader's included",
        ),
    ]  # fmt: skip


BENCHMARK = Benchmark("frames", "from a loopback socket into the conversation", measure)
