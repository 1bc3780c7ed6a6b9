"""Tickets and the rate limit, with a clock that the test moves."""

from __future__ import annotations

import pytest

from tui_chat.secret import Secret
from tui_chat.server import tickets as tickets_module
from tui_chat.server.clock import SkewedClock
from tui_chat.server.rate_limit import RateLimit
from tui_chat.server.tickets import TicketRefused, TicketStore


class FakeClock:
    def __init__(self) -> None:
        self.now = 1000.0

    def wall(self) -> float:
        return 1_700_000_000.0 + self.now

    def boot(self) -> float:
        return self.now

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


def refusal(store: TicketStore, value: Secret | None, owner: str | None = None) -> str:
    with pytest.raises(TicketRefused) as caught:
        store.inspect(value, owner=owner)
    return caught.value.code


def test_a_ticket_opens_sessions_until_its_time_is_up(clock: FakeClock) -> None:
    store = TicketStore(clock=clock, ttl=60)
    ticket = store.issue("ann", entity_id="e", entity_type="BRAND")
    assert ticket.expires_at == clock.wall() + 60
    clock.now += 59.9
    assert store.redeem(ticket.value).owner == "ann"
    assert store.redeem(ticket.value).uses == 2
    assert (store.redeem(ticket.value).entity_id, store.redeem(ticket.value).entity_type) == (
        "e",
        "BRAND",
    )
    clock.now += 0.1
    assert refusal(store, ticket.value) == "TICKET_EXPIRED"


def test_a_single_use_ticket_is_spent_by_a_handshake_and_not_by_looking(clock: FakeClock) -> None:
    store = TicketStore(clock=clock, ttl=60, single_use=True)
    ticket = store.issue("ann")
    store.inspect(ticket.value)
    store.redeem(ticket.value)
    assert refusal(store, ticket.value) == "TICKET_USED"
    clock.now += 61
    assert refusal(store, ticket.value) == "TICKET_USED"


@pytest.mark.parametrize("value", [None, Secret(""), Secret("made up"), Secret("\ud800")])
def test_what_is_no_ticket_is_invalid(clock: FakeClock, value: Secret | None) -> None:
    store = TicketStore(clock=clock, ttl=60)
    store.issue("ann")
    assert refusal(store, value) == "TICKET_INVALID"


def test_somebody_elses_ticket_looks_like_none(clock: FakeClock) -> None:
    store = TicketStore(clock=clock, ttl=60)
    ticket = store.issue("ann")
    assert store.inspect(ticket.value, owner="ann").owner == "ann"
    assert refusal(store, ticket.value, owner="bob") == "TICKET_INVALID"


def test_tickets_can_be_expired_and_forgotten_for_one_owner_or_all(clock: FakeClock) -> None:
    store = TicketStore(clock=clock, ttl=60)
    ann, bob = store.issue("ann"), store.issue("bob")
    assert store.expire("ann") == 1
    assert refusal(store, ann.value) == "TICKET_EXPIRED"
    assert store.inspect(bob.value).owner == "bob"
    assert store.expire() == 1
    assert store.forget("bob") == 1
    assert refusal(store, bob.value) == "TICKET_INVALID"
    assert refusal(store, ann.value) == "TICKET_EXPIRED"
    assert store.forget() == 1
    assert len(store) == 0
    assert store.issued_to("ann") == 1


def test_ended_tickets_are_swept_in_the_end(clock: FakeClock) -> None:
    store = TicketStore(clock=clock, ttl=60)
    old = store.issue("ann")
    clock.now += 60 + tickets_module.REMEMBERED - 1
    store.issue("ann")
    assert refusal(store, old.value) == "TICKET_EXPIRED"
    clock.now += 1
    store.issue("ann")
    assert refusal(store, old.value) == "TICKET_INVALID"
    assert len(store) == 2


def test_the_number_of_tickets_is_bounded(
    clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tickets_module, "MAX_TICKETS", 5)
    store = TicketStore(clock=clock, ttl=60)
    tickets = [store.issue("ann") for _ in range(8)]
    assert len(store) == 5
    assert refusal(store, tickets[2].value) == "TICKET_INVALID"
    assert store.inspect(tickets[3].value).owner == "ann"


def test_a_store_holds_no_ticket(clock: FakeClock) -> None:
    store = TicketStore(clock=clock, ttl=60)
    ticket = store.issue("ann")
    value = ticket.value.reveal()
    assert len(value) == 43  # 256 bits, base64url
    assert value not in repr(vars(store))
    assert value not in repr(ticket)


def test_a_skewed_clock_is_wrong_about_the_date_only(clock: FakeClock) -> None:
    skewed = SkewedClock(clock, -3600)
    assert skewed.wall() == clock.wall() - 3600
    assert skewed.boot() == clock.boot()
    assert skewed.monotonic() == clock.monotonic()


def test_the_rate_limit_allows_a_burst_and_then_a_pace(clock: FakeClock) -> None:
    limit = RateLimit(per_minute=6, burst=3, now=clock.boot)
    assert [limit.take("ann") for _ in range(3)] == [0, 0, 0]
    assert limit.take("ann") == pytest.approx(10)
    assert limit.take("bob") == 0
    clock.now += 4
    # Asking again has not made the wait longer.
    assert limit.take("ann") == pytest.approx(6)
    clock.now += 6
    assert limit.take("ann") == 0
    assert limit.take("ann") == pytest.approx(10)
    clock.now += 3600
    assert [limit.take("ann") for _ in range(3)] == [0, 0, 0]
    assert limit.take("ann") > 0


def test_no_rate_means_no_limit(clock: FakeClock) -> None:
    limit = RateLimit(per_minute=0, burst=1, now=clock.boot)
    assert {limit.take("ann") for _ in range(100)} == {0}
