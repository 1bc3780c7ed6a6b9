"""Lessons 2, 3, 10, 11, 12: units, short and spent tickets, retries, credentials."""

from __future__ import annotations

import asyncio
import contextlib
import functools
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from websockets.asyncio.server import ServerConnection
from websockets.http11 import Request, Response

from tests.integration.test_connection_time import Line, start, until
from tests.lessons.support import AUTH, make_tickets, options
from tests.virtual import FakeTicketServer, Reply, VirtualClock, virtual
from tui_chat import (
    CredentialsRejected,
    RequestRejected,
    ServerError,
    TicketCleared,
    TicketManager,
    TicketManagerConfig,
    TuiChatError,
)
from tui_chat.ticket import AuthData, TicketGrant

# -- 2: the unit -----------------------------------------------------------------------------------


@virtual
async def test_lesson_02_a_one_hour_ticket_is_renewed_once_and_late(clock: VirtualClock) -> None:
    """It was renewed in 10 of 10 checks: seconds were compared with milliseconds.

    Red when `make_ticket` in `tui_chat/ticket/arithmetic.py` subtracts a thousand times the
    threshold: `renew_at=deadline - threshold * 1000`.
    """
    server = FakeTicketServer(clock, default=Reply(lifetime=3600))
    async with make_tickets(clock, server) as tickets:
        tickets.start_proactive_renewal()
        await tickets.get_valid_ticket()
        await asyncio.sleep(10 * 60)  # ten checks
        assert len(server.requests) == 1
        await until(lambda: len(server.requests) == 2)
        # 300 s before the end, which is 2 s early, and up to a fifth later for the jitter.
        assert 3600 - 2 - 300 <= server.requests[1].at - server.requests[0].at <= 3600 - 2 - 240


@virtual
async def test_lesson_02_the_public_milliseconds_are_milliseconds(clock: VirtualClock) -> None:
    """The "milliseconds" in the public status were seconds.

    Red when `milliseconds_left` in `tui_chat/ticket/snapshot.py` does not multiply by 1000.
    """
    line = Line(clock, default=Reply(lifetime=3600))
    async with line.running():
        await line.client.on_init(**options())
        first = line.client.get_connection_status().ticket_expires_in
        assert first is not None
        assert 3_597_000 <= first <= 3_598_000
        await asyncio.sleep(60)
        second = line.client.get_connection_status().ticket_expires_in
        assert second is not None
        assert abs(first - second - 60_000) <= 1
        await line.client.disconnect()
    async with make_tickets(clock, line.tickets) as tickets:
        await tickets.get_valid_ticket()
        expires_in = tickets.get_expires_in()
        assert expires_in is not None
        assert 3_597_000 <= expires_in <= 3_598_000


# -- 3: short tickets ------------------------------------------------------------------------------


@pytest.mark.parametrize("lifetime", [5, 10, 20, 30])
@virtual
async def test_lesson_03_a_short_ticket_serves_many_calls(
    clock: VirtualClock, lifetime: float
) -> None:
    """A ticket of 30 s or less was requested anew on every call.

    Red when the buffer is fixed: `make_ticket` in `tui_chat/ticket/arithmetic.py` says
    `usable_until=deadline - BUFFER`.
    """
    server = FakeTicketServer(clock, default=Reply(lifetime=lifetime))
    async with make_tickets(clock, server) as tickets:
        began = clock.boot()
        while clock.boot() - began < 60:
            assert server.handshake(await tickets.get_valid_ticket()) == "ok"
            await asyncio.sleep(0.1)
    # Two seconds of safety, then a quarter of what is left as the buffer.
    assert len(server.requests) <= 1 + 60 / ((lifetime - 2) * 3 / 4)


@virtual
async def test_lesson_03_a_short_ticket_is_not_renewed_all_the_time(clock: VirtualClock) -> None:
    """The renewal has the same trouble with a fixed threshold of five minutes.

    Red when `make_ticket` in `tui_chat/ticket/arithmetic.py` does not bound the threshold by
    `lifetime / 2`.
    """
    server = FakeTicketServer(clock, default=Reply(lifetime=20))
    async with make_tickets(clock, server) as tickets:
        tickets.start_proactive_renewal()
        await tickets.get_valid_ticket()
        await asyncio.sleep(600)
        assert tickets.is_valid()
    # Renewed when at most half of 18 s are left, so every 9 s or later.
    assert len(server.requests) <= 1 + 600 / 9


# -- 10: retry by type and status ------------------------------------------------------------------

BODIES = [
    b"",
    b"<html>401 Unauthorized, network timeout, 503</html>",
    b'{"success":false,"error":"unauthorized (401), forbidden"}',
    b'{"success":false,"error":"network timeout, 503"}',
]
CONFIG = TicketManagerConfig(retry_base_delay=0)


async def asked(status: int, body: bytes) -> tuple[int, TuiChatError]:
    """Ask a server that always answers the same; return how often it was asked, and the error."""
    requests: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        requests.append(request)
        return httpx.Response(status, content=body)

    async with httpx.AsyncClient(transport=httpx.MockTransport(answer)) as http:
        async with TicketManager(AUTH, "https://chat.example", CONFIG, http_client=http) as tickets:
            with pytest.raises(TuiChatError) as caught:
                await tickets.get_valid_ticket()
    return len(requests), caught.value


@pytest.mark.parametrize("body", BODIES)
@pytest.mark.parametrize("status", [408, 425, 500, 502, 503, 504])
async def test_lesson_10_server_trouble_is_retried_whatever_the_body(
    status: int, body: bytes
) -> None:
    """Whether a 500 was retried depended on its body; a 503 with a JSON body never was.

    Red when a `TransientError` in `tui_chat/errors.py` is not `retryable`. In part when `_failure`
    in `tui_chat/ticket/answers.py` looks at the body first: its `if not speaks_api` moves to the
    top, or its `status >= 500` becomes `(status >= 500 and not speaks_api)`.
    """
    times, error = await asked(status, body)
    assert times == 3
    assert isinstance(error, ServerError)
    assert error.status == status


@pytest.mark.parametrize("body", BODIES)
@pytest.mark.parametrize("status", [400, 401, 403, 404])
async def test_lesson_10_a_refusal_is_not_retried_whatever_the_body(
    status: int, body: bytes
) -> None:
    """A 401 without a body was retried three times.

    Red when `Refresh._after_failure` in `tui_chat/ticket/refresh.py` does not look at
    `error.retryable`. In part when `_failure` in `tui_chat/ticket/answers.py` takes a 401 for a
    refusal of the credentials only with a body, `status in (401, 403) and speaks_api`, and calls
    what has none a `ServerError`.
    """
    times, error = await asked(status, body)
    assert times == 1
    assert isinstance(error, CredentialsRejected if status in (401, 403) else RequestRejected)
    assert not error.retryable


# -- 11: tickets that are spent, or forgotten ------------------------------------------------------


def showing(line: Line, shown: list[str]) -> Any:
    """Look at tickets as the line does, and remember each that was shown."""

    def process(connection: ServerConnection, request: Request) -> Response | None:
        shown.append(request.path.partition("ticket=")[2])
        return line.process(connection, request)

    return process


async def fifteen_sessions(line: Line, **changes: Any) -> list[str]:
    """Lose the connection fourteen times; return the ticket of each handshake."""
    shown: list[str] = []
    async with line.running(process_request=showing(line, shown)):
        line.client.start(**options(**changes))
        for session in range(1, 15):
            await until(functools.partial(line.ready_for_the, session))
            await asyncio.sleep(31)
            line.script.connections[-1].transport.abort()
        await until(lambda: line.ready_for_the(15))
        await line.client.disconnect()
    return shown


@virtual
async def test_lesson_11_a_spent_ticket_is_replayed_once_to_find_out_and_then_never(
    clock: VirtualClock,
) -> None:
    """It was replayed fourteen times.

    Red when `TicketDispenser._settle` in `tui_chat/ticket/dispenser.py` does not switch over to
    single use on a ticket that was `"used"`.
    """
    shown = await fifteen_sessions(Line(clock, single_use=True))
    assert len(shown) - len(set(shown)) <= 1


@virtual
async def test_lesson_11_a_ticket_known_to_be_for_one_use_is_shown_once(
    clock: VirtualClock,
) -> None:
    """Told beforehand, not one is replayed.

    Red when `TicketStock.take` in `tui_chat/ticket/stock.py` leaves the ticket where it is.
    """
    config = TicketManagerConfig(reuse="single_use")
    shown = await fifteen_sessions(Line(clock, single_use=True), ticket_config=config)
    assert len(shown) == len(set(shown)) == 15


@virtual
async def test_lesson_11_a_ticket_that_the_server_forgot_is_recovered_from(
    clock: VirtualClock,
) -> None:
    """A locally valid ticket that the server had forgotten was the end.

    Red when `TicketDispenser._settle` in `tui_chat/ticket/dispenser.py` keeps a ticket that was
    rejected: the branch for `"rejected"` does nothing.
    """
    line = Line(clock, default=Reply(lifetime=3600))
    async with line.running():
        start(line.client, 80)
        await until(lambda: line.ready_for_the(1))
        await asyncio.sleep(31)
        line.tickets.forgotten.update(line.tickets.expiries)
        assert line.client.is_ticket_valid()
        line.script.connections[0].transport.abort()
        await until(lambda: line.ready_for_the(2), seconds=5)
        assert len(line.tickets.requests) == 2
        assert len(line.at) == 3  # the first, the one that found it out, and the one that is ready
        await line.client.disconnect()


# -- 12: credentials -------------------------------------------------------------------------------


@dataclass
class Stubborn:
    """A source that cannot be cancelled: its answer comes, whoever still wants it."""

    server: FakeTicketServer

    async def fetch(self, auth: AuthData) -> TicketGrant:
        answer = asyncio.ensure_future(self.server.fetch(auth))
        while not answer.done():
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.shield(answer)
        return answer.result()


@pytest.mark.parametrize("stubborn", [False, True])
@virtual
async def test_lesson_12_a_ticket_that_was_being_fetched_does_not_survive_clear(
    clock: VirtualClock, stubborn: bool
) -> None:
    """`clear()` during a refresh: the ticket came back.

    Red when `TicketDispenser._end_generation` in `tui_chat/ticket/dispenser.py` does not cancel
    the flight.
    """
    server = FakeTicketServer(clock, default=Reply(latency=1))
    async with make_tickets(clock, Stubborn(server) if stubborn else server) as tickets:
        tickets.start_proactive_renewal()
        asking = asyncio.create_task(tickets.get_valid_ticket())
        await asyncio.sleep(0.5)
        tickets.clear()
        with pytest.raises(TicketCleared):
            await asking
        await asyncio.sleep(3600)
        assert not tickets.is_valid()
        assert tickets.get_expires_in() is None
        assert not tickets.get_debug_info().has_ticket
        assert len(server.requests) == 1


@pytest.mark.parametrize("stubborn", [False, True])
@virtual
async def test_lesson_12_new_credentials_get_the_new_users_ticket(
    clock: VirtualClock, stubborn: bool
) -> None:
    """New credentials during a refresh: the old user's ticket was cached and returned.

    Red when `TicketDispenser._end_generation` in `tui_chat/ticket/dispenser.py` does not cancel
    the flight.
    """
    server = FakeTicketServer(clock, default=Reply(latency=1))
    async with make_tickets(clock, Stubborn(server) if stubborn else server) as tickets:
        asking = [asyncio.create_task(tickets.get_valid_ticket()) for _ in range(5)]
        for user in ("user-1", "user-2", "user-3"):
            await asyncio.sleep(0.5)
            tickets.update_auth_data(user_mp_auth_token=user)
        got = set(await asyncio.gather(*asking))
        await asyncio.sleep(10)
        got.add(await tickets.get_valid_ticket())
        assert {server.owners[ticket] for ticket in got} == {"user-3"}
