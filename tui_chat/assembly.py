"""Puts together what a started client consists of, and takes it apart again."""

from __future__ import annotations

import random
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import httpx

from tui_chat.client_options import ClientOptions
from tui_chat.clock import Clock
from tui_chat.connection.admission import Admission
from tui_chat.connection.attempt import Link
from tui_chat.connection.hooks import SessionHooks
from tui_chat.connection.manager import WebSocketManager
from tui_chat.errors import ConfigurationError, TuiChatError
from tui_chat.flight_recorder import FlightRecorder
from tui_chat.network import Network, resolve_network
from tui_chat.protocol.codec import MAX_FRAME_BYTES
from tui_chat.protocol.history import HistoryPage
from tui_chat.protocol.urls import ServerUrl
from tui_chat.rest.messages import MessagesApi
from tui_chat.rest.metadata import ThreadMetadata
from tui_chat.rest.threads import ThreadsApi
from tui_chat.telemetry import Telemetry
from tui_chat.ticket import AuthData, TicketManager, TicketSource
from tui_chat.ticket.events import TicketEvent, TicketView
from tui_chat.ticket.http_api import USER_AGENT

__all__ = ["Parts", "Shared", "Surroundings", "make_tickets", "route"]

HISTORY_PAGE: Final = 200
"""Messages asked for at once; the embedded server gives no more."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a client was made with; everything in it can be replaced by a test.

    Attributes:
        clock: the three clocks.
        rng: the source of jitter.
        telemetry: counters and notes.
        http_client: used for HTTP requests and not closed; None makes one.
        ssl_context: for HTTP and WebSocket alike; None takes the system's trust store.
        source: where tickets come from; None asks the chat server.
        shared: what the connections of a pool have in common, None for a client by itself.
        flight: remembers the latest frames and attempts, None where nobody looks.
    """

    clock: Clock
    rng: random.Random
    telemetry: Telemetry
    http_client: httpx.AsyncClient | None
    ssl_context: ssl.SSLContext | None
    source: TicketSource | None
    shared: Shared | None = None
    flight: FlightRecorder | None = None


@dataclass(frozen=True, slots=True)
class Shared:
    """What the connections of one pool have in common, made and ended by that pool.

    Attributes:
        tickets: owns the ticket of all of them.
        admission: says when one of them may connect.
        network: the way to the server.
        join: called before a client starts; raises if there is no place for it.
        leave: called when it has ended.
    """

    tickets: TicketManager
    admission: Admission
    network: Network
    join: Callable[[], None]
    leave: Callable[[], None]


@dataclass(frozen=True, slots=True)
class Parts:
    """What exists between a start and the disconnect that ends it.

    Attributes:
        tickets: owns the ticket.
        connection: keeps one session alive.
        metadata: the thread's metadata.
        messages: the threads' history.
        unsubscribe: ends the listening to ticket events.
        shared: what belongs to the pool and is not ended here, None without one.
    """

    tickets: TicketManager
    connection: WebSocketManager
    metadata: ThreadMetadata
    messages: MessagesApi
    unsubscribe: Callable[[], None]
    shared: Shared | None

    @classmethod
    def assemble(
        cls,
        options: ClientOptions,
        around: Surroundings,
        *,
        hooks: SessionHooks,
        on_ticket: Callable[[TicketEvent], None],
        on_metadata_refused: Callable[[TuiChatError], None],
    ) -> Parts:
        """Make the parts; nothing connects yet.

        Raises:
            ConfigurationError: if an option cannot be used.
        """
        server = ServerUrl.parse(options["chat_server_url"])
        shared = around.shared
        if shared is not None:
            shared.join()
        try:
            return cls._made(
                server,
                options,
                around,
                hooks=hooks,
                on_ticket=on_ticket,
                on_metadata_refused=on_metadata_refused,
            )
        except BaseException:
            if shared is not None:
                shared.leave()
            raise

    @classmethod
    def _made(
        cls,
        server: ServerUrl,
        options: ClientOptions,
        around: Surroundings,
        *,
        hooks: SessionHooks,
        on_ticket: Callable[[TicketEvent], None],
        on_metadata_refused: Callable[[TuiChatError], None],
    ) -> Parts:
        shared = around.shared
        network = route(server, options, around) if shared is None else shared.network
        tickets = (
            make_tickets(server, network, options, around) if shared is None else shared.tickets
        )
        admission = (
            Admission(around.rng, around.clock.boot()) if shared is None else shared.admission
        )
        client, clock = around.http_client, around.clock
        threads = ThreadsApi(server, client=client, network=network, clock=clock)
        link = Link(
            server,
            tickets,
            network,
            hooks=hooks,
            clock=around.clock,
            telemetry=around.telemetry,
            flight=around.flight or FlightRecorder(around.telemetry),
            user_agent=USER_AGENT,
            max_frame=MAX_FRAME_BYTES,
        )
        return cls(
            tickets,
            WebSocketManager(link, admission),
            ThreadMetadata(threads, auth=lambda: tickets.auth_data, failed=on_metadata_refused),
            MessagesApi(server, client=client, network=network, clock=clock),
            tickets.subscribe(on_ticket),
            shared,
        )

    async def history(self, thread_id: str, before: str | None) -> HistoryPage:
        """Return the newest page of a thread's history, or the one before a message.

        Raises:
            TuiChatError: why there is none.
        """
        return await self.messages.page(
            self.tickets.auth_data, thread_id=thread_id, before=before, limit=HISTORY_PAGE
        )

    async def close(self) -> None:
        """End the connection and forget the ticket; nothing is fetched from the first line on."""
        if self.shared is None:
            self.tickets.clear()  # also stops the renewal
        try:
            await self.connection.close()
            await self.metadata.aclose()
            await self.messages.aclose()
        finally:
            self.unsubscribe()
            if self.shared is None:
                await self.tickets.aclose()
            else:
                self.shared.leave()

    def start_renewal(self, on_renewed: Callable[[TicketView], object]) -> None:
        """Keep a fresh ticket ready; where a pool does that, it does not tell each client."""
        self.tickets.start_proactive_renewal(None if self.shared else on_renewed)

    def update_auth_data(self, **changes: Any) -> None:
        """Change the credentials of this client.

        Raises:
            ConfigurationError: if they are those of a whole pool.
        """
        if self.shared is not None:
            raise ConfigurationError(
                "This client shares its tickets with others; change the pool's credentials instead."
            )
        self.tickets.update_auth_data(**changes)


def route(server: ServerUrl, options: ClientOptions, around: Surroundings) -> Network:
    """Return the way to the server that options and environment say.

    Raises:
        ConfigurationError: if there is no such way.
    """
    return resolve_network(
        server,
        ssl_context=around.ssl_context,
        ca_file=options.get("ca_file"),
        client_certificate=options.get("client_certificate"),
        allow_plaintext=options.get("allow_plaintext", False),
    )


def make_tickets(
    server: ServerUrl, network: Network, options: ClientOptions, around: Surroundings
) -> TicketManager:
    """Return a ticket manager with the credentials in the options.

    Raises:
        ConfigurationError: if they cannot be used.
    """
    auth = AuthData(
        options["user_mp_auth_token"],
        options["chat_server_key"],
        options.get("user_id"),
        options.get("entity_id"),
        options.get("entity_type"),
        options.get("provider_res_id"),
    )
    return TicketManager(
        auth,
        server,
        options.get("ticket_config"),
        source=around.source,
        clock=around.clock,
        rng=around.rng,
        http_client=around.http_client,
        network=network,
        telemetry=around.telemetry,
    )
