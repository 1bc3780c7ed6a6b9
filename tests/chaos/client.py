"""The client of a chaos run, in a process of its own: ``python -m tests.chaos.client``.

It types without end, and keeps a journal of what was taken in and of what it was told. One line of
JSON comes in with credentials and options, later ``drain``; ``started`` and ``drained`` go out. It
ends when its standard input does.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import sys
from pathlib import Path
from typing import Any, Final

from tests.chaos.journal import Journal
from tests.chaos.texts import compose
from tui_chat import TicketManagerConfig, WebSocketChatClient
from tui_chat.conversation.model import DeliveryChanged, DeliveryState
from tui_chat.delivery.item import OutboxItem
from tui_chat.errors import TuiChatError
from tui_chat.events import (
    ConnectionChanged,
    ConversationChanged,
    DeliveryTrouble,
    Lagged,
    OutboxChanged,
    TicketChanged,
)
from tui_chat.storage import Scope, Store
from tui_chat.telemetry.snapshot import NumberPoint

__all__ = ["main"]

MOST_WAITING: Final = 800
"""Messages after which the user waits; the queue itself takes a thousand."""
LOOK: Final = 0.02
"""Seconds between two looks at what is still to be sent."""
_ARRIVED: Final = (DeliveryState.RECEIVED, DeliveryState.PERSISTED)
_REPORTED: Final = (DeliveryState.UNKNOWN, DeliveryState.FAILED)


class Typist:
    """A user who types, and writes down what the program says.

    Args:
        client: the client.
        journal: where it is written down.
        options: ``number``: of the first message; ``seed``; ``rate``: messages a second;
            ``patience``: seconds at the end for what is unknown.
    """

    def __init__(
        self, client: WebSocketChatClient, journal: Journal, options: dict[str, Any]
    ) -> None:
        self._client = client
        self._journal = journal
        self._options = options
        self._standing: dict[str, OutboxItem] = {}
        self._counts: dict[str, int] = {}

    async def type_on(self) -> None:
        """Type until cancelled. What is being taken in then is waited for by nobody."""
        rng = random.Random(self._options["seed"])
        number = self._options["number"]
        while True:
            await asyncio.sleep(rng.expovariate(self._options["rate"]))
            if self._client.delivery.unsent >= MOST_WAITING:
                continue
            number += 1
            text = compose(number, rng)
            # The journal is on the disk before the message can be anywhere.
            await asyncio.to_thread(self._journal.note, "typing", sync=True, text=text)
            try:
                item_id = await self._client.on_trigger_message(text)
            except TuiChatError as error:
                self._journal.note("refused", sync=True, text=text, code=error.code)
            else:
                self._journal.note("accepted", text=text, id=item_id)
                await asyncio.to_thread(self._journal.sync)

    async def listen(self) -> None:
        """Write down what the client says, until it has ended."""
        events = self._client.events()
        self._outbox(self._client.delivery.items())
        async for event in events:
            match event:
                case OutboxChanged(items):
                    self._outbox(items)
                case ConversationChanged(changes):
                    for change in changes:
                        if isinstance(change, DeliveryChanged) and change.delivery in _ARRIVED:
                            self._journal.note("arrived")
                case DeliveryTrouble(text, code):
                    self._journal.note("trouble", code=code, text=text)
                case ConnectionChanged(status):
                    cause = None if status.cause is None else status.cause.code
                    self._journal.note("status", state=status.state.value, cause=cause)
                    self._count()
                case TicketChanged():
                    self._count()
                case Lagged():
                    self._outbox(self._client.delivery.items())
                case _:
                    pass

    def _outbox(self, items: tuple[OutboxItem, ...]) -> None:
        now = {item.id: item for item in items}
        for item_id, item in now.items():
            known = self._standing.get(item_id)
            if item.state in _REPORTED and (known is None or known.state is not item.state):
                self._journal.note(item.state.value, id=item_id, text=item.text, why=item.note)
        for item_id in self._standing.keys() - now.keys():
            self._journal.note("settled", id=item_id)
        self._standing = now

    def _count(self) -> None:
        snapshot = self._client.telemetry.snapshot()
        counts = {
            name: int(
                sum(
                    point.value
                    for point in snapshot.metric(metric).points
                    if isinstance(point, NumberPoint)
                )
            )
            for name, metric in (
                ("handshakes", "websocket.client.handshake.count"),
                ("tickets", "ticket.client.request.count"),
            )
        }
        if counts != self._counts:
            self._counts = counts
            self._journal.note("counts", sync=False, **counts)

    async def drained(self) -> None:
        """Return when nothing can be done any more but by the user."""
        patience: float = self._options["patience"]
        while True:
            await asyncio.sleep(LOOK)
            delivery = self._client.delivery
            items = delivery.items()
            going = any(
                item.state in (DeliveryState.QUEUED, DeliveryState.WRITTEN)
                or (item.state is DeliveryState.UNKNOWN and delivery._courier.trusts(item))
                for item in items
            )
            if going or not self._client.get_connection_status().connected:
                continue
            task = delivery._resolution._task
            looking = task is not None and not task.done()
            unknown = any(item.state is DeliveryState.UNKNOWN for item in items)
            if not unknown or not looking or patience <= 0:
                return
            patience -= LOOK


async def main(options: dict[str, Any]) -> None:
    """Type until standard input ends."""
    journal = Journal(Path(options["journal"]))
    store = await Store.open(
        Path(options["folder"]),
        on_notice=lambda notice: journal.note("notice", code=notice.code, text=notice.sentence),
    )
    record = await store.resume(Scope(options["url"]))
    client = WebSocketChatClient(
        record=record, send_leftovers=True, rng=random.Random(options["seed"])
    )
    typist = Typist(client, journal, options)
    client.start(
        chat_server_url=options["url"],
        user_mp_auth_token=options["token"],
        chat_server_key=options["key"],
        ticket_config=TicketManagerConfig(request_timeout=5, retry_base_delay=0.2),
    )
    listening = asyncio.create_task(typist.listen())
    typing = asyncio.create_task(typist.type_on())
    _say("started")
    try:
        while line := await asyncio.to_thread(sys.stdin.readline):
            if line.strip() == "drain":
                typing.cancel()
                await asyncio.wait({typing})
                await typist.drained()
                _say("drained")
    finally:
        typing.cancel()
        await client.disconnect()
        await listening
        await record.release()
        await store.aclose()
        journal.close()


def _say(what: str) -> None:
    os.write(1, what.encode() + b"\n")


if __name__ == "__main__":
    asyncio.run(main(json.loads(sys.stdin.readline())))
