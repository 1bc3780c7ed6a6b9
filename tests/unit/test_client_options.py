"""A misspelt option must not be without effect, and a missing one has a sentence."""

from __future__ import annotations

from typing import Any

import pytest

from tui_chat import ConfigurationError, ConnectionPool, WebSocketChatClient

GOOD: dict[str, Any] = {
    "chat_server_url": "http://127.0.0.1:9",
    "user_mp_auth_token": "token",
    "chat_server_key": "key",
}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"ca_fiel": "x"}, "Did you mean 'ca_file'?"),
        ({"alow_plaintext": True}, "Did you mean 'allow_plaintext'?"),
        ({"zzz": 1}, "Known are: allow_plaintext, "),
        ({"chat_server_url": None}, "'chat_server_url' is missing"),
        ({"user_mp_auth_token": ""}, "'user_mp_auth_token' is missing or empty"),
        ({"chat_server_key": 7}, "'chat_server_key' is missing"),
    ],
)
async def test_options_that_cannot_be_used(changes: dict[str, Any], words: str) -> None:
    options = GOOD | changes
    with pytest.raises(ConfigurationError, match="option") as caught:
        await WebSocketChatClient().on_init(**options)
    assert words in str(caught.value)
    with pytest.raises(ConfigurationError):
        WebSocketChatClient().start(**options)
    with pytest.raises(ConfigurationError):
        async with WebSocketChatClient(**options):
            pytest.fail("it must not start")
    with pytest.raises(ConfigurationError):
        ConnectionPool(**options)


@pytest.mark.parametrize("missing", sorted(GOOD))
async def test_a_missing_option_is_named(missing: str) -> None:
    options = {name: value for name, value in GOOD.items() if name != missing}
    with pytest.raises(ConfigurationError, match=missing):
        await WebSocketChatClient().on_init(**options)
    with pytest.raises(ConfigurationError, match=missing):
        ConnectionPool(**options)


@pytest.mark.parametrize(
    "option", [{"toools": ()}, {"chat_server_url": "http://elsewhere"}, {"ticket_config": None}]
)
async def test_a_conversation_takes_what_belongs_to_one(option: Any) -> None:
    async with ConnectionPool(**GOOD) as pool:
        with pytest.raises(ConfigurationError, match="no option"):
            await pool.open(**option)
        with pytest.raises(ConfigurationError, match="no option"):
            pool.start(**option)
        assert not pool.clients
