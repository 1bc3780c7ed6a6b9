"""Lessons 4 to 7: a disconnect that sticks, one socket, late events, slow handshakes."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from typing import Any

import pytest
import websockets

from tests.integration.client_support import texts
from tests.integration.test_connection_time import Line, start, state, until
from tests.lessons.support import (
    Events,
    Process,
    Talker,
    delta,
    options,
    refusing,
    silent,
    slowly,
)
from tests.virtual import Reply, VirtualClock, virtual
from tui_chat import (
    ClientClosed,
    ConfigurationError,
)
from tui_chat.connection.status import ConnectionState, WebSocketState
from tui_chat.events import ConnectionChanged

# -- 4: a disconnect that sticks -------------------------------------------------------------------


@pytest.mark.parametrize("moment", ["ticket", "backoff", "connecting", "session"])
@virtual
async def test_lesson_04_disconnect_sticks_at_every_moment(
    clock: VirtualClock, moment: str
) -> None:
    """The client was connected again two seconds later.

    Red when `Parts.close` in `tui_chat/assembly.py` does not end the connection: it leaves out
    `self.connection.close()`. It then connects again when the tickets' `clear()` and `aclose()` are
    left out there as well.
    """
    latency = 5.0 if moment == "ticket" else 0.05
    line = Line(clock, silent, default=Reply(latency=latency))
    process: Process = {
        "backoff": refusing(line, 503),
        "connecting": slowly(line, 5),
    }.get(moment, line.process)
    reached: Callable[[], Any] = {
        "ticket": lambda: line.tickets.requests,
        "backoff": lambda: state(line.client) is ConnectionState.BACKOFF,
        "connecting": lambda: line.at,
        "session": lambda: line.script.connections,
    }[moment]
    async with line.running(process_request=process, open_timeout=None):
        start(line.client, 80)
        await until(reached)
        assert not line.client.get_connection_status().connected
        await line.client.disconnect()
        before = len(line.tickets.requests), len(line.at)
        await asyncio.sleep(3600)
        assert (len(line.tickets.requests), len(line.at)) == before
        assert state(line.client) is ConnectionState.CLOSED
        assert line.script.open == 0
        assert not line.client.reconnect_now()
        with pytest.raises(ClientClosed):
            await line.client.reconnect()


@virtual
async def test_lesson_04_no_ticket_is_fetched_after_the_user_has_logged_out(
    clock: VirtualClock,
) -> None:
    """Once it was connected again with a new ticket, fetched after the logout.

    Red when `Parts.close` in `tui_chat/assembly.py` does not end the tickets: it leaves out
    `self.tickets.clear()` and `self.tickets.aclose()`.
    """
    line = Line(clock)
    async with line.running():
        await line.client.on_init(**options())
        asked = len(line.tickets.requests)
        await line.client.disconnect()
        assert not line.client.is_ticket_valid()
        await asyncio.sleep(3600)
        assert len(line.tickets.requests) == asked
        assert len(line.script.connections) == 1


# -- 5: one socket ---------------------------------------------------------------------------------


@virtual
async def test_lesson_05_concurrent_reconnects_make_one_socket(clock: VirtualClock) -> None:
    """There were up to five live sockets, every delta was shown five times, four were leaked.

    Red when `Attempt.run` in `tui_chat/connection/attempt.py` does not close its socket: the
    `finally` leaves out `socket.close()`.
    """
    line = Line(clock)
    async with line.running():
        await line.client.on_init(**options())
        for _ in range(4):
            await asyncio.gather(*(line.client.reconnect() for _ in range(10)))
            assert line.client.get_connection_status().connected
        await asyncio.sleep(5)
        assert len(line.script.connections) == 5
        assert line.script.most_open == line.script.open == 1
        for connection in line.script.connections:
            with contextlib.suppress(websockets.ConnectionClosed):
                await connection.send(delta("once"))
        await until(line.client.snapshot)
        await asyncio.sleep(1)
        assert texts(line.client) == [("assistant", "once", "streaming")]
        await line.client.disconnect()
        await until(lambda: line.script.open == 0)


@virtual
async def test_lesson_05_a_double_start_makes_one_socket(clock: VirtualClock) -> None:
    """Starting twice made two connections.

    Red when `WebSocketChatClient._begin` in `tui_chat/chat_client.py` does not refuse a client that
    is started already.
    """
    line = Line(clock)
    async with line.running():
        start(line.client, 80)
        with pytest.raises(ConfigurationError):
            start(line.client, 80)
        with pytest.raises(ConfigurationError):
            await line.client.on_init(**options())
        await until(lambda: state(line.client) is ConnectionState.READY)
        await asyncio.sleep(60)
        assert len(line.script.connections) == len(line.at) == 1
        assert len(line.tickets.requests) == 1
        await line.client.disconnect()


@virtual
async def test_lesson_05_a_slow_handshake_is_joined_not_doubled(clock: VirtualClock) -> None:
    """Whoever wants the connection while it is made waits for it and opens none of his own.

    Red when `Machine.wanted` in `tui_chat/connection/machine.py` answers `"replace"` to the user
    while connecting as well.
    """
    line = Line(clock)
    async with line.running(process_request=slowly(line, 4), open_timeout=None):
        start(line.client, 80)
        await until(lambda: line.at)
        wishes = []
        for _ in range(10):
            wishes.append(asyncio.create_task(line.client.reconnect()))
            await asyncio.sleep(0.3)
        await asyncio.gather(*wishes)
        assert line.client.get_connection_status().connected
        assert len(line.at) == len(line.script.connections) == 1
        await line.client.disconnect()


# -- 6: a late close event -------------------------------------------------------------------------


@virtual
async def test_lesson_06_a_late_close_of_the_old_socket_changes_nothing(
    clock: VirtualClock,
) -> None:
    """It marked the new, open socket as disconnected; every send failed, nothing reconnected.

    Red when `Attempt.run` in `tui_chat/connection/attempt.py` closes its socket in a task that
    nobody awaits, and updates the board to `connected=False` when that is done.
    """
    talker = Talker()
    line = Line(clock, talker)
    async with line.running():
        await line.client.on_init(**options())
        # The old peer does not answer a close: it ends late, by the transport.
        old = line.script.connections[0]
        old.protocol.receive_data = lambda data: None  # type: ignore[method-assign]
        await line.client.reconnect()
        events = Events(line.client)
        await asyncio.sleep(5)
        old.transport.abort()
        await asyncio.sleep(60)
        status = line.client.get_connection_status()
        assert (status.connected, status.generation) == (True, 2)
        assert status.websocket_state is WebSocketState.OPEN
        assert not any(isinstance(event, ConnectionChanged) for event in events)
        await line.client.on_trigger_message("still there?")
        await until(lambda: talker.all("chat_message"), seconds=1)
        assert [len(frames) for frames in talker.heard] == [0, 1]
        await line.client.disconnect()
        await events.done()


# -- 7: the livelock -------------------------------------------------------------------------------


@virtual
async def test_lesson_07_a_handshake_longer_than_a_second_is_left_to_finish(
    clock: VirtualClock,
) -> None:
    """Two timers killed each other's attempts: 41 sockets in 40 seconds, none opened.

    Red when a handshake gets one second: `CONNECT_TIMEOUT` in `tui_chat/connection/socket.py` is
    1.0; and when `Machine.wanted` in `tui_chat/connection/machine.py` answers `"replace"` to the
    user while connecting as well.
    """
    line = Line(clock, default=Reply(lifetime=5))  # so that renewals come in between, too
    async with line.running(process_request=slowly(line, 3), open_timeout=None):
        start(line.client, 80)
        await until(lambda: state(line.client) is ConnectionState.READY, seconds=5)
        line.script.connections[0].transport.abort()
        for _ in range(60):
            for cause in ("user", "message", "wake", "focus"):
                if state(line.client) is not ConnectionState.READY:
                    line.client.reconnect_now(cause)
            await asyncio.sleep(0.1)
        assert state(line.client) is ConnectionState.READY
        assert len(line.at) == len(line.script.connections) == 2
        await line.client.disconnect()
