"""What a ticket manager records, in virtual time."""

from __future__ import annotations

import asyncio
from typing import Any

from tests.support.canaries import Canary, find
from tests.virtual import FakeTicketServer, Reply, VirtualClock, failure, settle, virtual
from tui_chat.telemetry import HistogramPoint, Telemetry, table
from tui_chat.ticket import AuthData, TicketManager, TicketManagerConfig

TOKEN = Canary("the token", "TOKEN-CANARY-1a2b3c4d5e6f")
KEY = Canary("the key", "KEY-CANARY-0011223344556677")


def manager(
    source: FakeTicketServer, *, telemetry: Telemetry | None = None, **config: Any
) -> TicketManager:
    return TicketManager(
        AuthData(TOKEN.value, KEY.value),
        "http://localhost",
        TicketManagerConfig(**config),
        source=source,
        clock=source.clock,
        telemetry=telemetry,
    )


def points(tickets: TicketManager, name: str) -> dict[tuple[Any, ...], Any]:
    """Return what is recorded on an instrument, by the values of the attributes."""
    found: dict[tuple[Any, ...], Any] = {}
    for point in tickets.telemetry.snapshot().metric(name).points:
        key = tuple(value for _, value in point.attributes)
        found[key] = point if isinstance(point, HistogramPoint) else point.value
    return found


def events(tickets: TicketManager) -> list[tuple[str, dict[str, Any]]]:
    return [(entry.kind, dict(entry.attributes)) for entry in tickets.telemetry.recent]


@virtual
async def test_one_refresh_for_many_callers(clock: VirtualClock) -> None:
    source = FakeTicketServer(clock, skew=2.5)
    async with manager(source) as tickets:
        assert points(tickets, "ticket.client.time_to_expiry") == {}
        await asyncio.gather(*(tickets.get_valid_ticket() for _ in range(50)))
        duration = points(tickets, "ticket.client.refresh.duration")[("ok",)]
        assert (duration.count, round(duration.sum, 6)) == (1, 0.1)  # the latency, twice
        waiters = points(tickets, "ticket.client.refresh.waiters")[()]
        assert (waiters.count, waiters.max) == (1, 50)
        assert points(tickets, "ticket.client.request.count") == {(): 1}
        started, ended = events(tickets)
        assert started == ("ticket.refresh.start", {})
        assert ended[0] == "ticket.refresh.end"
        assert ended[1] == {"outcome": "ok", "duration": duration.sum, "waiters": 50.0}


@virtual
async def test_gauges_follow_the_ticket_and_end_with_the_manager(clock: VirtualClock) -> None:
    source = FakeTicketServer(clock, skew=2.5, default=Reply(latency=0, lifetime=300))
    tickets = manager(source)
    await tickets.get_valid_ticket()
    assert points(tickets, "ticket.client.time_to_expiry") == {(): 298.0}
    assert points(tickets, "ticket.client.clock.skew") == {(): 2.5}
    await asyncio.sleep(100)
    assert points(tickets, "ticket.client.time_to_expiry") == {(): 198.0}
    await asyncio.sleep(300)
    assert points(tickets, "ticket.client.time_to_expiry") == {(): 0.0}
    await tickets.aclose()
    assert points(tickets, "ticket.client.time_to_expiry") == {}
    assert points(tickets, "ticket.client.clock.skew") == {}
    assert tickets.telemetry._looks == {}


@virtual
async def test_a_failed_refresh_is_recorded_by_the_class_of_its_error(clock: VirtualClock) -> None:
    source = FakeTicketServer(clock, default=Reply(error=failure("server")))
    async with manager(source, max_attempts=2) as tickets:
        await asyncio.gather(
            *(tickets.get_valid_ticket() for _ in range(3)), return_exceptions=True
        )
        [(key, duration)] = points(tickets, "ticket.client.refresh.duration").items()
        assert (key, duration.count) == (("failed", "ServerError"), 1)
        assert points(tickets, "ticket.client.request.count") == {(): 2}
        assert points(tickets, "ticket.client.refresh.waiters")[()].max == 3
        kind, attributes = events(tickets)[-1]
        assert kind == "ticket.refresh.end"
        assert attributes["error.type"] == "ServerError"


@virtual
async def test_a_refresh_that_nobody_wants_is_discarded_once(clock: VirtualClock) -> None:
    source = FakeTicketServer(clock, default=Reply(latency=5))
    async with manager(source) as tickets:
        asking = asyncio.create_task(tickets.get_valid_ticket())
        await asyncio.sleep(2)
        tickets.update_auth_data(user_mp_auth_token="another-token")  # the caller waits on
        await asyncio.sleep(1)
        tickets.clear()
        await asyncio.gather(asking, return_exceptions=True)
        await asyncio.sleep(60)
        discarded = points(tickets, "ticket.client.refresh.duration")[("discarded",)]
        assert (discarded.count, discarded.sum) == (2, 3.0)
        assert points(tickets, "ticket.client.refresh.waiters")[()].count == 2
        assert [kind for kind, _ in events(tickets)] == [
            "ticket.refresh.start",
            "ticket.refresh.discarded",
            "ticket.refresh.start",
            "ticket.refresh.discarded",
        ]
        assert events(tickets)[1][1] == {"duration": 2.0, "waiters": 1.0}


@virtual
async def test_leases_and_what_invalidates_a_ticket(clock: VirtualClock) -> None:
    source = FakeTicketServer(clock, default=Reply(latency=0, lifetime=300))
    async with manager(source) as tickets:
        (await tickets.lease()).released()
        lease = await tickets.lease()
        lease.accepted()
        lease.accepted()  # the first answer counts
        lease.rejected("expired")  # second thoughts
        assert points(tickets, "ticket.client.lease.count") == {
            ("accepted",): 1,
            ("rejected",): 1,
            ("released",): 1,
        }
        await tickets.get_valid_ticket()
        tickets.update_auth_data(user_mp_auth_token="another-token")
        await tickets.get_valid_ticket()
        tickets.clear()
        await tickets.get_valid_ticket()
        await asyncio.sleep(400)
        await tickets.get_valid_ticket()
        reasons = [a["reason"] for kind, a in events(tickets) if kind == "ticket.invalidated"]
        assert reasons == ["rejected", "credentials", "cleared", "expired"]
        assert points(tickets, "ticket.client.dropped.count") == {
            (reason,): 1 for reason in reasons
        }


@virtual
async def test_one_time_tickets_that_are_handed_out_are_not_invalidated(
    clock: VirtualClock,
) -> None:
    source = FakeTicketServer(clock, single_use=True)
    async with manager(source, reuse="single_use") as tickets:
        await tickets.get_valid_ticket()
        await tickets.lease()
        await settle()
        assert points(tickets, "ticket.client.dropped.count") == {("leased",): 2}
        assert "ticket.invalidated" not in [kind for kind, _ in events(tickets)]


@virtual
async def test_a_suspend_and_a_set_clock_are_events(clock: VirtualClock) -> None:
    async with manager(FakeTicketServer(clock)) as tickets:
        tickets.start_proactive_renewal()
        await asyncio.sleep(5)
        clock.suspend(30)
        await asyncio.sleep(5)
        clock.set_wall(-3600)
        await asyncio.sleep(5)
        jumps = [attributes for kind, attributes in events(tickets) if kind == "clock.jump"]
        assert [(j["kind"], round(j["seconds"]), j["observer"]) for j in jumps] == [
            ("suspend", 30, "ticket"),
            ("wall", -3600, "ticket"),
        ]


@virtual
async def test_several_managers_share_one_telemetry(clock: VirtualClock) -> None:
    telemetry = Telemetry(clock)
    source = FakeTicketServer(clock)
    async with (
        manager(source, telemetry=telemetry) as one,
        manager(source, telemetry=telemetry) as two,
    ):
        await one.get_valid_ticket()
        await two.get_valid_ticket()
        assert one.telemetry is telemetry
        assert telemetry.counters == {"ticket.client.request.count": 2}
        assert telemetry.gauge_value(table.TIME_TO_EXPIRY) is not None


@virtual
async def test_a_valid_ticket_is_handed_out_without_a_record(clock: VirtualClock) -> None:
    async with manager(FakeTicketServer(clock)) as tickets:
        await tickets.get_valid_ticket()
        before = tickets.telemetry.snapshot()
        for _ in range(100):
            await tickets.get_valid_ticket()
        assert tickets.telemetry.snapshot() == before
        names = {*TicketManager.get_valid_ticket.__code__.co_names}
        assert not {"telemetry", "_meter", "meter"} & names, "the fast path is a comparison"


@virtual
async def test_no_ticket_token_or_key_is_recorded(clock: VirtualClock) -> None:
    source = FakeTicketServer(
        clock,
        script=iter(
            [
                Reply(error=OSError(f"refused {TOKEN.value} {KEY.value}")),
                Reply(lifetime=60),
                Reply(error=failure("unavailable", retry_after=1.0)),
            ]
        ),
    )
    async with manager(source) as tickets:
        tickets.start_proactive_renewal()
        for _ in range(6):
            (await tickets.lease()).rejected("used")
            await asyncio.sleep(30)
        issued = [Canary("a ticket", value) for value in source.expiries]
        assert len(issued) > 3
        seen = {
            "the JSON": tickets.telemetry.snapshot().to_json(),
            "the snapshot": repr(tickets.telemetry.snapshot()),
        }
        # The fake server's tickets begin alike.
        issued = [Canary(canary.name, canary.value.removeprefix("TICKET-C")) for canary in issued]
        assert find(seen, [TOKEN, KEY, *issued]) == []
        assert points(tickets, "ticket.client.lease.count") == {("rejected",): 6}
