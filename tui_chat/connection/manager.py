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
import math
from dataclasses import replace
from typing import Final

import websockets

from tui_chat.clock import ClockJump, ClockWatch
from tui_chat.connection.admission import Admission, Obstacle, Turn
from tui_chat.connection.attempt import Attempt, Link
from tui_chat.connection.backoff import STABLE_AFTER, AuthCircuit
from tui_chat.connection.board import StatusBoard
from tui_chat.connection.machine import Machine, Outcome, ReconnectCause
from tui_chat.connection.policy import Verdict, judge
from tui_chat.connection.status import ConnectionState, ConnectionStatus, WebSocketState
from tui_chat.connection.ticket_check import TicketCheck
from tui_chat.diagnosis import Diagnosis, Evidence, diagnose
from tui_chat.errors import (
    AuthLoop,
    ClientClosed,
    NotConnected,
    TicketRejected,
    TuiChatError,
)
from tui_chat.protocol.client_frames import ClientFrame
from tui_chat.telemetry import table
from tui_chat.ticket.failures import detached

__all__ = ["ReconnectCause", "WebSocketManager"]

_LOGGER: Final = logging.getLogger(__name__)

FOCUS_INTERVAL: Final = 10.0
"""Seconds between two reconnects that merely gaining the focus may cause."""

LONGEST_NAP: Final = 1.0
"""Seconds between two looks at the boot clock while waiting."""
_WAKES: Final = frozenset({"backoff"})
_INSISTS: Final = frozenset({"backoff", "pause"})


class WebSocketManager:
    """Keeps one session alive.

    Args:
        link: what every attempt needs.
        admission: says when an attempt may start.
    """

    def __init__(self, link: Link, admission: Admission) -> None:
        self._link = link
        self._clock = link.clock
        self._telemetry = link.telemetry
        self._board = StatusBoard(str(link.server), link.telemetry, self._changed)
        self._admission = admission
        self._check = TicketCheck(link.tickets)
        self._task: asyncio.Task[None] | None = None
        self._attempt: Attempt | None = None
        self._attempt_task: asyncio.Task[None] | None = None
        self._wake = asyncio.Event()
        self._overruled: frozenset[str] = frozenset()
        self._focus_at: float | None = None

    # -- what others see ------------------------------------------------------------------------

    @property
    def status(self) -> ConnectionStatus:
        """A snapshot, the ticket's part and the round trip looked up now."""
        socket = None if self._attempt is None else self._attempt.socket
        tickets = self._link.tickets
        return replace(
            self._board.status,
            diagnosis=self._diagnosis(),
            has_valid_ticket=tickets.is_valid(),
            ticket_expires_in=tickets.get_expires_in(),
            round_trip=None if socket is None else socket.round_trip,
        )

    def _diagnosis(self) -> Diagnosis | None:
        status = self._board.status
        if status.cause is None:
            return None
        retry_at = status.retry_at
        return diagnose(
            status.cause,
            Evidence(
                now=self._clock.wall(),
                retry_in=None if retry_at is None else retry_at - self._clock.boot(),
                clock_skew=self._link.tickets.get_debug_info().clock_skew,
            ),
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
            self._board.machine = Machine(keeps_trying=keep_trying)
            self._task = asyncio.create_task(self._run(), name="tui-chat connection")
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
        self._close_with(error)

    def _close_with(self, error: TuiChatError | None, answer: TuiChatError | None = None) -> None:
        self._board.settle(self._board.machine.closed(), cause=error)
        self._board.resolve(answer or error)

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

        Neither overrides the handshake budget; see :meth:`Machine.wanted` for the rest.

        Returns:
            Whether anything will happen because of this call.
        """
        if cause == "focus" and not self._focus_counts():
            return False
        machine, answer = self._board.machine.wanted(cause)
        if answer == "replace":
            self._replace_connection(machine)
            return True
        self._board.machine = machine
        if answer == "noted":
            self._telemetry.note("socket", "asked to wait; ask again to insist")
        if answer not in ("wake", "insist"):
            return False
        self._overruled = _WAKES
        if answer == "insist":
            self._overruled = _INSISTS
            self._link.tickets.override_retry_after()
        self._wake.set()
        return True

    def _focus_counts(self) -> bool:
        now = self._clock.boot()
        if self._focus_at is not None and now - self._focus_at < FOCUS_INTERVAL:
            return False
        self._focus_at = now
        return True

    def _replace_connection(self, machine: Machine) -> None:
        if self._attempt_task is not None:
            self._attempt_task.cancel()
        self._board.settle(
            machine,
            cause=None,
            is_reconnecting=True,
            websocket_state=WebSocketState.CLOSING,
        )

    async def close(self) -> None:
        """End everything, at once or within the second that a polite close takes. Idempotent."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})
        self._close_with(self._board.status.cause, ClientClosed("The client was disconnected."))

    # -- the loop -------------------------------------------------------------------------------

    async def _run(self) -> None:
        watch = asyncio.create_task(
            ClockWatch(self._clock).run(self._clocks_jumped), name="tui-chat connection clock"
        )
        try:
            while self._board.machine.state is not ConnectionState.CLOSED:
                turn = await self._await_turn()
                try:
                    attempt, error = await self._attempt_once(turn)
                finally:
                    turn.over()
                if error is not None:
                    await self._recover(turn, attempt, error)
        finally:
            watch.cancel()
            await asyncio.wait({watch})

    async def _await_turn(self) -> Turn:
        """Wait until an attempt may start."""
        board, now = self._board, self._clock.boot()
        while (obstacle := self._admission.obstacle(now, overruled=self._overruled)) is not None:
            board.settle(
                board.machine.waits(paused=obstacle.kind == "pause"),
                cause=obstacle.cause or board.status.cause,
                retry_at=obstacle.until,
            )
            await self._wait_for(obstacle, now)
            now = self._clock.boot()
        self._overruled = frozenset()
        return self._admission.enter()

    async def _wait_for(self, obstacle: Obstacle, now: float) -> None:
        if obstacle.until is None:
            await self._admission.change()
            return
        seconds = obstacle.until - now
        async with self._check.during(seconds):
            if obstacle.kind == "budget":
                await asyncio.sleep(seconds)  # nothing cuts this short
            else:
                await self._wake_within(seconds)

    async def _attempt_once(self, turn: Turn) -> tuple[Attempt, TuiChatError | None]:
        """Make one attempt; return it and why it ended, None on request."""
        generation = self._board.status.generation + 1
        attempt = self._attempt = Attempt(self._link, self._board, turn, generation)
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
        if error is not None:
            error = _without_traces(error)
        if attempt.ready_since is not None:
            self._session_ended(attempt, error)
        return attempt, error

    def _session_ended(self, attempt: Attempt, error: TuiChatError | None) -> None:
        stable = self._lasted(attempt)
        if stable:
            self._admission.backoff.reset()
        if stable or not isinstance(error, TicketRejected):
            self._admission.circuit.accepted()
        self._telemetry.note("session", str(error) if error else "ended on request")
        self._link.hooks.session_lost(error)

    def _lasted(self, attempt: Attempt) -> bool:
        since = attempt.ready_since
        return since is not None and self._clock.boot() - since >= STABLE_AFTER

    async def _recover(self, turn: Turn, attempt: Attempt, error: TuiChatError) -> None:
        """Decide what follows a failure; wait for as long as it asks for, or for the user."""
        now, board, verdict = self._clock.boot(), self._board, judge(error)
        outcome, retry_at, error = self._decide(turn, attempt, error, verdict)
        machine = board.machine.ended(outcome, strike=verdict.strike, stable=self._lasted(attempt))
        ended = machine.state in (ConnectionState.FAILED, ConnectionState.CLOSED)
        self._telemetry.note("error", str(error))
        board.settle(
            machine,
            cause=error,
            retry_at=None if ended else retry_at,
            reconnect_attempts=board.status.reconnect_attempts + 1,
            is_reconnecting=not ended,
        )
        if ended:
            board.resolve(error)
        if machine.state is ConnectionState.FAILED:
            await self._wake_within(None)  # for the user, who alone can help
            self._admission.backoff.reset()
        elif not ended:
            seconds = retry_at - now
            async with self._check.during(0.0 if verdict.failure == "nobody" else seconds):
                await self._wake_within(seconds)

    def _decide(
        self, turn: Turn, attempt: Attempt, error: TuiChatError, verdict: Verdict
    ) -> tuple[Outcome, float, TuiChatError]:
        """Return what follows, the moment of the next attempt, and the error to show."""
        now = self._clock.boot()
        match verdict.action:
            case "fail":
                return "fail", now, error
            case "pause":
                self._admission.paused(error, now + verdict.pause)
                return "pause", now + verdict.pause, error
            case "new_ticket":
                pause = self._ticket_refused(attempt)
                if pause is not None:
                    error = _circuit_open(error, pause)
                    self._admission.paused(error, now + pause)
                    return "pause", now + pause, error
                if self._admission.circuit.rejections <= 1:
                    return "retry", now, error
        return "backoff", self._admission.failed(turn, error, verdict.failure, now), error

    def _ticket_refused(self, attempt: Attempt) -> float | None:
        serial = 0 if attempt.lease is None else attempt.lease.serial
        newest = self._link.tickets.get_debug_info().serial
        return self._admission.ticket_refused(serial, newest)

    async def _wake_within(self, seconds: float | None) -> None:
        """Wait; a wish to connect now ends it, and holds until the next attempt has begun.

        By the boot clock: the loop's timers stand still while the machine sleeps.
        """
        self._wake.clear()
        end = math.inf if seconds is None else self._clock.boot() + seconds
        while not self._wake.is_set() and (left := end - self._clock.boot()) > 0:
            # A millisecond at least: a rounding error must not turn this into a busy loop.
            nap = None if seconds is None else min(max(left, 0.001), LONGEST_NAP)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(nap):
                    await self._wake.wait()

    def _clocks_jumped(self, jump: ClockJump) -> None:
        self._telemetry.event(
            table.CLOCK_JUMPED, kind=jump.kind, seconds=jump.seconds, observer="connection"
        )
        if self._attempt is not None and self._attempt.socket is not None:
            self._attempt.socket.probe()
        self.reconnect_now("wake")


def _without_traces(error: TuiChatError) -> TuiChatError:
    """Return the error without what holds secrets.

    A traceback keeps the variables of the frames it went through, the ticket among them; what
    websockets raises keeps the answer, in which a server may have repeated it.
    """
    bare = detached(error)
    if isinstance(bare.__cause__, websockets.WebSocketException):
        bare.__cause__ = None
    return bare


def _circuit_open(error: TuiChatError, pause: float) -> AuthLoop:
    loop = AuthLoop(
        f"The server refused {AuthCircuit.THRESHOLD} fresh tickets in a row; trying again in "
        f"{pause:.0f} seconds. {error}",
        retry_after=pause,
    )
    loop.__cause__ = error
    return loop
