"""The ticket manager's invariants, for any schedule of callers, clocks and server answers.

Only clock, randomness and the ticket server are replaced; everything else is what ships.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.virtual import (
    Captured,
    FakeTicketServer,
    Reply,
    VirtualClock,
    failure,
    run_virtual,
    visible,
)
from tui_chat.errors import CredentialsRejected, TicketUnusable, TuiChatError
from tui_chat.ticket import (
    AuthData,
    TicketEvent,
    TicketExpired,
    TicketLease,
    TicketManager,
    TicketManagerConfig,
)
from tui_chat.ticket.failures import clamped_retry_after

CANARY = "CANARY"
DAY = 86_400.0

# -- what a world can do --------------------------------------------------------------------------

lifetimes = st.sampled_from([1.0, 2.9, 3.0, 3.5, 5.0, 10.0, 30.0, 60.0, 300.0, 3600.0, DAY])
latencies = st.sampled_from([0.0, 0.05, 0.05, 1.0, 4.0, 20.0])


@st.composite
def failures(draw: st.DrawFn) -> Callable[[], Exception]:
    kind = draw(
        st.sampled_from(
            ["rate", "unavailable", "server", "missing", "net", "auth", "unusable", "bug"]
        )
    )
    seconds = draw(st.sampled_from([None, 0.0, 5.0, 29.0, 120.0, 1e9, -3.0, float("nan")]))
    match kind:
        case "auth":
            return lambda: CredentialsRejected("no", status=401)
        case "unusable":
            return lambda: TicketUnusable("no")
        case "bug":
            return lambda: ValueError(f"{CANARY} in somebody's exception")
        case _:
            return lambda: failure(kind, retry_after=seconds)


@st.composite
def replies(draw: st.DrawFn) -> Reply:
    shape = draw(st.sampled_from(["ticket", "ticket", "ticket", "failure", "hang", "absurd"]))
    latency = draw(latencies)
    match shape:
        case "failure":
            return Reply(latency=latency, error=draw(failures())())
        case "hang":
            return Reply(hang=True)
        case "absurd":
            claims = [float("nan"), float("inf"), -1.0, 0.0, 253_402_300_799.0]
            return Reply(latency=latency, expires_at=draw(st.sampled_from(claims)), lifetime=1e9)
        case _:
            return Reply(
                lifetime=draw(lifetimes),
                latency=latency,
                date=draw(st.sampled_from([True, True, True, False])),
                floor_date=draw(st.booleans()),
                date_lag=draw(st.sampled_from([0.0, 0.9])),
            )


@dataclass(frozen=True)
class Step:
    """One thing that happens."""

    what: str
    number: float = 0.0


steps = st.one_of(
    st.builds(Step, st.just("ask"), st.sampled_from([1.0, 1.0, 3.0, 12.0])),
    st.builds(Step, st.just("wait"), st.sampled_from([0.0, 0.02, 0.1, 1.0, 7.0, 40.0, 170.0])),
    st.builds(
        Step,
        st.sampled_from(
            ["lease", "refresh", "renew", "cancel", "start", "stop", "invalidate", "look"]
        ),
        st.integers(0, 7),
    ),
    st.builds(Step, st.just("settle"), st.sampled_from([0.0, 1.0, 2.0, 3.0, 4.0])),
    st.builds(Step, st.just("rotate"), st.integers(0, 1000)),
    st.builds(Step, st.sampled_from(["clear", "override"])),
    st.builds(Step, st.just("suspend"), st.sampled_from([3.0, 60.0, 400.0, 5000.0, DAY])),
    st.builds(Step, st.just("set_wall"), st.sampled_from([-DAY, -300.0, 3.0, 300.0, DAY])),
)


@dataclass
class StrictServer(FakeTicketServer):
    """Checks what a server can see: the delay after a ``Retry-After``, and who asks."""

    not_before: float = float("-inf")
    violations: list[str] = field(default_factory=list)
    truthful: set[str] = field(default_factory=set)

    async def fetch(self, auth: AuthData) -> Any:
        now = self.clock.boot()
        if now < self.not_before - 1e-6:
            self.violations.append(f"asked at {now}, told not before {self.not_before}")
        return await super().fetch(auth)

    async def _answer(self, reply: Reply, token: str) -> Any:
        try:
            grant = await super()._answer(reply, token)
        except TuiChatError as error:
            seconds = clamped_retry_after(getattr(error, "retry_after", None))
            if seconds is not None:
                self.not_before = max(self.not_before, self.clock.boot() + seconds)
            raise
        if reply.date and reply.expires_at is None:
            self.truthful.add(grant.value.reveal())
        return grant


class World:
    """One manager, its server, and everybody who uses it."""

    def __init__(
        self, clock: VirtualClock, server: StrictServer, config: TicketManagerConfig, seed: int
    ) -> None:
        self.clock = clock
        self.server = server
        self.token = f"{CANARY}-token-0"
        self.tokens = 0
        self.manager = TicketManager(
            AuthData(self.token, f"{CANARY}-key"),
            "",
            config,
            source=server,
            clock=clock,
            rng=random.Random(seed),
        )
        self.events: list[TicketEvent] = []
        self.manager.subscribe(self.events.append)
        self.tasks: list[asyncio.Task[None]] = []
        self.cancelled: set[int] = set()
        self.resolved: list[int] = []
        self.leases: list[TicketLease] = []
        self.exclusive: dict[str, str] = {}
        self.shown: list[str] = []
        self.quiet_since: int | None = 0
        """Number of requests when nobody wanted anything any more; None while somebody does."""

    # -- what callers check -----------------------------------------------------------------------

    def _check_ticket(self, value: str) -> None:
        server = self.server
        assert server.owners[value] == self.token, "a ticket of other credentials"
        if value in server.truthful:  # invariant 5
            assert self.clock.true() < server.expiries[value], "used after its true expiry"

    def _check_exclusive(self, value: str, how: str) -> None:
        if self.manager.get_debug_info().reuse == "single_use":  # invariant 6
            assert value not in self.exclusive, f"handed out twice: {self.exclusive[value]}, {how}"
            self.exclusive[value] = how

    def call(self, how: str) -> None:
        number = len(self.tasks)
        self.tasks.append(asyncio.create_task(self._call(number, how)))

    async def _call(self, number: int, how: str) -> None:
        manager = self.manager
        self.quiet_since = None  # here, when it asks, which may be after a clear()
        try:
            match how:
                case "ask" | "refresh":
                    ask = manager.get_valid_ticket if how == "ask" else manager.refresh_ticket
                    value = await ask()
                    self._check_ticket(value)
                    self._check_exclusive(value, how)
                case "renew":
                    await manager.renew()
                case _:
                    lease = await manager.lease()
                    self._check_ticket(lease.value.reveal())
                    self._check_exclusive(lease.value.reveal(), how)
                    self.leases.append(lease)
        except TuiChatError as error:
            self.shown.append(visible(error))
        self.resolved.append(number)

    # -- what happens -----------------------------------------------------------------------------

    async def do(self, step: Step) -> None:
        if step.what == "wait":
            await self._wait(step.number)
        elif step.what == "clear":
            self.manager.clear()
            self.quiet_since = len(self.server.requests)
        elif step.what in ("lease", "refresh", "renew"):
            self.call(step.what)
        else:
            deeds: dict[str, Callable[[int], object]] = {
                "ask": self._ask,
                "cancel": self._cancel,
                "start": self._start,
                "stop": lambda _: self.manager.stop_proactive_renewal(),
                "invalidate": self.manager.invalidate,
                "settle": self._settle,
                "rotate": self._rotate,
                "override": self._override,
                "suspend": self.clock.suspend,
                "set_wall": self.clock.set_wall,
                "look": self.look,
            }
            deeds[step.what](int(step.number))

    def _ask(self, callers: int) -> None:
        for _ in range(callers):
            self.call("ask")

    def _cancel(self, first: int) -> None:
        for at in range(first, len(self.tasks), 3):
            if self.tasks[at].cancel():
                self.cancelled.add(at)

    def _start(self, _: int) -> None:
        self.quiet_since = None
        self.manager.start_proactive_renewal()

    def _override(self, _: int) -> None:
        self.server.not_before = float("-inf")
        self.manager.override_retry_after()

    async def _wait(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
        if self.quiet_since is not None:  # invariant 15, the manager's part
            assert len(self.server.requests) == self.quiet_since, "fetched without being asked"

    def _settle(self, how: int) -> None:
        if not self.leases:
            return
        lease = self.leases.pop()
        if how == 0:
            lease.accepted()
        elif how == 1:
            if lease.outcome is None:
                self.exclusive.pop(lease.value.reveal(), None)
            lease.released()
        else:
            lease.rejected(("used", "invalid", "expired")[how - 2])
        lease.released()  # too late: only the first outcome counts

    def _rotate(self, _: int) -> None:
        self.tokens += 1
        self.token = f"{CANARY}-token-{self.tokens}"
        self.manager.update_auth_data(user_mp_auth_token=self.token)

    def look(self, _: int = 0) -> None:
        info = self.manager.get_debug_info()
        self.shown.append(repr(info))
        assert info.expires_in is None or info.expires_in >= 0
        assert info.is_valid == self.manager.is_valid()
        assert info.requests == len(self.server.requests)
        assert not (info.is_valid and not info.has_ticket)

    # -- how it ends ------------------------------------------------------------------------------

    async def finish(self) -> None:
        """Let everything come to rest, then check what must hold of the whole run."""
        self.server.script = iter(())
        self.server.default = Reply()
        self.manager.stop_proactive_renewal()
        for _ in range(60):
            waited = not all(task.done() for task in self.tasks)
            if not waited and not self.manager.get_debug_info().refreshing:
                break
            await asyncio.sleep(20)
        for number, task in enumerate(self.tasks):  # invariants 2 and 3
            assert task.done(), f"caller {number} never got an answer"
            if task.cancelled():
                assert number in self.cancelled
            else:
                task.result()
        assert len(self.resolved) == len(set(self.resolved))
        self._override(0)
        await self.manager.get_valid_ticket()  # once faults stop, it works
        self.look()
        await self.manager.aclose()
        assert self.server.most_in_flight <= 1  # invariant 1
        assert self.server.in_budget(burst=11.0)  # invariant 4
        assert not self.server.violations  # invariant 10
        expired = [e.serial for e in self.events if isinstance(e, TicketExpired)]
        assert len(expired) == len(set(expired))


async def play(
    clock: VirtualClock,
    skew: float,
    answers: list[Reply],
    default: Reply,
    schedule: list[Step],
    config: TicketManagerConfig,
    seed: int,
) -> list[str]:
    server = StrictServer(clock, skew=skew, script=iter(answers), default=default)
    world = World(clock, server, config, seed)
    for step in schedule:
        await world.do(step)
    await world.finish()
    return world.shown + [visible(event) for event in world.events]


# More than elsewhere: a schedule has many parts, and an example takes ten milliseconds.
EXAMPLES = max(600, settings().max_examples)


@settings(max_examples=EXAMPLES, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(
    skew=st.sampled_from([0.0, -DAY, -300.0, 300.0, DAY]),
    wall=st.sampled_from([0.0, -DAY, DAY]),
    answers=st.lists(replies(), max_size=12),
    default=replies(),
    schedule=st.lists(steps, min_size=1, max_size=30),
    reuse=st.sampled_from(["auto", "reusable", "single_use"]),
    attempts=st.integers(1, 4),
    seed=st.integers(0, 1 << 16),
)
@example(  # a caller is cancelled in the moment in which clear() and new credentials arrive
    skew=0.0,
    wall=0.0,
    answers=[],
    default=Reply(latency=1.0),
    schedule=[Step("ask", 3), Step("wait", 1), Step("cancel", 0), Step("rotate"), Step("wait", 1)],
    reuse="single_use",
    attempts=3,
    seed=0,
)
def test_the_invariants_hold_for_any_schedule(
    skew: float,
    wall: float,
    answers: list[Reply],
    default: Reply,
    schedule: list[Step],
    reuse: Any,
    attempts: int,
    seed: int,
) -> None:
    config = TicketManagerConfig(reuse=reuse, max_attempts=attempts)
    with Captured.all_logs() as logs:
        shown = run_virtual(
            lambda clock: play(clock, skew, answers, default, schedule, config, seed),
            collect=False,
            wall_offset=wall,
        )
    assert CANARY not in "\n".join(shown + logs.lines)  # invariant 17


@given(
    lifetime=st.floats(1.0, DAY),
    skew=st.sampled_from([0.0, -DAY, DAY]),
    latency=st.sampled_from([0.01, 0.3]),
    failing=st.lists(st.booleans(), max_size=20),
    seed=st.integers(0, 1 << 16),
)
@settings(max_examples=40, deadline=None)
def test_renewal_keeps_a_ticket_ready_within_the_budget_for_every_lifetime(
    lifetime: float, skew: float, latency: float, failing: list[bool], seed: int
) -> None:
    async def body(clock: VirtualClock) -> None:
        error = failure("server")
        script = iter(
            [
                Reply(lifetime, latency, error=error if bad else None, floor_date=True)
                for bad in failing
            ]
        )
        server = FakeTicketServer(
            clock, skew, script=script, default=Reply(lifetime, latency, floor_date=True)
        )
        async with TicketManager(
            AuthData("t", "k"), "", source=server, clock=clock, rng=random.Random(seed)
        ) as manager:
            manager.start_proactive_renewal()
            await asyncio.sleep(400)
            before = len(server.requests)
            gaps = 0
            for _ in range(200):
                await asyncio.sleep(1)
                gaps += not manager.is_valid()
            spent = len(server.requests) - before
            assert server.in_budget()
            if lifetime >= 8:  # a shorter one cannot be had all the time within the budget
                assert gaps == 0
            # At most one per half life, and never more than the budget's rate allows.
            assert spent <= 200 / max(2.0, (lifetime - 3) / 2) + 12

    run_virtual(body, collect=False)
