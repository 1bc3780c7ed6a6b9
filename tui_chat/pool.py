"""ConnectionPool: several conversations with one server, as one user.

They have one ticket manager, one backoff, one handshake budget and one circuit, so that ten
conversations cost the server hardly more than one, above all when it is in trouble.
"""

from __future__ import annotations

import asyncio
import random
import ssl
from typing import Any, Final, Self, Unpack, cast

import httpx

from tui_chat.assembly import Shared, Surroundings, make_tickets, route
from tui_chat.chat_client import WebSocketChatClient
from tui_chat.client_options import ClientOptions, ConversationOptions, check_names, check_options
from tui_chat.clock import Clock, SystemClock
from tui_chat.connection.admission import Admission
from tui_chat.errors import ClientClosed, ConfigurationError, PoolFull
from tui_chat.protocol.urls import ServerUrl
from tui_chat.secret import Secret
from tui_chat.telemetry import Telemetry
from tui_chat.ticket import TicketManager, TicketSource

__all__ = ["ConnectionPool"]

MAX_CONNECTIONS: Final = 32
MAX_CONNECTING: Final = 4


class ConnectionPool:
    """Makes clients that share everything but their socket and their conversation.

    ``async with ConnectionPool(chat_server_url=..., ...) as pool`` ends all of them at the end;
    ``client = await pool.open()`` makes one, ``await client.disconnect()`` gives its place back.
    All methods belong to one event loop.

    Args:
        max_connections: conversations at the same time.
        max_connecting: of those, how many may connect at the same time while all goes well. In an
            outage it is one.
        clock: the three clocks; the system's by default.
        rng: the source of jitter.
        http_client: used for HTTP requests and not closed; by default the pool makes its own.
        ssl_context: for HTTP and WebSocket alike; by default the system's trust store.
        source: where tickets come from, for servers with another ticket API.
        options: :class:`~tui_chat.client_options.ClientOptions`, those of a single conversation
            left out.

    Raises:
        ConfigurationError: if an option cannot be used.
    """

    def __init__(
        self,
        *,
        max_connections: int = MAX_CONNECTIONS,
        max_connecting: int = MAX_CONNECTING,
        clock: Clock | None = None,
        rng: random.Random | None = None,
        http_client: httpx.AsyncClient | None = None,
        ssl_context: ssl.SSLContext | None = None,
        source: TicketSource | None = None,
        **options: Unpack[ClientOptions],
    ) -> None:
        check_options(options)
        for name in ("user_mp_auth_token", "chat_server_key"):
            cast("dict[str, Any]", options)[name] = Secret(cast("dict[str, Any]", options)[name])
        if max_connections < 1 or max_connecting < 1:
            raise ConfigurationError("A pool needs room for at least one connection.")
        if misplaced := _OF_A_CONVERSATION & options.keys():
            raise ConfigurationError(
                f"{', '.join(sorted(misplaced))} belongs to a single conversation: give it to "
                "open() or start()."
            )
        self._options = options
        self._max_connections = max_connections
        self._clock = clock or SystemClock()
        self._rng = rng or random.Random()  # noqa: S311 - jitter, not a secret
        self._around = Surroundings(
            clock=self._clock,
            rng=self._rng,
            telemetry=Telemetry(self._clock),
            http_client=http_client,
            ssl_context=ssl_context,
            source=source,
        )
        server = ServerUrl.parse(options["chat_server_url"])
        self._network = route(server, options, self._around)
        self._tickets = make_tickets(server, self._network, options, self._around)
        self._admission = Admission(self._rng, self._clock.boot(), concurrency=max_connecting)
        self._clients: set[WebSocketChatClient] = set()
        self._closed = False

    @property
    def tickets(self) -> TicketManager:
        """The ticket manager that all of them share."""
        return self._tickets

    @property
    def telemetry(self) -> Telemetry:
        """What the shared ticket manager measures; each client has telemetry of its own."""
        return self._around.telemetry

    @property
    def clients(self) -> frozenset[WebSocketChatClient]:
        """The clients made here that have a place in the pool now."""
        return frozenset(self._clients)

    async def open(self, **conversation: Unpack[ConversationOptions]) -> WebSocketChatClient:
        """Return a client whose session is ready.

        Args:
            conversation: see :class:`~tui_chat.client_options.ConversationOptions`.

        Raises:
            PoolFull: if there is no place for another connection.
            ClientClosed: after :meth:`aclose`.
            TuiChatError: why the session could not be made. Nothing goes on behind it.
        """
        client = self._new_client()
        await client.on_init(**self._options_with(conversation))
        return client

    def start(self, **conversation: Unpack[ConversationOptions]) -> WebSocketChatClient:
        """Return a client that connects in the background and keeps trying.

        Args:
            conversation: see :class:`~tui_chat.client_options.ConversationOptions`.

        Raises:
            PoolFull: if there is no place for another connection.
            ClientClosed: after :meth:`aclose`.
            ConfigurationError: if an option cannot be used.
        """
        client = self._new_client()
        client.start(**self._options_with(conversation))
        return client

    async def aclose(self) -> None:
        """Disconnect all clients and forget the ticket. Idempotent; takes about a second."""
        self._closed = True
        self._tickets.clear()  # nothing is fetched from here on
        try:
            await asyncio.gather(*(client.disconnect() for client in self.clients))
        finally:
            await self._tickets.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    def __repr__(self) -> str:
        return f"ConnectionPool({len(self.clients)} of {self._max_connections})"

    # -- inside ---------------------------------------------------------------------------------

    def _options_with(self, conversation: ConversationOptions) -> ClientOptions:
        check_names(conversation, ConversationOptions)
        return cast("ClientOptions", {**self._options, **conversation})

    def _new_client(self) -> WebSocketChatClient:
        self._check_room()
        around, admission = self._around, self._admission

        def join() -> None:
            self._check_room()
            self._clients.add(client)
            admission.members = len(self._clients)

        def leave() -> None:
            self._clients.discard(client)
            admission.members = len(self._clients)

        client = WebSocketChatClient(
            clock=around.clock,
            rng=around.rng,
            http_client=around.http_client,
            ssl_context=around.ssl_context,
            shared=Shared(self._tickets, admission, self._network, join, leave),
        )
        return client

    def _check_room(self) -> None:
        if self._closed:
            raise ClientClosed("The connection pool is closed; make a new one.")
        if len(self._clients) >= self._max_connections:
            raise PoolFull(
                f"All {self._max_connections} connections of the pool are in use. Disconnect one, "
                "or make the pool larger."
            )


_OF_A_CONVERSATION: Final = ConversationOptions.__optional_keys__
