"""How long after a server is back a session is ready again.

A real server process is killed and started again on its port ten times. It has forgotten every
ticket by then. *Up* is the moment at which its socket accepts a connection, found by a thread that
tries every two milliseconds and has nothing to do with the clients.

Six clients watch each restart. Five were made just before, and so have no failures behind them,
like a client whose connection had lasted; as many, because each waits for a time drawn at random,
and the median of ten draws would say little. One lives through all ten restarts, which follow each
other more quickly than a connection counts as stable; that is harder.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final
from urllib.parse import urlsplit

from tests.benchmarks.measure import Benchmark, Effort, Row, Sample, Target
from tui_chat import WebSocketChatClient
from tui_chat.connection.status import ConnectionStatus
from tui_chat.server.child import DemoServer

__all__ = ["BENCHMARK"]

RESTARTS: Final = 10
SHORTEST, LONGEST = 0.6, 6.0
"""Seconds of outage, evenly spread over the restarts; a short one lasts as long as a start does."""
FRESH: Final = 5
"""Clients per restart that have no failures behind them."""
SETTLE: Final = 6.0
"""Seconds between the restarts, in which spent handshakes are earned back."""
PATIENCE: Final = 60.0
PROBE_EVERY: Final = 0.002


class _Watched:
    """A client, and the moments at which its sessions became ready."""

    def __init__(self) -> None:
        self.client = WebSocketChatClient()
        self.ready_at = 0.0
        self.changed = asyncio.Event()
        dialogue = self.client._dialogue
        report = dialogue.status_changed

        def note(status: ConnectionStatus) -> None:
            if status.connected and not self.ready_at:
                self.ready_at = time.perf_counter()
            report(status)
            self.changed.set()

        dialogue.status_changed = note  # type: ignore[method-assign]

    async def until_connected(self, wanted: bool) -> None:
        async with asyncio.timeout(PATIENCE):
            while self.client.get_connection_status().connected is not wanted:
                self.changed.clear()
                await self.changed.wait()


@asynccontextmanager
async def _connected(server: DemoServer) -> AsyncIterator[_Watched]:
    watched = _Watched()
    options: Any = {
        "chat_server_url": server.url,
        "user_mp_auth_token": server.token,
        "chat_server_key": server.key,
    }
    watched.client.start(**options)
    try:
        await watched.until_connected(True)
        yield watched
    finally:
        await watched.client.disconnect()


class _Probe:
    """A thread that finds out when an address accepts connections."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._address = (parts.hostname or "", parts.port or 0)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._try, name="benchmark probe", daemon=True)
        self.up_at = 0.0

    def __enter__(self) -> _Probe:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _try(self) -> None:
        while not self._stop.wait(PROBE_EVERY):
            with contextlib.suppress(OSError), socket.create_connection(self._address, 1.0):
                self.up_at = time.perf_counter()
                return


async def _restart(server: DemoServer, seconds: float, clients: list[_Watched]) -> list[float]:
    """Kill, start again after ``seconds``; return each client's milliseconds from up to ready."""
    server.kill()
    await asyncio.to_thread(server.close)
    down_at = time.perf_counter()
    for watched in clients:
        await watched.until_connected(False)
        watched.ready_at = 0.0
    with _Probe(server.url) as probe:
        # Most of a start is the interpreter's; it begins early, so that the outage is as asked.
        await asyncio.sleep(max(seconds - _START - (time.perf_counter() - down_at), 0.0))
        await asyncio.to_thread(server.start)
        for watched in clients:
            await watched.until_connected(True)
    return [(watched.ready_at - probe.up_at) * 1000 for watched in clients]


_START = 0.6
"""Seconds a server takes to start, about."""


def _free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


async def measure(effort: Effort) -> list[Row]:
    """Restart ten times; return the figures of both kinds of client."""
    restarts = effort.rounds(RESTARTS)
    fresh: list[float] = []
    lasting: list[float] = []
    server = DemoServer(port=_free_port())
    await asyncio.to_thread(server.start)
    try:
        async with _connected(server) as old:
            for number in range(restarts):
                outage = SHORTEST + (LONGEST - SHORTEST) * number / max(restarts - 1, 1)
                async with contextlib.AsyncExitStack() as stack:
                    new = [
                        await stack.enter_async_context(_connected(server)) for _ in range(FRESH)
                    ]
                    *times, its = await _restart(server, outage, [*new, old])
                fresh += times
                lasting.append(its)
                await asyncio.sleep(0.0 if effort.quick else SETTLE)
    finally:
        server.kill()
        await asyncio.to_thread(server.close)
    rows = []
    for kind, sample in (("", Sample(fresh)), (", ten in a row", Sample(lasting))):
        count = f"median of {len(sample.values)}; the original 769 ms"
        worst = Sample([sample.high])
        rows += [
            Row(f"server up to ready{kind}", "ms", sample, target=_MEDIAN, note=count),
            Row(
                f"server up to ready{kind}: worst", "ms", worst,
                target=_WORST, note="the original 2,148 ms",
            ),
        ]  # fmt: skip
    return rows


_MEDIAN = Target(400.0, "at_most", "median")
_WORST = Target(1500.0, "at_most", "high")

BENCHMARK = Benchmark("restart", "ten restarts of a real server, its tickets forgotten", measure)
