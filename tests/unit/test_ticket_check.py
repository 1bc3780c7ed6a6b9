"""Asking about the ticket while there is nothing else to do, in virtual time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from tests.virtual import FakeTicketServer, VirtualClock, settle, virtual
from tui_chat.connection.ticket_check import TicketCheck
from tui_chat.errors import RequestRejected, RequestTimeout, TuiChatError
from tui_chat.secret import Secret
from tui_chat.ticket import AuthData, TicketManager
from tui_chat.ticket.validation import TicketValidation


class Validating(FakeTicketServer):
    """Answers after ``latency`` with ``valid``, or raises ``trouble``."""

    valid = True
    latency = 0.1
    trouble: TuiChatError | None = None
    asked = 0

    async def validate(self, auth: AuthData, ticket: Secret) -> TicketValidation:
        self.asked += 1
        await asyncio.sleep(self.latency)
        if self.trouble is not None:
            raise self.trouble
        return TicketValidation(self.valid)


@asynccontextmanager
async def ticketed(clock: VirtualClock) -> AsyncIterator[tuple[Validating, TicketManager]]:
    source = Validating(clock)
    async with TicketManager(AuthData("t", "k"), "", source=source, clock=clock) as tickets:
        tickets.start_proactive_renewal()
        await tickets.get_valid_ticket()
        yield source, tickets


async def wait(check: TicketCheck, seconds: float) -> None:
    async with check.during(seconds):
        await asyncio.sleep(seconds)


@virtual
async def test_a_dead_ticket_is_replaced_before_the_wait_is_over(clock: VirtualClock) -> None:
    async with ticketed(clock) as (source, tickets):
        source.valid = False
        await wait(TicketCheck(tickets), 2)
        assert source.asked == 1
        assert len(source.requests) == 2
        assert tickets.get_debug_info().serial == 2
        assert tickets.is_valid()


@virtual
async def test_a_good_ticket_is_asked_about_once(clock: VirtualClock) -> None:
    async with ticketed(clock) as (source, tickets):
        check = TicketCheck(tickets)
        for _ in range(3):
            await wait(check, 2)
        assert source.asked == 1
        await tickets.renew()
        await wait(check, 2)
        assert source.asked == 2


@virtual
async def test_a_short_wait_is_not_worth_asking(clock: VirtualClock) -> None:
    async with ticketed(clock) as (source, tickets):
        await wait(TicketCheck(tickets), 0.9)
        assert source.asked == 0


@virtual
async def test_an_answer_that_does_not_come_delays_nothing(clock: VirtualClock) -> None:
    async with ticketed(clock) as (source, tickets):
        source.latency = 3600
        before = clock.boot()
        await wait(TicketCheck(tickets), 2)
        await settle()
        assert clock.boot() - before < 2.1
        assert tickets.is_valid()


@pytest.mark.parametrize(
    ("trouble", "asked"),
    [(RequestRejected("no such page", status=404), 1), (RequestTimeout("slow"), 2)],
)
def test_a_server_that_cannot_say_is_not_asked_again(trouble: TuiChatError, asked: int) -> None:
    @virtual
    async def body(clock: VirtualClock) -> None:
        async with ticketed(clock) as (source, tickets):
            source.trouble = trouble
            check = TicketCheck(tickets)
            await wait(check, 2)
            assert tickets.is_valid()
            await tickets.renew()
            await wait(check, 2)
            assert source.asked == asked

    body()


@virtual
async def test_a_source_that_cannot_validate_is_not_asked_again(clock: VirtualClock) -> None:
    source = FakeTicketServer(clock)
    async with TicketManager(AuthData("t", "k"), "", source=source, clock=clock) as tickets:
        await tickets.get_valid_ticket()
        check = TicketCheck(tickets)
        await wait(check, 2)
        await wait(check, 2)
        assert tickets.is_valid()
        assert len(source.requests) == 1
