"""HTTP bodies, headers and times, as servers of all kinds send them."""

from __future__ import annotations

import contextlib
import json
import math
from datetime import UTC, datetime

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui_chat.protocol.http import (
    MAX_RETRY_AFTER,
    ClientInfo,
    TicketAnswer,
    TicketRequest,
    ValidationAnswer,
    ValidationDetails,
    ValidationRequest,
    read_error,
    read_retry_after,
)
from tui_chat.protocol.timestamps import format_timestamp, parse_http_date, parse_timestamp
from tui_chat.text import is_clean


def test_ticket_request_keys_in_order() -> None:
    everything = TicketRequest("e", "BRAND", "p", ClientInfo("tui-chat", "t"), "u")
    assert msgspec.json.encode(everything) == (
        b'{"entityId":"e","entityType":"BRAND","providerResId":"p",'
        b'"clientInfo":{"userAgent":"tui-chat","timestamp":"t"},"userId":"u"}'
    )
    assert msgspec.json.encode(TicketRequest()) == b"{}", "what is unset is absent, never null"


def test_validation_bodies() -> None:
    assert msgspec.json.encode(ValidationRequest("t")) == b'{"ticket":"t"}'
    assert msgspec.json.encode(ValidationRequest("t", "e", "USER")) == (
        b'{"ticket":"t","entityId":"e","entityType":"USER"}'
    )
    answer = msgspec.json.decode(
        b'{"valid":false,"error":"spent","code":"TICKET_USED","details":{"invalid":true,"x":1}}',
        type=ValidationAnswer,
    )
    assert answer == ValidationAnswer(
        False, "spent", "TICKET_USED", ValidationDetails(invalid=True)
    )


def test_ticket_answer() -> None:
    body = b'{"success":true,"ticket":"abc","expiresAt":"2026-01-15T11:30:00.000Z","more":1}'
    assert msgspec.json.decode(body, type=TicketAnswer) == TicketAnswer(
        True, "abc", "2026-01-15T11:30:00.000Z"
    )
    assert msgspec.json.decode(b'{"success":false}', type=TicketAnswer).ticket == ""


@pytest.mark.parametrize(
    ("body", "text", "code"),
    [
        (
            b'{"success":false,"error":"Bad token","code":"AUTH_INVALID"}',
            "Bad token",
            "AUTH_INVALID",
        ),
        (b'{"error":{"message":"Bad token","code":"AUTH_INVALID"}}', "Bad token", "AUTH_INVALID"),
        (b'{"error":{"code":"AUTH_INVALID"},"message":"Outer"}', "", "AUTH_INVALID"),
        (b'{"detail":"Not allowed"}', "Not allowed", ""),
        (b'{"message":"Slow down"}', "Slow down", ""),
        (b'{"error":"","detail":"second"}', "second", ""),
        (b'{"error":"x","code":429}', "x", ""),
        (b'"just a sentence"', "just a sentence", ""),
        (b"<html><body>502 Bad Gateway</body></html>", "", ""),
        (b"Service Unavailable", "", ""),
        (b"", "", ""),
        (b"\xff\xfe", "", ""),
        (b"null", "", ""),
        (b"[]", "", ""),
        (b"{" * 100_000, "", ""),
        (b"[" * 1_000_000, "", ""),
        (b'{"error":"a\\u001b[31mb\\nc"}', "a\u241b[31mb c", ""),
    ],
)
def test_read_error(body: bytes, text: str, code: str) -> None:
    answer = read_error(body)
    assert (answer.text, answer.code) == (text, code)


@given(st.binary(max_size=300) | st.text().map(lambda text: json.dumps({"error": text}).encode()))
def test_read_error_takes_anything(body: bytes) -> None:
    answer = read_error(body)
    assert is_clean(answer.text)
    assert is_clean(answer.code)
    assert len(answer.text) <= 500
    assert len(answer.code) <= 64


NOW = datetime(2026, 1, 15, 11, 30, tzinfo=UTC).timestamp()


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("120", 120.0),
        (" 7 ", 7.0),
        ("1.5", 1.5),
        ("0", 0.0),
        ("-5", None),
        ("1e9", MAX_RETRY_AFTER),
        ("inf", MAX_RETRY_AFTER),
        ("-inf", None),
        ("nan", None),
        ("Thu, 15 Jan 2026 11:31:00 GMT", 60.0),
        ("Thu, 15 Jan 2026 11:29:00 GMT", 0.0),
        ("Fri, 31 Dec 9999 23:59:59 GMT", MAX_RETRY_AFTER),
        ("soon", None),
        ("", None),
        (None, None),
        ("9" * 65, None),
    ],
)
def test_retry_after(value: str | None, seconds: float | None) -> None:
    assert read_retry_after(value, NOW) == seconds


@given(st.text(st.characters(), max_size=80), st.floats(allow_nan=False, allow_infinity=False))
def test_retry_after_is_always_bounded(value: str, now: float) -> None:
    seconds = read_retry_after(value, now)
    assert seconds is None or 0 <= seconds <= MAX_RETRY_AFTER


@given(st.floats(0, 253_402_300_799))
def test_times_survive_to_the_millisecond(seconds: float) -> None:
    text = format_timestamp(seconds)
    assert len(text) == 24
    assert text.endswith("Z")
    assert parse_timestamp(text) == pytest.approx(seconds, abs=0.0011)


def test_timestamp_form() -> None:
    assert format_timestamp(NOW) == "2026-01-15T11:30:00.000Z"
    assert format_timestamp(NOW + 0.25) == "2026-01-15T11:30:00.250Z"
    assert format_timestamp(-62135596800) == "0001-01-01T00:00:00.000Z"


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("2026-01-15T11:30:00.000Z", NOW),
        ("2026-01-15T11:30:00Z", NOW),
        ("2026-01-15T12:30:00+01:00", NOW),
        ("2026-01-15T11:30:00", NOW),
        ("2026-01-15 11:30:00.500", NOW + 0.5),
        (" 2026-01-15T11:30:00.123456Z ", NOW + 0.123456),
    ],
)
def test_parse_timestamp(text: str, seconds: float) -> None:
    assert parse_timestamp(text) == pytest.approx(seconds)


@pytest.mark.parametrize("text", ["", "soon", "1768476600", "2026-13-01T00:00:00Z", "0" * 65])
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="ISO 8601"):
        parse_timestamp(text)


@pytest.mark.parametrize("seconds", [math.nan, math.inf, -math.inf, 1e18, -1e18])
def test_what_has_no_date_is_refused(seconds: float) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - the sentence differs between causes
        format_timestamp(seconds)


@given(st.text(st.characters(), max_size=80))
def test_hostile_times_raise_nothing_else(text: str) -> None:
    with contextlib.suppress(ValueError):
        assert math.isfinite(parse_timestamp(text))
    date = parse_http_date(text)
    assert date is None or math.isfinite(date)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("Thu, 15 Jan 2026 11:30:00 GMT", NOW),
        ("Thu, 15 Jan 2026 11:30:00 +0100", NOW - 3600),
        ("Thursday, 15-Jan-26 11:30:00 GMT", NOW),
        ("Thu, 99 Jan 2026 11:30:00 GMT", None),
        ("Thu, 15 Jan 2026", None),
        ("nonsense", None),
        ("", None),
        (None, None),
        ("x" * 65, None),
    ],
)
def test_http_date(text: str | None, seconds: float | None) -> None:
    assert parse_http_date(text) == seconds
