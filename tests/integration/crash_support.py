"""What the tests share in which clients are killed: victims, and those who come after them."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.serving import RunningServer
from tests.support.checkout import ROOT
from tui_chat import TicketManagerConfig, WebSocketChatClient
from tui_chat.conversation.model import DeliveryState, MessageKind
from tui_chat.server.agent import AgentEvent, Text, Turn
from tui_chat.server.config import CAPABILITIES, ServerConfig
from tui_chat.storage import Scope, Store, StoredConversation

__all__ = [
    "AFTER",
    "TEXTS",
    "Echo",
    "Told",
    "applied",
    "fall",
    "in_state",
    "reopened",
    "serving",
    "shown",
    "start",
    "unknown",
]

TEXTS = ["first", "second", "third"]
AFTER = "typed after the crash"
UNTIL_IT_ENDS = 30.0
"""Seconds the victim has; an overloaded machine takes its time."""


class Echo:
    """Answers at once, in two pieces, and notes what it has been asked."""

    def __init__(self) -> None:
        self.heard: list[str] = []

    async def run(self, turn: Turn) -> AsyncIterator[AgentEvent]:
        self.heard.append(turn.text)
        yield Text("You said ")
        await asyncio.sleep(0)
        yield Text(turn.text)


@dataclass
class Told:
    """What a victim has written down."""

    typing: list[str] = field(default_factory=list)
    accepted: list[str] = field(default_factory=list)
    notice: list[str] = field(default_factory=list)
    waited: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, journal: Path) -> Told:
        told = cls()
        if journal.exists():
            for what, text in map(json.loads, journal.read_text().splitlines()):
                getattr(told, what).append(text)
        return told


def serving(*, deduplicating: bool) -> ServerConfig:
    return ServerConfig(announce=CAPABILITIES if deduplicating else ())


def applied(server: RunningServer) -> list[str]:
    """Return what the server has been asked, in order."""
    threads = sorted(server._state.threads.all().values(), key=lambda thread: thread.created)
    return [m.content for thread in threads for m in thread.messages if m.role == "user"]


async def fall(
    server: RunningServer, place: Path, moment: str = "", nth: int = 1, **order: Any
) -> tuple[int, Told]:
    """Let a victim run to its end, or to its moment; return its exit code and what it told."""
    journal = place / f"journal-{time.monotonic_ns()}"
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.integration.crash_victim"),
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdin=asyncio.subprocess.PIPE,
    )
    full = {
        "url": server.url,
        "token": server.token,
        "key": server.key,
        "folder": str(place / "store"),
        "journal": str(journal),
        "moment": moment,
        "nth": nth,
        "texts": TEXTS,
        **order,
    }
    try:
        async with asyncio.timeout(UNTIL_IT_ENDS):
            await process.communicate(json.dumps(full).encode() + b"\n")
    finally:
        if process.returncode is None:
            process.kill()
            await process.communicate()
    assert process.returncode is not None
    return process.returncode, Told.of(journal)


@asynccontextmanager
async def reopened(
    server: RunningServer, folder: Path, *, notices: Sequence[str] = ()
) -> AsyncIterator[tuple[StoredConversation, WebSocketChatClient]]:
    """Another process, this one, takes over what the dead one left; not connected yet.

    The store has to say ``notices``, and nothing else.
    """
    store = await Store.open(folder / "store")
    record = await store.resume(Scope(server.url))
    client = WebSocketChatClient(record=record, send_leftovers=True)
    try:
        yield record, client
    finally:
        await client.disconnect()
        await record.release()
        assert [notice.code for notice in store.notices] == list(notices)
        await store.aclose()


def start(client: WebSocketChatClient, server: RunningServer) -> None:
    client.start(
        chat_server_url=server.url,
        user_mp_auth_token=server.token,
        chat_server_key=server.key,
        ticket_config=TicketManagerConfig(retry_base_delay=0.01),
    )


def in_state(client: WebSocketChatClient, *states: DeliveryState) -> list[str]:
    return [item.text for item in client.delivery.items() if item.state in states]


def unknown(client: WebSocketChatClient) -> list[str]:
    return in_state(client, DeliveryState.UNKNOWN)


def shown(record: StoredConversation) -> list[str]:
    return [message.text for message in record.messages if message.kind is MessageKind.USER]
