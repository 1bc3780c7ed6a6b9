"""What a client sends over the WebSocket.

The field order of each structure is the key order on the wire. A field that may be absent is
``UNSET`` by default: an unset key is left out, never sent as null.
"""

from __future__ import annotations

from typing import Any

from msgspec import UNSET, Raw, Struct, UnsetType

__all__ = [
    "ChatMessage",
    "ClientFrame",
    "ConfigureTools",
    "HeartbeatPing",
    "HeartbeatPong",
    "JsonObject",
    "StopRun",
    "ToolCallResponse",
    "UpdateContextHelpers",
    "UpdateTools",
]

JsonObject = dict[str, Any]


class _ClientFrame(Struct, frozen=True, tag_field="type"):
    """Base of the frames below; the ``type`` key comes first."""


class ChatMessage(_ClientFrame, frozen=True, tag="chat_message"):
    """One message of the user.

    Attributes:
        content: the text.
        media: URLs of uploads.
        providerResId: the thread; without it the server opens one and says so.
        mcpHeaders: per MCP server, header names and values. The values are secrets.
        clientMessageId: only for servers that announce ``client_message_id``.
    """

    content: str
    media: list[str] = []
    providerResId: str | UnsetType = UNSET
    mcpHeaders: dict[str, dict[str, str]] | UnsetType = UNSET
    clientMessageId: str | UnsetType = UNSET


class ConfigureTools(_ClientFrame, frozen=True, tag="configure_tools"):
    """The client's tools, components and context, once per session before anything else."""

    toolSchemas: list[JsonObject]
    generativeComponents: list[JsonObject] | UnsetType = UNSET
    contextHelpers: JsonObject = {}


class UpdateTools(_ClientFrame, frozen=True, tag="update_tools"):
    """The full list of tools after a change on a running session."""

    toolSchemas: list[JsonObject]
    generativeComponents: list[JsonObject] | UnsetType = UNSET


class UpdateContextHelpers(_ClientFrame, frozen=True, tag="update_context_helpers"):
    """The full merged context after a change on a running session."""

    contextHelpers: JsonObject


class ToolCallResponse(_ClientFrame, frozen=True, tag="tool_call_response"):
    """The one answer to a ``tool_call_request``: a result (any JSON, null included) or an error."""

    callId: str
    result: Any = UNSET
    error: str | UnsetType = UNSET


class HeartbeatPing(_ClientFrame, frozen=True, tag="heartbeat_ping"):
    """An application-level ping; ``pingTime`` is epoch milliseconds."""

    timestamp: str
    pingTime: int


class HeartbeatPong(_ClientFrame, frozen=True, tag="heartbeat_pong"):
    """The answer to the server's ping, echoing what it carried byte for byte."""

    timestamp: str
    originalTimestamp: Raw | UnsetType = UNSET
    pingTime: Raw | UnsetType = UNSET


class StopRun(_ClientFrame, frozen=True, tag="stop_run"):
    """Asks the server to end the run of a thread; the id is the thread's providerResId."""

    conversationUuid: str


ClientFrame = (
    ChatMessage
    | ConfigureTools
    | UpdateTools
    | UpdateContextHelpers
    | ToolCallResponse
    | HeartbeatPing
    | HeartbeatPong
    | StopRun
)
