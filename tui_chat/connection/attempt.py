"""One attempt: a ticket, a socket, a session, and the frames until it ends.

An attempt is one generation. It closes its socket before it ends, whatever happened, so nothing
of it is left when the next one begins.
"""

from __future__ import annotations

import asyncio
import logging
import sys
import uuid
from dataclasses import dataclass
from functools import partial
from typing import Final, NoReturn

import msgspec

from tui_chat.clock import Clock
from tui_chat.connection.admission import Turn
from tui_chat.connection.board import StatusBoard
from tui_chat.connection.hooks import SessionHooks
from tui_chat.connection.mask import Mask
from tui_chat.connection.meter import ConnectionMeter, how_closed
from tui_chat.connection.policy import authentication_failure
from tui_chat.connection.session import SessionSetup
from tui_chat.connection.socket import Socket, dial
from tui_chat.connection.status import WebSocketState
from tui_chat.errors import (
    NetworkError,
    RequestTimeout,
    SessionTimeout,
    TicketRejected,
    TuiChatError,
)
from tui_chat.flight_recorder import EVENTS, FlightRecorder, FrameMasking
from tui_chat.network import Network
from tui_chat.protocol.client_frames import ChatMessage, ClientFrame, HeartbeatPong
from tui_chat.protocol.codec import SERVER_FRAMES, IgnoredFrame, encode, error_text
from tui_chat.protocol.server_frames import (
    AuthenticationError,
    ChatError,
    ChatEventFrame,
    ChatFinished,
    ServerFrame,
    ServerHeartbeatPing,
)
from tui_chat.protocol.timestamps import format_timestamp
from tui_chat.protocol.urls import ServerUrl
from tui_chat.secret import Secret
from tui_chat.telemetry import Telemetry, table
from tui_chat.text import one_line
from tui_chat.ticket import TicketLease, TicketManager
from tui_chat.ticket.events import TicketEvent, TicketRenewalFailed

__all__ = ["Attempt", "Link"]

_LOGGER: Final = logging.getLogger(__name__)

YIELD_EVERY: Final = 100
"""Frames after which everything else on the event loop gets a turn."""
MAX_UNSENT_PONGS: Final = 16
"""Answers to heartbeats that may wait to be written. A server that asks faster than it reads the
answers does not need more of them."""
SLOW: Final = 5.0
"""Seconds without a ticket after which it is said that the server does not answer."""
SESSION_TIMEOUT: Final = 10.0
"""Seconds from the open socket to the ready session."""


@dataclass(frozen=True, slots=True)
class Link:
    """What every attempt of one connection shares.

    Attributes:
        server: the chat server.
        tickets: asked for a ticket before each handshake, told how that went.
        network: proxy and TLS.
        hooks: the owner.
        clock: the three clocks.
        telemetry: counters and notes.
        flight: remembers the latest frames and attempts.
        user_agent: what this client calls itself.
        max_frame: bytes; a larger inbound message ends the connection.
    """

    server: ServerUrl
    tickets: TicketManager
    network: Network
    hooks: SessionHooks
    clock: Clock
    telemetry: Telemetry
    flight: FlightRecorder
    user_agent: str
    max_frame: int


class Attempt:
    """Tries once to have a session, and lives through it.

    Args:
        link: what all attempts share.
        board: where progress is shown.
        turn: its admission.
        generation: counts the attempts.

    Attributes:
        lease: the ticket, None before there is one.
        socket: the open socket, None before and after.
        ready_since: when the session became ready, on the boot clock; None if it never was.
    """

    def __init__(self, link: Link, board: StatusBoard, turn: Turn, generation: int) -> None:
        self._link = link
        self._board = board
        self._turn = turn
        self._generation = generation
        self._request_id = uuid.uuid4().hex
        self._meter = ConnectionMeter(link.telemetry)
        self._unsent_pongs = 0
        self._mask = Mask(Secret(""))
        self._masking = FrameMasking()
        self._leg = link.flight.attempt_began(generation, self._request_id)
        self.lease: TicketLease | None = None
        self.socket: Socket | None = None
        self.ready_since: float | None = None

    async def run(self) -> NoReturn:
        """Go from nothing to a ready session, and on until it ends.

        Raises:
            TuiChatError: why it ended; it always ends that way, or by being cancelled.
        """
        try:
            await self._live()
        except TuiChatError as error:
            if self.ready_since is None:
                self._meter.attempt_failed(error)
            raise
        finally:
            self._leg.ended(sys.exception())

    async def _live(self) -> NoReturn:
        link, board = self._link, self._board
        cause = board.status.cause
        board.settle(
            board.machine.began(),
            cause=cause,
            generation=self._generation,
            request_id=self._request_id,
            websocket_state=WebSocketState.CONNECTING,
        )
        lease = self.lease = await self._lease()
        self._mask = Mask(lease.value, link.tickets.auth_data.secrets)
        self._masking = FrameMasking(self._mask.text)
        board.settle(board.machine.leased(), cause=cause)
        socket = await self._dial(lease)
        self.socket = socket
        self._leg.opened(socket.server_request_id)
        board.settle(board.machine, cause=cause, websocket_state=WebSocketState.OPEN)
        watch = asyncio.create_task(socket.watch(), name="tui-chat connection liveness")
        opened = link.clock.boot()
        try:
            await self._converse(socket, lease)
        except TicketRejected as error:
            lease.rejected(error.reason)
            raise
        finally:
            ended = sys.exception()
            watch.cancel()
            self.socket = None
            board.update(connected=False, ready_since=None, websocket_state=WebSocketState.CLOSING)
            try:
                await asyncio.wait({watch})
            finally:
                await socket.close()
                self._meter.closed(opened, ended)
                self._leg.closed(*how_closed(ended))

    async def _lease(self) -> TicketLease:
        """Borrow a ticket; say meanwhile what keeps it from coming."""
        link, board = self._link, self._board

        def failed(event: TicketEvent) -> None:
            if isinstance(event, TicketRenewalFailed) and not event.final:
                board.update(cause=event.error)

        slow = RequestTimeout(
            f"{link.server} has not answered the request for a ticket for {SLOW:g} seconds."
        )
        timer = asyncio.get_running_loop().call_later(SLOW, lambda: board.update(cause=slow))
        unsubscribe = link.tickets.subscribe(failed)
        try:
            return await link.tickets.lease(request_id=self._request_id)
        finally:
            timer.cancel()
            unsubscribe()

    def send(self, frame: ClientFrame) -> asyncio.Future[None]:
        """Send a frame; see :meth:`Socket.send`. Only while :attr:`socket` is there."""
        assert self.socket is not None  # noqa: S101 - the caller has looked
        payload = encode(frame)
        done = self.socket.send(payload)
        telemetry = self._link.telemetry
        telemetry.count(table.FRAME_COUNT, direction="transmit")
        telemetry.count(table.FRAME_IO, len(payload), direction="transmit")
        flight = self._link.flight
        flight.frames.keep("out", type(frame), payload, self._masking)
        if isinstance(frame, ChatMessage):
            flight.asked()
        return done

    async def _dial(self, lease: TicketLease) -> Socket:
        link = self._link
        self._turn.dialling(link.clock.boot())
        try:
            with self._meter.connecting():
                return await dial(
                    link.server,
                    lease.value,
                    network=link.network,
                    clock=link.clock,
                    request_id=self._request_id,
                    user_agent=link.user_agent,
                    max_frame=link.max_frame,
                    mask=self._mask.text,
                    on_pong=partial(link.telemetry.record, table.PING_DURATION),
                )
        except NetworkError as error:
            if not error.reached:
                self._turn.reached_nobody()
            lease.released()
            raise
        except TicketRejected as error:
            lease.rejected(error.reason)
            raise

    async def _converse(self, socket: Socket, lease: TicketLease) -> NoReturn:
        """Set the session up and pump frames until the connection ends."""
        link = self._link
        setup = SessionSetup(link.hooks.configuration)
        telemetry, decode, receive = link.telemetry, SERVER_FRAMES.decode, socket.receive
        # Kept at hand: for each frame a method call would cost more than these two additions.
        frames = telemetry.counter(table.FRAME_COUNT, direction="receive")
        volume = telemetry.counter(table.FRAME_IO, direction="receive")
        mask, echoed, hand_over = self._mask.payload, self._mask.ticket, self._hand_over
        flight, wall, code = link.flight, link.clock.wall, EVENTS.get
        log, note = flight.frames, flight.frames.note
        received = 0
        try:
            async with asyncio.timeout(SESSION_TIMEOUT) as deadline:
                while True:
                    arrived = await receive()
                    note(wall())
                    for payload, binary in arrived:
                        frames.value += 1
                        volume.value += (size := len(payload))
                        received += 1
                        if received % YIELD_EVERY == 0:
                            # Frames that have arrived are handed out without a pause; timers,
                            # pongs and the user must get their turn all the same.
                            await asyncio.sleep(0)
                        if echoed is not None and echoed in payload:
                            payload = mask(payload)  # noqa: PLW2901 - from here on only this one
                        frame = decode(payload, binary=binary)
                        if isinstance(frame, ChatEventFrame):
                            if flight.attentive:
                                self._look_at(frame, payload)
                            else:
                                note(size << 2 | code(frame.event, 0))
                            hand_over(frame)
                            continue
                        if (masked := mask(payload)) is not payload:
                            payload = masked  # noqa: PLW2901 - from here on only this one
                            frame = decode(payload, binary=binary)
                        self._look_at(frame, payload)
                        if (known := self._known(frame)) is None:
                            continue
                        if not isinstance(known, ChatEventFrame):
                            self._attend(known, setup)
                            if setup.ready and self.ready_since is None:
                                deadline.reschedule(None)
                                lease.accepted()
                                self._become_ready(setup.capabilities, setup.memory)
                        hand_over(known)
                    log.trim()
        except TimeoutError as error:
            raise SessionTimeout(
                f"{link.server} opened the connection but did not set up the session within "
                f"{SESSION_TIMEOUT:g} seconds."
            ) from error

    def _look_at(self, frame: ServerFrame | IgnoredFrame, payload: bytes) -> None:
        """Let the flight recorder have a closer look at a frame than a bare note."""
        flight = self._link.flight
        kind: object = type(frame)
        if isinstance(frame, ChatEventFrame):
            event = frame.data.type
            kind = frame.event if event is msgspec.UNSET else event
            if frame.event == "content-delta" or event == "text-delta":
                flight.answered(text=True)
        elif isinstance(frame, IgnoredFrame):
            kind = frame.frame_type or frame.reason
        elif isinstance(frame, ChatFinished | ChatError):
            flight.answered(text=False)
        flight.frames.keep("in", kind, payload, self._masking)

    def _hand_over(self, frame: ServerFrame) -> None:
        """Give a frame to the owner; a frame it cannot cope with costs only itself."""
        try:
            self._link.hooks.frame_received(frame)
        except Exception as defect:  # noqa: BLE001 - one frame must not end the connection
            self._link.telemetry.count(table.FRAME_FAILED_COUNT)
            kind = f"{type(frame).__name__}: {type(defect).__name__}"
            self._link.telemetry.note("error", f"a frame could not be handled: {kind}")
            # Without the traceback, whose lines could repeat the frame.
            _LOGGER.error("a frame could not be handled: %s", kind)  # noqa: TRY400

    def _known(self, frame: ServerFrame | IgnoredFrame) -> ServerFrame | None:
        """Count a frame that cannot be used; return what is left of it, or the frame itself."""
        if not isinstance(frame, IgnoredFrame):
            return frame
        telemetry = self._link.telemetry
        telemetry.count(table.FRAME_IGNORED_COUNT, reason=frame.reason)
        telemetry.note("frame", f"ignored: {frame.detail}")
        self._link.hooks.frame_ignored(frame)
        bare: ServerFrame | None = frame.bare
        return bare

    def _attend(self, frame: ServerFrame, setup: SessionSetup) -> None:
        """Set the session up, answer a heartbeat, or let a refusal end the connection."""
        match frame:
            case ServerHeartbeatPing() if self._unsent_pongs < MAX_UNSENT_PONGS:
                now = format_timestamp(self._link.clock.wall())
                self._unsent_pongs += 1
                self.send(HeartbeatPong(now, frame.timestamp, frame.pingTime)).add_done_callback(
                    self._pong_sent
                )
            case AuthenticationError():
                code = one_line(frame.code, 64) if frame.code is not msgspec.UNSET else ""
                raise authentication_failure(error_text(frame.error), code)
            case _:
                pass
        if (answer := setup.receive(frame)) is not None:
            self.send(answer)

    def _pong_sent(self, _: asyncio.Future[None]) -> None:
        self._unsent_pongs -= 1

    def _become_ready(self, capabilities: frozenset[str], memory: str) -> None:
        link = self._link
        self.ready_since = link.clock.boot()
        self._meter.session_ready()
        self._leg.ready()
        link.telemetry.note("session", f"ready, generation {self._generation}")
        self._turn.ready()
        self._board.ready(self.ready_since)
        link.hooks.session_ready(capabilities, memory)
