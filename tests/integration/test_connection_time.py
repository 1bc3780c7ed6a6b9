"""The connection over hours: the shipped classes and real websockets, in virtual time."""

from __future__ import annotations

import asyncio
import functools
import random
from collections.abc import Callable
from typing import Any

import pytest
from websockets.asyncio.server import ServerConnection
from websockets.http11 import Request, Response

from tests.integration.client_support import SESSION, Script, establish
from tests.virtual import FakeTicketServer, Reply, VirtualClock, failure, virtual
from tui_chat import AuthLoop, ClientClosed, RateLimited, WebSocketChatClient
from tui_chat.connection.manager import ReconnectCause
from tui_chat.connection.status import ConnectionState

HOST = "127.0.0.1"


def make_client(
    clock: VirtualClock, tickets: FakeTicketServer, seed: int = 1
) -> WebSocketChatClient:
    return WebSocketChatClient(clock=clock, rng=random.Random(seed), source=tickets)


def start(client: WebSocketChatClient, port: int) -> None:
    client.start(
        chat_server_url=f"http://{HOST}:{port}", user_mp_auth_token="t", chat_server_key="k"
    )


def state(client: WebSocketChatClient) -> ConnectionState:
    return client.get_connection_status().state


async def until(condition: Callable[[], Any], *, seconds: float = 3600) -> None:
    """Wait in virtual time until something holds; fail after ``seconds`` of it."""
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.05)


class Line:
    """A client, its tickets and a scripted server on one port of the virtual network."""

    def __init__(
        self, clock: VirtualClock, handler: Any = establish, *, seed: int = 1, **tickets: Any
    ) -> None:
        self.clock = clock
        self.script = Script(handler)
        self.tickets = FakeTicketServer(clock, **tickets)
        self.client = make_client(clock, self.tickets, seed)
        self.at: list[float] = []

    def process(self, connection: ServerConnection, request: Request) -> Response | None:
        """Look at the ticket as a server does, and remember when."""
        self.at.append(self.clock.boot())
        ticket = request.path.partition("ticket=")[2]
        verdict = self.tickets.handshake(ticket)
        if verdict == "ok":
            return None
        code = {"invalid": "TICKET_INVALID", "expired": "TICKET_EXPIRED", "used": "TICKET_USED"}
        return connection.respond(401, f'{{"code":"{code[verdict]}"}}')

    def refuse(self, connection: ServerConnection, request: Request) -> Response:
        """Refuse every ticket."""
        self.at.append(self.clock.boot())
        return connection.respond(401, '{"code":"TICKET_EXPIRED"}')

    def running(self, port: int = 80, **options: Any) -> Any:
        options.setdefault("process_request", self.process)
        return self.script.running(host=HOST, port=port, **options)

    def ready_for_the(self, nth: int) -> bool:
        """Whether the nth session is ready."""
        return len(self.script.connections) == nth and state(self.client) is ConnectionState.READY

    def most_in(self, seconds: float) -> int:
        """The most handshakes in any window of that length."""
        return max(
            (sum(first <= at < first + seconds for at in self.at) for first in self.at), default=0
        )


@virtual
async def test_a_connected_day_renews_without_touching_the_socket(clock: VirtualClock) -> None:
    heard: list[Any] = []

    async def listen(connection: ServerConnection) -> None:
        await connection.send(SESSION)
        heard.extend([frame async for frame in connection])

    line = Line(clock, listen, default=Reply(lifetime=300))
    async with line.running():
        start(line.client, 80)
        await until(lambda: state(line.client) is ConnectionState.READY)
        for _ in range(24):
            await asyncio.sleep(3600)
            assert line.client.is_ticket_valid()
        assert len(line.script.connections) == 1
        assert line.client.get_connection_status().generation == 1
        await line.client.disconnect()
    assert heard == []
    assert 480 <= len(line.tickets.requests) <= 576


@virtual
async def test_a_server_that_accepts_and_closes_is_not_hammered_for_hours(
    clock: VirtualClock,
) -> None:
    """LESSONS 1: whatever it does, at most 5 handshakes at once and 20 a minute; in the long run
    far fewer, because the delays grow."""

    async def accept_and_close(connection: ServerConnection) -> None:
        await connection.send(SESSION)
        await connection.close(1000)

    line = Line(clock, accept_and_close)
    async with line.running():
        start(line.client, 80)
        await asyncio.sleep(3 * 3600)
        await line.client.disconnect()
    assert line.most_in(60) <= 25
    assert 3 * 3600 / 30 <= len(line.at) <= 3 * 3600 / 5
    assert line.script.most_open == 1


@virtual
async def test_a_server_that_refuses_every_fresh_ticket_opens_the_circuit(
    clock: VirtualClock,
) -> None:
    """LESSONS 1: 1,778 requests in five seconds became three, then a minute of quiet."""
    line = Line(clock)
    async with line.running(process_request=line.refuse):
        start(line.client, 80)
        await until(lambda: state(line.client) is ConnectionState.PAUSED)
        status = line.client.get_connection_status()
        assert isinstance(status.cause, AuthLoop)
        assert len(line.at) == 3
        assert status.retry_at is not None
        assert 59 <= status.retry_at - clock.boot() <= 60
        await asyncio.sleep(24 * 3600 - 1)
        # Pauses of 60 s, 120 s, ... 15 minutes: about a hundred in a day.
        assert 95 <= len(line.at) <= 110
        # One for each handshake, and those that were renewed while the circuit was open.
        assert len(line.tickets.requests) <= len(line.at) + 24 * 3600 / 150
        await line.client.disconnect()


@virtual
async def test_an_open_circuit_yields_to_the_second_press_only(clock: VirtualClock) -> None:
    line = Line(clock)
    line.tickets.spent.clear()
    refuse = True

    def process(connection: ServerConnection, request: Request) -> Response | None:
        line.at.append(clock.boot())
        return connection.respond(401, "") if refuse else None

    async with line.running(process_request=process):
        start(line.client, 80)
        await until(lambda: state(line.client) is ConnectionState.PAUSED)
        refuse = False
        causes: tuple[ReconnectCause, ...] = ("message", "focus", "wake", "user")
        for cause in causes:
            assert not line.client.reconnect_now(cause)
        await asyncio.sleep(5)
        assert state(line.client) is ConnectionState.PAUSED
        assert line.client.reconnect_now("user")
        await until(lambda: state(line.client) is ConnectionState.READY, seconds=10)
        await line.client.disconnect()


@virtual
async def test_retry_after_is_waited_out(clock: VirtualClock) -> None:
    line = Line(clock)
    first = True

    def process(connection: ServerConnection, request: Request) -> Response | None:
        nonlocal first
        line.at.append(clock.boot())
        if not first:
            return None
        first = False
        response = connection.respond(429, "")
        response.headers["Retry-After"] = "77"
        return response

    async with line.running(process_request=process):
        start(line.client, 80)
        await until(lambda: state(line.client) is ConnectionState.PAUSED)
        cause = line.client.get_connection_status().cause
        assert isinstance(cause, RateLimited)
        assert cause.retry_after == 77
        await until(lambda: state(line.client) is ConnectionState.READY)
        assert 77 <= line.at[1] - line.at[0] <= 78
        await line.client.disconnect()


@virtual
async def test_a_half_open_connection_is_noticed_within_25_seconds(clock: VirtualClock) -> None:
    """LESSONS 13: it was still "open" after nine seconds, and for ever."""
    line = Line(clock)
    async with line.running():
        start(line.client, 80)
        await until(lambda: state(line.client) is ConnectionState.READY)
        await asyncio.sleep(100)
        assert len(line.script.connections) == 1  # quiet is not dead
        # The peer stops reading and writing, and its system answers nothing: no pong comes.
        connection = line.script.connections[0]
        connection.pong = lambda data=b"": asyncio.sleep(0)  # type: ignore[method-assign]
        connection.protocol.receive_data = lambda data: None  # type: ignore[method-assign]
        silent_since = clock.boot()
        await until(lambda: state(line.client) is not ConnectionState.READY, seconds=26)
        assert clock.boot() - silent_since <= 25.1
        await until(lambda: len(line.script.connections) == 2)
        await until(lambda: state(line.client) is ConnectionState.READY)
        await line.client.disconnect()


@virtual
async def test_after_a_suspend_a_dead_connection_is_noticed_within_3_seconds(
    clock: VirtualClock,
) -> None:
    line = Line(clock, default=Reply(lifetime=86_400))
    async with line.running():
        start(line.client, 80)
        await until(lambda: state(line.client) is ConnectionState.READY)
        await asyncio.sleep(40)
        line.script.connections[0].protocol.receive_data = lambda data: None  # type: ignore[method-assign]
        clock.suspend(3600)
        woke = clock.boot()
        await until(lambda: state(line.client) is not ConnectionState.READY, seconds=5)
        assert clock.boot() - woke <= 3.1
        await until(lambda: state(line.client) is ConnectionState.READY, seconds=10)
        await line.client.disconnect()


@virtual
async def test_a_slow_handshake_is_left_to_finish(clock: VirtualClock) -> None:
    """LESSONS 7: two timers killed each other's attempts, 41 sockets in 40 seconds, none open."""
    line = Line(clock)

    async def process(connection: ServerConnection, request: Request) -> Response | None:
        await asyncio.sleep(8)
        return line.process(connection, request)

    async with line.running(process_request=process, open_timeout=None):
        start(line.client, 80)
        for _ in range(30):
            line.client.reconnect_now("user")
            line.client.reconnect_now("message")
            await asyncio.sleep(0.2)
        await until(lambda: state(line.client) is ConnectionState.READY, seconds=10)
        assert len(line.script.connections) == 1
        assert len(line.tickets.requests) == 1
        await line.client.disconnect()


@pytest.mark.parametrize("moment", [0.0, 0.03, 0.1, 0.3, 1.0, 5.0, 12.0])
def test_disconnect_sticks_at_every_moment(moment: float) -> None:
    """LESSONS 4: it was connected again two seconds later, with a new ticket."""

    @virtual
    async def run(clock: VirtualClock) -> None:
        async def accept_and_close(connection: ServerConnection) -> None:
            await connection.send(SESSION)
            await connection.close(1011)

        line = Line(clock, accept_and_close)
        async with line.running():
            start(line.client, 80)
            await asyncio.sleep(moment)
            await line.client.disconnect()
            asked, shaken = len(line.tickets.requests), len(line.at)
            await asyncio.sleep(3600)
            assert (len(line.tickets.requests), len(line.at)) == (asked, shaken)
            with pytest.raises(ClientClosed):
                await line.client.reconnect()

    run()


@virtual
async def test_a_server_that_is_down_for_an_hour_is_back_within_the_cap(
    clock: VirtualClock,
) -> None:
    line = Line(clock)
    start(line.client, 80)
    await asyncio.sleep(3600)
    status = line.client.get_connection_status()
    assert status.is_reconnecting
    assert status.cause is not None
    async with line.running():
        up = clock.boot()
        await until(lambda: state(line.client) is ConnectionState.READY, seconds=31)
        assert clock.boot() - up <= 31
        # Waking up cuts the waiting short.
        await line.client.disconnect()


@virtual
async def test_one_time_tickets_are_never_shown_twice_once_known(clock: VirtualClock) -> None:
    line = Line(clock, single_use=True)
    async with line.running():
        start(line.client, 80)
        for session in range(1, 12):
            await until(functools.partial(line.ready_for_the, session))
            await asyncio.sleep(31)
            line.script.connections[-1].transport.abort()
        await until(lambda: len(line.script.connections) == 12)
        # 12 sessions and the one refusal that found it out.
        assert len(line.at) == 13
        await line.client.disconnect()


@virtual
async def test_not_even_an_impatient_user_exceeds_the_handshake_budget(
    clock: VirtualClock,
) -> None:
    line = Line(clock)
    async with line.running():
        start(line.client, 80)
        for _ in range(600):
            line.client.reconnect_now("user")
            await asyncio.sleep(0.1)
        assert 20 <= line.most_in(60) <= 25
        assert line.most_in(2.9) <= 6
        await until(lambda: state(line.client) is ConnectionState.READY)
        assert line.script.most_open == 1
        await line.client.disconnect()


@virtual
async def test_tickets_refused_on_open_sessions_are_replaced_and_open_the_circuit(
    clock: VirtualClock,
) -> None:
    """The same dead ticket must not be shown again, and three fresh ones in a row are enough."""

    async def take_back(connection: ServerConnection) -> None:
        await connection.send(SESSION)
        await asyncio.sleep(0.02)
        await connection.send('{"type":"authentication_error","code":"TICKET_EXPIRED"}')
        await connection.wait_closed()

    line = Line(clock, take_back)
    async with line.running():
        start(line.client, 80)
        await until(lambda: state(line.client) is ConnectionState.PAUSED)
        assert isinstance(line.client.get_connection_status().cause, AuthLoop)
        assert len(line.script.tickets) == 3
        assert len(set(line.script.tickets)) == 3
        await line.client.disconnect()


@virtual
async def test_while_the_first_ticket_does_not_come_it_is_said_why(clock: VirtualClock) -> None:
    replies = [Reply(error=failure("refused")), Reply(hang=True)]
    source = FakeTicketServer(clock, script=iter(replies))
    client = WebSocketChatClient(source=source, clock=clock, rng=random.Random(1))
    client.start(chat_server_url="http://127.0.0.1", user_mp_auth_token="t", chat_server_key="k")
    await until(lambda: client.get_connection_status().cause)
    status = client.get_connection_status()
    assert (status.state.value, status.diagnosis and status.diagnosis.trouble) == (
        "ticket",
        "network",
    )
    await asyncio.sleep(5)
    said = client.get_connection_status().diagnosis
    assert said is not None
    assert "has not answered the request for a ticket for 5 seconds" in said.sentence
    await client.disconnect()
