"""The status of a connection, and everybody who waits for it to become ready."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from tui_chat.connection.machine import Machine
from tui_chat.connection.status import ConnectionState, ConnectionStatus, WebSocketState
from tui_chat.errors import AuthLoop, ClientClosed, TuiChatError
from tui_chat.telemetry import Telemetry, error_type, table

__all__ = ["StatusBoard"]

_ENDED = frozenset({ConnectionState.FAILED, ConnectionState.CLOSED})
_UNDER_WAY = frozenset({ConnectionState.TICKET, ConnectionState.CONNECTING})


class StatusBoard:
    """Holds the status; every change goes through here.

    Args:
        server: the server's base URL, as it may be shown.
        telemetry: notes the transitions.
        changed: called after each change.

    Attributes:
        machine: where the connection stands.
        status: the latest status, without what is looked up afresh each time.
    """

    def __init__(self, server: str, telemetry: Telemetry, changed: Callable[[], object]) -> None:
        self.machine = Machine()
        self.status = ConnectionStatus(server=server)
        self._telemetry = telemetry
        self._changed = changed
        self._lost_at: float | None = None
        self._circuit_open = False
        self._waiters: set[asyncio.Future[None]] = set()

    def update(self, **changes: Any) -> None:
        """Change some fields of the status."""
        status = replace(self.status, **changes)
        if status == self.status:
            return
        if status.state is not self.status.state:
            self._telemetry.event(
                table.SOCKET_STATE, previous=self.status.state, current=status.state
            )
            if self.status.state is ConnectionState.READY:
                self._lost_at = self._telemetry.clock.boot()
        self.status = status
        self._changed()

    def settle(
        self,
        machine: Machine,
        *,
        cause: TuiChatError | None,
        retry_at: float | None = None,
        **changes: Any,
    ) -> None:
        """Enter a state in which the session is not ready."""
        self.machine, state = machine, machine.state
        if state in _ENDED:
            changes["is_reconnecting"] = False
        if state not in _UNDER_WAY and self.status.websocket_state is not None:
            changes.setdefault("websocket_state", WebSocketState.CLOSED)
        close_code = getattr(cause, "close_code", None)
        if close_code is not None:
            changes["last_close_code"] = close_code
        self.update(
            state=state,
            cause=cause,
            retry_at=retry_at,
            connected=False,
            ready_since=None,
            **changes,
        )
        if retry_at is not None:
            self._note_wait(state, retry_at, cause)

    def _note_wait(
        self, state: ConnectionState, retry_at: float, cause: TuiChatError | None
    ) -> None:
        delay = max(0.0, retry_at - self._telemetry.clock.boot())
        self._telemetry.event(
            table.SOCKET_BACKOFF, state=state, delay=delay, error_type=error_type(cause)
        )
        if isinstance(cause, AuthLoop):
            self._circuit_open = True
            self._telemetry.event(table.CIRCUIT_OPENED, pause=delay)

    def ready(self, since: float) -> None:
        """The session is ready: everybody who waited for it goes on."""
        if self._lost_at is not None:
            self._telemetry.record(table.OUTAGE_DURATION, since - self._lost_at)
            self._lost_at = None
        if self._circuit_open:
            self._circuit_open = False
            self._telemetry.event(table.CIRCUIT_CLOSED)
        self.machine = self.machine.ready()
        self.update(
            state=self.machine.state,
            connected=True,
            is_reconnecting=False,
            reconnect_attempts=0,
            cause=None,
            retry_at=None,
            ready_since=since,
        )
        self.resolve(None)

    async def wait_ready(self) -> None:
        """Return when the session is ready.

        Raises:
            TuiChatError: why it will not be without the user's doing: the failed state's cause,
                the first attempt's failure where no further one follows, or ``ClientClosed``.
        """
        if self.status.connected:
            return
        if self.status.state is ConnectionState.CLOSED:
            raise self.status.cause or ClientClosed("The client is disconnected.")
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiters.add(waiter)
        try:
            await waiter
        finally:
            self._waiters.discard(waiter)

    def resolve(self, error: TuiChatError | None) -> None:
        """Tell everybody who waits for the session how it went."""
        waiters, self._waiters = self._waiters, set()
        for waiter in waiters:
            if waiter.done():
                continue
            if error is None:
                waiter.set_result(None)
            else:
                waiter.set_exception(error)
