"""What is kept of wire frames: bounded, cheap, and without any secret."""

from __future__ import annotations

import json
import random
from typing import Any

import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.app_support import NOW, FakeClock
from tests.support.canaries import Canary, find
from tui_chat.connection.mask import Mask
from tui_chat.flight_recorder import EVENTS, FlightRecorder, FrameLog, FrameMasking, FrameRecord
from tui_chat.flight_recorder.frames import MASKING_SHARE, MAX_BYTES, MAX_ENTRIES
from tui_chat.flight_recorder.masking import MAX_DECODED, MAX_DEPTH, MAX_STRING, is_secret_name
from tui_chat.protocol.client_frames import ChatMessage
from tui_chat.secret import MASK, Secret
from tui_chat.telemetry import Telemetry, table

PLANTED = Canary("planted", "Zq7pW-canary-55e1c0ffee")
NAMES = (
    "ticket", "token", "userMpAuthToken", "chat_server_key", "X-Api-Key", "apikey", "Authorization",
    "proxy-authorization", "Cookie", "Set-Cookie", "password", "clientSecret", "refresh_token",
    "privateKey", "key", "sessionId", "jwt", "X-Amz-Signature", "passphrase", "credentials", "pwd",
)  # fmt: skip


def cased(name: str, seed: int) -> str:
    chosen = random.Random(seed)
    return "".join(chosen.choice((letter.upper(), letter.lower())) for letter in name)


names = st.builds(cased, st.sampled_from(NAMES), st.integers(0, 1000))
plain = st.sampled_from(["data", "args", "parameters", "result", "x", "list", "delta", "note"])
secret_leaf = st.sampled_from(
    [
        PLANTED.value,
        [PLANTED.value],
        {"value": PLANTED.value, "n": 1},
        f"Bearer {PLANTED.value}",
        json.dumps({"inner": PLANTED.value}),
    ]
)
holders = st.one_of(
    st.builds(lambda name, leaf: {name: leaf}, names, secret_leaf),
    st.builds(lambda name, value: {"name": name, "value": value}, names, secret_leaf),
    st.builds(lambda name: [name, PLANTED.value], names),
    st.builds(lambda name: f"wss://h/ws?a=1&{name}={PLANTED.value}&b=2", names),
    st.builds(lambda name: f"{name}: {PLANTED.value}", names),
    st.builds(lambda name: f'cut off {{"{name}": "{PLANTED.value}', names),
    st.builds(lambda name: json.dumps({name: PLANTED.value}), names),
    st.just({"mcpHeaders": {"files": {"X-Anything": PLANTED.value}}}),
    st.just({"headers": {"x": PLANTED.value}}),
    st.just(f"https://user:{PLANTED.value}@proxy.example:8080/"),
    st.just(f"curl -H 'Authorization: Basic {PLANTED.value}'"),
    st.just({"type": "reasoning-delta", "text": PLANTED.value}),
)
nested = st.recursive(
    holders,
    lambda inner: st.one_of(
        st.builds(lambda name, item: {name: item, "other": 1}, plain, inner),
        st.builds(lambda item: [1, None, item], inner),
        st.builds(lambda item: {"args": json.dumps(item)}, inner),
    ),
    max_leaves=3,
)


@settings(max_examples=400, deadline=None)
@given(nested)
@example({"a": [{"b": {"Authorization": [[PLANTED.value]]}}]})
def test_no_planted_secret_survives_at_any_depth_type_or_case(value: Any) -> None:
    payload = json.dumps({"type": "chat_event", "event": "x", "data": value}).encode()
    shown = FrameMasking().frame(payload)
    assert shown is not None
    assert not find({"the frame": shown}, [PLANTED]), shown
    json.loads(shown)


@settings(max_examples=200, deadline=None)
@given(nested)
def test_the_secrets_are_found_where_they_were_planted(value: Any) -> None:
    """Else the test above could not fail."""
    shown = json.dumps({"data": value})
    assert find({"the frame": shown}, [PLANTED])


def test_names_that_are_secret_and_names_that_are_not() -> None:
    for name in NAMES:
        assert is_secret_name(name), name
        assert is_secret_name(name.upper()), name
    for name in ("author", "content", "type", "toolName", "providerResId", "conversationUuid"):
        assert not is_secret_name(name), name


def test_what_is_no_secret_stays_readable() -> None:
    payload = json.dumps(
        {"type": "tool_call_request", "callId": "c1", "parameters": {"path": "/a", "n": [1, 2.5]}}
    ).encode()
    assert json.loads(FrameMasking().frame(payload) or "") == json.loads(payload)


def test_headers_keep_their_names_and_lose_their_values() -> None:
    frame = ChatMessage(
        "hello", mcpHeaders={"files": {"X-Env": PLANTED.value, "Authorization": "x"}}
    )
    shown = json.loads(FrameMasking().frame(msgspec.json.encode(frame)) or "")
    assert shown["mcpHeaders"] == {"files": {"X-Env": MASK, "Authorization": MASK}}
    assert shown["content"] == "hello"


def test_known_secrets_go_wherever_they_stand() -> None:
    mask = Mask(Secret(PLANTED.value))
    payload = json.dumps({PLANTED.value: 1, "content": f"it is {PLANTED.value}!"}).encode()
    shown = FrameMasking(mask.text).frame(payload)
    assert shown is not None
    assert MASK in shown
    assert not find({"frame": shown}, [PLANTED])


def test_a_known_secret_is_not_cut_in_half() -> None:
    mask = Mask(Secret(PLANTED.value))
    text = "a" * (MAX_STRING - 15) + PLANTED.value + "b" * 50
    shown = FrameMasking(mask.text).frame(json.dumps({"content": text}).encode())
    assert shown is not None
    assert not find({"frame": shown}, [PLANTED])
    assert "characters)" in shown


@pytest.mark.parametrize(
    "payload",
    [b"", b"token=abc", b"\xff\xfe", b'{"a":', b"[" * 50_000, b'"' + b"a" * MAX_DECODED + b'"'],
    ids=["empty", "text", "bytes", "cut", "deep", "large"],
)
def test_what_cannot_be_decoded_is_not_kept(payload: bytes) -> None:
    assert FrameMasking().frame(payload) is None


def test_nesting_is_bounded_and_hides_what_it_cuts() -> None:
    value: Any = PLANTED.value
    for _ in range(MAX_DEPTH + 5):
        value = {"a": value}
    shown = FrameMasking().frame(json.dumps(value).encode())
    assert shown is not None
    assert "(nested deeper)" in shown
    assert not find({"frame": shown}, [PLANTED])


# -- the ring -------------------------------------------------------------------------------------


def wall() -> float:
    return NOW


def log() -> FrameLog:
    return FrameLog(wall, effort=lambda: 0.0)


def test_without_being_asked_only_type_and_size_are_kept() -> None:
    frames = log()
    frames.note(NOW)
    frames.note(123 << 2 | EVENTS["content-delta"])
    frames.note(7 << 2)
    frames.keep("out", ChatMessage, b'{"content":"secret"}', FrameMasking())
    assert frames.latest() == (
        FrameRecord(2, NOW, "in", "content-delta", 123),
        FrameRecord(3, NOW, "in", "chat_event", 7),
        FrameRecord(4, NOW, "out", "chat_message", 20),
    )
    assert "secret" not in repr(vars(frames))


def test_switching_off_forgets_the_content() -> None:
    frames = log()
    frames.keeping = True
    frames.keep("in", "error", b'{"content":"readable"}', FrameMasking())
    assert frames.latest()[0].content == '{"content":"readable"}'
    frames.keeping = False
    assert frames.latest() == (FrameRecord(1, NOW, "in", "error", 22),)
    assert "readable" not in repr(vars(frames))


def test_the_log_is_bounded_in_number_and_keeps_counting() -> None:
    frames = log()
    seen = -1
    for number in range(3 * MAX_ENTRIES):
        frames.note(NOW + number)
        frames.note(number << 2)
        frames.trim()
        if number % 500 == 0:
            latest = frames.latest()
            assert latest[-1].number > seen
            seen = latest[-1].number
    latest = frames.latest()
    assert MAX_ENTRIES // 4 <= len(latest) <= MAX_ENTRIES
    sizes = [each.size for each in latest]
    assert sizes == list(range(sizes[0], 3 * MAX_ENTRIES))
    assert [each.at - NOW for each in latest] == sizes
    assert len({each.number for each in latest}) == len(latest)


def test_a_frame_has_the_same_number_whenever_it_is_looked_at() -> None:
    frames = log()
    numbers: dict[int, int] = {}
    for size in range(2 * MAX_ENTRIES):
        frames.keep("in", "x", b"." * (size % 7), FrameMasking())
        frames.note(size << 2)
        if size % 97 == 0:
            for each in frames.latest():
                if each.kind == "chat_event":
                    assert numbers.setdefault(each.size, each.number) == each.number
    assert len(numbers) > MAX_ENTRIES


def test_the_log_is_bounded_in_bytes() -> None:
    frames = log()
    frames.keeping = True
    payload = json.dumps({"list": ["x" * 1000] * 60}).encode()
    kept = 0
    for _ in range(100):
        frames.keep("in", "big", payload, FrameMasking())
        kept = sum(len(each.content or "") for each in frames.latest())
        assert kept <= MAX_BYTES + 2 * len(payload)
    assert kept > MAX_BYTES / 4


def test_masking_takes_a_bounded_share_of_the_time() -> None:
    now, spent = [NOW], [0.0]

    def effort() -> float:
        spent[0] += MASKING_SHARE / 10
        return spent[0]

    frames = FrameLog(lambda: now[0], effort=effort)
    frames.keeping = True
    for _ in range(50):
        frames.keep("in", "x", b"{}", FrameMasking())
    kept = [each for each in frames.latest() if each.content is not None]
    assert len(kept) == 10
    now[0] += 1
    frames.keep("in", "x", b"{}", FrameMasking())
    assert frames.latest()[-1].content == "{}"


def test_a_hostile_type_is_cleaned_and_bounded() -> None:
    frames = log()
    frames.keep("in", "\x1b]0;x\x07" + "y" * 10_000, b"{}", FrameMasking())
    kind = frames.latest()[0].kind
    assert len(kind) <= 64
    assert "\x1b" not in kind


# -- the recorder ---------------------------------------------------------------------------------


def test_first_text_is_measured_from_the_message_to_the_text() -> None:
    clock = FakeClock()
    flight = FlightRecorder(Telemetry(clock))
    flight.answered(text=True)  # a reply nobody asked for
    attentive = [flight.attentive]
    flight.asked()
    attentive.append(flight.attentive)
    clock.now = 0.5
    flight.answered(text=True)
    flight.asked()
    flight.answered(text=False)  # ended without any text
    attentive.append(flight.attentive)
    assert attentive == [False, True, False]
    assert flight.history().first_tokens == (0.5,)
    flight.keep_frames(on=True)
    flight.asked()
    flight.answered(text=False)
    assert flight.attentive


def test_renewals_and_round_trips_come_from_telemetry_and_are_bounded() -> None:
    telemetry = Telemetry(FakeClock())
    flight = FlightRecorder(telemetry)
    for number in range(100):
        telemetry.record(table.PING_DURATION, number / 1000)
        telemetry.event(table.REFRESH_ENDED, outcome="ok", duration=0.25, waiters=1)
    telemetry.event(table.REFRESH_DISCARDED, duration=1.5, waiters=0)
    telemetry.event(
        table.REFRESH_ENDED, outcome="failed", duration=2.0, waiters=0, error_type="ServerError"
    )
    history = flight.history()
    assert history.round_trips == tuple(number / 1000 for number in range(40, 100))
    assert len(history.renewals) == 20
    told = [(each.outcome, each.duration, each.error_type) for each in history.renewals[-3:]]
    assert told == [("ok", 0.25, ""), ("discarded", 1.5, ""), ("failed", 2.0, "ServerError")]
