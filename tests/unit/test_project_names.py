"""A consumer of the original finds every name, with the arguments it was called with."""

from __future__ import annotations

import inspect
from dataclasses import fields

import pytest

import tui_chat
import tui_chat.ticket
from tui_chat import (
    AuthData,
    ConnectionStatus,
    TicketDebugInfo,
    TicketManager,
    TicketManagerConfig,
    WebSocketChatClient,
    WebSocketState,
)
from tui_chat.client_options import ClientOptions
from tui_chat.protocol import server_frames

TICKET_MANAGER = {
    "aclose": True,
    "clear": False,
    "get_debug_info": False,
    "get_expires_in": False,
    "get_valid_ticket": True,
    "is_valid": False,
    "refresh_ticket": True,
    "start_proactive_renewal": False,
    "stop_proactive_renewal": False,
    "update_auth_data": False,
    "validate_with_server": True,
}
CLIENT = {
    "add_client_tools": True,
    "disconnect": True,
    "get_connection_status": False,
    "handle_authentication_failure": False,
    "handle_connection_open": False,
    "handle_ticket_renewed": False,
    "is_ticket_valid": False,
    "on_init": True,
    "on_trigger_message": True,
    "reconnect": True,
    "refresh_ticket_and_reconnect": True,
    "start": False,
    "stop_run": True,
    "update_context_helpers": True,
    "update_entity_id": True,
    "update_metadata": True,
}


@pytest.mark.parametrize(
    ("kind", "name", "awaited"),
    [
        *((TicketManager, name, awaited) for name, awaited in TICKET_MANAGER.items()),
        *((WebSocketChatClient, name, awaited) for name, awaited in CLIENT.items()),
    ],
)
def test_methods(kind: type, name: str, awaited: bool) -> None:
    method = getattr(kind, name)
    assert inspect.iscoroutinefunction(method) is awaited
    assert (method.__doc__ or "").strip(), "a public method says what it does"


def test_the_client_can_be_entered_and_listened_to() -> None:
    assert inspect.iscoroutinefunction(WebSocketChatClient.__aenter__)
    assert inspect.iscoroutinefunction(WebSocketChatClient.__aexit__)
    assert hasattr(WebSocketChatClient().events(), "__anext__")


def test_connection_status() -> None:
    names = {field.name for field in fields(ConnectionStatus)}
    assert names >= {
        "connected",
        "reconnect_attempts",
        "is_reconnecting",
        "websocket_state",
        "has_valid_ticket",
        "ticket_expires_in",
    }
    assert [state.value for state in WebSocketState] == ["CONNECTING", "OPEN", "CLOSING", "CLOSED"]
    assert WebSocketChatClient().get_connection_status().websocket_state is None


def names_of(function: object, *skip: str) -> list[str]:
    return [
        name
        for name in inspect.signature(function).parameters  # type: ignore[arg-type]
        if name not in ("self", *skip)
    ]


def test_signatures_that_callers_rely_on() -> None:
    assert names_of(AuthData) == [
        "user_mp_auth_token",
        "chat_server_key",
        "user_id",
        "entity_id",
        "entity_type",
        "provider_res_id",
    ]
    assert names_of(TicketManagerConfig) == [
        "check_interval",
        "renewal_threshold",
        "max_attempts",
        "retry_base_delay",
        "request_timeout",
        "reuse",
        "on_error",
    ]
    manager = inspect.signature(TicketManager).parameters
    assert list(manager)[:3] == ["auth_data", "api_url", "config"]
    assert manager["source"].kind is manager["clock"].kind is inspect.Parameter.KEYWORD_ONLY
    assert names_of(TicketManager.start_proactive_renewal) == ["on_renewed"]
    assert names_of(WebSocketChatClient.on_trigger_message) == [
        "message",
        "media",
        "provider_res_id",
        "mcp_headers",
    ]
    assert set(ClientOptions.__annotations__) >= {
        "chat_server_url",
        "user_mp_auth_token",
        "chat_server_key",
        "user_id",
        "entity_id",
        "entity_type",
        "tools",
        "context_helpers",
        "ticket_config",
    }
    assert names_of(WebSocketChatClient.on_init) == names_of(WebSocketChatClient.start)


def test_defaults_that_callers_rely_on() -> None:
    config = TicketManagerConfig()
    assert (config.check_interval, config.renewal_threshold) == (60.0, 300.0)
    assert (config.max_attempts, config.retry_base_delay) == (3, 1.0)
    assert (config.request_timeout, config.reuse, config.on_error) == (30.0, "auto", None)
    WebSocketChatClient()  # needs nothing


def test_debug_info_says_what_the_original_said() -> None:
    assert {field.name for field in fields(TicketDebugInfo)} >= {
        "has_ticket",
        "is_valid",
        "expires_at",
    }


def test_the_ticket_package_exports_its_own() -> None:
    assert tui_chat.ticket.TicketManager is tui_chat.TicketManager
    assert tui_chat.ticket.AuthData is tui_chat.AuthData
    assert tui_chat.ticket.TicketManagerConfig is tui_chat.TicketManagerConfig


def test_public_modules_list_what_they_export() -> None:
    for module in (tui_chat, tui_chat.ticket, tui_chat.errors, server_frames):
        assert module.__doc__
        for name in module.__all__:
            assert hasattr(module, name)
