"""TicketManager, one behaviour at a time, in virtual time."""

from __future__ import annotations

import asyncio
import itertools
import random
from typing import Any

import pytest

from tests.virtual import FakeTicketServer, Reply, VirtualClock, failure, settle, virtual
from tui_chat.errors import (
    ClientClosed,
    ConfigurationError,
    CredentialsRejected,
    RateLimited,
    RequestRejected,
    RequestTimeout,
    ServerError,
    TicketCleared,
    TicketUnusable,
    TuiChatError,
)
from tui_chat.ticket import (
    AuthData,
    TicketClockJump,
    TicketDropped,
    TicketEvent,
    TicketExpired,
    TicketManager,
    TicketManagerConfig,
    TicketRenewalFailed,
    TicketRenewed,
    TicketRenewing,
    TicketView,
)

AUTH = AuthData("token-one", "server-key")


def make(server: FakeTicketServer, **config: Any) -> TicketManager:
    return TicketManager(
        AUTH,
        "",
        TicketManagerConfig(**config),
        source=server,
        clock=server.clock,
        rng=random.Random(7),
    )


def script(*replies: Reply) -> Any:
    return iter(replies)


# -- single flight --------------------------------------------------------------------------------


@virtual
async def test_ten_thousand_callers_every_seventh_cancelled_cost_one_request(
    clock: VirtualClock,
) -> None:
    server = FakeTicketServer(clock)
    async with make(server) as manager:
        tasks = [asyncio.create_task(manager.get_valid_ticket()) for _ in range(10_000)]
        await asyncio.sleep(0)
        for task in tasks[::7]:
            task.cancel()
        results = await asyncio.gather(*tasks, return_exceptions=True)
        assert all(isinstance(r, asyncio.CancelledError) for r in results[::7])
        kept = {str(r) for i, r in enumerate(results) if i % 7}
        assert kept == set(server.expiries)
        assert len(server.requests) == 1


@virtual
async def test_a_failure_reaches_each_waiter_once_with_an_error_of_its_own(
    clock: VirtualClock,
) -> None:
    server = FakeTicketServer(clock, default=Reply(error=failure("missing")))
    async with make(server) as manager:
        results = await asyncio.gather(
            *(manager.get_valid_ticket() for _ in range(50)), return_exceptions=True
        )
        assert all(isinstance(r, RequestRejected) and r.status == 404 for r in results)
        assert len({id(r) for r in results}) == 50
        assert len(server.requests) == 1


@virtual
async def test_when_every_waiter_is_cancelled_the_ticket_is_kept(clock: VirtualClock) -> None:
    server = FakeTicketServer(clock)
    async with make(server) as manager:
        tasks = [asyncio.create_task(manager.get_valid_ticket()) for _ in range(3)]
        await asyncio.sleep(0)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        assert not manager.is_valid()
        await asyncio.sleep(1)
        assert manager.is_valid()
        await manager.get_valid_ticket()
        assert len(server.requests) == 1


@virtual
async def test_the_fast_path_never_suspends(clock: VirtualClock) -> None:
    server = FakeTicketServer(clock)
    async with make(server) as manager:
        await manager.get_valid_ticket()
        coroutine = manager.get_valid_ticket()
        with pytest.raises(StopIteration) as stopped:
            coroutine.send(None)
        assert stopped.value.value in server.expiries


@virtual
async def test_a_flight_cancelled_from_outside_resolves_its_waiters(clock: VirtualClock) -> None:
    server = FakeTicketServer(clock, default=Reply(latency=5))
    async with make(server) as manager:
        waiter = asyncio.create_task(manager.get_valid_ticket())
        await asyncio.sleep(1)
        [flight] = [t for t in asyncio.all_tasks() if t.get_name() == "ticket refresh"]
        flight.cancel()
        with pytest.raises(TuiChatError):
            await waiter
        assert await manager.get_valid_ticket() in server.expiries


# -- credentials and clear ------------------------------------------------------------------------


@virtual
async def test_lesson_12_new_credentials_during_a_refresh_never_yield_the_old_ticket(
    clock: VirtualClock,
) -> None:
    server = FakeTicketServer(clock, default=Reply(latency=2))
    async with make(server) as manager:
        tasks = [asyncio.create_task(manager.get_valid_ticket()) for _ in range(5)]
        await asyncio.sleep(3)
        assert manager.update_auth_data(user_mp_auth_token="token-two")
        values = await asyncio.gather(*tasks)
        assert {server.owners[value] for value in values} == {"token-two"}
        assert len(server.requests) == 2
        assert server.owners[await manager.get_valid_ticket()] == "token-two"
        assert manager.get_debug_info().epoch == 1


@virtual
async def test_an_answer_for_old_credentials_is_discarded_even_if_cancelling_it_fails(
    clock: VirtualClock,
) -> None:
    class Stubborn(FakeTicketServer):
        async def fetch(self, auth: AuthData) -> Any:
            task = asyncio.ensure_future(super().fetch(auth))
            while not task.done():
                try:
                    await asyncio.shield(task)
                except asyncio.CancelledError:
                    continue
            return task.result()

    server = Stubborn(clock, default=Reply(latency=2))
    events: list[TicketEvent] = []
    async with make(server) as manager:
        manager.subscribe(events.append)
        waiter = asyncio.create_task(manager.get_valid_ticket())
        await asyncio.sleep(1)
        manager.update_auth_data(user_mp_auth_token="token-two")
        assert server.owners[await waiter] == "token-two"
        assert manager.get_debug_info().requests == 2
        assert TicketDropped("credentials", None) in events


@virtual
async def test_new_credentials_between_being_served_and_waking_up(clock: VirtualClock) -> None:
    server = FakeTicketServer(clock)
    async with make(server) as manager:

        def rotate(event: TicketEvent) -> None:
            if isinstance(event, TicketRenewed) and event.ticket.serial == 1:
                manager.update_auth_data(user_mp_auth_token="token-two")

        manager.subscribe(rotate)
        assert server.owners[await manager.get_valid_ticket()] == "token-two"


@virtual
async def test_what_a_stubborn_source_brings_after_clear_is_discarded(clock: VirtualClock) -> None:
    class Stubborn(FakeTicketServer):
        async def fetch(self, auth: AuthData) -> Any:
            try:
                return await super().fetch(auth)
            except asyncio.CancelledError:
                self.default = Reply()
                return await super().fetch(auth)

    server = Stubborn(clock, default=Reply(hang=True))
    async with make(server) as manager:
        manager.start_proactive_renewal()
        await asyncio.sleep(1)
        manager.clear()
        await asyncio.sleep(100)
        assert not manager.is_valid()
        assert manager.get_debug_info().requests == 1


@pytest.mark.parametrize("reply", [Reply(hang=True), Reply(error=failure("server"))])
def test_after_clear_a_refresh_sends_nothing_more(reply: Reply) -> None:
    @virtual
    async def check(clock: VirtualClock) -> None:
        server = FakeTicketServer(clock, default=reply)
        async with make(server, retry_base_delay=30.0) as manager:
            waiter = asyncio.create_task(manager.get_valid_ticket())
            await asyncio.sleep(0.5)
            manager.clear()
            with pytest.raises(TicketCleared):
                await waiter
            requests = len(server.requests)
            assert all(record.ended is not None for record in server.requests)
            await asyncio.sleep(200)
            assert len(server.requests) == requests

    check()


@virtual
async def test_the_same_credentials_again_change_nothing(clock: VirtualClock) -> None:
    server = FakeTicketServer(clock)
    async with make(server) as manager:
        value = await manager.get_valid_ticket()
        assert not manager.update_auth_data(user_mp_auth_token="token-one")
        assert await manager.get_valid_ticket() == value
        with pytest.raises(TypeError):
            manager.update_auth_data(nonsense=1)


@virtual
async def test_lesson_12_clear_during_a_refresh_keeps_the_ticket_away(clock: VirtualClock) -> None:
    server = FakeTicketServer(clock, default=Reply(latency=2))
    async with make(server) as manager:
        manager.start_proactive_renewal()
        tasks = [asyncio.create_task(manager.get_valid_ticket()) for _ in range(3)]
        await asyncio.sleep(1)
        manager.clear()
        results = await asyncio.gather(*tasks, return_exceptions=True)
        assert all(isinstance(r, TicketCleared) for r in results)
        await asyncio.sleep(3600)
        assert not manager.is_valid()
        assert manager.get_expires_in() is None
        assert len(server.requests) == 1
        assert await manager.get_valid_ticket() in server.expiries


@virtual
async def test_clear_between_being_served_and_waking_up_still_clears(clock: VirtualClock) -> None:
    server = FakeTicketServer(clock)
    async with make(server) as manager:
        manager.subscribe(lambda e: manager.clear() if isinstance(e, TicketRenewed) else None)
        with pytest.raises(TicketCleared):
            await manager.get_valid_ticket()
        assert not manager.is_valid()


@virtual
async def test_lesson_4_after_closing_nothing_is_fetched_and_everything_says_so(
    clock: VirtualClock,
) -> None:
    server = FakeTicketServer(clock, default=Reply(latency=2))
    manager = make(server)
    manager.start_proactive_renewal()
    waiter = asyncio.create_task(manager.get_valid_ticket())
    await asyncio.sleep(1)
    await manager.aclose()
    await manager.aclose()
    with pytest.raises(ClientClosed):
        await waiter
    for call in (manager.get_valid_ticket, manager.refresh_ticket, manager.renew, manager.lease):
        with pytest.raises(ClientClosed):
            await call()
    with pytest.raises(ClientClosed):
        await manager.validate_with_server()
    with pytest.raises(ClientClosed):
        manager.start_proactive_renewal()
    with pytest.raises(ClientClosed):
        manager.update_auth_data(user_id="x")
    manager.clear()
    manager.stop_proactive_renewal()
    assert not manager.invalidate(1)
    assert not manager.is_valid()
    assert manager.get_expires_in() is None
    assert not manager.get_debug_info().has_ticket
    await asyncio.sleep(3600)
    assert len(server.requests) == 1


@virtual
async def test_invalidation_is_compare_and_swap(clock: VirtualClock) -> None:
    server = FakeTicketServer(clock)
    async with make(server) as manager:
        first = await manager.lease()
        second = await manager.refresh_ticket()
        assert not manager.invalidate(first.serial)
        first.rejected("expired")
        assert await manager.get_valid_ticket() == second
        assert manager.invalidate(second)
        assert not manager.is_valid()


# -- retrying -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("error", "requests", "expected"),
    [
        (CredentialsRejected("no", status=401), 1, CredentialsRejected),
        (RequestRejected("no", status=404), 1, RequestRejected),
        (ServerError("no", status=500), 3, ServerError),
        (RateLimited("no"), 3, RateLimited),
        (TicketUnusable("no"), 3, TicketUnusable),
        (ConnectionRefusedError(111, "refused"), 3, TuiChatError),
        (TimeoutError(), 3, RequestTimeout),
        (ZeroDivisionError("secret"), 1, TuiChatError),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else None,
)
def test_lesson_10_what_is_retried_depends_on_the_kind_of_error(
    error: Exception, requests: int, expected: type[TuiChatError]
) -> None:
    @virtual
    async def check(clock: VirtualClock) -> None:
        server = FakeTicketServer(clock, default=Reply(error=error))
        async with make(server) as manager:
            with pytest.raises(expected) as caught:
                await manager.get_valid_ticket()
            assert "secret" not in str(caught.value)
            assert len(server.requests) == requests
            assert manager.get_debug_info().failures == 1

    check()


@virtual
async def test_lesson_8_a_request_that_never_ends_is_given_up(clock: VirtualClock) -> None:
    server = FakeTicketServer(clock, default=Reply(hang=True))
    async with make(server, request_timeout=5.0, max_attempts=2, retry_base_delay=0) as manager:
        with pytest.raises(RequestTimeout):
            await manager.get_valid_ticket()
        assert 10 <= clock.boot() < 11


@virtual
async def test_a_short_retry_after_is_waited_for(clock: VirtualClock) -> None:
    server = FakeTicketServer(
        clock, script=script(Reply(error=failure("rate", retry_after=20), latency=0))
    )
    async with make(server) as manager:
        await manager.get_valid_ticket()
        assert server.sent_at()[1] >= 20


@virtual
async def test_a_long_retry_after_ends_the_refresh_and_gates_the_next(clock: VirtualClock) -> None:
    server = FakeTicketServer(
        clock, script=script(Reply(error=failure("unavailable", retry_after=1e9), latency=0))
    )
    async with make(server) as manager:
        with pytest.raises(ServerError) as caught:
            await manager.get_valid_ticket()
        assert caught.value.retry_after == 1e9
        await asyncio.sleep(100)
        with pytest.raises(ServerError) as caught:
            await manager.get_valid_ticket()
        assert caught.value.retry_after == pytest.approx(800)
        assert manager.get_debug_info().retry_at == pytest.approx(900)
        assert len(server.requests) == 1
        await asyncio.sleep(801)
        await manager.get_valid_ticket()


@virtual
async def test_the_user_may_insist_once(clock: VirtualClock) -> None:
    refusal = Reply(error=failure("rate", retry_after=600), latency=0)
    server = FakeTicketServer(clock, script=script(refusal, refusal))
    async with make(server) as manager:
        with pytest.raises(RateLimited):
            await manager.get_valid_ticket()
        manager.override_retry_after()
        with pytest.raises(RateLimited):
            await manager.get_valid_ticket()
        assert len(server.requests) == 2
        with pytest.raises(RateLimited):
            await manager.get_valid_ticket()
        assert len(server.requests) == 2


@virtual
async def test_insisting_wakes_a_refresh_that_waits(clock: VirtualClock) -> None:
    server = FakeTicketServer(
        clock, script=script(Reply(error=failure("rate", retry_after=25), latency=0))
    )
    async with make(server) as manager:
        waiter = asyncio.create_task(manager.get_valid_ticket())
        await asyncio.sleep(5)
        manager.override_retry_after()
        await waiter
        assert clock.boot() < 6


@virtual
async def test_lesson_1_a_server_that_keeps_sending_dead_tickets_is_not_stormed(
    clock: VirtualClock,
) -> None:
    server = FakeTicketServer(clock, default=Reply(lifetime=-5, latency=0.001))
    async with make(server) as manager:
        manager.start_proactive_renewal()
        while clock.boot() < 60:
            with pytest.raises(TicketUnusable):
                await manager.get_valid_ticket()
        assert server.in_budget()
        assert len(server.requests) <= 10 + clock.boot() / 2 + 1


@virtual
async def test_a_ticket_that_took_too_long_on_the_way_is_unusable(clock: VirtualClock) -> None:
    server = FakeTicketServer(clock, default=Reply(lifetime=10, latency=4))
    async with make(server) as manager:
        with pytest.raises(TicketUnusable):
            await manager.get_valid_ticket()
        assert len(server.requests) == 3


# -- expiry and clocks ----------------------------------------------------------------------------


@virtual
async def test_expires_in_is_in_milliseconds_and_never_negative(clock: VirtualClock) -> None:
    server = FakeTicketServer(clock, default=Reply(latency=0))
    async with make(server) as manager:
        assert manager.get_expires_in() is None
        await manager.get_valid_ticket()
        assert manager.get_expires_in() == 298_000
        await asyncio.sleep(1000)
        assert manager.get_expires_in() == 0
        assert not manager.is_valid()


@pytest.mark.parametrize("skew", [-86_400.0, 86_400.0, 300.0])
@pytest.mark.parametrize("wall", [-86_400.0, 86_400.0, 0.0])
def test_wrong_clocks_do_not_matter(skew: float, wall: float) -> None:
    @virtual
    async def check(clock: VirtualClock) -> None:
        clock.set_wall(wall)
        server = FakeTicketServer(clock, skew=skew)
        async with make(server) as manager:
            value = await manager.get_valid_ticket()
            await asyncio.sleep(200)
            assert await manager.get_valid_ticket() == value
            clock.suspend(120)
            assert await manager.get_valid_ticket() != value
            info = manager.get_debug_info()
            assert info.server_time_known
            assert info.clock_skew == pytest.approx(skew - wall, abs=1)

    check()


@virtual
async def test_without_a_date_the_wall_clock_has_to_do_and_it_says_so(clock: VirtualClock) -> None:
    server = FakeTicketServer(clock, default=Reply(date=False))
    async with make(server) as manager:
        await manager.get_valid_ticket()
        assert not manager.get_debug_info().server_time_known
        assert manager.get_debug_info().clock_skew is None
        manager.start_proactive_renewal()
        await asyncio.sleep(0.5)
        clock.set_wall(250)  # it was wrong, so the ticket ends sooner than computed
        await asyncio.sleep(2)
        assert manager.get_debug_info().requests == 2


@virtual
async def test_a_claim_of_eight_thousand_years_is_not_believed(clock: VirtualClock) -> None:
    server = FakeTicketServer(clock, default=Reply(expires_at=253_402_300_799.0, lifetime=1e6))
    async with make(server) as manager:
        await manager.get_valid_ticket()
        info = manager.get_debug_info()
        assert info.lifetime_clamped
        assert info.expires_at == 253_402_300_799.0
        assert info.lifetime == 86_398


@virtual
async def test_expiry_is_told_exactly_once(clock: VirtualClock) -> None:
    server = FakeTicketServer(
        clock, script=script(Reply(lifetime=60)), default=Reply(error=failure("missing"))
    )
    events: list[TicketEvent] = []
    async with make(server) as manager:
        manager.subscribe(events.append)
        manager.start_proactive_renewal()
        await asyncio.sleep(600)
        assert [e for e in events if isinstance(e, TicketExpired)] == [TicketExpired(1)]


@virtual
async def test_a_suspend_is_noticed_within_a_second_and_the_ticket_replaced(
    clock: VirtualClock,
) -> None:
    server = FakeTicketServer(clock)
    events: list[TicketEvent] = []
    async with make(server) as manager:
        manager.subscribe(events.append)
        manager.start_proactive_renewal()
        await asyncio.sleep(10)
        clock.suspend(3600)
        await asyncio.sleep(1.2)
        assert manager.is_valid()
        jumps = [e.jump for e in events if isinstance(e, TicketClockJump)]
        assert [(j.kind, round(j.seconds)) for j in jumps] == [("suspend", 3600)]
        assert TicketExpired(1) in events


@virtual
async def test_a_request_that_was_out_while_the_machine_slept_is_given_up(
    clock: VirtualClock,
) -> None:
    server = FakeTicketServer(clock, script=script(Reply(hang=True)))
    async with make(server, retry_base_delay=0) as manager:
        manager.start_proactive_renewal()
        await asyncio.sleep(1)
        clock.suspend(600)
        await asyncio.sleep(1.5)
        assert manager.is_valid()


# -- proactive renewal ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("lifetime", "seconds", "least", "most"),
    [
        (300.0, 86_400.0, 480, 576),
        (3600.0, 86_400.0, 24, 27),
        (10.0, 3600.0, 3600 / 6, 3600 / 2),
    ],
)
def test_lesson_2_a_connected_day_costs_what_it_should(
    lifetime: float, seconds: float, least: int, most: int
) -> None:
    @virtual
    async def check(clock: VirtualClock) -> None:
        server = FakeTicketServer(clock, default=Reply(lifetime=lifetime))
        async with make(server) as manager:
            manager.start_proactive_renewal()
            invalid = 0.0
            await asyncio.sleep(1)
            while clock.boot() < seconds:
                await asyncio.sleep(0.73 if lifetime < 60 else 7.3)
                invalid += not manager.is_valid()
            assert least <= len(server.requests) <= most
            assert invalid == 0
            assert server.in_budget()

    check()


@virtual
async def test_lesson_3_a_short_ticket_is_not_requested_on_every_call(clock: VirtualClock) -> None:
    server = FakeTicketServer(clock, default=Reply(lifetime=20, latency=0))
    async with make(server) as manager:
        for _ in range(100):
            await manager.get_valid_ticket()
            await asyncio.sleep(0.1)
        assert len(server.requests) == 1


@virtual
async def test_starting_renewal_twice_makes_one_loop(clock: VirtualClock) -> None:
    server = FakeTicketServer(clock)
    renewed: list[TicketView] = []
    async with make(server) as manager:
        manager.start_proactive_renewal(renewed.append)
        manager.start_proactive_renewal()
        await asyncio.sleep(200)
        assert [view.serial for view in renewed] == [1, 2]
        manager.stop_proactive_renewal()
        await asyncio.sleep(5000)
        assert len(server.requests) == 2


@virtual
async def test_without_being_started_nothing_runs_in_the_background(clock: VirtualClock) -> None:
    server = FakeTicketServer(clock)
    async with make(server) as manager:
        await manager.get_valid_ticket()
        await asyncio.sleep(80_000)
        assert len(server.requests) == 1


@virtual
async def test_a_renewal_that_keeps_failing_backs_off(clock: VirtualClock) -> None:
    server = FakeTicketServer(clock, default=Reply(error=failure("missing"), latency=0))
    events: list[TicketEvent] = []
    errors: list[TuiChatError] = []
    async with make(server, on_error=errors.append) as manager:
        manager.subscribe(events.append)
        manager.start_proactive_renewal()
        await asyncio.sleep(1800)
        times = server.sent_at()
        gaps = [b - a for a, b in itertools.pairwise(times)]
        assert 30 <= len(times) <= 75
        assert all(29 <= gap <= 61 for gap in gaps[10:])
        failed = [e for e in events if isinstance(e, TicketRenewalFailed)]
        assert len(failed) == len(errors) == len(times)
        for event, at in zip(failed, times[1:], strict=False):
            assert event.final
            assert event.retry_at == pytest.approx(at, abs=0.01)


@virtual
async def test_renewal_respects_retry_after(clock: VirtualClock) -> None:
    server = FakeTicketServer(
        clock, script=script(Reply(error=failure("rate", retry_after=400), latency=0))
    )
    async with make(server) as manager:
        manager.start_proactive_renewal()
        await asyncio.sleep(390)
        assert len(server.requests) == 1
        clock.suspend(3)  # makes the renewal look again at once
        await asyncio.sleep(2)
        with pytest.raises(RateLimited):
            await manager.get_valid_ticket()
        assert len(server.requests) == 1
        await asyncio.sleep(15)
        assert manager.is_valid()


@virtual
async def test_rejected_credentials_stop_renewal_until_there_are_new_ones(
    clock: VirtualClock,
) -> None:
    server = FakeTicketServer(
        clock, script=script(*[Reply(error=CredentialsRejected("no", status=401))] * 2)
    )
    async with make(server) as manager:
        manager.start_proactive_renewal()
        await asyncio.sleep(3600)
        assert len(server.requests) == 1
        with pytest.raises(CredentialsRejected):
            await manager.get_valid_ticket()
        await asyncio.sleep(3600)
        assert len(server.requests) == 2
        manager.update_auth_data(user_mp_auth_token="token-two")
        await asyncio.sleep(1)
        assert manager.is_valid()


@virtual
async def test_a_lease_that_starts_together_with_renewal_asks_first(clock: VirtualClock) -> None:
    from tui_chat.ticket import REQUEST_ID

    seen: list[str | None] = []

    class Noting(FakeTicketServer):
        async def fetch(self, auth: AuthData) -> Any:
            seen.append(REQUEST_ID.get())
            return await super().fetch(auth)

    server = Noting(clock)
    async with make(server) as manager:
        manager.start_proactive_renewal()
        lease = await manager.lease(request_id="attempt-1")
        assert seen == ["attempt-1"]
        assert lease.request_id == "attempt-1"
        with pytest.raises(ConfigurationError):
            await manager.lease(request_id="a\r\nb")


# -- one-time tickets -----------------------------------------------------------------------------


@virtual
async def test_single_use_hands_each_ticket_out_once_in_order(clock: VirtualClock) -> None:
    server = FakeTicketServer(clock)
    async with make(server, reuse="single_use") as manager:
        order: list[int] = []

        async def ask(number: int) -> str:
            value = await manager.get_valid_ticket()
            order.append(number)
            return value

        values = await asyncio.gather(*(ask(n) for n in range(6)))
        assert len(set(values)) == 6
        assert order == list(range(6))
        assert len(server.requests) == 6
        assert server.most_in_flight == 1


@virtual
async def test_single_use_prefetches_one_spare_after_a_lease(clock: VirtualClock) -> None:
    server = FakeTicketServer(clock, single_use=True)
    async with make(server, reuse="single_use") as manager:
        lease = await manager.lease()
        assert not manager.is_valid()
        lease.accepted()
        await asyncio.sleep(1)
        assert manager.is_valid()
        assert manager.get_debug_info().spare
        assert len(server.requests) == 2
        again = await manager.lease()
        assert again.serial == 2
        await settle()
        manager.clear()
        await asyncio.sleep(100)
        assert len(server.requests) == 3  # the one that clear() cancelled
        assert not manager.is_valid()


@virtual
async def test_a_released_ticket_is_handed_out_again_without_new_requests(
    clock: VirtualClock,
) -> None:
    server = FakeTicketServer(clock, single_use=True)
    async with make(server, reuse="single_use") as manager:
        serials = []
        for _ in range(5):
            lease = await manager.lease()
            serials.append(lease.serial)
            await asyncio.sleep(1)
            lease.released()
            lease.rejected()
            lease.accepted()
            assert lease.outcome == "released"
        assert serials == [1] * 5
        assert len(server.requests) == 2


@virtual
async def test_a_ticket_of_a_cancelled_taker_is_not_lost(clock: VirtualClock) -> None:
    server = FakeTicketServer(clock)
    async with make(server, reuse="single_use") as manager:
        task = asyncio.create_task(manager.get_valid_ticket())

        def cancel(event: TicketEvent) -> None:
            if isinstance(event, TicketRenewed):
                task.cancel()

        manager.subscribe(cancel)
        with pytest.raises(asyncio.CancelledError):
            await task
        assert manager.is_valid()
        await manager.get_valid_ticket()
        assert len(server.requests) == 1


@virtual
async def test_lesson_11_auto_switches_at_the_first_used_ticket(clock: VirtualClock) -> None:
    server = FakeTicketServer(clock, single_use=True)
    async with make(server) as manager:
        first = await manager.lease()
        assert server.handshake(first.value.reveal()) == "ok"
        first.accepted()
        second = await manager.lease()
        assert second.serial == first.serial
        assert server.handshake(second.value.reveal()) == "used"
        second.rejected("used")
        assert manager.get_debug_info().single_use
        for _ in range(20):
            lease = await manager.lease()
            assert server.handshake(lease.value.reveal()) == "ok"
            lease.accepted()


@virtual
async def test_a_ticket_that_was_shared_before_the_switch_never_comes_back(
    clock: VirtualClock,
) -> None:
    server = FakeTicketServer(clock, single_use=True)
    async with make(server) as manager:
        first, second = await manager.lease(), await manager.lease()
        second.rejected("used")
        first.released()
        assert not manager.is_valid()
        assert (await manager.lease()).serial > first.serial


@virtual
async def test_a_ticket_that_was_handed_out_as_text_counts_as_used(clock: VirtualClock) -> None:
    server = FakeTicketServer(clock, single_use=True)
    async with make(server) as manager:
        first = await manager.lease()
        handed_out = [await manager.refresh_ticket(), await manager.get_valid_ticket()]
        first.rejected("used")
        assert (await manager.get_valid_ticket()) not in handed_out


@virtual
async def test_an_explicit_policy_is_kept(clock: VirtualClock) -> None:
    server = FakeTicketServer(clock)
    async with make(server, reuse="reusable") as manager:
        lease = await manager.lease()
        lease.rejected("used")
        assert not manager.get_debug_info().single_use
        assert not manager.is_valid()


@virtual
async def test_lesson_11_a_forgotten_ticket_is_replaced(clock: VirtualClock) -> None:
    for reuse in ("auto", "single_use"):
        server = FakeTicketServer(clock)
        async with make(server, reuse=reuse) as manager:
            lease = await manager.lease()
            await asyncio.sleep(1)
            lease.released()  # under single use there are two in hand now
            lease = await manager.lease()
            server.forgotten.update(server.expiries)
            lease.rejected("invalid")
            assert server.handshake((await manager.lease()).value.reveal()) == "ok"


@virtual
async def test_renew_keeps_the_fresh_ticket_for_the_next_lease(clock: VirtualClock) -> None:
    for reuse in ("reusable", "single_use"):
        server = FakeTicketServer(clock)
        async with make(server, reuse=reuse) as manager:
            lease = await manager.lease()
            await settle()
            await asyncio.sleep(1)
            view = await manager.renew()
            assert view.serial > lease.serial
            assert (await manager.lease()).serial == view.serial


# -- what others see ------------------------------------------------------------------------------


@virtual
async def test_events_tell_the_story(clock: VirtualClock) -> None:
    server = FakeTicketServer(clock, script=script(Reply(error=failure("server"))))
    events: list[TicketEvent] = []
    async with make(server) as manager:
        manager.subscribe(lambda _: 1 / 0)  # type: ignore[arg-type]
        unsubscribe = manager.subscribe(events.append)
        await manager.get_valid_ticket()
        kinds = [type(event) for event in events]
        assert kinds == [TicketRenewing, TicketRenewalFailed, TicketRenewing, TicketRenewed]
        unsubscribe()
        manager.clear()
        assert len(events) == 4


@virtual
async def test_a_listener_that_raises_is_logged_without_its_text(clock: VirtualClock) -> None:
    from tests.virtual import Captured

    def broken(_: TicketEvent) -> None:
        raise ValueError("TICKET-CANARY")

    async with make(FakeTicketServer(clock)) as manager:
        manager.subscribe(broken)
        with Captured.all_logs() as logs:
            await manager.get_valid_ticket()
        text = "\n".join(logs.lines)
        assert "broken" in text
        assert "ValueError" in text
        assert "CANARY" not in text


@pytest.mark.parametrize("url", ["http://chat.example.com", "ws://10.0.0.1:8000/ws"])
def test_plaintext_to_another_machine_is_refused(url: str) -> None:
    with pytest.raises(ConfigurationError):
        TicketManager(AUTH, url)
    TicketManager(AUTH, url, allow_plaintext=True)
    TicketManager(AUTH, "http://127.0.0.1:1")
