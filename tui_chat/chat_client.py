"""WebSocketChatClient: orchestrates tickets, connection, conversation and tools, and only that."""

from __future__ import annotations

import asyncio
import random
import ssl
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final, Self, Unpack

import httpx

from tui_chat.assembly import Parts, Shared, Surroundings
from tui_chat.client_options import ClientOptions, check_options
from tui_chat.clock import Clock, SystemClock
from tui_chat.connection.manager import ReconnectCause
from tui_chat.connection.status import ConnectionStatus
from tui_chat.conversation.model import Message
from tui_chat.debug_info import ClientDebugInfo
from tui_chat.delivery.framing import SecretResolver
from tui_chat.delivery.item import SecretReference
from tui_chat.delivery.record import ConversationRecord, MemoryRecord
from tui_chat.dialogue import Dialogue
from tui_chat.errors import ClientClosed, ConfigurationError, NotConnected, TuiChatError
from tui_chat.event_stream import EventStream
from tui_chat.events import ChatEvent, ConnectionChanged
from tui_chat.flight_recorder import FlightRecorder
from tui_chat.protocol.client_frames import ClientFrame, StopRun
from tui_chat.protocol.history import HistoryPage
from tui_chat.secret import Secret
from tui_chat.telemetry import Telemetry
from tui_chat.ticket import TicketSource
from tui_chat.ticket.events import TicketView
from tui_chat.tools import ClientTool

__all__ = ["WebSocketChatClient"]

_SECRET_OPTIONS: Final = ("user_mp_auth_token", "chat_server_key")


class WebSocketChatClient:
    """A chat session that stays up.

    ``await client.on_init(...)`` connects, ``await client.on_trigger_message("hello")`` talks,
    ``async for event in client.events()`` listens, ``await client.disconnect()`` ends it.
    ``async with WebSocketChatClient(chat_server_url=..., ...) as client`` does the first and the
    last for you. All methods belong to the event loop in which the client was started.

    Args:
        clock: the three clocks; the system's by default.
        rng: the source of jitter.
        http_client: used for HTTP requests and not closed; by default the client makes its own.
        ssl_context: for HTTP and WebSocket alike; by default the system's trust store.
        source: where tickets come from, for servers with another ticket API.
        shared: given by a :class:`~tui_chat.ConnectionPool` to the clients it makes.
        record: where conversation and outbox are kept, from
            :meth:`tui_chat.storage.Store.resume`; by default in memory only.
        secrets: looks up a secret by its name, for messages with headers for MCP servers.
        send_leftovers: whether messages that an earlier run left in the record are sent without
            asking; otherwise they wait for ``delivery.release()``.
        options: :class:`ClientOptions`, for use as an async context manager.

    Attributes:
        telemetry: what is measured; see :mod:`tui_chat.telemetry`.
        delivery: the outbox: what waits, and what can be done about it.
    """

    def __init__(
        self,
        *,
        clock: Clock | None = None,
        rng: random.Random | None = None,
        http_client: httpx.AsyncClient | None = None,
        ssl_context: ssl.SSLContext | None = None,
        source: TicketSource | None = None,
        shared: Shared | None = None,
        record: ConversationRecord | None = None,
        secrets: SecretResolver | None = None,
        send_leftovers: bool = False,
        **options: Any,
    ) -> None:
        clock = clock or SystemClock()
        self.telemetry = Telemetry(clock)
        self._flight = FlightRecorder(self.telemetry)
        self._around = Surroundings(
            clock=clock,
            rng=rng or random.Random(),  # noqa: S311 - jitter, not a secret
            telemetry=self.telemetry,
            http_client=http_client,
            ssl_context=ssl_context,
            source=source,
            shared=shared,
            flight=self._flight,
        )
        self._options: dict[str, Any] = {
            name: Secret(value) if name in _SECRET_OPTIONS and isinstance(value, str) else value
            for name, value in options.items()
        }
        self._running: Parts | None = None
        self._ending: asyncio.Task[None] | None = None
        self._departures = 0
        self._last_status = ConnectionStatus()
        self._events = EventStream()
        self._dialogue = Dialogue(
            self,
            send=self._send,
            clock=clock,
            telemetry=self.telemetry,
            events=self._events,
            record=record or MemoryRecord(),
            fetch=self._fetch_history,
            secrets=secrets,
            send_leftovers=send_leftovers,
        )
        self.delivery = self._dialogue.delivery

    def __repr__(self) -> str:
        status = self.get_connection_status()
        return f"WebSocketChatClient({status.server!r}, {status.state.value!r})"

    # -- life -----------------------------------------------------------------------------------

    async def on_init(self, **options: Unpack[ClientOptions]) -> None:
        """Connect, and return when the first session is ready.

        Args:
            options: see :class:`ClientOptions`.

        Raises:
            ConfigurationError: if an option cannot be used, or the client is started already.
            TuiChatError: why the first session could not be made. Nothing goes on behind it.
        """
        departures = self._departures
        if self._ending is not None:
            await asyncio.shield(self._ending)
        if departures != self._departures:
            raise ClientClosed("The client was disconnected before it was started.")
        running = self._begin(options, keep_trying=False)
        try:
            await running.connection.wait_ready()
        except BaseException:
            await self.disconnect()
            raise

    def start(self, **options: Unpack[ClientOptions]) -> None:
        """Connect in the background and keep trying; :meth:`events` tells how it goes.

        Args:
            options: see :class:`ClientOptions`.

        Raises:
            ConfigurationError: if an option cannot be used, or the client is started already.
        """
        self._begin(options, keep_trying=True)

    def _begin(self, options: ClientOptions, *, keep_trying: bool) -> Parts:
        check_options(options)
        for name in _SECRET_OPTIONS:
            # In place: the caller's frames hold this very dictionary.
            options[name] = Secret(options[name])
        if self._running is not None:
            raise ConfigurationError(
                "This client is started already. Call disconnect() first.", code="ALREADY_STARTED"
            )
        self._dialogue.offer_tools(options.get("tools", ()))
        if (context := options.get("context_helpers")) is not None:
            self._dialogue.merge_context(context)
        parts = Parts.assemble(
            options,
            self._around,
            hooks=self._dialogue,
            on_ticket=self._dialogue.ticket_changed,
            on_metadata_refused=self._dialogue.metadata_refused,
        )
        self._running = parts
        if (thread := options.get("provider_res_id")) is not None:
            self._dialogue.continue_thread(thread)
        self._events.open()
        self.delivery.start()
        parts.start_renewal(self.handle_ticket_renewed)
        parts.connection.start(keep_trying=keep_trying)
        return parts

    async def disconnect(self) -> None:
        """End the connection for good and forget the ticket. Idempotent.

        Nothing connects and nothing is fetched afterwards until :meth:`on_init` or :meth:`start`
        is called again. Takes at most about a second.
        """
        self._departures += 1
        if self._running is not None and self._ending is None:
            # A task of its own: whoever waits may be cancelled, and several may wait.
            self._ending = asyncio.create_task(self._end(self._running), name="tui-chat end")
        if self._ending is not None:
            await asyncio.shield(self._ending)

    async def _end(self, running: Parts) -> None:
        try:
            self.delivery.session_over(None)  # what is on its way stays unknown
            await running.close()
            await self._dialogue.close()
        finally:
            self._ended(running)

    def _ended(self, running: Parts) -> None:
        self._running = self._ending = None
        self._last_status = replace(
            running.connection.status, has_valid_ticket=False, ticket_expires_in=None
        )
        self._events.publish(ConnectionChanged(self._last_status))
        self._events.close()

    async def __aenter__(self) -> Self:
        await self.on_init(**self._options)
        return self

    async def __aexit__(self, kind: object, *_: object) -> None:
        if kind is None:  # as a file is written when its block is left in good order
            await self.delivery.left()
        await self.disconnect()

    async def reconnect(self) -> None:
        """Replace the connection, or cut the waiting for one short; return when it is ready.

        An attempt that is under way is joined. Where the server asked to wait, or an open circuit
        imposes it, the first call keeps waiting and a second one insists.

        Raises:
            ClientClosed: if the client is not started, or is disconnected meanwhile.
            TuiChatError: why the connection has failed for good.
        """
        connection = self._started().connection
        connection.reconnect_now("user")
        await connection.wait_ready()

    async def refresh_ticket_and_reconnect(self) -> None:
        """Fetch a fresh ticket, then reconnect with it; return when the session is ready.

        Raises:
            ClientClosed: if the client is not started, or is disconnected meanwhile.
            TuiChatError: why there is no ticket, or why the connection has failed for good.
        """
        await self._started().tickets.renew()
        await self.reconnect()

    def reconnect_now(self, cause: ReconnectCause = "user") -> bool:
        """Like :meth:`reconnect` without waiting; see :meth:`WebSocketManager.reconnect_now`."""
        stopped = self._running is None or self._ending is not None
        return not stopped and self._started().connection.reconnect_now(cause)

    # -- looking --------------------------------------------------------------------------------

    def get_connection_status(self) -> ConnectionStatus:
        """Return a snapshot of the connection; ``ticket_expires_in`` is in milliseconds."""
        return self._last_status if self._running is None else self._running.connection.status

    def is_ticket_valid(self) -> bool:
        """Say whether a handshake could start without asking for a ticket."""
        return self._running is not None and self._running.tickets.is_valid()

    def events(self) -> AsyncIterator[ChatEvent]:
        """Return an iterator over what happens from this call on, until :meth:`disconnect`.

        Any number of readers may exist. One that falls behind gets ``Lagged(count)`` in place of
        the events it missed, and finds the present state in :meth:`snapshot` and
        :meth:`get_connection_status`.
        """
        return self._events.read()

    def snapshot(self) -> tuple[Message, ...]:
        """Return copies of all messages, oldest first."""
        return self._dialogue.snapshot()

    @property
    def thread_id(self) -> str | None:
        """The server's name for the thread, None before it said so."""
        return self._dialogue.conversation.thread_id

    @property
    def running(self) -> bool:
        """Whether a reply is being made, or a message is about to ask for one."""
        return self._dialogue.conversation.running or self.delivery.about_to_send

    def get_debug_info(self) -> ClientDebugInfo:
        """Return everything worth knowing for finding out what is wrong, without any secret."""
        status, tickets = self.get_connection_status(), getattr(self._running, "tickets", None)
        return ClientDebugInfo.of(status, tickets, self._flight, self._dialogue.capabilities)

    def keep_frames(self, *, on: bool) -> None:
        """Keep what frames hold for the debug info, masked; switching that off forgets it."""
        self._flight.keep_frames(on=on)

    # -- talking --------------------------------------------------------------------------------

    async def on_trigger_message(
        self,
        message: str,
        media: Sequence[str] = (),
        provider_res_id: str | None = None,
        *,
        mcp_headers: Mapping[str, Mapping[str, SecretReference]] | None = None,
    ) -> str:
        """Send a message of the user; return its id when it is safely accepted.

        It leaves in the order of these calls, when a session is ready and the run before it has
        ended; without a session an attempt to connect begins at once. :meth:`events` and
        :attr:`delivery` tell what becomes of it.

        Args:
            message: the text.
            media: URLs of uploads that go with it.
            provider_res_id: the thread, by default the conversation's.
            mcp_headers: per MCP server and header, the name of the secret that is its value.

        Raises:
            ClientClosed: if the client is not started.
            MessageRefused: if it is empty or too large, or too much is waiting (``OutboxFull``).
            StorageError: if it could not be kept, on a full disk for instance.
            ConfigurationError: if a header is given with its value instead of a name.
        """
        self._started()
        accepted = await self.delivery.accept(message, media, provider_res_id, mcp_headers)
        if self._running is not None and not self._running.connection.ready:
            self.reconnect_now("message")
        return accepted

    async def stop_run(self) -> None:
        """Ask the server to end the run that is going on; nothing happens if none is.

        Raises:
            NotConnected: if there is no session to ask on.
        """
        if self._dialogue.conversation.running and (thread := self.thread_id) is not None:
            await self._started().connection.send(StopRun(thread))
            self._dialogue.stop_requested()

    async def add_client_tools(self, tools: Iterable[ClientTool]) -> None:
        """Offer more tools; a name that is known already is replaced, never sent twice."""
        self._dialogue.offer_tools(tools)

    async def update_context_helpers(self, context_helpers: Mapping[str, Any]) -> None:
        """Merge ``context_helpers`` into the context and tell the server the whole of it."""
        self._dialogue.merge_context(context_helpers)

    async def update_entity_id(self, entity_id: str | None, entity_type: str | None = None) -> None:
        """Act for another entity: the next ticket is asked for it, the open session stays.

        Raises:
            ClientClosed: if the client is not started.
            ConfigurationError: for a client of a pool, whose tickets are not its own.
        """
        self._started().update_auth_data(entity_id=entity_id, entity_type=entity_type)

    async def update_metadata(self, metadata: Mapping[str, Any] | None) -> None:
        """Set the metadata of the conversation's thread; None clears it.

        Before the server has named the thread the metadata waits, and is set then.

        Raises:
            ClientClosed: if the client is not started.
            TuiChatError: why the server did not take it.
        """
        await self._started().metadata.set(self.thread_id, metadata)

    # -- what the parts report ------------------------------------------------------------------

    def handle_ticket_renewed(self, ticket: TicketView) -> None:
        """A fresh ticket is kept for the next handshake; the open socket is not touched."""
        self.telemetry.note("ticket", f"number {ticket.serial}, good for {ticket.lifetime:.0f} s")

    def handle_authentication_failure(self, error: TuiChatError) -> None:
        """Credentials or tickets are refused: no renewal until a session is ready again."""
        self.telemetry.note("ticket", str(error))
        if self._running is not None:
            self._running.tickets.stop_proactive_renewal()

    def handle_connection_open(self) -> None:
        """A session is ready: keep a fresh ticket for the one after it."""
        if self._running is not None:
            self._running.start_renewal(self.handle_ticket_renewed)

    def thread_named(self, provider_res_id: str) -> None:
        """The server has named the thread."""
        self.telemetry.note("run", f"thread {provider_res_id}")
        if self._running is not None:
            self._running.metadata.thread_named(provider_res_id)

    async def _fetch_history(self, thread_id: str, before: str | None) -> HistoryPage:
        return await self._started().history(thread_id, before)

    def _started(self) -> Parts:
        if self._running is None or self._ending is not None:
            raise ClientClosed("The client is not started, or was disconnected.")
        return self._running

    def _send(self, frame: ClientFrame) -> asyncio.Future[None]:
        if self._running is None:
            raise NotConnected("The client is not started.")
        return self._running.connection.send(frame)
