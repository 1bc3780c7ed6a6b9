"""Inbound frames: every one of the protocol is understood, with and without its options."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import UNSET

from tui_chat.protocol.codec import SERVER_FRAMES, IgnoredFrame, encode
from tui_chat.protocol.server_frames import (
    AuthenticationError,
    ChatError,
    ChatEventData,
    ChatEventFrame,
    ChatFinished,
    ClientToolsUpdated,
    ConfigurationRequest,
    ErrorDetails,
    ErrorFrame,
    FinishedData,
    HeartbeatAck,
    MessagesPersisted,
    PersistedData,
    ServerFrame,
    ServerHeartbeatPing,
    SessionData,
    SessionEstablished,
    ThreadCreated,
    ThreadData,
    ToolCallRequest,
    ToolsConfigured,
    ToolsData,
    UiComponent,
)


def event(kind: str, **data: Any) -> ChatEventFrame:
    return ChatEventFrame(kind, ChatEventData(**data))


# What a server sends, beside what it must become. Each type at least once, each row of the
# table of chat events, and the optional parts left out.
EXAMPLES: list[tuple[str, ServerFrame]] = [
    ('{"type":"session_established"}', SessionEstablished()),
    ('{"type":"session_established","data":null}', SessionEstablished(None)),
    ('{"type":"session_established","data":{}}', SessionEstablished(SessionData())),
    (
        '{"type":"session_established","data":{"capabilities":["thread_list"],"sessionId":"s"}}',
        SessionEstablished(SessionData(["thread_list"], "s")),
    ),
    ('{"type":"tools_configured"}', ToolsConfigured()),
    (
        '{"type":"tools_configured","data":{"toolCount":1,"toolNames":["clock"]}}',
        ToolsConfigured(ToolsData(1, ["clock"])),
    ),
    (
        '{"type":"client_tools_updated","data":{"toolCount":0,"toolNames":[]}}',
        ClientToolsUpdated(ToolsData()),
    ),
    ('{"type":"configure_tools"}', ConfigurationRequest()),
    (
        (
            '{"type":"thread_created","data":{"providerResId":"p","threadId":"t",'
            '"canUpdateMetadata":true,"updateEndpoint":"/api/v1/threads/p"}}'
        ),
        ThreadCreated(
            ThreadData("p", "t", canUpdateMetadata=True, updateEndpoint="/api/v1/threads/p")
        ),
    ),
    (
        '{"type":"chat_event","event":"content-delta","data":{"delta":"Hel"}}',
        event("content-delta", delta="Hel"),
    ),
    (
        '{"type":"chat_event","event":"provider-event","data":{"type":"text-delta","textDelta":"lo"}}',
        event("provider-event", type="text-delta", textDelta="lo"),
    ),
    (
        '{"type":"chat_event","event":"provider-event","data":{"type":"reasoning-start","id":"r"}}',
        event("provider-event", type="reasoning-start", id="r"),
    ),
    (
        (
            '{"type":"chat_event","event":"provider-event",'
            '"data":{"type":"reasoning-delta","id":7,"text":"so"}}'
        ),
        event("provider-event", type="reasoning-delta", id=7, text="so"),
    ),
    (
        '{"type":"chat_event","event":"provider-event","data":{"type":"reasoning-end"}}',
        event("provider-event", type="reasoning-end"),
    ),
    (
        (
            '{"type":"chat_event","event":"provider-event","data":{"type":"tool-call",'
            '"toolName":"search","toolCallId":"c","args":{"q":"x"}}}'
        ),
        event(
            "provider-event", type="tool-call", toolName="search", toolCallId="c", args={"q": "x"}
        ),
    ),
    (
        (
            '{"type":"chat_event","event":"latitude-event","data":{"type":"tool-result",'
            '"toolName":"search","toolCallId":"c","result":null}}'
        ),
        event("latitude-event", type="tool-result", toolName="search", toolCallId="c", result=None),
    ),
    ('{"type":"chat_finished"}', ChatFinished()),
    (
        '{"type":"chat_finished","uuid":"u","data":{"conversationId":"c","messageCount":2}}',
        ChatFinished("u", FinishedData("c", 2)),
    ),
    (
        '{"type":"chat_error","error":"no","data":{"errorCode":"X","details":{"a":1}}}',
        ChatError("no", ErrorDetails("X", {"a": 1})),
    ),
    ('{"type":"chat_error","error":{"message":"no"}}', ChatError({"message": "no"})),
    ('{"type":"error"}', ErrorFrame()),
    (
        '{"type":"messages_persisted","data":{"threadId":"t","providerResId":"p"}}',
        MessagesPersisted(PersistedData("t", "p")),
    ),
    (
        '{"type":"tool_call_request","callId":"c","toolName":"clock","parameters":{"zone":"UTC"}}',
        ToolCallRequest("c", "clock", {"zone": "UTC"}),
    ),
    ('{"type":"tool_call_request","callId":"c","toolName":"x"}', ToolCallRequest("c", "x", UNSET)),
    (
        (
            '{"type":"ui_component","toolCallId":"c","componentName":"Card","props":{"a":1},'
            '"status":"streaming"}'
        ),
        UiComponent("c", "Card", {"a": 1}, "streaming"),
    ),
    ('{"type":"heartbeat_ping"}', ServerHeartbeatPing()),
    ('{"type":"heartbeat_ack","timestamp":"t","originalTimestamp":1}', HeartbeatAck("t", 1)),
    (
        '{"type":"authentication_error","error":"gone","code":"TICKET_USED"}',
        AuthenticationError("gone", "TICKET_USED"),
    ),
]


@pytest.mark.parametrize(("text", "frame"), EXAMPLES)
def test_decodes(text: str, frame: ServerFrame) -> None:
    assert SERVER_FRAMES.decode(text) == frame
    assert SERVER_FRAMES.decode(text.encode()) == frame


@pytest.mark.parametrize(("text", "frame"), EXAMPLES)
def test_what_the_server_encodes_the_client_decodes(text: str, frame: ServerFrame) -> None:
    assert SERVER_FRAMES.decode(encode(frame)) == frame


@pytest.mark.parametrize(("text", "frame"), EXAMPLES)
def test_unknown_fields_and_key_order_do_not_matter(text: str, frame: ServerFrame) -> None:
    value = msgspec.json.decode(text)
    more = {"zzz": [1, {"a": None}], **dict(reversed(value.items())), "futureField": True}
    if isinstance(more.get("data"), dict):
        more["data"] = {**more["data"], "futureField": {"a": 1}}
    assert SERVER_FRAMES.decode(msgspec.json.encode(more)) == frame


def test_every_type_has_an_example() -> None:
    assert {type(frame) for _, frame in EXAMPLES} == set(ServerFrame.__args__)
    assert SERVER_FRAMES.types == {msgspec.json.decode(text)["type"] for text, _ in EXAMPLES}


@pytest.mark.parametrize("echo", ["1", "1.50", '"t"', "null", '{"a":  [1]}'])
def test_a_ping_keeps_what_it_carries_byte_for_byte(echo: str) -> None:
    frame = SERVER_FRAMES.decode(
        f'{{"type":"heartbeat_ping","timestamp":{echo},"pingTime":{echo}}}'
    )
    assert isinstance(frame, ServerHeartbeatPing)
    assert isinstance(frame.timestamp, msgspec.Raw)
    assert isinstance(frame.pingTime, msgspec.Raw)
    assert bytes(frame.timestamp) == bytes(frame.pingTime) == echo.encode()


# Every field that the frame means nothing without, and every type it must have.
REQUIRED = [
    ("thread_created", "data", '{"providerResId":"p"}'),
    ("chat_event", "event", '"content-delta"'),
    ("chat_event", "data", '{"delta":"x"}'),
    ("tool_call_request", "callId", '"c"'),
    ("tool_call_request", "toolName", '"t"'),
    ("ui_component", "toolCallId", '"c"'),
    ("ui_component", "componentName", '"n"'),
]


@pytest.mark.parametrize(("kind", "field", "good"), REQUIRED)
@pytest.mark.parametrize("bad", [None, "null", "1", "[]", "true", '[{"a":1}]'])
def test_a_required_field_that_is_missing_or_wrong_costs_the_frame_only(
    kind: str, field: str, good: str, bad: str | None
) -> None:
    fields = {name: text for other, name, text in REQUIRED if other == kind}
    assert fields[field] == good
    assert not isinstance(SERVER_FRAMES.decode(frame_text(kind, fields)), IgnoredFrame)
    if bad is None:
        del fields[field]
    else:
        fields[field] = bad
    ignored = SERVER_FRAMES.decode(frame_text(kind, fields))
    assert isinstance(ignored, IgnoredFrame)
    assert ignored.reason == "malformed"
    assert ignored.frame_type == kind
    assert field in ignored.detail
    assert ignored.bare is None, "without its required fields the frame means nothing"


def frame_text(kind: str, fields: dict[str, str]) -> str:
    return "{" + ",".join([f'"type":"{kind}"', *(f'"{k}":{v}' for k, v in fields.items())]) + "}"


@pytest.mark.parametrize(
    ("text", "bare"),
    [
        ('{"type":"chat_finished","data":{"messageCount":"many"}}', ChatFinished()),
        ('{"type":"chat_finished","uuid":5}', ChatFinished()),
        ('{"type":"chat_error","error":"no","data":[1]}', ChatError()),
        ('{"type":"session_established","data":{"capabilities":7}}', SessionEstablished()),
        ('{"type":"tools_configured","data":{"toolCount":-0.5}}', ToolsConfigured()),
        ('{"type":"authentication_error","code":[]}', AuthenticationError()),
        ('{"type":"messages_persisted","data":3}', MessagesPersisted()),
    ],
)
def test_a_bad_detail_does_not_hide_what_the_frame_means(text: str, bare: ServerFrame) -> None:
    ignored = SERVER_FRAMES.decode(text)
    assert isinstance(ignored, IgnoredFrame)
    assert (ignored.reason, ignored.bare) == ("malformed", bare)


@given(st.text(st.characters()))
def test_text_deltas_arrive_as_they_are(delta: str) -> None:
    sendable = delta.encode("utf-8", "replace").decode()
    frame = SERVER_FRAMES.decode(encode(event("content-delta", delta=sendable)))
    assert isinstance(frame, ChatEventFrame)
    assert frame.data.delta == sendable
