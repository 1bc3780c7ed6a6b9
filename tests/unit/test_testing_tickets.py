"""The scripted ticket source, in virtual time and under a real TicketManager."""

from __future__ import annotations

import asyncio

import pytest

from tests.virtual import EPOCH, VirtualClock, settle, virtual
from tui_chat import (
    AuthData,
    CredentialsRejected,
    Secret,
    ServerError,
    TicketManager,
    TicketManagerConfig,
)
from tui_chat.testing import ScriptedTicketSource, TicketReply
from tui_chat.ticket import REQUEST_ID, TicketValidation, TicketValidator

AUTH = AuthData("token-of-the-user", "key-of-the-server")


def manager(
    source: ScriptedTicketSource, clock: VirtualClock, max_attempts: int = 1
) -> TicketManager:
    config = TicketManagerConfig(retry_base_delay=0.01, max_attempts=max_attempts)
    return TicketManager(AUTH, "https://chat.example", config, source=source, clock=clock)


@virtual
async def test_a_script_is_followed_and_then_the_default(clock: VirtualClock) -> None:
    busy = ServerError("busy", status=503)
    source = ScriptedTicketSource([busy, TicketReply(value="first", lifetime=60)], clock=clock)
    tickets = manager(source, clock, max_attempts=2)
    assert await tickets.get_valid_ticket() == "first"
    assert 50_000 < (tickets.get_expires_in() or 0) <= 60_000
    assert (await tickets.refresh_ticket()).startswith("ticket-1-")
    assert [request.error for request in source.requests] == [busy, None, None]
    assert [request.granted for request in source.requests][1] == Secret("first")
    assert source.requests[0].auth == AUTH
    await tickets.aclose()


@virtual
async def test_errors_can_be_added_and_raised_for_ever(clock: VirtualClock) -> None:
    source = ScriptedTicketSource(clock=clock)
    source.then(CredentialsRejected("no", status=401))
    source.default = TicketReply(error=ServerError("busy", status=500))
    tickets = manager(source, clock, max_attempts=3)
    with pytest.raises(CredentialsRejected):
        await tickets.get_valid_ticket()
    for _ in range(2):
        with pytest.raises(ServerError):
            await tickets.get_valid_ticket()
    assert len(source.requests) == 1 + 3 + 3
    await tickets.aclose()


@virtual
async def test_latency_passes_before_and_after_the_server_acts(clock: VirtualClock) -> None:
    source = ScriptedTicketSource(clock=clock, skew=100)
    source.default = TicketReply(latency=2, lifetime=60)
    token = REQUEST_ID.set("the-id")
    grant = await source.fetch(AUTH)
    REQUEST_ID.reset(token)
    assert clock.boot() == 4
    assert grant.server_time == EPOCH + 2 + 100
    assert grant.expires_at == grant.server_time + 60
    assert grant.request_id == source.requests[0].request_id == "the-id"
    assert (source.requests[0].at, source.requests[0].ended) == (0, 4)


@virtual
async def test_what_the_server_says_about_time_can_be_wrong(clock: VirtualClock) -> None:
    source = ScriptedTicketSource([TicketReply(expires_at=5.0, dated=False)], clock=clock)
    grant = await source.fetch(AUTH)
    assert (grant.expires_at, grant.server_time) == (5.0, None)
    assert source.handshake(grant.value) == "", "its true lifetime is another matter"


@virtual
async def test_a_request_hangs_until_it_is_released(clock: VirtualClock) -> None:
    source = ScriptedTicketSource(clock=clock, default=TicketReply(hang=True))
    one, two = (asyncio.create_task(source.fetch(AUTH)) for _ in range(2))
    await settle()
    assert (source.hanging, source.in_flight, source.most_in_flight) == (2, 2, 2)
    two.cancel()
    await settle()
    assert source.hanging == 1
    assert isinstance(source.requests[1].error, asyncio.CancelledError)
    assert source.release() == 1
    assert source.handshake((await one).value) == ""
    assert (source.hanging, source.in_flight, source.most_in_flight) == (0, 0, 2)
    assert source.release() == 0


@virtual
async def test_a_handshake_knows_the_truth(clock: VirtualClock) -> None:
    source = ScriptedTicketSource(clock=clock, default=TicketReply(lifetime=10))
    ticket = (await source.fetch(AUTH)).value
    assert [source.handshake(ticket.reveal()) for _ in range(2)] == ["", ""]
    assert source.handshake("made up") == "TICKET_INVALID"
    clock.suspend(10)
    assert source.handshake(ticket) == "TICKET_EXPIRED"
    ticket = (await source.fetch(AUTH)).value
    source.expire()
    assert source.handshake(ticket) == "TICKET_EXPIRED"
    source.forget()
    assert source.handshake(ticket) == "TICKET_INVALID"


@virtual
async def test_single_use(clock: VirtualClock) -> None:
    source = ScriptedTicketSource(clock=clock, single_use=True)
    ticket = (await source.fetch(AUTH)).value
    assert (await source.validate(AUTH, ticket)).valid, "asking spends nothing"
    assert [source.handshake(ticket) for _ in range(2)] == ["", "TICKET_USED"]
    assert (await source.validate(AUTH, ticket)).code == "TICKET_USED"


@virtual
async def test_validation(clock: VirtualClock) -> None:
    source = ScriptedTicketSource(clock=clock, default=TicketReply(lifetime=600))
    assert isinstance(source, TicketValidator)
    tickets = manager(source, clock)
    value = await tickets.get_valid_ticket()
    assert (await tickets.validate_with_server()).valid
    assert source.validated == [Secret(value).digest()]
    source.expire()
    said = await tickets.validate_with_server()
    assert (said.valid, said.code, said.expired) == (False, "TICKET_EXPIRED", True)
    source.validation = TicketValidation(valid=True, reason="so I say")
    assert await source.validate(AUTH, Secret("anything")) == source.validation
    source.validation = ServerError("broken", status=500)
    with pytest.raises(ServerError):
        await source.validate(AUTH, Secret("anything"))
    await tickets.aclose()


@virtual
async def test_nothing_shows_a_secret(clock: VirtualClock) -> None:
    source = ScriptedTicketSource([TicketReply(value="TICKET-CANARY")], clock=clock)
    await source.fetch(AUTH)
    shown = f"{source!r} {source.requests!r} {source.validated!r}"
    assert "CANARY" not in shown
    assert "token-of-the-user" not in shown


async def test_it_works_on_the_machines_clock() -> None:
    source = ScriptedTicketSource()
    async with asyncio.timeout(5):
        tickets = TicketManager(AUTH, "https://chat.example", source=source)
        assert await tickets.get_valid_ticket() == await tickets.get_valid_ticket()
        assert len(source.requests) == 1
        await tickets.aclose()
