"""One user whose client crashes, whose server fails, and whose disk is slow or full.

What was typed, and what the user decided, is compared with what the server applied in truth. What
an invariant forbids is noted with the invariant's number; :meth:`World.check` fails with all of it.
"""

from __future__ import annotations

import asyncio
import math
import random
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any

import httpx

from tests.integration.client_support import Tickets
from tests.property.connection_network import Network
from tests.property.delivery_record import Disk, DiskRecord
from tests.property.delivery_server import Arrival, ChatServer, Fate
from tests.property.delivery_witness import Typed, Witness
from tests.virtual import VirtualClock, settle
from tui_chat import TuiChatError, WebSocketChatClient
from tui_chat.connection.status import ConnectionState
from tui_chat.conversation.model import DeliveryState
from tui_chat.delivery.item import OutboxItem

__all__ = ["Step", "World", "run_schedule"]

_S = DeliveryState
LONGEST_RUN = 150.0
"""Virtual seconds that the waits of one schedule may last."""
DRAINED = 1500.0
"""Virtual seconds after the last fault in which everything must have come to rest."""
HOW_LONG_TO_LOOK = 75.0
"""Seconds for which the history is asked."""


@dataclass(frozen=True)
class Step:
    """One thing that happens, and the seconds that pass after it."""

    what: str
    how: Any = None
    then: float = 0.0


@dataclass
class Life:
    """One run of the client's program."""

    client: WebSocketChatClient
    record: DiskRecord
    http: httpx.AsyncClient
    alive: bool = True
    calls: list[asyncio.Task[None]] = field(default_factory=list)


class World:
    """One client after the other, their disk, their server, and the user."""

    def __init__(
        self,
        clock: VirtualClock,
        network: Network,
        *,
        seed: int,
        dedupes: bool,
        history: bool,
        eager: bool,
        latency: float,
    ) -> None:
        self.clock, self.network, self.dedupes = clock, network, dedupes
        self.rng = random.Random(seed)
        self.server = ChatServer(network, dedupes=dedupes, history=history, eager=eager)
        self.violations = network.violations
        self.disk = Disk(self.violations, latency=latency)
        self.typed: dict[str, Typed] = {}
        self.order = 0
        self.written: list[str] = []
        self.patience = LONGEST_RUN
        self.lives: list[Life] = []
        self.endings: list[asyncio.Task[None]] = []
        self.server.on_arrival = self._arrived
        self._empty_later: asyncio.TimerHandle | None = None

    def violated(self, what: str) -> None:
        self.violations.append(f"{what}, at {self.clock.boot():.3f}")

    # -- one program ------------------------------------------------------------------------------

    @property
    def life(self) -> Life:
        return self.lives[-1]

    @property
    def client(self) -> WebSocketChatClient:
        return self.life.client

    def open(self, *, send_leftovers: bool = False) -> None:
        """Start a program, with what the one before it has committed."""
        record = DiskRecord(self.disk)
        for item in record.items if send_leftovers else ():
            message = self._takes_place(item)
            message.settled = message.began
        http = httpx.AsyncClient(transport=httpx.MockTransport(self.server.query))
        client = WebSocketChatClient(
            clock=self.clock,
            rng=self.rng,
            source=Tickets(self.clock),
            http_client=http,
            record=record,
            send_leftovers=send_leftovers,
        )
        self.lives.append(Life(client, record, http))
        self._start()

    def _start(self) -> None:
        self.client.start(
            chat_server_url="http://127.0.0.1:80",
            user_mp_auth_token="t",
            chat_server_key="k",
        )

    def crash(self, how: tuple[float, bool]) -> None:
        """Kill the program, which says no goodbye, and start the next one.

        What it does from here on reaches nobody: its record and its connection are dead. That it
        then tidies up after itself is for the loop's sake only.
        """
        share, send_leftovers = how
        self._bury(share)
        self.open(send_leftovers=send_leftovers)

    def _bury(self, share: float) -> None:
        life = self.life
        life.alive = False
        life.record.kill(share)
        for wire in vars(self.network)["_wires"]:
            wire.abort()
        self.endings.append(asyncio.create_task(self._end(life)))

    async def _end(self, life: Life) -> None:
        await life.client.disconnect()
        await life.http.aclose()

    async def pause(self, seconds: float) -> None:
        """Disconnect like a user who closes the program, and connect again."""
        await self.client.disconnect()
        await asyncio.sleep(seconds)
        self._start()

    def fill(self, seconds: float) -> None:
        """Let nothing fit on the disk for a while."""
        self.empty()
        self.disk.full = True
        self._empty_later = asyncio.get_running_loop().call_later(seconds, self.empty)

    def empty(self) -> None:
        """Let there be room on the disk."""
        self.disk.full = False
        if self._empty_later is not None:
            self._empty_later.cancel()

    # -- the user ---------------------------------------------------------------------------------

    def _call(self, work: Coroutine[Any, Any, None]) -> None:
        self.life.calls.append(asyncio.create_task(work))

    def type(self, text: str) -> None:
        tag = f"https://tag/{len(self.typed)}"
        self.order += 1
        message = self.typed[tag] = Typed(tag, {text}, self.order, self.order)
        self._call(self._typed(self.life, message, text))

    def meet(self, how: tuple[str, Fate]) -> None:
        """Type a message that something is going to happen to."""
        text, fate = how
        self.server.fates.append(fate)
        self.type(text)

    async def _typed(self, life: Life, message: Typed, text: str) -> None:
        try:
            message.item_id = await life.client.on_trigger_message(text, [message.tag])
        except TuiChatError:
            # Where the program was killed meanwhile, nobody was told anything.
            message.refused = life.alive

    def _now(self) -> int:
        self.order += 1
        return self.order

    def _takes_place(self, item: OutboxItem) -> Typed:
        message = self.typed[item.media[0]]
        if item.held:
            message.began, message.settled = self._now(), math.inf
        return message

    def wish(self, how: tuple[str, int]) -> None:
        """Do something about one of the messages that are shown."""
        what, number = how
        states = {
            "resend": {_S.UNKNOWN, _S.FAILED},
            "discard": {_S.UNKNOWN, _S.FAILED},
            "drop": {_S.QUEUED},
            "edit": {_S.QUEUED},
            "send_now": {_S.QUEUED},
        }[what]
        items = [item for item in self.client.delivery.items() if item.state in states]
        if items:
            item = items[number % len(items)]
            self._call(self._wished(self.life, what, item, f"edited {self._now()}"))

    async def _wished(self, life: Life, what: str, item: OutboxItem, text: str) -> None:
        message, delivery = self.typed[item.media[0]], life.client.delivery
        before = set(message.texts)
        try:
            match what:
                case "resend":
                    message.out_of_turn = True
                    message.resends += item.state is _S.UNKNOWN
                    await delivery.resend(item.id)
                case "send_now":
                    message.out_of_turn = True
                    await delivery.send_now(item.id)
                case "edit":
                    message.texts |= {text}
                    await delivery.edit(item.id, text)
                    message.texts.difference_update(before)
                case _:
                    await delivery.discard(item.id)
                    message.given_up = self.clock.boot()
        except TuiChatError:
            if what == "edit" and life.alive and message.texts > {text}:
                message.texts.discard(text)  # told that it is as it was

    def release(self, _: Any = None) -> None:
        held = [item for item in self.client.delivery.items() if item.held]
        if held:
            self._call(self._release(self.life, held))

    async def _release(self, life: Life, held: list[OutboxItem]) -> None:
        messages = [self._takes_place(item) for item in held]
        try:
            await life.client.delivery.release()
        except TuiChatError:
            return
        for message in messages:
            message.settled = self._now()

    # -- the witness ------------------------------------------------------------------------------

    def _arrived(self, arrival: Arrival) -> None:
        message = self.typed[arrival.tag]
        if arrival.text not in message.texts:
            self.violated(f"{arrival.tag} says {arrival.text!r}, typed was {message.texts}")
        if message.refused:
            self.violated(f"{arrival.tag} is sent, and the user was told that it was not taken in")
        if message.given_up is not None and arrival.at > message.given_up + 1e-9:
            self.violated(f"{arrival.tag} is sent after the user had given it up")
        if arrival.tag in self.written:
            return
        if not message.out_of_turn:
            for tag in self.written:
                other = self.typed[tag]
                if not other.out_of_turn and message.settled < other.began:
                    self.violated(f"invariant 12: {arrival.tag} is written after {tag}")
        self.written.append(arrival.tag)

    def check(self) -> None:
        """Fail with everything that was noted."""
        ids = [item.id for item in self.client.delivery.items()]
        if len(ids) != len(set(ids)):
            self.violated("invariant 11: a message is shown in two states")
        assert not self.violations, "\n".join(dict.fromkeys(self.violations))

    # -- steps ------------------------------------------------------------------------------------

    async def do(self, step: Step) -> None:
        deeds: dict[str, Callable[[Any], Any]] = {
            "type": self.type,
            "meet": self.meet,
            "wish": self.wish,
            "release": self.release,
            "crash": self.crash,
            "pause": self.pause,
            "fate": self.server.fates.append,
            "drop": lambda _: self.server.drop(),
            "restart": lambda how: self.server.restart(amnesia=how[0], away=how[1]),
            "full": self.fill,
            "latency": lambda seconds: setattr(self.disk, "latency", seconds),
        }
        done = deeds[step.what](step.how)
        if asyncio.iscoroutine(done):
            await done
        seconds = min(step.then, self.patience)
        self.patience -= seconds
        if seconds:
            await asyncio.sleep(seconds)
        self.check()

    # -- how it ends ------------------------------------------------------------------------------

    async def finish(self) -> None:
        """Let the faults stop and everything come to rest; compare."""
        self.server.heal()
        self.empty()
        self.disk.latency = 0.0
        self.client.reconnect_now("user")
        await asyncio.sleep(2.0)  # for writes that failed, and are tried again
        self.release()
        begun = self.clock.boot()
        while not self._at_rest(self.clock.boot() - begun):
            if self.client.get_connection_status().state is ConnectionState.FAILED:
                self.client.reconnect_now("user")
            await asyncio.sleep(1.0)
            if self.clock.boot() - begun > DRAINED:
                self.violated(f"never at rest: {self._standings()}")
                break
        self.check()
        await self.client.disconnect()
        await self.life.http.aclose()
        self.life.alive = False
        for task in (*self.endings, *(call for life in self.lives for call in life.calls)):
            await task
        await self.server.aclose()
        Witness(
            self.typed,
            self.disk,
            self.server,
            self.client,
            dedupes=self.dedupes,
            certain=self._must_be_certain(),
            violations=self.violations,
        ).compare()
        self.check()

    def _at_rest(self, passed: float) -> bool:
        """Whether nothing will happen any more; who is unknown is asked about for a while."""
        items = self.client.delivery.items()
        if any(item.state in (_S.QUEUED, _S.WRITTEN) for item in items):
            return False
        if any(not item.ended for item in self._received()) and passed < 5.0:
            return False
        unknown = any(item.state is _S.UNKNOWN for item in items)
        return not unknown or (passed > HOW_LONG_TO_LOOK and not self._must_be_certain())

    def _received(self) -> list[OutboxItem]:
        return [item for item in self.disk.items.values() if item.state is _S.RECEIVED]

    def _must_be_certain(self) -> bool:
        return self.dedupes and not self.server.forgetful

    def _standings(self) -> list[tuple[str, str, str]]:
        return [(i.media[0], i.state.value, i.note) for i in self.client.delivery.items()]


async def run_schedule(world: World, schedule: list[Step]) -> None:
    """Carry out a schedule on a world, from the first program to the comparison."""
    async with world.server.serving():
        world.open()
        for step in schedule:
            await world.do(step)
        await world.finish()
        await settle()
