"""Who may start a handshake, and when: one connection or several."""

from __future__ import annotations

import asyncio
import random

from hypothesis import given
from hypothesis import strategies as st

from tui_chat.connection.admission import Admission, Turn
from tui_chat.errors import RateLimited, ServerError, TuiChatError

BROKEN = ServerError("broken", status=500)


def fresh(concurrency: int = 1, members: int = 1, seed: int = 0) -> Admission:
    admission = Admission(random.Random(seed), 0.0, concurrency=concurrency)
    admission.members = members
    return admission


def kind(admission: Admission, now: float, overruled: frozenset[str] = frozenset()) -> str | None:
    obstacle = admission.obstacle(now, overruled=overruled)
    return None if obstacle is None else obstacle.kind


def test_alone_nothing_is_in_the_way_until_something_fails() -> None:
    admission = fresh()
    assert admission.obstacle(0.0) is None
    turn = admission.enter()
    assert kind(admission, 0.0) == "turn"
    turn.dialling(0.0)
    turn.over()
    until = admission.failed(turn, BROKEN, "restarting", 0.0)
    obstacle = admission.obstacle(0.0)
    assert obstacle is not None
    assert (obstacle.kind, obstacle.until, obstacle.cause) == ("backoff", until, BROKEN)
    assert kind(admission, 0.0, frozenset({"backoff"})) is None
    assert admission.obstacle(until) is None


def test_those_who_fail_together_have_met_one_outage() -> None:
    admission = fresh(concurrency=4, members=10)
    turns = [admission.enter() for _ in range(4)]
    for turn in turns:
        turn.ready()
    moments = {admission.failed(turn, BROKEN, "restarting", 100.0) for turn in turns}
    assert len(moments) == 1


def test_a_later_failure_of_an_old_connection_is_an_outage_of_its_own() -> None:
    admission = fresh(concurrency=4, members=2)
    first, second = admission.enter(), admission.enter()
    first.ready()
    second.ready()
    admission.failed(first, BROKEN, "restarting", 100.0)
    assert admission.failed(second, BROKEN, "server", 500.0) >= 500.0
    assert admission.obstacle(500.0) is None or kind(admission, 500.0) == "backoff"


def test_in_an_outage_one_tries_and_the_others_follow_its_success() -> None:
    admission = fresh(concurrency=3, members=5)
    lost = admission.enter()
    lost.ready()
    until = admission.failed(lost, BROKEN, "server", 0.0)
    probe = admission.enter()
    assert kind(admission, until) == "turn"
    probe.ready()
    assert admission.obstacle(until) is None


async def test_waiting_for_a_turn_ends_when_an_attempt_does() -> None:
    admission = fresh()
    turn = admission.enter()
    waiting = asyncio.create_task(admission.change())
    await asyncio.sleep(0)
    assert not waiting.done()
    turn.over()
    turn.over()
    await waiting
    assert admission.obstacle(0.0) is None


def test_a_pause_needs_more_than_a_wake() -> None:
    admission = fresh()
    error = RateLimited("later", retry_after=60)
    admission.paused(error, 60.0)
    assert kind(admission, 0.0, frozenset({"backoff"})) == "pause"
    assert kind(admission, 0.0, frozenset({"backoff", "pause"})) is None


def test_only_tickets_fetched_after_the_last_refusal_count() -> None:
    admission = fresh()
    assert admission.ticket_refused(1, newest=11) is None
    for serial in range(2, 12):
        assert admission.ticket_refused(serial, newest=11) is None
    assert admission.circuit.rejections == 1
    assert admission.ticket_refused(12, newest=12) is None
    assert admission.ticket_refused(13, newest=13) == 60.0


def test_coming_and_going_earns_no_handshakes() -> None:
    admission = fresh()
    for _ in range(20):
        turn = admission.enter()
        turn.dialling(0.0)
        turn.over()
        if admission.budget.wait(0.0) > 0:
            break
    for _ in range(10):
        admission.members = 5
        admission.members = 1
    assert admission.budget.wait(0.0) > 0


def test_attempts_that_wait_for_a_ticket_have_their_handshake_reserved() -> None:
    admission = fresh(concurrency=10)
    turns = [admission.enter() for _ in range(5)]
    assert kind(admission, 0.0) == "budget"
    for turn in turns:
        turn.over()  # none of them got as far as a handshake
    assert admission.obstacle(0.0) is None


@given(st.integers(1, 10), st.integers(1, 5), st.lists(st.integers(0, 5), max_size=200))
def test_any_number_of_connections_stays_within_one_budget(
    members: int, concurrency: int, choices: list[int]
) -> None:
    """Whatever they do, no window holds more than the burst, one per further one, and 20/min."""
    admission, now = fresh(concurrency, members), 0.0
    turns: list[Turn] = []
    dialled: list[float] = []
    failure: TuiChatError = BROKEN
    for choice in choices:
        now += choice * 0.7
        if admission.obstacle(now, overruled=frozenset({"backoff"})) is None:
            turn = admission.enter()
            turn.dialling(now)
            dialled.append(now)
            turns.append(turn)
        elif turns and choice % 2:
            turn = turns.pop(0)
            if choice == 1:
                turn.ready()
            turn.over()
            admission.failed(turn, failure, "server", now)
    burst = 5 + members - 1
    for first in range(len(dialled)):
        for last in range(first, len(dialled)):
            assert last - first + 1 <= burst + (dialled[last] - dialled[first]) / 3 + 1e-6
