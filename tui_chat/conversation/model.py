"""A conversation as data: messages, the changes that build it up, and nothing about any screen.

A message's text is a list of chunks, so that appending a delta costs the delta and not the text
so far. Changes are small values: a reader that keeps its own view of a conversation applies the
same changes and arrives at the same state.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any, Final, Literal

from msgspec import Struct

__all__ = [
    "Change",
    "Conversation",
    "Message",
    "MessageAdded",
    "MessageFinished",
    "MessageKind",
    "MessageState",
    "Persisted",
    "RunChanged",
    "StopRequested",
    "TextAppended",
    "ThreadChanged",
    "ToolCall",
    "ToolUpdated",
]


MAX_OPEN: Final = 256
"""Messages that may be unfinished at the same time; a server that opens more has its oldest one
ended."""


class MessageKind(StrEnum):
    """What a message is; each kind looks different."""

    USER = "user"
    ASSISTANT = "assistant"
    REASONING = "reasoning"
    TOOL = "tool"
    SYSTEM = "system"
    ERROR = "error"


class MessageState(StrEnum):
    """Where a message stands; all but ``STREAMING`` are final.

    For a message of the user: ``STREAMING`` until the first sign that the server works on it, then
    ``COMPLETE``; ``INTERRUPTED`` when the connection was lost before that, so that nobody knows
    whether it arrived; ``FAILED`` when it certainly did not. For a reply: ``STOPPED`` when its run
    ended after the user had asked for that; nobody can say how much was still to come.
    """

    STREAMING = "streaming"
    COMPLETE = "complete"
    INTERRUPTED = "interrupted"
    FAILED = "failed"
    STOPPED = "stopped"


@dataclass(slots=True)
class ToolCall:
    """A tool call, on the server or in this client.

    Attributes:
        call_id: the server's id of the call.
        name: the tool's name.
        side: where it runs.
        arguments: JSON value it was called with; None when the server did not say.
        result: JSON value it returned, valid when the message is complete.
        error: what went wrong, for people; None if nothing did.
    """

    call_id: str
    name: str
    side: Literal["server", "client"]
    arguments: Any = None
    result: Any = None
    error: str | None = None


@dataclass(slots=True)
class Message:
    """One message.

    Attributes:
        id: unique and rising within one conversation; never reused.
        kind: what it is.
        created: epoch seconds by this machine's wall clock.
        chunks: the text, in pieces; ``text`` joins them.
        state: where it stands.
        finished: when it left ``STREAMING``, epoch seconds; None while it streams.
        block: the server's id of a reasoning block, empty otherwise.
        tool: the call, for messages of kind ``TOOL``.
        code: a machine-readable error code, for messages of kind ``ERROR``.
        persisted: whether the server said that it has stored this message.
    """

    id: int
    kind: MessageKind
    created: float
    chunks: list[str] = field(default_factory=list)
    state: MessageState = MessageState.COMPLETE
    finished: float | None = None
    block: str = ""
    tool: ToolCall | None = None
    code: str = ""
    persisted: bool = False

    @property
    def text(self) -> str:
        """The whole text. Joins the chunks, and keeps them joined."""
        if len(self.chunks) > 1:
            self.chunks[:] = ["".join(self.chunks)]
        return self.chunks[0] if self.chunks else ""

    def copy(self) -> Message:
        """Return a copy that later changes to this message do not reach."""
        return replace(
            self,
            chunks=list(self.chunks),
            tool=None if self.tool is None else replace(self.tool),
        )

    @property
    def duration(self) -> float | None:
        """Seconds from creation to the end, None while it streams or when nobody measured it."""
        return None if self.finished is None else max(self.finished - self.created, 0.0)


# -- changes --------------------------------------------------------------------------------------
# Structures, not dataclasses: a frozen dataclass costs five times as much to make, and a reply is
# made of many thousands of these.


class MessageAdded(Struct, frozen=True):
    """A new message at the end of the conversation."""

    message: Message


class TextAppended(Struct, frozen=True, gc=False):  # holds nothing that could refer to it
    """More text for a message that streams."""

    message_id: int
    text: str


class MessageFinished(Struct, frozen=True):
    """A message has left ``STREAMING``; ``at`` is epoch seconds."""

    message_id: int
    state: MessageState
    at: float


class ToolUpdated(Struct, frozen=True):
    """A tool call has come to its end, or its arguments are known now."""

    message_id: int
    tool: ToolCall
    state: MessageState
    at: float


class ThreadChanged(Struct, frozen=True):
    """The server named the thread; this id is used from now on."""

    provider_res_id: str


class RunChanged(Struct, frozen=True):
    """A run began, or ended."""

    running: bool


class StopRequested(Struct, frozen=True):
    """The user asked for the end of the run; the server does not say why a run has ended."""


class Persisted(Struct, frozen=True):
    """Everything up to this message is stored on the server."""

    up_to: int


Change = (
    MessageAdded
    | TextAppended
    | MessageFinished
    | ToolUpdated
    | ThreadChanged
    | RunChanged
    | StopRequested
    | Persisted
)


# -- the conversation -----------------------------------------------------------------------------


class Conversation:
    """Messages in order, and the little state that a run needs.

    Attributes:
        thread_id: the server's name for the thread (``providerResId``); None before it said so.
        running: whether a run is going on.
        stopping: whether the user has asked for its end.
    """

    def __init__(self, thread_id: str | None = None) -> None:
        self.thread_id = thread_id
        self.running = False
        self.stopping = False
        self._messages: dict[int, Message] = {}
        self._streaming: dict[int, Message] = {}
        self._calls: dict[str, int] = {}
        self._open_text: int | None = None
        self._open_blocks: dict[str, int] = {}
        self._unconfirmed: dict[int, Message] = {}
        self._next_id = 1
        self._persisted_up_to = 0

    def __len__(self) -> int:
        return len(self._messages)

    def __iter__(self) -> Iterator[Message]:
        return iter(self._messages.values())

    def __getitem__(self, message_id: int) -> Message:
        return self._messages[message_id]

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
    def unconfirmed(self) -> tuple[Message, ...]:
        """The user's messages of which the server has given no sign yet."""
        return tuple(self._unconfirmed.values())

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
            case ToolUpdated(message_id, tool, state, at):
                if (found := self._messages.get(message_id)) is not None:
                    found.tool = tool
                    if state is not MessageState.STREAMING:
                        self._finish(message_id, state, at)
            case ThreadChanged(provider_res_id):
                self.thread_id = provider_res_id
            case RunChanged(running):
                self.running = running
                self.stopping = False
            case StopRequested():
                self.stopping = self.running
            case Persisted(up_to):
                self._persist(up_to)

    def _add(self, message: Message) -> None:
        self._messages[message.id] = message
        self._next_id = max(self._next_id, message.id + 1)
        if message.state is MessageState.STREAMING:
            self._streaming[message.id] = message
            match message.kind:
                case MessageKind.ASSISTANT:
                    self._open_text = message.id
                case MessageKind.REASONING:
                    self._open_blocks[message.block] = message.id
                case MessageKind.USER:
                    self._unconfirmed[message.id] = message
                case _:
                    pass
        if message.tool is not None:
            self._calls[message.tool.call_id] = message.id

    def _finish(self, message_id: int, state: MessageState, at: float) -> None:
        if message_id == self._open_text:
            self._open_text = None
        self._unconfirmed.pop(message_id, None)
        if (message := self._streaming.pop(message_id, None)) is not None:
            message.state = state
            message.finished = at
            if self._open_blocks.get(message.block) == message_id:
                del self._open_blocks[message.block]

    def _persist(self, up_to: int) -> None:
        for message_id in range(self._persisted_up_to + 1, up_to + 1):
            if (message := self._messages.get(message_id)) is not None:
                message.persisted = True
        self._persisted_up_to = max(self._persisted_up_to, up_to)
