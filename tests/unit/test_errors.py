"""Errors: a sentence, a code, whether trying again can help."""

from __future__ import annotations

import inspect

import pytest

import tui_chat
from tui_chat import errors
from tui_chat.errors import (
    AuthLoop,
    ConnectionClosed,
    CredentialsRejected,
    HandshakeRejected,
    RateLimited,
    RequestRejected,
    ServerError,
    TicketRejected,
    TransientError,
    TuiChatError,
)

ALL = [
    kind
    for _, kind in inspect.getmembers(errors, inspect.isclass)
    if issubclass(kind, TuiChatError)
]

EXTRA: dict[type[TuiChatError], dict[str, object]] = {
    ConnectionClosed: {"close_code": 1006},
    HandshakeRejected: {"status": 418},
    RequestRejected: {"status": 404},
}


def make(kind: type[TuiChatError], **more: object) -> TuiChatError:
    return kind("What happened.", **EXTRA.get(kind, {}), **more)  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", ALL)
def test_every_error_has_sentence_code_and_retryable(kind: type[TuiChatError]) -> None:
    error = make(kind)
    assert str(error) == "What happened."
    assert error.code
    assert error.code == error.code.upper()
    assert isinstance(error.retryable, bool)
    assert error.retryable or not isinstance(error, TransientError)


@pytest.mark.parametrize("kind", ALL)
def test_the_servers_code_takes_the_place_of_the_class_code(kind: type[TuiChatError]) -> None:
    error = make(kind, code="SERVER_SAYS")
    assert error.code == "SERVER_SAYS"
    assert make(kind).code == kind.code, "one instance's code must not reach the class"


def test_codes_tell_the_classes_apart() -> None:
    codes = [kind.code for kind in ALL]
    assert sorted(codes) == sorted(set(codes))


def test_every_error_is_public() -> None:
    names = {kind.__name__ for kind in ALL}
    assert names == set(errors.__all__) - {"TicketRejection"}
    assert names <= set(tui_chat.__all__)


def test_details_are_kept() -> None:
    refused = ServerError("Busy.", status=503, retry_after=2.0)
    assert (refused.status, refused.retry_after) == (503, 2.0)
    assert RateLimited("Wait.", retry_after=7.5).retry_after == 7.5
    assert AuthLoop("Refused.", retry_after=60.0).retry_after == 60.0
    assert TicketRejected("Refused.", reason="used").reason == "used"
    assert TicketRejected("Refused.").reason == "invalid"
    assert CredentialsRejected("Refused.", status=401).status == 401
    closed = ConnectionClosed("Closed.", close_code=1012, reason="restart", initiator="server")
    assert (closed.close_code, closed.reason, closed.initiator) == (1012, "restart", "server")
