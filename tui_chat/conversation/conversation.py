"""A conversation: messages in order, and the changes that build it up carried out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from tui_chat.conversation.model import (
    Change,
    DeliveryChanged,
    DeliveryState,
    Message,
    MessageAdded,
    MessageCompleted,
    MessageFinished,
    MessageKind,
    MessageState,
    Persisted,
    RunChanged,
    StopRequested,
    TextAppended,
    ThreadChanged,
    ToolUpdated,
)

__all__ = ["MAX_OPEN", "Conversation"]

MAX_OPEN: Final = 256
"""Messages that may be unfinished at the same time; a server that opens more has its oldest one
ended."""

_BY_DELIVERY: Final = {
    DeliveryState.QUEUED: MessageState.STREAMING,
    DeliveryState.WRITTEN: MessageState.STREAMING,
    DeliveryState.RECEIVED: MessageState.COMPLETE,
    DeliveryState.PERSISTED: MessageState.COMPLETE,
    DeliveryState.UNKNOWN: MessageState.INTERRUPTED,
    DeliveryState.FAILED: MessageState.FAILED,
    DeliveryState.DISCARDED: MessageState.STOPPED,
}


class Conversation:
    """Messages in order, and the little state that a run needs.

    Args:
        thread_id: the server's name for the thread, if it is known from before.
        messages: those that are known from before, oldest first; they belong to the conversation.

    Attributes:
        thread_id: the server's name for the thread (``providerResId``); None before it said so.
        began_here: whether the thread, where it has one, was opened for this conversation; then
            nothing was said in it before.
        running: whether a run is going on.
        stopping: whether the user has asked for its end.
    """

    def __init__(self, thread_id: str | None = None, messages: Iterable[Message] = ()) -> None:
        self.thread_id = thread_id
        self.began_here = thread_id is None
        self.running = False
        self.stopping = False
        self._messages: dict[int, Message] = {}
        self._streaming: dict[int, Message] = {}
        self._calls: dict[str, int] = {}
        self._open_text: int | None = None
        self._open_blocks: dict[str, int] = {}
        self._next_id = 1
        self._persisted_up_to = 0
        for message in messages:
            self._add(message)

    def __len__(self) -> int:
        return len(self._messages)

    def __iter__(self) -> Iterator[Message]:
        return iter(self._messages.values())

    def __getitem__(self, message_id: int) -> Message:
        return self._messages[message_id]

    def get(self, message_id: int) -> Message | None:
        """Return a message, None if there is none of that id."""
        return self._messages.get(message_id)

    @property
    def next_id(self) -> int:
        """The id that the next message gets."""
        return self._next_id

    @property
    def last(self) -> Message | None:
        """The newest message."""
        return next(reversed(self._messages.values()), None)

    @property
    def streaming(self) -> tuple[Message, ...]:
        """The messages that are not finished, oldest first."""
        return tuple(self._streaming.values())

    @property
    def open_text(self) -> int | None:
        """The id of the assistant's text that further text belongs to, None if there is none."""
        return self._open_text

    @property
    def oldest_open(self) -> Message | None:
        """The oldest unfinished message if there are as many as may be, else None."""
        if len(self._streaming) < MAX_OPEN:
            return None
        return next(iter(self._streaming.values()))

    def open_block(self, block: str) -> Message | None:
        """The reasoning block of that name that still streams."""
        message_id = self._open_blocks.get(block)
        return None if message_id is None else self._streaming.get(message_id)

    def call(self, call_id: str) -> Message | None:
        """The tool message of a call."""
        message_id = self._calls.get(call_id)
        return None if message_id is None else self._messages[message_id]

    def apply(self, change: Change) -> None:
        """Carry out one change. Changes for messages that do not exist are ignored."""
        if isinstance(change, TextAppended):  # by far the most frequent
            if (open_message := self._streaming.get(change.message_id)) is not None:
                open_message.chunks.append(change.text)
            return
        match change:
            case MessageAdded(message):
                self._add(message)
            case MessageFinished(message_id, state, at):
                self._finish(message_id, state, at)
            case ToolUpdated():
                self._update_tool(change)
            case DeliveryChanged():
                self._deliver(change)
            case MessageCompleted():
                self._complete(change)
            case ThreadChanged(provider_res_id):
                self.thread_id = provider_res_id
            case _:
                self._apply_to_run(change)

    def _apply_to_run(self, change: RunChanged | StopRequested | Persisted) -> None:
        match change:
            case RunChanged(running):
                self.running = running
                self.stopping = False
            case StopRequested():
                self.stopping = self.running
            case Persisted(up_to):
                self._persist(up_to)

    def _update_tool(self, change: ToolUpdated) -> None:
        if (message := self._messages.get(change.message_id)) is None:
            return
        message.tool = change.tool
        if change.state is not MessageState.STREAMING:
            self._finish(change.message_id, change.state, change.at)
            # Also one that was cut off, of which the history has the result.
            message.state, message.finished = change.state, change.at

    def _add(self, message: Message) -> None:
        self._messages[message.id] = message
        self._next_id = max(self._next_id, message.id + 1)
        if message.state is MessageState.STREAMING and message.delivery is None:
            self._streaming[message.id] = message
            match message.kind:
                case MessageKind.ASSISTANT:
                    self._open_text = message.id
                case MessageKind.REASONING:
                    self._open_blocks[message.block] = message.id
                case _:
                    pass
        if message.tool is not None:
            self._calls[message.tool.call_id] = message.id

    def _finish(self, message_id: int, state: MessageState, at: float) -> None:
        if message_id == self._open_text:
            self._open_text = None
        if (message := self._streaming.pop(message_id, None)) is not None:
            message.state = state
            message.finished = at
            if self._open_blocks.get(message.block) == message_id:
                del self._open_blocks[message.block]

    def _deliver(self, change: DeliveryChanged) -> None:
        if (message := self._messages.get(change.message_id)) is None or message.delivery is None:
            return
        message.delivery = change.delivery
        message.note = change.note
        message.state = _BY_DELIVERY[change.delivery]
        message.finished = None if message.state is MessageState.STREAMING else change.at
        message.persisted = change.delivery is DeliveryState.PERSISTED

    def _complete(self, change: MessageCompleted) -> None:
        if (message := self._messages.get(change.message_id)) is None:
            return
        self._finish(change.message_id, MessageState.COMPLETE, change.at)
        message.chunks[:] = [change.text]
        message.state = MessageState.COMPLETE
        message.finished = change.at

    def _persist(self, up_to: int) -> None:
        for message_id in range(self._persisted_up_to + 1, up_to + 1):
            message = self._messages.get(message_id)
            if message is not None and message.delivery is None:
                message.persisted = True
        self._persisted_up_to = max(self._persisted_up_to, up_to)
