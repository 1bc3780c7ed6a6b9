"""A conversation as data: messages, the changes that build it up, and nothing about any screen.

A message's text is a list of chunks, so that appending a delta costs the delta and not the text
so far. Changes are small values: a reader that keeps its own view of a conversation applies the
same changes and arrives at the same state.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any, Literal

from msgspec import Struct

from tui_chat.conversation.delivery_state import DeliveryState

__all__ = [
    "Change",
    "DeliveryChanged",
    "DeliveryState",
    "Message",
    "MessageAdded",
    "MessageCompleted",
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


class MessageKind(StrEnum):
    """What a message is; each kind looks different."""

    USER = "user"
    ASSISTANT = "assistant"
    REASONING = "reasoning"
    TOOL = "tool"
    SYSTEM = "system"
    ERROR = "error"


class MessageState(StrEnum):
    """Where a message stands.

    For a message of the user this follows from its :class:`DeliveryState`: ``STREAMING`` until the
    first sign that the server works on it, then ``COMPLETE``; ``INTERRUPTED`` while nobody knows
    whether it arrived; ``FAILED`` when it certainly did not; ``STOPPED`` when the user gave it up.
    For a reply: ``INTERRUPTED`` when it was cut off; ``STOPPED`` when its run ended after the user
    had asked for that, and nobody can say how much was still to come.
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
        outbox_id: which item of the outbox a message of the user is; empty for all others.
        delivery: where a message of the user stands; None for all others.
        note: why it stands there, for people; empty if there is nothing to say.
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
    outbox_id: str = ""
    delivery: DeliveryState | None = None
    note: str = ""

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


class DeliveryChanged(Struct, frozen=True):
    """A message of the user stands elsewhere now; ``at`` is epoch seconds, ``note`` says why."""

    message_id: int
    delivery: DeliveryState
    at: float
    note: str = ""


class MessageCompleted(Struct, frozen=True):
    """The server's history had the whole of a message that was cut off; ``text`` is all of it."""

    message_id: int
    text: str
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
    | DeliveryChanged
    | MessageCompleted
    | ThreadChanged
    | RunChanged
    | StopRequested
    | Persisted
)
