"""Stores for tests, and processes that use one."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from tests.support.checkout import ROOT
from tui_chat.conversation.model import DeliveryState, Message, MessageKind, MessageState
from tui_chat.delivery.item import OutboxItem
from tui_chat.storage import Scope, Store, StoredConversation

__all__ = [
    "SCOPE",
    "TestClock",
    "child",
    "codes",
    "file_bytes",
    "item",
    "message",
    "on_thread",
    "open_store",
    "resumed",
    "told",
    "user_message",
]

SCOPE = Scope("https://chat.example.com")


class TestClock:
    """Clocks that are set by hand."""

    __test__ = False

    def __init__(self, wall: float = 1_700_000_000.0) -> None:
        self.at = wall
        self.up = 0.0

    def wall(self) -> float:
        return self.at

    def boot(self) -> float:
        return self.up

    def monotonic(self) -> float:
        return self.up

    def pass_by(self, seconds: float) -> None:
        """Let time go by for all of them."""
        self.at += seconds
        self.up += seconds


def item(name: str, position: int = 1, **fields: Any) -> OutboxItem:
    return OutboxItem(
        **{"id": name, "position": position, "text": f"text {name}", "created": 1.0, **fields}
    )


def message(number: int, text: str = "said", **fields: Any) -> Message:
    return Message(number, fields.pop("kind", MessageKind.ASSISTANT), 1.0, [text], **fields)


def user_message(number: int, name: str, delivery: DeliveryState) -> Message:
    return message(
        number,
        f"text {name}",
        kind=MessageKind.USER,
        state=MessageState.STREAMING,
        outbox_id=name,
        delivery=delivery,
    )


@asynccontextmanager
async def open_store(folder: Path, **options: Any) -> AsyncIterator[Store]:
    store = await Store.open(folder, **options)
    try:
        yield store
    finally:
        await store.aclose()


def codes(store: Store) -> list[str]:
    return [notice.code for notice in store.notices]


async def on_thread(store: Store, work: Callable[[Any], Any]) -> Any:
    """Run something on the store's own connection, in its thread."""
    engine = store._engine
    return await engine.thread.call(lambda: work(engine.database._current()))


def file_bytes(folder: Path) -> bytes:
    """Everything that is in the files of a folder."""
    return b"\0".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())


CHILD = """
import asyncio, json, os, signal, sys
from pathlib import Path
from tests.storage_support import *
from tests.storage_support import SCOPE
from tui_chat.conversation.model import *
from tui_chat.storage import *

folder = Path(sys.argv[1])
argument = sys.argv[2]

def say(*what):
    print(json.dumps(what), flush=True)

async def heard():
    return await asyncio.get_running_loop().run_in_executor(None, sys.stdin.readline)

asyncio.run(main())
"""


@asynccontextmanager
async def child(
    body: str, folder: Path, argument: str = ""
) -> AsyncIterator[asyncio.subprocess.Process]:
    """Run ``async def main()`` in a process of its own; it has ``folder``, ``argument``, ``say``.

    Killed at the end if it is still there.
    """
    head, end = CHILD.rsplit("\n\n", 1)
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", f"{head}\n{body}\n{end}", str(folder), argument),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def told(process: asyncio.subprocess.Process) -> Any:
    """Return what the child says next."""
    assert process.stdout is not None
    async with asyncio.timeout(30):
        line = await process.stdout.readline()
    assert line, "the child has ended"
    return json.loads(line)


async def resumed(store: Store, **options: Any) -> StoredConversation:
    return await store.resume(SCOPE, **options)
