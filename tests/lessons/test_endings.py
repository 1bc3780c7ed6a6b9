"""Lessons 8 and 9: every request has an end, and so has every start-up."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable
from typing import Any

import pytest
from websockets.asyncio.server import ServerConnection
from websockets.http11 import Request, Response

from tests.integration.test_connection_time import Line, make_client, start, state, until
from tests.lessons.support import (
    AUTH,
    Events,
    Process,
    RawHttp,
    Talker,
    echo,
    grant,
    options,
    refusing,
    silent,
)
from tests.virtual import FakeTicketServer, Reply, VirtualClock, virtual
from tui_chat import (
    ConnectionClosed,
    HandshakeRejected,
    NetworkError,
    RequestTimeout,
    ServerError,
    SessionTimeout,
    TicketManager,
    TicketManagerConfig,
    TicketRejected,
    TuiChatError,
)
from tui_chat.connection.status import ConnectionState, WebSocketState
from tui_chat.events import ConnectionChanged
from tui_chat.protocol.urls import ServerUrl
from tui_chat.secret import Secret
from tui_chat.ticket import AuthData, HttpTicketSource

# -- 8: requests without an end --------------------------------------------------------------------

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 100000\r\n\r\n"


async def stall(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Headers and the beginning of a body, then nothing."""
    writer.write(HEAD + b'{"success":')
    await writer.drain()
    await reader.read()  # until the client goes


async def trickle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Headers, then a byte now and then, without an end."""
    writer.write(HEAD)
    gone = asyncio.create_task(reader.read())
    while not gone.done():
        writer.write(b" ")
        await writer.drain()
        await asyncio.wait({gone}, timeout=0.02)


async def test_lesson_08_a_stalled_body_ends_and_so_does_every_callers_wait() -> None:
    """It was pending for ever, and every later caller with it.

    Red when nobody bounds the call: neither `Refresh._fetch` in `tui_chat/ticket/refresh.py` nor
    `HttpApi._guarded` in `tui_chat/ticket/http_api.py` has its `asyncio.timeout`.
    """
    config = TicketManagerConfig(request_timeout=0.3, max_attempts=1)
    async with RawHttp(stall).running() as server, TicketManager(AUTH, server.url, config) as all_:
        async with asyncio.timeout(5):
            outcomes = await asyncio.gather(
                *(all_.get_valid_ticket() for _ in range(20)), return_exceptions=True
            )
        assert {type(outcome) for outcome in outcomes} == {RequestTimeout}
        assert len(server.requests) == 1
        server.answer = grant("fine")
        async with asyncio.timeout(5):
            assert await all_.get_valid_ticket() == "fine"


async def test_lesson_08_a_trickling_body_has_one_deadline_over_all_of_it() -> None:
    """A timeout per read lets half a second last as long as the server likes.

    Red when `HttpApi` in `tui_chat/ticket/http_api.py` leaves it to httpx: `_guarded` without its
    `asyncio.timeout`, `_request` with `timeout=self._timeout`.
    """
    async with RawHttp(trickle).running() as server:
        source = HttpTicketSource(ServerUrl.parse(server.url), timeout=0.3)
        began = time.monotonic()
        try:
            async with asyncio.timeout(5):
                with pytest.raises(RequestTimeout):
                    await source.fetch(AUTH)
        finally:
            await source.aclose()
        assert 0.25 <= time.monotonic() - began < 3


@virtual
async def test_lesson_08_a_source_that_never_answers_is_given_up(clock: VirtualClock) -> None:
    """The deadline belongs to the manager, whoever brings the source.

    Red when `Refresh._fetch` in `tui_chat/ticket/refresh.py` has no `asyncio.timeout`.
    """
    server = FakeTicketServer(clock, default=Reply(hang=True))
    async with TicketManager(AUTH, "http://localhost", source=server, clock=clock) as tickets:
        async with asyncio.timeout(3 * 30 + 1 + 2 + 1):  # three tries and the waits in between
            with pytest.raises(RequestTimeout):
                await tickets.get_valid_ticket()
        server.default = Reply()
        assert server.handshake(await tickets.get_valid_ticket()) == "ok"


class NeverValidates(FakeTicketServer):
    """A source of tickets whose validation call hangs."""

    validations = 0

    async def validate(self, auth: AuthData, ticket: Secret) -> Any:
        self.validations += 1
        await asyncio.get_running_loop().create_future()


@virtual
async def test_lesson_08_a_validation_that_hangs_has_a_deadline(clock: VirtualClock) -> None:
    """And a call that failed says nothing about the ticket.

    Red when `ask` in `tui_chat/ticket/validation.py` has no `asyncio.timeout`.
    """
    server = NeverValidates(clock)
    async with TicketManager(AUTH, "http://localhost", source=server, clock=clock) as tickets:
        ticket = await tickets.get_valid_ticket()
        async with asyncio.timeout(31):
            with pytest.raises(RequestTimeout):
                await tickets.validate_with_server()
        assert await tickets.get_valid_ticket() == ticket


@virtual
async def test_lesson_08_a_validation_that_hangs_delays_no_reconnect(clock: VirtualClock) -> None:
    """It left the client reconnecting for ever.

    Red when `TicketCheck.during` in `tui_chat/connection/ticket_check.py` awaits `self._ask()`
    before the block instead of beside it.
    """
    line = Line(clock)
    server = NeverValidates(clock, default=Reply(lifetime=3600))
    line.tickets = server
    line.client = make_client(clock, server)
    down = True

    def process(connection: ServerConnection, request: Request) -> Response | None:
        line.at.append(clock.boot())
        return connection.respond(503, "") if down else None

    async with line.running(process_request=process):
        start(line.client, 80)
        await until(lambda: server.validations, seconds=120)
        tried, due = len(line.at), line.client.get_connection_status().retry_at
        assert due is not None
        down = False
        await until(lambda: state(line.client) is ConnectionState.READY, seconds=31)
        assert len(line.at) == tried + 1
        assert line.at[-1] - due <= 0.1
        await line.client.disconnect()


# -- 9: a start-up that never ends -----------------------------------------------------------------


async def failing_start(
    line: Line, expected: type[TuiChatError], *, within: float, **changes: Any
) -> TuiChatError:
    """Start up in vain; see that it ends in time, and that nothing goes on behind it."""
    began = line.clock.boot()
    async with asyncio.timeout(600):
        with pytest.raises(expected) as caught:
            await line.client.on_init(**options(**changes))
    assert line.clock.boot() - began <= within
    status = line.client.get_connection_status()
    assert (status.state, status.connected) == (ConnectionState.CLOSED, False)
    assert status.cause is caught.value
    before = len(line.tickets.requests), len(line.at)
    await asyncio.sleep(3600)
    assert (len(line.tickets.requests), len(line.at)) == before
    assert line.script.open == 0
    return caught.value


@virtual
async def test_lesson_09_no_session_established_is_a_timeout(clock: VirtualClock) -> None:
    """It was pending without limit.

    Red when `Attempt._converse` in `tui_chat/connection/attempt.py` has no deadline:
    `asyncio.timeout(None)`.
    """
    line = Line(clock, silent)
    async with line.running():
        await failing_start(line, SessionTimeout, within=11)
        assert len(line.at) == 1


@virtual
async def test_lesson_09_no_tools_configured_is_a_timeout(clock: VirtualClock) -> None:
    """A session that is established but not configured is not a beginning either.

    Red when `Attempt._converse` in `tui_chat/connection/attempt.py` lifts the deadline with the
    first frame: `deadline.reschedule(None)` stands before `if setup.ready`.
    """
    talker = Talker(confirms=False)
    line = Line(clock, talker)
    async with line.running():
        await failing_start(line, SessionTimeout, within=11, tools=[echo()])
        assert [frame["type"] for frame in talker.all("configure_tools")] == ["configure_tools"]
        assert len(line.at) == 1


@virtual
async def test_lesson_09_a_normal_close_before_the_session_is_an_error(clock: VirtualClock) -> None:
    """It was taken for an end that somebody wanted, and the start-up waited on.

    Red when `Machine.ended` in `tui_chat/connection/machine.py` does not look at `keeps_trying`.
    """

    async def close(connection: ServerConnection) -> None:
        await connection.close(1000)

    line = Line(clock, close)
    async with line.running():
        error = await failing_start(line, ConnectionClosed, within=2)
        assert isinstance(error, ConnectionClosed)
        assert error.close_code == 1000
        assert len(line.at) == 1


@pytest.mark.parametrize(
    ("status", "expected"), [(None, NetworkError), (503, ServerError), (404, HandshakeRejected)]
)
@virtual
async def test_lesson_09_a_refused_socket_never_counts_as_connected(
    clock: VirtualClock, status: int | None, expected: type[TuiChatError]
) -> None:
    """It did.

    Red when `Attempt.run` in `tui_chat/connection/attempt.py` calls it `WebSocketState.OPEN` before
    `self._dial` has returned.
    """
    line = Line(clock)
    events = Events(line.client)
    running: Any = contextlib.nullcontext()  # nobody listens
    if status is not None:
        running = line.running(process_request=refusing(line, status))
    async with running:
        await failing_start(line, expected, within=2)
    await events.done()
    changes = [event.status for event in events if isinstance(event, ConnectionChanged)]
    assert changes
    assert not any(change.connected for change in changes)
    assert WebSocketState.OPEN not in {change.websocket_state for change in changes}


REFUSALS: list[tuple[Callable[[Line], Process], type[TuiChatError], int]] = [
    (lambda line: refusing(line, 503), ServerError, 1),
    (lambda line: line.refuse, TicketRejected, 2),  # a different ticket is given one chance
]


@pytest.mark.parametrize(("process", "expected", "tries"), REFUSALS)
@virtual
async def test_lesson_09_nothing_goes_on_behind_a_rejected_start_up(
    clock: VirtualClock,
    process: Callable[[Line], Process],
    expected: type[TuiChatError],
    tries: int,
) -> None:
    """The start-up was rejected, but the reconnect loop went on behind it, and with it the renewal.

    Red when `WebSocketChatClient.on_init` in `tui_chat/chat_client.py` does not disconnect when it
    fails; and when `Machine.ended` in `tui_chat/connection/machine.py` does not look at
    `keeps_trying`.
    """
    line = Line(clock)
    async with line.running(process_request=process(line)):
        await failing_start(line, expected, within=5)
        assert len(line.at) == tries
    async with line.running():
        await line.client.on_init(**options())  # by hand, and only then
        assert line.client.get_connection_status().connected
        await line.client.disconnect()
