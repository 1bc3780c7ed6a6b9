"""A client that does what the test says, and what tests of the screen need besides."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC
from typing import Any

from textual.pilot import Pilot

from tui_chat.app.app import ChatApp
from tui_chat.app.screens.chat import ChatScreen
from tui_chat.app.settings import ChatSettings
from tui_chat.app.transcript import Transcript
from tui_chat.connection.status import ConnectionState, ConnectionStatus, WebSocketState
from tui_chat.conversation.model import (
    Change,
    Message,
    MessageAdded,
    MessageFinished,
    MessageKind,
    MessageState,
    RunChanged,
)
from tui_chat.debug_info import ClientDebugInfo, LogEntry
from tui_chat.delivery.item import OutboxItem
from tui_chat.errors import TuiChatError
from tui_chat.events import ChatEvent, ConnectionChanged, ConversationChanged, TicketChanged
from tui_chat.secret import Secret
from tui_chat.ticket.debug_info import TicketDebugInfo
from tui_chat.ticket.events import TicketEvent, TicketView

NOW = 1_768_474_800.0  # 2026-01-15 11:00:00 UTC
BOOT = 5_000.0
TOKEN = "canary-token-8f31"
KEY = "canary-key-77ab"
SERVER = "https://chat.example.com:8443"
READY = ConnectionStatus(
    connected=True,
    websocket_state=WebSocketState.OPEN,
    has_valid_ticket=True,
    ticket_expires_in=300_000,
    state=ConnectionState.READY,
    generation=1,
    ready_since=BOOT - 61,
    request_id="0f6c2d3e",
    server=SERVER,
    round_trip=0.012,
)


class FakeClock:
    """Three clocks that the test sets."""

    def __init__(self) -> None:
        self.now = 0.0

    def wall(self) -> float:
        return NOW + self.now

    def boot(self) -> float:
        return BOOT + self.now

    def monotonic(self) -> float:
        return self.now


@dataclass
class FakeDelivery:
    """Stands in for the client's outbox, and notes what is asked of it."""

    unsent: int = 0
    queue: tuple[OutboxItem, ...] = ()
    asked: list[tuple[Any, ...]] = field(default_factory=list)

    def items(self) -> tuple[OutboxItem, ...]:
        return self.queue

    async def edit(self, item_id: str, text: str) -> None:
        self.asked.append(("edit", item_id, text))

    async def drop(self, item_id: str) -> None:
        self.asked.append(("drop", item_id))

    async def resend(self, item_id: str) -> None:
        self.asked.append(("resend", item_id))

    async def send_now(self, item_id: str) -> None:
        self.asked.append(("send_now", item_id))

    async def release(self, item_ids: Iterable[str] | None = None) -> None:
        self.asked.append(("release", None if item_ids is None else tuple(item_ids)))


@dataclass
class FakeClient:
    """Stands in for ``WebSocketChatClient``; lives in the client's thread as that one does."""

    started: dict[str, Any] | None = None
    sent: list[str] = field(default_factory=list)
    stops: int = 0
    reconnects: int = 0
    disconnected: bool = False
    refusal: TuiChatError | None = None
    gate: asyncio.Event | None = None
    """Set to make sending wait until the test opens it (with :meth:`open_gate`)."""
    start_error: Exception | None = None
    hang_on_disconnect: bool = False
    info: ClientDebugInfo | None = None
    messages: tuple[Message, ...] = ()
    keeps_frames: bool = False
    delivery: FakeDelivery = field(default_factory=FakeDelivery)

    def __post_init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._queue: asyncio.Queue[ChatEvent | Exception] | None = None
        self._early: list[ChatEvent | Exception] = []

    def start(self, **options: Any) -> None:
        if self.start_error is not None:
            raise self.start_error
        self.started = options

    async def on_trigger_message(self, message: str) -> None:
        if self.gate is not None:
            await self.gate.wait()
        if self.refusal is not None:
            raise self.refusal
        self.sent.append(message)

    async def stop_run(self) -> None:
        self.stops += 1

    def reconnect_now(self) -> bool:
        self.reconnects += 1
        return True

    async def disconnect(self) -> None:
        if self.hang_on_disconnect:
            await asyncio.sleep(3600)
        self.disconnected = True

    def get_connection_status(self) -> ConnectionStatus:
        return READY

    def get_debug_info(self) -> ClientDebugInfo:
        return self.info or DEBUG_INFO

    def keep_frames(self, *, on: bool) -> None:
        self.keeps_frames = on

    def snapshot(self) -> tuple[Message, ...]:
        return self.messages

    def events(self) -> AsyncIterator[ChatEvent]:
        self._loop = asyncio.get_running_loop()
        self._queue = asyncio.Queue()
        for event in self._early:
            self._queue.put_nowait(event)
        return self._read(self._queue)

    async def _read(self, queue: asyncio.Queue[ChatEvent | Exception]) -> AsyncIterator[ChatEvent]:
        while True:
            event = await queue.get()
            if isinstance(event, Exception):
                raise event
            yield event

    # -- the test's side, any thread --------------------------------------------------------------

    def emit(self, *events: ChatEvent | Exception) -> None:
        """Let these happen; an exception is raised where the events are read."""
        if self._loop is None or self._queue is None:
            self._early.extend(events)
            return
        for event in events:
            self._loop.call_soon_threadsafe(self._queue.put_nowait, event)

    def status(self, status: ConnectionStatus) -> None:
        self.emit(ConnectionChanged(status))

    def ticket(self, event: TicketEvent) -> None:
        self.emit(TicketChanged(event))

    def changes(self, *changes: Change) -> None:
        self.emit(ConversationChanged(changes))

    def run(self, *, running: bool) -> None:
        self.changes(RunChanged(running))

    def open_gate(self) -> None:
        assert self.gate is not None
        assert self._loop is not None
        self._loop.call_soon_threadsafe(self.gate.set)


@dataclass
class Stage:
    """An application with a fake behind it."""

    app: ChatApp
    client: FakeClient
    clock: FakeClock

    @property
    def chat(self) -> ChatScreen:
        assert self.app.chat is not None
        return self.app.chat

    @property
    def transcript(self) -> Transcript:
        assert self.chat.transcript is not None
        return self.chat.transcript


def make_stage(
    client: FakeClient | None = None,
    settings: ChatSettings | None = None,
    *,
    welcome: bool = False,
    **options: Any,
) -> Stage:
    """Return an application that would talk to ``client``."""
    client = client or FakeClient()
    clock = FakeClock()
    if settings is None and not welcome:
        settings = ChatSettings(SERVER, Secret(TOKEN), Secret(KEY))
    options.setdefault("versions", "tui-chat 0.0.0, Textual 0.0.0, Python 3.0.0, test")
    app = ChatApp(settings, client_factory=lambda _record: client, clock=clock, zone=UTC, **options)
    return Stage(app, client, clock)


async def wait_until(
    pilot: Pilot[Any],
    predicate: Callable[[], object],
    *,
    within: float = 10.0,
    what: str = "",
) -> None:
    """Wait until the screen is as expected, and fail after ``within`` seconds."""
    loop = asyncio.get_running_loop()
    end = loop.time() + within
    while not predicate():
        if loop.time() > end:
            raise AssertionError(f"not within {within} s: {what or predicate}")
        await pilot.pause(0.01)
    await pilot.pause()


async def started(pilot: Pilot[Any], stage: Stage) -> None:
    """Wait until the client has been started."""
    await wait_until(pilot, lambda: stage.client.started is not None, what="client started")


def view(**changes: Any) -> TicketView:
    """Return a five-minute ticket, obtained now."""
    values: dict[str, Any] = {
        "serial": 1,
        "digest": "1f2e3d4c",
        "lifetime": 300.0,
        "deadline": BOOT + 300,
        "renew_at": BOOT + 170,
        "expires_at": NOW + 300,
    }
    return TicketView(**{**values, **changes})


def said(number: int, kind: MessageKind, text: str, **more: Any) -> Message:
    """Return a finished message."""
    return Message(number, kind, NOW, [text] if text else [], finished=NOW + 2, **more)


def conversation() -> Sequence[Change]:
    """Return a small conversation with most kinds of messages, the last one still streaming."""
    question = "How do I reconnect?"
    answer = (
        "Press **Ctrl+R**. It connects at once, without waiting for the next try.\n\n"
        "- the ticket is kept if it is still good\n"
        "- the conversation stays where it is\n\n"
        "```python\nawait client.reconnect()\n```\n"
    )
    streaming = Message(
        5, MessageKind.ASSISTANT, NOW, ["Looking at it"], state=MessageState.STREAMING
    )
    return (
        MessageAdded(said(1, MessageKind.USER, question)),
        MessageAdded(said(2, MessageKind.REASONING, "The user asks about a key.")),
        MessageAdded(said(3, MessageKind.ASSISTANT, answer)),
        MessageAdded(said(4, MessageKind.USER, "And [bold]this[/bold]?")),
        MessageAdded(streaming),
        RunChanged(running=True),
    )


def finish(number: int) -> tuple[Change, ...]:
    """Return the end of a streaming message and of its run."""
    return (
        MessageFinished(number, MessageState.COMPLETE, NOW + 3),
        RunChanged(running=False),
    )


DEBUG_INFO = ClientDebugInfo(
    connection=READY,
    ticket=TicketDebugInfo(
        has_ticket=True,
        is_valid=True,
        expires_at=NOW + 252,
        expires_in=252_000,
        lifetime=300.0,
        renew_in=122.0,
        serial=3,
        digest="1f2e3d4c",
        clock_skew=0.4,
        server_time_known=True,
        renewal_running=True,
        requests=4,
        refreshes=3,
        failures=1,
        last_duration=0.045,
    ),
    counters={"frames.in": 1_204, "frames.out": 17, "frames.ignored": 1, "ticket.refresh": 3},
    recent=(
        LogEntry(NOW - 60, "ticket", "ticket 2 renewed in 41 ms"),
        LogEntry(NOW - 5, "socket", "open, generation 1"),
        LogEntry(NOW - 4, "session", "ready"),
    ),
    capabilities=("client_message_id", "thread_list"),
)

RunBefore = Callable[[Pilot[Any]], Awaitable[None]]
