"""A delivery on the bench: a record, a connection and a history that do as they are told."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable, Sequence
from typing import Any

from tests.virtual import VirtualClock, settle
from tui_chat.conversation.conversation import Conversation
from tui_chat.conversation.model import Change, DeliveryState, Message
from tui_chat.delivery.delivery import Delivery
from tui_chat.delivery.item import OutboxItem
from tui_chat.errors import NotConnected, StorageError, TuiChatError
from tui_chat.protocol.client_frames import ChatMessage, ClientFrame
from tui_chat.protocol.codec import SERVER_FRAMES, IgnoredFrame
from tui_chat.protocol.history import HistoryMessage, HistoryPage
from tui_chat.telemetry import Telemetry

__all__ = ["IDS", "BenchRecord", "Shop", "history", "kept"]

IDS = frozenset({"client_message_id"})


def kept(number: int, state: DeliveryState, **fields: Any) -> OutboxItem:
    """Return an item that an earlier run has left."""
    given: dict[str, Any] = {"text": f"text {number}", "created": 0.0, **fields}
    return OutboxItem(id=f"id{number}", position=number, state=state, **given)


class BenchRecord:
    """Keeps in order; fails, or waits at its gate, when told to."""

    def __init__(self, items: Sequence[OutboxItem] = (), messages: Sequence[Message] = ()) -> None:
        self.thread_id: str | None = None
        self.items, self.messages = items, messages
        self.failing = False
        self.gate = asyncio.Event()
        self.gate.set()
        self.saved: list[OutboxItem] = []
        self.kept: dict[str, OutboxItem] = {}
        self.kept_messages: list[tuple[int, str]] = []
        self.flushed = 0
        self._turn = asyncio.Lock()

    async def save_items(self, items: Sequence[OutboxItem]) -> None:
        async with self._turn:
            await self.gate.wait()
            if self.failing:
                raise StorageError("The disk is full.")
            self.saved += items
            self.record_items(items)

    def record_items(self, items: Sequence[OutboxItem]) -> None:
        self.kept.update((item.id, item) for item in items)

    def record_messages(self, messages: Iterable[Message]) -> None:
        self.kept_messages += [(message.id, message.text) for message in messages]

    def record_thread(self, thread_id: str) -> None:
        self.thread_id = thread_id

    async def flush(self) -> None:
        self.flushed += 1


class Shop:
    """A delivery, and everything around it."""

    def __init__(
        self,
        clock: VirtualClock,
        *items: OutboxItem,
        messages: Sequence[Message] = (),
        **options: Any,
    ) -> None:
        self.clock = clock
        self.record = BenchRecord(items, messages)
        self.conversation = Conversation("thread", messages)
        self.telemetry = Telemetry(clock)
        self.sent: list[ChatMessage] = []
        self.connected = False
        self.unsendable = False
        self.troubles: list[str] = []
        self.pages: list[HistoryPage | TuiChatError] = []
        self.asked = 0
        self.delivery = Delivery(
            self.record,
            self.conversation,
            send=self._send,
            fetch=self._fetch,
            apply=self._apply,
            changed=lambda: None,
            trouble=lambda error: self.troubles.append(error.code),
            clock=clock,
            telemetry=self.telemetry,
            secrets=options.pop("secrets", None),
            send_leftovers=options.pop("send_leftovers", False),
        )
        self.delivery.start()

    def _send(self, frame: ClientFrame) -> asyncio.Future[None]:
        if not self.connected:
            raise NotConnected("There is no connection.")
        if self.unsendable:
            raise TypeError("not JSON")
        assert isinstance(frame, ChatMessage)
        self.sent.append(frame)
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        done.set_result(None)
        return done

    def _apply(self, changes: Iterable[Change]) -> None:
        for change in changes:
            self.conversation.apply(change)

    async def _fetch(self, thread: str, before: str | None) -> HistoryPage:
        assert thread == "thread"
        self.asked += 1
        page = self.pages.pop(0) if len(self.pages) > 1 else self.pages[0]
        if isinstance(page, TuiChatError):
            raise page
        return page

    # -- what happens -----------------------------------------------------------------------------

    async def type(self, *texts: str) -> list[str]:
        return [await self.delivery.accept(text) for text in texts]

    async def ready(self, capabilities: frozenset[str] = frozenset(), memory: str = "") -> None:
        self.connected = True
        self.delivery.session_ready(capabilities, memory)
        await settle()

    async def lost(self, error: TuiChatError | None = None) -> None:
        self.connected = False
        self.delivery.session_over(error)
        await settle()

    async def hear(self, frame: str) -> bool:
        decoded = SERVER_FRAMES.decode(frame)
        assert not isinstance(decoded, IgnoredFrame), decoded
        taken = self.delivery.frame_received(decoded)
        await settle()
        return taken

    async def working(self) -> None:
        await self.hear('{"type":"chat_event","event":"content-delta","data":{"delta":"la"}}')

    async def finished(self, item_id: str = "") -> None:
        named = f'"clientMessageId":"{item_id}"' if item_id else ""
        await self.hear(f'{{"type":"chat_finished","data":{{{named}}}}}')

    async def stored(self, item_id: str = "") -> None:
        named = f'"clientMessageId":"{item_id}"' if item_id else ""
        await self.hear(f'{{"type":"messages_persisted","data":{{{named}}}}}')

    async def refused(self, item_id: str, code: str = "BUSY", **details: Any) -> bool:
        details["clientMessageId"] = item_id
        data = {"errorCode": code, "details": details}
        return await self.hear(json.dumps({"type": "error", "error": "no", "data": data}))

    # -- what is seen -----------------------------------------------------------------------------

    @property
    def texts(self) -> list[str]:
        return [frame.content for frame in self.sent]

    def states(self) -> dict[str, str]:
        """Return the state of each item that is shown, by text."""
        return {item.text: item.state.value for item in self.delivery.items()}

    def count(self, name: str) -> int:
        return sum(n for key, n in self.telemetry.counters.items() if key.startswith(name))


def history(*contents: str, ids: Sequence[str] = ()) -> HistoryPage:
    """Return a page with messages of the user."""
    return HistoryPage(
        tuple(
            HistoryMessage(f"m{number}", "user", content, client_message_id=item_id)
            for number, (content, item_id) in enumerate(
                zip(contents, [*ids, *[""] * len(contents)], strict=False)
            )
        ),
        "thread",
    )
