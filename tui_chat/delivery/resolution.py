"""Finds out from the thread's history what became of messages, and completes replies.

The history proves that a message arrived. It never proves that one did not: not finding it means
nothing before the server has had time to store it, and nobody knows how long that takes. So it is
asked several times, and what it does not settle is left to the user.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import Final

from tui_chat.clock import Clock
from tui_chat.conversation.conversation import Conversation
from tui_chat.conversation.model import Change, DeliveryState
from tui_chat.delivery.completion import completion
from tui_chat.delivery.courier import Courier
from tui_chat.delivery.history import Finding, History, arrived, question, replies
from tui_chat.delivery.item import OutboxItem
from tui_chat.delivery.ledger import Ledger
from tui_chat.errors import TuiChatError
from tui_chat.protocol.history import HistoryPage

__all__ = ["FetchHistory", "Resolution"]

LOOKS: Final = (0.0, 1.0, 2.0, 4.0, 8.0, 15.0, 30.0)
"""Seconds before each look at the history, from the one before: a minute in all. A run of the
embedded server takes seconds; asking for longer would help few and cost every server."""
PATIENCE: Final = 3.0
"""Seconds the queue waits for what the history says about the messages before it; without a
history, for a run to show that it goes on."""
PAGES: Final = 5
"""Pages of a thread that are read at most, to find the last message that is known to be stored."""

FetchHistory = Callable[[str, str | None], Awaitable[HistoryPage]]
"""Returns a page of the thread of this id: the newest, or the one before the message of that id."""


class Resolution:
    """Asks the history about what is unknown or was cut off, as long as there is hope.

    Args:
        ledger: holds the messages.
        conversation: holds the replies.
        courier: says which messages it will repeat itself, and which replies were cut off.
        fetch: asks the server.
        apply: carries out changes of the conversation.
        clock: for the times of what is completed.
    """

    def __init__(
        self,
        ledger: Ledger,
        conversation: Conversation,
        courier: Courier,
        *,
        fetch: FetchHistory,
        apply: Callable[[Iterable[Change]], None],
        clock: Clock,
    ) -> None:
        self._ledger = ledger
        self._conversation = conversation
        self._courier = courier
        self._fetch = fetch
        self._apply = apply
        self._clock = clock
        self._task: asyncio.Task[None] | None = None
        self._release_at: asyncio.TimerHandle | None = None
        self._ended: set[asyncio.Task[None]] = set()
        self._unanswered: dict[str, int] = {}

    def begin(self) -> None:
        """Look into the history if there is a reason to. A look that goes on starts over."""
        self.stop()
        for item_id in self._courier.cut:
            item = self._ledger.get(item_id)
            if item is not None and item.message_id is not None and not self._courier.trusts(item):
                self._unanswered[item_id] = item.message_id
        if not self._unsure() and not self._unanswered:
            return
        self._courier.holding = True
        self._release_at = asyncio.get_running_loop().call_later(PATIENCE, self._release)
        self._task = asyncio.create_task(self._look(), name="tui-chat resolution")

    def complete(self, item_id: str) -> None:
        """Complete the reply to a message whose run has ended elsewhere."""
        message_id = self._message_of(item_id)
        if message_id is not None:
            self._unanswered[item_id] = message_id
            if self._task is None or self._task.done():
                self._task = asyncio.create_task(self._look(), name="tui-chat resolution")

    def stop(self) -> None:
        """Stop looking; what is unknown stays so."""
        self._release()
        if self._task is not None:
            self._task.cancel()
            self._ended.add(self._task)
            self._task.add_done_callback(self._ended.discard)
            self._task = None

    async def aclose(self) -> None:
        """Return when nothing looks any more."""
        self.stop()
        if self._ended:
            await asyncio.wait(self._ended)

    # -- inside -----------------------------------------------------------------------------------

    def _message_of(self, item_id: str) -> int | None:
        for message in reversed(tuple(self._conversation)):
            if message.outbox_id == item_id:
                return message.id
        return None

    def _unsure(self) -> list[OutboxItem]:
        """Return the messages that only the history can tell something about."""
        return [
            item
            for item in self._ledger.in_state(DeliveryState.UNKNOWN)
            if not self._courier.trusts(item)
        ]

    def _release(self) -> None:
        if self._release_at is not None:
            self._release_at.cancel()
            self._release_at = None
        if self._courier.holding:
            self._courier.holding = False
            self._courier.wake()

    async def _look(self) -> None:
        try:
            for wait in LOOKS:
                await asyncio.sleep(wait)
                if not await self._once():
                    return
        finally:
            if self._task is asyncio.current_task() and not self._unanswered:
                self._release()
            self._unanswered.clear()

    async def _once(self) -> bool:
        """Look once; say whether it is worth while to look again."""
        thread = self._conversation.thread_id
        if thread is None:  # nobody can say which of the user's threads it would have been
            return False
        try:
            history, finding = await self._read(thread)
        except TuiChatError as error:
            return error.retryable
        for item_id in finding.arrived:
            self._arrived(item_id)
        for item_id, message_id in tuple(self._unanswered.items()):
            if self._answered(history, message_id):
                self._unanswered.pop(item_id, None)
                item = self._ledger.get(item_id)
                if item is not None and item.state is DeliveryState.RECEIVED:
                    self._ledger.move(item_id, DeliveryState.PERSISTED, ended=True)
                self._courier.gone(item_id)
        return bool(self._unsure() or self._unanswered)

    async def _read(self, thread: str) -> tuple[History, Finding]:
        """Read the thread's end, as far back as it helps."""
        history = History.of(await self._fetch(thread, None))
        for _ in range(PAGES - 1):
            finding = self._find(history)
            if finding.reach != "older" or history.before is None:
                break
            history = history.with_older(await self._fetch(thread, history.before))
        return history, self._find(history)

    def _find(self, history: History) -> Finding:
        return arrived(
            history,
            self._ledger,
            self._conversation,
            began_here=self._conversation.began_here,
            repeated=self._ledger.repeated,
        )

    def _arrived(self, item_id: str) -> None:
        item = self._ledger.get(item_id)
        if item is None or self._courier.trusts(item):  # it will be repeated, and say so itself
            return
        item = self._ledger.move(item_id, DeliveryState.PERSISTED, ended=True)
        self._courier.gone(item_id)
        if item is not None and item.message_id is not None:
            self._unanswered[item_id] = item.message_id

    def _answered(self, history: History, message_id: int) -> bool:
        """Complete the reply to a message; False while the history has none."""
        asked = question(
            history,
            message_id,
            self._ledger,
            self._conversation,
            began_here=self._conversation.began_here,
            repeated=self._ledger.repeated,
        )
        reply = () if asked is None else replies(history, asked)
        if not reply:
            return False
        self._apply(completion(self._conversation, message_id, reply, self._clock.wall()))
        return True
