"""One connection through the fault proxy."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from typing import Final

from tui_chat.testing.faults import Counters, Direction, Ending, Faults, Flow, SlowStart
from tui_chat.testing.wire import CHUNK, Wire

__all__ = ["Relay"]

IN_FLIGHT: Final = 256
"""Pieces of up to 64 KiB that may be on the way in one direction before reading stops."""

SLICE: Final = 0.02
"""Seconds of bandwidth that are passed on at a time."""


class _Cut(Exception):
    """The connection is to end now."""

    def __init__(self, ending: Ending) -> None:
        super().__init__(ending)
        self.ending: Ending = ending


class Relay:
    """Passes bytes between a client and the server, and does to them what the faults say.

    Args:
        client: the client's connection.
        server: the connection to the server.
        faults: returns the faults that hold at the moment.
        counters: notes what is done.
        rng: draws the jitter.
    """

    def __init__(
        self,
        client: Wire,
        server: Wire,
        *,
        faults: Callable[[], Faults],
        counters: Counters,
        rng: random.Random,
    ) -> None:
        self._client = client
        self._server = server
        self._faults = faults
        self._counters = counters
        self._rng = rng
        self._slow_start = faults().slow_start
        self._passed: dict[Direction, int] = {"up": 0, "down": 0}
        self._flowing = asyncio.Event()
        self._flowing.set()
        self._tasks: list[asyncio.Task[None]] = []

    async def run(self) -> None:
        """Return when both sides have said all, or the connection was ended; both are closed."""
        self._start("up", self._client, self._server)
        self._start("down", self._server, self._client)
        try:
            await asyncio.wait(self._tasks, return_when=asyncio.FIRST_EXCEPTION)
        finally:
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._ending() == "reset":
            self.reset()
        else:
            await asyncio.gather(self._client.finish(), self._server.finish())

    def reset(self) -> None:
        """End it now with RST to both sides; what is on the way is lost."""
        for wire in (self._client, self._server):
            wire.reset()
        for task in self._tasks:
            task.cancel()

    def stop_flow(self) -> None:
        """Pass on nothing any more, not even that a side closed; nothing is closed."""
        self._flowing.clear()

    def resume_flow(self) -> None:
        """Pass on again, with what came in meanwhile."""
        self._flowing.set()

    def _start(self, direction: Direction, source: Wire, sink: Wire) -> None:
        pipe: _Pipe = asyncio.Queue(IN_FLIGHT)
        self._tasks += [
            asyncio.create_task(self._take(direction, source, pipe)),
            asyncio.create_task(self._give(direction, sink, pipe)),
        ]

    def _ending(self) -> Ending:
        """Return how the connection has to end, by how the tasks ended."""
        for task in self._tasks:
            error = None if not task.done() or task.cancelled() else task.exception()
            if isinstance(error, _Cut):
                return error.ending
            if isinstance(error, OSError):
                return "reset"  # what one side did is passed on
            if error is not None:
                raise error
        return "close"

    async def _take(self, direction: Direction, source: Wire, pipe: _Pipe) -> None:
        """Read, and note for each piece when it is to arrive."""
        loop = asyncio.get_running_loop()
        latest = 0.0
        data = b"?"
        while data:
            try:
                data = await source.reader.read(CHUNK)
            except OSError:
                await self._flowing.wait()
                raise
            flow = self._faults().flow(direction)
            delay = flow.latency + (self._rng.random() * flow.jitter if flow.jitter else 0.0)
            if delay and data:
                self._counters.count("latency")
            latest = max(latest, loop.time() + delay)
            await pipe.put((latest, data))

    async def _give(self, direction: Direction, sink: Wire, pipe: _Pipe) -> None:
        """Write each piece when its time has come, slowly where bandwidth is short."""
        loop = asyncio.get_running_loop()
        while True:
            due, data = await pipe.get()
            await _sleep_until(loop, due)
            await self._flowing.wait()
            if not data:
                if not sink.send_eof():
                    raise _Cut("close")
                return
            if direction == "down" and self._slow_start is not None:
                data = await self._start_slowly(sink, data, self._slow_start)
            await self._pass_on(direction, sink, data)

    async def _start_slowly(self, sink: Wire, data: bytes, start: SlowStart) -> bytes:
        """Pass on what belongs to the beginning; return the rest."""
        if not self._passed["down"]:
            self._counters.count("slow_start")
            await asyncio.sleep(start.delay)
        count = min(start.count - self._passed["down"], len(data))
        for position in range(count):
            await self._pass_on("down", sink, data[position : position + 1])
            await asyncio.sleep(start.interval)
        return data[max(count, 0) :]

    async def _pass_on(self, direction: Direction, sink: Wire, data: bytes) -> None:
        while data:
            flow = self._faults().flow(direction)
            size = len(data)
            if flow.bandwidth is not None:
                size = min(size, max(1, int(flow.bandwidth * SLICE)))
                self._counters.count("bandwidth")
                await asyncio.sleep(size / flow.bandwidth)
            await self._flowing.wait()
            size = min(size, self._left_before_cut(direction, flow))
            if size:
                await sink.send(data[:size])
                self._counters.passed(direction, size)
                self._passed[direction] += size
                data = data[size:]
            if self._left_before_cut(direction, flow) <= 0:
                self._counters.count("cut")
                raise _Cut(flow.ending)

    def _left_before_cut(self, direction: Direction, flow: Flow) -> int:
        if flow.cut_after is None:
            return CHUNK
        return max(0, flow.cut_after - self._passed[direction])


_Pipe = asyncio.Queue[tuple[float, bytes]]


async def _sleep_until(loop: asyncio.AbstractEventLoop, due: float) -> None:
    if (left := due - loop.time()) > 0:
        await asyncio.sleep(left)
