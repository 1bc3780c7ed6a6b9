"""What each frame from the server says about a message."""

from __future__ import annotations

from typing import Any

import pytest

from tui_chat.delivery.evidence import Evidence, Sign, evidence
from tui_chat.protocol.codec import SERVER_FRAMES, IgnoredFrame
from tui_chat.protocol.http import MAX_RETRY_AFTER

WORKING, ENDED, PERSISTED = Sign.WORKING, Sign.ENDED, Sign.PERSISTED


def of(text: str) -> Evidence | None:
    frame = SERVER_FRAMES.decode(text)
    assert not isinstance(frame, IgnoredFrame), frame
    return evidence(frame)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (
            '{"type":"chat_event","event":"content-delta","data":{"delta":"a"}}',
            Evidence(WORKING),
        ),
        (
            '{"type":"chat_event","event":"provider-event","data":{"type":"reasoning-start"}}',
            Evidence(WORKING),
        ),
        (
            '{"type":"tool_call_request","callId":"1","toolName":"t","parameters":{}}',
            Evidence(WORKING),
        ),
        (
            '{"type":"ui_component","toolCallId":"1","componentName":"c","status":"error"}',
            Evidence(WORKING),
        ),
        ('{"type":"thread_created","data":{"providerResId":"t"}}', Evidence(WORKING)),
        (
            '{"type":"thread_created","data":{"providerResId":"t","clientMessageId":"i"}}',
            Evidence(WORKING, "i"),
        ),
        ('{"type":"chat_finished"}', Evidence(ENDED)),
        ('{"type":"chat_finished","data":{"clientMessageId":"i"}}', Evidence(ENDED, "i")),
        ('{"type":"chat_finished","data":null}', Evidence(ENDED)),
        ('{"type":"messages_persisted"}', Evidence(PERSISTED)),
        ('{"type":"messages_persisted","data":{"clientMessageId":"i"}}', Evidence(PERSISTED, "i")),
        ('{"type":"chat_error","error":"no"}', Evidence(ENDED)),
        (
            '{"type":"chat_error","error":"no","data":{"details":{"clientMessageId":"i"}}}',
            Evidence(ENDED, "i"),
        ),
        ('{"type":"chat_error","error":"no","data":{"details":[1]}}', Evidence(ENDED)),
        ('{"type":"error","error":"no"}', None),
        ('{"type":"error","error":"no","data":{"details":{"clientMessageId":7}}}', None),
        ('{"type":"session_established"}', None),
        ('{"type":"tools_configured","data":{"toolCount":0,"toolNames":[]}}', None),
        ('{"type":"heartbeat_ping","timestamp":"t"}', None),
        ('{"type":"authentication_error","error":"e","code":"c"}', None),
    ],
)
def test_each_frame_says_this(text: str, found: Evidence | None) -> None:
    assert of(text) == found


def refusal(code: str | None, error: str = "not now", **details: Any) -> Evidence | None:
    import json

    data: dict[str, Any] = {"details": {"clientMessageId": "i", **details}}
    if code is not None:
        data["errorCode"] = code
    return of(json.dumps({"type": "error", "error": error, "data": data}))


@pytest.mark.parametrize(
    "code", ["MESSAGE_TOO_LONG", "TOO_MANY_FILES", "INVALID_MESSAGE_ID", "TOO_LARGE"]
)
def test_a_repeat_would_meet_these_refusals_again(code: str) -> None:
    assert refusal(code) == Evidence(Sign.REFUSED, "i", "not now")


@pytest.mark.parametrize(
    ("seconds", "wait"),
    [
        (3, 3.0),
        (0, 0.0),
        (2.5, 2.5),
        (1e9, MAX_RETRY_AFTER),
        (-1, None),
        (True, None),
        ("5", None),
        (None, None),
        ([], None),
    ],
)
def test_any_other_refusal_is_for_now_only(seconds: object, wait: float | None) -> None:
    assert refusal("BUSY", retryAfter=seconds) == Evidence(Sign.LATER, "i", "not now", wait)


def test_a_refusal_without_a_code_or_a_wait_is_for_now_only() -> None:
    assert refusal(None) == Evidence(Sign.LATER, "i", "not now")


def test_the_reason_is_cleaned_and_bounded() -> None:
    found = refusal("BUSY", "a\x1b[31mb\n" + "c" * 5000)
    assert found is not None
    assert "\x1b" not in found.note
    assert "\n" not in found.note
    assert len(found.note) <= 200


def test_a_code_takes_the_place_of_a_missing_reason() -> None:
    found = refusal("BU\nSY", "")
    assert found is not None
    assert found.note == "BU SY"
