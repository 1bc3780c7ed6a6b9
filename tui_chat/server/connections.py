"""One TCP connection: uvicorn's protocols, made to hold out against clients that do not behave.

What they are given here, and uvicorn does not have:

* a request's headers must arrive in time, on every request of a connection, and be of a bounded
  size; without that, clients that send a byte now and then hold connections for ever (slow loris);
* there are only so many connections;
* a peer that does not take what it is sent is cut off: a close waits for the buffer to empty, which
  may be never;
* pings come at a bounded rate, and their answers do not pile up for a peer that does not read;
* a message comes in a bounded number of fragments; empty ones count towards no size.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, ClassVar, Final, cast

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.frames import CloseCode, Frame

from tui_chat.server.answers import ApiError, error_answer
from tui_chat.server.rate_limit import RateLimit

if TYPE_CHECKING:
    from asyncio.transports import BaseTransport

    from uvicorn.protocols.http.h11_impl import RequestResponseCycle

__all__ = ["ConnectionLimits", "HttpConnection", "WebSocketConnection", "connection_classes"]

_log = logging.getLogger("tui_chat.server")

CLOSE_TIMEOUT: Final = 2.0
"""Seconds a client has, while the server goes on, to answer the closing handshake."""
LINGER: Final = CLOSE_TIMEOUT + 1.0
"""Seconds until a connection that was told to close is cut, whatever it still holds."""
MIN_PROGRESS: Final = 16 * 1024
"""Bytes a peer must take within the stall timeout while the server waits for it."""
MAX_FRAGMENTS: Final = 10_000
"""Fragments of one message."""
PINGS_PER_MINUTE: Final = 600
PING_BURST: Final = 100
"""Pings and pongs at once; with one more, or when they go on faster, the connection ends (1008)."""
MAX_PONGS_WAITING: Final = 20
"""Pongs for a peer that does not read; with one more the connection is cut."""


@dataclass(frozen=True, slots=True)
class ConnectionLimits:
    """What a connection may take. Times in seconds, sizes in bytes.

    Attributes:
        connections: how many of them there may be.
        header_bytes: size of a request's line and headers together.
        header_timeout: how long they may take to arrive.
        stall_timeout: how long a peer may take next to nothing of an answer.
    """

    connections: int
    header_bytes: int
    header_timeout: float
    stall_timeout: float


def connection_classes(
    limits: ConnectionLimits,
) -> tuple[type[HttpConnection], type[WebSocketConnection]]:
    """Return the two protocols with these limits; uvicorn makes the instances itself."""

    class LimitedHttp(HttpConnection):
        pass

    class LimitedWebSocket(WebSocketConnection):
        pass

    LimitedHttp.limits = LimitedWebSocket.limits = limits
    return LimitedHttp, LimitedWebSocket


class HttpConnection(H11Protocol):
    """uvicorn's HTTP connection, within limits."""

    limits: ClassVar[ConnectionLimits]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._header_timer: asyncio.TimerHandle | None = None
        self._stall_timer: asyncio.TimerHandle | None = None
        self._unsent = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin, unless there are too many connections already."""
        super().connection_made(transport)
        if len(self.connections) > self.limits.connections:
            _log.info("too many connections: one more is cut")
            transport.abort()
        else:
            self._mind_the_headers()

    def connection_lost(self, exc: Exception | None) -> None:
        """End, with all timers."""
        self._stop_header_timer()
        self._stop_stall_timer()
        self._unset_keepalive_if_required()  # uvicorn leaves it running
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take in the next bytes."""
        super().data_received(data)
        self._mind_the_headers()

    def handle_websocket_upgrade(self, event: h11.Request) -> None:
        """Hand the connection over."""
        self._stop_header_timer()
        self._stop_stall_timer()
        super().handle_websocket_upgrade(event)

    def on_response_complete(self) -> None:
        """Go on with the next request, or close."""
        super().on_response_complete()
        if self.transport.is_closing():
            self._start_stall_timer()
        else:
            self._mind_the_headers()

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002 - uvicorn's sentence; ours is better
        """Answer what is no HTTP, in the shape of all other errors."""
        error = ApiError(400, "This is not an HTTP request this server understands.")
        if len(self.conn.trailing_data[0]) > self.limits.header_bytes:
            error = ApiError(431, "The request's headers are too large.", "HEADERS_TOO_LARGE")
        answer = error_answer(error)
        answer.headers["connection"] = "close"
        try:
            head = h11.Response(
                status_code=error.status,
                headers=answer.raw_headers,
                reason=HTTPStatus(error.status).phrase.encode("ascii"),
            )
            for event in (head, h11.Data(data=bytes(answer.body)), h11.EndOfMessage()):
                self.transport.write(self.conn.send(event) or b"")
        except h11.LocalProtocolError:  # an answer is under way already
            self.transport.abort()
            return
        self.transport.close()
        self._start_stall_timer()

    # -- headers that do not come -----------------------------------------------------------------

    def _mind_the_headers(self) -> None:
        """Set the timer while a request is on its way in, and stop it once it is here."""
        cycle = cast("RequestResponseCycle | None", self.cycle)
        answering = cycle is not None and not cycle.response_complete
        # Between two requests uvicorn's own timer runs, until the next byte.
        idle = self.timeout_keep_alive_task is not None
        if answering or idle or self.transport.is_closing():
            self._stop_header_timer()
        elif self._header_timer is None and self.transport.get_protocol() is self:
            self._header_timer = self.loop.call_later(
                self.limits.header_timeout, self._headers_too_late
            )

    def _headers_too_late(self) -> None:
        self._header_timer = None
        _log.info("a request takes too long to arrive: the connection is cut")
        self.transport.abort()

    def _stop_header_timer(self) -> None:
        if self._header_timer is not None:
            self._header_timer.cancel()
            self._header_timer = None

    # -- answers that are not taken ---------------------------------------------------------------

    def pause_writing(self) -> None:
        """The peer takes less than it is sent."""
        super().pause_writing()
        self._start_stall_timer()

    def resume_writing(self) -> None:
        """The peer has taken most of it."""
        super().resume_writing()
        if not self.transport.is_closing():
            self._stop_stall_timer()

    def _start_stall_timer(self) -> None:
        if self._stall_timer is None:
            self._unsent = self.transport.get_write_buffer_size()
            self._stall_timer = self.loop.call_later(self.limits.stall_timeout, self._look)

    def _look(self) -> None:
        self._stall_timer = None
        if self.transport.get_write_buffer_size() > self._unsent - MIN_PROGRESS:
            _log.info("a client does not read its answer and is cut off")
            self.transport.abort()
        else:
            self._start_stall_timer()

    def _stop_stall_timer(self) -> None:
        if self._stall_timer is not None:
            self._stall_timer.cancel()
            self._stall_timer = None


class WebSocketConnection(WebSocketsSansIOProtocol):
    """uvicorn's WebSocket connection, within limits, discreet, and with a way to cut it.

    At level DEBUG the websockets library logs the request line, which holds the ticket, and every
    frame. What cannot be logged cannot leak, whatever levels a program sets: its debug output is
    switched off here for this connection.
    """

    limits: ClassVar[ConnectionLimits]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.conn.debug = False
        self.close_timeout = CLOSE_TIMEOUT
        self.app_state = {**self.app_state, "abort": self._abort}
        self._control = RateLimit(PINGS_PER_MINUTE, PING_BURST, self.loop.time)
        self._pongs_waiting = 0
        self._linger: asyncio.TimerHandle | None = None

    def connection_made(self, transport: BaseTransport) -> None:
        """Take over a connection that asked for an upgrade."""
        super().connection_made(transport)
        # What came before may have ended while it was being written to.
        self.writable.set()

    def connection_lost(self, exc: Exception | None) -> None:
        """End, with all timers."""
        if self._linger is not None:
            self._linger.cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take in the next bytes; the first time these are the whole request."""
        super().data_received(data)
        if not self.handshake_initiated:
            # The websockets library has limits of its own for headers. It says nothing when it
            # gives up, and uvicorn would wait for ever.
            self.transport.write(_TOO_LARGE)
            self.transport.close()
        self._see_off()

    async def send(self, message: Any) -> None:
        """Send what the application has to say."""
        await super().send(message)
        if message["type"] == "websocket.http.response.body" and not message.get("more_body"):
            # uvicorn forgets this for a handshake that was refused with an answer, and would log
            # an error for each of them.
            self.handshake_complete = True
        self._see_off()

    async def run_asgi(self) -> None:
        """Run the application."""
        try:
            await super().run_asgi()
        finally:
            self._see_off()

    def keepalive_timeout(self) -> None:
        """Give up a peer that did not answer a ping."""
        super().keepalive_timeout()
        self._see_off()

    def resume_writing(self) -> None:
        """The peer reads again."""
        super().resume_writing()
        self._pongs_waiting = 0

    def handle_cont(self, event: Frame) -> None:
        """Take in a further fragment of a message."""
        super().handle_cont(event)
        if len(self.frames) > MAX_FRAGMENTS:
            self.frames = []
            self._fail(CloseCode.MESSAGE_TOO_BIG, "too many fragments")

    def handle_ping(self) -> None:
        """Answer a ping."""
        if self._too_many_pings():
            return
        if not self.writable.is_set():
            self._pongs_waiting += 1
            if self._pongs_waiting > MAX_PONGS_WAITING:
                self._abort()
                return
        super().handle_ping()

    def handle_pong(self, event: Frame) -> None:
        """Note that the peer is there."""
        if not self._too_many_pings():
            super().handle_pong(event)

    def _too_many_pings(self) -> bool:
        if self.close_sent:
            return True
        if self._control.take("") == 0:
            return False
        self._fail(CloseCode.POLICY_VIOLATION, "too many pings")
        return True

    def _fail(self, code: CloseCode, reason: str) -> None:
        if not self.close_sent:
            self.conn.fail(code, reason)
            self.handle_parser_exception()

    def _see_off(self) -> None:
        """Once the connection is to close, see to it that it does."""
        closing = self.close_sent or self.transport.is_closing()
        if closing and self._linger is None and not self.disconnected:
            self._linger = self.loop.call_later(LINGER, self._abort)

    def _abort(self) -> None:
        self.transport.abort()


_TOO_LARGE: Final = (
    b"HTTP/1.1 431 Request Header Fields Too Large\r\n"
    b"Connection: close\r\nContent-Length: 0\r\n\r\n"
)
