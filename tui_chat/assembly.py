"""Puts together what a started client consists of, and takes it apart again."""

from __future__ import annotations

import random
import ssl
from collections.abc import Callable
from dataclasses import dataclass

import httpx

from tui_chat.client_options import ClientOptions
from tui_chat.clock import Clock
from tui_chat.connection.attempt import Link
from tui_chat.connection.hooks import SessionHooks
from tui_chat.connection.manager import WebSocketManager
from tui_chat.errors import TuiChatError
from tui_chat.network import resolve_network
from tui_chat.protocol.codec import MAX_FRAME_BYTES
from tui_chat.protocol.urls import ServerUrl
from tui_chat.rest.metadata import ThreadMetadata
from tui_chat.rest.threads import ThreadsApi
from tui_chat.telemetry import Telemetry
from tui_chat.ticket import AuthData, TicketManager, TicketSource
from tui_chat.ticket.events import TicketEvent
from tui_chat.ticket.http_api import USER_AGENT

__all__ = ["Parts", "Surroundings"]


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
    """

    clock: Clock
    rng: random.Random
    telemetry: Telemetry
    http_client: httpx.AsyncClient | None
    ssl_context: ssl.SSLContext | None
    source: TicketSource | None


@dataclass(frozen=True, slots=True)
class Parts:
    """What exists between a start and the disconnect that ends it.

    Attributes:
        tickets: owns the ticket.
        connection: keeps one session alive.
        metadata: the thread's metadata.
        unsubscribe: ends the listening to ticket events.
    """

    tickets: TicketManager
    connection: WebSocketManager
    metadata: ThreadMetadata
    unsubscribe: Callable[[], None]

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
        network = resolve_network(
            server,
            ssl_context=around.ssl_context,
            ca_file=options.get("ca_file"),
            client_certificate=options.get("client_certificate"),
            allow_plaintext=options.get("allow_plaintext", False),
        )
        auth = AuthData(
            options["user_mp_auth_token"],
            options["chat_server_key"],
            options.get("user_id"),
            options.get("entity_id"),
            options.get("entity_type"),
            options.get("provider_res_id"),
        )
        tickets = TicketManager(
            auth,
            server,
            options.get("ticket_config"),
            source=around.source,
            clock=around.clock,
            rng=around.rng,
            http_client=around.http_client,
            network=network,
        )
        threads = ThreadsApi(
            server,
            client=around.http_client,
            network=network,
            clock=around.clock,
        )
        link = Link(
            server,
            tickets,
            network,
            hooks=hooks,
            clock=around.clock,
            telemetry=around.telemetry,
            user_agent=USER_AGENT,
            max_frame=MAX_FRAME_BYTES,
        )
        return cls(
            tickets,
            WebSocketManager(link, rng=around.rng),
            ThreadMetadata(threads, auth=lambda: tickets.auth_data, failed=on_metadata_refused),
            tickets.subscribe(on_ticket),
        )

    async def close(self) -> None:
        """End the connection and forget the ticket; nothing is fetched from the first line on."""
        self.tickets.clear()  # also stops the renewal
        try:
            await self.connection.close()
            await self.metadata.aclose()
        finally:
            self.unsubscribe()
            await self.tickets.aclose()
