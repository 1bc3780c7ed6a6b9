"""From what an agent says to frames on the wire, and to what is kept of it. No I/O.

Servers of this family send text in two shapes, ``content-delta`` and ``provider-event`` with
``text-delta``, and results of server tools in two more. A client has to understand all of them, so
this server uses both: one pair per run, in turns.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any, Literal

from tui_chat.protocol.server_frames import ChatEventData, ChatEventFrame
from tui_chat.server.agent import (
    AgentEvent,
    ReasoningDelta,
    ReasoningEnd,
    ReasoningStart,
    ServerToolCall,
    ServerToolResult,
    Text,
)
from tui_chat.server.threads import StoredMessage, ToolData

__all__ = ["Narration", "TextShape"]

TextShape = Literal["content-delta", "provider-event"]


class _Piece:
    """A message that is still being written."""

    __slots__ = ("chunks", "id", "role", "timestamp", "tool")

    def __init__(self, role: str, timestamp: str, tool: ToolData | None = None) -> None:
        self.id = str(uuid.uuid4())
        self.role = role
        self.timestamp = timestamp
        self.chunks: list[str] = []
        self.tool = tool


class Narration:
    """One run: what it sends and what will be stored.

    Args:
        shape: how text goes over the wire.
        now: returns the time as the wire has it.
    """

    def __init__(self, shape: TextShape, now: Callable[[], str]) -> None:
        self._shape: TextShape = shape
        self._now = now
        self._pieces: list[_Piece] = []
        self._text: _Piece | None = None
        self._reasoning: dict[str, _Piece] = {}
        self._calls: dict[str, _Piece] = {}

    def frame(self, event: AgentEvent) -> ChatEventFrame | None:
        """Take in one event and return the frame that tells the client; None if none does."""
        match event:
            case Text(delta):
                return self._say(delta)
            case ReasoningStart(block):
                self._begin_reasoning(block)
                return _provider(type="reasoning-start", id=block)
            case ReasoningDelta(text, block):
                piece = self._reasoning.get(block) or self._begin_reasoning(block)
                piece.chunks.append(text)
                return _provider(type="reasoning-delta", id=block, text=text)
            case ReasoningEnd(block):
                self._reasoning.pop(block, None)
                return _provider(type="reasoning-end", id=block)
            case ServerToolCall(name, call_id, arguments):
                self.call(call_id, name, arguments)
                return _provider(
                    type="tool-call", toolName=name, toolCallId=call_id, args=arguments
                )
            case ServerToolResult(name, call_id, result):
                self.returned(call_id, name, result)
                event_name = (
                    "latitude-event" if self._shape == "content-delta" else "provider-event"
                )
                return ChatEventFrame(
                    event_name,
                    ChatEventData(
                        type="tool-result", toolName=name, toolCallId=call_id, result=result
                    ),
                )
            case _:
                return None

    def call(self, call_id: str, name: str, arguments: Any) -> None:
        """Note that a tool was called, on either side; it ends the text block before it."""
        tool = ToolData(name, call_id, parameters=arguments, status="processing")
        self._calls[call_id] = self._begin("tooling", tool)
        self._text = None

    def returned(self, call_id: str, name: str, result: Any, *, status: str = "completed") -> None:
        """Note what a tool returned."""
        piece = self._calls.pop(call_id, None)
        if piece is None:
            piece = self._begin("tooling")
            self._text = None
        parameters = piece.tool.parameters if piece.tool else {}
        piece.tool = ToolData(name, call_id, parameters=parameters, result=result, status=status)

    def stored(self) -> list[StoredMessage]:
        """Return the messages of the run so far, in order, empty ones left out."""
        messages: list[StoredMessage] = []
        for piece in self._pieces:
            content = "".join(piece.chunks)
            if piece.tool is not None:
                messages.append(
                    StoredMessage(
                        piece.id, piece.role, content, piece.timestamp, tool_data=piece.tool
                    )
                )
            elif content:
                messages.append(StoredMessage(piece.id, piece.role, content, piece.timestamp))
        return messages

    def _say(self, delta: str) -> ChatEventFrame:
        if self._text is None:
            self._text = self._begin("assistant")
        self._text.chunks.append(delta)
        if self._shape == "content-delta":
            return ChatEventFrame("content-delta", ChatEventData(delta=delta))
        return _provider(type="text-delta", textDelta=delta)

    def _begin_reasoning(self, block: str) -> _Piece:
        self._text = None
        self._reasoning[block] = self._begin("reasoning")
        return self._reasoning[block]

    def _begin(self, role: str, tool: ToolData | None = None) -> _Piece:
        piece = _Piece(role, self._now(), tool)
        self._pieces.append(piece)
        return piece


def _provider(**data: Any) -> ChatEventFrame:
    return ChatEventFrame("provider-event", ChatEventData(**data))
