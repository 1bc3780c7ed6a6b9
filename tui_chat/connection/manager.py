"""WebSocketManager: one socket at a time, and the loop that makes the next one.

A single task owns the whole life: it asks for a ticket, dials, sets the session up, pumps frames
until the connection ends, closes the socket, decides what to do, waits, and starts over. The first
connect and every reconnect are the same lines of code. An attempt's socket is closed before the
next attempt begins, so there is never a second one, and nothing that belongs to an older
generation is left that could change any state.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
import uuid
from dataclasses import dataclass, replace
from typing import Final, Literal, NoReturn, Protocol

import msgspec

from tui_chat.clock import Clock, ClockJump, ClockWatch
from tui_chat.connection.backoff import STABLE_AFTER, AuthCircuit, Backoff, HandshakeBudget
from tui_chat.connection.policy import STRIKES, Verdict, authentication_failure, judge
from tui_chat.connection.session import SessionSetup
from tui_chat.connection.socket import Socket, dial
from tui_chat.connection.status import ConnectionState, ConnectionStatus, WebSocketState
from tui_chat.errors import (
    AuthLoop,
    ClientClosed,
    NetworkError,
    NotConnected,
    SessionTimeout,
    TicketRejected,
    TuiChatError,
)
from tui_chat.network import TLS_FAILED, Network
from tui_chat.protocol.client_frames import ClientFrame, ConfigureTools, HeartbeatPong
from tui_chat.protocol.codec import MAX_FRAME_BYTES, SERVER_FRAMES, IgnoredFrame, encode, error_text
from tui_chat.protocol.server_frames import (
    AuthenticationError,
    ChatEventFrame,
    ServerFrame,
    ServerHeartbeatPing,
)
from tui_chat.protocol.timestamps import format_timestamp
from tui_chat.protocol.urls import ServerUrl
from tui_chat.telemetry import Telemetry
from tui_chat.text import one_line
from tui_chat.ticket import TicketLease, TicketManager

__all__ = ["ReconnectCause", "SessionHooks", "WebSocketManager"]

_LOGGER: Final = logging.getLogger(__name__)

SESSION_TIMEOUT: Final = 10.0
"""Seconds from the open socket to the ready session."""
FOCUS_INTERVAL: Final = 10.0
"""Seconds between two reconnects that merely gaining the focus may cause."""

ReconnectCause = Literal["user", "message", "wake", "focus"]


class SessionHooks(Protocol):
    """What the owner of a connection wants to know. Called on the loop, must not block."""

    def configuration(self) -> ConfigureTools | None:
        """Return the tools and context a new session is configured with, None for nothing."""

    def session_ready(self, capabilities: frozenset[str]) -> None:
        """Messages may be sent from now on."""

    def session_lost(self, error: TuiChatError | None) -> None:
        """A session that was ready has ended; None if this client wanted that."""

    def frame_received(self, frame: ServerFrame) -> None:
        """A frame arrived that is not about setting up or keeping the session."""

    def frame_ignored(self, frame: IgnoredFrame) -> None:
        """A frame arrived that could not be used, or not wholly."""

    def status_changed(self, status: ConnectionStatus) -> None:
        """The status is different from what it was."""


@dataclass(slots=True)
class _Attempt:
    """What one generation knows of itself."""

    generation: int
    request_id: str
    ready_since: float | None = None


class WebSocketManager:
    """Keeps one session alive.

    Args:
        server: the chat server.
        tickets: asked for a ticket before each handshake, told how that went.
        network: proxy and TLS.
        hooks: the owner.
        clock: the three clocks.
        rng: the source of jitter.
        telemetry: counters and notes.
        user_agent: what this client calls itself.
        max_frame: bytes; a larger inbound message ends the connection.
    """

    def __init__(
        self,
        server: ServerUrl,
        tickets: TicketManager,
        *,
        network: Network,
        hooks: SessionHooks,
        clock: Clock,
        rng: random.Random,
        telemetry: Telemetry,
        user_agent: str,
        max_frame: int = MAX_FRAME_BYTES,
    ) -> None:
        self._server = server
        self._tickets = tickets
        self._network = network
        self._hooks = hooks
        self._clock = clock
        self._telemetry = telemetry
        self._user_agent = user_agent
        self._max_frame = max_frame
        self._backoff = Backoff(rng)
        self._budget = HandshakeBudget(clock.boot())
        self._circuit = AuthCircuit()
        self._strikes = 0
        self._status = ConnectionStatus(server=str(server))
        self._socket: Socket | None = None
        self._task: asyncio.Task[None] | None = None
        self._attempting: asyncio.Task[None] | None = None
        self._wake = asyncio.Event()
        self._asked_once = False
        self._focus_at: float | None = None
        self._waiters: set[asyncio.Future[None]] = set()

    # -- what others see ------------------------------------------------------------------------

    @property
    def status(self) -> ConnectionStatus:
        """A snapshot, the ticket's part and the round trip looked up now."""
        round_trip = self._socket.round_trip if self._socket is not None else None
        return replace(
            self._status,
            has_valid_ticket=self._tickets.is_valid(),
            ticket_expires_in=self._tickets.get_expires_in(),
            round_trip=round_trip,
        )

    @property
    def ready(self) -> bool:
        """Whether messages may be sent now."""
        return self._status.connected

    # -- life -----------------------------------------------------------------------------------

    def start(self, *, keep_trying: bool) -> None:
        """Begin to connect, in a task of this manager's own.

        Args:
            keep_trying: whether to go on after the first attempt fails. If not, the connection
                ends in ``CLOSED`` when the first session cannot be made.
        """
        if self._task is None:
            self._task = asyncio.create_task(self._run(keep_trying), name="tui-chat connection")
            self._task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        """Make a defect in the loop visible, instead of leaving everybody waiting."""
        if task.cancelled() or (defect := task.exception()) is None:
            return
        _LOGGER.error("the connection's loop failed: %s", type(defect).__name__)
        error = TuiChatError(
            f"The connection stopped because of a defect in this program "
            f"({type(defect).__name__}). Please report it; reconnecting needs a restart.",
            code="DEFECT",
        )
        error.__cause__ = defect
        self._settle(ConnectionState.FAILED, cause=error)
        self._resolve(error)

    async def wait_ready(self) -> None:
        """Return when the session is ready.

        Raises:
            TuiChatError: why it will not be without the user's doing: the failed state's cause,
                the first attempt's failure where no further one follows, or ``ClientClosed``.
        """
        if self._status.connected:
            return
        if self._status.state is ConnectionState.CLOSED:
            raise self._status.cause or ClientClosed("The client is disconnected.")
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiters.add(waiter)
        try:
            await waiter
        finally:
            self._waiters.discard(waiter)

    def send(self, frame: ClientFrame) -> asyncio.Future[None]:
        """Send a frame on the ready session; see :meth:`Socket.send`.

        Raises:
            NotConnected: if the session is not ready.
            MessageRefused: if too much waits to be sent.
            TypeError, ValueError: if the frame holds what JSON cannot say.
        """
        if self._socket is None or not self._status.connected:
            raise NotConnected("There is no connection to the server right now.")
        return self._send(self._socket, frame)

    def _send(self, socket: Socket, frame: ClientFrame) -> asyncio.Future[None]:
        payload = encode(frame)
        done = socket.send(payload)
        self._telemetry.count("frames.sent")
        self._telemetry.count("bytes.sent", len(payload))
        return done

    def reconnect_now(self, cause: ReconnectCause) -> bool:
        """Cut the waiting short, or, on the user's word, replace a working connection.

        Neither overrides the handshake budget. A wait that the server asked for, or that an open
        circuit imposes, yields to the second deliberate request only. A failed state is left on
        the user's word only.

        Returns:
            Whether anything will happen because of this call.
        """
        state = self._status.state
        if cause == "focus":
            now = self._clock.boot()
            if self._focus_at is not None and now - self._focus_at < FOCUS_INTERVAL:
                return False
            self._focus_at = now
        match state:
            case ConnectionState.READY if cause == "user":
                if self._attempting is not None:
                    self._attempting.cancel()
                self._settle(
                    ConnectionState.CONNECTING,
                    cause=None,
                    is_reconnecting=True,
                    websocket_state=WebSocketState.CLOSING,
                )
            case ConnectionState.BACKOFF:
                self._wake.set()
            case ConnectionState.PAUSED if cause == "user":
                if not self._asked_once:
                    self._asked_once = True
                    self._telemetry.note("socket", "asked to wait; ask again to insist")
                    return False
                self._tickets.override_retry_after()
                self._wake.set()
            case ConnectionState.FAILED if cause == "user":
                self._wake.set()
            case _:
                return False
        return True

    async def close(self) -> None:
        """End everything, at once or within the second that a polite close takes. Idempotent."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})
        self._settle(ConnectionState.CLOSED, cause=self._status.cause)
        self._resolve(ClientClosed("The client was disconnected."))

    # -- the loop -------------------------------------------------------------------------------

    async def _run(self, keep_trying: bool) -> None:
        watch = asyncio.create_task(
            ClockWatch(self._clock).run(self._clocks_jumped), name="tui-chat connection clock"
        )
        try:
            once_ready = keep_trying
            while True:
                await self._await_budget()
                ready, error = await self._attempt_once()
                once_ready = once_ready or ready
                if error is None:
                    continue  # the user asked for a new connection
                verdict = judge(error)
                if verdict.action == "new_ticket" and self._circuit.rejections == 0:
                    once_more = True  # a first refusal deserves a second, different ticket
                else:
                    once_more = False
                if not once_ready and not once_more:
                    self._settle(ConnectionState.CLOSED, cause=error)
                    self._resolve(error)
                    return
                await self._recover(error, verdict)
        finally:
            watch.cancel()
            await asyncio.wait({watch})

    async def _await_budget(self) -> None:
        """Wait until a handshake may start; nothing cuts this short."""
        while (delay := self._budget.wait(self._clock.boot())) > 0:
            self._settle(
                ConnectionState.BACKOFF,
                cause=self._status.cause,
                retry_at=self._clock.boot() + delay,
            )
            await asyncio.sleep(delay)

    async def _attempt_once(self) -> tuple[bool, TuiChatError | None]:
        """Make one attempt and live through it; return whether it was ready and why it ended."""
        generation = self._status.generation + 1
        attempt = _Attempt(generation, uuid.uuid4().hex)
        self._attempting = asyncio.create_task(
            self._attempt(attempt), name=f"tui-chat connection {generation}"
        )
        task = self._attempting
        try:
            await asyncio.wait({task})
        finally:
            task.cancel()  # does nothing unless this very task is cancelled
            await asyncio.wait({task})
            self._attempting = None
            error = None if task.cancelled() else task.exception()
        if error is not None and not isinstance(error, TuiChatError):
            raise error  # a defect of this program, not a state of the network
        ready = attempt.ready_since is not None
        if ready:
            talked = self._clock.boot() - (attempt.ready_since or 0.0)
            if talked >= STABLE_AFTER:
                self._backoff.reset()
                self._strikes = 0
            self._telemetry.note("session", str(error) if error else "ended on request")
            self._hooks.session_lost(error)
        return ready, error

    async def _attempt(self, attempt: _Attempt) -> NoReturn:
        self._settle(
            ConnectionState.TICKET,
            cause=self._status.cause,
            generation=attempt.generation,
            request_id=attempt.request_id,
            websocket_state=WebSocketState.CONNECTING,
        )
        lease = await self._tickets.lease(request_id=attempt.request_id)
        self._settle(ConnectionState.CONNECTING, cause=self._status.cause)
        self._budget.take(self._clock.boot())
        self._telemetry.count("handshakes")
        try:
            socket = await dial(
                self._server,
                lease.value,
                network=self._network,
                clock=self._clock,
                request_id=attempt.request_id,
                user_agent=self._user_agent,
                max_frame=self._max_frame,
            )
        except NetworkError as error:
            if error.code != TLS_FAILED:
                self._budget.give_back()
            lease.released()
            raise
        except TicketRejected as error:
            lease.rejected(error.reason)
            raise
        self._socket = socket
        self._settle(
            ConnectionState.CONNECTING,
            cause=self._status.cause,
            websocket_state=WebSocketState.OPEN,
        )
        watch = asyncio.create_task(socket.watch(), name="tui-chat connection liveness")
        try:
            await self._converse(socket, lease, attempt)
        except TicketRejected as error:
            lease.rejected(error.reason)
            raise
        finally:
            watch.cancel()
            self._socket = None
            self._update(connected=False, ready_since=None, websocket_state=WebSocketState.CLOSING)
            await asyncio.wait({watch})
            await socket.close()
            self._telemetry.count("bytes.received", socket.bytes_received)

    async def _converse(self, socket: Socket, lease: TicketLease, attempt: _Attempt) -> NoReturn:
        """Set the session up and pump frames until the connection ends."""
        setup = SessionSetup(self._hooks.configuration)
        telemetry, decode, receive = self._telemetry, SERVER_FRAMES.decode, socket.receive
        try:
            async with asyncio.timeout(SESSION_TIMEOUT) as deadline:
                while True:
                    payload, binary = await receive()
                    telemetry.count("frames.received")
                    frame = decode(payload, binary=binary)
                    if isinstance(frame, IgnoredFrame):
                        telemetry.count(f"frames.ignored.{frame.reason}")
                        telemetry.note("frame", f"ignored: {frame.detail}")
                        self._hooks.frame_ignored(frame)
                        if frame.bare is None:
                            continue
                        frame = frame.bare
                    if isinstance(frame, ChatEventFrame):
                        self._hooks.frame_received(frame)
                        continue
                    self._attend(socket, frame)
                    if (answer := setup.receive(frame)) is not None:
                        self._send(socket, answer)
                    if setup.ready and attempt.ready_since is None:
                        deadline.reschedule(None)
                        lease.accepted()
                        self._become_ready(attempt, setup.capabilities)
                    self._hooks.frame_received(frame)
        except TimeoutError as error:
            raise SessionTimeout(
                f"{self._server} opened the connection but did not set up the session within "
                f"{SESSION_TIMEOUT:g} seconds."
            ) from error

    def _attend(self, socket: Socket, frame: ServerFrame) -> None:
        """Answer a heartbeat; let a refusal of ticket or credentials end the connection."""
        match frame:
            case ServerHeartbeatPing():
                now = format_timestamp(self._clock.wall())
                self._send(socket, HeartbeatPong(now, frame.timestamp, frame.pingTime))
            case AuthenticationError():
                code = one_line(frame.code, 64) if frame.code is not msgspec.UNSET else ""
                raise authentication_failure(error_text(frame.error), code)
            case _:
                pass

    def _become_ready(self, attempt: _Attempt, capabilities: frozenset[str]) -> None:
        attempt.ready_since = self._clock.boot()
        self._circuit.accepted()
        self._telemetry.count("sessions")
        self._telemetry.note("session", f"ready, generation {attempt.generation}")
        self._update(
            state=ConnectionState.READY,
            connected=True,
            is_reconnecting=False,
            reconnect_attempts=0,
            cause=None,
            retry_at=None,
            ready_since=attempt.ready_since,
        )
        self._hooks.session_ready(capabilities)
        self._resolve(None)

    # -- after a failure ------------------------------------------------------------------------

    async def _recover(self, error: TuiChatError, verdict: Verdict) -> None:
        """Wait for as long as the failure asks for, or until somebody cuts it short."""
        self._strikes = self._strikes + 1 if verdict.strike else 0
        self._telemetry.note("error", str(error))
        self._telemetry.count("attempts.failed")
        attempts = self._status.reconnect_attempts + 1
        now = self._clock.boot()
        state, delay = ConnectionState.BACKOFF, 0.0
        if verdict.action == "fail" or self._strikes >= STRIKES:
            self._strikes = 0
            self._settle(ConnectionState.FAILED, cause=error, reconnect_attempts=attempts)
            self._resolve(error)
            await self._wake_within(None)
            self._backoff.reset()
            return
        if verdict.action == "new_ticket":
            pause = self._circuit.rejected()
            if pause is not None:
                state, delay = ConnectionState.PAUSED, pause
                error = _circuit_open(error, pause)
            elif self._circuit.rejections > 1:
                delay = self._backoff.next_delay("server", now)
        elif verdict.action == "pause":
            state, delay = ConnectionState.PAUSED, verdict.pause
        else:
            delay = self._backoff.next_delay(verdict.failure, now)
        self._settle(
            state,
            cause=error,
            retry_at=now + delay,
            reconnect_attempts=attempts,
            is_reconnecting=True,
        )
        await self._wake_within(delay)

    async def _wake_within(self, seconds: float | None) -> None:
        self._wake.clear()
        self._asked_once = False
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._wake.wait()

    def _clocks_jumped(self, jump: ClockJump) -> None:
        self._telemetry.note("clock", f"{jump.kind} by {jump.seconds:.0f} s")
        if self._socket is not None:
            self._socket.probe()
        self.reconnect_now("wake")

    # -- status ---------------------------------------------------------------------------------

    def _settle(
        self,
        state: ConnectionState,
        *,
        cause: TuiChatError | None,
        retry_at: float | None = None,
        **changes: object,
    ) -> None:
        """Enter a state in which the session is not ready."""
        ended = state in (ConnectionState.FAILED, ConnectionState.CLOSED)
        if ended:
            changes["is_reconnecting"] = False
        if state is not ConnectionState.CONNECTING and state is not ConnectionState.TICKET:
            changes.setdefault(
                "websocket_state",
                None if self._status.websocket_state is None else WebSocketState.CLOSED,
            )
        close_code = getattr(cause, "close_code", None)
        if close_code is not None:
            changes["last_close_code"] = close_code
        self._update(
            state=state,
            cause=cause,
            retry_at=retry_at,
            connected=False,
            ready_since=None,
            **changes,
        )

    def _update(self, **changes: object) -> None:
        status = replace(self._status, **changes)  # type: ignore[arg-type]
        if status == self._status:
            return
        if status.state is not self._status.state:
            self._telemetry.note("socket", f"{self._status.state} -> {status.state}")
        self._status = status
        self._hooks.status_changed(self.status)

    def _resolve(self, error: TuiChatError | None) -> None:
        """Tell everybody who waits for the session how it went."""
        waiters, self._waiters = self._waiters, set()
        for waiter in waiters:
            if waiter.done():
                continue
            if error is None:
                waiter.set_result(None)
            else:
                waiter.set_exception(error)


def _circuit_open(error: TuiChatError, pause: float) -> AuthLoop:
    loop = AuthLoop(
        f"The server refused {AuthCircuit.THRESHOLD} fresh tickets in a row; trying again in "
        f"{pause:.0f} seconds. {error}",
        retry_after=pause,
    )
    loop.__cause__ = error
    return loop
