"""Fixtures for pytest: ``pytest_plugins = ["tui_chat.testing.fixtures"]`` in your conftest.

They need no plugin for async tests and work with each of them, because server and proxy run in
threads of their own. Where a test wants them in its own event loop, there are
:func:`~tui_chat.testing.running_server` and ``FaultProxy.running()``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from tui_chat.server.agent import Agent
from tui_chat.server.config import ServerConfig
from tui_chat.testing.keyring import MemoryKeyring
from tui_chat.testing.proxythread import FaultProxyThread
from tui_chat.testing.serving import ServerThread
from tui_chat.testing.tickets import ScriptedTicketSource

__all__ = ["chat_server", "chat_server_factory", "fault_proxy", "memory_keyring", "ticket_source"]

ServerFactory = Callable[..., ServerThread]


@pytest.fixture
def chat_server_factory() -> Iterator[ServerFactory]:
    """Return ``make(config=None, *, agent=None)``, which starts a chat server on a free port.

    All that were made are stopped when the test has ended.
    """
    with ExitStack() as stack:

        def make(config: ServerConfig | None = None, *, agent: Agent | None = None) -> ServerThread:
            return stack.enter_context(ServerThread.running(config, agent=agent))

        yield make


@pytest.fixture
def chat_server(chat_server_factory: ServerFactory) -> ServerThread:
    """Return a running chat server with one user, whose credentials are made at random."""
    return chat_server_factory()


@pytest.fixture
def fault_proxy(chat_server: ServerThread) -> Iterator[FaultProxyThread]:
    """Return a fault proxy in front of ``chat_server``; nothing goes wrong at first."""
    with FaultProxyThread.running(chat_server.url) as proxy:
        yield proxy


@pytest.fixture
def ticket_source() -> ScriptedTicketSource:
    """Return a ticket source that grants tickets for five minutes until it is told otherwise."""
    return ScriptedTicketSource()


@pytest.fixture
def memory_keyring() -> Iterator[MemoryKeyring]:
    """Return an empty keyring in memory, which is the process's keyring during the test."""
    with MemoryKeyring().installed() as ring:
        yield ring
