"""Delays, the handshake budget and the circuit: pure arithmetic."""

from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies as st

from tui_chat.connection.backoff import AuthCircuit, Backoff, Failure, HandshakeBudget

failures = st.sampled_from(["nobody", "server", "restarting"])


@given(st.integers(), st.lists(st.tuples(failures, st.floats(0, 400)), max_size=60))
def test_no_delay_is_negative_or_above_the_cap(
    seed: int, steps: list[tuple[Failure, float]]
) -> None:
    backoff, now = Backoff(random.Random(seed)), 0.0
    for failure, passed in steps:
        delay = backoff.next_delay(failure, now)
        assert 0 <= delay <= 30
        now += delay + passed


@given(st.integers())
def test_a_server_that_is_away_is_tried_eagerly_then_patiently(seed: int) -> None:
    backoff = Backoff(random.Random(seed))
    assert 0.1 <= backoff.next_delay("nobody", 0) <= 1
    assert 0.1 <= backoff.next_delay("nobody", 29.9) <= 1
    assert 0.2 <= backoff.next_delay("nobody", 30) <= 2
    assert 0.2 <= backoff.next_delay("nobody", 119) <= 2
    late = [backoff.next_delay("nobody", 121 + 30 * i) for i in range(8)]
    assert all(15 <= delay <= 30 for delay in late[4:])


@given(st.integers())
def test_a_server_that_fails_is_left_alone_for_longer_each_time(seed: int) -> None:
    backoff = Backoff(random.Random(seed))
    for attempt in range(12):
        assert backoff.next_delay("server", 0) <= min(30, 0.5 * 2**attempt)


@given(st.integers())
def test_a_restarting_server_gets_a_moment(seed: int) -> None:
    backoff = Backoff(random.Random(seed))
    assert 1 <= backoff.next_delay("restarting", 0) <= 5
    backoff.reset()
    assert 1 <= backoff.next_delay("restarting", 0) <= 5


def test_full_jitter_spreads_clients() -> None:
    delays = set()
    for seed in range(200):
        backoff = Backoff(random.Random(seed))
        for _ in range(5):
            backoff.next_delay("server", 0)
        delays.add(round(backoff.next_delay("server", 0)))
    assert len(delays) > 10


@given(st.lists(st.floats(0, 30), min_size=1, max_size=200))
def test_the_budget_holds_in_every_window(pauses: list[float]) -> None:
    """However attempts come, no window holds more than its burst plus its rate."""
    budget, now, taken = HandshakeBudget(0.0), 0.0, []
    for pause in pauses:
        now += pause
        wait = budget.wait(now)
        now += wait
        assert budget.wait(now) == 0
        budget.take(now)
        taken.append(now)
    for first in range(len(taken)):
        for last in range(first, len(taken)):
            count = last - first + 1
            assert count <= 5 + (taken[last] - taken[first]) / 3 + 1e-6


def test_the_budget_gives_back_and_never_overflows() -> None:
    budget = HandshakeBudget(0.0)
    for _ in range(20):
        budget.give_back()
    for _ in range(5):
        assert budget.wait(0.0) == 0
        budget.take(0.0)
    assert 2.9 < budget.wait(0.0) <= 3
    budget.give_back()
    assert budget.wait(0.0) == 0


def test_the_circuit_opens_after_three_and_stays_open_longer_each_time() -> None:
    circuit = AuthCircuit()
    assert [circuit.rejected() for _ in range(3)] == [None, None, 60.0]
    assert [circuit.rejected() for _ in range(6)] == [120.0, 240.0, 480.0, 900.0, 900.0, 900.0]
    circuit.accepted()
    assert [circuit.rejected() for _ in range(3)] == [None, None, 60.0]
