"""``PATCH /api/v1/threads/{providerResId}``: what is known about a thread besides its messages."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from tui_chat.protocol.addresses import THREADS_PATH
from tui_chat.rest.refusals import refusal
from tui_chat.ticket.auth import AuthData
from tui_chat.ticket.http_api import HttpApi

__all__ = ["ThreadsApi"]


class ThreadsApi(HttpApi):
    """Changes threads."""

    async def update(self, thread_id: str, auth: AuthData, changes: Mapping[str, Any]) -> None:
        """Change a thread.

        Args:
            thread_id: the thread's ``providerResId``; any text, it is encoded.
            auth: on whose behalf.
            changes: any of ``title``, ``tag``, ``metadata``, ``entityId``, ``entityType``; None
                clears.

        Raises:
            TuiChatError: why the server did not take the change.
        """
        await self._guarded(self._update(thread_id, auth, changes))

    async def _update(self, thread_id: str, auth: AuthData, changes: Mapping[str, Any]) -> None:
        path = f"{THREADS_PATH}/{quote(thread_id, safe='')}"
        answer = await self._request("PATCH", path, auth, dict(changes))
        if answer.status >= 300:
            raise refusal(answer, "The server did not take the change of the thread")
