"""One client among servers and clocks that misbehave, its user, and a witness of everything.

After each step of the event loop the witness compares what the client says of itself with what the
servers know. What an invariant forbids is noted with the invariant's number; :meth:`World.check`
then fails with all of it.
"""

from __future__ import annotations

import asyncio
import math
import random
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any

from tests.property.connection_network import Network
from tests.property.connection_tickets import SOUND, TicketOffice
from tests.property.connection_world import KEY, TOKEN, ChatHost, Seat
from tests.virtual import VirtualClock, settle
from tui_chat import AuthLoop, TuiChatError, WebSocketChatClient
from tui_chat.connection.status import ConnectionState, ConnectionStatus
from tui_chat.ticket.failures import clamped_retry_after

__all__ = ["Step", "World"]

_S = ConnectionState
WAITING = frozenset({_S.BACKOFF, _S.PAUSED})

CAP = 30.0
CIRCUIT_FIRST, CIRCUIT_LONGEST = 60.0, 900.0
HALF_OPEN = 25.0
CONNECT, SESSION, CLOSE = 10.0, 10.0, 1.0
TICKET_REQUEST = 30.0
BUDGET_WAIT = 3.0
LONGEST_RUN = 200.0
"""Virtual seconds that the waits of one schedule may last; a second costs 0.2 ms."""
LONG_PAUSE = 40.0
"""Seconds; towards the end the user does not wait longer for the end of a pause, and insists."""
WATCH = 1.0
"""Seconds after which a suspend is noticed."""


@dataclass(frozen=True)
class Step:
    """One thing that happens, and the seconds that pass after it."""

    what: str
    how: Any = None
    then: float = 0.0


class World:
    """One client, its servers, its user, and a witness of everything."""

    def __init__(
        self, clock: VirtualClock, network: Network, *, seed: int, single_use: bool, context: bool
    ) -> None:
        self.clock, self.network = clock, network
        self.office = TicketOffice(clock, single_use=single_use)
        self.host = ChatHost(clock, network, self.office)
        self.context = {"locale": "en"} if context else None
        self.client = WebSocketChatClient(clock=clock, rng=random.Random(seed), source=self.office)
        self.violations = network.violations
        self.shown: list[str] = []
        self.errors: list[BaseException] = []
        self.calls: list[asyncio.Task[None]] = []
        self.readers: list[asyncio.Task[None]] = []
        self.presses: list[list[float]] = []
        self.messages = 0
        self.begun = 0
        self.quiet = True
        self.failed_at: float | None = None
        self.ready_at = 0.0
        self.woke = 0.0
        self.due: float | None = None
        self.patience = LONGEST_RUN
        self.last = self.client.get_connection_status()
        network.on_dial = self._dialled
        network.after_step = self.witness
        self.office.on_request = self._requested
        self.host.on_arrival = self._arrived

    def caught(self, error: BaseException) -> None:
        """Keep an error that a program could print."""
        if error not in self.errors:
            self.errors.append(error)

    def violated(self, what: str) -> None:
        self.violations.append(f"{what}, at {self.clock.boot():.3f}")

    # -- the witness ------------------------------------------------------------------------------

    def _dialled(self) -> None:
        if self.quiet:
            self.violated("invariant 15: somebody connects without being asked")
        if self.last.state is _S.FAILED and not self._pressed_since(self.failed_at):
            self.violated("invariant 15: connects in the failed state")

    def _requested(self) -> None:
        if self.quiet:
            self.violated("invariant 15: a ticket is fetched without being asked for")
        early = self.clock.boot() < self.office.not_before - 1e-6
        if early and self._pressed_since(self.office.answered_at) < 2:
            self.violated("invariant 10: a ticket is fetched before the Retry-After is over")

    def _arrived(self, seat: Seat) -> None:
        early = seat.arrived < self.host.not_before - 1e-6
        if early and self._pressed_since(self.host.answered_at) < 2:
            self.violated("invariant 10: a handshake before the Retry-After is over")

    def _pressed_since(self, moment: float | None) -> int:
        return sum(until >= (moment or 0.0) for _, until in self.presses)

    def witness(self) -> None:
        """Look at the client, after each step of the loop."""
        now, last = self.clock.boot(), self.last
        status = self.client.get_connection_status()
        if self.due is not None and now > max(self.due, self.woke + WATCH) + 0.1:
            self.violated(f"invariant 10: still {last.state} after the wait was over")
            self.due = None
        if (status.state, status.retry_at, status.generation, status.cause) == (
            last.state,
            last.retry_at,
            last.generation,
            last.cause,
        ):
            return
        self.last = status
        self._saw_change(last, status, now)

    def _saw_change(self, last: ConnectionStatus, status: ConnectionStatus, now: float) -> None:
        same_life = last.state not in (_S.CLOSED, _S.IDLE)
        if same_life and status.generation < last.generation:
            self.violated("invariant 8: the generation went back")
        if status.cause is not None and status.cause is not last.cause:
            self.caught(status.cause)
            if getattr(status.cause, "code", "") == "DEFECT":
                self.violated(f"a defect: {status.cause.__cause__!r}")
        if last.state is _S.FAILED and status.state not in (_S.FAILED, _S.CLOSED):
            if not self._pressed_since(self.failed_at):
                self.violated("invariant 15: the failed state was left without the user")
        elif last.state is _S.READY and status.state is not _S.READY:
            self._lost(last)
        if status.state is _S.READY and (
            last.state is not _S.READY or last.generation != status.generation
        ):
            self._ready(status, now)
        if status.state is _S.FAILED and last.state is not _S.FAILED:
            self.failed_at = now
        self.due = status.retry_at if status.state in WAITING else None
        if self.due is not None and self.due != last.retry_at:
            self._delayed(status, self.due - now)

    def _seat_of(self, status: ConnectionStatus) -> Seat | None:
        seats = [seat for seat in self.host.seats if seat.request_id == status.request_id]
        return seats[0] if len(seats) == 1 else None

    def _ready(self, status: ConnectionStatus, now: float) -> None:
        self.ready_at = now
        seat = self._seat_of(status)
        if seat is None or seat is not self.host.seats[-1]:
            self.violated("invariant 8: ready, but not on the newest connection")
        elif not seat.greeted or (self.context and not seat.configured):
            self.violated("ready before the server said so")
        elif seat.left is not None and seat.fault is None:
            self.violated("invariant 8: ready on a connection that is gone")

    def _lost(self, status: ConnectionStatus) -> None:
        """Invariants 7 and 8: a session ends when its own server or its user ends it."""
        seat = self._seat_of(status)
        wanted = self.quiet or self._pressed_since(self.ready_at)
        if not wanted and (seat is None or seat.fault is None):
            self.violated(f"invariants 7, 8: a healthy session was given up: {self.last.cause}")

    def _delayed(self, status: ConnectionStatus, delay: float) -> None:
        longest = CAP
        if status.state is _S.PAUSED:
            if isinstance(status.cause, AuthLoop):
                longest = CIRCUIT_LONGEST
                if delay < CIRCUIT_FIRST - 1e-6:
                    self.violated(f"invariant 10: the circuit is open for {delay:g} s only")
            else:
                asked = getattr(status.cause, "retry_after", None)
                longest = clamped_retry_after(asked) or 0.0
        if not delay <= longest + 1e-6:
            self.violated(f"invariant 10: a delay of {delay:g} s, {longest:g} s at most")

    def check(self) -> None:
        """Fail with everything that was noted."""
        for earlier, later in zip(self.host.seats, self.host.seats[1:], strict=False):
            # The same instant is allowed: the server hears of an end one step of the loop later.
            if earlier.left is None or earlier.left > later.arrived + 1e-6:
                self.violated("invariant 8: the server has two connections at once")
        heard = [kind for seat in self.host.seats for kind in seat.heard]
        if heard.count("chat_message") > self.messages:
            self.violated("a message was sent twice")
        for seat in self.host.seats:
            for kind in set(seat.heard) - {"chat_message"}:
                if seat.heard.count(kind) > seat.asked.get(kind, 0):
                    self.violated(f"invariant 7: a {kind} that nobody asked for")
        assert not self.violations, "\n".join(dict.fromkeys(self.violations))

    # -- the user ---------------------------------------------------------------------------------

    def call(self, coroutine: Coroutine[Any, Any, object]) -> asyncio.Task[None]:
        self.calls.append(asyncio.create_task(self._called(coroutine)))
        return self.calls[-1]

    async def _called(self, coroutine: Coroutine[Any, Any, object]) -> None:
        try:
            await coroutine
        except TuiChatError as error:
            self.caught(error)

    async def _read(self) -> None:
        async for event in self.client.events():
            self.shown.append(repr(event))

    @property
    def options(self) -> Any:
        return {
            "chat_server_url": "http://127.0.0.1:80",
            "user_mp_auth_token": TOKEN,
            "chat_server_key": KEY,
            "context_helpers": self.context,
        }

    def begin(self, how: str) -> None:
        if self.quiet:
            self.host.forgive()
            self.office.not_before = 0.0
        self.begun += 1
        self.quiet = False
        self.readers.append(asyncio.create_task(self._read()))
        if how == "on_init":
            self.call(self._on_init(self.begun))
            return
        try:
            self.client.start(**self.options)
        except TuiChatError as error:
            self.begun -= 1  # it is the start before that still goes on
            self.caught(error)

    async def _on_init(self, number: int) -> None:
        try:
            await self.client.on_init(**self.options)
        except BaseException as error:
            if getattr(error, "code", "") == "ALREADY_STARTED":
                self.begun -= 1  # it is the start before that still goes on
            elif number == self.begun:
                self.quiet = True  # "nothing goes on behind the error"
            raise

    async def disconnect(self, _: Any = None) -> None:
        self.begun += 1
        self.call(self.client.disconnect())
        await settle()
        self.quiet = True

    def press(self, how: str) -> None:
        now = self.clock.boot()
        match how:
            case "reconnect":
                self.presses.append([now, now])
                self.call(self.client.reconnect())
            case "refresh":
                press = [now, float("inf")]
                self.presses.append(press)
                task = self.call(self.client.refresh_ticket_and_reconnect())
                task.add_done_callback(lambda _: press.__setitem__(1, self.clock.boot()))
            case "user":
                self.presses.append([now, now])
                self.client.reconnect_now("user")
            case cause:
                self.client.reconnect_now(cause)  # type: ignore[arg-type]

    def message(self, text: str) -> None:
        self.messages += 1
        self.call(self.client.on_trigger_message(text))

    def cancel(self, which: int) -> None:
        pending = [call for call in self.calls if not call.done()]
        if pending:
            pending[which % len(pending)].cancel()

    def entity(self, number: int) -> None:
        self.call(self.client.update_entity_id(f"entity-{number}", "BRAND"))

    def look(self, _: Any = None) -> None:
        client = self.client
        self.shown.append(
            f"{client!r} {client.get_connection_status()!r} {client.get_debug_info()!r}"
        )
        client.is_ticket_valid()

    # -- the servers and the clocks ---------------------------------------------------------------

    async def act(self, how: Any) -> None:
        for seat in self.host.open_seats():
            if how in ("heartbeat_ping", "configure_tools", "session_established", "{"):
                if seat.greeted:
                    self.calls.append(asyncio.create_task(seat.say(how)))
            elif seat.greeted:
                self.calls.append(asyncio.create_task(seat.end(how)))
        await settle()

    def forget(self, _: Any) -> None:
        self.office.forgotten.update(self.office.expiries)

    def suspend(self, seconds: float) -> None:
        self.clock.suspend(seconds)
        self.woke = self.clock.boot()

    async def do(self, step: Step) -> None:
        deeds: dict[str, Callable[[Any], Any]] = {
            "begin": self.begin,
            "disconnect": self.disconnect,
            "press": self.press,
            "message": self.message,
            "cancel": self.cancel,
            "entity": self.entity,
            "look": self.look,
            "host": self.host.treat,
            "office": lambda manner: setattr(self.office, "manner", manner),
            "act": self.act,
            "forget": self.forget,
            "suspend": self.suspend,
            "set_wall": self.clock.set_wall,
        }
        done = deeds[step.what](step.how)
        if done is not None and asyncio.iscoroutine(done):
            await done
        await settle()
        seconds = min(step.then, self.patience)
        self.patience -= seconds
        await asyncio.sleep(seconds)
        self.check()

    # -- how it ends ------------------------------------------------------------------------------

    async def finish(self) -> None:
        """Let the faults stop, then let the user go; check what must hold of the whole run."""
        self.host.heal()
        self.office.manner = SOUND
        await self._becomes_ready()
        await self.disconnect()
        await self.leave()
        await asyncio.sleep(100)
        self.check()

    async def leave(self) -> None:
        """Invariant 16, after :meth:`disconnect`: every call returns, every socket is gone."""
        await asyncio.sleep(CLOSE + 1)
        self.check()
        pending = [call for call in (*self.calls, *self.readers) if not call.done()]
        assert not pending, f"invariant 16: calls that never return: {pending}"
        assert not self.network.live(), "invariant 16: a socket is left"
        for call in (*self.calls, *self.readers):
            if not call.cancelled():
                call.result()
        self.look()
        self.shown += [f"{error!r} {error!s}" for error in self.errors]

    async def _becomes_ready(self) -> None:
        """Invariant 18; a failed state, and a client that is not started, wait for the user."""
        slack = HALF_OPEN + CLOSE + CAP + TICKET_REQUEST + CONNECT + SESSION + 5 * BUDGET_WAIT
        since, circuits, helped = self.clock.boot(), 0, 0
        while not self._is_ready():
            status, now = self.client.get_connection_status(), self.clock.boot()
            if status.state is _S.FAILED or self.quiet:
                await asyncio.sleep(60)
                self.check()
                assert helped < 3, "invariant 18: the user helps again and again"
                helped += 1
                since = self.clock.boot()
                if self.quiet:
                    self.begin("start")
                else:
                    self.press("user")
            elif status.state is _S.PAUSED and (status.retry_at or 0.0) > now + LONG_PAUSE:
                for _ in range(2):
                    self.press("user")  # the user insists
                since = now
                self.host.not_before = self.office.not_before = -math.inf
            elif isinstance(status.cause, AuthLoop) and (status.retry_at or 0.0) > since:
                assert circuits < 2, "invariant 18: the circuit opens again and again"
                circuits += 1
                since = status.retry_at or 0.0
            since = max(since, self.host.not_before, self.office.not_before)
            await asyncio.sleep(0.5)
            late = self.clock.boot() - since
            assert late < slack, f"invariant 18: not ready after {late:g} s but {self.last}"
        self.check()

    def _is_ready(self) -> bool:
        status = self.client.get_connection_status()
        seat = self._seat_of(status)
        return status.connected and seat is not None and seat.fault is None
