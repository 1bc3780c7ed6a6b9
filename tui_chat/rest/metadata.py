"""A thread's metadata, which may be set before the server has named the thread."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

from tui_chat.errors import TuiChatError
from tui_chat.rest.threads import ThreadsApi
from tui_chat.ticket.auth import AuthData

__all__ = ["ThreadMetadata"]


class ThreadMetadata:
    """Sets the metadata of one conversation's thread.

    Args:
        api: changes threads.
        auth: returns on whose behalf, at the moment of the call.
        failed: told why the server did not take metadata that had waited for the thread's name;
            nobody waits for that call.
    """

    def __init__(
        self,
        api: ThreadsApi,
        *,
        auth: Callable[[], AuthData],
        failed: Callable[[TuiChatError], object],
    ) -> None:
        self._api = api
        self._auth = auth
        self._failed = failed
        self._waiting: dict[str, Any] | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def set(self, thread_id: str | None, metadata: Mapping[str, Any] | None) -> None:
        """Set the metadata, None clears it; without a thread it waits for :meth:`thread_named`.

        Raises:
            TuiChatError: why the server did not take it.
        """
        change = {"metadata": None if metadata is None else dict(metadata)}
        if thread_id is None:
            self._waiting = change
        else:
            self._waiting = None
            await self._api.update(thread_id, self._auth(), change)

    def thread_named(self, thread_id: str) -> None:
        """Send what has waited for the thread's name."""
        change, self._waiting = self._waiting, None
        if change is not None:
            task = asyncio.create_task(self._send(thread_id, change), name="tui-chat metadata")
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _send(self, thread_id: str, change: dict[str, Any]) -> None:
        try:
            await self._api.update(thread_id, self._auth(), change)
        except TuiChatError as error:
            self._failed(error)

    async def aclose(self) -> None:
        """Stop what is under way and close the HTTP client. Idempotent."""
        tasks = tuple(self._tasks)
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        await self._api.aclose()
