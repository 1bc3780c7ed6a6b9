"""WebSocketManager: one socket at a time, and the loop that makes the next one.

A single task owns the whole life: it makes an attempt (a ticket, a socket, a session, and frames
until it ends), decides what to do about how that went, waits, and starts over. The first connect
and every reconnect are the same lines of code. An attempt has closed its socket before the next
one begins, so there is never a second one, and nothing that belongs to an older generation is left
that could change any state.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
from dataclasses import replace
from typing import Final, Literal

from tui_chat.clock import ClockJump, ClockWatch
from tui_chat.connection.attempt import Attempt, Link
from tui_chat.connection.backoff import STABLE_AFTER, AuthCircuit, Backoff, HandshakeBudget
from tui_chat.connection.board import StatusBoard
from tui_chat.connection.policy import STRIKES, Verdict, judge
from tui_chat.connection.status import ConnectionState, ConnectionStatus, WebSocketState
from tui_chat.errors import (
    AuthLoop,
    ClientClosed,
    NotConnected,
    TicketRejected,
    TuiChatError,
)
from tui_chat.protocol.client_frames import ClientFrame

__all__ = ["ReconnectCause", "WebSocketManager"]

_LOGGER: Final = logging.getLogger(__name__)

FOCUS_INTERVAL: Final = 10.0
"""Seconds between two reconnects that merely gaining the focus may cause."""

ReconnectCause = Literal["user", "message", "wake", "focus"]


class WebSocketManager:
    """Keeps one session alive.

    Args:
        link: what every attempt needs.
        rng: the source of jitter.
    """

    def __init__(self, link: Link, *, rng: random.Random) -> None:
        self._link = link
        self._clock = link.clock
        self._telemetry = link.telemetry
        self._board = StatusBoard(str(link.server), link.telemetry, self._changed)
        self._backoff = Backoff(rng)
        self._budget = HandshakeBudget(link.clock.boot())
        self._circuit = AuthCircuit()
        self._strikes = 0
        self._task: asyncio.Task[None] | None = None
        self._attempt: Attempt | None = None
        self._attempt_task: asyncio.Task[None] | None = None
        self._wake = asyncio.Event()
        self._asked_once = False
        self._focus_at: float | None = None

    # -- what others see ------------------------------------------------------------------------

    @property
    def status(self) -> ConnectionStatus:
        """A snapshot, the ticket's part and the round trip looked up now."""
        socket = None if self._attempt is None else self._attempt.socket
        tickets = self._link.tickets
        return replace(
            self._board.status,
            has_valid_ticket=tickets.is_valid(),
            ticket_expires_in=tickets.get_expires_in(),
            round_trip=None if socket is None else socket.round_trip,
        )

    @property
    def ready(self) -> bool:
        """Whether messages may be sent now."""
        return self._board.status.connected

    def _changed(self) -> None:
        self._link.hooks.status_changed(self.status)

    # -- life -----------------------------------------------------------------------------------

    def start(self, *, keep_trying: bool) -> None:
        """Begin to connect, in a task of this manager's own. A second call does nothing.

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
            "The connection stopped because of a defect in this program "
            f"({type(defect).__name__}). Please report it; connecting again needs a restart.",
            code="DEFECT",
        )
        error.__cause__ = defect
        # Not FAILED: that state promises that the user can leave it, and nothing runs any more.
        self._board.settle(ConnectionState.CLOSED, cause=error)
        self._board.resolve(error)

    async def wait_ready(self) -> None:
        """Return when the session is ready; see :meth:`StatusBoard.wait_ready`."""
        await self._board.wait_ready()

    def send(self, frame: ClientFrame) -> asyncio.Future[None]:
        """Send a frame on the ready session; see :meth:`Socket.send`.

        Raises:
            NotConnected: if the session is not ready.
            MessageRefused: if too much waits to be sent.
            TypeError, ValueError: if the frame holds what JSON cannot say.
        """
        attempt = self._attempt
        if attempt is None or attempt.socket is None or not self.ready:
            raise NotConnected("There is no connection to the server right now.")
        return attempt.send(frame)

    def reconnect_now(self, cause: ReconnectCause) -> bool:
        """Cut the waiting short, or, on the user's word, replace a working connection.

        Neither overrides the handshake budget. A wait that the server asked for, or that an open
        circuit imposes, yields to the second deliberate request only. A failed state is left on
        the user's word only.

        Returns:
            Whether anything will happen because of this call.
        """
        if cause == "focus" and not self._focus_counts():
            return False
        match self._board.status.state:
            case ConnectionState.READY if cause == "user":
                self._replace_connection()
            case ConnectionState.BACKOFF:
                self._wake.set()
            case ConnectionState.PAUSED if cause == "user":
                if not self._asked_once:
                    self._asked_once = True
                    self._telemetry.note("socket", "asked to wait; ask again to insist")
                    return False
                self._link.tickets.override_retry_after()
                self._wake.set()
            case ConnectionState.FAILED if cause == "user":
                self._wake.set()
            case _:
                return False
        return True

    def _focus_counts(self) -> bool:
        now = self._clock.boot()
        if self._focus_at is not None and now - self._focus_at < FOCUS_INTERVAL:
            return False
        self._focus_at = now
        return True

    def _replace_connection(self) -> None:
        if self._attempt_task is not None:
            self._attempt_task.cancel()
        self._board.settle(
            ConnectionState.CONNECTING,
            cause=None,
            is_reconnecting=True,
            websocket_state=WebSocketState.CLOSING,
        )

    async def close(self) -> None:
        """End everything, at once or within the second that a polite close takes. Idempotent."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})
        self._board.settle(ConnectionState.CLOSED, cause=self._board.status.cause)
        self._board.resolve(ClientClosed("The client was disconnected."))

    # -- the loop -------------------------------------------------------------------------------

    async def _run(self, keep_trying: bool) -> None:
        watch = asyncio.create_task(
            ClockWatch(self._clock).run(self._clocks_jumped), name="tui-chat connection clock"
        )
        try:
            while True:
                await self._await_budget()
                was_ready, error = await self._attempt_once()
                keep_trying = keep_trying or was_ready
                if error is None:
                    continue  # the user asked for a new connection
                verdict = judge(error)
                # Even a caller who wants one attempt gets a second ticket if the first is refused.
                first_refusal = verdict.action == "new_ticket" and self._circuit.rejections == 0
                if not keep_trying and not first_refusal:
                    self._board.settle(ConnectionState.CLOSED, cause=error)
                    self._board.resolve(error)
                    return
                await self._recover(error, verdict)
        finally:
            watch.cancel()
            await asyncio.wait({watch})

    async def _await_budget(self) -> None:
        """Wait until a handshake may start; nothing cuts this short."""
        while (delay := self._budget.wait(self._clock.boot())) > 0:
            self._board.settle(
                ConnectionState.BACKOFF,
                cause=self._board.status.cause,
                retry_at=self._clock.boot() + delay,
            )
            await asyncio.sleep(delay)

    async def _attempt_once(self) -> tuple[bool, TuiChatError | None]:
        """Make one attempt; return whether it was ready, and why it ended, None on request."""
        generation = self._board.status.generation + 1
        attempt = self._attempt = Attempt(self._link, self._board, self._budget, generation)
        task = self._attempt_task = asyncio.create_task(
            attempt.run(), name=f"tui-chat connection {generation}"
        )
        try:
            await asyncio.wait({task})
        finally:
            if not task.done() and not task.cancelling():
                task.cancel()  # once: a second time would interrupt its tidying up
            await asyncio.wait({task})
            self._attempt = self._attempt_task = None
            error = None if task.cancelled() else task.exception()
        if error is not None and not isinstance(error, TuiChatError):
            raise error  # a defect of this program, not a state of the network
        if attempt.ready_since is None:
            return False, error
        stable = self._clock.boot() - attempt.ready_since >= STABLE_AFTER
        if stable:
            self._backoff.reset()
            self._strikes = 0
        if stable or not isinstance(error, TicketRejected):
            self._circuit.accepted()
        self._telemetry.note("session", str(error) if error else "ended on request")
        self._link.hooks.session_lost(error)
        return True, error

    async def _recover(self, error: TuiChatError, verdict: Verdict) -> None:
        """Wait for as long as the failure asks for, or until somebody cuts it short."""
        self._strikes = self._strikes + 1 if verdict.strike else 0
        self._telemetry.note("error", str(error))
        self._telemetry.count("attempts.failed")
        attempts = self._board.status.reconnect_attempts + 1
        now = self._clock.boot()
        state, delay = ConnectionState.BACKOFF, 0.0
        if verdict.action == "fail" or self._strikes >= STRIKES:
            await self._stay_failed(error, attempts)
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
        self._board.settle(
            state,
            cause=error,
            retry_at=now + delay,
            reconnect_attempts=attempts,
            is_reconnecting=True,
        )
        await self._wake_within(delay)

    async def _stay_failed(self, error: TuiChatError, attempts: int) -> None:
        """Wait for the user, who alone can help."""
        self._strikes = 0
        self._board.settle(ConnectionState.FAILED, cause=error, reconnect_attempts=attempts)
        self._board.resolve(error)
        await self._wake_within(None)
        self._backoff.reset()

    async def _wake_within(self, seconds: float | None) -> None:
        self._wake.clear()
        self._asked_once = False
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._wake.wait()

    def _clocks_jumped(self, jump: ClockJump) -> None:
        self._telemetry.note("clock", f"{jump.kind} by {jump.seconds:.0f} s")
        if self._attempt is not None and self._attempt.socket is not None:
            self._attempt.socket.probe()
        self.reconnect_now("wake")


def _circuit_open(error: TuiChatError, pause: float) -> AuthLoop:
    loop = AuthLoop(
        f"The server refused {AuthCircuit.THRESHOLD} fresh tickets in a row; trying again in "
        f"{pause:.0f} seconds. {error}",
        retry_after=pause,
    )
    loop.__cause__ = error
    return loop
