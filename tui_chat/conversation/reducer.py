"""The only place that knows what a wire event means for a conversation.

Every function here is pure: it looks at the conversation and returns the changes, oldest first;
:meth:`Conversation.apply` carries them out. Times are passed in, epoch seconds.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from msgspec import UNSET

from tui_chat.conversation.conversation import Conversation
from tui_chat.conversation.model import (
    Change,
    DeliveryState,
    Message,
    MessageAdded,
    MessageFinished,
    MessageKind,
    MessageState,
    Persisted,
    RunChanged,
    TextAppended,
    ThreadChanged,
    ToolCall,
    ToolUpdated,
)
from tui_chat.protocol.codec import error_text
from tui_chat.protocol.server_frames import (
    ChatError,
    ChatEventData,
    ChatEventFrame,
    ChatFinished,
    ErrorFrame,
    MessagesPersisted,
    ServerFrame,
    ThreadCreated,
    ToolCallRequest,
)
from tui_chat.text import one_line

__all__ = ["interrupt", "reduce", "tool_answered", "user_sent"]

DEFAULT_BLOCK: Final = "reasoning"
"""What a reasoning block without an id is called (the protocol's rule)."""

MAX_THREAD_ID: Final = 1_000
"""Characters; a longer name of a thread is ignored, since it would go out with every message."""

_PROVIDER_EVENTS: Final = frozenset({"provider-event", "latitude-event"})


def reduce(conversation: Conversation, frame: ServerFrame, now: float) -> list[Change]:
    """Return what a frame from the server changes; nothing for frames that are not about it."""
    if isinstance(frame, ChatEventFrame):
        # Straight to by far the commonest of all frames: a piece of the text that is open.
        if (
            frame.event == "content-delta"
            and (open_text := conversation.open_text) is not None
            and (delta := frame.data.delta)
        ):
            return [TextAppended(open_text, delta)]
        return _chat_event(conversation, frame, now)
    match frame:
        case ChatFinished():
            return _finish_run(conversation, now)
        case ChatError():
            ended = _end_run(conversation, MessageState.INTERRUPTED, now)
            return [*ended, _error(conversation.next_id, frame, now)]
        case ErrorFrame():
            return [_error(conversation.next_id, frame, now)]
        case ThreadCreated():
            thread = frame.data.providerResId
            if not 0 < len(thread) <= MAX_THREAD_ID:
                return []
            return [ThreadChanged(thread)]
        case MessagesPersisted():
            return [Persisted(conversation.next_id - 1)]
        case ToolCallRequest():
            return _client_tool(conversation, frame, now)
        case _:
            return []


def user_sent(
    conversation: Conversation, text: str, now: float, *, outbox_id: str = ""
) -> list[Change]:
    """Return what the first writing of a message of the user changes.

    Where it stands from then on is told by ``DeliveryChanged``; no frame here has a say in it.
    """
    message = Message(
        conversation.next_id,
        MessageKind.USER,
        now,
        [text],
        state=MessageState.STREAMING,
        outbox_id=outbox_id,
        delivery=DeliveryState.WRITTEN,
    )
    return [MessageAdded(message), RunChanged(True)]


def tool_answered(
    conversation: Conversation, call_id: str, now: float, *, result: Any = None, error: str | None
) -> list[Change]:
    """Return what the end of a client tool changes."""
    message = conversation.call(call_id)
    if message is None or message.tool is None:
        return []
    tool = ToolCall(
        call_id, message.tool.name, message.tool.side, message.tool.arguments, result, error
    )
    state = MessageState.COMPLETE if error is None else MessageState.FAILED
    return [ToolUpdated(message.id, tool, state, now)]


def interrupt(conversation: Conversation, now: float) -> list[Change]:
    """Return what the loss of the connection changes: whatever was going on is marked.

    Client tools go on; their answer is sent on the next session.
    """
    changes: list[Change] = [
        MessageFinished(message.id, MessageState.INTERRUPTED, now)
        for message in conversation.streaming
        if message.tool is None or message.tool.side == "server"
    ]
    if conversation.running:
        changes.append(RunChanged(False))
    return changes


def _chat_event(conversation: Conversation, frame: ChatEventFrame, now: float) -> list[Change]:
    data, kind = frame.data, frame.data.type
    # Text first: in a long reply nearly every frame is a piece of it.
    if frame.event == "content-delta":
        return _text(conversation, data.delta, now)
    if kind == "text-delta":
        return _text(conversation, data.textDelta, now)
    if frame.event not in _PROVIDER_EVENTS:
        return []
    match kind:
        case "reasoning-start":
            return _reasoning(conversation, data, "", now)
        case "reasoning-delta":
            return _reasoning(conversation, data, data.text if data.text is not UNSET else "", now)
        case "reasoning-end":
            block = conversation.open_block(_block_id(data))
            return [MessageFinished(block.id, MessageState.COMPLETE, now)] if block else []
        case "tool-call":
            return _server_tool(conversation, data, now)
        case "tool-result":
            return _server_result(conversation, data, now)
        case _:
            return []


def _text(conversation: Conversation, text: Any, now: float) -> list[Change]:
    if not text:  # absent or empty
        return []
    if (open_text := conversation.open_text) is not None:
        return [TextAppended(open_text, text)]
    # Text always comes as TextAppended, also the first piece: who prints it needs to know no more.
    message = Message(
        conversation.next_id, MessageKind.ASSISTANT, now, state=MessageState.STREAMING
    )
    return [
        *_begin(conversation, now),
        MessageAdded(message),
        TextAppended(message.id, text),
    ]


def _reasoning(
    conversation: Conversation, data: ChatEventData, text: str, now: float
) -> list[Change]:
    block_id = _block_id(data)
    if (block := conversation.open_block(block_id)) is not None:
        return [TextAppended(block.id, text)] if text else []
    message = Message(
        conversation.next_id,
        MessageKind.REASONING,
        now,
        state=MessageState.STREAMING,
        block=block_id,
    )
    changes = [*_begin(conversation, now), *_end_text(conversation, now), MessageAdded(message)]
    return [*changes, TextAppended(message.id, text)] if text else changes


def _server_tool(conversation: Conversation, data: ChatEventData, now: float) -> list[Change]:
    call_id, name = _call(data)
    arguments = None if data.args is UNSET else data.args
    known = conversation.call(call_id) if call_id else None
    if known is not None and known.tool is not None:
        if known.state is not MessageState.STREAMING:
            return []
        tool = ToolCall(call_id, known.tool.name, known.tool.side, arguments)
        return [ToolUpdated(known.id, tool, MessageState.STREAMING, now)]
    tool = ToolCall(call_id, name, "server", arguments)
    return _add_tool(conversation, tool, MessageState.STREAMING, now)


def _server_result(conversation: Conversation, data: ChatEventData, now: float) -> list[Change]:
    call_id, name = _call(data)
    result = None if data.result is UNSET else data.result
    known = conversation.call(call_id) if call_id else None
    if known is not None and known.tool is not None:
        # Servers of this family may report one result under both events.
        if known.state is not MessageState.STREAMING:
            return []
        tool = ToolCall(call_id, known.tool.name, known.tool.side, known.tool.arguments, result)
        return [ToolUpdated(known.id, tool, MessageState.COMPLETE, now)]
    tool = ToolCall(call_id, name, "server", None, result)
    return _add_tool(conversation, tool, MessageState.COMPLETE, now)


def _client_tool(conversation: Conversation, frame: ToolCallRequest, now: float) -> list[Change]:
    if conversation.call(frame.callId) is not None:
        return []
    arguments = None if frame.parameters is UNSET else frame.parameters
    tool = ToolCall(frame.callId, one_line(frame.toolName, 100), "client", arguments)
    return _add_tool(conversation, tool, MessageState.STREAMING, now)


def _add_tool(
    conversation: Conversation, tool: ToolCall, state: MessageState, now: float
) -> list[Change]:
    finished = None if state is MessageState.STREAMING else now
    message = Message(
        conversation.next_id, MessageKind.TOOL, now, state=state, finished=finished, tool=tool
    )
    return [*_begin(conversation, now), *_end_text(conversation, now), MessageAdded(message)]


def _error(message_id: int, frame: ChatError | ErrorFrame, now: float) -> Change:
    code = ""
    if frame.data and frame.data.errorCode is not UNSET:
        code = one_line(frame.data.errorCode, 64)
    text = error_text(frame.error) or "The server reported an error without saying which."
    return MessageAdded(
        Message(message_id, MessageKind.ERROR, now, [text], finished=now, code=code)
    )


def _begin(conversation: Conversation, now: float) -> Iterable[Change]:
    """Something new begins: there must be room for it.

    It does not mean that a run is going on: a late piece of one that has ended comes this way too,
    and nothing would ever end that run.
    """
    if (oldest := conversation.oldest_open) is not None:
        yield MessageFinished(oldest.id, MessageState.INTERRUPTED, now)


def _end_text(conversation: Conversation, now: float) -> Iterable[Change]:
    """A reasoning or tool event ends the text before it."""
    if (open_text := conversation.open_text) is not None:
        yield MessageFinished(open_text, MessageState.COMPLETE, now)


def _finish_run(conversation: Conversation, now: float) -> list[Change]:
    """End the run in good order; if the user stopped it, something says so."""
    if not conversation.stopping:
        return _end_run(conversation, MessageState.COMPLETE, now)
    changes = _end_run(conversation, MessageState.STOPPED, now)
    if not any(isinstance(c, MessageFinished) and c.state is MessageState.STOPPED for c in changes):
        # Between two blocks, or before the first one: there is no text that could be marked.
        text = "Stopped before there was more of a reply."
        note = Message(conversation.next_id, MessageKind.SYSTEM, now, [text], finished=now)
        changes.insert(0, MessageAdded(note))
    return changes


def _end_run(conversation: Conversation, state: MessageState, now: float) -> list[Change]:
    """Finish whatever the run left open; client tools still owe the server an answer."""
    changes: list[Change] = []
    for message in conversation.streaming:
        if message.tool is not None and message.tool.side == "client":
            continue
        changes.append(MessageFinished(message.id, state, now))
    if conversation.running:
        changes.append(RunChanged(False))
    return changes


def _block_id(data: ChatEventData) -> str:
    """The block's name; servers use numbers and texts, and anything else is one block."""
    if isinstance(data.id, str):
        return one_line(data.id, 100)
    if isinstance(data.id, int | float) and abs(data.id) < 1e15:
        return str(data.id)
    return DEFAULT_BLOCK


def _call(data: ChatEventData) -> tuple[str, str]:
    """The call's id, used as it is, and the tool's name, cleaned."""
    call_id = data.toolCallId if data.toolCallId is not UNSET else ""
    name = one_line(data.toolName, 100) if data.toolName is not UNSET else ""
    return call_id, name or "tool"
