"""What a day is made of, at length: renewals, pauses, impatience and leaving, a property for each.

The schedules of ``test_connection_invariants`` reach these states by chance; here every example
goes through them.
"""

from __future__ import annotations

import asyncio

from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.property.connection_network import Network, run_world
from tests.property.connection_tickets import SOUND, TicketManner
from tests.property.connection_witness import Step, World
from tests.property.connection_world import HEALTHY, Manner
from tests.property.test_connection_invariants import manners, ticket_manners
from tests.virtual import VirtualClock, visible
from tui_chat.connection.status import ConnectionState

DAY = 90_000.0
seeds = st.integers(0, 1 << 16)


@settings(max_examples=15, deadline=None)
@given(
    lifetime=st.sampled_from([5.0, 10.0, 60.0, 300.0]),
    moods=st.lists(
        st.tuples(
            ticket_manners,
            st.sampled_from(["suspend", "set_wall", "entity", "look"]),
            st.sampled_from([3.0, 400.0, DAY]),
            st.sampled_from([1.0, 30.0, 120.0]),
        ),
        max_size=4,
    ),
    single_use=st.booleans(),
    seed=seeds,
)
def test_a_renewal_never_touches_the_open_connection(
    lifetime: float,
    moods: list[tuple[TicketManner, str, float, float]],
    single_use: bool,
    seed: int,
) -> None:
    """Invariant 7: tickets come, fail, expire and are asked for anew; nothing else happens.

    Red when ``WebSocketChatClient.handle_ticket_renewed`` calls ``reconnect_now("user")``, and
    when it sends ``update_context_helpers`` on the open session.
    """

    async def body(clock: VirtualClock, network: Network) -> list[str]:
        world = World(clock, network, seed=seed, single_use=single_use, context=True)
        world.patience = 1000.0
        async with world.host.serving():
            world.office.manner = TicketManner(lifetime=lifetime)
            await world.do(Step("begin", "start", 190.0))
            for manner, what, how, then in moods:
                await world.do(Step("office", manner))
                await world.do(Step(what, how, then))
            assert len(world.office.requests) > 1, "no renewal was seen"
            assert len(world.host.seats) == 1, "the connection was replaced"
            seat = world.host.seats[0]
            assert seat.left is None
            assert seat.heard == ["configure_tools"], "a renewal sent a frame"
            assert world.client.get_connection_status().generation == 1
            await world.disconnect()
            await asyncio.sleep(2)
        return world.shown

    run_world(body)


@settings(max_examples=25, deadline=None)
@given(
    refusal=st.one_of(
        st.builds(
            Manner,
            refusal=st.sampled_from([429, 503]),
            retry_after=st.sampled_from(["20", "77", "300", "5000", "1e9", "date77"]),
        ),
        st.just(Manner(refusal=401, code="TICKET_EXPIRED")),
    ),
    events=st.lists(
        st.one_of(
            st.builds(Step, st.just("suspend"), st.sampled_from([3.0, 30.0, 400.0]), st.just(4.0)),
            st.builds(Step, st.just("set_wall"), st.sampled_from([-DAY, 300.0]), st.just(4.0)),
            st.builds(
                Step,
                st.just("press"),
                st.sampled_from(["message", "wake", "focus"]),
                st.just(1.0),
            ),
        ),
        max_size=3,
    ),
    insists=st.booleans(),
    seed=seeds,
)
@example(
    refusal=Manner(refusal=503, retry_after="300"),
    events=[Step("suspend", 400.0, 4.0)],
    insists=False,
    seed=0,
)
def test_a_pause_lasts_exactly_as_long_as_it_was_asked_for(
    refusal: Manner, events: list[Step], insists: bool, seed: int
) -> None:
    """Invariant 10: neither shorter, whatever wakes the client, nor longer, whatever the clocks do.

    Red when ``judge`` takes a ``Retry-After`` for an ordinary failure, when the first wish of the
    user already ends a pause, and when a pause is slept on the clock that stands still in suspend.
    """

    async def body(clock: VirtualClock, network: Network) -> list[str]:
        world = World(clock, network, seed=seed, single_use=False, context=False)
        world.patience = 2000.0
        async with world.host.serving():
            world.host.treat(refusal)
            await world.do(Step("begin", "start", 3.0))
            status = world.client.get_connection_status()
            assert status.state is ConnectionState.PAUSED
            assert status.retry_at is not None
            over = status.retry_at
            if refusal.retry_after is not None:
                assert -0.1 < over - world.host.not_before < 2.1  # a date has whole seconds
            world.host.heal()
            before = len(world.host.seats)
            for event in events:
                await world.do(event)
            if insists and clock.boot() < over - 5:
                await world.do(Step("press", "user", 3.0))
                assert len(world.host.seats) == before, "one wish is not insisting"
                await world.do(Step("press", "reconnect", 0.1))
                over = clock.boot()
            else:
                await asyncio.sleep(max(0.0, over - clock.boot() - 0.5))
                if clock.boot() < over:
                    assert len(world.host.seats) == before, "the pause was cut short"
            await asyncio.sleep(max(over, world.woke + 1.0) - clock.boot() + 0.6)
            assert len(world.host.seats) == before + 1, "the pause did not end"
            await world.finish()
        return world.shown

    run_world(body)


@settings(max_examples=20, deadline=None)
@given(
    manner=st.one_of(
        st.just(HEALTHY),
        st.builds(
            Manner, life=st.sampled_from([0.0, 0.2]), ending=st.sampled_from([1000, 1012, "drop"])
        ),
        st.builds(Manner, refusal=st.sampled_from([0, 401, 500])),
    ),
    wishes=st.lists(
        st.builds(
            Step,
            st.just("press"),
            st.sampled_from(["user", "reconnect", "refresh", "message", "wake"]),
            st.sampled_from([0.02, 0.02, 0.3, 1.0, 3.0]),
        ),
        min_size=7,
        max_size=40,
    ),
    seed=seeds,
)
def test_no_impatience_exceeds_the_handshake_budget(
    manner: Manner, wishes: list[Step], seed: int
) -> None:
    """Invariant 9: at most 5 handshakes at once and 20 a minute, however often somebody asks.

    Red when ``HandshakeBudget.wait`` returns 0.
    """

    async def body(clock: VirtualClock, network: Network) -> list[str]:
        world = World(clock, network, seed=seed, single_use=False, context=False)
        async with world.host.serving():
            await world.do(Step("begin", "start", 0.3))
            world.host.treat(manner)
            for wish in wishes:
                await world.do(wish)
            await world.finish()
        return world.shown

    run_world(body)


@settings(max_examples=60, deadline=None)
@given(
    manner=manners,
    tickets=st.one_of(st.just(SOUND), ticket_manners),
    how=st.sampled_from(["start", "on_init"]),
    before=st.sampled_from([0.0, 0.01, 0.03, 0.3, 2.0, 9.0, 15.0]),
    calls=st.lists(
        st.sampled_from(["reconnect", "refresh", "message", "on_init", "disconnect"]), max_size=3
    ),
    after=st.sampled_from([0.0, 0.1]),
    seed=seeds,
)
@example(  # somebody waits for the first goodbye to begin anew; the second goodbye is meant for him
    manner=Manner(life=0.4, ending="silence"),
    tickets=SOUND,
    how="start",
    before=2.0,
    calls=["disconnect", "on_init"],
    after=0.0,
    seed=0,
)
def test_after_disconnect_nothing_begins_and_nothing_is_left(
    manner: Manner,
    tickets: TicketManner,
    how: str,
    before: float,
    calls: list[str],
    after: float,
    seed: int,
) -> None:
    """Invariants 15 and 16: at whatever moment the user leaves, whoever else calls meanwhile.

    Red when ``WebSocketManager._run`` leaves the clock's watch running, when ``close`` does not
    wait for the attempt, and when ``disconnect`` does not clear the tickets.
    """

    async def body(clock: VirtualClock, network: Network) -> list[str]:
        world = World(clock, network, seed=seed, single_use=False, context=False)
        async with world.host.serving():
            world.host.treat(manner)
            world.office.manner = tickets
            await world.do(Step("begin", how, before))
            for call in calls:
                if call == "on_init":
                    world.begin("on_init")
                elif call == "disconnect":
                    await world.disconnect()
                else:
                    world.press(call)
            await asyncio.sleep(after)
            await world.disconnect()
            await world.leave()
            await asyncio.sleep(4000)  # more than one renewal's time
            world.check()
            assert world.client.get_connection_status().state is ConnectionState.CLOSED
        return world.shown

    run_world(body)


@settings(max_examples=40, deadline=None)
@given(
    manner=manners,
    tickets=st.one_of(st.just(SOUND), ticket_manners),
    ending=st.sampled_from([1000, 1008, 1011, 4403, "drop", "silence", "ticket", "credentials"]),
    seed=seeds,
)
def test_no_secret_is_in_any_traceback(
    manner: Manner, tickets: TicketManner, ending: int | str, seed: int
) -> None:
    """Invariant 17, for crash reports that print the variables of every frame.

    Red when a ticket is a plain string in a frame that an error passes through, and when what the
    server repeated in a close reason or in the body of a refusal stays in an error's chain.
    """

    async def body(clock: VirtualClock, network: Network) -> list[str]:
        world = World(clock, network, seed=seed, single_use=False, context=True)
        async with world.host.serving():
            await world.do(Step("begin", "start", 1.0))
            await world.do(Step("host", manner))
            await world.do(Step("office", tickets))
            await world.do(Step("act", ending, 3.0))
            await world.do(Step("press", "refresh", 12.0))
            await world.disconnect()
            await world.leave()
        return [*world.shown, *(visible(error) for error in world.errors)]

    run_world(body)
