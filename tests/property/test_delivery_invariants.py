"""The delivery's invariants, for any schedule of drops, crashes, restarts and wishes.

Only clock, randomness, network, server and disk are replaced; everything else is what ships.
"""

from __future__ import annotations

from typing import Any

from hypothesis import HealthCheck, Phase, event, example, given, settings
from hypothesis import strategies as st

from tests.property.connection_network import Network, run_world
from tests.property.delivery_server import TOO_LONG, Fate
from tests.property.delivery_witness import complaints_into
from tests.property.delivery_world import Step, World, run_schedule
from tests.virtual import VirtualClock

# -- what can happen ------------------------------------------------------------------------------

waits = st.sampled_from([0.0, 0.0, 0.0, 0.01, 0.1, 0.3, 1.0, 4.0, 20.0, 70.0])
texts = st.sampled_from(["ok", "ok", "ok", "go on", "what?", "x" * (TOO_LONG + 1)])
places = st.sampled_from(["unread", "taken", "middle", "finished", "persisted"])
durations = st.sampled_from([0.0, 0.2, 0.2, 3.0])
fates = st.one_of(
    st.builds(Fate, places, st.sampled_from(["drop", "restart"]), seconds=durations),
    st.builds(Fate, places, st.just("drop"), seconds=durations),
    st.builds(Fate, places, st.just("hang"), seconds=durations),
    st.builds(Fate, seconds=durations, fails=st.booleans()),
    st.builds(Fate, seconds=st.sampled_from([1.0, 59.9, 60.6]), quiet=st.just(True)),
)
amnesias = st.builds(Fate, places, st.just("amnesia"), seconds=durations)
refusals = st.builds(
    Fate,
    refusal=st.sampled_from(["BUSY", "BUSY", "BUSY", "MESSAGE_TOO_LONG"]),
    retry_after=st.sampled_from([None, 0.0, 2.0, 30.0]),
)
wishes = st.tuples(
    st.sampled_from(["resend", "discard", "drop", "edit", "send_now"]), st.integers(0, 5)
)


def schedules(*more: Any) -> st.SearchStrategy[list[Step]]:
    """Return schedules of steps, with ``more`` kinds of fates."""
    typing = st.builds(Step, st.just("type"), texts, waits)
    fate = st.one_of(fates, fates, *more)
    failing = st.builds(Step, st.just("meet"), st.tuples(texts, fate), waits)
    steps = st.one_of(
        *[typing] * 5,
        *[failing] * 8,
        st.builds(Step, st.just("drop"), st.none(), waits),
        st.builds(
            Step,
            st.just("crash"),
            st.tuples(st.sampled_from([0.0, 0.5, 1.0]), st.booleans()),
            waits,
        ),
        st.builds(
            Step,
            st.just("restart"),
            st.tuples(st.just(False), st.sampled_from([0.0, 2.0])),
            waits,
        ),
        *[st.builds(Step, st.just("wish"), wishes, waits)] * 3,
        st.builds(Step, st.just("release"), st.none(), waits),
        st.builds(Step, st.just("pause"), st.sampled_from([0.0, 1.0]), waits),
        st.builds(Step, st.just("full"), st.sampled_from([0.02, 1.0, 7.0]), waits),
        st.builds(Step, st.just("latency"), st.sampled_from([0.0, 0.01, 0.5, 3.0]), waits),
    )
    return st.lists(steps, min_size=6, max_size=25)


in_bulk = settings(
    max_examples=max(settings().max_examples // 3, 60),
    phases=(Phase.explicit, Phase.generate),
    suppress_health_check=[HealthCheck.too_slow],
    deadline=None,
)


def _run(schedule: list[Step], **options: Any) -> None:
    async def body(clock: VirtualClock, network: Network) -> list[str]:
        network.set_debug(False)  # remembering where each timer was set takes most of the time
        world = World(clock, network, **options)
        with complaints_into(world.violations):
            await run_schedule(world, schedule)
        for states in world.disk.states.values():
            event(f"ends as {states[-1].value}")
        return []

    run_world(body)


@in_bulk
@given(
    schedule=schedules(refusals),
    latency=st.sampled_from([0.0, 0.01, 0.5]),
    history=st.booleans(),
    eager=st.booleans(),
    seed=st.integers(0, 1 << 16),
)
@example(  # the end of a silent run comes while its message is being marked as written again
    schedule=[
        Step("type", "ok", 2.0),
        Step("fate", Fate(seconds=60.6, quiet=True)),
        Step("latency", 0.5),
        Step("type", "ok", 65.0),
    ],
    latency=0.0,
    history=False,
    eager=False,
    seed=1,
)
@example(  # the program ends when a message is kept, and before its item says so
    schedule=[
        Step("type", "ok", 0.02),
        Step("drop", None, 0.01),
        Step("type", "ok", 0.01),
        Step("crash", (0.0, False)),
    ],
    latency=0.01,
    history=False,
    eager=False,
    seed=1,
)
@example(  # an edit cannot be kept while the message is about to leave
    schedule=[
        Step("type", "ok"),
        Step("type", "ok", 0.01),
        Step("full", 2.0),
        Step("drop"),
        Step("wish", ("edit", 0), 1.0),
    ],
    latency=0.0,
    history=False,
    eager=False,
    seed=1,
)
@example(  # a leftover is released while another message waits
    schedule=[
        Step("restart", (False, 2.0)),
        Step("type", "ok", 0.01),
        Step("crash", (1.0, False), 0.01),
        Step("type", "go on", 0.01),
        Step("release", None, 3.0),
    ],
    latency=0.0,
    history=False,
    eager=False,
    seed=1,
)
@example(  # leftovers are released at the next start
    schedule=[Step("type", "ok"), Step("type", "go on", 0.01), Step("crash", (1.0, True))],
    latency=0.0,
    history=False,
    eager=False,
    seed=1,
)
def test_a_server_that_tells_repeats_apart_applies_each_message_once(
    schedule: list[Step], **options: Any
) -> None:
    """Invariants 11 to 13: whatever is not refused or given up is applied, once.

    Seen red for 11 when a commit overwrites what a frame has told meanwhile, or a move is not
    recorded; for 12 when the newest or the shortest leaves first; for 13 when ids are not sent,
    memories are not compared, or what is unknown is never repeated.
    """
    _run(schedule, dedupes=True, **options)


@in_bulk
@given(
    schedule=schedules(refusals, amnesias, amnesias),
    latency=st.sampled_from([0.0, 0.01, 0.5]),
    history=st.booleans(),
    eager=st.booleans(),
    seed=st.integers(0, 1 << 16),
)
def test_a_server_that_has_lost_its_memory_is_not_trusted(
    schedule: list[Step], **options: Any
) -> None:
    _run(schedule, dedupes=True, **options)


@in_bulk
@given(
    schedule=schedules(amnesias),
    latency=st.sampled_from([0.0, 0.01, 0.5]),
    history=st.booleans(),
    eager=st.booleans(),
    seed=st.integers(0, 1 << 16),
)
@example(  # taken, and no sign of it
    schedule=[
        Step("type", "ok", 1.0),
        Step("meet", ("ok", Fate("taken", "drop")), 1.0),
        Step("meet", ("ok", Fate("unread", "drop")), 1.0),
    ],
    latency=0.0,
    history=False,
    eager=False,
    seed=1,
)
@example(  # the program ends when a message has left, on a disk that is slow
    schedule=[
        Step("type", "ok", 5.0),
        Step("latency", 0.5),
        Step("type", "ok", 0.7),
        Step("crash", (0.0, True), 1.0),
    ],
    latency=0.0,
    history=False,
    eager=False,
    seed=1,
)
def test_without_ids_nothing_is_doubled_or_lost_in_silence(
    schedule: list[Step], **options: Any
) -> None:
    """Invariants 11, 12 and 14.

    Seen red for 14 when a message that was lost becomes queued again, or counts as received, or is
    marked as written only after it has left.
    """
    _run(schedule, dedupes=False, **options)
