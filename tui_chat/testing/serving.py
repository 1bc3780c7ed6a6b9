"""The embedded chat server for tests: in the running event loop, or in a thread of its own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any, NamedTuple, TypeVar

from tui_chat.clock import Clock
from tui_chat.secret import MASK
from tui_chat.server.agent import Agent
from tui_chat.server.chat_server import ChatServer
from tui_chat.server.config import ServerConfig
from tui_chat.server.listening import listening
from tui_chat.server.offline_agent import OfflineAgent
from tui_chat.testing.threads import LoopThread

__all__ = ["Credentials", "RunningServer", "ServerThread", "running_server"]

T = TypeVar("T")


class Credentials(NamedTuple):
    """What a client needs to be let in.

    Attributes:
        token: the user's token.
        key: the server key.
    """

    token: str
    key: str

    def __repr__(self) -> str:
        return f"Credentials(token={MASK!r}, key={MASK!r})"


class RunningServer(ChatServer):
    """The server, and what its first user needs."""

    @property
    def token(self) -> str:
        """The first user's token."""
        return self.user.token.reveal()

    @property
    def key(self) -> str:
        """The first user's server key."""
        return self.user.key.reveal()

    @property
    def auth(self) -> Credentials:
        """Token and key of the first user."""
        return Credentials(self.token, self.key)

    @property
    def client_options(self) -> dict[str, Any]:
        """Address and credentials as ``WebSocketChatClient`` and its ``on_init`` take them."""
        return {
            "chat_server_url": self.url,
            "user_mp_auth_token": self.user.token,
            "chat_server_key": self.user.key,
        }


@asynccontextmanager
async def running_server(
    config: ServerConfig | None = None,
    *,
    agent: Agent | None = None,
    clock: Clock | None = None,
) -> AsyncIterator[RunningServer]:
    """Serve in the running event loop for the length of the block.

    Args:
        config: how the server behaves; by default on a free port, with one user whose credentials
            are made at random.
        agent: answers the messages; by default the built-in one, as fast as it goes.
        clock: tells the time; the machine's by default.

    Raises:
        CannotListen: if the address or the port cannot be used.
    """
    server = RunningServer(config, agent=agent or OfflineAgent(delay=0), clock=clock)
    async with listening(server):
        yield server


class ServerThread:
    """A server in a thread with an event loop of its own. Made by :meth:`running`.

    It works for every kind of test, async or not, and goes on while a test blocks. What it does is
    done in its own loop: from a plain test through :meth:`run`, from an async one through
    :meth:`run_async`. Reading what it has seen (``server.received``, ``server.ticket_requests``) is
    safe from anywhere.

    Attributes:
        server: the server itself; call its coroutines through the two methods only.
    """

    def __init__(self, server: RunningServer, thread: LoopThread) -> None:
        self.server = server
        self._thread = thread
        self.url = server.url

    @classmethod
    @contextmanager
    def running(
        cls, config: ServerConfig | None = None, *, agent: Agent | None = None
    ) -> Iterator[ServerThread]:
        """Serve for the length of the block; see :func:`running_server`.

        Raises:
            CannotListen: if the address or the port cannot be used.
        """
        with (
            LoopThread.running("chat server for tests") as thread,
            thread.entered(lambda: running_server(config, agent=agent)) as server,
        ):
            yield cls(server, thread)

    @property
    def token(self) -> str:
        """The first user's token."""
        return self.server.token

    @property
    def key(self) -> str:
        """The first user's server key."""
        return self.server.key

    @property
    def auth(self) -> Credentials:
        """Token and key of the first user."""
        return self.server.auth

    @property
    def client_options(self) -> dict[str, Any]:
        """Address and credentials as ``WebSocketChatClient`` and its ``on_init`` take them."""
        return self.server.client_options

    def run(self, action: Callable[[RunningServer], Awaitable[T]], *, timeout: float = 10.0) -> T:
        """Do something in the server's loop and wait for it; not for async tests.

        ``chat_server.run(lambda server: server.drop_all(code=1012))``

        Raises:
            TimeoutError: if it takes longer than ``timeout`` seconds.
        """
        return self._thread.call(lambda: action(self.server), timeout=timeout)

    async def run_async(self, action: Callable[[RunningServer], Awaitable[T]]) -> T:
        """Do something in the server's loop and wait for it, without blocking this one."""
        return await asyncio.wrap_future(self._thread.submit(lambda: action(self.server)))
