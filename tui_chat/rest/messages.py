"""``GET /api/v1/messages/query``: what the server keeps of a thread."""

from __future__ import annotations

from typing import ClassVar, Final

from tui_chat.errors import RequestRejected, TuiChatError
from tui_chat.protocol.history import MESSAGES_PATH, HistoryPage, read_history
from tui_chat.rest.refusals import refusal, unreadable
from tui_chat.ticket.answers import Answer
from tui_chat.ticket.auth import AuthData
from tui_chat.ticket.http_api import HttpApi

__all__ = ["NO_HISTORY", "OTHER_THREAD", "MessagesApi"]

NO_HISTORY: Final = "NO_HISTORY"
"""Code of the error for a server that keeps no history, or does not give it out."""
OTHER_THREAD: Final = "OTHER_THREAD"
"""Code of the error for an answer about another thread than the one that was asked for."""

_FAILED: Final = "The server did not give the thread's history"


class MessagesApi(HttpApi):
    """Reads threads."""

    max_body: ClassVar[int] = 16 * 1024 * 1024
    """As much as one frame may have: what came in frames must fit when it is asked for again."""

    async def page(
        self,
        auth: AuthData,
        *,
        thread_id: str | None,
        before: str | None = None,
        limit: int | None = None,
    ) -> HistoryPage:
        """Return messages of a thread, oldest first.

        Not every server knows threads by name here, pages or limits: one that does not answers
        with the thread it deems right and with as much as it likes.

        Args:
            auth: on whose behalf; its entity narrows down which thread is meant.
            thread_id: the thread's ``providerResId``; None for the one the server deems right.
            before: only what came before the entry of this id.
            limit: at most so many, the latest ones; at least 1.

        Raises:
            RequestRejected: with the code :data:`NO_HISTORY` if the server has none to give at
                all, :data:`OTHER_THREAD` if the answer is not about the thread that was asked
                for, ``THREAD_NOT_FOUND`` or the like if there is no such thread.
            TuiChatError: why else it cannot be had.
        """
        return await self._guarded(self._page(auth, thread_id, before, limit))

    async def _page(
        self, auth: AuthData, thread_id: str | None, before: str | None, limit: int | None
    ) -> HistoryPage:
        query = {
            "format": "client",
            "entityId": auth.entity_id,
            "entityType": auth.entity_type,
            "metadata": "{}",
            "threadId": thread_id,
            "before": before,
            "limit": None if limit is None else str(limit),
        }
        given = {name: value for name, value in query.items() if value is not None}
        answer = await self._request("GET", MESSAGES_PATH, auth, None, query=given)
        if answer.status >= 300:
            raise _refusal(answer)
        try:
            page = read_history(answer.body)
        except ValueError:
            raise unreadable(answer, _FAILED) from None
        named = page.provider_res_id
        if thread_id is None or named == thread_id or (named is None and not page.messages):
            return page
        if named is None:  # nobody knows whose words these are
            sentence = "The server gave a history without saying which thread's it is."
        else:
            sentence = "The server answered with the history of another thread."
        raise RequestRejected(
            sentence,
            advice="It may only give out that of its latest thread.",
            status=answer.status,
            code=OTHER_THREAD,
        )


def _refusal(answer: Answer) -> TuiChatError:
    """Tell a server without this call from one that has no such thread."""
    # A missing page has no code, or what web frameworks give every missing page.
    no_such_page = answer.status == 404 and answer.error().code in ("", "NOT_FOUND")
    if answer.status in (405, 501) or no_such_page:
        return RequestRejected(
            f"This server keeps no history that could be asked for (HTTP {answer.status}).",
            status=answer.status,
            code=NO_HISTORY,
        )
    return refusal(answer, _FAILED)
