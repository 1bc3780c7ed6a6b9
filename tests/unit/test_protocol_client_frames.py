"""Outbound frames have exactly the keys, in the order, that the protocol shows."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui_chat.protocol.client_frames import (
    ChatMessage,
    ClientFrame,
    ConfigureTools,
    HeartbeatPing,
    HeartbeatPong,
    StopRun,
    ToolCallResponse,
    UpdateContextHelpers,
    UpdateTools,
)
from tui_chat.protocol.codec import CLIENT_FRAMES, IgnoredFrame, encode

TOOL = {
    "name": "clock",
    "description": "Tells the time.",
    "parameters": [
        {
            "name": "zone",
            "type": "string",
            "description": "",
            "isRequired": False,
            "schema": {"type": "string"},
        }
    ],
}
COMPONENT = {"name": "Card", "description": "A card.", "propsSchemaJson": "{}"}
TIME = "2026-01-15T11:30:00.000Z"

# Each frame with nothing optional and with everything, beside the text that must leave.
EXAMPLES: list[tuple[ClientFrame, str]] = [
    (ChatMessage("hello"), '{"type":"chat_message","content":"hello","media":[]}'),
    (
        ChatMessage(
            "hello",
            media=["https://cdn/a.png"],
            providerResId="thread-1",
            mcpHeaders={"server": {"header": "value"}},
            clientMessageId="m-1",
        ),
        (
            '{"type":"chat_message","content":"hello","media":["https://cdn/a.png"],'
            '"providerResId":"thread-1","mcpHeaders":{"server":{"header":"value"}},'
            '"clientMessageId":"m-1"}'
        ),
    ),
    (ConfigureTools([]), '{"type":"configure_tools","toolSchemas":[],"contextHelpers":{}}'),
    (
        ConfigureTools([TOOL], generativeComponents=[COMPONENT], contextHelpers={"locale": "en"}),
        '{"type":"configure_tools","toolSchemas":[' + json.dumps(TOOL, separators=(",", ":")) + "],"
        '"generativeComponents":[' + json.dumps(COMPONENT, separators=(",", ":")) + "],"
        '"contextHelpers":{"locale":"en"}}',
    ),
    (UpdateTools([]), '{"type":"update_tools","toolSchemas":[]}'),
    (
        UpdateTools([{"name": "a"}], generativeComponents=[]),
        '{"type":"update_tools","toolSchemas":[{"name":"a"}],"generativeComponents":[]}',
    ),
    (
        UpdateContextHelpers({"locale": "de", "a": [1, None]}),
        '{"type":"update_context_helpers","contextHelpers":{"locale":"de","a":[1,null]}}',
    ),
    (
        ToolCallResponse("c-1", result={"time": 12}),
        '{"type":"tool_call_response","callId":"c-1","result":{"time":12}}',
    ),
    (
        ToolCallResponse("c-1", result=None),
        '{"type":"tool_call_response","callId":"c-1","result":null}',
    ),
    (
        ToolCallResponse("c-1", error="no such zone"),
        '{"type":"tool_call_response","callId":"c-1","error":"no such zone"}',
    ),
    (
        HeartbeatPing(TIME, 1768476600000),
        '{"type":"heartbeat_ping","timestamp":"' + TIME + '","pingTime":1768476600000}',
    ),
    (HeartbeatPong(TIME), '{"type":"heartbeat_pong","timestamp":"' + TIME + '"}'),
    (
        HeartbeatPong(TIME, msgspec.Raw(b'"then"'), msgspec.Raw(b"1.50")),
        '{"type":"heartbeat_pong","timestamp":"' + TIME + '","originalTimestamp":"then",'
        '"pingTime":1.50}',
    ),
    (StopRun("thread-1"), '{"type":"stop_run","conversationUuid":"thread-1"}'),
]


@pytest.mark.parametrize(("frame", "text"), EXAMPLES)
def test_exact_text(frame: ClientFrame, text: str) -> None:
    assert encode(frame).decode() == text


@pytest.mark.parametrize(("frame", "text"), EXAMPLES)
def test_round_trip(frame: ClientFrame, text: str) -> None:
    decoded = CLIENT_FRAMES.decode(text)
    assert not isinstance(decoded, IgnoredFrame)
    assert type(decoded) is type(frame)
    assert encode(decoded).decode() == text


def test_every_frame_has_an_example() -> None:
    assert {type(frame) for frame, _ in EXAMPLES} == set(ClientFrame.__args__)
    assert CLIENT_FRAMES.types == {json.loads(text)["type"] for _, text in EXAMPLES}


@pytest.mark.parametrize(
    "echo", ["0", "-1", "1.50", "1e400", '"text"', '"\\u00e9"', "null", "[1, 2]", '{"a": {}}']
)
def test_a_pong_echoes_what_the_ping_carried_byte_for_byte(echo: str) -> None:
    raw = msgspec.Raw(echo.encode())
    text = encode(HeartbeatPong(TIME, raw, raw)).decode()
    assert text.endswith(f',"originalTimestamp":{echo},"pingTime":{echo}}}')


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)
JSON_OBJECT = st.dictionaries(st.text(), JSON, max_size=4)


def fixed(value: Any) -> Any:
    """Return what can cross the wire: a lone surrogate becomes U+FFFD, a pair its character."""
    if isinstance(value, str):
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, dict):
        return {fixed(key): fixed(item) for key, item in value.items()}
    if isinstance(value, list):
        return [fixed(item) for item in value]
    return value


@given(content=st.text(st.characters()), thread=st.none() | st.text())
def test_any_text_can_be_sent(content: str, thread: str | None) -> None:
    frame = ChatMessage(content, providerResId=msgspec.UNSET if thread is None else thread)
    sent = json.loads(encode(frame))
    assert list(sent) == ["type", "content", "media"] + ["providerResId"] * (thread is not None)
    assert sent["content"] == fixed(content)


@given(JSON)
def test_any_json_can_be_a_tools_result(value: Any) -> None:
    sent = json.loads(encode(ToolCallResponse("c", result=value)))
    assert list(sent) == ["type", "callId", "result"]
    assert sent["result"] == fixed(value)


@given(st.lists(JSON_OBJECT, max_size=3), JSON_OBJECT)
def test_any_schema_and_context_can_be_sent(schemas: list[Any], context: dict[str, Any]) -> None:
    sent = json.loads(encode(ConfigureTools(schemas, contextHelpers=context)))
    assert list(sent) == ["type", "toolSchemas", "contextHelpers"]
    assert sent["toolSchemas"] == [fixed(item) for item in schemas]
    assert sent["contextHelpers"] == fixed(context)


def test_lone_surrogates_become_replacement_characters() -> None:
    frame = ToolCallResponse(
        "c\ud800", result={"k\udfff": ["\ud83d\ude00", ("\ud800",), 1, None, {"a": True}]}
    )
    assert json.loads(encode(frame)) == {
        "type": "tool_call_response",
        "callId": "c\ufffd",
        "result": {"k\ufffd": ["\U0001f600", ["\ufffd"], 1, None, {"a": True}]},
    }


def test_a_surrogate_beside_an_echo_leaves_the_echo_alone() -> None:
    frame = HeartbeatPong("t\ud800", originalTimestamp=msgspec.Raw(b"1.50"))
    assert encode(frame) == (
        '{"type":"heartbeat_pong","timestamp":"t\ufffd","originalTimestamp":1.50}'.encode()
    )


def nested(depth: int) -> list[Any]:
    value: list[Any] = []
    for _ in range(depth):
        value = [value]
    return value


@pytest.mark.parametrize("extra", ["", "\ud800"])
def test_what_is_nested_too_deeply_is_refused_before_sending(extra: str) -> None:
    with pytest.raises(ValueError, match="nested too deeply"):
        encode(ToolCallResponse("c", result=[extra, nested(100_000)]))


def test_what_contains_itself_is_refused() -> None:
    loop: list[Any] = []
    loop.append(loop)
    with pytest.raises(ValueError, match="nested too deeply"):
        encode(ToolCallResponse("c", result=loop))


@pytest.mark.parametrize("extra", ["", "\ud800"])
@pytest.mark.parametrize("value", [object(), 2j])
def test_what_json_has_no_word_for_is_refused(value: object, extra: str) -> None:
    with pytest.raises(TypeError):
        encode(ToolCallResponse("c", result=[extra, value]))
