"""Every way of writing a server's address means what a person would expect."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui_chat.errors import ConfigurationError
from tui_chat.protocol.addresses import TICKETS_PATH
from tui_chat.protocol.urls import ServerUrl
from tui_chat.text import is_clean


@pytest.mark.parametrize(
    ("typed", "tickets", "websocket"),
    [
        ("https://h", "https://h/api/v1/tickets", "wss://h/ws"),
        ("https://h/", "https://h/api/v1/tickets", "wss://h/ws"),
        ("https://h//", "https://h/api/v1/tickets", "wss://h/ws"),
        ("wss://h/ws", "https://h/api/v1/tickets", "wss://h/ws"),
        ("wss://h/ws/", "https://h/api/v1/tickets", "wss://h/ws"),
        ("https://h/chat/", "https://h/chat/api/v1/tickets", "wss://h/chat/ws"),
        ("https://h/chat/ws", "https://h/chat/api/v1/tickets", "wss://h/chat/ws"),
        ("https://h/news", "https://h/news/api/v1/tickets", "wss://h/news/ws"),
        ("http://h:8080", "http://h:8080/api/v1/tickets", "ws://h:8080/ws"),
        ("ws://127.0.0.1:8765", "http://127.0.0.1:8765/api/v1/tickets", "ws://127.0.0.1:8765/ws"),
        ("http://[::1]:8765/", "http://[::1]:8765/api/v1/tickets", "ws://[::1]:8765/ws"),
        ("https://h:443", "https://h/api/v1/tickets", "wss://h/ws"),
        ("https://h:80", "https://h:80/api/v1/tickets", "wss://h:80/ws"),
        ("HTTPS://H.Example", "https://h.example/api/v1/tickets", "wss://h.example/ws"),
        (" https://h ", "https://h/api/v1/tickets", "wss://h/ws"),
        ("https://h/?org=1", "https://h/api/v1/tickets?org=1", "wss://h/ws?org=1"),
        ("https://h/ws?org=1&x=%2F", "https://h/api/v1/tickets?org=1&x=%2F", "wss://h/ws?org=1&x=%2F"),
        ("https://h/a#part", "https://h/a/api/v1/tickets", "wss://h/a/ws"),
        ("https://h/%7Euser/", "https://h/%7Euser/api/v1/tickets", "wss://h/%7Euser/ws"),
        ("https://b\u00fccher.example", "https://xn--bcher-kva.example/api/v1/tickets",
         "wss://xn--bcher-kva.example/ws"),
        ("https://h/\u00fc", "https://h/%C3%BC/api/v1/tickets", "wss://h/%C3%BC/ws"),
    ],
)  # fmt: skip
def test_addresses(typed: str, tickets: str, websocket: str) -> None:
    url = ServerUrl.parse(typed)
    assert url.http(TICKETS_PATH) == tickets
    assert url.websocket() == websocket


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1))
def test_any_ticket_survives_encoding(ticket: str) -> None:
    for base in ("https://h", "https://h/chat/?org=1"):
        query = urlsplit(ServerUrl.parse(base).websocket(ticket)).query
        assert query.isascii()
        values = parse_qs(query, keep_blank_values=True, strict_parsing=True, errors="strict")
        assert values["ticket"] == [ticket]


def test_the_ticket_parameter_can_be_named() -> None:
    url = ServerUrl.parse("https://h?a=1").websocket("t+&#%/", parameter="t k")
    assert url == "wss://h/ws?a=1&t%20k=t%2B%26%23%25%2F"


@pytest.mark.parametrize(
    "typed",
    [
        "", "   ", "h", "h:80", "//h", "ftp://h", "file:///etc/passwd", "javascript:alert(1)",
        "https://", "https:///path", "https://h:0", "https://h:99999", "https://h:port",
        "https://[::1", "https://h/a b", "https://h/\x1b[31m", "https://h\n.evil", "https://h\\@evil",
        "https://user@h", "https://user:pass-canary@h", "https://h/\u202etxt", "https://h\ud800",
        "https://\u00af", "https://h\u2100", "https://h..x", 'https://h"x', "https://h%20x",
        "https://" + "x" * 64 + ".\u00fc",
    ],
)  # fmt: skip
def test_what_is_no_address_is_refused_with_a_sentence(typed: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        ServerUrl.parse(typed)
    sentence = str(caught.value)
    assert sentence.startswith("The server URL")
    assert sentence.endswith((".", "!"))
    assert is_clean(sentence)
    assert "pass-canary" not in sentence
    assert "pass-canary" not in repr(caught.value.__cause__)
    assert "pass-canary" not in repr(caught.value.__context__)


@given(st.text(st.characters(), max_size=60))
def test_anything_typed_gives_an_address_or_a_sentence(typed: str) -> None:
    for text in (typed, f"https://{typed}", f"https://h/{typed}", f"wss://h?{typed}"):
        url: ServerUrl | None = None
        sentence = ""
        try:
            url = ServerUrl.parse(text)
        except ConfigurationError as error:
            sentence = str(error)
        if url is None:
            assert sentence
            assert is_clean(sentence)
            continue
        assert is_clean(str(url))
        assert urlsplit(url.http("/x")).path.endswith("/x")
        again = ServerUrl.parse(url.websocket())
        assert again == url


@pytest.mark.parametrize(
    ("typed", "loopback"),
    [
        ("http://localhost", True),
        ("http://app.localhost:80", True),
        ("http://127.0.0.1:1", True),
        ("http://127.9.9.9", True),
        ("http://[::1]", True),
        ("http://localhost.evil.example", False),
        ("http://127.0.0.1.evil.example", False),
        ("http://10.0.0.1", False),
        ("http://0.0.0.0", False),
        ("https://h", False),
    ],
)
def test_loopback(typed: str, loopback: bool) -> None:
    assert ServerUrl.parse(typed).is_loopback is loopback


def test_what_is_shown_leaves_the_query_out() -> None:
    url = ServerUrl.parse("https://h:8443/chat/?private=1")
    assert str(url) == "https://h:8443/chat"
    assert url.origin == "https://h:8443"
