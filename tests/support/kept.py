"""What a program that was killed has left in the store, for tests of those that come after it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import Any

from tui_chat.conversation.model import DeliveryState
from tui_chat.delivery.item import OutboxItem, new_id
from tui_chat.storage import Scope, Store, StoredConversation

__all__ = ["SERVER", "held", "item", "keep", "kept"]

SERVER = "https://chat.example.com"


def item(
    text: str, state: DeliveryState = DeliveryState.QUEUED, *, position: int = 1, **fields: Any
) -> OutboxItem:
    fields.setdefault("id", new_id())
    fields.setdefault("created", 1_700_000_000.0)
    return OutboxItem(position=position, text=text, state=state, **fields)


@asynccontextmanager
async def held(
    server: str = SERVER, items: Iterable[OutboxItem] = ()
) -> AsyncIterator[StoredConversation]:
    """Have a new conversation open, as a running program has."""
    store = await Store.open()
    try:
        conversation = await store.resume(Scope(server), fresh=True)
        await conversation.save_items(list(items))
        yield conversation
        await conversation.release()
    finally:
        await store.aclose()


def keep(*items: OutboxItem, server: str = SERVER) -> str:
    """Leave a conversation with these messages behind; return its id."""

    async def work() -> str:
        async with held(server, items) as conversation:
            return conversation.id

    return asyncio.run(work())


def kept() -> list[OutboxItem]:
    """Return what is not certain to have arrived, or was refused."""

    async def work() -> list[OutboxItem]:
        store = await Store.open()
        try:
            return [
                each
                for _, items in await store.outbox()
                for each in items
                if not each.settled or each.state is DeliveryState.FAILED
            ]
        finally:
            await store.aclose()

    return asyncio.run(work())
