"""One attempt: a ticket, a socket, a session, and the frames until it ends.

An attempt is one generation. It closes its socket before it ends, whatever happened, so nothing
of it is left when the next one begins.
"""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, NoReturn
from urllib.parse import quote

import msgspec

from tui_chat.clock import Clock
from tui_chat.connection.backoff import HandshakeBudget
from tui_chat.connection.board import StatusBoard
from tui_chat.connection.hooks import SessionHooks
from tui_chat.connection.policy import authentication_failure
from tui_chat.connection.session import SessionSetup
from tui_chat.connection.socket import Socket, dial
from tui_chat.connection.status import ConnectionState, WebSocketState
from tui_chat.errors import NetworkError, SessionTimeout, TicketRejected
from tui_chat.network import Network
from tui_chat.protocol.client_frames import ClientFrame, HeartbeatPong
from tui_chat.protocol.codec import SERVER_FRAMES, IgnoredFrame, encode, error_text
from tui_chat.protocol.server_frames import (
    AuthenticationError,
    ChatEventFrame,
    ServerFrame,
    ServerHeartbeatPing,
)
from tui_chat.protocol.timestamps import format_timestamp
from tui_chat.protocol.urls import ServerUrl
from tui_chat.secret import MASK
from tui_chat.telemetry import Telemetry
from tui_chat.text import one_line
from tui_chat.ticket import TicketLease, TicketManager

__all__ = ["Attempt", "Link"]

_LOGGER: Final = logging.getLogger(__name__)

YIELD_EVERY: Final = 100
"""Frames after which everything else on the event loop gets a turn."""
SHORTEST_MASKED: Final = 8
"""Characters; masking every occurrence of something shorter would garble ordinary text."""
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
        user_agent: what this client calls itself.
        max_frame: bytes; a larger inbound message ends the connection.
    """

    server: ServerUrl
    tickets: TicketManager
    network: Network
    hooks: SessionHooks
    clock: Clock
    telemetry: Telemetry
    user_agent: str
    max_frame: int


class Attempt:
    """Tries once to have a session, and lives through it.

    Args:
        link: what all attempts share.
        board: where progress is shown.
        budget: spent by handshakes that reach the server.
        generation: counts the attempts.

    Attributes:
        socket: the open socket, None before and after.
        ready_since: when the session became ready, on the boot clock; None if it never was.
    """

    def __init__(
        self, link: Link, board: StatusBoard, budget: HandshakeBudget, generation: int
    ) -> None:
        self._link = link
        self._board = board
        self._budget = budget
        self._generation = generation
        self._request_id = uuid.uuid4().hex
        self.socket: Socket | None = None
        self.ready_since: float | None = None

    async def run(self) -> NoReturn:
        """Go from nothing to a ready session, and on until it ends.

        Raises:
            TuiChatError: why it ended; it always ends that way, or by being cancelled.
        """
        link, board = self._link, self._board
        cause = board.status.cause
        board.settle(
            ConnectionState.TICKET,
            cause=cause,
            generation=self._generation,
            request_id=self._request_id,
            websocket_state=WebSocketState.CONNECTING,
        )
        lease = await link.tickets.lease(request_id=self._request_id)
        board.settle(ConnectionState.CONNECTING, cause=cause)
        socket = await self._dial(lease)
        self.socket = socket
        board.settle(ConnectionState.CONNECTING, cause=cause, websocket_state=WebSocketState.OPEN)
        watch = asyncio.create_task(socket.watch(), name="tui-chat connection liveness")
        try:
            await self._converse(socket, lease)
        except TicketRejected as error:
            lease.rejected(error.reason)
            raise
        finally:
            watch.cancel()
            self.socket = None
            board.update(connected=False, ready_since=None, websocket_state=WebSocketState.CLOSING)
            try:
                await asyncio.wait({watch})
            finally:
                await socket.close()
                link.telemetry.count("bytes.received", socket.bytes_received)

    def send(self, frame: ClientFrame) -> asyncio.Future[None]:
        """Send a frame; see :meth:`Socket.send`. Only while :attr:`socket` is there."""
        assert self.socket is not None  # noqa: S101 - the caller has looked
        payload = encode(frame)
        done = self.socket.send(payload)
        self._link.telemetry.count("frames.sent")
        self._link.telemetry.count("bytes.sent", len(payload))
        return done

    async def _dial(self, lease: TicketLease) -> Socket:
        link = self._link
        self._budget.take(link.clock.boot())
        link.telemetry.count("handshakes")
        try:
            return await dial(
                link.server,
                lease.value,
                network=link.network,
                clock=link.clock,
                request_id=self._request_id,
                user_agent=link.user_agent,
                max_frame=link.max_frame,
                mask=self._mask(lease),
            )
        except NetworkError as error:
            if not error.reached:
                self._budget.give_back()  # nobody was reached
            lease.released()
            raise
        except TicketRejected as error:
            lease.rejected(error.reason)
            raise

    def _mask(self, lease: TicketLease) -> Callable[[str], str]:
        """Return what takes secrets out of a text in which the server may repeat them."""
        auth = self._link.tickets.auth_data
        values = [secret.reveal() for secret in (lease.value, *auth.secrets)]
        hidden = [value for value in values if len(value) >= SHORTEST_MASKED]
        hidden += [quote(value, safe="") for value in hidden]

        def mask(text: str) -> str:
            for value in hidden:
                text = text.replace(value, MASK)
            return text

        return mask

    async def _converse(self, socket: Socket, lease: TicketLease) -> NoReturn:
        """Set the session up and pump frames until the connection ends."""
        link = self._link
        setup = SessionSetup(link.hooks.configuration)
        telemetry, decode, receive = link.telemetry, SERVER_FRAMES.decode, socket.receive
        ticket = lease.value.reveal().encode("utf-8", "replace")
        echoed = ticket if len(ticket) >= SHORTEST_MASKED else None
        received = 0
        try:
            async with asyncio.timeout(SESSION_TIMEOUT) as deadline:
                while True:
                    payload, binary = await receive()
                    telemetry.count("frames.received")
                    received += 1
                    if received % YIELD_EVERY == 0:
                        # Frames that have arrived are handed out without a pause; timers, pongs
                        # and the user must get their turn all the same.
                        await asyncio.sleep(0)
                    if echoed is not None and echoed in payload:
                        payload = payload.replace(echoed, MASK.encode())
                    frame = decode(payload, binary=binary)
                    if isinstance(frame, IgnoredFrame):
                        telemetry.count(f"frames.ignored.{frame.reason}")
                        telemetry.note("frame", f"ignored: {frame.detail}")
                        link.hooks.frame_ignored(frame)
                        if frame.bare is None:
                            continue
                        frame = frame.bare
                    if isinstance(frame, ChatEventFrame):
                        self._hand_over(frame)
                        continue
                    self._attend(frame)
                    if (answer := setup.receive(frame)) is not None:
                        self.send(answer)
                    if setup.ready and self.ready_since is None:
                        deadline.reschedule(None)
                        lease.accepted()
                        self._become_ready(setup.capabilities)
                    self._hand_over(frame)
        except TimeoutError as error:
            raise SessionTimeout(
                f"{link.server} opened the connection but did not set up the session within "
                f"{SESSION_TIMEOUT:g} seconds."
            ) from error

    def _hand_over(self, frame: ServerFrame) -> None:
        """Give a frame to the owner; a frame it cannot cope with costs only itself."""
        try:
            self._link.hooks.frame_received(frame)
        except Exception as defect:  # noqa: BLE001 - one frame must not end the connection
            self._link.telemetry.count("frames.failed")
            kind = f"{type(frame).__name__}: {type(defect).__name__}"
            self._link.telemetry.note("error", f"a frame could not be handled: {kind}")
            # Without the traceback, whose lines could repeat the frame.
            _LOGGER.error("a frame could not be handled: %s", kind)  # noqa: TRY400

    def _attend(self, frame: ServerFrame) -> None:
        """Answer a heartbeat; let a refusal of ticket or credentials end the connection."""
        match frame:
            case ServerHeartbeatPing():
                now = format_timestamp(self._link.clock.wall())
                self.send(HeartbeatPong(now, frame.timestamp, frame.pingTime))
            case AuthenticationError():
                code = one_line(frame.code, 64) if frame.code is not msgspec.UNSET else ""
                raise authentication_failure(error_text(frame.error), code)
            case _:
                pass

    def _become_ready(self, capabilities: frozenset[str]) -> None:
        link = self._link
        self.ready_since = link.clock.boot()
        link.telemetry.count("sessions")
        link.telemetry.note("session", f"ready, generation {self._generation}")
        self._board.ready(self.ready_since)
        link.hooks.session_ready(capabilities)
