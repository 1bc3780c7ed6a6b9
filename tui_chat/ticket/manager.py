"""TicketManager: one object owns the ticket, and everyone asks it.

Not thread-safe: everything happens on the event loop that asks first. Nothing runs in the
background unless it was asked for, and nothing at all after ``clear()`` or ``aclose()``.

There is no cache of tickets on disk; a :class:`TicketSource` that wraps another one is the place
for it, and :class:`TicketDropped` says when such a cache has to forget.
"""

from __future__ import annotations

import asyncio
import random
import ssl
import uuid
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, Self

from tui_chat.clock import Clock, SystemClock
from tui_chat.errors import ConfigurationError, TicketCleared
from tui_chat.network import Network, resolve_network
from tui_chat.protocol.urls import ServerUrl
from tui_chat.secret import Secret
from tui_chat.telemetry import Telemetry
from tui_chat.ticket.auth import AuthData, TicketManagerConfig, TicketSource
from tui_chat.ticket.debug_info import TicketDebugInfo
from tui_chat.ticket.events import TicketEvent, TicketView
from tui_chat.ticket.keeper import TicketKeeper
from tui_chat.ticket.leases import TicketLease
from tui_chat.ticket.snapshot import milliseconds_left, view_of
from tui_chat.ticket.validation import TicketValidation, TicketValidator, ask

if TYPE_CHECKING:
    import httpx

__all__ = ["TicketManager"]

CLOSE_TIMEOUT: Final = 1.0
"""Seconds that closing waits for requests that are being cancelled."""
MAX_REQUEST_ID: Final = 128


class TicketManager:
    """Fetches, renews, hands out and forgets tickets.

    Args:
        auth_data: whose tickets.
        api_url: the chat server; not looked at when ``source`` is given.
        config: how to behave.
        source: where tickets come from, for another ticket API; it is not closed here.
        clock: tells the time.
        rng: draws all jitter.
        http_client: used for all requests and not closed here.
        ssl_context: for TLS, by default the system's trust store.
        allow_plaintext: permits ``http://`` to another machine, over which anybody on the way can
            read token and ticket.
        network: the way to the server, in place of the two before; by default the environment
            says whether there is a proxy.
        telemetry: where what happens is recorded; by default one of its own, to be looked at.

    Attributes:
        telemetry: the same.

    Raises:
        ConfigurationError: for a URL that cannot be used.
    """

    def __init__(
        self,
        auth_data: AuthData,
        api_url: str | ServerUrl,
        config: TicketManagerConfig | None = None,
        *,
        source: TicketSource | None = None,
        clock: Clock | None = None,
        rng: random.Random | None = None,
        http_client: httpx.AsyncClient | None = None,
        ssl_context: ssl.SSLContext | None = None,
        allow_plaintext: bool = False,
        network: Network | None = None,
        telemetry: Telemetry | None = None,
    ) -> None:
        self._config = config or TicketManagerConfig()
        self._clock = clock or SystemClock()
        self.telemetry = telemetry or Telemetry(self._clock)
        self._boot = self._clock.boot  # looked up once: asked on every fast path
        self._auth = auth_data
        self._close_source: Callable[[], Any] | None = None
        if source is None:
            # Here, so that whoever brings a source of their own does not pay for httpx.
            from tui_chat.ticket.api import HttpTicketSource  # noqa: PLC0415

            server = ServerUrl.parse(api_url) if isinstance(api_url, str) else api_url
            own = HttpTicketSource(
                server,
                client=http_client,
                network=network
                or resolve_network(
                    server, ssl_context=ssl_context, allow_plaintext=allow_plaintext
                ),
                timeout=self._config.request_timeout,
                clock=self._clock,
            )
            source, self._close_source = own, own.aclose
        self._source = source
        self._keeper = TicketKeeper(
            auth_data,
            source,
            self._config,
            self._clock,
            rng or random.Random(),  # noqa: S311 - jitter, no secret
            self.telemetry,
        )
        self._dispenser = self._keeper.dispenser
        self._validations: set[asyncio.Task[TicketValidation]] = set()

    # -- asking for tickets -----------------------------------------------------------------------

    async def get_valid_ticket(self) -> str:
        """Return a ticket that can be used right now; fetch one if there is none.

        With a valid reusable ticket this neither suspends nor waits. Under single use each call
        gets a ticket that nobody else gets.

        Raises:
            TuiChatError: why there is none; ``TicketCleared`` or ``ClientClosed`` if it was not
                wanted any more.
        """
        dispenser = self._dispenser
        if self._boot() < dispenser.quick_until and dispenser.quick_ticket is not None:
            dispenser.handed_out = True
            return dispenser.quick_ticket.value.reveal()
        return (await dispenser.take()).value.reveal()

    async def refresh_ticket(self) -> str:
        """Fetch a fresh ticket, whatever is in hand, and return it; shared with whoever waits.

        Under single use the ticket belongs to the caller; use :meth:`renew` to have a fresh one
        in hand for the next lease.

        Raises:
            TuiChatError: see :meth:`get_valid_ticket`.
        """
        return (await self._dispenser.fetch()).value.reveal()

    async def renew(self) -> TicketView:
        """Fetch a fresh ticket and keep it in hand for the next handshake, in place of others.

        Raises:
            TuiChatError: see :meth:`get_valid_ticket`.
        """
        return view_of(await self._dispenser.fetch(takes=False))

    async def lease(self, *, request_id: str | None = None) -> TicketLease:
        """Borrow a ticket for one handshake, and tell the lease how that went.

        Under single use a spare is then fetched in the background, so that the next lease need
        not wait.

        Args:
            request_id: goes out as ``X-Request-Id`` with the ticket request if one is needed;
                printable ASCII, at most 128 characters. Made up when absent.

        Raises:
            ConfigurationError: for a request id that cannot be sent.
            TuiChatError: see :meth:`get_valid_ticket`.
        """
        if request_id is None:
            request_id = uuid.uuid4().hex
        elif not (
            0 < len(request_id) <= MAX_REQUEST_ID
            and request_id.isascii()
            and request_id.isprintable()
            and request_id.strip() == request_id
        ):
            raise ConfigurationError("The request id holds what an HTTP header cannot carry.")
        return await self._dispenser.lease(request_id)

    async def validate_with_server(self) -> TicketValidation:
        """Ask the server about the ticket in hand (or, with none in hand, the last one lent).

        A ticket that the server calls invalid is dropped; a failed call changes nothing.

        Raises:
            ConfigurationError: if the ticket source cannot ask.
            TuiChatError: if the call itself failed.
        """
        dispenser = self._dispenser
        dispenser.check_open()
        ticket = dispenser.stock.usable(self._boot()) or dispenser.stock.shown
        if ticket is None:
            return TicketValidation(False, "NO_TICKET", "There is no ticket to ask about.")
        if not isinstance(self._source, TicketValidator):
            raise ConfigurationError("This ticket source cannot validate tickets.")
        generation = dispenser.generation
        # A task, so that clear() and aclose() can end it.
        task = asyncio.create_task(
            ask(self._source, self._auth, ticket.value, self._config.request_timeout),
            name="ticket validation",
        )
        self._validations.add(task)
        task.add_done_callback(self._validations.discard)
        try:
            validation = await task
        except asyncio.CancelledError:
            caller = asyncio.current_task()
            if caller is None or caller.cancelling():
                raise
            dispenser.check_open()
            raise TicketCleared("The ticket was cleared while it was being validated.") from None
        if not validation.valid and generation == dispenser.generation:
            self.invalidate(ticket.serial)
        return validation

    # -- what is in hand --------------------------------------------------------------------------

    def is_valid(self) -> bool:
        """Say whether a handshake could start now without asking for a ticket."""
        return self._dispenser.stock.usable(self._boot()) is not None

    def get_expires_in(self) -> int | None:
        """Return the milliseconds to the ticket's expiry, never below 0; None without a ticket.

        Not the moment from which it is no longer handed out, which is earlier. Under single use
        this speaks of the spare, and while there is none, of the ticket that was lent last.
        """
        ticket = self._dispenser.stock.shown
        return None if ticket is None else milliseconds_left(ticket, self._boot())

    def invalidate(self, serial_or_value: int | str | Secret) -> bool:
        """Drop a ticket that was refused; return whether it was in hand.

        Compare-and-swap: once another has taken its place, this does nothing.
        """
        dropped = self._dispenser.invalidate(serial_or_value)
        if dropped:
            self._keeper.renewal.poke()
        return dropped

    def get_debug_info(self) -> TicketDebugInfo:
        """Return a snapshot without any secret."""
        return self._keeper.describe()

    def subscribe(self, listener: Callable[[TicketEvent], None]) -> Callable[[], None]:
        """Call ``listener`` on the loop with each event; calling what is returned ends that.

        A listener that raises is logged and ignored.
        """
        return self._keeper.listeners.add(listener)

    # -- credentials ------------------------------------------------------------------------------

    @property
    def auth_data(self) -> AuthData:
        """The credentials in use."""
        return self._auth

    def update_auth_data(self, **changes: Any) -> bool:
        """Change some fields of :class:`AuthData`; return whether that changed anything.

        If so, tickets and answers for the old credentials are thrown away, and whoever waits gets
        a ticket for the new ones.

        Raises:
            TypeError: for a name that is not a field.
            ConfigurationError: for a token or key that cannot be sent.
            ClientClosed: after :meth:`aclose`.
        """
        self._dispenser.check_open()
        auth = self._auth.changed(**changes)
        if auth == self._auth:
            return False
        self._auth = auth
        self._keeper.rotate(auth)
        return True

    def override_retry_after(self) -> None:
        """The user insists: forget what the server's ``Retry-After`` asked for, this once."""
        self._keeper.override_retry_after()

    # -- proactive renewal ------------------------------------------------------------------------

    def start_proactive_renewal(
        self, on_renewed: Callable[[TicketView], object] | None = None
    ) -> None:
        """Keep a fresh ticket ready for the next handshake, from now on. Starting twice is once.

        Args:
            on_renewed: called with each ticket that the renewal brought; a later call with
                another function replaces it.

        Raises:
            ClientClosed: after :meth:`aclose`.
            RuntimeError: outside of a running event loop.
        """
        self._dispenser.check_open()
        self._keeper.start_renewal(on_renewed)

    def stop_proactive_renewal(self) -> None:
        """Stop looking after the ticket; the one in hand stays. Idempotent."""
        self._keeper.stop_renewal()

    # -- endings ----------------------------------------------------------------------------------

    def clear(self) -> None:
        """Forget the ticket and stop everything; nothing is fetched until somebody asks.

        Whoever waits gets ``TicketCleared``. Idempotent.
        """
        self.stop_proactive_renewal()
        for task in self._validations:
            task.cancel()
        self._dispenser.clear()

    async def aclose(self) -> None:
        """Forget everything for good; whoever waits, and every later call, gets ``ClientClosed``.

        Idempotent; takes at most about a second.
        """
        self.stop_proactive_renewal()
        self._dispenser.close()
        self._keeper.end()
        tasks: set[asyncio.Task[Any]] = {*self._dispenser.flight.tasks, *self._validations}
        for task in tasks:
            task.cancel()
        try:
            if tasks:
                await asyncio.wait(tasks, timeout=CLOSE_TIMEOUT)
        finally:
            close, self._close_source = self._close_source, None
            if close is not None:
                await close()

    async def __aenter__(self) -> Self:
        self._dispenser.check_open()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()
