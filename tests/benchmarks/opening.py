"""A socket with a ticket in hand, against bare TCP connect and upgrade on the same machine."""

from __future__ import annotations

import gc
import time

from websockets.asyncio.client import connect

from tests.benchmarks.measure import Benchmark, Effort, Row, Sample, Target
from tests.benchmarks.processes import Child, running_child
from tests.benchmarks.sources import Grants
from tui_chat import WebSocketChatClient
from tui_chat.clock import SystemClock
from tui_chat.connection.status import ConnectionStatus, WebSocketState

__all__ = ["BENCHMARK"]

ROUNDS = 60


class _Times:
    """When a client's attempt started, when its socket was open, when its session was ready."""

    def __init__(self, client: WebSocketChatClient) -> None:
        self.started = self.opened = self.ready = 0
        # The connection reports here as it goes; a reader of events() would come a turn later.
        dialogue = client._dialogue
        report = dialogue.status_changed

        def note(status: ConnectionStatus) -> None:
            now = time.perf_counter_ns()
            if status.websocket_state is WebSocketState.CONNECTING and not self.started:
                self.started = now
            if status.websocket_state is WebSocketState.OPEN and not self.opened:
                self.opened = now
            if status.connected and not self.ready:
                self.ready = now
            report(status)

        dialogue.status_changed = note  # type: ignore[method-assign]


async def _ours(url: str) -> tuple[float, float]:
    """Return the milliseconds from the start of the attempt to the open socket, and to ready."""
    client = WebSocketChatClient(source=Grants(SystemClock()))
    times = _Times(client)
    gc.collect()
    await client.on_init(
        chat_server_url=url, user_mp_auth_token="benchmarks", chat_server_key="benchmarks"
    )
    await client.disconnect()
    assert 0 < times.started < times.opened < times.ready
    return (times.opened - times.started) / 1e6, (times.ready - times.started) / 1e6


async def _bare(url: str) -> tuple[float, float]:
    """The same of ``websockets`` alone, with its defaults."""
    gc.collect()
    began = time.perf_counter_ns()
    async with connect(f"ws{url.removeprefix('http')}/ws?ticket=benchmarks", proxy=None) as socket:
        opened = time.perf_counter_ns()
        await socket.recv()
        greeted = time.perf_counter_ns()
    return (opened - began) / 1e6, (greeted - began) / 1e6


async def measure(effort: Effort) -> list[Row]:
    """Open and end, by turns; the server is a bare ``websockets`` one that greets."""
    ours: list[tuple[float, float]] = []
    bare: list[tuple[float, float]] = []
    async with running_child("sender", "1") as server:
        url = await _url(server)
        for number in range(effort.rounds(ROUNDS) + 1):
            if number % 2:
                ours.append(await _ours(url))
                bare.append(await _bare(url))
            else:
                bare.append(await _bare(url))
                ours.append(await _ours(url))
    del ours[0], bare[0]  # the round that only warms up
    mine, theirs = zip(*ours, strict=True), zip(*bare, strict=True)
    opened, ready = (Sample(values) for values in mine)
    bare_opened, bare_greeted = (Sample(values) for values in theirs)
    return [
        Row(
            "attempt to open socket, ticket in hand", "ms", opened, bare_opened,
            "websockets: connect()", Target(2.0, "at_most"),
        ),
        Row(
            "attempt to ready session, ticket in hand", "ms", ready, bare_greeted,
            "websockets: connect() and the first message",
        ),
    ]  # fmt: skip


async def _url(server: Child) -> str:
    return f"http://127.0.0.1:{(await server.ask('port'))['port']}"


BENCHMARK = Benchmark("opening", "from the start of an attempt to the open socket", measure)
