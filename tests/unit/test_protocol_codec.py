"""Whatever arrives, decoding gives a frame or says why not, and never raises."""

from __future__ import annotations

import json
import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui_chat.protocol.codec import (
    CLIENT_FRAMES,
    MAX_FRAME_BYTES,
    SERVER_FRAMES,
    FrameDecoder,
    IgnoredFrame,
    error_text,
)
from tui_chat.protocol.server_frames import ChatEventFrame, ChatFinished
from tui_chat.text import is_clean

DECODERS: list[FrameDecoder[Any]] = [SERVER_FRAMES, CLIENT_FRAMES]
TYPES = sorted(SERVER_FRAMES.types | CLIENT_FRAMES.types)
GOOD = b'{"type":"chat_event","event":"content-delta","data":{"delta":"next"}}'
MEGABYTE = 1024 * 1024


def ignored(data: bytes | str, *, binary: bool = False) -> IgnoredFrame:
    """Decode what cannot be understood, and check that the frame after it can."""
    frame = SERVER_FRAMES.decode(data, binary=binary)
    assert isinstance(frame, IgnoredFrame), frame
    assert frame.size == len(data)
    assert is_clean(frame.detail)
    assert frame.detail
    assert len(frame.detail) <= 200
    assert "\n" not in frame.detail
    assert is_clean(frame.frame_type)
    assert len(frame.frame_type) <= 64
    after = SERVER_FRAMES.decode(GOOD)
    assert isinstance(after, ChatEventFrame)
    assert after.data.delta == "next"
    return frame


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "invalid_json"),
        (b" ", "invalid_json"),
        (b"{", "invalid_json"),
        (b"nonsense", "invalid_json"),
        (b'{"type":"error"}trailing', "invalid_json"),
        (b'{"type":"error",}', "invalid_json"),
        (b"{'type':'error'}", "invalid_json"),
        (b'{"type":"chat_event","event":"x","data":{"delta":"a', "invalid_json"),
        (b'{"type":"error","error":NaN}', "invalid_json"),
        (b'{"type":"error","error":"\x01"}', "invalid_json"),
        (b'\xef\xbb\xbf{"type":"error"}', "invalid_json"),
        ('{"type":"error"}'.encode("utf-16"), "invalid_json"),
        (b"[]", "not_an_object"),
        (b'[{"type":"error"}]', "not_an_object"),
        (b'"text"', "not_an_object"),
        (b"null", "not_an_object"),
        (b"12", "not_an_object"),
        (b"true", "not_an_object"),
        (b"{}", "malformed"),
        (b'{"kind":"error"}', "malformed"),
        (b'{"type":null}', "malformed"),
        (b'{"type":7}', "malformed"),
        (b'{"type":["error"]}', "malformed"),
        (b'{"type":{"type":"error"}}', "malformed"),
        (b'{"type":""}', "unknown_type"),
        (b'{"type":"Error"}', "unknown_type"),
        (b'{"type":"brand_new_frame","data":{"a":1}}', "unknown_type"),
        (b'{"type":"chat_message","content":"a client\'s frame","media":[]}', "unknown_type"),
        (b'{"type":"error","error":"\xff"}', "invalid_utf8"),
        (b'{"type":"chat_event","event":"content-delta","data":{"delta":"\xc3"}}', "invalid_utf8"),
        (b'{"type":"\xed\xa0\x80"}', "invalid_utf8"),
    ],
)
def test_each_kind_of_trouble_has_its_name(data: bytes, reason: str) -> None:
    assert ignored(data).reason == reason


def test_binary_frames_are_not_read() -> None:
    assert ignored(GOOD, binary=True).reason == "binary"
    assert ignored(b"\x00\xff" * 1000, binary=True).reason == "binary"


@pytest.mark.parametrize("depth", [10_000, 1_000_000])
@pytest.mark.parametrize(
    "template",
    [
        '{{"type":"error","error":{}}}',
        '{{"type":"new","future":{}}}',
        '{{"future":{},"type":"error"}}',
        '{{"type":"chat_event","event":"e","data":{{"args":{}}}}}',
        "{}",
    ],
)
@pytest.mark.parametrize("pair", ["[]", '{"a":}'])
def test_deep_nesting_costs_the_frame_only(depth: int, template: str, pair: str) -> None:
    opening, closing = pair[:-1], pair[-1]
    data = template.format(opening * depth + "1" + closing * depth)
    expected = "not_an_object" if data.startswith("[") else "too_deep"
    assert ignored(data).reason == expected


def test_nesting_near_the_bottom_of_the_stack_raises_nothing() -> None:
    data = '{"type":"error","error":' + "[" * 500 + "]" * 500 + "}"

    def descend(levels: int) -> Any:
        return descend(levels - 1) if levels else SERVER_FRAMES.decode(data)

    assert not isinstance(SERVER_FRAMES.decode(data), IgnoredFrame)
    result = descend(sys.getrecursionlimit() // 2)
    # From Python 3.12 on, C code has a limit of its own, and this depth is no trouble.
    assert not isinstance(result, IgnoredFrame) or result.reason == "too_deep"


def test_five_megabytes_arrive_whole() -> None:
    delta = "\u00fc\U0001f600x" * (5 * MEGABYTE // 7)
    data = json.dumps(
        {"type": "chat_event", "event": "content-delta", "data": {"delta": delta}},
        ensure_ascii=False,
    ).encode()
    assert 5 * MEGABYTE - 100 < len(data) < MAX_FRAME_BYTES
    frame = SERVER_FRAMES.decode(data)
    assert isinstance(frame, ChatEventFrame)
    assert frame.data.delta == delta


def test_five_megabytes_of_nonsense_are_described_briefly() -> None:
    assert ignored(b"x" * 5 * MEGABYTE).reason == "invalid_json"
    assert ignored(b'{"type":"' + b"n" * 5 * MEGABYTE + b'"}').reason == "unknown_type"
    assert ignored(b'{"type":"error","data":"' + b"d" * 5 * MEGABYTE + b'"}').reason == "malformed"
    many = b"{" + b",".join(b'"k%d":%d' % (i, i) for i in range(200_000)) + b"}"
    assert ignored(many).reason == "malformed"


@pytest.mark.parametrize("number", ["1e999", "-1e999", "9" * 5000, "0." + "1" * 5000, "1e-99999"])
def test_huge_numbers_do_no_harm(number: str) -> None:
    for text in (
        f'{{"type":"error","error":{number}}}',
        f'{{"type":"tool_call_request","callId":"c","toolName":"t","parameters":{{"n":{number}}}}}',
        f'{{"type":"chat_finished","data":{{"messageCount":{number}}}}}',
        f'{{"type":"heartbeat_ping","pingTime":{number}}}',
    ):
        SERVER_FRAMES.decode(text)
        after = SERVER_FRAMES.decode(GOOD)
        assert isinstance(after, ChatEventFrame)


def test_escaped_lone_surrogates_do_no_harm() -> None:
    for escape in ("\\ud800", "\\udfff", "\\ud800\\ud800", "\\ude00\\ud83d"):
        for text in (
            f'{{"type":"error","error":"{escape}"}}',
            f'{{"type":"{escape}"}}',
            f'{{"{escape}":1,"type":"chat_finished"}}',
        ):
            frame = SERVER_FRAMES.decode(text)
            if isinstance(frame, IgnoredFrame):
                assert is_clean(frame.detail)
                assert is_clean(frame.frame_type)
    pair = SERVER_FRAMES.decode(
        '{"type":"chat_event","event":"e","data":{"delta":"\\ud83d\\ude00"}}'
    )
    assert isinstance(pair, ChatEventFrame)
    assert pair.data.delta == "\U0001f600"


def test_duplicate_keys_take_the_last() -> None:
    frame = SERVER_FRAMES.decode(
        '{"type":"chat_event","event":"a","event":"b","data":{"delta":"x","delta":"y"}}'
    )
    assert isinstance(frame, ChatEventFrame)
    assert (frame.event, frame.data.delta) == ("b", "y")


def test_what_is_shown_of_a_hostile_type_is_clean_and_short() -> None:
    name = "\x1b]0;owned\x07\u202e" + "n" * 500
    frame = ignored(json.dumps({"type": name}).encode())
    assert frame.reason == "unknown_type"
    assert frame.frame_type.startswith("\u241b]0;owned\u2407<U+202E>nnn")


def test_what_is_shown_never_quotes_the_content() -> None:
    frame = ignored('{"type":"chat_event","event":"e","data":"my-secret"}')
    assert "my-secret" not in repr(frame)


@given(st.binary(max_size=200))
def test_any_bytes(data: bytes) -> None:
    for decoder in DECODERS:
        decoder.decode(data)
        decoder.decode(data, binary=True)


@given(st.text(st.characters(), max_size=200))
def test_any_text(data: str) -> None:
    for decoder in DECODERS:
        decoder.decode(data)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)
FIELDS = sorted(
    {
        "args", "callId", "clientMessageId", "code", "componentName", "content", "contextHelpers",
        "conversationId", "conversationUuid", "data", "delta", "error", "errorCode", "event", "id",
        "media", "messageCount", "pingTime", "props", "providerResId", "result", "status", "text",
        "textDelta", "threadId", "timestamp", "toolCallId", "toolName", "toolNames", "toolSchemas",
        "uuid",
    }
)  # fmt: skip


@given(
    st.sampled_from(TYPES),
    st.dictionaries(
        st.sampled_from(FIELDS),
        JSON | st.dictionaries(st.sampled_from(FIELDS), JSON, max_size=4),
        max_size=6,
    ),
)
def test_any_values_in_the_known_fields(kind: str, fields: dict[str, Any]) -> None:
    data = json.dumps({"type": kind, **fields})
    for decoder in DECODERS:
        frame = decoder.decode(data)
        if isinstance(frame, IgnoredFrame):
            assert is_clean(frame.detail)
            assert frame.reason != "invalid_json" or "NaN" in data or "Infinity" in data
            assert frame.reason != "unknown_type" or kind not in decoder.types


@given(st.sampled_from(TYPES), st.data())
def test_a_frame_cut_short_anywhere_is_ignored(kind: str, data: st.DataObject) -> None:
    whole = json.dumps({"type": kind, "data": {"delta": "\u00fc", "n": [1, 2.5, None]}})
    whole_bytes = whole.encode()
    cut = data.draw(st.integers(0, len(whole_bytes) - 1))
    for decoder in DECODERS:
        assert isinstance(decoder.decode(whole_bytes[:cut]), IgnoredFrame)


def test_a_decoder_knows_its_own_direction() -> None:
    def types(decoder: FrameDecoder[Any]) -> set[str]:
        return set(decoder.types)

    assert types(SERVER_FRAMES) & types(CLIENT_FRAMES) == {"configure_tools", "heartbeat_ping"}


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("plain", "plain"),
        ({"message": "inner"}, "inner"),
        ({"error": {"detail": "deep"}}, "deep"),
        ({"message": "", "detail": "second"}, "second"),
        ({"message": {"message": {"message": {"message": "too deep"}}}}, ""),
        ({"other": "x"}, ""),
        (None, ""),
        (7, ""),
        (["a"], ""),
        ({}, ""),
        ("two\nlines \x1b[31m", "two lines \u241b[31m"),
        ("x" * 1000, "x" * 499 + "\u2026"),
    ],
)
def test_error_text_gives_what_a_person_can_use(value: object, text: str) -> None:
    assert error_text(value) == text


def test_half_a_surrogate_pair_costs_no_text() -> None:
    """Servers that cut text by UTF-16 units send an emoji in two frames."""
    deltas: list[bytes | str] = [
        r'{"type":"chat_event","event":"content-delta","data":{"delta":"Hello \ud83d"}}',
        rb'{"type":"chat_event","event":"content-delta","data":{"delta":"\ude00 world"}}',
    ]
    frames = [SERVER_FRAMES.decode(delta) for delta in deltas]
    assert [frame.data.delta for frame in frames] == ["Hello \ud83d", "\ude00 world"]  # type: ignore[union-attr]
    finished = SERVER_FRAMES.decode(r'{"type":"chat_finished","uuid":"\ud83d"}')
    assert finished == ChatFinished(uuid="\ud83d")
    cut = SERVER_FRAMES.decode(r'{"type":"chat_finished","uuid":"\ud83d')
    assert isinstance(cut, IgnoredFrame)
