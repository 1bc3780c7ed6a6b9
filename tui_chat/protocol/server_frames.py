"""What a server sends over the WebSocket.

Fields that a server may leave out have a default, so that one missing detail does not cost the
frame; a field without which the frame means nothing is required. Unknown fields are ignored.
"""

from __future__ import annotations

from typing import Any

from msgspec import UNSET, Raw, Struct, UnsetType

from tui_chat.protocol.client_frames import JsonObject

__all__ = [
    "AuthenticationError",
    "ChatError",
    "ChatEventData",
    "ChatEventFrame",
    "ChatFinished",
    "ClientToolsUpdated",
    "ConfigurationRequest",
    "ErrorDetails",
    "ErrorFrame",
    "FinishedData",
    "HeartbeatAck",
    "MessagesPersisted",
    "PersistedData",
    "ServerFrame",
    "ServerHeartbeatPing",
    "SessionData",
    "SessionEstablished",
    "ThreadCreated",
    "ThreadData",
    "ToolCallRequest",
    "ToolsConfigured",
    "ToolsData",
    "UiComponent",
]


class _ServerFrame(Struct, frozen=True, tag_field="type"):
    """Base of the frames below."""


class SessionData(Struct, frozen=True):
    """What the server tells about the session.

    Attributes:
        capabilities: extensions this server announces; nothing else may be used.
        sessionId: the server's own name for the session, for its logs.
        receiptsId: which memory of applied message ids this server has; another one after it was
            lost, and with it the means to tell repeats apart.
    """

    capabilities: list[str] = []
    sessionId: str | UnsetType = UNSET
    receiptsId: str | UnsetType = UNSET


class SessionEstablished(_ServerFrame, frozen=True, tag="session_established"):
    """The session exists and can be configured."""

    data: SessionData | UnsetType | None = UNSET


class ToolsData(Struct, frozen=True):
    """How many client tools the server knows now, and their names."""

    toolCount: int = 0
    toolNames: list[str] = []


class ToolsConfigured(_ServerFrame, frozen=True, tag="tools_configured"):
    """The answer to ``configure_tools``."""

    data: ToolsData | None = None


class ClientToolsUpdated(_ServerFrame, frozen=True, tag="client_tools_updated"):
    """The answer to ``update_tools``."""

    data: ToolsData | None = None


class ConfigurationRequest(_ServerFrame, frozen=True, tag="configure_tools"):
    """The server asks for the configuration again."""


class ThreadData(Struct, frozen=True):
    """The thread a conversation has from now on."""

    providerResId: str
    threadId: str | UnsetType = UNSET
    canUpdateMetadata: bool | UnsetType = UNSET
    updateEndpoint: str | UnsetType = UNSET
    clientMessageId: str | UnsetType = UNSET


class ThreadCreated(_ServerFrame, frozen=True, tag="thread_created"):
    """The server opened a thread for a message that named none."""

    data: ThreadData


class ChatEventData(Struct, frozen=True, gc=False):  # from JSON, where nothing goes in circles
    """The payload of a ``chat_event``; which fields are set depends on ``event`` and ``type``.

    One flat structure decodes in one pass, which is what makes a text delta cheap. ``id`` is
    whatever the server uses to tell reasoning blocks apart; any JSON type is accepted.
    """

    type: str | UnsetType = UNSET
    delta: str | UnsetType = UNSET
    textDelta: str | UnsetType = UNSET
    id: Any = UNSET
    text: str | UnsetType = UNSET
    toolName: str | UnsetType = UNSET
    toolCallId: str | UnsetType = UNSET
    args: Any = UNSET
    result: Any = UNSET


class ChatEventFrame(_ServerFrame, frozen=True, tag="chat_event", gc=False):
    """One event of a run: text, reasoning, or a tool on the server."""

    event: str
    data: ChatEventData


class FinishedData(Struct, frozen=True):
    """Details of a run that ended."""

    conversationId: str | UnsetType = UNSET
    messageCount: int | UnsetType = UNSET
    clientMessageId: str | UnsetType = UNSET


class ChatFinished(_ServerFrame, frozen=True, tag="chat_finished"):
    """The run ended."""

    uuid: str | UnsetType = UNSET
    data: FinishedData | UnsetType | None = UNSET


class ErrorDetails(Struct, frozen=True):
    """A machine-readable code and whatever the server adds to it."""

    errorCode: str | UnsetType = UNSET
    details: Any = UNSET


class ChatError(_ServerFrame, frozen=True, tag="chat_error"):
    """The run failed and has ended."""

    error: Any = ""
    data: ErrorDetails | UnsetType | None = UNSET


class ErrorFrame(_ServerFrame, frozen=True, tag="error"):
    """Something went wrong that does not end the run."""

    error: Any = ""
    data: ErrorDetails | UnsetType | None = UNSET


class PersistedData(Struct, frozen=True):
    """Where question and answer were stored."""

    threadId: str | UnsetType = UNSET
    providerResId: str | UnsetType = UNSET
    clientMessageId: str | UnsetType = UNSET


class MessagesPersisted(_ServerFrame, frozen=True, tag="messages_persisted"):
    """Question and answer are stored on the server."""

    data: PersistedData | UnsetType | None = UNSET


class ToolCallRequest(_ServerFrame, frozen=True, tag="tool_call_request"):
    """The server wants a client tool run; it is answered exactly once per ``callId``."""

    callId: str
    toolName: str
    parameters: Any = UNSET


class UiComponent(_ServerFrame, frozen=True, tag="ui_component"):
    """A component to render, or to update by its ``toolCallId``."""

    toolCallId: str
    componentName: str
    props: JsonObject = {}
    status: str = "complete"


class ServerHeartbeatPing(_ServerFrame, frozen=True, tag="heartbeat_ping"):
    """The server's ping; whatever JSON it carries is echoed byte for byte."""

    timestamp: Raw | UnsetType = UNSET
    pingTime: Raw | UnsetType = UNSET


class HeartbeatAck(_ServerFrame, frozen=True, tag="heartbeat_ack"):
    """The answer to the client's own ``heartbeat_ping``."""

    timestamp: Any = UNSET
    originalTimestamp: Any = UNSET


class AuthenticationError(_ServerFrame, frozen=True, tag="authentication_error"):
    """The ticket or the credentials are refused; a close usually follows."""

    error: Any = ""
    code: str | UnsetType = UNSET


ServerFrame = (
    SessionEstablished
    | ToolsConfigured
    | ClientToolsUpdated
    | ConfigurationRequest
    | ThreadCreated
    | ChatEventFrame
    | ChatFinished
    | ChatError
    | ErrorFrame
    | MessagesPersisted
    | ToolCallRequest
    | UiComponent
    | ServerHeartbeatPing
    | HeartbeatAck
    | AuthenticationError
)
