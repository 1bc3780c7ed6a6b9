"""What is done about each way an attempt or a connection can end."""

from __future__ import annotations

import pytest

from tui_chat.connection.policy import (
    authentication_failure,
    close_error,
    handshake_error,
    judge,
)
from tui_chat.errors import (
    AuthLoop,
    ConfigurationError,
    ConnectionClosed,
    CredentialsRejected,
    HandshakeRejected,
    NetworkError,
    RateLimited,
    RequestRejected,
    RequestTimeout,
    ServerError,
    SessionTimeout,
    TicketCleared,
    TicketRejected,
    TicketUnusable,
)

CLOSES = {
    1000: ("backoff", "server", False),
    1001: ("backoff", "server", False),
    1002: ("backoff", "server", True),
    1003: ("backoff", "server", True),
    1005: ("backoff", "server", False),
    1006: ("backoff", "server", False),
    1007: ("backoff", "server", True),
    1008: ("new_ticket", "server", False),
    1009: ("backoff", "server", True),
    1010: ("backoff", "server", True),
    1011: ("backoff", "server", False),
    1012: ("backoff", "restarting", False),
    1013: ("backoff", "restarting", False),
    1014: ("backoff", "server", False),
    3000: ("new_ticket", "server", False),
    3003: ("fail", "server", False),
    4401: ("new_ticket", "server", False),
    4403: ("fail", "server", False),
    4999: ("backoff", "server", False),
}


@pytest.mark.parametrize("code", CLOSES)
def test_close_code_table(code: int) -> None:
    verdict = judge(close_error(code, "", "server"))
    assert (verdict.action, verdict.failure, verdict.strike) == CLOSES[code]


def test_a_close_of_our_own_is_never_about_the_ticket() -> None:
    assert isinstance(close_error(1008, "", "client"), ConnectionClosed)


@pytest.mark.parametrize(
    ("status", "code", "expected"),
    [
        (401, "", TicketRejected),
        (401, "TICKET_EXPIRED", TicketRejected),
        (401, "TICKET_USED", TicketRejected),
        (401, "AUTH_INVALID", CredentialsRejected),
        (401, "SERVER_KEY_INVALID", CredentialsRejected),
        (403, "", CredentialsRejected),
        (403, "TICKET_INVALID", TicketRejected),
        (404, "", HandshakeRejected),
        (302, "", HandshakeRejected),
        (408, "", ServerError),
        (425, "", ServerError),
        (429, "", RateLimited),
        (500, "", ServerError),
        (503, "", ServerError),
        (599, "", ServerError),
    ],
)
def test_handshake_status(status: int, code: str, expected: type[Exception]) -> None:
    assert type(handshake_error(status, "", code)) is expected


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("TICKET_EXPIRED", "expired"),
        ("TICKET_USED", "used"),
        ("TICKET_INVALID", "invalid"),
        ("NEW", "invalid"),
    ],
)
def test_what_the_server_said_about_the_ticket(code: str, reason: str) -> None:
    error = authentication_failure("said so", code)
    assert isinstance(error, TicketRejected)
    assert error.reason == reason
    assert error.code == code
    assert "said so" in str(error)


def test_the_word_of_the_server_counts_more_than_the_close_code() -> None:
    assert isinstance(authentication_failure("", "TICKET_USED", close=4403), TicketRejected)
    assert isinstance(authentication_failure("", "AUTH_INVALID", close=4401), CredentialsRejected)


@pytest.mark.parametrize(
    ("error", "action", "failure"),
    [
        (NetworkError("x"), "backoff", "nobody"),
        (NetworkError("x", reached=True), "backoff", "server"),
        (RequestTimeout("x"), "backoff", "server"),
        (SessionTimeout("x"), "backoff", "server"),
        (ServerError("x", status=500), "backoff", "server"),
        (ServerError("x", status=503, retry_after=7.0), "pause", "server"),
        (RateLimited("x", retry_after=3.0), "pause", "server"),
        (RateLimited("x"), "backoff", "server"),
        (AuthLoop("x", retry_after=60.0), "pause", "server"),
        (TicketUnusable("x"), "backoff", "server"),
        (TicketCleared("x"), "backoff", "server"),
        (CredentialsRejected("x"), "fail", "server"),
        (ConfigurationError("x"), "fail", "server"),
        (RequestRejected("x", status=404), "fail", "server"),
    ],
)
def test_other_failures(error: Exception, action: str, failure: str) -> None:
    verdict = judge(error)  # type: ignore[arg-type]
    assert (verdict.action, verdict.failure) == (action, failure)


def test_a_pause_is_as_long_as_the_server_asked() -> None:
    assert judge(RateLimited("x", retry_after=42.0)).pause == 42.0
