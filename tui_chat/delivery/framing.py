"""From an item of the outbox to the frame that goes over the wire."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

from msgspec import UNSET, UnsetType

from tui_chat.delivery.item import OutboxItem, SecretReference
from tui_chat.errors import TuiChatError
from tui_chat.protocol.client_frames import ChatMessage
from tui_chat.secret import Secret

__all__ = ["SecretResolver", "frame_of"]

SECRET_TIMEOUT: Final = 10.0
"""Seconds that looking up the secrets of one message may take."""

SecretResolver = Callable[[str], Awaitable[Secret]]
"""Returns the secret of a name; raises ``TuiChatError`` if there is none."""


async def frame_of(
    item: OutboxItem, thread_id: str | None, *, identified: bool, secrets: SecretResolver | None
) -> ChatMessage:
    """Return the frame for a message, with the secrets it refers to.

    Args:
        item: the message.
        thread_id: the conversation's thread, for a message that names none.
        identified: whether the server tells repeats apart by the message's id.
        secrets: looks up what goes into the headers for MCP servers.

    Raises:
        TuiChatError: if a secret cannot be had.
    """
    thread = item.thread_id or thread_id
    try:
        headers = await _headers(item, secrets)
    except TimeoutError:
        raise TuiChatError("A secret it needs could not be looked up in time.") from None
    return ChatMessage(
        content=item.text,
        media=list(item.media),
        providerResId=UNSET if thread is None else thread,
        mcpHeaders=headers,
        clientMessageId=item.id if identified else UNSET,
    )


async def _headers(
    item: OutboxItem, secrets: SecretResolver | None
) -> dict[str, dict[str, str]] | UnsetType:
    if not item.mcp_headers:
        return UNSET
    async with asyncio.timeout(SECRET_TIMEOUT):
        return {
            server: {name: await _value(value, secrets) for name, value in headers.items()}
            for server, headers in item.mcp_headers.items()
        }


async def _value(reference: SecretReference, secrets: SecretResolver | None) -> str:
    if secrets is None:
        raise TuiChatError(f"It needs the secret {reference.name!r}, and there is none here.")
    return (await secrets(reference.name)).reveal()
