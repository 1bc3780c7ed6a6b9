"""The sentence for each error, from the error alone and with all the evidence there can be."""

from __future__ import annotations

import inspect
import math
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui_chat import errors
from tui_chat.diagnosis import Evidence, Trouble, diagnose
from tui_chat.errors import (
    AuthLoop,
    ConnectionClosed,
    NetworkError,
    RateLimited,
    RequestRejected,
    ServerError,
    TicketRejected,
    TicketUnusable,
    TuiChatError,
)

NOON = 1_795_435_200.0  # 2026-11-23T12:00:00Z


def closed(
    code: int, initiator: Literal["server", "client", "network"] = "server", reason: str = ""
) -> ConnectionClosed:
    return ConnectionClosed(f"closed {code}", close_code=code, initiator=initiator, reason=reason)


def every_error() -> list[TuiChatError]:
    """One of each class, made with what each of them needs."""
    made: list[TuiChatError] = []
    for name in errors.__all__:
        kind = getattr(errors, name)
        if not (isinstance(kind, type) and issubclass(kind, TuiChatError)):
            continue
        needs = inspect.signature(kind.__init__).parameters
        values: dict[str, Any] = {"status": 500, "close_code": 1006}
        made.append(kind("What happened.", **{key: values[key] for key in values if key in needs}))
    return made


@pytest.mark.parametrize("error", every_error(), ids=lambda error: type(error).__name__)
def test_every_error_has_a_diagnosis(error: TuiChatError) -> None:
    found = diagnose(error)
    assert found.sentence.endswith(".")
    assert str(found).startswith(found.sentence)
    if type(error) not in (TuiChatError, errors.TransientError):
        known_only_as_other = (
            errors.DeliveryUnknown,
            errors.MessageRefused,
            errors.NoSuchMessage,
            errors.PoolFull,
            errors.StorageError,
            errors.TicketCleared,
        )
        assert (found.trouble is Trouble.OTHER) is isinstance(error, known_only_as_other)


@pytest.mark.parametrize(
    ("error", "trouble", "words"),
    [
        (closed(1001), Trouble.RESTARTING, "going away (1001)"),
        (closed(1012, reason="v2"), Trouble.RESTARTING, "restarting (1012: v2)"),
        (closed(1013), Trouble.RESTARTING, "overloaded"),
        (closed(1011), Trouble.SERVER, "error of its own"),
        (closed(1009), Trouble.TOO_BIG, "too big for the server"),
        (closed(1009, "client"), Trouble.TOO_BIG, "more in one frame"),
        (closed(1006, "network"), Trouble.NETWORK, "without a word"),
        (closed(1000), Trouble.ENDED, "closed 1000"),
        (NetworkError("Gone.", code="UNREACHABLE"), Trouble.NETWORK, "Gone."),
        (NetworkError("No.", code="TLS_CLIENT_CERTIFICATE"), Trouble.CLIENT_CERTIFICATE, "No."),
        (RequestRejected("No.", status=404, code="USER_NOT_FOUND"), Trouble.CREDENTIALS, "No."),
        (RequestRejected("No.", status=405), Trouble.WRONG_ADDRESS, "No."),
        (RequestRejected("No.", status=422), Trouble.SERVER, "No."),
        (ServerError("Broken (500).", status=500), Trouble.SERVER, "Broken"),
        (ServerError("Busy (503).", status=503), Trouble.RESTARTING, "in maintenance"),
        (TicketUnusable("Strange."), Trouble.SERVER, "Strange."),
        (TicketUnusable("Late.", remaining=-5.0), Trouble.SERVER, "Late."),
    ],
)
def test_what_it_is(error: TuiChatError, trouble: Trouble, words: str) -> None:
    found = diagnose(error)
    assert found.trouble is trouble
    assert words in found.sentence


@pytest.mark.parametrize(
    ("evidence", "when"),
    [
        (Evidence(), " for 5 min."),
        (Evidence(now=NOON), ""),
        (Evidence(now=NOON, retry_in=60), " until 12:01:00."),
    ],
)
def test_until_when(evidence: Evidence, when: str) -> None:
    error = RateLimited("Too many.", retry_after=300)
    sentence = diagnose(error, evidence).sentence
    if when:
        assert sentence.endswith(f"left alone{when}")
    else:  # an attempt is under way: a time that moved on with the clock would be wrong
        assert sentence == "Too many."


def test_a_certificate_and_a_clock_that_is_off() -> None:
    error = NetworkError("It has expired.", advice="Or the clock is wrong.", code="TLS_EXPIRED")
    plain = diagnose(error, Evidence(now=NOON, clock_skew=2.0))
    assert plain.trouble is Trouble.TLS
    assert "clock (it says 2026-11-23 12:00 UTC)" in plain.advice
    behind = diagnose(error, Evidence(now=NOON, clock_skew=7500.0))
    assert behind.trouble is Trouble.CLOCK
    assert "clock is 2 h 5 min behind the server's" in behind.sentence
    ahead = diagnose(error, Evidence(clock_skew=-172_800.0))
    assert "clock is 2 d ahead of the server's" in ahead.sentence


def test_a_loop_of_refused_tickets_says_why_and_until_when() -> None:
    error = AuthLoop("Loop.", retry_after=60.0)
    error.__cause__ = TicketRejected("The server says that the ticket has expired.")
    found = diagnose(error, Evidence(now=NOON, retry_in=60, clock_skew=600))
    assert "no further try until 12:01:00" in found.sentence
    assert "has expired" in found.sentence
    assert "10 min behind" in found.sentence


@pytest.mark.parametrize(
    ("remaining", "words"), [(-3600.0, "1 h"), (-42.4, "42 s"), (-90_000.0, "1 d 1 h")]
)
def test_a_ticket_that_is_too_old_by_our_clock(remaining: float, words: str) -> None:
    error = TicketUnusable("Late.", remaining=remaining, by_server_clock=False)
    found = diagnose(error, Evidence(now=NOON))
    assert found.trouble is Trouble.CLOCK
    assert f"expired {words} before it arrived" in found.sentence
    assert "12:00:00" in found.sentence


numbers = st.none() | st.floats() | st.floats(-1e12, 1e12)


@given(st.sampled_from(every_error()), numbers, numbers, numbers, numbers)
def test_no_evidence_is_too_strange(
    error: TuiChatError,
    now: float | None,
    retry_in: float | None,
    skew: float | None,
    remaining: float | None,
) -> None:
    if isinstance(error, TicketUnusable):
        error = TicketUnusable("Late.", remaining=remaining, by_server_clock=False)
    found = diagnose(error, Evidence(now, retry_in, skew))
    assert found.sentence
    assert str(math.nan) not in found.sentence
