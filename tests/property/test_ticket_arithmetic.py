"""The arithmetic of expiry, the request budget and the backoff: pure, so tried with anything."""

from __future__ import annotations

import math
import random

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from tui_chat.errors import RateLimited, ServerError, TicketUnusable, TuiChatError
from tui_chat.protocol.http import MAX_RETRY_AFTER
from tui_chat.secret import Secret
from tui_chat.ticket import TicketGrant, TicketManagerConfig
from tui_chat.ticket.arithmetic import MAX_LIFETIME, after_wall_jump, make_ticket
from tui_chat.ticket.failures import detached, retry_after_of
from tui_chat.ticket.retry import MAX_BACKOFF, RequestBudget, RetryGate, full_jitter

anything = st.floats(allow_nan=True, allow_infinity=True)
times = st.floats(-1e10, 1e10)
seeds = st.integers(0, 1 << 16)
CONFIG = TicketManagerConfig()


@given(
    expires=anything, server=st.none() | anything, boot=st.floats(0, 1e9), wall=times, seed=seeds
)
def test_any_grant_becomes_a_sound_ticket_or_is_unusable(
    expires: float, server: float | None, boot: float, wall: float, seed: int
) -> None:
    grant = TicketGrant(Secret("t"), expires, server)
    try:
        ticket = make_ticket(grant, boot, wall, CONFIG, random.Random(seed))
    except TicketUnusable:
        now = server if server is not None and math.isfinite(server) else wall
        assert not expires - now >= 3
        return
    assert 0 < ticket.lifetime <= MAX_LIFETIME
    assert boot < ticket.usable_until < ticket.deadline <= boot + MAX_LIFETIME
    assert boot < ticket.renew_at <= ticket.deadline
    assert ticket.usable_until - boot >= 0.74 * ticket.lifetime


@given(lifetime=st.floats(3, 86_400), skew=times, boot=st.floats(0, 1e7), seed=seeds)
def test_neither_clock_needs_to_be_right(
    lifetime: float, skew: float, boot: float, seed: int
) -> None:
    server = 1.7e9
    grant = TicketGrant(Secret("t"), server + lifetime, server)
    ticket = make_ticket(grant, boot, server - skew, CONFIG, random.Random(seed))
    assert ticket.deadline == pytest.approx(boot + lifetime - 2, abs=1e-4)
    assert ticket.skew == pytest.approx(skew, abs=1e-4)
    threshold = ticket.deadline - ticket.renew_at
    full = min(300.0, ticket.lifetime / 2)
    assert 0.8 * full - 1e-4 <= threshold <= full + 1e-4
    assert after_wall_jump(ticket, boot, server + 1e6) is ticket


@given(lifetime=st.floats(3, 86_400), jump=st.floats(-1e6, 1e6), seed=seeds)
def test_a_wall_jump_never_lengthens_a_ticket(lifetime: float, jump: float, seed: int) -> None:
    wall = 1.7e9
    ticket = make_ticket(
        TicketGrant(Secret("t"), wall + lifetime), 100.0, wall, CONFIG, random.Random(seed)
    )
    after = after_wall_jump(ticket, 100.0, wall + jump)
    assert after.deadline <= ticket.deadline
    assert after.deadline == pytest.approx(ticket.deadline - max(0.0, jump), abs=1e-4)


@pytest.mark.parametrize("value", ["", "x" * 8193])
def test_an_impossible_ticket_is_unusable(value: str) -> None:
    with pytest.raises(TicketUnusable):
        make_ticket(TicketGrant(Secret(value), 1e9, 0.0), 0.0, 0.0, CONFIG, random.Random(0))


@given(waits=st.lists(st.floats(0, 100), max_size=60))
def test_no_window_holds_more_requests_than_the_budget(waits: list[float]) -> None:
    budget, now, sent = RequestBudget(0.0), 0.0, []
    for wait in waits:
        now += wait
        now += budget.wait(now)
        assert budget.wait(now) == 0
        budget.spend(now)
        sent.append(now)
    for first in range(len(sent)):
        for last in range(first, len(sent)):
            assert last - first + 1 <= 10 + (sent[last] - sent[first]) / 2 + 1e-3


@given(attempt=st.integers(1, 10_000), base=st.floats(0, 1e6), seed=seeds)
def test_backoff_stays_between_nothing_and_its_cap(attempt: int, base: float, seed: int) -> None:
    assert 0 <= full_jitter(attempt, base, random.Random(seed)) <= MAX_BACKOFF


@given(seconds=anything, kind=st.sampled_from(["rate", 503, 500]))
def test_retry_after_is_clamped_wherever_it_comes_from(seconds: float, kind: str | int) -> None:
    error: TuiChatError = (
        RateLimited("x", retry_after=seconds)
        if kind == "rate"
        else ServerError("x", status=int(kind), retry_after=seconds)
    )
    clamped = retry_after_of(error)
    if kind == 500 or math.isnan(seconds) or seconds < 0:
        assert clamped is None
    else:
        assert clamped == min(seconds, MAX_RETRY_AFTER)


@given(first=st.floats(0, 900), second=st.floats(0, 900), at=st.floats(0, 2000))
def test_the_gate_keeps_the_longest_wish_and_counts_down(
    first: float, second: float, at: float
) -> None:
    assume(abs(at - max(first, second)) > 1e-6)
    gate = RetryGate()
    gate.close(RateLimited("x", retry_after=first), first)
    gate.close(RateLimited("x", retry_after=second), second)
    assert gate.refusal(0.0) is None  # closed, but nobody has given up yet
    gate.refuse()
    until = max(first, second)
    if at >= until:
        assert gate.opens_at(at) is None
        assert gate.refusal(at) is None
    else:
        assert gate.opens_at(at) == until
        refusal = gate.refusal(at)
        assert isinstance(refusal, RateLimited)
        assert refusal.retry_after == pytest.approx(until - at)


def test_a_detached_error_keeps_its_facts_and_loses_its_frames() -> None:
    try:
        try:
            raise OSError(111, "refused")  # noqa: TRY301 - the chain is what is tested
        except OSError as cause:
            raise ServerError("x", status=503, retry_after=4.0, code="C") from cause
    except ServerError as error:
        copy = detached(error)
    assert (copy.status, copy.retry_after, copy.code, str(copy)) == (503, 4.0, "C", "x")
    assert copy.__traceback__ is None
    assert isinstance(copy.__cause__, OSError)
    assert copy.__cause__.__traceback__ is None
    assert copy.__cause__.__context__ is None
