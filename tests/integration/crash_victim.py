"""A client that kills itself at a named moment: ``python -m tests.integration.crash_victim``.

It types a few messages, waits for the answers and leaves in good order, unless the moment comes:
one of the store's write points, or one of its own. The order comes in as a line of JSON, with the
credentials. What was typed and what was taken in is written down before and after, on the disk.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import threading
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Final

from tui_chat import TicketManagerConfig, WebSocketChatClient
from tui_chat.clock import SystemClock
from tui_chat.conversation.model import DeliveryState, Message
from tui_chat.delivery.item import OutboxItem
from tui_chat.protocol.client_frames import ChatMessage, ClientFrame
from tui_chat.storage import Scope, Store, StoredConversation

__all__ = ["MOMENTS", "main"]

MOMENTS: Final = (
    "accepted:committed",
    "written:committed",
    "frame:handed-over",
    "socket:written",
    "sign:first",
    "run:ended",
    "message:persisted",
)
"""In the life of each message: committed in the queue, and its typist not told yet; committed as
written, and nothing sent; handed to the connection; in the hands of the system; the server's first
sign; the end of its run; the word that it is stored. The last three before they are kept."""


class Fate:
    """Kills the process when a moment comes for the n-th time."""

    def __init__(self, moment: str, nth: int) -> None:
        self._moment = moment
        self._left = nth
        self._guard = threading.Lock()

    def reached(self, moment: str) -> None:
        if moment != self._moment:
            return
        with self._guard:
            self._left -= 1
            if self._left == 0:
                os.kill(os.getpid(), signal.SIGKILL)


class Watched:
    """A record that tells its fate what passes through it."""

    def __init__(self, record: StoredConversation, fate: Fate) -> None:
        self._record = record
        self._fate = fate
        self._seen: set[tuple[str, str]] = set()

    @property
    def thread_id(self) -> str | None:
        return self._record.thread_id

    @property
    def messages(self) -> Sequence[Message]:
        return self._record.messages

    @property
    def items(self) -> Sequence[OutboxItem]:
        return self._record.items

    async def save_items(self, items: Sequence[OutboxItem]) -> None:
        await self._record.save_items(items)
        for item in items:
            if item.state is DeliveryState.QUEUED and not item.writes:
                self._once(item, "accepted:committed")
            elif item.state is DeliveryState.WRITTEN:
                self._once(item, "written:committed")

    def record_items(self, items: Sequence[OutboxItem]) -> None:
        for item in items:
            if item.state is DeliveryState.RECEIVED:
                self._once(item, "run:ended" if item.ended else "sign:first")
            elif item.state is DeliveryState.PERSISTED:
                self._once(item, "message:persisted")
        self._record.record_items(items)

    def _once(self, item: OutboxItem, moment: str) -> None:
        if (item.id, moment) not in self._seen:
            self._seen.add((item.id, moment))
            self._fate.reached(moment)

    def record_messages(self, messages: Iterable[Message]) -> None:
        self._record.record_messages(messages)

    def record_thread(self, thread_id: str) -> None:
        self._record.record_thread(thread_id)

    async def flush(self) -> None:
        await self._record.flush()


class SetBack(SystemClock):
    """A machine whose wall clock is behind by so many seconds."""

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self._seconds = seconds

    def wall(self) -> float:
        return super().wall() - self._seconds


def watch_sending(client: WebSocketChatClient, fate: Fate) -> None:
    """Tell fate when a chat message is handed over, and when it is written."""
    courier = client.delivery._courier
    send = courier._send_frame

    def watched(frame: ClientFrame) -> asyncio.Future[None]:
        written = send(frame)
        if isinstance(frame, ChatMessage):
            fate.reached("frame:handed-over")
            written.add_done_callback(lambda _: fate.reached("socket:written"))
        return written

    courier._send_frame = watched


async def main(order: dict[str, Any]) -> None:
    """Type, wait, leave."""
    journal = os.open(order["journal"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def note(what: str, text: str) -> None:
        os.write(journal, json.dumps([what, text]).encode() + b"\n")
        os.fsync(journal)

    fate = Fate(order["moment"], order["nth"])
    clock = SetBack(order.get("set_back", 0))
    store = await Store.open(
        Path(order["folder"]),
        clock=clock,
        probe=fate.reached,
        on_notice=lambda notice: note("notice", notice.code),
    )
    record = await store.resume(Scope(order["url"]))
    client = WebSocketChatClient(record=Watched(record, fate), send_leftovers=True, clock=clock)
    watch_sending(client, fate)
    client.start(
        chat_server_url=order["url"],
        user_mp_auth_token=order["token"],
        chat_server_key=order["key"],
        ticket_config=TicketManagerConfig(retry_base_delay=0.01),
    )
    record.record_draft("a draft")
    ids = []
    for text in order["texts"]:
        note("typing", text)
        ids.append(await client.on_trigger_message(text))
        note("accepted", text)
    if order.get("wait", True):
        async with asyncio.timeout(20):
            for item_id in ids:
                await client.delivery.answered(item_id)
            while client.delivery.unsent or client.running:
                await asyncio.sleep(0.002)
    note("waited", "")
    await store.add_prompt("a prompt")
    await store.purge(older_than=1)
    await client.disconnect()
    await record.release()
    await store.aclose()
    os.close(journal)


if __name__ == "__main__":
    asyncio.run(main(json.loads(sys.stdin.readline())))
