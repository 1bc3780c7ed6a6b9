"""The order in which a session is set up."""

from __future__ import annotations

from tui_chat.connection.session import SessionSetup
from tui_chat.protocol.client_frames import ConfigureTools
from tui_chat.protocol.server_frames import (
    ConfigurationRequest,
    SessionData,
    SessionEstablished,
    ToolsConfigured,
)

TOOLS = ConfigureTools([{"name": "clock"}], contextHelpers={"locale": "en"})


def ready(setup: SessionSetup) -> bool:
    return setup.ready


def test_with_nothing_to_configure_the_session_is_ready_at_once() -> None:
    setup = SessionSetup(lambda: None)
    assert not ready(setup)
    assert setup.receive(SessionEstablished(SessionData(capabilities=["a"]))) is None
    assert ready(setup)
    assert setup.capabilities == {"a"}


def test_with_tools_the_session_is_ready_when_they_are_configured() -> None:
    setup = SessionSetup(lambda: TOOLS)
    assert setup.receive(SessionEstablished()) is TOOLS
    assert not ready(setup)
    assert setup.receive(ToolsConfigured()) is None
    assert ready(setup)


def test_frames_out_of_order_make_nothing_ready() -> None:
    setup = SessionSetup(lambda: TOOLS)
    assert setup.receive(ToolsConfigured()) is None
    assert setup.receive(ConfigurationRequest()) is None
    assert not ready(setup)


def test_a_later_session_established_is_not_a_new_session() -> None:
    setup = SessionSetup(lambda: TOOLS)
    setup.receive(SessionEstablished())
    assert setup.receive(SessionEstablished()) is None
    setup.receive(ToolsConfigured())
    assert setup.receive(SessionEstablished(SessionData(capabilities=["late"]))) is None
    assert ready(setup)
    assert setup.capabilities == frozenset()


def test_the_server_may_ask_for_the_configuration_again() -> None:
    setup = SessionSetup(lambda: TOOLS)
    setup.receive(SessionEstablished())
    assert setup.receive(ConfigurationRequest()) is TOOLS
    nothing = SessionSetup(lambda: None)
    nothing.receive(SessionEstablished())
    assert nothing.receive(ConfigurationRequest()) == ConfigureTools([])
