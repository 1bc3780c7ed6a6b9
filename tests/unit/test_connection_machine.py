"""The state machine alone, exhaustively: every machine there can be, every event."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import get_args

import pytest

from tui_chat.connection.machine import STRIKES, TRANSITIONS, Machine, Outcome, ReconnectCause
from tui_chat.connection.status import ConnectionState as S

CAUSES: tuple[ReconnectCause, ...] = get_args(ReconnectCause)
OUTCOMES: tuple[Outcome, ...] = get_args(Outcome)
FLAGS = (False, True)

Event = tuple[str, Callable[[Machine], Machine]]


def _event(name: str, apply: Callable[[Machine], Machine]) -> Event:
    return name, apply


def events() -> Iterator[Event]:
    """Every event there is, with a name that says what it stands for."""
    for paused in FLAGS:
        yield _event(f"waits {paused=}", lambda m, p=paused: m.waits(paused=p))  # type: ignore[misc]
    yield _event("began", Machine.began)
    yield _event("leased", Machine.leased)
    yield _event("ready", Machine.ready)
    for outcome, strike, stable in itertools.product(OUTCOMES, FLAGS, FLAGS):
        yield _event(
            f"ended {outcome} {strike=} {stable=}",
            lambda m, o=outcome, s=strike, t=stable: m.ended(o, strike=s, stable=t),  # type: ignore[misc]
        )
    for cause in CAUSES:
        yield _event(f"wanted {cause}", lambda m, c=cause: m.wanted(c)[0])  # type: ignore[misc]
    yield _event("closed", Machine.closed)


EVENTS = tuple(events())
ALL = tuple(itertools.starmap(Machine, itertools.product(S, FLAGS, range(STRIKES), FLAGS, FLAGS)))


def steps(machine: Machine) -> Iterator[tuple[str, Machine]]:
    """Every event that is possible now, and where it leads."""
    for name, apply in EVENTS:
        try:
            yield name, apply(machine)
        except RuntimeError:
            continue


def reachable() -> frozenset[Machine]:
    """Every machine that some sequence of events leads to."""
    seen = {Machine(keeps_trying=flag) for flag in FLAGS}
    waiting = list(seen)
    while waiting:
        for _, following in steps(waiting.pop()):
            if following not in seen:
                seen.add(following)
                waiting.append(following)
    return frozenset(seen)


REACHABLE = reachable()


def test_every_event_in_every_machine_follows_the_table_or_is_refused() -> None:
    for machine in ALL:
        for name, following in steps(machine):
            allowed = TRANSITIONS[machine.state] | {machine.state}
            assert following.state in allowed, (machine, name)
            assert following.strikes < STRIKES, (machine, name)


def test_the_table_holds_nothing_that_does_not_happen() -> None:
    happens = {
        (machine.state, following.state)
        for machine in REACHABLE
        for name, following in steps(machine)
        if following.state is not machine.state or not name.startswith("wanted")
    }
    listed = {(before, after) for before, afters in TRANSITIONS.items() for after in afters}
    assert listed - happens == set()


def test_every_state_can_be_reached() -> None:
    assert {machine.state for machine in REACHABLE} == set(S)


def test_closed_is_final() -> None:
    for machine in ALL:
        if machine.state is S.CLOSED:
            assert {following.state for _, following in steps(machine)} == {S.CLOSED}
            assert {machine.wanted(cause)[1] for cause in CAUSES} == {"nothing"}


def test_a_failed_state_is_left_on_the_users_word_only() -> None:
    for machine in REACHABLE:
        if machine.state is not S.FAILED or machine.released:
            continue
        for name, following in steps(machine):
            if following != machine:
                assert name in ("wanted user", "closed"), name
        for cause in CAUSES:
            assert machine.wanted(cause)[1] == ("wake" if cause == "user" else "nothing")


def test_a_pause_that_somebody_imposed_takes_two_deliberate_wishes() -> None:
    for machine in REACHABLE:
        if machine.state is not S.PAUSED:
            continue
        for cause in CAUSES:
            after, answer = machine.wanted(cause)
            if cause != "user":
                assert (after, answer) == (machine, "nothing")
            elif machine.asked:
                assert answer == "insist"
            else:
                assert answer == "noted"
                assert after.wanted("user")[1] == "insist"
        # A new pause starts from nothing.
        assert not machine.waits(paused=True).asked


def test_a_working_connection_is_replaced_by_the_user_only() -> None:
    for machine in REACHABLE:
        answers = {cause: machine.wanted(cause)[1] for cause in CAUSES}
        if machine.state is S.READY:
            assert answers == dict.fromkeys(CAUSES, "nothing") | {"user": "replace"}
        elif machine.state is S.BACKOFF:
            assert set(answers.values()) == {"wake"}
        else:
            assert "replace" not in answers.values()


def test_whoever_wanted_one_attempt_gets_one() -> None:
    """A second ticket may be tried; everything else ends it, unless there was a session."""
    for machine in REACHABLE:
        if machine.keeps_trying or machine.state not in (S.TICKET, S.CONNECTING):
            continue
        for outcome in ("backoff", "pause", "fail"):
            assert machine.ended(outcome).state is S.CLOSED
        assert machine.ended("retry").state is not S.CLOSED


def test_once_there_was_a_session_it_keeps_trying() -> None:
    assert all(machine.keeps_trying for machine in REACHABLE if machine.state is S.READY)


def test_three_strikes_in_a_row_fail_and_anything_else_between_forgives() -> None:
    machine = Machine().began().leased()
    for strikes in (1, 2):
        machine = machine.ended("backoff", strike=True)
        assert (machine.state, machine.strikes) == (S.BACKOFF, strikes)
        machine = machine.began().leased()
    assert machine.ended("backoff", strike=True).state is S.FAILED
    assert machine.ended("backoff").strikes == 0
    assert machine.ready().ended("backoff", strike=True, stable=True).strikes == 1


def _leads_to_ready(machine: Machine, *, user: bool) -> bool:
    seen, waiting = {machine}, [machine]
    while waiting:
        current = waiting.pop()
        if current.state is S.READY:
            return True
        for name, following in steps(current):
            helped = name.startswith("wanted user") and not user
            if helped or name == "closed" or following in seen:
                continue
            seen.add(following)
            waiting.append(following)
    return False


def test_from_everywhere_there_is_a_way_to_a_session() -> None:
    for machine in REACHABLE:
        if machine.state is S.CLOSED:
            continue
        stuck = machine.state is S.FAILED and not machine.released
        assert _leads_to_ready(machine, user=False) is not stuck
        assert _leads_to_ready(machine, user=True)


@pytest.mark.parametrize(
    ("machine", "name"),
    [
        (Machine(), "leased"),
        (Machine(), "ready"),
        (Machine(), "ended backoff strike=False stable=False"),
        (Machine(S.TICKET), "ready"),
        (Machine(S.READY), "began"),
        (Machine(S.READY), "waits paused=False"),
        (Machine(S.BACKOFF), "ready"),
        (Machine(S.FAILED), "began"),
        (Machine(S.CLOSED), "began"),
    ],
)
def test_what_makes_no_sense_is_a_defect(machine: Machine, name: str) -> None:
    with pytest.raises(RuntimeError, match=machine.state.value):
        dict(EVENTS)[name](machine)
