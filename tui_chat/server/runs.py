"""All runs of a server: one at a time per thread, a bounded number waiting behind it.

A run belongs to its thread. When the connection it answers over is lost, it goes on, its frames go
nowhere, and the answer is stored, so that the client finds it in the thread's history.
"""

from __future__ import annotations

import asyncio
import uuid
from collections import Counter, deque
from dataclasses import dataclass, field
from typing import Final

import msgspec
from msgspec import UNSET

from tui_chat.protocol.client_frames import ChatMessage
from tui_chat.protocol.timestamps import format_timestamp
from tui_chat.server.acknowledgement import MAX_MESSAGE_ID, Acknowledgement, acknowledge, refuse
from tui_chat.server.agent import Agent
from tui_chat.server.journal import JournalFailed
from tui_chat.server.receipts import Receipt
from tui_chat.server.run import Run, thread_created
from tui_chat.server.state import Audience, ServerState
from tui_chat.server.threads import StoredMessage, Thread

__all__ = ["Runs"]

MAX_RUNS: Final = 64
"""Threads of one user that may have a run at the same time."""
MAX_WAITING_CHARS: Final = 8_000_000
"""Characters of one user's messages that are being answered or wait to be."""
MAX_MEDIA_URL: Final = 2048
"""Characters of the address of an attachment."""


class _Refused(Exception):
    """A message cannot be taken in.

    Attributes:
        code: what the client is told, for programs; the text is for people.
    """

    def __init__(self, code: str, sentence: str) -> None:
        super().__init__(sentence)
        self.code = code


@dataclass(slots=True)
class _Lane:
    """The runs of one thread: one at work, the others waiting."""

    waiting: deque[Run | Acknowledgement] = field(default_factory=deque)
    current: Run | Acknowledgement | None = None
    task: asyncio.Task[None] | None = None

    def answers(self, receipt: Receipt) -> bool:
        """Say whether that message is being answered, or waits for it."""
        return any(item.is_of(receipt) for item in (self.current, *self.waiting) if item)


class Runs:
    """All runs of a server.

    Args:
        state: the server's.
        agent: answers the messages.
    """

    def __init__(self, state: ServerState, agent: Agent) -> None:
        self._state = state
        self._agent = agent
        self._lanes: dict[str, _Lane] = {}
        self._busy: Counter[str] = Counter()
        self._waiting_chars: Counter[str] = Counter()
        self._taking_in: dict[str, asyncio.Lock] = {}

    def __len__(self) -> int:
        return len(self._lanes)

    async def submit(self, audience: Audience, message: ChatMessage) -> None:
        """Take in a chat message: open a thread if need be, then run it or let it wait.

        It is committed to the journal before anything is said about it. What is wrong with it goes
        back to the client as an ``error`` frame.
        """
        try:
            # One at a time: a message may come twice, on two connections, while it is committed.
            # What is said about it waits outside, for a client that may not be reading.
            async with self._taking_in.setdefault(audience.user.identity, asyncio.Lock()):
                known = await self._take_in(audience, message)
            if known is not None:
                await self._repeat(audience, known, message)
        except _Refused as refused:
            await refuse(audience, message, refused.code, str(refused))

    async def _take_in(self, audience: Audience, message: ChatMessage) -> Receipt | None:
        """Take in a message; return the receipt instead if it has been taken in before.

        Raises:
            _Refused: if it cannot be taken in.
        """
        owner, message_id = audience.user.identity, message.clientMessageId
        if len(message.content) > self._state.config.max_message_chars:
            raise _Refused("MESSAGE_TOO_LONG", "The message is too long.")
        if len(message.media) > self._state.config.max_media or any(
            len(url) > MAX_MEDIA_URL for url in message.media
        ):
            sentence = (
                f"A message has at most {self._state.config.max_media} attachments, each with an "
                f"address of at most {MAX_MEDIA_URL} characters."
            )
            raise _Refused("TOO_MANY_FILES", sentence)
        if message_id is not UNSET:
            if not 0 < len(message_id) <= MAX_MESSAGE_ID:
                sentence = f"A clientMessageId has 1 to {MAX_MESSAGE_ID} characters."
                raise _Refused("INVALID_MESSAGE_ID", sentence)
            known = self._state.receipts.find(owner, message_id)
            if known is not None:
                return known
        if message.providerResId not in self._lanes and self._busy[owner] >= MAX_RUNS:
            raise _Refused(
                "TOO_MANY_RUNS", "Too many runs are going on at once. Send it again later."
            )
        if self._waiting_chars[owner] + len(message.content) > MAX_WAITING_CHARS:
            raise _Refused(
                "TOO_MANY_RUNS", "Too much is waiting to be answered. Send it again later."
            )
        thread, opened = self._thread(audience, message)
        waiting = self._lanes.get(thread.provider_res_id, _Lane()).waiting
        if len(waiting) >= self._state.config.max_queued_runs:
            raise _Refused(
                "RUN_QUEUE_FULL",
                "Too many messages are waiting in this thread. Send it again later.",
            )
        question = StoredMessage(
            id=str(uuid.uuid4()),
            role="user",
            content=message.content,
            timestamp=format_timestamp(self._state.clock.wall()),
            media=list(message.media) or UNSET,
            client_message_id=message_id,
        )
        receipt, operation = self._state.receipts.keep(thread, question)
        operations = [self._state.threads.row(thread), operation] if opened else [operation]
        try:
            await self._state.journal.commit(*operations)
        except JournalFailed as error:
            self._state.receipts.forget(receipt)
            raise _Refused(error.code, str(error)) from error
        if opened:
            # Not before: a thread that nobody hears of would drive out one that somebody needs.
            self._state.threads.add(thread)
        self._put(audience, thread, message, receipt, opened=opened)
        return None

    def _put(
        self,
        audience: Audience,
        thread: Thread,
        message: ChatMessage,
        receipt: Receipt,
        *,
        opened: bool,
    ) -> None:
        """Let a message be answered when its turn comes."""
        # The headers for MCP servers are secrets nobody here has a use for: they are not kept.
        message = msgspec.structs.replace(message, mcpHeaders=UNSET)
        self._lane(thread).waiting.append(
            Run(self._state, self._agent, audience, thread, message, opened=opened, receipt=receipt)
        )
        self._waiting_chars[thread.owner] += len(message.content)

    def stop(self, owner: str, provider_res_id: str) -> bool:
        """End the run that a thread of this owner is at; say whether there was one."""
        lane = self._lanes.get(provider_res_id)
        if lane is None or self._state.threads.find(owner, provider_res_id) is None:
            return False
        if lane.current is None:
            return False
        lane.current.stop()
        return True

    async def aclose(self) -> None:
        """Cancel all runs and wait, for a second at most, until they are gone."""
        tasks = [lane.task for lane in self._lanes.values() if lane.task is not None]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=1)

    def _thread(self, audience: Audience, message: ChatMessage) -> tuple[Thread, bool]:
        """Return the thread a message goes to, and whether it was opened for it.

        A thread this server does not know (it was restarted, or the thread is somebody else's) is
        replaced by a new one, and the client hears its id: better than a conversation that cannot
        go on.
        """
        owner = audience.user.identity
        if message.providerResId is not UNSET:
            thread = self._state.threads.find(owner, message.providerResId)
            if thread is not None:
                return thread, False
        entity_id, entity_type = audience.entity
        return self._state.threads.new(owner, entity_id=entity_id, entity_type=entity_type), True

    def _lane(self, thread: Thread) -> _Lane:
        """Return the thread's lane, at work from now on.

        Its task takes its first step after the caller has come to its next await, and finds there
        what the caller has put into the lane by then.
        """
        lane = self._lanes.get(thread.provider_res_id)
        if lane is None:
            lane = self._lanes[thread.provider_res_id] = _Lane()
            self._busy[thread.owner] += 1
            lane.task = asyncio.create_task(self._work(thread, lane))
        return lane

    async def _work(self, thread: Thread, lane: _Lane) -> None:
        try:
            while lane.waiting:
                lane.current = lane.waiting.popleft()
                try:
                    await lane.current.complete()
                finally:
                    self._waiting_chars[thread.owner] -= lane.current.weight
        finally:
            self._waiting_chars[thread.owner] -= sum(item.weight for item in lane.waiting)
            lane.current = None
            del self._lanes[thread.provider_res_id]
            self._busy[thread.owner] -= 1

    async def _repeat(self, audience: Audience, known: Receipt, message: ChatMessage) -> None:
        """Acknowledge a message that has been taken in before, the way it was the first time."""
        if message.providerResId != known.provider_res_id:
            await audience.send(
                thread_created(known.provider_res_id, known.thread_id, known.message_id)
            )
        lane = self._lanes.get(known.provider_res_id)
        thread = self._state.threads.find(known.owner, known.provider_res_id)
        if known.finished or thread is None:
            await acknowledge(self._state, audience, known)
        elif lane is None or not lane.answers(known):
            # The server was restarted before its run had ended: the answer is made once more.
            if known.question is not None:
                media = known.question.media
                message = msgspec.structs.replace(
                    message,
                    content=known.question.content,
                    media=[] if media is UNSET else media,
                )
            self._put(audience, thread, message, known, opened=False)
        elif not any(
            isinstance(item, Acknowledgement) and item.is_for(audience, known)
            for item in lane.waiting
        ):
            # One answer is enough, however often a client asks meanwhile.
            lane.waiting.append(Acknowledgement(self._state, audience, known))
