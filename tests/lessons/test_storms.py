"""Lesson 1: whatever a server answers, it gets few requests and few sockets."""

from __future__ import annotations

import asyncio
import contextlib

import pytest
from websockets.asyncio.server import ServerConnection

from tests.integration.client_support import SESSION
from tests.integration.test_connection_time import Line, start, state
from tests.lessons.support import EXPIRED, accept_and_close, make_tickets
from tests.virtual import FakeTicketServer, Reply, VirtualClock, failure, virtual
from tui_chat import (
    AuthLoop,
    ServerError,
    TicketManagerConfig,
)
from tui_chat.connection.status import ConnectionState

# -- 1: storms -------------------------------------------------------------------------------------


@pytest.mark.parametrize("where", ["handshake", "session"])
@virtual
async def test_lesson_01_a_server_that_always_says_expired_gets_few_requests(
    clock: VirtualClock, where: str
) -> None:
    """It got 1,778 ticket requests and sockets in five seconds.

    Red when the circuit never opens: `AuthCircuit.rejected` in `tui_chat/connection/backoff.py`
    always returns None.
    """

    async def refuse(connection: ServerConnection) -> None:
        await connection.send(SESSION)
        await connection.send(EXPIRED)
        await connection.wait_closed()

    line = Line(clock, refuse)
    process = line.refuse if where == "handshake" else line.process
    async with line.running(process_request=process):
        start(line.client, 80)
        await asyncio.sleep(5)
        assert len(line.at) == 3
        assert len(line.tickets.requests) <= 4
        assert state(line.client) is ConnectionState.PAUSED
        assert isinstance(line.client.get_connection_status().cause, AuthLoop)
        # Pauses of 60, 120 and 240 s, each ended by one try; a fresh ticket every five minutes.
        await asyncio.sleep(595)
        assert len(line.at) == 6
        assert len(line.tickets.requests) <= 12
        await line.client.disconnect()


@pytest.mark.parametrize("greets", [True, False])
@virtual
async def test_lesson_01_a_server_that_accepts_and_closes_is_asked_ever_less_often(
    clock: VirtualClock, greets: bool
) -> None:
    """It got one connection a second for ever.

    Red when the delay is fixed: `Backoff.next_delay` in `tui_chat/connection/backoff.py` returns
    1.0.
    """

    async def only_close(connection: ServerConnection) -> None:
        await connection.close(1000)

    line = Line(clock, accept_and_close if greets else only_close)
    async with line.running():
        start(line.client, 80)
        began = clock.boot()
        await asyncio.sleep(600)
        await line.client.disconnect()
    assert line.most_in(60) <= 25
    late = sum(at >= began + 300 for at in line.at)
    assert 300 / 30 <= late <= 300 / 8  # full jitter under a cap of 30 s: one in 15 s on average
    assert len(line.tickets.requests) <= 5


@virtual
async def test_lesson_01_no_impatience_exceeds_the_handshake_budget(clock: VirtualClock) -> None:
    """Whoever asks, and how often: five handshakes at once, twenty a minute.

    Red when `HandshakeBudget.wait` in `tui_chat/connection/backoff.py` always returns 0.0.
    """
    line = Line(clock, accept_and_close)
    async with line.running():
        start(line.client, 80)
        for _ in range(1200):
            line.client.reconnect_now("user")
            await asyncio.sleep(0.1)
        await line.client.disconnect()
    assert 20 <= line.most_in(60) <= 25
    assert line.most_in(2.9) <= 6
    assert len(line.at) >= 40  # and it does try


@virtual
async def test_lesson_01_no_crowd_exceeds_the_request_budget(clock: VirtualClock) -> None:
    """In any ``W`` seconds at most ``10 + W/2`` ticket requests, however many callers insist.

    Red when `RequestBudget.wait` in `tui_chat/ticket/retry.py` always returns 0.0.
    """
    server = FakeTicketServer(clock, default=Reply(error=failure("server")))
    config = TicketManagerConfig(retry_base_delay=0)
    async with make_tickets(clock, server, config) as tickets:
        tickets.start_proactive_renewal()

        async def insist() -> None:
            while True:
                with contextlib.suppress(ServerError):
                    await tickets.get_valid_ticket()

        crowd = [asyncio.create_task(insist()) for _ in range(20)]
        await asyncio.sleep(300)
        for task in crowd:
            task.cancel()
        await asyncio.wait(crowd)
    assert server.in_budget(burst=10, rate=0.5)
    assert 100 <= len(server.requests) <= 160
