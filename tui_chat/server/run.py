"""One run: a message, the agent's answer to it, and what the client hears of both."""

from __future__ import annotations

import asyncio
import itertools
import logging
from collections.abc import AsyncGenerator, Mapping
from typing import Any

import msgspec
from msgspec import UnsetType

from tui_chat.protocol.client_frames import ChatMessage
from tui_chat.protocol.server_frames import (
    AuthenticationError,
    ChatFinished,
    FinishedData,
    MessagesPersisted,
    PersistedData,
    ThreadCreated,
    ThreadData,
    ToolCallRequest,
)
from tui_chat.protocol.timestamps import format_timestamp
from tui_chat.server.acknowledgement import run_failed
from tui_chat.server.agent import (
    Agent,
    AgentEvent,
    ClientToolError,
    DropConnection,
    ExpireTickets,
    Failure,
    Turn,
    Unavailable,
)
from tui_chat.server.journal import JournalFailed
from tui_chat.server.narration import Narration
from tui_chat.server.receipts import Receipt
from tui_chat.server.state import Audience, ServerState
from tui_chat.server.threads import StoredMessage, Thread
from tui_chat.server.tool_calls import result_of

__all__ = ["Run", "thread_created", "thread_path"]

_log = logging.getLogger("tui_chat.server")


class _Failed(Exception):
    """The agent said that it cannot go on."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.message)
        self.failure = failure


class Run:
    """One message on its way through the agent.

    Args:
        state: the server's.
        agent: answers the message.
        audience: the session that sent it and hears the answer.
        thread: where it belongs.
        opened: whether the thread was opened for it; then the client hears its id first.
        message: what the client sent.
        receipt: says what became of it.
    """

    def __init__(
        self,
        state: ServerState,
        agent: Agent,
        audience: Audience,
        thread: Thread,
        message: ChatMessage,
        *,
        opened: bool,
        receipt: Receipt,
    ) -> None:
        self._state = state
        self._agent = agent
        self._audience = audience
        self._thread = thread
        self._message = message
        self._opened = opened
        self._receipt = receipt
        self._narration = Narration(state.next_shape(), self._now)
        self._driving: asyncio.Task[None] | None = None
        self._drop: DropConnection | None = None
        self._stopped = False
        self._history: tuple[StoredMessage, ...] = ()

    def is_of(self, receipt: Receipt) -> bool:
        """Say whether it answers that message."""
        return self._receipt is receipt

    @property
    def weight(self) -> int:
        """Characters of the message it answers."""
        return len(self._message.content)

    def stop(self) -> None:
        """End the run as if the agent had come to its end; what was said so far is kept."""
        self._stopped = True
        if self._driving is not None:
            self._driving.cancel()

    async def complete(self) -> None:
        """Let the agent answer, store question and answer, tell the client."""
        audience, thread, message_id = self._audience, self._thread, self._message.clientMessageId
        if self._opened:
            await audience.send(thread_created(thread.provider_res_id, thread.id, message_id))
        question = self._ask()
        failure = await self._answer()
        with self._state.journal.together():
            self._state.threads.answer(thread, question.id, self._narration.stored())
            self._state.receipts.finished(self._receipt)
        kept = await self._kept()
        if not kept:
            failure = Failure("STORAGE", "The server cannot keep the answer right now.")
        if failure is None:
            details = FinishedData(thread.id, len(thread.messages), message_id)
            await audience.send(ChatFinished(uuid=thread.provider_res_id, data=details))
        else:
            await audience.send(run_failed(failure, message_id))
        if kept:
            await audience.send(
                MessagesPersisted(PersistedData(thread.id, thread.provider_res_id, message_id))
            )
        if self._drop is not None:
            await self._drop_audience(self._drop)

    def _ask(self) -> StoredMessage:
        """Let the question stand in the thread, unless it does from before a restart."""
        question = self._receipt.question
        assert question is not None  # noqa: S101 - that of an unfinished message is there
        if not self._receipt.asked:
            question = msgspec.structs.replace(question, timestamp=self._now())
            with self._state.journal.together():
                self._state.threads.append(self._thread, [question])
                self._state.receipts.asked(self._receipt)
        self._history = tuple(
            itertools.takewhile(lambda message: message.id != question.id, self._thread.messages)
        )
        return question

    async def _kept(self) -> bool:
        """Return whether question and answer are committed."""
        try:
            await self._state.journal.commit()
        except JournalFailed:
            return False
        return True

    async def _answer(self) -> Failure | None:
        """Drive the agent to its end, whatever that is; return what went wrong, if anything."""
        driving = self._driving = asyncio.create_task(self._drive())
        if self._stopped:  # before it could begin
            driving.cancel()
        try:
            # wait() neither cancels the task nor raises what it raised, unlike wait_for().
            await asyncio.wait({driving}, timeout=self._state.config.run_timeout)
            timed_out = not driving.done()
        finally:
            driving.cancel()
            # An agent that swallows the cancellation must not hold up the thread for ever.
            await asyncio.wait({driving}, timeout=1)
        if timed_out:
            return Failure("RUN_TIMEOUT", "The answer took too long and was given up.")
        if driving.cancelled():
            return None if self._stopped else Failure("RUN_CANCELLED", "The run was cancelled.")
        error = driving.exception()
        if error is None:
            return None
        if isinstance(error, _Failed):
            return error.failure
        _log.error("the agent failed", exc_info=error)
        return Failure("AGENT_FAILED", "The agent failed. The server's log says why.")

    async def _drive(self) -> None:
        audience = self._audience
        turn = Turn(
            text=self._message.content,
            media=tuple(self._message.media),
            history=self._history,
            context=dict(audience.context),
            tools=tuple(audience.tools.values()),
            connection=audience.facts(),
            user_name=audience.user.name,
            client_tool=self._call_client_tool,
        )
        events = self._agent.run(turn)
        # An async generator is closed here and now, with its finally blocks, not by the collector.
        try:
            async for event in events:
                await self._take(event)
                # Sending need not wait, and an agent may not wait either: without this, one that
                # has much to say would stop everybody else, and could not be stopped itself.
                await asyncio.sleep(0)
        finally:
            if isinstance(events, AsyncGenerator):
                await events.aclose()

    async def _take(self, event: AgentEvent) -> None:
        frame = self._narration.frame(event)
        if frame is not None:
            await self._audience.send(frame)
            return
        match event:
            case Failure():
                raise _Failed(event)
            case ExpireTickets():
                self._state.tickets.expire(self._audience.user.identity)
            case Unavailable(seconds):
                self._state.maintenance.begin(seconds, self._audience.user.identity)
            case DropConnection():
                if event.at_once:
                    await self._drop_audience(event)
                else:
                    self._drop = event
            case _:
                raise TypeError(f"not an agent event: {type(event).__name__}")

    async def _drop_audience(self, drop: DropConnection) -> None:
        if drop.error_code:
            sentence = drop.reason or "The session has ended."
            await self._audience.send(AuthenticationError(error=sentence, code=drop.error_code))
        await self._audience.drop(drop.code, drop.reason)

    async def _call_client_tool(self, name: str, arguments: Mapping[str, Any]) -> Any:
        if name not in self._audience.tools:
            raise ClientToolError("NOT_OFFERED", f"The client offers no tool named {name}.")
        parameters = dict(arguments)
        call_id, answer = self._state.tool_calls.open(self._audience.user.identity)
        self._narration.call(call_id, name, parameters)
        await self._audience.send(ToolCallRequest(call_id, name, parameters))
        try:
            result = await result_of(answer, self._state.config.tool_timeout)
        except ClientToolError as error:
            self._narration.returned(call_id, name, str(error), status="error")
            raise
        self._narration.returned(call_id, name, result)
        return result

    def _now(self) -> str:
        return format_timestamp(self._state.clock.wall())


def thread_path(provider_res_id: str) -> str:
    """Return where the metadata of a thread can be changed; ids need no escaping (base64url)."""
    return f"/api/v1/threads/{provider_res_id}"


def thread_created(
    provider_res_id: str, thread_id: str, message_id: str | UnsetType
) -> ThreadCreated:
    """Return the frame that tells a client the id of its thread."""
    return ThreadCreated(
        ThreadData(
            providerResId=provider_res_id,
            threadId=thread_id,
            canUpdateMetadata=True,
            updateEndpoint=thread_path(provider_res_id),
            clientMessageId=message_id,
        )
    )
